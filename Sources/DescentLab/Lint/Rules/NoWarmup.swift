import Descent

/// `no_warmup`: a high rate from the first step, for rules whose first steps are the least reliable.
enum NoWarmup: LintRule {
  static let name = "no_warmup"
  static let summary = "a high rate of an Adam-like rule without warmup"
  static let source = """
    Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020, arXiv:1908.03265; \
    Xiong et al., On Layer Normalization in the Transformer Architecture, 2020, arXiv:2002.04745
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    subject.parts.compactMap { part in
      guard part.wantsWarmup,
        let peak = part.peak, peak > limit(part, subject), (part.number("warmup_steps") ?? 0) == 0
      else { return nil }
      let steps = subject.facts.steps ?? 1000
      guard part.warmup < min(5, max(1, steps / 100)) else { return nil }
      let warmup = usualWarmup(steps)
      let key = subject.warmupKey(of: part)
      let first = part.rates.first?.rate ?? peak
      let begins =
        part.warmup == 0
        ? "the first step already takes lr=\(short(first))"
        : "lr reaches \(short(peak)) after \(counted(part.warmup + 1, "step"))"
      return warning(
        in: subject, at: subject.rateKey(of: part), SettingValue.text(of: peak),
        because: "\(begins), when \(part.ruleName) has seen hardly any gradients to divide by: "
          + (subject.isTransformer
            ? "transformers often diverge then"
            : "the first updates are as large as any, and "
              + "as good as random"),
        changes: key.map { $0.changes(warmup) } ?? [],
        advice: key == nil
          ? "let the schedule rise over about \(warmup) steps, or lower the rate"
          : "\(counted(warmup, "step")) of \(grouped(steps)) rise")
    }.withoutRepeats
  }

  /// The highest rate that is customary without warmup.
  private static func limit(_ part: LintPart, _ subject: LintSubject) -> Double {
    let adam =
      subject.facts.isLowRank == true ? 5e-4 : subject.isTransformer ? 3e-4 : 2e-3
    return part.ruleName == "lion" ? adam / 2 : adam
  }

  /// A twentieth of the run, in round numbers.
  static func usualWarmup(_ steps: Int) -> Int {
    let share = steps / 20
    return share < 20 ? max(2, share) : min(2000, share / 10 * 10)
  }
}
