public import Descent
import Foundation

/// The loss jumps where the run was resumed.
public struct ResumeJump: FindingKind {
  public static let name = "resume_jump"
  public static let title = "The loss jumped where the run was resumed"
  public static let summary =
    "The loss jumps up from one step to the next where the run was resumed: state was lost."
  public static let weight = 0.87
  public static let explains: Set = [
    "loss_spikes", "lr_too_high", "epoch_sawtooth", "schedule_cut_off",
  ]

  /// The height of a jump over its noise, at least.
  public var noise = 6.0
  /// The height of a jump over how far the loss fell, at least.
  public var height = 0.05

  public init() {}

  public static let settings: [Setting<ResumeJump>] = [
    .number("noise", \.noise, .above(0), "height of the jump over the noise"),
    .number("height", \.height, .above(0), "height of the jump over how far the loss fell"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let loss = run.loss, loss.signal.values.count >= 20 else { return nil }
    let signs = signs(run)
    var best: (jump: Jump, sign: String?)?
    for sign in signs {
      guard let jump = jump(loss, near: sign.step, run) else { continue }
      if best == nil || jump.height > best?.jump.height ?? 0 { best = (jump, sign.text) }
    }
    if best == nil, let jump = loneJump(loss, run) ?? lowJump(loss), !isClimb(jump, loss, run) {
      best = (jump, nil)
    }
    guard let best else { return scheduleBeganAgain(run) }
    let jump = best.jump
    var evidence =
      "at step \(run.step(jump.step)) the loss jumped from \(run.number(jump.before)) to "
      + "\(run.number(jump.after)), \(short(jump.height / max(loss.noise, 1e-300), 2)) times its "
      + "noise"
    if let sign = best.sign { evidence += "; there \(sign)" }
    evidence +=
      jump.back.map { "; it was back after \(run.step($0 - jump.step)) steps" }
      ?? "; it never came back to where it was"
    return Finding(
      Self.self,
      best.sign == nil
        ? graded(jump.height / loss.scale, from: height, to: 0.4, low: 0.5, high: 0.7)
        : graded(jump.height / loss.scale, from: height, to: 0.2, low: 0.75),
      jump.step, jump.back ?? loss.signal.last, evidence: evidence,
      cause:
        "The run went on without what the optimizer remembered (its moments, its step count), "
        + "the place in the schedule, or the latest weights, so its first steps were much too "
        + "large or undid work.",
      advice:
        "save and restore the optimizer's and the scheduler's state with the weights (in PyTorch "
        + "their state_dict; Descent's checkpoints hold all), and "
        + "resume from before step \(run.step(jump.step))",
      shows: ["loss", "lr", "grad_norm"])
  }

  struct Jump {
    let step: Double
    let before: Double
    let after: Double
    let back: Double?
    var height: Double { after - before }
  }

  /// What else says that the run was resumed: where, and how one sees it.
  private func signs(_ run: RunSignals) -> [(step: Double, text: String)] {
    var signs: [(step: Double, text: String)] = []
    for event in run.restarts where run.share(Double(event.step)) > 0.02 {
      signs.append((Double(event.step), "steps were logged twice, as where a run is resumed"))
    }
    if let rate = run.rate, rate.signal.values.count > 9 {
      let rises = rate.jumps(by: 1.5).filter {
        $0.to > $0.from && $0.step != rate.raise?.step
          && $0.step > rate.signal.first + 0.05 * rate.signal.span
          && ($0.from < 0.6 * rate.peak || $0.from > 0)
      }.filter { $0.step > rate.peakStep || $0.from > 0.3 * rate.peak }
      // A schedule with restarts has several.
      if rises.count < 3 {
        signs += rises.map {
          ($0.step, "lr went from \(short($0.from)) to \(short($0.to)) at once")
        }
      }
      // A warmup that begins again.
      let falls = rate.jumps(by: 3).filter { jump in
        guard jump.to < jump.from, jump.step < rate.signal.last - 0.03 * rate.signal.span else {
          return false
        }
        let later = rate.signal.between(jump.step, jump.step + 0.3 * rate.signal.span).max() ?? 0
        return later > 2 * jump.to && later > 0.3 * jump.from
      }
      if falls.count < 3 {
        signs += falls.map {
          ($0.step, "lr began again, from \(short($0.to)) after \(short($0.from))")
        }
      }
    }
    if let loss = run.loss {
      let steps = loss.signal.steps
      let gaps = zip(steps, steps.dropFirst()).map { $1 - $0 }
      let usual = Robust.median(gaps)
      let wide = gaps.indices.filter { gaps[$0] > 3.5 * usual && gaps[$0] > 4 }
      if wide.count < 3 {
        signs += wide.map { (steps[$0 + 1], "\(run.step(gaps[$0] - usual)) steps are missing") }
      }
    }
    if let epoch = Signal(run.log["epoch"]) {
      for i in epoch.values.indices.dropFirst() where epoch.values[i] < epoch.values[i - 1] - 0.5 {
        signs.append((epoch.steps[i], "the count of epochs went back"))
      }
    }
    return signs
  }

  /// The jump at a step, if there is one: between what is usual before and after.
  private func jump(_ loss: LossCourse, near step: Double, _ run: RunSignals) -> Jump? {
    let values = loss.signal.values
    let place = loss.signal.index(at: step)
    let window = max(2, min(10, values.count / 40))
    let low = max(2, min(place - 1, values.count - 2))
    let range = low...max(low, min(values.count - 2, place + window))
    var best: Jump?
    for i in range where i < values.count - 1 {
      let before = Robust.median(values[max(0, i - 2 * window)..<i])
      // The first steps after it are the worst.
      let after = Robust.median(values[i..<min(values.count, i + max(2, window / 2))])
      if after - before > best?.height ?? 0 { best = made(loss, i, before, after) }
    }
    guard let best else { return nil }
    let chance = Double(max(2, window / 2)).squareRoot()
    for scale in Scale.all(loss) {
      let height = scale.of(best.after) - scale.of(best.before)
      if height > max(noise * scale.noise / chance, self.height * scale.fall),
        best.height > 0.02 * loss.scale
      {
        return best
      }
    }
    return nil
  }

  func made(_ loss: LossCourse, _ place: Int, _ before: Double, _ after: Double) -> Jump {
    Jump(
      step: loss.signal.steps[place], before: before, after: after,
      back: back(loss, place, before, after))
  }

  /// A scale on which a jump is measured.
  struct Scale {
    let of: @Sendable (Double) -> Double
    let noise: Double
    let fall: Double

    /// The linear one; and where losses are positive and fall to a small part, that of their
    /// logarithms.
    static func all(_ loss: LossCourse) -> [Scale] {
      let linear = Scale(of: { $0 }, noise: loss.noise, fall: loss.scale)
      guard loss.isPositive, loss.best.level > 0, loss.start > 4 * loss.best.level else {
        return [linear]
      }
      let logs = loss.signal.values.map { log($0) }
      return [
        linear,
        Scale(
          of: { log($0) }, noise: Robust.noise(logs[...]), fall: log(loss.start / loss.best.level)),
      ]
    }
  }

  /// When the loss was back.
  func back(_ loss: LossCourse, _ place: Int, _ before: Double, _ after: Double) -> Double? {
    let values = loss.signal.values
    let window = max(3, min(10, values.count / 40))
    let level = before + 0.2 * (after - before)
    var i = place + 1
    while i + window <= values.count {
      if Robust.median(values[i..<(i + window)]) <= level { return loss.signal.steps[i] }
      i += 1
    }
    return nil
  }
}
