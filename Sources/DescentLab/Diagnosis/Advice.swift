import Descent
import Foundation

// Advice in the words of the tool that a log came from, and only with numbers that make sense.

extension RunSignals {
  /// Whether Descent made the run, so that the keys of its recipe say what to change.
  var isOwn: Bool { log.format == .descent }

  /// A setting as the reader finds it: the key of a recipe, or what it is and what others call it.
  func setting(_ key: String, _ value: String, _ words: String, others: String) -> String {
    isOwn ? "set \(key)=\(value)" : "\(words) (\(others), \(key) here)"
  }

  // MARK: Rates

  /// A rate that a step can have been made with: positive, and no slip of the pen.
  private func isUsable(_ rate: Double) -> Bool { rate >= 1e-15 && rate <= 1e3 }

  /// What sets the size of the steps.
  enum RateSource {
    /// The rate that was asked for.
    case given
    /// An estimate d, which the rate multiplies: Prodigy, D-Adaptation.
    case estimated
    /// The number of the step and the size of the weights: Adafactor without a rate.
    case relative
  }

  /// What sets the size of its steps: with a rule that does so itself, other advice holds.
  var rateSource: RateSource {
    if log["relative_step"] != nil || !log.family("relative_step").isEmpty { return .relative }
    let isEstimated =
      d != nil || log["base_lr"] != nil
      || ["prodigy", "dog", "ldog", "mechanic"].contains { isNamed($0) } || isDAdaptation
    return isEstimated ? .estimated : .given
  }

  private func isNamed(_ part: String) -> Bool { optimizer?.lowercased().contains(part) == true }

  /// Whether its optimizer has no d_coef.
  private var isDAdaptation: Bool { isNamed("dadapt") || isNamed("d_adapt") }

  /// Whether a sweep can say something of its rate.
  var hasRateToFind: Bool { isOwn && rateSource == .given && log.whyLossesNeedNotFall == nil }

  /// Where to look for a rate, behind other advice; nothing where there is none to look for.
  func rateSearch(_ sentence: String) -> String {
    hasRateToFind ? "; descent lr-find \(sentence)" : ""
  }

  /// What is usual for the optimizer that the log names.
  private var usualRate: Double? {
    switch optimizer?.lowercased() {
    case "adam", "adamw", "nadam", "radam", "adamax", "adamw_torch", "adamw_torch_fused": 1e-3
    case "lion": 1e-4
    case "sgd": 0.1
    default: nil
    }
  }

  /// A lower rate to try, a third of one unless that is still far beyond the usual; nil where the
  /// log has no rate that could be lowered.
  package func lowered(_ rate: Double?) -> (text: String, isThird: Bool)? {
    guard let rate, rate > 0, rate.isFinite, rateSource == .given else { return nil }
    if let usual = usualRate, rate / 3 > 10 * usual { return (short(usual, 2), false) }
    return isUsable(rate) ? (short(rate / 3, 2), true) : nil
  }

  /// The rate at a step.
  func rate(at step: Double) -> Double? { rate.map { $0.signal.value(at: step) } }

  /// What to lower the rate to: `lr=0.001, a third of that at the onset`.
  func lowerRate(from step: Double) -> String {
    switch rateSource {
    case .estimated: return lowerEstimate
    case .relative:
      return ownRate(rate(at: step), times: 1.0 / 3, "a third of what it takes by itself")
    case .given: break
    }
    guard let lower = lowered(rate(at: step)) else {
      return rate == nil
        ? "a third of the learning rate" : "a usual learning rate for the optimizer"
    }
    return "lr=\(lower.text), "
      + (lower.isThird ? "a third of that at the onset" : "which is usual for \(optimizer ?? "it")")
  }

  /// What to raise the rate to.
  var raiseRate: String {
    switch rateSource {
    case .estimated:
      return "raise \(key("d0")) tenfold"
        + (isDAdaptation ? "" : ", or \(key("d_coef")) to 2") + ", with lr still 1"
    case .relative:
      return "try " + ownRate(rate?.peak, times: 3, "three times what it takes by itself")
    case .given: break
    }
    guard let peak = rate?.peak else { return "try three times the learning rate, then ten times" }
    guard isUsable(peak) else {
      return peak > 0
        ? "give a usual learning rate for the optimizer"
        : "the log has lr=\(short(peak)): give a learning rate above 0"
    }
    return "try lr=\(short(3 * peak, 2)), three times as much, then ten times"
  }

  /// A setting of the optimizer as the reader finds it.
  func key(_ setting: String) -> String { isOwn ? "optimizer.\(setting)" : setting }

  /// What makes an estimated step size smaller.
  private var lowerEstimate: String {
    let isHeld = number("optimizer.growth_rate")?.isFinite == true
    let smaller =
      isDAdaptation
      ? "\(key("lr"))=0.5, which halves what d gives"
      : "a smaller d_coef (\(key("d_coef"))=0.5), with lr still 1"
    return smaller + (isHeld ? "" : ", or hold d back with \(key("growth_rate"))=1.02")
  }

  /// A rate in the place of Adafactor's relative steps.
  private func ownRate(_ rate: Double?, times factor: Double, _ words: String) -> String {
    let value = rate.flatMap { isUsable($0) ? short(factor * $0, 2) : nil }
    return "a rate in the place of relative steps: \(key("lr"))=\(value ?? "0.001") with "
      + "\(key("relative_step"))=false" + (value == nil ? "" : ", \(words)")
  }

  // MARK: Clipping

  /// What clips the gradients at a norm; nil where that is no sensible norm, or they are clipped
  /// there or lower already, or the optimizer bounds its steps itself, and would estimate d from what
  /// is left.
  package func clipping(at norm: Double) -> String? {
    guard rateSource == .given, norm.isFinite, norm >= 1e-6, norm <= 1e6 else { return nil }
    if let said = clipThreshold, said <= 1.25 * norm { return nil }
    return setting(
      "clip.norm", short(norm, 2), "clip the gradients at a norm of \(short(norm, 2))",
      others: "max_grad_norm in Hugging Face and kohya")
  }

  /// The threshold that gradients are clipped at, as far as the log says it.
  var clipThreshold: Double? {
    let said =
      Signal(log["clip_norm"]).map { Robust.median($0.values) } ?? number("clip.norm")
      ?? number("max_grad_norm")
    return said.flatMap { $0 > 0 && $0.isFinite ? $0 : nil } ?? clip?.threshold
  }

  // MARK: Schedules

  /// Leaves clipping out, for rules that set the size of their steps themselves.
  var withoutClipping: String {
    setting(
      "clip.norm", "none", "do not clip the gradients",
      others: "max_grad_norm=0 in kohya and Hugging Face")
      + (rateSource == .estimated
        ? ": d is estimated from them, and clipped ones mislead it"
        : ": the optimizer bounds its steps itself")
  }

  /// A warmup of so many steps.
  func warmup(of steps: Double) -> String {
    if rateSource == .relative { return "set \(key("warmup_init"))=true, whose steps begin small" }
    let count = Int(step: max(1, steps.rounded(.up)))
    return setting(
      "schedule.warmup", "\(count)", "warm lr up over \(counted(count, "step"))",
      others: "warmup_steps in Hugging Face, lr_warmup_steps in kohya")
      + (rateSource == .estimated && !isDAdaptation
        ? " with \(key("safeguard_warmup"))=true" : "")
  }

  /// A schedule that ends with the run.
  func schedule(endingAt step: Double) -> String {
    setting(
      "schedule.total", "\(Int(step: step))",
      "let the schedule end at step \(self.step(step)), where the run does",
      others: "the number of training steps that the scheduler is given")
  }

  // MARK: The first sign

  /// When a run that was lost at `onset` began to go wrong: since when the norm or the loss was far
  /// above the usual for good, and what they were before.
  func firstSign(before onset: Double) -> FirstSign {
    var sign = FirstSign(step: onset)
    if let norm, let from = Self.departure(norm, onset, isNorm: true, noise: 0) {
      sign.step = min(sign.step, from)
      sign.norm = from
    }
    if let loss, let from = Self.departure(loss.signal, onset, isNorm: false, noise: loss.noise) {
      sign.step = min(sign.step, from)
    }
    sign.calm = norm.map { Array($0.between(-.infinity, sign.step.nextDown)) } ?? []
    return sign
  }

  /// The first step of the last stretch before the onset that lies far above the usual.
  private static func departure(
    _ signal: Signal, _ onset: Double, isNorm: Bool, noise: Double
  ) -> Double? {
    let end = signal.index(at: onset)
    guard end > 9 else { return nil }
    let values = Signal(steps: Array(signal.steps[..<end]), values: Array(signal.values[..<end]))
      .smoothed(5)
    let low = Robust.quantile(values, isNorm ? 0.25 : 0.1)
    let limit = isNorm ? 4 * low : low + max(8 * noise, 0.3 * abs(low))
    guard low.isFinite, !isNorm || low > 0, let last = values.lastIndex(where: { $0 <= limit }),
      last + 1 < end, last > 4
    else { return nil }
    return signal.steps[last + 1]
  }

  /// Where to go on from: a checkpoint before a step, where there can be one.
  func resuming(before step: Double) -> String {
    let every = number("checkpoint.every") ?? 0.05 * span
    return step - steps.lowerBound > max(every, 10)
      ? "resume from a checkpoint before step \(self.step(step)), not from a later one"
      : "begin anew: no checkpoint is from before step \(self.step(step))"
  }
}

/// What preceded the loss of a run.
struct FirstSign {
  /// The first step that is unlike those before, or the onset itself.
  var step: Double
  /// Since when the gradient norm was far above the usual.
  var norm: Double?
  /// The norms before.
  var calm: [Double] = []

  /// A norm to clip at: what 90 % of the norms before lie below; 1 where there are too few.
  var clip: Double { calm.count > 9 ? Robust.quantile(calm, 0.9) : 1 }
}
