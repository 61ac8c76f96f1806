internal import Descent
public import DescentCompute

/// A two-dimensional convolution; see `Tensor.conv2d`.
public final class Conv2d: Module {
  /// The kernels, of shape [outputs, inputs / groups, size, size].
  public let weight: Parameter
  /// What is added to every output channel.
  public let bias: Parameter?
  /// The step of the kernel.
  public let stride: Int
  /// The zeros around the image.
  public let padding: Int
  /// The distance of the kernel's elements.
  public let dilation: Int
  /// The number of groups of channels that do not mix.
  public let groups: Int

  /// A layer with weights and biases drawn uniformly from ±1/√(inputs/groups·size²), as in PyTorch.
  public init(
    inputs: Int, outputs: Int, size: Int, stride: Int = 1, padding: Int = 0, dilation: Int = 1,
    groups: Int = 1, bias: Bool = true, random: inout RandomStream
  ) {
    let fanIn = inputs / groups * size * size
    let bound = 1 / Float(max(1, fanIn)).root
    weight = Parameter(
      .random([outputs, inputs / groups, size, size], uniform: -bound..<bound, &random),
      role: .convolution)
    self.bias =
      bias ? Parameter(.random([outputs], uniform: -bound..<bound, &random), role: .bias) : nil
    self.stride = stride
    self.padding = padding
    self.dilation = dilation
    self.groups = groups
  }

  /// The weight and the bias.
  public var members: [Member] { [.parameter("weight", weight)] + Member.optional("bias", bias) }

  /// x of shape [batch, inputs, height, width] → [batch, outputs, ..., ...].
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    let y = x.conv2d(
      context.use(weight), bias.map(context.use), stride: stride, padding: padding,
      dilation: dilation, groups: groups)
    return context.observed(y, of: self, from: x)
  }
}
