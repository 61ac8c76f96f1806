/// Examples with their answers, to train on and to validate on: what models of images and of tables
/// learn.
public enum LabelledData: Sendable {
  /// The answers are classes.
  case classes(ClassificationDataset.Split)
  /// The answers are numbers.
  case numbers(RegressionDataset.Split)

  /// The shape of an example.
  public var shape: [Int] {
    switch self {
    case .classes(let split): split.training.shape
    case .numbers(let split): split.training.shape
    }
  }

  /// How many numbers a model gives for an example: a score for each class, or the answer.
  public var outputs: Int {
    switch self {
    case .classes(let split): split.training.classes
    case .numbers: 1
    }
  }
}

/// The column of a table that holds the answers.
public struct AnswerColumn: Sendable, Equatable, Codable {
  /// Its name, if the table has names.
  public var name: String?
  /// Its index from 0.
  public var index: Int

  /// A column.
  public init(name: String?, index: Int) { (self.name, self.index) = (name, index) }
}
