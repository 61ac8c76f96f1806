/// An elementwise rule for gradients that a ``Preconditioner`` has multiplied by a layer's curvature:
/// K-FAC. An ``Optimizer`` refuses to be made with one and without the other.
public protocol LayerRule: ElementwiseRule {}

/// Changes gradients before a rule sees them, with what it has seen of the layers: K-FAC's
/// curvature.
///
/// An optimizer calls it between the schedule and the update of a step, with finite gradients only.
public protocol Preconditioner<S>: AnyObject {
  associatedtype S
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
  @unsafe
  func precondition(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, of parameters: [ParameterInfo],
    for rule: any Rule, scale: Double, learningRate: (Int) -> Double
  ) -> (memory: [ParameterMemory<S>], report: PreconditionerReport)

  /// Forgets what was seen for the present step, whose gradients were refused.
  func discard()

  /// The bytes of what it remembers.
  var stateBytes: Int { get }
  /// A copy of all that it remembers between steps, under names that begin with `preconditioner/`.
  var saved: [StoredTensor] { get }
  /// Goes on from what was saved.
  ///
  /// - Throws: the first thing that does not fit; then nothing was changed.
  func restore(_ saved: [StoredTensor]) throws(StateMismatch)
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
