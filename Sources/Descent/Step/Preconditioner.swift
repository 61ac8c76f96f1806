/// Changes gradients before a rule sees them, with what it has seen of the layers: K-FAC's
/// curvature. What it remembers is saved under names that begin with `preconditioner/`.
///
/// An optimizer calls it between the schedule and the update of a step, with finite gradients only.
public protocol Preconditioner<S>: AnyObject, Savable {
  associatedtype S: Scalar
  /// The gradients to use.
  ///
  /// - Parameters:
  ///   - memory: weights and gradients in the order of `parameters`.
  ///   - parameters: what they are.
  ///   - rule: the rule with the hyperparameters of this step.
  ///   - scale: what the optimizer will multiply all gradients by: its clip coefficient.
  ///   - learningRate: η of the parameter with this index.
  /// - Returns: `memory` with other gradients, which stay valid until the next call, and what was
  ///   done.
  func precondition(
    _ memory: [ParameterMemory<S>], of parameters: [ParameterInfo],
    for rule: any Rule, scale: Double, learningRate: (Int) -> Double
  ) -> (memory: [ParameterMemory<S>], report: PreconditionerReport)

  /// Forgets what was seen for the present step, whose gradients were refused.
  func discard()

  /// The bytes of what it remembers.
  var stateBytes: Int { get }
}

/// What a ``Preconditioner`` did in a step.
public struct PreconditionerReport: Sendable, Equatable {
  /// ν: what the preconditioned gradients were multiplied by.
  public var coefficient = 1.0
  /// The layers whose statistics were not finite or whose decomposition failed in this step; their
  /// last good ones stay in use.
  public var failures: [String] = []
  /// The layers that had a gradient and should have shown their inputs, but did not.
  public var unseen: [String] = []

  /// Nothing happened yet.
  public init() {}
}
