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
    /// The last validation loss.
    public var validationLoss: Double?
    /// The learning rate of the step.
    public var learningRate: Double
    /// The norm of the gradients.
    public var gradientNorm: Double
    /// The share of the last steps whose gradients were clipped, from 0 to 1.
    public var clippedShare: Double
    /// Items a second.
    public var rate: Double
    /// What items are.
    public var unit: String
    /// Seconds until the end.
    public var secondsLeft: Double
    /// d, of rules that estimate it: one, or one for each group.
    public var estimates: [Double]
    /// What the loss is multiplied by, for fp16.
    public var lossScale: Double?

    /// A line.
    public init(
      step: Int, steps: Int, loss: Double, validationLoss: Double? = nil, learningRate: Double,
      gradientNorm: Double, clippedShare: Double, rate: Double, unit: String, secondsLeft: Double,
      estimates: [Double] = [], lossScale: Double? = nil
    ) {
      (self.step, self.steps) = (step, steps)
      (self.loss, self.validationLoss) = (loss, validationLoss)
      (self.learningRate, self.gradientNorm) = (learningRate, gradientNorm)
      (self.clippedShare, self.rate, self.unit) = (clippedShare, rate, unit)
      (self.secondsLeft, self.estimates, self.lossScale) = (secondsLeft, estimates, lossScale)
    }

    /// All of it, without a bar.
    public var text: String { Self.joined(fields) }

    /// The step sizes that Prodigy and D-Adaptation estimate, from the diagnostics of a step: `d`, or
    /// `d.<group>` where each group has its own.
    public static func estimates(_ diagnostics: [String: Double]) -> [Double] {
      diagnostics.filter { $0.key == "d" || $0.key.hasPrefix("d.") }.map(\.value).sorted()
    }

    /// Behind a bar, in less than `width` columns. A narrow terminal gets a shorter bar, then no norm of
    /// the gradients, no loss scale, no learning rate and so on, and the step last of all.
    public func text(width: Int) -> String {
      let room = max(1, width - 1)
      var fields = fields
      while true {
        let text = Self.joined(fields)
        let bar = min(20, room - text.count - 1)
        if bar >= 5 { return "\(self.bar(bar)) \(text)" }
        if fields.allSatisfy({ $0.rank == 0 }) { break }
        let least = fields.map(\.rank).max() ?? 0
        fields.removeAll { $0.rank == least }
      }
      // Without a bar there is room for more.
      fields = self.fields
      while fields.count > 1, Self.joined(fields).count > room {
        let least = fields.map(\.rank).max() ?? 0
        guard let index = fields.lastIndex(where: { $0.rank == least }) else { break }
        fields.remove(at: index)
      }
      return String(Self.joined(fields).prefix(room))
    }

    /// A part of the line; where there is no room, that of the highest rank goes first.
    private typealias Field = (rank: Int, text: String)

    private static func joined(_ fields: [Field]) -> String {
      fields.map(\.text).joined(separator: "  ")
    }

    private var fields: [Field] {
      let rate = self.rate.isFinite ? grouped(Int(min(max(self.rate, 0), 1e15))) : "?"
      let share = clippedShare > 0 ? " clipped \(percent(clippedShare, 0))" : ""
      let fields: [Field?] = [
        (0, "step \(step)/\(steps)"), (0, "loss \(fixed(loss, 4))"),
        validationLoss.map { (2, "val \(fixed($0, 4))") },
        (4, "lr \(short(learningRate))"), estimate.map { (3, $0) },
        (6, "|g| \(short(gradientNorm))\(share)"),
        lossScale.map { (5, "scale \(!($0 >= 1 && $0 < 1e15) ? short($0) : grouped(Int($0)))") },
        (1, "\(rate) \(unit)/s"), (0, "\(clock(secondsLeft)) left"),
      ]
      return fields.compactMap { $0 }
    }

    /// `d 1.2e-05`, or the smallest and the largest.
    private var estimate: String? {
      guard let least = estimates.min(), let most = estimates.max() else { return nil }
      let (low, high) = (short(least), short(most))
      return low == high ? "d \(low)" : "d \(low) to \(high)"
    }

    private func bar(_ width: Int) -> String {
      Terminal.bar(steps > 0 ? Double(step) / Double(steps) : 1, width)
    }
  }
}
