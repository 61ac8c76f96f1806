public import Descent

/// An affine map of the last dimension: y = x·Wᵀ + b.
public final class Linear: Module {
  /// W, of shape [outputs, inputs].
  public let weight: Parameter
  /// b, of shape [outputs].
  public let bias: Parameter?

  /// A layer with weights and biases drawn uniformly from ±1/√inputs, as in PyTorch.
  public init(
    inputs: Int, outputs: Int, bias: Bool = true, role: ParameterRole = .matrix,
    random: inout RandomStream
  ) {
    let bound = 1 / Float(max(1, inputs)).root
    weight = Parameter(
      .random([outputs, inputs], uniform: -bound..<bound, &random), role: role)
    self.bias =
      bias ? Parameter(.random([outputs], uniform: -bound..<bound, &random), role: .bias) : nil
  }

  /// A layer with normally distributed weights, and biases of zero.
  public init(
    inputs: Int, outputs: Int, bias: Bool, deviation: Float, random: inout RandomStream
  ) {
    weight = Parameter(
      .random([outputs, inputs], normal: deviation, &random), role: .matrix)
    self.bias = bias ? Parameter(.zeros([outputs]), role: .bias) : nil
  }

  /// The weight and the bias.
  public var members: [Member] { [.parameter("weight", weight)] + Member.optional("bias", bias) }

  /// x of shape [..., inputs] → [..., outputs].
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    context.observed(x.linear(context.use(weight), bias.map(context.use)), of: self, from: x)
  }
}

/// A table of vectors, one for every index.
public final class Embedding: Module {
  /// The table, of shape [rows, width].
  public let weight: Parameter

  /// A table of normally distributed vectors.
  public init(rows: Int, width: Int, deviation: Float = 1, random: inout RandomStream) {
    weight = Parameter(.random([rows, width], normal: deviation, &random), role: .embedding)
  }

  /// The table.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// Indices of any shape → the same shape and a dimension of `width`.
  public func callAsFunction(_ indices: IndexTensor, _ context: Context) -> Tensor {
    context.use(weight).embedding(indices)
  }
}
