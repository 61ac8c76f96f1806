import Descent
import DescentCompute
import DescentNN
import Foundation

/// A run whose model is to be used: its recipe, and the checkpoint with the weights to use.
struct TrainedRun {
  let directory: RunDirectory
  /// The recipe as it lies in the run's folder.
  let recipe: Recipe
  let yaml: String
  let checkpoint: Checkpoint
  /// Why newer checkpoints were passed over: one sentence each.
  let passedOver: [String]

  /// The run in the folder `path` with its newest weights that can be read, averaged where it
  /// averages; or the run of the checkpoint `path` with its weights.
  ///
  /// - Throws: ``RunError``, ``RecipeError``, ``DataError``, and errors of reading.
  init(_ path: String) throws {
    let (directory, name) = try RunDirectory.find(path)
    self.directory = directory
    yaml = try Recipe.text(of: directory.recipe.relativePath)
    recipe = try Recipe(yaml: yaml)
    if let name {
      checkpoint = try Checkpoint(directory.checkpoints.appendingPathComponent(name))
      try checkpoint.verify()
      passedOver = []
    } else {
      let found = try Checkpoint.newestWeights(of: directory)
      (checkpoint, passedOver) = (found.checkpoint, found.passedOver.map(\.reason))
    }
    if let threads = recipe.run.threads { ThreadPool.shared.setThreads(threads) }
  }

  /// Runs `body` with the numbers that the run computes with.
  func use<Result>(_ body: () throws -> Result) rethrows -> Result {
    try Autocast.run(
      in: recipe.run.precision.format, weights: recipe.plan.weights.used, body)
  }

  /// The model of a run that has learned the answers of examples; nil for one of another kind.
  func predictor() throws -> TrainedPredictor? {
    guard let kind = recipe.model as? any PredictorKind else { return nil }
    let format = try ExampleFormat(of: directory)
    try kind.size(shape: format.shape, outputs: format.outputs)
      .requireMemory(forModelOf: directory)
    var random = RandomStream(seed: 0, stream: RandomPurpose.weights)
    let network = try kind.makeModel(
      shape: format.shape, outputs: format.outputs, random: &random)
    try checkpoint.loadWeights(into: network)
    return TrainedPredictor(network: network, format: format)
  }
}

/// A model that has learned the answers of examples, with what is made of these before they go into
/// it.
struct TrainedPredictor {
  let network: any Predictor
  let format: ExampleFormat

  /// What the model gives for examples, a row each: logits, or standardized numbers.
  func outputs(_ features: [Float]) -> Tensor {
    var features = features
    format.standardization.apply(to: &features)
    let count = features.count / format.exampleSize
    return network(Tensor(shape: [count] + format.shape, scalars: features), .inference)
  }

  /// How many examples go through the model at once.
  static let batch = 256
}
