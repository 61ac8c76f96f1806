public import Descent

/// The validation loss rises while the training loss falls.
public struct Overfitting: FindingKind {
  public static let name = "overfitting"
  public static let title = "The model overfits"
  public static let summary =
    "The validation loss rises from its lowest value while the training loss still falls."
  public static let weight = 0.78
  public static let explains: Set = ["plateau", "lr_too_low", "clip_idle", "epoch_sawtooth"]

  /// How far the validation loss rises, over its lowest value.
  public var rise = 0.08
  /// The share of the run that comes after the lowest value, at least.
  public var after = 0.15

  public init() {}

  public static let settings: [Setting<Overfitting>] = [
    .number("rise", \.rise, .above(0), "rise of the validation loss over its lowest value"),
    .number("after", \.after, .open(0, 1), "share of the run after the lowest value"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    guard let validation = run.validation, validation.values.count > 2 else { return nil }
    let values = validation.values
    let window = values.count > 14 ? 3 : 1
    let smooth = validation.smoothed(window)
    guard let place = smooth.indices.min(by: { smooth[$0] < smooth[$1] }) else { return nil }
    let (lowest, step) = (smooth[place], validation.steps[place])
    let end = Robust.median(values.suffix(values.count > 5 ? 3 : 2))
    let noise = values.count > 5 && validation.noise.isFinite ? validation.noise : 0
    let start = smooth[0]
    // What may be zero or negative has no ratio.
    let size = lowest > 0 ? lowest : max(abs(lowest), start - lowest)
    let rise = (end - lowest) / max(size, .leastNormalMagnitude)
    let after = (validation.last - step) / max(run.span, 1)
    guard rise >= self.rise, end - lowest > 4 * noise, after >= self.after else { return nil }
    // Most of the values after the lowest lie above it, and they rise.
    let rest = Array(smooth[place...])
    let slope = Robust.slope(rest.indices.map(Double.init).thinned(60), rest.thinned(60))
    guard rest.count > (values.count > 3 ? 2 : 1), slope > 0 else { return nil }
    var training = "there is no training loss to compare it with"
    var confidence = graded(rise, from: self.rise, to: values.count < 4 ? 0.15 : 0.3, low: 0.6)
    if let loss = run.loss {
      let width = 0.1 * run.span
      let then = Robust.median(loss.signal.between(step - width, step + width))
      let (now, error) = (loss.end, max(loss.error, 0))
      if then.isNaN || now > then + 3 * error {
        // Both rise: that is another fault.
        return nil
      }
      if now > then - 2 * error, then > 0.02 * abs(loss.start) {
        confidence = min(confidence, 0.55)
      }
      training = "the training loss went from \(run.number(then)) to \(run.number(now))"
    } else {
      confidence = min(confidence, 0.6)
    }
    // Few values are little evidence.
    if rest.count < 3 || values.count < 4 { confidence = min(0.8 * confidence, 0.65) }
    return Finding(
      Self.self, confidence, step, validation.last,
      evidence: "the validation loss rose from \(run.number(lowest)) at step \(run.step(step)) to "
        + "\(run.number(end)) at the end (\(percent(rise, 0)) more), while \(training)",
      cause:
        "The model learns its training examples by heart: further gains do not carry over to new "
        + "data.",
      advice:
        "take the weights of step \(run.step(step)) (\(run.isOwn ? "checkpoint.best keeps them" : "load_best_model_at_end in Hugging Face, checkpoint.best here")), and next time stop "
        + "near there; more data, weight_decay=0.1, dropout or a smaller model move the turn",
      shows: ["val_loss", "loss"])
  }
}

extension [Double] {
  /// At most `most` of the values, evenly spaced.
  func thinned(_ most: Int) -> [Double] {
    guard count > most else { return self }
    return (0..<most).map { self[$0 * (count - 1) / (most - 1)] }
  }
}
