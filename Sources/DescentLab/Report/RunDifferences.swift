import Descent

/// How runs differ: in what was asked for, in how they ended, and in who was ahead when.
public struct RunDifferences: Sendable {
  /// The runs that are compared.
  public let runs: [ReportRun]

  /// A comparison of `runs`.
  public init(_ runs: [ReportRun]) { self.runs = runs }

  // MARK: Settings

  /// The keys whose values differ, and the value that each run has; nil where it has none. Keys that
  /// only some kinds of optimizer, model, data or schedule have are left out where the kinds differ.
  public var settings: [(key: String, values: [String?])] {
    let known = runs.filter { !$0.settings.isEmpty }
    guard known.count > 1 else { return [] }
    let tables = runs.map { run in
      Dictionary(run.settings.map { ($0.key, $0.value) }) { _, last in last }
    }
    var keys: [String] = []
    var seen = Set<String>()
    for run in runs {
      for (key, _) in run.settings where seen.insert(key).inserted { keys.append(key) }
    }
    let all = keys.compactMap { key -> (key: String, values: [String?])? in
      let values = tables.map { $0[key] }
      // What a log says nothing of, it does not contradict.
      let said = zip(values, runs).filter { !$0.1.settings.isEmpty }.map(\.0)
      return Set(said).count > 1 ? (key, values) : nil
    }
    let kinds = Set(all.map(\.key)).filter { $0.hasSuffix(".name") || $0.hasSuffix(".kind") }
    let sections = kinds.map { $0.prefix { $0 != "." } + "." }
    return all.filter { key, values in
      let isOfAKind = sections.contains { key.hasPrefix($0) } && !kinds.contains(key)
      return !(isOfAKind && zip(values, runs).contains { $0 == nil && !$1.settings.isEmpty })
    }
  }

  // MARK: Endings

  /// The metric by which the runs are compared: the validation loss if all have it, else the training
  /// loss; nil where not all have one.
  public var decisive: String? {
    ["val_loss", "loss"].first { name in runs.allSatisfy { $0[name] != nil } }
  }

  /// The runs in the order of how they ended, best first, with the value; those of different length are
  /// compared at the last step that all reached.
  public var ranking: [(run: ReportRun, value: Double)] {
    guard let decisive else { return [] }
    let end = commonEnd(decisive)
    return runs.compactMap { run in
      run[decisive].flatMap { curve in
        (decisive == "loss" ? curve.value(at: end) : curve.measured(at: end)).map { (run, $0) }
      }
    }.sorted { $0.value < $1.value }
  }

  /// The last step that all runs have a value at or after.
  public func commonEnd(_ name: String) -> Double {
    runs.compactMap { $0[name]?.last?.x }.min() ?? 0
  }

  // MARK: Who led when

  /// A stretch of steps in which one run was ahead.
  public struct Lead: Sendable, Equatable {
    /// The run's place among ``RunDifferences/runs``.
    public let run: Int
    /// The first and the last step.
    public let steps: ClosedRange<Int>
  }

  /// Who was ahead, from the first step that all have to the last. Stretches shorter than a fiftieth of
  /// that go to the neighbour: smoothed losses that lie on each other cross often.
  public var leads: [Lead] {
    guard let decisive, runs.count > 1 else { return [] }
    let curves = runs.compactMap { $0[decisive] }
    let begin = curves.compactMap { $0.smooth.first?.x }.max() ?? 0
    let end = commonEnd(decisive)
    guard begin < end else { return [] }
    let steps =
      decisive == "loss"
      ? (0...200).map { begin + (end - begin) * Double($0) / 200 }
      : Set(curves.flatMap { $0.points.map(\.x) }).filter { $0 >= begin && $0 <= end }.sorted()
    var leads: [(run: Int, from: Double, to: Double)] = []
    for step in steps {
      let values = curves.map {
        (decisive == "loss" ? $0.value(at: step) : $0.measured(at: step)) ?? .infinity
      }
      guard let ahead = values.indices.min(by: { values[$0] < values[$1] }) else { continue }
      if let last = leads.last, last.run == ahead {
        leads[leads.count - 1].to = step
      } else {
        leads.append((ahead, step, step))
      }
    }
    var merged: [(run: Int, from: Double, to: Double)] = []
    for (index, lead) in leads.enumerated() {
      let isShort = lead.to - lead.from < (end - begin) / 50 && index < leads.count - 1
      if let last = merged.last, isShort || last.run == lead.run {
        merged[merged.count - 1].to = lead.to
      } else {
        merged.append(lead)
      }
    }
    return merged.map { Lead(run: $0.run, steps: Int($0.from)...Int($0.to)) }
  }

  // MARK: Words

  /// What the comparison says, in sentences.
  public var sentences: [String] {
    guard runs.count > 1 else { return [] }
    guard let decisive else {
      return ["Not all of the runs have a loss, so they cannot be ranked."]
    }
    let ranking = ranking
    guard let best = ranking.first, ranking.count > 1 else { return [] }
    let word = decisive == "loss" ? "training loss" : "validation loss"
    let second = ranking[1]
    let lengths = Set(runs.map(\.lastStep))
    let at =
      lengths.count > 1
      ? " at step \(grouped(Int(commonEnd(decisive)))), the last that all reached" : ""
    var sentences: [String] = []
    if best.value == second.value {
      let equal = ranking.filter { $0.value == best.value }.map(\.run.name)
      sentences.append("\(listed(equal)) have the same \(word)\(at): \(short(best.value, 4)).")
    } else {
      let others = ranking.count > 2 ? ", ahead of" : " against"
      let gap = percent(second.value / best.value - 1, 1)
      sentences.append(
        "\(best.run.name) has the lowest \(word)\(at): \(short(best.value, 4))\(others) "
          + "\(short(second.value, 4)) of \(second.run.name) (\(gap) more).")
      if decisive == "loss" {
        let noise = ranking.prefix(2).compactMap { $0.run["loss"] }.map {
          $0.noise * $0.noise / Double(max(1, $0.window))
        }.reduce(0, +).squareRoot()
        if second.value - best.value < 2 * noise {
          sentences.append("The two are closer than the noise of their losses.")
        }
      }
    }
    let leads = leads
    if leads.count == 1 {
      sentences.append("\(runs[leads[0].run].name) led all the way.")
    } else if let last = leads.last, leads.count <= 6 {
      let parts = leads.dropLast().map {
        "\(runs[$0.run].name) until step \(grouped($0.steps.upperBound))"
      }
      sentences.append(
        "Ahead was \(parts.joined(separator: ", then ")), then \(runs[last.run].name) to the end.")
    } else if let last = leads.last {
      sentences.append(
        "The lead changed \(counted(leads.count - 1, "time")); \(runs[last.run].name) has had it since "
          + "step \(grouped(last.steps.lowerBound)).")
    }
    sentences.append(
      "Single runs differ by chance, too: `descent race` says with several seeds what is proven.")
    return sentences
  }
}

extension Curve {
  /// The last value that was measured at or before a step; nil where there is none.
  func measured(at step: Double) -> Double? {
    points.last { $0.x <= step && $0.y.isFinite }?.y
  }
}
