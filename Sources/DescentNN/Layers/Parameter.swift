public import Descent

/// Weights that training changes.
public final class Parameter {
  /// The dotted path in the model, such as `h.0.attn.c_attn.weight`; empty outside one.
  public internal(set) var name = ""

  /// What the parameter is for.
  public let role: ParameterRole

  /// The weights, always of the same shape. Changes in place, as by `value.withMutableSpan`, copy
  /// nothing unless another tensor shares the memory.
  public var value: Tensor {
    get { tensor }
    // An observer that looked at the old value would keep it, and so force a copy.
    _modify {
      let shape = tensor.shape
      defer {
        check(
          tensor.shape == shape,
          "the parameter \(name) has the shape \(shape), not \(tensor.shape)")
        tensor.node = nil
        store()
      }
      yield &tensor
    }
  }
  private var tensor: Tensor

  /// How the weights lie in memory: as floats, or in bfloat16, to which whatever the value is set to is
  /// then rounded. Weights in files stay as they are. A gradient lies in bfloat16 with the weights where
  /// its numbers are of that format: where ``Autocast`` has weights in it, and one use gave all of it.
  public var format = Format.float32 { didSet { store() } }

  /// The formats in which weights lie in memory.
  public enum Format: Sendable { case float32, bfloat16 }

  /// Brings the weights into the format.
  private func store() {
    guard !tensor.isStoredToRead else { return }
    switch (format, tensor.storage.format) {
    case (.bfloat16, .float32): tensor.storage = tensor.storage.rounded()
    case (.float32, .bfloat16): tensor = tensor.copied()
    default: break
    }
  }

  /// Whether training changes the weights. A parameter that is frozen gets no gradient, and the
  /// backward pass leaves out what only its gradient would need. Freezing also forgets the gradient.
  /// To be set between passes; true at first.
  public var isTrainable = true {
    didSet { if !isTrainable { gradient = nil } }
  }

  /// Whether the weights are those of a file that the model is made from: while they are frozen,
  /// checkpoints leave them out.
  package internal(set) var standsInFile = false

  /// The gradient after `Tape.gradients`; nil when the loss did not depend on the parameter, or when
  /// the parameter is frozen. It may be changed, or set to one of the value's shape that was computed
  /// otherwise.
  public var gradient: Tensor? {
    // Without the old value, so that changes in place copy nothing.
    didSet {
      guard let gradient else { return }
      check(
        gradient.shape == tensor.shape,
        "the gradient of the parameter \(name), whose shape is \(tensor.shape), cannot have the "
          + "shape \(gradient.shape)")
      if gradient.node != nil { self.gradient = gradient.detached }
    }
  }

  /// A parameter with initial weights.
  public init(_ value: Tensor, role: ParameterRole) {
    tensor = value.detached
    self.role = role
  }

  /// Forgets the gradient.
  public func clearGradient() { gradient = nil }

  /// Where weights and gradient lie: weights may be changed there, until the parameter's value is set,
  /// or shared and changed.
  ///
  /// Frozen weights that are stored to be read have no place to be changed at.
  package var memory: ParameterMemory<Float> {
    if !isTrainable && tensor.isStoredToRead {
      return ParameterMemory(weights: Parameter.none.freshElements, gradient: nil)
    }
    let isNarrow = gradient?.storage.format == .bfloat16
    let bits = isNarrow ? gradient?.storage.halves : nil
    let floats = isNarrow ? nil : gradient?.elements
    if format == .bfloat16 {
      return ParameterMemory(
        weightBits: tensor.mutableHalves(), gradient: floats, gradientBits: bits)
    }
    var memory = ParameterMemory(weights: tensor.mutableElements(), gradient: floats)
    memory.gradientBits = bits
    return memory
  }
  private static let none = Tensor(uninitialized: [0])
}

extension Parameter {
  /// A parameter with the weights that `draw` makes, or with undefined ones inside ``unset(_:)``.
  static func initial(
    _ shape: [Int], _ role: ParameterRole, _ draw: (_ shape: [Int]) -> Tensor
  ) -> Parameter {
    Parameter(areDrawn ? draw(shape) : Tensor(uninitialized: shape), role: role)
  }

  /// Makes a model whose matrices have undefined weights, which takes neither time nor memory: all of
  /// them are to be loaded next.
  static func unset<Model, E: Error>(_ make: () throws(E) -> Model) throws(E) -> Model {
    let made = $areDrawn.withValue(false) { Result { () throws(E) in try make() } }
    return try made.get()
  }

  @TaskLocal private static var areDrawn = true
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
