internal import Descent
public import DescentCompute

/// The function between the layers of a perceptron.
public enum Activation: String, Sendable, CaseIterable {
  /// max(x, 0).
  case relu
  /// The exact Gaussian error linear unit.
  case gelu
  /// x·σ(x).
  case silu
  /// The hyperbolic tangent.
  case tanh
  /// x².
  case square

  /// The function's value, element by element.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    switch self {
    case .relu: x.relu()
    case .gelu: x.gelu()
    case .silu: x.silu()
    case .tanh: x.tanh()
    case .square: x.squared()
    }
  }
}

/// A multi-layer perceptron that classifies vectors.
public final class MLPClassifier: Module {
  /// The layers; the last gives the logits.
  public let layers: [Linear]
  /// The function between them.
  public let activation: Activation
  private let dropout: Dropout

  /// A model with PyTorch's default initialization.
  ///
  /// - Parameters:
  ///   - inputs: The number of elements of an example, whatever its shape.
  ///   - hidden: The widths of the hidden layers; may be empty.
  ///   - classes: The number of classes.
  /// - Throws: `ModelError` when a size or the dropout is out of range.
  public init(
    inputs: Int, hidden: [Int], classes: Int, activation: Activation = .relu, dropout: Float = 0,
    random: inout RandomStream
  ) throws(ModelError) {
    try ModelError.requirePositive(
      [("inputs", inputs), ("classes", classes)] + hidden.map { ("hidden width", $0) })
    try ModelError.requireProbability(dropout)
    let sizes = [inputs] + hidden + [classes]
    var layers: [Linear] = []
    for i in 1..<sizes.count {
      layers.append(
        Linear(
          inputs: sizes[i - 1], outputs: sizes[i], role: i == sizes.count - 1 ? .head : .matrix,
          random: &random))
    }
    self.layers = layers
    self.activation = activation
    self.dropout = Dropout(dropout)
    assignNames()
  }

  /// The layers by number.
  public var members: [Member] {
    layers.enumerated().map { .module("layers.\($0)", $1) } + [.module("dropout", dropout)]
  }

  /// x of shape [batch, ...] → logits of shape [batch, classes].
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    var x = x.rank == 2 ? x : x.reshaped([x.shape[0], -1])
    for layer in layers.dropLast() {
      let y = layer(x, context)
      x = dropout(activation == .relu ? context.relu(y, of: layer) : activation(y), context)
    }
    return layers.last!(x, context)
  }
}

/// A small convolutional network that classifies images.
///
/// Every stage is two 3×3 convolutions, each with batch normalization and ReLU, and a maximum
/// pooling by two; the mean over what remains of the image feeds a linear head.
public final class ConvClassifier: RecomputingModule {
  /// Two convolutions of a stage.
  public final class Stage: Module {
    /// The first convolution.
    public let conv1: Conv2d
    /// The normalization after it.
    public let norm1: BatchNorm
    /// The second convolution.
    public let conv2: Conv2d
    /// The normalization after it.
    public let norm2: BatchNorm

    init(inputs: Int, outputs: Int, random: inout RandomStream) {
      conv1 = Conv2d(
        inputs: inputs, outputs: outputs, size: 3, padding: 1, bias: false, random: &random)
      norm1 = BatchNorm(channels: outputs)
      conv2 = Conv2d(
        inputs: outputs, outputs: outputs, size: 3, padding: 1, bias: false, random: &random)
      norm2 = BatchNorm(channels: outputs)
    }

    /// The layers, in the order in which they run.
    public var members: [Member] {
      [
        .module("conv1", conv1), .module("bn1", norm1), .module("conv2", conv2),
        .module("bn2", norm2),
      ]
    }

    /// x of shape [batch, inputs, height, width] → [batch, outputs, height / 2, width / 2].
    public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
      let x = context.relu(conv1(x, context), after: norm1)
      return context.relu(conv2(x, context), after: norm2).maxPool2d(2)
    }
  }

  /// The stages.
  public let stages: [Stage]
  /// The map to the logits.
  public let head: Linear
  /// Which stages keep only their input during training; no result depends on it.
  public var recomputation: Recomputation {
    get { stack.recomputation }
    set { stack.recomputation = newValue }
  }
  /// What that led to in the last pass with a tape; nil before the first.
  public var recomputationPlan: RecomputationPlan? { stack.plan }
  private let stack = LayerStack()
  private let dropout: Dropout

  /// A model with PyTorch's default initialization.
  ///
  /// - Parameters:
  ///   - channels: The channels of an image.
  ///   - height: The height of an image.
  ///   - width: The width of an image.
  ///   - classes: The number of classes.
  ///   - stages: The output channels of every stage.
  /// - Throws: `ModelError` when a size or the dropout is out of range.
  public init(
    channels: Int = 1, height: Int, width: Int, classes: Int, stages: [Int] = [32, 64],
    dropout: Float = 0, random: inout RandomStream
  ) throws(ModelError) {
    try ModelError.requirePositive(
      [("channels", channels), ("height", height), ("width", width), ("classes", classes)]
        + stages.map { ("stage width", $0) })
    try ModelError.requireProbability(dropout)
    guard min(height, width) >> stages.count > 0 else {
      throw .imageTooSmall(height: height, width: width, poolings: stages.count)
    }
    let sizes = [channels] + stages
    var made: [Stage] = []
    for i in stages.indices {
      made.append(Stage(inputs: sizes[i], outputs: sizes[i + 1], random: &random))
    }
    self.stages = made
    head = Linear(inputs: sizes.last!, outputs: classes, role: .head, random: &random)
    self.dropout = Dropout(dropout)
    assignNames()
  }

  /// The stages by number, and the head.
  public var members: [Member] {
    stages.enumerated().map { .module("stages.\($0)", $1) }
      + [.module("dropout", dropout), .module("head", head)]
  }

  /// x of shape [batch, channels, height, width] → logits of shape [batch, classes].
  public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    check(
      x.rank == 4,
      "a convolutional network takes images of shape [batch, channels, height, width], "
        + "not \(x.shape)")
    let y = stack.run(stages.map { $0.callAsFunction }, x, context)
    return head(dropout(y.mean(over: [2, 3]), context), context)
  }
}
