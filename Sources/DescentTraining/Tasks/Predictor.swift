import DescentCompute
import DescentNN

/// A model that answers examples.
public protocol Predictor: Module {
  /// Examples of shape [batch, ...] → [batch, outputs]: the logits of classes, or the numbers that are
  /// predicted.
  func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor
}

/// A kind of model that learns the answers of examples: classes or numbers.
public protocol PredictorKind: ModelKind where Dataset == LabelledData {
  /// What it takes to train the model, at least.
  func size(shape: [Int], outputs: Int) -> ModelSize
  /// The model with random weights, for examples of `shape`, with `outputs` numbers for each: one a
  /// class, or one that is predicted.
  func makeModel(
    shape: [Int], outputs: Int, random: inout RandomStream
  ) throws -> any Predictor
}

extension PredictorKind {
  /// True: it has one where it learns classes.
  public static var reportsAccuracy: Bool { true }

  /// That for its examples and answers.
  public func size(for data: LabelledData) -> ModelSize? {
    size(shape: data.shape, outputs: data.outputs)
  }

  /// A ``Classification`` or a ``Regression``.
  public func makeTask(_ data: LabelledData, seed: UInt64) throws -> any TrainingTask {
    func model(_ random: inout RandomStream) throws -> any Predictor {
      try makeModel(shape: data.shape, outputs: data.outputs, random: &random)
    }
    switch data {
    case .classes(let split): return try Classification(split, seed: seed, makeModel: model)
    case .numbers(let split): return try Regression(split, seed: seed, makeModel: model)
    }
  }
}
