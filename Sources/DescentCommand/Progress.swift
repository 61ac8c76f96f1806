import Descent
import DescentLab
import DescentTraining

/// Shows a run: on a terminal a bar that redraws itself, elsewhere a line now and then.
final class Progress: TrainingObserver {
  private let isQuiet: Bool
  private var facts: RunFacts?
  private var started = ContinuousClock.now
  private var lastDrawn: ContinuousClock.Instant?
  /// The loss and the rate, smoothed so that they can be read.
  private var loss: Double?
  private var itemsPerSecond: Double?

  init(quiet: Bool) { isQuiet = quiet }

  var wantsToStop: Bool { Interrupt.requested }

  func started(_ facts: RunFacts) {
    self.facts = facts
    started = .now
    if !isQuiet { output(RunPage.start(facts), isSpaced: false) }
  }

  func stepped(_ step: TrainingStep) {
    let newRate = Double(step.items) / step.seconds
    let loss = self.loss.map { 0.95 * $0 + 0.05 * step.loss } ?? step.loss
    let rate = itemsPerSecond.map { 0.9 * $0 + 0.1 * newRate } ?? newRate
    (self.loss, itemsPerSecond) = (loss, rate)
    guard !isQuiet, let facts else { return }
    for note in step.notes { show("step \(step.step)  \(note)") }
    let interval: Duration = Terminal.isPresent ? .milliseconds(100) : .seconds(5)
    let isLast = step.step == facts.steps
    if let lastDrawn, lastDrawn.duration(to: .now) < interval, !isLast { return }
    lastDrawn = .now
    let elapsed = started.duration(to: .now) / .seconds(1)
    let left = elapsed / Double(step.step - facts.done) * Double(facts.steps - step.step)
    let line =
      "step \(step.step)/\(facts.steps)  loss \(fixed(loss, 4))  lr \(short(step.learningRate))"
      + "  |g| \(short(step.gradientNorm))\(step.clipped ? " clipped" : "")"
      + "  \(rate.isFinite ? grouped(Int(rate)) : "?") \(facts.unit)/s  \(clock(left)) left"
    if Terminal.isPresent {
      let width = 20
      let filled = width * step.step / facts.steps
      let bar =
        String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
      output("\r\u{1B}[K\(bar) \(line)", terminator: isLast ? "\n" : "")
    } else {
      output(line)
    }
  }

  func skipped(_ step: SkippedStep) {
    let scale = step.lossScale.map { "; the loss scale is now \(short(Double($0)))" } ?? ""
    show("step \(step.step) skipped: \(step.cause)\(scale)")
  }

  func evaluated(_ evaluation: Evaluation, after step: Int) {
    let accuracy = evaluation.accuracy.map { "  accuracy \(percent($0, 2))" } ?? ""
    let raw = evaluation.lossWithoutAverage.map { "  (\(fixed($0, 4)) without the average)" } ?? ""
    show("after step \(step)  validation loss \(fixed(evaluation.loss, 4))\(accuracy)\(raw)")
  }

  /// Prints a line in the place of the bar, which comes again with the next step.
  private func show(_ line: String) {
    if !isQuiet { output((Terminal.isPresent ? "\r\u{1B}[K" : "") + line) }
  }
}
