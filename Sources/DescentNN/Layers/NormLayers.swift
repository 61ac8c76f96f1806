internal import Descent

/// Layer normalization over the last dimension; see `Tensor.layerNorm`.
public final class LayerNorm: Module {
  /// The gain, ones at first.
  public let weight: Parameter
  /// What is added, zeros at first.
  public let bias: Parameter?
  /// ε.
  public let epsilon: Float

  /// A layer for rows of `width` elements.
  public init(width: Int, bias: Bool = true, epsilon: Float = 1e-5) {
    weight = Parameter(.ones([width]), role: .norm)
    self.bias = bias ? Parameter(.zeros([width]), role: .bias) : nil
    self.epsilon = epsilon
  }

  /// The weight and the bias.
  public var members: [Member] { [.parameter("weight", weight)] + Member.optional("bias", bias) }

  /// x of shape [..., width] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    x.layerNorm(context.use(weight), bias.map(context.use), epsilon: epsilon)
  }
}

/// Root-mean-square normalization over the last dimension; see `Tensor.rmsNorm`.
public final class RMSNorm: Module {
  /// The gain, ones at first.
  public let weight: Parameter
  /// ε.
  public let epsilon: Float

  /// A layer for rows of `width` elements.
  public init(width: Int, epsilon: Float = 1e-6) {
    weight = Parameter(.ones([width]), role: .norm)
    self.epsilon = epsilon
  }

  /// The weight.
  public var members: [Member] { [.parameter("weight", weight)] }

  /// x of shape [..., width] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    x.rmsNorm(context.use(weight), epsilon: epsilon)
  }
}

/// Batch normalization of channels; see `Tensor.batchNorm`.
///
/// Training uses the statistics of the batch and keeps running ones, which inference uses.
public final class BatchNorm: Module {
  /// The gain, ones at first.
  public let weight: Parameter
  /// What is added, zeros at first.
  public let bias: Parameter
  /// The running mean of every channel.
  public let runningMean: Buffer
  /// The running variance of every channel.
  public let runningVariance: Buffer
  /// The weight of a new batch in the running statistics.
  public let momentum: Float
  /// ε.
  public let epsilon: Float
  /// While statistics are taken anew, the batches so far; they then count alike.
  fileprivate var batches: Int?

  /// A layer for `channels` channels, which are dimension 1 of its input.
  public init(channels: Int, momentum: Float = 0.1, epsilon: Float = 1e-5) {
    weight = Parameter(.ones([channels]), role: .norm)
    bias = Parameter(.zeros([channels]), role: .bias)
    runningMean = Buffer(.zeros([channels]))
    runningVariance = Buffer(.ones([channels]))
    self.momentum = momentum
    self.epsilon = epsilon
  }

  /// Weight, bias and running statistics.
  public var members: [Member] {
    [
      .parameter("weight", weight), .parameter("bias", bias),
      .buffer("running_mean", runningMean), .buffer("running_var", runningVariance),
    ]
  }

  /// x of shape [batch, channels, ...] → the same shape.
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    normalized(x, context, rectified: false)
  }

  /// The same, with ReLU in the same pass where it is `rectified`.
  func normalized(_ x: Tensor, _ context: Context, rectified: Bool) -> Tensor {
    guard context.training else {
      return x.batchNorm(
        context.use(weight), context.use(bias), mean: runningMean.value,
        variance: runningVariance.value, epsilon: epsilon, rectified: rectified)
    }
    let (y, mean, variance) = x.batchNorm(
      context.use(weight), context.use(bias), epsilon: epsilon, rectified: rectified)
    if context.isRepeated { return y }
    let n = Float(x.count / mean.count)
    batches? += 1
    let momentum = batches.map { 1 / Float($0) } ?? momentum
    runningMean.value = runningMean.value * (1 - momentum) + mean * momentum
    // The running variance is the unbiased one, as in PyTorch.
    runningVariance.value =
      runningVariance.value * (1 - momentum) + variance * (momentum * n / max(1, n - 1))
    return y
  }
}

extension Module {
  /// Computes the running statistics of batch normalization anew, for weights that were never trained
  /// with, such as averages: the mean over the batches that `passes` runs through the model as in
  /// training, all of which count alike. Without batch normalization nothing happens, and `passes` is
  /// not called.
  public func refreshStatistics(_ passes: () throws -> Void) rethrows {
    let layers = namedModules.compactMap { $0.module as? BatchNorm }
    guard !layers.isEmpty else { return }
    for layer in layers { layer.batches = 0 }
    defer { for layer in layers { layer.batches = nil } }
    try passes()
  }
}
