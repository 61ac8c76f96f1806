/// A record of one computation, from which the derivatives of its result are computed once.
///
/// ```swift
/// let tape = Tape()
/// let x = tape.watch(Tensor(3))
/// let y = x * x
/// let gradients = tape.gradients(of: y)  // the tape is used up
/// gradients[x]                           // 6
/// ```
///
/// Operations record themselves when one of their inputs is watched, or came from one that is.
/// A tape belongs to one thread; its operations use all threads inside. It lives in a function: what a
/// call uses up cannot be a global.
public struct Tape: ~Copyable {
  let nodes = TapeNodes()

  /// An empty tape.
  public init() {}

  deinit { nodes.clear() }

  /// How many operations are on the tape.
  package var operations: Int { nodes.operations }

  /// The same numbers as `x`, as a tensor whose gradient is wanted.
  public func watch(_ x: Tensor) -> Tensor {
    var y = x.detached
    y.node = nodes.leaf(shape: x.shape, parameter: nil)
    return y
  }

  /// A context that runs layers on this tape, and lets `observer` see them.
  public func context(
    training: Bool = true, seed: UInt64 = 0, observer: (any LayerObserver)? = nil
  ) -> Context {
    Context(training: training, seed: seed, tape: nodes, observer: observer)
  }

  /// Computes the derivatives of `loss` with respect to everything watched, and frees what was
  /// recorded.
  ///
  /// The gradient of every trainable parameter that was used is left in `Parameter.gradient`.
  ///
  /// - Parameters:
  ///   - loss: A tensor with one element.
  ///   - scale: What the gradients are multiplied by, through ∂L/∂loss = scale: 1/k for the mean
  ///     over k accumulated batches, or a loss scale.
  ///   - accumulating: Whether the gradients are added to those that the parameters have already.
  ///   - whenComplete: Called with each parameter as soon as its gradient is complete, while the
  ///     backward pass continues: the parameter may be changed, and its gradient cleared.
  @discardableResult
  public consuming func gradients(
    of loss: Tensor, scale: Float = 1, accumulating: Bool = false,
    whenComplete: ((Parameter) -> Void)? = nil
  ) -> Gradients {
    check(
      loss.count == 1, "gradients are those of a single number, not of the shape \(loss.shape)")
    check(
      loss.node?.tape === nodes,
      "this tape did not record the loss: it must follow from a watched tensor, or from a trainable "
        + "parameter through the tape's context")
    return nodes.backward(
      from: loss.node!, seed: Tensor(repeating: scale, shape: loss.shape),
      accumulating: accumulating, whenComplete: whenComplete)
  }
}

/// The gradients of the tensors that were watched; those of parameters are in
/// `Parameter.gradient`.
public struct Gradients: Sendable {
  var byNode: [ObjectIdentifier: Tensor] = [:]
  // Keeps the identities of the nodes from being used again.
  var nodes: [TapeNode] = []

  /// The gradient of a tensor that `Tape.watch` gave; nil when the loss does not depend on it.
  public subscript(x: Tensor) -> Tensor? { x.node.flatMap { byNode[ObjectIdentifier($0)] } }
}
