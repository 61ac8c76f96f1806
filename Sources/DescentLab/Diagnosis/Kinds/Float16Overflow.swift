public import Descent
import Foundation

/// Gradients overflow in 16 bits again and again.
public struct Float16Overflow: FindingKind {
  public static let name = "fp16_overflow"
  public static let title = "Gradients overflow in 16 bits"
  public static let summary =
    "Gradients overflow 16-bit floating point: the loss scale is halved again and again, steps "
    + "are skipped."
  public static let weight = 0.98
  public static let explains: Set = ["plateau", "lr_too_low", "loss_spikes", "tensors_not_moving"]

  /// How often the scale may be halved beyond what it takes to find its place.
  public var halvings = 4
  /// The share of skipped steps from which on it is a fault.
  public var skipped = 0.03
  /// The rows at the beginning in which the scale is finding its place.
  public var search = 0.05

  public init() {}

  public static let settings: [Setting<Float16Overflow>] = [
    .integer("halvings", \.halvings, .atLeast(1), "halvings of the scale after its first search"),
    .number("skipped", \.skipped, .open(0, 1), "share of skipped steps"),
    .number("search", \.search, .halfOpen(0, 1), "share of the run that the scale has to settle"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    let (skipped, number) = run.skipped
    let scale =
      run.log["loss_scale"].map { track in
        track.values.indices.filter { track.values[$0].isFinite && track.values[$0] >= 0 }
          .map { (step: Double(track.steps[$0]), value: track.values[$0]) }
      } ?? []
    if scale.isEmpty, run.log["loss_scale"] == nil {
      // Without a scale, skipped steps alone do not say why.
      let isSaid = run.log.events.contains { $0.kind == .skipped && $0.text.contains("fp16") }
      let is16 = run.settings["precision"] == "fp16" || run.settings["fp16"] == "true"
      guard isSaid || is16 || run.broken == nil, !skipped.isEmpty else { return nil }
    }
    var (falls, late): ([(step: Double, value: Double)], Int) = ([], 0)
    for (a, b) in zip(scale, scale.dropFirst()) where b.value < 0.75 * a.value {
      // One row may stand for several halvings.
      let number =
        b.value > 0 ? max(1, Int(min(log2(a.value) - log2(b.value), 64).rounded())) : 8
      falls.append(b)
      if run.share(b.step) > search { late += number }
    }
    let steps = max(run.span, 1)
    let share = number / max(steps, Double(run.losses))
    let (first, lowest) = (scale.first?.value ?? .nan, scale.map(\.value).min() ?? .nan)
    let last = scale.last?.value ?? .nan
    let isCollapsed = last < first / 1024 || last < 2 && first > last
    guard late > halvings || share >= self.skipped && number > 4 || isCollapsed else {
      return nil
    }
    var parts: [String] = []
    if !falls.isEmpty {
      parts.append(
        "the loss scale fell \(times(falls.count)), from \(short(first, 6)) to "
          + "\(short(lowest, 6)) at its lowest (\(short(last, 6)) at the end)")
    }
    if !skipped.isEmpty {
      parts.append(
        "\(counted(Int(step: number), "step")) \(number == 1 ? "was" : "were") skipped, "
          + "\(percent(share, share < 0.1 ? 1 : 0)) of all")
    }
    let from = falls.first?.step ?? skipped.first ?? run.steps.lowerBound
    let to = max(falls.last?.step ?? from, skipped.last ?? from)
    return Finding(
      Self.self,
      max(
        isCollapsed ? 0.95 : 0, graded(Double(late), from: Double(halvings), to: 12, low: 0.6),
        graded(share, from: self.skipped, to: 0.15, low: scale.isEmpty ? 0.4 : 0.6)),
      from, to, evidence: parts.joined(separator: "; "),
      cause: "Numbers beyond 65504 do not exist in fp16: a gradient times the loss scale, or an "
        + "activation, became infinite, and its step changed nothing.",
      advice:
        "train in bf16 (\(run.isOwn ? "precision=bf16" : "bf16=true in Hugging Face, mixed_precision=bf16 in kohya")), which reaches as far as float32; in fp16, keep what "
        + "overflows (logits, norms, the loss) in float32, clip the gradients and lower lr",
      shows: ["loss_scale", "skipped", "loss"])
  }
}
