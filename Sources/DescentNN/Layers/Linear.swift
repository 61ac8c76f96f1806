public import Descent

/// An affine map of the last dimension: y = x·Wᵀ + b.
public final class Linear: Module {
  /// W, of shape [outputs, inputs].
  public let weight: Parameter
  /// b, of shape [outputs].
  public let bias: Parameter?
  /// What is learned beside the weight, where it has an adapter.
  public internal(set) var adapter: LoRA?

  /// A layer with weights and biases drawn uniformly from ±1/√inputs, as in PyTorch.
  public init(
    inputs: Int, outputs: Int, bias: Bool = true, role: ParameterRole = .matrix,
    random: inout RandomStream
  ) {
    let bound = 1 / Float(max(1, inputs)).root
    func draw(_ shape: [Int]) -> Tensor {
      .random(shape, uniform: -bound..<bound, &random)
    }
    weight = .initial([outputs, inputs], role, draw)
    self.bias = bias ? .initial([outputs], .bias, draw) : nil
  }

  /// A layer with normally distributed weights, and biases of zero.
  public init(
    inputs: Int, outputs: Int, bias: Bool, role: ParameterRole = .matrix, deviation: Float,
    random: inout RandomStream
  ) {
    weight = .initial([outputs, inputs], role) { .random($0, normal: deviation, &random) }
    self.bias = bias ? Parameter(.zeros([outputs]), role: .bias) : nil
  }

  /// A layer with an orthogonal weight times `gain`, and biases of zero: rows, or columns where there are
  /// fewer of them, are at right angles and of the length `gain`.
  public init(
    inputs: Int, outputs: Int, role: ParameterRole = .matrix, orthogonal gain: Float,
    random: inout RandomStream
  ) {
    weight = .initial([outputs, inputs], role) { .random($0, orthogonal: gain, &random) }
    bias = Parameter(.zeros([outputs]), role: .bias)
  }

  /// The weight, the bias, and the adapter.
  public var members: [Member] {
    [.parameter("weight", weight)] + Member.optional("bias", bias) + (adapter?.ownMembers ?? [])
  }

  /// x of shape [..., inputs] → [..., outputs].
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    var y = x.linear(context.use(weight), bias.map(context.use))
    if let adapter { y = adapter.added(to: y, of: x, context) }
    return context.observed(y, of: self, from: x)
  }
}

/// A table of vectors, one for every index.
public final class Embedding: Module {
  /// The table, of shape [rows, width].
  public let weight: Parameter

  /// A table of normally distributed vectors.
  public init(rows: Int, width: Int, deviation: Float = 1, random: inout RandomStream) {
    weight = .initial([rows, width], .embedding) { .random($0, normal: deviation, &random) }
  }

  /// The table.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// Indices of any shape → the same shape and a dimension of `width`.
  public func callAsFunction(_ indices: IndexTensor, _ context: Context) -> Tensor {
    context.use(weight).embedding(indices)
  }
}
