public import Descent

/// A spike at the beginning that recovers.
public struct WarmupTooShort: FindingKind {
  public static let name = "warmup_too_short"
  public static let summary =
    "The loss rises above its start in the first steps and recovers: the first steps were too large."
  public static let weight = 0.76
  public static let explains: Set = ["loss_spikes", "clip_idle", "lr_too_high"]

  /// The part of the run that is the beginning.
  public var beginning = 0.25
  /// The height of the spike over how far the loss falls.
  public var height = 0.1
  /// The height of the spike over the noise.
  public var noise = 6.0
  /// The part of the run by which the loss has recovered.
  public var recovered = 0.45

  public init() {}

  public static let settings: [Setting<WarmupTooShort>] = [
    .number("beginning", \.beginning, .open(0, 1), "share of the run that is its beginning"),
    .number("height", \.height, .above(0), "height of the spike over the fall of the loss"),
    .number("noise", \.noise, .above(0), "height of the spike over the noise"),
    .number(
      "recovered", \.recovered, .open(0, 1), "share of the run by which the loss has recovered"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.signal.values.count >= 20,
      loss.fall > max(0.05 * abs(loss.start), 4 * loss.error)
    else { return nil }
    let values = loss.signal.values
    let end = max(3, Int(beginning * Double(values.count)))
    // The noise of the calm part: that of the spike is its own.
    let calm = Robust.median(
      loss.blocks.suffix(max(1, loss.blocks.count * 2 / 3)).map(\.noise))
    let limit = max(noise * calm, height * loss.fall)
    var smooth = values
    guard var top = (1..<max(3, values.count / 10)).max(by: { smooth[$0] < smooth[$1] }) else {
      return nil
    }
    if smooth[top] - loss.start <= limit {
      // Later a single row is a matter of its batch, unless rows are far apart.
      if values.count > 100 { smooth = loss.signal.smoothed(3) }
      top = (1..<end).max { smooth[$0] < smooth[$1] } ?? top
    }
    // The lowest level before, at most the start.
    let before = (0..<top).map { smooth[$0] }.min() ?? loss.start
    let (over, rise) = (smooth[top] - loss.start, smooth[top] - before)
    let isOver = over > limit
    let isDip = rise > max(1.5 * noise * calm, 3 * height * loss.fall)
    guard isOver || isDip else { return nil }
    let level = isOver ? loss.start : before + 0.1 * rise
    guard let back = (top..<values.count).first(where: { smooth[$0] <= level }) else { return nil }
    let recovery = run.share(loss.signal.steps[back])
    // Where the like happens again, the beginning is not the cause.
    let later = max(back + values.count / 20, end)
    let base = loss.signal.smoothed(max(9, values.count / 15))
    let again = (later..<max(later, values.count)).count {
      values[$0] - base[$0] > 0.8 * (isOver ? over : rise)
    }
    guard again == 0 else { return nil }
    guard recovery <= recovered, loss.end < level - 0.2 * loss.fall else { return nil }
    var confidence = graded(
      (isOver ? over : 0.5 * rise) / loss.fall, from: height, to: 0.5, low: 0.6)
    // Where the rest is restless too, the whole rate is too high.
    let restless = RateTooHigh().signs(run, loss, besidesBeginning: true)
    confidence *= 0.4 + 0.6 * restless.reduce(1) { $0 * (1 - $1.weight) }
    var evidence =
      "the loss began at \(run.number(loss.start)), rose to \(run.number(smooth[top])) at step "
      + "\(run.step(loss.signal.steps[top])) and was back at step \(run.step(loss.signal.steps[back]))"
    var warmup = 0.0
    if let rate = run.rate {
      warmup = rate.hasWarmup ? rate.peakStep - rate.signal.first : 0
      evidence +=
        warmup > 0
        ? "; lr was at its peak of \(short(rate.peak)) at step \(run.step(rate.peakStep))"
        : "; lr began at its peak of \(short(rate.peak)), without a warmup"
      if warmup > 0.15 * run.span { confidence *= 0.8 }
    }
    if let norm = run.norm {
      let place = norm.index(at: loss.signal.steps[back])
      let highest = norm.highs[..<max(1, place)].max() ?? 0
      let later = Robust.median(norm.values[min(place, norm.values.count - 1)...])
      if highest > 3 * later, later > 0 {
        evidence += "; the gradient norm reached \(short(highest)) (\(short(later)) later)"
      }
    }
    let longer = max(
      3 * warmup, 2 * (loss.signal.steps[back] - run.steps.lowerBound), 0.03 * run.span)
    return Finding(
      Self.self, confidence, loss.signal.first, loss.signal.steps[back], evidence: evidence,
      cause:
        "In the first steps the averages of an adaptive optimizer rest on few gradients and the model "
        + "changes fast, so steps of full size throw it back.",
      advice:
        "set schedule.warmup=\(grouped(Int(step: longer.rounded(.up)))), or clip the gradients "
        + "(clip.norm=1)",
      shows: ["loss", "lr", "grad_norm"])
  }
}
