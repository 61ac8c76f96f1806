public import Descent
import Foundation

/// Spikes that recover, later in the run.
public struct LossSpikes: FindingKind {
  public static let name = "loss_spikes"
  public static let title = "The loss has spikes"
  public static let summary =
    "The loss jumps up now and then and recovers, with the norm of gradients or updates first."
  public static let weight = 0.77
  public static let explains: Set = ["clip_idle", "lr_too_high"]

  /// The height of a spike over how far the loss fell.
  public var height = 0.08
  /// The height of a spike over the noise.
  public var noise = 6.0
  /// The part at the beginning that is not looked at.
  public var beginning = 0.08

  public init() {}

  public static let settings: [Setting<LossSpikes>] = [
    .number("height", \.height, .above(0), "height of a spike over the fall of the loss"),
    .number("noise", \.noise, .above(0), "height of a spike over the noise"),
    .number(
      "beginning", \.beginning, .halfOpen(0, 1), "share of the run that is left out at its start"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.signal.values.count >= 30 else { return nil }
    let signal = loss.signal
    let window = max(9, signal.values.count / 15)
    let base = signal.smoothed(window)
    let above = signal.highs.indices.map { signal.highs[$0] - base[$0] }
    let limit = max(noise * loss.noise, height * loss.scale)
    guard limit > 0 else { return nil }
    // Losses near 0 are skewed: their logarithms are not.
    let logs = loss.isPositive ? signal.values.map { log($0) } : []
    let skewed = logs.isEmpty ? 0 : noise * Robust.noise(logs[...])
    func standsOut(_ i: Int) -> Bool {
      above[i] > limit && (skewed == 0 || log(signal.highs[i] / base[i]) > skewed)
    }
    let start = Int(beginning * Double(signal.values.count))
    var events: [(from: Int, top: Int, to: Int)] = []
    var i = max(start, 1)
    while i < above.count {
      guard standsOut(i) else {
        i += 1
        continue
      }
      var (top, to) = (i, i)
      // To where it has recovered by three quarters.
      while to + 1 < above.count, above[to + 1] > 0.25 * above[top] {
        to += 1
        if above[to] > above[top] { top = to }
      }
      if let last = events.last, i - last.to < 3 {
        events[events.count - 1] = (last.from, above[top] > above[last.top] ? top : last.top, to)
      } else {
        events.append((i, top, to))
      }
      i = to + 1
    }
    guard !events.isEmpty else { return nil }
    // The beginning alone is a matter of the warmup.
    let isEarly = run.share(signal.steps[events[events.count - 1].top]) < 0.25
    let time = events.reduce(0) { $0 + $1.to - $1.from + 1 }
    guard Double(time) < 0.25 * Double(above.count) else { return nil }
    // Those whose rows before or in which the norm of gradients or updates stands out.
    let leads = events.map { lead(run, signal.steps[$0.from], signal.steps[$0.top]) }
    let led = leads.compactMap(\.self)
    let lasting = events.count { $0.to > $0.from }
    guard let highest = events.max(by: { above[$0.top] < above[$1.top] }),
      let peak = events.max(by: { signal.highs[$0.top] < signal.highs[$1.top] })
    else { return nil }
    let size = above[highest.top] / loss.scale
    var confidence = graded(size, from: height, to: 0.5, low: 0.45, high: 0.8)
    if !led.isEmpty { confidence += 0.15 }
    if lasting * 2 >= events.count { confidence += 0.1 }
    if events.count > 1 { confidence += 0.05 }
    if led.isEmpty, events.count < 3 { confidence -= run.norm == nil ? 0.15 : 0.25 }
    if isEarly { confidence = min(confidence, 0.45) }
    // Between spikes of their own the level goes on falling.
    var isQuiet = [Bool](repeating: true, count: above.count)
    for event in events {
      let end = min(above.count - 1, 2 * event.to - event.from + 2)
      for i in max(0, event.from - 1)...max(end, event.to) { isQuiet[i] = false }
    }
    let quiet = isQuiet.indices.filter { isQuiet[$0] && $0 >= start }
    let between = Signal(
      steps: quiet.map { signal.steps[$0] }, values: quiet.map { signal.values[$0] })
    let rises = quiet.count > 9 ? LossCourse.rises(between.blocks()) : 0
    confidence -= 0.4 * graded(rises / loss.scale, from: 0.3, to: 1, low: 0, high: 1)
    let steps = events.prefix(4).map { run.step(signal.tops[$0.top]) }
    var evidence =
      "\(counted(events.count, "spike")) of the loss, at "
      + "\(events.count == 1 ? "step" : "steps") \(few(steps))"
      + (events.count > 4 ? " and on" : "")
      + "; the highest reached \(run.number(signal.highs[peak.top])) from about "
      + run.number(base[peak.top])
    if let lead = led.first {
      evidence +=
        "; \(lead.what) rose first or with it, to \(short(lead.times, 2)) times its median at step "
        + run.step(lead.step)
    }
    return Finding(
      Self.self, min(confidence, 0.95), signal.steps[events[0].from],
      signal.steps[events[events.count - 1].to], evidence: evidence,
      cause:
        "A rare batch, or second moments that had become too small, made one step far too large; "
        + "the loss recovers since the rest of training is sound.",
      advice: advice(run), shows: ["loss", "grad_norm", "update_ratio"])
  }

  private func advice(_ run: RunSignals) -> String {
    var parts: [String] = []
    if let norm = run.norm {
      if let clip = run.clipping(at: Robust.quantile(norm.values, 0.95)) {
        parts.append("\(clip), which 95 % of the norms lie below")
      }
    } else if run.rateSource == .given {
      parts.append("log the gradient norm, and clip at what 95 % of the norms lie below")
    }
    parts.append(
      run.rateSource == .relative
        ? "lower \(run.key("clip_threshold")) (0.5), which bounds each step"
        : "lower the second beta (betas=0.9,0.95)")
    parts.append("look at the batches of those steps")
    return parts.joined(separator: ", ")
  }

  /// The norm that stands out at a spike or just before it.
  private func lead(
    _ run: RunSignals, _ from: Double, _ top: Double
  ) -> (what: String, step: Double, times: Double)? {
    for (signal, what) in [
      (Signal(run.log["step_size"]), "the size of updates"),
      (Signal(run.log["update_ratio"]), "the ratio of updates to weights"),
      (run.norm, "the gradient norm"),
    ] {
      guard let signal, signal.values.count > 9 else { continue }
      let (a, b) = (max(0, signal.index(at: from) - 5), signal.index(at: top.nextUp))
      guard a < b else { continue }
      let usual = Robust.median(signal.values[max(0, a - 100)..<max(1, a)])
      guard let place = (a..<b).max(by: { signal.highs[$0] < signal.highs[$1] }), usual > 0,
        signal.highs[place] > 3 * usual
      else { continue }
      return (what, signal.steps[place], signal.highs[place] / usual)
    }
    return nil
  }
}
