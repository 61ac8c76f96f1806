/// A method that evaluates the loss itself, at work on named parameters: what an ``Optimizer`` runs
/// for a rule that needs evaluations. All trainable parameters form one vector.
public protocol ClosureMethod<S>: AnyObject, Savable {
  associatedtype S: Scalar
  /// Takes the hyperparameters for the step to come: those of `rule`, which made the method.
  func take(_ rule: any Rule)
  /// Moves the weights.
  ///
  /// - Parameters:
  ///   - memory: one entry for each parameter; a gradient of nil counts as zeros.
  ///   - evaluate: computes the loss for the weights that are in memory, and writes the gradients
  ///     there. When it throws, the last accepted weights are put back.
  /// - Throws: what `evaluate` throws; ``OptimizerError`` for memory that does not fit the parameters.
  func step(
    _ memory: [ParameterMemory<S>], evaluate: () throws -> Double
  ) throws -> ClosureReport
  /// The bytes of state.
  var stateBytes: Int { get }
}

/// What one step of a ``ClosureMethod`` did.
public struct ClosureReport: Sendable, Equatable {
  /// Why the step ended.
  public enum Exit: String, Sendable, Equatable, CaseIterable, CustomStringConvertible {
    /// The gradient is zero within the tolerance.
    case gradientTolerance = "gradient_tolerance"
    /// No weight moved by more than the tolerance.
    case weightTolerance = "weight_tolerance"
    /// The loss changed by less than the tolerance.
    case lossTolerance = "loss_tolerance"
    /// The direction no longer descends.
    case noDescent = "no_descent"
    case iterations
    case evaluations
    /// The loss or the gradient is not finite where the step began.
    case nonFiniteStart = "non_finite_start"
    /// No step along the direction gave finite values.
    case nonFiniteTrial = "non_finite_trial"

    /// One plain sentence.
    public var description: String {
      switch self {
      case .gradientTolerance: "the gradient is below tolerance_grad: this is a stationary point"
      case .weightTolerance: "no weight moved by more than tolerance_change"
      case .lossTolerance: "the loss changed by less than tolerance_change"
      case .noDescent: "the direction no longer descends by more than tolerance_change"
      case .iterations: "max_iter iterations were made"
      case .evaluations: "max_eval evaluations were made"
      case .nonFiniteStart:
        "the loss or the gradient is not finite at the start; the weights were not moved from the "
          + "last good point"
      case .nonFiniteTrial:
        "the loss or the gradient is not finite along the direction; the weights stay at the last "
          + "good point"
      }
    }
  }

  /// The loss where the step began.
  public let entryLoss: Double
  /// The last loss that was accepted. Without a line search the last of the iterates is not
  /// evaluated, and this is the loss before it.
  public let finalLoss: Double
  /// Iterations of this step.
  public let iterations: Int
  /// Evaluations of this step.
  public let evaluations: Int
  /// Why it ended.
  public let exit: Exit
  /// Whether the weights moved.
  public let moved: Bool
}
