import DescentNN

/// What an evaluation of a trained model found.
public enum EvaluationReport: Sendable, Equatable {
  /// Of a model that tells classes apart.
  case classes(ClassificationReport)
  /// Of a model that predicts numbers.
  case numbers(RegressionReport)
  /// Of a language model.
  case text(TextEvaluation)
  /// Of an agent.
  case agent(AgentReport)
  /// Of a model that makes images.
  case images(ImageReport)
}

// MARK: - Classes

/// How well examples are told apart.
public struct ClassificationReport: Sendable, Equatable {
  /// The mean cross-entropy, in nats.
  public let loss: Double
  /// The number of examples.
  public let examples: Int
  /// What the classes are called.
  public let classNames: [String]
  /// How often examples of a class were taken for one, where that is not never.
  public let counts: [Cell: Int]
  /// How many examples were taken for nothing, since a score was not finite.
  public let undecided: Int

  /// A pair of classes.
  public struct Cell: Sendable, Hashable {
    /// The class that is right.
    public let actual: Int
    /// The class that an example was taken for.
    public let predicted: Int

    /// A pair of classes.
    public init(actual: Int, predicted: Int) { (self.actual, self.predicted) = (actual, predicted) }
  }

  /// How well a class is recognized.
  public struct Class: Sendable, Equatable {
    /// What it is called.
    public let name: String
    /// The number of its examples.
    public let examples: Int
    /// The number of examples that were taken for it.
    public let predicted: Int
    /// Those of both.
    public let right: Int

    /// The share of what was taken for it that is of it: right / predicted; nil where nothing was.
    public var precision: Double? { share(right, of: predicted) }
    /// The share of its examples that were recognized: right / examples; nil where there are none.
    public var recall: Double? { share(right, of: examples) }
    /// 2·right / (examples + predicted), the harmonic mean of precision and recall; nil where the
    /// class does not occur.
    public var f1: Double? { share(2 * right, of: examples + predicted) }

    private func share(_ part: Int, of whole: Int) -> Double? {
      whole == 0 ? nil : Double(part) / Double(whole)
    }
  }

  /// The share of right answers.
  public var accuracy: Double {
    Double(counts.reduce(0) { $0 + ($1.key.actual == $1.key.predicted ? $1.value : 0) })
      / Double(examples)
  }

  /// Every class, in order.
  public var classes: [Class] {
    var (examples, predicted, right) = (
      [Int](repeating: 0, count: classNames.count), [Int](repeating: 0, count: classNames.count),
      [Int](repeating: 0, count: classNames.count)
    )
    for (cell, count) in counts {
      examples[cell.actual] += count
      predicted[cell.predicted] += count
      if cell.actual == cell.predicted { right[cell.actual] += count }
    }
    return classNames.indices.map {
      Class(
        name: classNames[$0], examples: examples[$0], predicted: predicted[$0], right: right[$0])
    }
  }

  /// What was taken for something else, the most frequent first.
  public var mistakes: [(cell: Cell, count: Int)] {
    counts.filter { $0.key.actual != $0.key.predicted }
      .map { (cell: $0.key, count: $0.value) }
      .sorted {
        ($1.count, $0.cell.actual, $0.cell.predicted)
          < ($0.count, $1.cell.actual, $1.cell.predicted)
      }
  }
}

/// Counts how examples are told apart, batch by batch.
package struct ClassificationTally {
  private var lossSum = 0.0
  private(set) var examples = 0
  private var right = 0
  private var counts: [ClassificationReport.Cell: Int] = [:]
  private var undecided = 0

  package init() {}

  /// The mean loss, in nats.
  var loss: Double { lossSum / Double(examples) }
  /// The share of right answers.
  package var accuracy: Double { Double(right) / Double(examples) }

  /// Counts a batch.
  package mutating func add(_ logits: Tensor, _ labels: IndexTensor) {
    lossSum += Double(logits.crossEntropy(labels).scalar) * Double(labels.scalars.count)
    let labels = labels.scalars
    examples += labels.count
    for (label, predicted) in zip(labels, logits.largestInRows) {
      // Among scores that are not finite none is the largest.
      guard let predicted else {
        undecided += 1
        continue
      }
      if predicted == Int(label) { right += 1 }
      counts[.init(actual: Int(label), predicted: predicted), default: 0] += 1
    }
  }

  package func report(classNames: [String]) -> ClassificationReport {
    ClassificationReport(
      loss: loss, examples: examples, classNames: classNames, counts: counts, undecided: undecided)
  }
}

extension Tensor {
  /// The place of the largest number in each row of a matrix, the first of equal ones; nil where not
  /// all are finite.
  var largestInRows: [Int?] {
    let columns = shape.last ?? 1
    return withSpan { x in
      (0..<x.count / Swift.max(1, columns)).map { row in
        var best = 0
        for column in 0..<columns {
          let value = x[row * columns + column]
          if !value.isFinite { return nil }
          if value > x[row * columns + best] { best = column }
        }
        return best
      }
    }
  }
}

// MARK: - Numbers

/// How far predictions are from their targets, in the targets' unit.
public struct RegressionErrors: Sendable, Equatable {
  /// The root of the mean squared error: √(1/n Σ (ŷ − y)²).
  public let rootMeanSquare: Double
  /// The mean absolute error: 1/n Σ |ŷ − y|.
  public let meanAbsolute: Double
  /// R² = 1 − Σ (ŷ − y)² / Σ (y − ȳ)²: 1 for exact predictions, 0 for what always predicts the mean
  /// of these targets; nil where the targets do not differ.
  public let determination: Double?

  /// Errors that were measured.
  public init(rootMeanSquare: Double, meanAbsolute: Double, determination: Double?) {
    (self.rootMeanSquare, self.meanAbsolute) = (rootMeanSquare, meanAbsolute)
    self.determination = determination
  }
}

/// How well numbers are predicted.
public struct RegressionReport: Sendable, Equatable {
  /// The mean squared error of the standardized targets, which is what training makes small.
  public let loss: Double
  /// The errors in the targets' unit.
  public let errors: RegressionErrors
  /// The number of examples.
  public let examples: Int
  /// What the target is called, if known.
  public let target: String?
}

/// Adds up errors of predictions, batch by batch.
package struct RegressionTally {
  private let scale: TargetScale
  private(set) var examples = 0
  private var (squares, magnitudes, losses) = (0.0, 0.0, 0.0)
  /// The mean of the targets so far, and the sum of their squared distances from it.
  private var (mean, distances) = (0.0, 0.0)

  package init(_ scale: TargetScale) { self.scale = scale }

  /// Adds a batch: predictions as they come from the model, targets in their unit.
  package mutating func add(_ predictions: Tensor, _ targets: [Double]) {
    for (prediction, target) in zip(predictions.scalars, targets) {
      let z = Double(prediction)
      let error = scale.restored(z) - target
      let lost = z - scale.standardized(target)
      squares += error * error
      magnitudes += abs(error)
      losses += lost * lost
      examples += 1
      let distance = target - mean
      mean += distance / Double(examples)
      distances += distance * (target - mean)
    }
  }

  package func report(_ format: ExampleFormat) -> RegressionReport {
    let n = Double(examples)
    let errors = RegressionErrors(
      rootMeanSquare: (squares / n).squareRoot(), meanAbsolute: magnitudes / n,
      determination: distances > 0 ? 1 - squares / distances : nil)
    return RegressionReport(
      loss: losses / n, errors: errors, examples: examples, target: format.answerColumn?.name)
  }
}
