import Descent
import DescentTraining
import Foundation

/// Shows a run: on a terminal a bar that redraws itself, elsewhere a line now and then.
final class Progress: TrainingObserver {
  private let isTerminal: Bool
  private let isQuiet: Bool
  private var facts: RunFacts?
  private var started = ContinuousClock.now
  private var lastDrawn: ContinuousClock.Instant?
  /// The loss and the rate, smoothed so that they can be read.
  private var loss: Double?
  private var itemsPerSecond: Double?

  init(quiet: Bool) {
    isTerminal = isatty(STDOUT_FILENO) == 1
    isQuiet = quiet
  }

  var wantsToStop: Bool { Interrupt.requested }

  func started(_ facts: RunFacts) {
    self.facts = facts
    started = .now
    guard !isQuiet else { return }
    output(
      "\(grouped(facts.parameters)) weights, \(bytes(facts.stateBytes)) of optimizer state, "
        + "\(grouped(facts.steps)) steps"
        + (facts.done > 0 ? ", \(grouped(facts.done)) of them done" : ""))
    for line in facts.summary { output("  \(line)") }
  }

  func stepped(_ observed: TrainingStep) {
    let step = observed.record
    let rate = Double(observed.items) / step.seconds
    loss = loss.map { 0.95 * $0 + 0.05 * step.loss } ?? step.loss
    itemsPerSecond = itemsPerSecond.map { 0.9 * $0 + 0.1 * rate } ?? rate
    guard !isQuiet, let facts else { return }
    for note in observed.notes {
      if isTerminal { output("\r\u{1B}[K", terminator: "") }
      output("step \(step.step)  \(note)")
    }
    let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
    let isLast = step.step == facts.steps
    if let lastDrawn, lastDrawn.duration(to: .now) < interval, !isLast { return }
    lastDrawn = .now
    let elapsed = started.duration(to: .now) / .seconds(1)
    let left = elapsed / Double(step.step - facts.done) * Double(facts.steps - step.step)
    let line =
      "step \(step.step)/\(facts.steps)  loss \(fixed(loss!, 4))  lr \(short(step.learningRate))"
      + "  |g| \(short(step.gradientNorm))\(step.clipped ? " clipped" : "")"
      + "  \(grouped(Int(itemsPerSecond!))) \(facts.unit)/s  \(clock(left)) left"
    if isTerminal {
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
    guard !isQuiet else { return }
    if isTerminal { output("\r\u{1B}[K", terminator: "") }
    let scale = step.nextLossScale.map { "; the loss scale is now \(short($0))" } ?? ""
    output("step \(step.record.step) skipped: \(step.record.cause)\(scale)")
  }

  func evaluated(_ evaluation: Evaluation, after step: Int) {
    guard !isQuiet else { return }
    let accuracy = evaluation.accuracy.map { "  accuracy \(fixed(100 * $0, 2)) %" } ?? ""
    if isTerminal { output("\r\u{1B}[K", terminator: "") }
    let raw = evaluation.lossWithoutAverage.map { "  (\(fixed($0, 4)) without the average)" } ?? ""
    output("after step \(step)  validation loss \(fixed(evaluation.loss, 4))\(accuracy)\(raw)")
  }
}

/// A number with a fixed count of decimals.
func fixed(_ x: Double, _ decimals: Int) -> String { String(format: "%.\(decimals)f", x) }

/// A number in three significant digits.
func short(_ x: Double) -> String { String(format: "%.3g", x) }

/// A count with thousands apart: 804,096.
func grouped(_ n: Int) -> String {
  var digits = String(n)
  var place = digits.count - 3
  while place > 0 {
    digits.insert(",", at: digits.index(digits.startIndex, offsetBy: place))
    place -= 3
  }
  return digits
}

/// A size in bytes, in the unit that suits it.
func bytes(_ n: Int) -> String {
  let units = ["bytes", "KB", "MB", "GB", "TB"]
  var (x, unit) = (Double(n), 0)
  while x >= 1000, unit < units.count - 1 { (x, unit) = (x / 1000, unit + 1) }
  return unit == 0 ? "\(n) bytes" : "\(short(x)) \(units[unit])"
}

/// Minutes and seconds.
func clock(_ seconds: Double) -> String {
  let total = Int(seconds.rounded())
  return total < 60 ? "\(total)s" : "\(total / 60)m\(String(format: "%02d", total % 60))s"
}
