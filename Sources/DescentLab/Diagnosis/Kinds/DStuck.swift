public import Descent

/// Prodigy's estimate never grew.
public struct DStuck: FindingKind {
  public static let name = "d_stuck"
  public static let title = "Prodigy's estimate d never grew"
  public static let summary =
    "Prodigy's estimate d of the step size stays at its first value d0, so steps stay tiny."
  public static let weight = 0.93
  public static let explains: Set = ["plateau", "lr_too_low", "lr_not_logged", "lr_too_high"]

  /// The growth up to which it is stuck.
  public var growth = 3.0
  /// What counts as a first value, where the log does not say it.
  public var d0 = 2e-5

  public init() {}

  public static let settings: [Setting<DStuck>] = [
    .number("growth", \.growth, .atLeast(1), "last d over d0 up to which it is stuck"),
    .number("d0", \.d0, .above(0), "largest d that may still be d0 where the log does not say d0"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let d = run.d, d.count > 4, d.values[0] > 0 else { return nil }
    let said = run.number("optimizer.d0")
    let first = said ?? d.values[0]
    let last = d.values[d.values.count - 1]
    guard last <= growth * first, said != nil || d.values[0] <= d0 else { return nil }
    let isExact = last <= 1.01 * first
    return Finding(
      Self.self, isExact ? 0.95 : 0.7, d.first, d.last,
      evidence: isExact
        ? "d is \(short(last)) from step \(run.step(d.first)) to step \(run.step(d.last))"
        : "d only went from \(short(first)) to \(short(last)) in \(run.step(d.span)) steps",
      cause:
        "The gradients have not shown a distance to go: d grows only while steps agree with the "
        + "gradients before them, and a d0 too small, clipped or noisy gradients, or a long "
        + "warmup with safeguard keep it there.",
      advice:
        "raise d0 tenfold (\(run.isOwn ? "optimizer.d0" : "d0")=\(short(10 * first, 2))), do not clip gradients with "
        + "Prodigy, set safeguard_warmup=true only together with a warmup; lr stays 1",
      shows: ["d", "lr", "loss"])
  }
}
