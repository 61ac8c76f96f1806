public import Descent

/// What stands under the name of the learning rate is none.
public struct RateNotLogged: FindingKind {
  public static let name = "lr_not_logged"
  public static let title = "The learning rate that acts is not logged"
  public static let summary =
    "The logged learning rate is 1, as Prodigy and the like have it: the rate that acts, d × lr, "
    + "is not there."
  public static let weight = 0.75
  public static let explains: Set = ["lr_too_high"]

  public init() {}

  public static let settings: [Setting<RateNotLogged>] = []

  /// Whether the loss first stood still and then fell, as while d grows from next to nothing.
  private func isLateStart(_ run: RunSignals) -> Bool {
    guard let loss = run.loss, loss.isLong, let rate = run.rate, !rate.hasWarmup else {
      return false
    }
    let values = loss.signal.values
    let first = values.prefix(max(4, values.count / 50))
    return loss.fall > 8 * loss.noise
      && first.allSatisfy { abs($0 - values[0]) < max(3 * loss.noise, 0.01 * loss.fall) }
      && (first.max() ?? 0) - (first.min() ?? 0) < 0.05 * loss.fall
  }

  public func find(in run: RunSignals) -> Finding? {
    guard let rate = run.rate, run.d == nil, run.log["base_lr"] == nil, rate.peak == 1,
      rate.signal.count > 1
    else { return nil }
    let isPlain = run.optimizer.map { ["sgd", "adadelta", "rprop", "lbfgs"].contains($0) } ?? false
    guard !isPlain else { return nil }
    let isAutomatic =
      run.optimizer.map { name in
        ["prodigy", "dadapt", "d_adapt", "dog", "ldog", "mechanic"].contains {
          name.lowercased().contains($0)
        }
      } ?? false
    // A rate of 1 that decays may well be that of SGD.
    let confidence = isAutomatic ? 0.95 : rate.isConstant ? 0.9 : isLateStart(run) ? 0.6 : 0.45
    return Finding(
      Self.self, confidence, rate.signal.first,
      rate.signal.last,
      evidence: rate.isConstant
        ? "lr is 1 in all \(grouped(rate.signal.count)) rows, and there is no d"
        : "lr has a peak of exactly 1 and ends at \(short(rate.end)), and there is no d",
      cause:
        "Prodigy, D-Adaptation and DoG find the size of the step themselves: their lr is a factor, "
        + "and a scheduler that logs it (or a multiplier of it) says nothing of the step.",
      advice:
        "log d × lr of the optimizer's groups (group[\"d\"] * group[\"lr\"]); Descent logs it as "
        + "lr, and d beside it",
      shows: ["lr", "loss"])
  }
}
