import DescentCompute
import Foundation

/// What a model and its training take, at least: counted before anything is made, and in floating
/// point, so that no product overflows.
public struct ModelSize: Sendable, Equatable {
  /// The number of weights.
  public var weights: Double
  /// The number of tensors that hold them.
  public var tensors: Double
  /// The numbers in an example, answers included.
  public var example: Double
  /// The numbers that come out of the model for an example.
  public var outputs: Double
  /// The numbers that the forward pass of an example keeps for the backward pass.
  public var kept: Double

  /// A size of which every number is a lower bound.
  public init(
    weights: Double, tensors: Double, example: Double, outputs: Double, kept: Double
  ) {
    (self.weights, self.tensors) = (weights, tensors)
    (self.example, self.outputs, self.kept) = (example, outputs, kept)
  }

  /// The bytes of the model alone, where nothing trains it: weights, and what a tensor takes
  /// besides.
  var modelBytes: Double { 4 * weights + 256 * tensors }

  /// Refuses the model of a run that the memory cannot hold: the files in the run's folder may have
  /// been changed.
  func requireMemory(forModelOf run: RunDirectory) throws(RecipeError) {
    if modelBytes > Double(Machine.memory) {
      throw RecipeError(problems: [
        "the model of \(run.recipe.relativePath) would need at least \(Amount.bytes(modelBytes)) of "
          + "memory, and there are \(Amount.bytes(Double(Machine.memory)))"
      ])
    }
  }
}
