public import Descent
internal import DescentCompute

/// Weights that training changes.
public final class Parameter {
  /// The dotted path in the model, such as `h.0.attn.c_attn.weight`; empty outside one.
  public internal(set) var name = ""

  /// What the parameter is for.
  public let role: ParameterRole

  /// The weights.
  public var value: Tensor {
    didSet {
      check(
        value.shape == oldValue.shape,
        "the parameter \(name) has shape \(oldValue.shape), not \(value.shape)")
      value.node = nil
    }
  }

  /// The gradient after `Tape.gradients`; nil when the loss did not depend on the parameter.
  public internal(set) var gradient: Tensor?

  /// A parameter with initial weights.
  public init(_ value: Tensor, role: ParameterRole) {
    self.value = value.detached
    self.role = role
  }

  /// Forgets the gradient.
  public func clearGradient() { gradient = nil }

  /// Calls `body` with the memory of the weights, to be changed in place, and that of the gradient.
  package func withMemory<Result>(
    _ body: (UnsafeMutableBufferPointer<Float>, UnsafeMutableBufferPointer<Float>?) throws -> Result
  ) rethrows -> Result {
    let weights = value.mutableElements()
    let slopes = gradient?.mutableElements()
    return try unsafe body(
      UnsafeMutableBufferPointer(start: weights.base, count: weights.count),
      slopes.map { unsafe UnsafeMutableBufferPointer(start: $0.base, count: $0.count) })
  }
}

/// Numbers that a layer keeps and saves but that no gradient changes, such as running statistics.
public final class Buffer {
  /// The dotted path in the model; empty outside one.
  public internal(set) var name = ""

  /// The numbers.
  public var value: Tensor

  /// A buffer with initial numbers.
  public init(_ value: Tensor) { self.value = value }
}
