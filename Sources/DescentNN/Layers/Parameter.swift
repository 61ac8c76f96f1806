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

  /// Where weights and gradient lie, until one of them is replaced; weights may be changed there.
  package var memory: ParameterMemory<Float> {
    ParameterMemory(weights: value.mutableElements(), gradient: gradient?.elements)
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
