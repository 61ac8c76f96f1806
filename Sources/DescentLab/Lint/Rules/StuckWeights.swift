import Descent
import DescentTraining

/// `weights_stuck`: weights in 16 bits that the rate cannot move.
enum StuckWeights: LintRule {
  static let name = "weights_stuck"
  static let summary = "weights in 16 bits with a rate that cannot move them"
  static let source = """
    Zamirai et al., Revisiting BFloat16 Training, 2020, arXiv:2010.06192; PyTorch issue 120376
    """

  static func check(_ subject: LintSubject) -> [LintWarning] {
    let weights = subject.recipe.plan.weights
    let isRounded = weights.format == .bf16 && weights.rounding == .nearest
    let format = subject.facts.updateFormat != .float32 ? subject.facts.updateFormat : .bfloat16
    guard isRounded || subject.facts.updateFormat != .float32 else { return [] }
    // Of the spacing between two numbers an update must pass half: between u/2 and u of the weight.
    let least = format.unitRoundoff / 2
    let typical = subject.isTransformer ? 0.02 : 0.05
    let found = subject.parts.compactMap { part -> LintWarning? in
      guard let peak = part.peak, !part.rates.isEmpty, !part.findsRate else { return nil }
      let share = step(part)
      let needed = least * typical
      let lost = part.rates.count { $0.rate * share < needed }
      guard Double(lost) > 0.1 * Double(part.rates.count), peak > 0 else { return nil }
      let name = format == .float16 ? "fp16" : "bf16"
      let when =
        lost == part.rates.count
        ? "in every step" : "in \(percent(Double(lost) / Double(part.rates.count), 0)) of the steps"
      let isKnown =
        isRounded && (subject.names["weights.rounding"] != nil || !subject.isForeign)
      return warning(
        in: subject, at: isKnown ? "weights.rounding" : "weights.format",
        isKnown ? "nearest" : name,
        because:
          "\(name) weights of about \(short(typical)) change only by \(short(needed)) or more "
          + "at a time (half a spacing), and lr=\(short(peak)) moves them by about "
          + "\(short(peak * share)) at its largest: \(when) most updates are rounded away; a gain "
          + "of 1 needs \(short(least))",
        changes: [.init("weights.rounding", "stochastic")],
        advice: !subject.isForeign
          ? "or master, or kahan"
          : isKnown ? "" : "the weights that are trained then stay in 32 bits")
    }
    return Array(found.prefix(1))
  }

  /// A usual update of a weight as a share of lr: Lion's is 1, Adam's root mean square about 0.2
  /// (Liu et al., 2025, arXiv:2502.16982); what is not divided by the gradient's size is as small as
  /// that, seldom above 0.01.
  private static func step(_ part: LintPart) -> Double {
    if part.ruleName == "lion" { return 1 }
    if part.ruleName == "sgd" { return 0.01 / max(1e-3, 1 - (part.number("momentum") ?? 0)) }
    return 0.2
  }
}
