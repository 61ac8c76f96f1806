public import Descent

/// A spike at the beginning that recovers.
public struct WarmupTooShort: FindingKind {
  public static let name = "warmup_too_short"
  public static let title = "The first steps were too large"
  public static let summary =
    "The loss rises above its start in the first steps and recovers: the first steps were too "
    + "large."
  public static let weight = 0.76
  public static let explains: Set = ["loss_spikes", "clip_idle", "lr_too_high"]

  /// The part of the run that is the beginning.
  public var beginning = 0.25
  /// The height of the spike over how far the loss falls.
  public var height = 0.1
  /// The height of the spike over its standard error.
  public var noise = 3.0
  /// The part of the run by which the loss has recovered.
  public var recovered = 0.45

  public init() {}

  public static let settings: [Setting<WarmupTooShort>] = [
    .number("beginning", \.beginning, .open(0, 1), "share of the run that is its beginning"),
    .number("height", \.height, .above(0), "height of the spike over the fall of the loss"),
    .number("noise", \.noise, .above(0), "height of the spike over its standard error"),
    .number(
      "recovered", \.recovered, .open(0, 1), "share of the run by which the loss has recovered"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.signal.values.count >= 20, !loss.isBuried,
      loss.fall > max(0.05 * abs(loss.start), 4 * loss.error)
    else { return nil }
    let values = loss.signal.values
    let end = max(3, Int(beginning * Double(values.count)))
    guard let bump = bump(loss, end) else { return nil }
    let (top, back) = (bump.top, bump.back)
    let recovery = run.share(loss.signal.steps[back])
    // Where the like happens again, the beginning is not the cause.
    let later = max(back + values.count / 20, end)
    let base = loss.signal.smoothed(max(9, values.count / 15))
    let again = (later..<max(later, values.count)).count {
      values[$0] - base[$0] > 0.8 * (values[top] - bump.base)
    }
    guard again == 0 else { return nil }
    // Nor where a spike larger than the whole fall is followed by others a third as high.
    var spikes = 0
    var last = -values.count
    for i in later..<max(later, values.count)
    where values[i] - base[i] > 0.3 * (values[top] - bump.base) {
      if i > last + 3 { spikes += 1 }
      last = i
    }
    guard spikes < 2 || values[top] - bump.base < loss.fall else { return nil }
    guard recovery <= recovered, loss.end < bump.base - 0.2 * (bump.isOverStart ? loss.fall : 0)
    else { return nil }
    var confidence = min(
      graded(
        (bump.isOverStart ? 1 : 0.4) * bump.height / loss.fall, from: height, to: 0.5, low: 0.6),
      graded(bump.significance, from: noise, to: 2 * noise, low: 0.55))
    // Steps that were still small did not throw it up.
    if let rate = run.rate, rate.share(at: loss.signal.steps[top]) < 0.4 { confidence *= 0.7 }
    // Where the rest is restless too, the whole rate is too high.
    let restless = RateTooHigh().signs(
      run, loss, after: min(0.6, max(0.3, recovery + 0.1)))
    confidence *= 0.65 + 0.35 * restless.reduce(1) { $0 * (1 - $1.weight) }
    var evidence =
      "the loss began at \(run.number(loss.start)), rose to \(run.number(values[top])) at step "
      + "\(run.step(loss.signal.steps[top])) and was back at step "
      + "\(run.step(loss.signal.steps[back]))"
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
    // No longer than a tenth of the run, as lint has it, or than what it is already.
    let longer = min(
      max(3 * warmup, 2 * (loss.signal.steps[back] - run.steps.lowerBound), 0.03 * run.span),
      max(0.1 * run.span, 10))
    let advice =
      [
        longer > 1.2 * warmup && longer < 0.5 * run.span ? run.warmup(of: longer) : nil,
        run.clipping(at: 1),
      ].compactMap(\.self)
    let lower = "try \(run.lowerRate(from: loss.signal.steps[top]))"
    return Finding(
      Self.self, confidence, loss.signal.first, loss.signal.steps[back], evidence: evidence,
      cause:
        "In the first steps the averages of an adaptive optimizer rest on few gradients and the "
        + "model changes fast, so steps of full size throw it back.",
      advice: (advice.isEmpty ? [lower] : advice).joined(separator: ", or "),
      shows: ["loss", "lr", "grad_norm"])
  }
  /// What stands out of the noise: over the start, or else over what was reached before.
  private func bump(_ loss: LossCourse, _ rows: Int) -> EarlyBump? {
    if let bump = EarlyBump(loss, rows: rows), bump.significance >= noise,
      bump.height > height * loss.fall
    {
      return bump
    }
    guard let dip = EarlyBump(loss, rows: rows, overStart: false),
      dip.significance >= 1.5 * noise, dip.height > 3 * height * loss.fall
    else { return nil }
    return dip
  }
}
