import Descent
import DescentNN

/// A task whose model makes images.
public protocol ImageMaking: TrainingTask {
  /// Images that the model makes with its present weights, in one picture.
  ///
  /// - Parameter seed: the same seed gives the same images.
  func images(seed: UInt64) -> TrainingSample.Image
}

extension ImageMaking {
  /// Always images of the same seed.
  public func samples(batchSize: Int) -> [TrainingSample] { [.image(images(seed: 0))] }
}

/// Images that the model of a run makes.
public struct MadeImages: Sendable {
  /// All of them in one picture.
  public let image: TrainingSample.Image
  /// Why newer checkpoints were passed over: one sentence each.
  public let passedOver: [String]

  /// Has the newest weights of a run, or those of a checkpoint, make images.
  ///
  /// - Parameters:
  ///   - path: the run's folder, or one of its checkpoints.
  ///   - seed: the same seed gives the same images.
  /// - Throws: ``RunError`` for a model that makes none; errors of reading.
  public init(_ path: String, seed: UInt64 = 0) throws {
    let run = try TrainedRun(path)
    let kind = type(of: run.recipe.model)
    guard kind.makesImages, let task = try run.recipe.makeTask() as? any ImageMaking else {
      let others = ModelKinds.all.filter { $0.makesImages }.map { $0.name }
      throw RunError.notUsable(
        run.directory.path, kind: kind.name,
        advice: "images are made by models of the kinds \(others.joined(separator: " and "))")
    }
    try run.checkpoint.loadWeights(into: task.model)
    image = run.use { task.images(seed: seed) }
    passedOver = run.passedOver
  }
}
