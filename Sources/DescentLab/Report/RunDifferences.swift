import Descent

/// How runs differ: in what was asked for, in how they ended, and in who was ahead when.
public struct RunDifferences: Sendable {
  /// The runs that are compared.
  public let runs: [ReportRun]

  /// The metric by which the runs are compared: the validation loss if all were evaluated no later than the
  /// earliest of their last evaluations, else the training loss; nil where that cannot be said of it either.
  public let decisive: String?

  /// A comparison of `runs`.
  public init(_ runs: [ReportRun]) {
    self.runs = runs
    decisive = ["val_loss", "loss"].first { name in
      let curves = runs.compactMap { $0[name] }
      let end = Self.commonEnd(curves)
      return curves.count == runs.count
        && curves.allSatisfy { curve in
          curve.measured(at: end) != nil || curve.brokenSince.map { $0 <= end } ?? false
        }
    }
  }

  /// The last step at which all curves have a value.
  private static func commonEnd(_ curves: [Curve]) -> Double { curves.map(\.lastStep).min() ?? 0 }

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
      let values = tables.map { table in table[key].map { $0 == "null" ? "none" : $0 } }
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

  /// The keys by which runs learn different things, so that their losses say nothing of each other:
  /// other data, or a model of another kind.
  public var incomparable: [(key: String, values: [String?])] {
    settings.filter { $0.key.hasPrefix("data.") || $0.key == "model.kind" }
  }

  // MARK: Endings

  /// The runs in the order of how they ended, best first, with the value: NaN for those whose loss was
  /// not finite any more. Runs of different length are compared at the last step that all reached.
  public var ranking: [(run: ReportRun, value: Double)] {
    guard let decisive, incomparable.isEmpty else { return [] }
    let end = commonEnd(decisive)
    let values = runs.compactMap { run in
      run[decisive].map { (run: run, value: value($0, at: end)) }
    }
    return values.filter { !$0.value.isNaN }.sorted { $0.value < $1.value }
      + values.filter(\.value.isNaN)
  }

  /// What a run is judged by at a step: its smoothed training loss, or the last validation loss.
  private func value(_ curve: Curve, at step: Double) -> Double {
    if let broken = curve.brokenSince, broken <= step { return .nan }
    return (decisive == "loss" ? curve.value(at: step) : curve.measured(at: step)) ?? .nan
  }

  /// The last step at which all runs that have a metric have a value of it.
  public func commonEnd(_ name: String) -> Double { Self.commonEnd(runs.compactMap { $0[name] }) }

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
    guard let decisive, runs.count > 1, incomparable.isEmpty else { return [] }
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
      let values = curves.map { curve in
        let value = value(curve, at: step)
        return value.isNaN ? .infinity : value
      }
      guard let ahead = values.indices.min(by: { values[$0] < values[$1] }),
        values[ahead] < .infinity
      else { continue }
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
    return merged.map { Lead(run: $0.run, steps: Int(step: $0.from)...Int(step: $0.to)) }
  }

  // MARK: Words

  /// What the comparison says, in sentences.
  public var sentences: [String] {
    guard runs.count > 1 else { return [] }
    guard let decisive else {
      let haveLoss = runs.allSatisfy { $0["loss"] != nil || $0["val_loss"] != nil }
      return [
        haveLoss
          ? "There is no step at which all of the runs have the same kind of loss, so they cannot be ranked."
          : "Not all of the runs have a loss, so they cannot be ranked."
      ]
    }
    if let first = incomparable.first {
      let values = Set(first.values.map { $0 ?? "none" }).sorted().prefix(3).joined(separator: ", ")
      return [
        "The runs learn different things (\(first.key): \(values)), so their losses cannot be compared."
      ]
    }
    let word = decisive == "loss" ? "training loss" : "validation loss"
    let finite = ranking.filter { !$0.value.isNaN }
    var sentences: [String] = []
    if let best = finite.first {
      sentences = finite.count > 1 ? ranked(best, finite[1], word) + led : []
      if finite.count == 1 {
        sentences = ["\(best.run.name) alone ended with a finite \(word): \(number(best.value))."]
      }
    }
    let broken = ranking.filter(\.value.isNaN).map(\.run)
    if let first = broken.first, let since = first[decisive]?.brokenSince {
      sentences.append(
        broken.count == 1
          ? "The \(word) of \(first.name) is not finite from step \(grouped(Int(step: since))) on."
          : "The \(word) of \(few(broken.map(\.name))) is not finite at the end.")
    }
    sentences.append(
      "Single runs differ by chance, too; descent race, with several seeds, says what is proven.")
    return sentences
  }

  /// Whether two losses differ by no more than rounding to 32 bits.
  private func isSame(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-6 * max(abs(a), abs(b)) }

  /// Whether one loss is 0.0 % more than a lower one.
  private func isLevel(_ low: Double, _ high: Double) -> Bool {
    isSame(low, high) || low > 0 && high / low - 1 < 0.0005
  }

  /// Who ended best, and by how much.
  private func ranked(
    _ best: (run: ReportRun, value: Double), _ second: (run: ReportRun, value: Double),
    _ word: String
  ) -> [String] {
    let end = commonEnd(decisive ?? "")
    let at =
      Set(runs.map(\.lastStep)).count > 1
      ? " at step \(grouped(Int(step: end))), the last that all reached" : ""
    if isSame(best.value, second.value) {
      let equal = ranking.filter { isSame(best.value, $0.value) }.map(\.run.name)
      return ["\(few(equal)) have the same \(word)\(at): \(number(best.value))."]
    }
    if isLevel(best.value, second.value) {
      let level = ranking.filter { isLevel(best.value, $0.value) }
      let worst = level[level.count - 1].value
      return [
        "\(few(level.map(\.run.name))) end level\(at): their \(word) lies between "
          + "\(short(best.value, apartFrom: worst)) and \(short(worst, apartFrom: best.value)), less than "
          + "0.05 % apart."
      ]
    }
    // As many digits as tell them apart.
    let style =
      number(best.value) == number(second.value)
      ? NumberStyle.significant(6) : .significant(4)
    let (ratio, distance) = (second.value / best.value - 1, second.value - best.value)
    let gap =
      best.value > 0 && ratio < 1e4
      ? " (\(percent(ratio, 1)) more)" : distance.isFinite ? " (\(number(distance)) more)" : ""
    var sentences = [
      "\(best.run.name) has the lowest \(word)\(at): \(style.text(best.value))"
        + "\(runs.count > 2 ? ", ahead of" : " against") \(second.run.name) with "
        + "\(style.text(second.value))\(gap)."
    ]
    if decisive == "loss" {
      let variance = [best.run, second.run].compactMap { $0["loss"] }.map {
        $0.noise * $0.noise / Double(max(1, $0.window))
      }
      if second.value - best.value < 2 * variance.reduce(0, +).squareRoot() {
        sentences.append(
          "\(best.run.name) and \(second.run.name) are closer than the noise of their losses.")
      }
    }
    return sentences
  }

  /// Who was ahead when.
  private var led: [String] {
    let leads = leads
    guard let last = leads.last, let best = ranking.first, ranking.count > 1,
      !isLevel(best.value, ranking[1].value)
    else { return [] }
    if leads.count == 1 { return ["\(runs[last.run].name) led all the way."] }
    if leads.count <= 6 {
      let parts = leads.dropLast().map {
        "\(runs[$0.run].name) until step \(grouped($0.steps.upperBound))"
      }
      return [
        "Ahead was \(parts.joined(separator: ", then ")), then \(runs[last.run].name) to the end."
      ]
    }
    return [
      "The lead changed \(counted(leads.count - 1, "time")); \(runs[last.run].name) has had it since "
        + "step \(grouped(last.steps.lowerBound))."
    ]
  }

  private func number(_ x: Double) -> String { NumberStyle.significant(4).text(x) }
}

extension Curve {
  /// The last value that was measured at or before a step; nil where there is none.
  func measured(at step: Double) -> Double? {
    points.last { $0.x <= step && $0.y.isFinite }?.y
  }
}
