import Descent

/// What a second run says about the findings of a first.
struct DiagnosisComparison {
  let run: RunSignals
  let other: RunSignals
  /// What is found in the other.
  private let others: [Finding]
  private let differences: RunDifferences

  init(run: RunSignals, other: RunSignals, kinds: FindingKinds) {
    (self.run, self.other) = (run, other)
    others = Diagnosis.found(in: other, kinds)
    differences = RunDifferences([ReportRun(run.log), ReportRun(other.log)].toldApart)
  }

  /// What differs and who ended better.
  var sentences: [String] {
    var all = differences.settings.prefix(8).map { key, values in
      "\(key) is \(values[0] ?? "not set") here and \(values[1] ?? "not set") in \(other.log.name)."
    }
    if let mine = run.rate, let theirs = other.rate,
      !all.contains(where: { $0.hasPrefix("optimizer.lr ") }),
      mine.peak != theirs.peak
    {
      all.append(
        "The highest lr is \(short(mine.peak)) here and \(short(theirs.peak)) in \(other.log.name)."
      )
    }
    all += differences.sentences.filter { !$0.hasPrefix("Single runs") }
    let own = others.filter { $0.confidence >= Diagnosis.sure }.map(\.kind)
    all.append(
      own.isEmpty
        ? "\(other.log.name) shows no fault." : "\(other.log.name) shows \(listed(own)).")
    return all
  }

  /// Makes findings surer that the other run confirms, and less sure what it contradicts.
  func sharpen(_ findings: inout [Finding]) {
    let isBetter = endsBetter
    for index in findings.indices {
      let kind = findings[index].kind
      let shared = others.contains { $0.kind == kind && $0.confidence >= Diagnosis.sure }
      if shared {
        findings[index].evidence += "; \(other.log.name) has it too"
        continue
      }
      let change = change(for: kind)
      let lacks = "; \(other.log.name)\(change.map { " with \($0)" } ?? "") does not have it"
      guard let isBetter else {
        findings[index].evidence += lacks
        continue
      }
      if isBetter {
        // With the setting that was to be changed, so much the surer.
        let share = change == nil ? 0.2 : 0.6
        findings[index].confidence += share * (1 - findings[index].confidence)
        findings[index].evidence += lacks + " and ended lower"
        if let change {
          findings[index].advice =
            "take \(change), as \(other.log.name) has; else " + findings[index].advice
        }
      } else if change != nil {
        findings[index].confidence *= 0.7
        findings[index].evidence += lacks + ", but did not end lower"
      } else {
        findings[index].evidence += lacks
      }
    }
  }

  /// Whether the other ended clearly better; nil where they cannot be compared.
  private var endsBetter: Bool? {
    let ranking = differences.ranking
    guard ranking.count == 2 else { return nil }
    let mine = ranking.first { $0.run.path == run.log.path && $0.run.path != other.log.path }?.value
    guard let mine, let theirs = ranking.first(where: { $0.run.path == other.log.path })?.value
    else {
      return nil
    }
    if theirs.isNaN { return false }
    let noise = max(run.loss?.error ?? 0, other.loss?.error ?? 0)
    return mine.isNaN || theirs < mine - max(2 * noise, 0.005 * abs(mine))
  }

  /// How the other differs in what a kind of finding is about, where that is the change it asks
  /// for.
  private func change(for kind: String) -> String? {
    switch kind {
    case "lr_too_high", "diverged", "nan":
      guard let mine = run.rate?.peak, let theirs = other.rate?.peak, theirs < 0.8 * mine else {
        return nil
      }
      return "lr=\(short(theirs))"
    case "lr_too_low":
      guard let mine = run.rate?.peak, let theirs = other.rate?.peak, theirs > 1.25 * mine else {
        return nil
      }
      return "lr=\(short(theirs))"
    case "warmup_too_short":
      guard let mine = run.rate, let theirs = other.rate, theirs.hasWarmup,
        theirs.peakStep > 1.5 * (mine.hasWarmup ? mine.peakStep : 1)
      else { return nil }
      return "a warmup of \(run.step(theirs.peakStep)) steps"
    case "clip_too_tight", "clip_idle":
      guard let mine = run.clip?.threshold, let theirs = other.clip?.threshold,
        kind == "clip_idle" ? theirs < mine : theirs > mine
      else { return nil }
      return "clip.norm=\(short(theirs))"
    default: return nil
    }
  }
}
