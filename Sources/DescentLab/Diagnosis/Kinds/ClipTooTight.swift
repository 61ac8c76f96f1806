public import Descent
import Foundation

/// Nearly every step is clipped, far below the usual norm.
public struct ClipTooTight: FindingKind {
  public static let name = "clip_too_tight"
  public static let title = "Most steps are clipped far below the usual norm"
  public static let summary =
    "Most steps are clipped to a norm far below the usual one, so the threshold sets the step, "
    + "not lr."
  public static let weight = 0.8
  public static let explains: Set = ["lr_too_low", "plateau", "clip_idle"]

  /// The share of clipped steps from which on it is a fault.
  public var share = 0.8
  /// How many times the threshold the median norm is at least.
  public var ratio = 5.0

  public init() {}

  public static let settings: [Setting<ClipTooTight>] = [
    .number("share", \.share, .open(0, 1), "share of the steps that are clipped"),
    .number("ratio", \.ratio, .atLeast(1), "median norm over the threshold"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let clip = run.clip, let norm = run.norm else { return marked(run) }
    guard clip.share >= share else { return nil }
    if clip.median.isNaN {
      return finding(
        run, 0.45,
        "\(percent(clip.share, 0)) of the norms are just \(short(clip.threshold)), so they are "
          + "norms after clipping", nil)
    }
    guard clip.median >= 0.6 * ratio || clip.isInferred && clip.share > 0.97 else { return nil }
    var confidence = graded(log(clip.median), from: log(0.6 * ratio), to: log(3 * ratio), low: 0.3)
    if clip.isInferred, clip.share > 0.97 { confidence = max(confidence, 0.6) }
    let suggested = short(clip.ninetieth, 2)
    return finding(
      run, confidence,
      "\(percent(clip.share, 0)) of the steps were clipped at "
        + "\(clip.isInferred ? "about " : "")\(short(clip.threshold)); the median norm is "
        + "\(short(Robust.median(norm.values))), \(short(clip.median, 2)) times that", suggested)
  }

  /// What marks of clipped steps say where there are no norms.
  private func marked(_ run: RunSignals) -> Finding? {
    let marks = run.log["clipped"]?.values.filter(\.isFinite) ?? []
    guard run.norm == nil, marks.count > 19 else { return nil }
    let clipped = marks.reduce(0) { $0 + min($1, 1) } / Double(marks.count)
    guard clipped >= max(share, 0.9) else { return nil }
    let threshold = Signal(run.log["clip_norm"]).map { " at \(short(Robust.median($0.values)))" }
    return finding(
      run, graded(clipped, from: 0.9, to: 1, low: 0.6, high: 0.9),
      "\(percent(clipped, 0)) of the steps were clipped\(threshold ?? "")", nil)
  }

  private func finding(
    _ run: RunSignals, _ confidence: Double, _ evidence: String, _ suggested: String?
  ) -> Finding {
    Finding(
      Self.self, confidence, run.steps.lowerBound, run.steps.upperBound, evidence: evidence,
      cause:
        "Gradients of every size are cut to one length: what was to catch outliers sets the size "
        + "of every step, and makes lr mean something else.",
      advice: run.rateSource != .given
        ? run.withoutClipping
        : suggested.map {
          run.setting(
            "clip.norm", $0, "clip the gradients at a norm of \($0)",
            others: "max_grad_norm in Hugging Face and kohya") + ": 90 % of the norms lie below it"
        } ?? "log the norm before clipping, and clip where 90 % of those norms lie below",
      shows: ["grad_norm", "clipped"])
  }
}
