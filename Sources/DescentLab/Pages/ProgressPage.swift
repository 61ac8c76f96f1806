import Descent
public import DescentTraining

/// What stands on the terminal while a run goes on.
public enum ProgressPage {
  /// Sentences about a step that say more than its numbers do.
  public static func notes(_ step: TrainingStep) -> [String] {
    step.notes + (closure(step.record).map { [$0] } ?? [])
  }

  /// How a method that evaluates the loss itself went on.
  package static func closure(_ record: StepRecord) -> String? {
    guard let exit = record.exit, let iterations = record.iterations,
      let evaluations = record.evaluations, let finalLoss = record.finalLoss
    else { return nil }
    return "\(counted(iterations, "iteration")), \(counted(evaluations, "evaluation")), "
      + "loss \(short(record.loss)) → \(short(finalLoss)); \(exit)"
  }

  /// A step in one line, which fits into the width of a terminal.
  public struct Line: Sendable {
    /// Steps done.
    public var step: Int
    /// Steps of the run.
    public var steps: Int
    /// The loss, smoothed.
    public var loss: Double
    /// The learning rate of the step.
    public var learningRate: Double
    /// The norm of the gradients.
    public var gradientNorm: Double
    /// Whether they were clipped.
    public var isClipped: Bool
    /// Items a second.
    public var rate: Double
    /// What items are.
    public var unit: String
    /// Seconds until the end.
    public var secondsLeft: Double
    /// d, of rules that estimate it: one, or one for each group.
    public var estimates: [Double]

    /// A line.
    public init(
      step: Int, steps: Int, loss: Double, learningRate: Double, gradientNorm: Double,
      isClipped: Bool, rate: Double, unit: String, secondsLeft: Double, estimates: [Double] = []
    ) {
      (self.step, self.steps, self.loss) = (step, steps, loss)
      (self.learningRate, self.gradientNorm) = (learningRate, gradientNorm)
      (self.isClipped, self.rate, self.unit) = (isClipped, rate, unit)
      (self.secondsLeft, self.estimates) = (secondsLeft, estimates)
    }

    /// All of it, without a bar.
    public var text: String { fields(hasNorm: true, hasRate: true) }

    /// The step sizes that Prodigy and D-Adaptation estimate, from the diagnostics of a step: `d`, or
    /// `d.<group>` where each group has its own.
    public static func estimates(_ diagnostics: [String: Double]) -> [Double] {
      diagnostics.filter { $0.key == "d" || $0.key.hasPrefix("d.") }.map(\.value).sorted()
    }

    /// Behind a bar, in less than `width` columns: a narrow terminal gets a shorter bar, then no norm
    /// of the gradients, then no learning rate.
    public func text(width: Int) -> String {
      let room = max(1, width - 1)
      for (hasNorm, hasRate) in [(true, true), (false, true), (false, false)] {
        let fields = fields(hasNorm: hasNorm, hasRate: hasRate)
        let bar = min(20, room - fields.count - 1)
        if bar >= 5 { return "\(self.bar(bar)) \(fields)" }
      }
      return String(fields(hasNorm: false, hasRate: false).prefix(room))
    }

    private func fields(hasNorm: Bool, hasRate: Bool) -> String {
      let rate = self.rate.isFinite ? grouped(Int(self.rate)) : "?"
      return [
        "step \(step)/\(steps)", "loss \(fixed(loss, 4))",
        hasRate ? "lr \(short(learningRate))" : nil, hasRate ? estimate : nil,
        hasNorm ? "|g| \(short(gradientNorm))\(isClipped ? " clipped" : "")" : nil,
        "\(rate) \(unit)/s", "\(clock(secondsLeft)) left",
      ].compactMap { $0 }.joined(separator: "  ")
    }

    /// `d 1.2e-05`, or the smallest and the largest.
    private var estimate: String? {
      guard let least = estimates.min(), let most = estimates.max() else { return nil }
      let (low, high) = (short(least), short(most))
      return low == high ? "d \(low)" : "d \(low) to \(high)"
    }

    private func bar(_ width: Int) -> String {
      let filled = steps > 0 ? min(width, width * step / steps) : width
      return String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    }
  }
}
