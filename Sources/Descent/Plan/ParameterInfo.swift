/// What a parameter is for: chooses its group, its decay, and later its storage and its rule.
public enum ParameterRole: String, Sendable, CaseIterable {
  /// The matrix of a hidden layer.
  case matrix
  /// The kernels of a convolution.
  case convolution
  /// A table with one row for each token or position.
  case embedding
  /// The matrix that gives the outputs.
  case head
  /// A normalization's gain.
  case norm
  /// Anything that is added.
  case bias
  /// Anything else.
  case other
}

/// A named parameter, as an optimizer knows it: no tensor type, only its name and its shape.
public struct ParameterInfo: Sendable, Equatable {
  /// A unique name such as `h.0.attn.c_attn.weight`.
  public let name: String
  /// The lengths of its axes; empty for a scalar.
  public let shape: [Int]
  /// What it is for.
  public let role: ParameterRole
  /// Whether it is updated; a frozen parameter has no state.
  public let trainable: Bool

  /// Describes a parameter.
  public init(
    _ name: String, shape: [Int], role: ParameterRole = .other, trainable: Bool = true
  ) {
    (self.name, self.shape, self.role, self.trainable) = (name, shape, role, trainable)
  }

  /// The same, not updated.
  var frozen: ParameterInfo { ParameterInfo(name, shape: shape, role: role, trainable: false) }

  /// How many elements it has.
  public var count: Int { shape.reduce(1, *) }
}
