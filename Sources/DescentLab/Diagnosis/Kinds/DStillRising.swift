public import Descent
import Foundation

/// Prodigy's estimate has not settled.
public struct DStillRising: FindingKind {
  public static let name = "d_still_rising"
  public static let title = "Prodigy's estimate d still grew at the end"
  public static let summary =
    "Prodigy's estimate d still grows when the run ends: it was not found yet."
  public static let weight = 0.88
  public static let explains: Set = ["plateau", "lr_too_low", "lr_not_logged", "schedule_cut_off"]

  /// The growth over the last fifth of the run from which on it has not settled.
  public var growth = 1.15

  public init() {}

  public static let settings: [Setting<DStillRising>] = [
    .number("growth", \.growth, .above(1), "d at the end over d at four fifths of the run")
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let d = run.d, d.count > 9, d.values[0] > 0 else { return nil }
    let last = d.values[d.values.count - 1]
    let from = d.first + 0.8 * d.span
    let before = d.value(at: from)
    let nearEnd = d.value(at: d.first + 0.95 * d.span)
    guard before > 0, last > growth * before, last > nearEnd * 1.005 else { return nil }
    return Finding(
      Self.self, graded(log(last / before), from: log(growth), to: log(2), low: 0.6),
      from, d.last,
      evidence:
        "d grew from \(short(before)) at step \(run.step(from)) to \(short(last)) at the end, "
        + "after \(short(d.values[0])) at the start",
      cause:
        "d doubles at most now and then and never falls, so for as long as it grows, steps are "
        + "smaller than Prodigy will find right.",
      advice:
        "train longer, or begin with a larger d0 (\(run.isOwn ? "optimizer.d0" : "d0")=\(short(last / 10, 1)), a tenth "
        + "of the last d); growth_rate must be inf, unless it is to be slow",
      shows: ["d", "lr", "loss"])
  }
}
