public import Descent

/// The loss or the gradient is not finite.
public struct NonFinite: FindingKind {
  public static let name = "nan"
  public static let title = "The loss became NaN or infinite"
  public static let summary =
    "The loss or the gradients are no finite numbers any more: from when on, and what preceded."
  public static let weight = 1.0
  public static let explains: Set = [
    "diverged", "lr_too_high", "plateau", "lr_too_low", "warmup_too_short", "loss_spikes",
    "overfitting", "schedule_cut_off", "epoch_sawtooth", "resume_jump", "tensors_not_moving",
    "d_still_rising", "clip_idle",
  ]

  /// How many rows before the onset are looked at for what preceded.
  public var before = 20

  public init() {}

  public static let settings: [Setting<NonFinite>] = [
    .integer(
      "before", \.before, .atLeast(2), "rows before the onset that are searched for its omen")
  ]

  public func find(in run: RunSignals) -> Finding? {
    let skipped = run.skipped.steps
    if let broken = run.broken {
      let isScaled = run.log["loss_scale"] != nil
      // What a loss scale is there for: the step is skipped, and training goes on.
      if broken.forGood == nil, isScaled || broken.count <= skipped.count { return nil }
      let onset = broken.forGood ?? broken.first
      var evidence =
        broken.forGood == nil
        ? "\(grouped(broken.count)) of \(counted(run.losses, "loss", "losses")) "
          + "\(broken.count == 1 ? "is" : "are") not finite, first at step \(run.step(onset))"
        : broken.count == run.losses
          ? "no loss of the run is finite, from the first at step \(run.step(onset)) on"
          : "the loss is not finite from step \(run.step(onset)) on"
      let omens = omens(run, onset)
      if !omens.isEmpty { evidence += "; before that, " + omens.joined(separator: ", and ") }
      return finding(run, onset, broken.forGood == nil ? 0.8 : 0.99, evidence)
    }
    // Trainer of transformers writes 0 for a loss that is none.
    if let track = run.log["grad_norm"], run.log["loss_scale"] == nil,
      let first = track.values.firstIndex(where: { !$0.isFinite })
    {
      let rest = track.values[first...]
      let count = rest.count { !$0.isFinite }
      let step = Double(track.steps[first])
      let lossAfter = run.loss.map { $0.signal.between(step, .infinity) } ?? []
      let isZero = !lossAfter.isEmpty && Robust.median(lossAfter) == 0
      if isZero || count * 2 > rest.count && rest.count > 1 || run.log.state == .stopped {
        return finding(
          run, step, isZero || count == rest.count ? 0.97 : 0.7,
          "the gradient norm is not finite from step \(run.step(step)) on"
            + (isZero ? ", and the loss is exactly 0, which is how some tools write NaN" : ""))
      }
    }
    // Where the training loss flew away, that of validation did so for the same reason.
    if run.loss?.isFlying != true, let track = run.log["val_loss"], let last = track.values.last,
      !last.isFinite,
      let first = track.values.firstIndex(where: { !$0.isFinite })
    {
      let step = Double(track.steps[first])
      return finding(
        run, step, 0.9, "the validation loss is not finite from step \(run.step(step)) on")
    }
    // The last row is of a step that was given up: nothing followed it.
    if run.log["loss_scale"] == nil, let last = run.skipped.steps.last,
      last >= run.steps.upperBound,
      run.loss.map({ $0.signal.last < last }) ?? true
    {
      return finding(
        run, last, 0.9,
        "step \(run.step(last)) was given up, without a loss, and none followed"
          + omens(run, last).map { "; before that, " + $0 }.joined())
    }
    if run.log.state == .stopped, let last = run.log.events.last(where: { $0.kind == .skipped }),
      run.log["loss_scale"] == nil
    {
      return finding(
        run, Double(last.step), 0.97, "the guard stopped the run at step \(last.step): \(last.text)"
      )
    }
    return nil
  }

  private func finding(
    _ run: RunSignals, _ onset: Double, _ confidence: Double, _ evidence: String
  ) -> Finding {
    let sign = run.firstSign(before: onset)
    var evidence = evidence
    if let from = sign.norm, let norm = run.norm {
      evidence +=
        "; the first sign is of step \(run.step(from)): the gradient norm, "
        + "\(short(Robust.median(sign.calm))) until then, was "
        + "\(short(Robust.median(norm.between(from, onset)))) from there on"
    } else if sign.step < onset {
      evidence += "; the loss had been rising since step \(run.step(sign.step))"
    }
    // What is logged from the first sign on is of a run that was lost already.
    let advice =
      ["\(run.resuming(before: sign.step))"]
      + [
        "take \(run.lowerRate(from: sign.step))", run.clipping(at: sign.clip),
      ].compactMap(\.self)
    return Finding(
      Self.self, confidence, onset, run.steps.upperBound, evidence: evidence,
      cause:
        "A step too large, a logarithm or division of zero, or an overflow in 16 bits made one "
        + "number infinite, and every weight after it NaN.",
      advice: advice.joined(separator: "; "), shows: ["loss", "grad_norm", "loss_scale"])
  }

  /// What happened in the rows before.
  private func omens(_ run: RunSignals, _ onset: Double) -> [String] {
    var omens: [String] = []
    if let norm = run.norm {
      let end = norm.index(at: onset)
      let near = norm.highs[max(0, end - before)..<end]
      let usual = Robust.median(norm.values[..<max(0, end - near.count / 2)])
      if let highest = near.max(), highest > 3 * usual, usual > 0 {
        omens.append(
          "the gradient norm rose to \(short(highest)), \(short(highest / usual, 2)) times its "
            + "median"
        )
      }
    }
    if let loss = run.loss {
      let end = loss.signal.index(at: onset)
      let near = loss.signal.highs[max(0, end - before)..<end]
      let usual = Robust.median(loss.signal.values[max(0, end - 4 * before)..<end])
      if let highest = near.max(), highest - usual > max(6 * loss.noise, 0.2 * abs(usual)) {
        omens.append("the loss rose to \(run.number(highest)) from about \(run.number(usual))")
      }
    }
    if let scale = Signal(run.log["loss_scale"]) {
      let (before, at) = (scale.values[0], scale.value(at: onset))
      if at < before / 4 {
        omens.append("the loss scale fell from \(short(before)) to \(short(at))")
      }
    }
    return omens
  }
}
