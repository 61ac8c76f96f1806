import Descent
import DescentLab
import DescentTraining

/// Shows a run: on a terminal a bar that redraws itself, elsewhere, also where nobody wants control
/// characters, a line now and then.
final class Progress: TrainingObserver {
  private let isQuiet: Bool
  private var facts: RunFacts?
  private var started = ContinuousClock.now
  private var lastDrawn: ContinuousClock.Instant?
  /// The loss and the rate, smoothed so that they can be read.
  private var loss: Double?
  private var itemsPerSecond: Double?
  private var validationLoss: Double?
  /// The share of clipped steps among the last ones, about fifty.
  private var clippedShare = 0.0
  /// Steps that were seen, skipped ones not counted.
  private var seen = 0

  init(quiet: Bool) { isQuiet = quiet }

  var wantsToStop: Bool { Interrupt.requested || StandardOutput.failure != nil }

  func started(_ facts: RunFacts) {
    self.facts = facts
    started = .now
    if !isQuiet { output(RunPage.start(facts), isSpaced: false) }
  }

  func stepped(_ observed: TrainingStep) {
    let step = observed.record
    let newRate = Double(observed.items) / step.seconds
    let loss = self.loss.map { 0.95 * $0 + 0.05 * step.loss } ?? step.loss
    let rate = itemsPerSecond.map { 0.9 * $0 + 0.1 * newRate } ?? newRate
    (self.loss, itemsPerSecond) = (loss, rate)
    seen += 1
    clippedShare += ((step.clipped ? 1 : 0) - clippedShare) / Double(min(seen, 50))
    guard !isQuiet, let facts else { return }
    for note in ProgressPage.notes(observed) { show("step \(step.step): \(note)") }
    let interval: Duration = Terminal.redraws ? .milliseconds(100) : .seconds(5)
    let isLast = step.step == facts.steps
    if let lastDrawn, lastDrawn.duration(to: .now) < interval, !isLast { return }
    lastDrawn = .now
    let elapsed = started.duration(to: .now) / .seconds(1)
    // A run that goes back has seen more steps than it has done.
    let left = elapsed / Double(seen) * Double(facts.steps - step.step)
    let line = ProgressPage.Line(
      step: step.step, steps: facts.steps, loss: loss, validationLoss: validationLoss,
      learningRate: step.learningRate, gradientNorm: step.gradientNorm,
      clippedShare: clippedShare < 0.005 ? 0 : clippedShare, rate: rate, unit: facts.unit,
      secondsLeft: left, estimates: ProgressPage.Line.estimates(step.diagnostics),
      lossScale: step.lossScale)
    if Terminal.redraws {
      let text = line.text(width: Terminal.width ?? 80)
      output("\r\u{1B}[K\(text)", terminator: isLast ? "\n" : "")
    } else {
      output(line.text)
    }
  }

  func skipped(_ step: SkippedStep) {
    let scale = step.nextLossScale.map { "; the loss scale is now \(short($0))" } ?? ""
    show("step \(step.record.step) skipped: \(step.record.cause)\(scale)")
  }

  func wentBack(_ spike: SpikeRecord) {
    show(
      "step \(spike.step) was a spike: its update's norm is \(short(spike.updateNorm)), the median "
        + "\(short(spike.median)); back to step \(spike.goneBackTo), with the batches that follow")
  }

  func warned(_ sentence: String) { writeError("Warning: \(sentence)") }

  func evaluated(_ evaluation: Evaluation, after step: Int) {
    validationLoss = evaluation.loss
    let accuracy = evaluation.accuracy.map { "  accuracy \(percent($0, 2))" } ?? ""
    let errors = evaluation.errors.map { "  \(RunPage.errors($0))" } ?? ""
    let others = RunPage.measures(evaluation).map { "  \($0)" }.joined()
    let raw =
      evaluation.lossWithoutAverage.map { "  (loss \(fixed($0, 4)) without the average)" } ?? ""
    let time = step == 0 ? "before training" : "after step \(step)"
    show(
      "\(time)  validation loss \(fixed(evaluation.loss, 4))\(accuracy)\(errors)\(others)\(raw)")
  }

  /// Prints a line in the place of the bar, which comes again with the next step.
  private func show(_ line: String) {
    if !isQuiet { output((Terminal.redraws ? "\r\u{1B}[K" : "") + line) }
  }
}
