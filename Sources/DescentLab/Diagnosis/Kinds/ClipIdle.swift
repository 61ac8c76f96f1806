public import Descent
import Foundation

/// A threshold that no gradient comes near.
public struct ClipIdle: FindingKind {
  public static let name = "clip_idle"
  public static let title = "The clip threshold is far above all norms"
  public static let summary =
    "The clip threshold lies so far above all norms that it would not catch a spike."
  public static let weight = 0.35

  /// How many times the highest norm the threshold is at least.
  public var ratio = 8.0

  public init() {}

  public static let settings: [Setting<ClipIdle>] = [
    .number("ratio", \.ratio, .atLeast(1), "threshold over the highest norm")
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let clip = run.clip, let norm = run.norm, norm.count > 9, !clip.isInferred,
      clip.share == 0, clip.highest > 0
    else { return nil }
    let distance = clip.threshold / clip.highest
    guard distance >= 0.5 * ratio else { return nil }
    return Finding(
      Self.self, graded(log(distance), from: log(0.5 * ratio), to: log(4 * ratio), low: 0.3),
      norm.first, norm.last,
      evidence:
        "the threshold is \(short(clip.threshold)), \(short(distance, 2)) times the highest norm, "
        + "\(short(clip.highest)); 99 % of the norms lie below "
        + short(Robust.quantile(norm.values, 0.99)),
      cause:
        "The threshold was chosen for a model with other norms; a bad batch several times as "
        + "large as any other would pass it whole.",
      advice: run.rateSource != .given
        ? run.withoutClipping
        : (run.clipping(at: 1.2 * Robust.quantile(norm.highs, 0.99)).map {
          "\($0), a little above 99 % of the norms, or "
        } ?? "") + "leave clipping out",
      shows: ["grad_norm"])
  }
}
