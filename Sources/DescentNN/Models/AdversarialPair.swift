internal import Descent
public import DescentCompute

/// Two convolutional networks that learn against each other: one makes images of random points, the
/// other tells them from real ones.
///
/// Goodfellow et al.: Generative adversarial networks (2014), arXiv:1406.2661. Radford, Metz,
/// Chintala: Unsupervised representation learning with deep convolutional generative adversarial
/// networks (2015), arXiv:1511.06434: batch normalization and ReLU in the generator, tanh at its end,
/// steps instead of pooling and leaky ReLU in the discriminator.
public final class AdversarialPair: Module {
  /// Points of a latent space → images with values between −1 and 1.
  public final class Generator: Module {
    /// The map to the smallest image.
    public let project: Linear
    /// The convolutions, each after a doubling of height and width; the last makes the image.
    public let convolutions: [Conv2d]
    /// The normalization after the map and after every convolution but the last.
    public let norms: [BatchNorm]
    /// The shape of the smallest image: channels, height, width.
    private let first: [Int]

    init(
      latent: Int, stages: [Int], channels: Int, height: Int, width: Int,
      random: inout RandomStream
    ) {
      let sizes = stages + [channels]
      first = [sizes[0], height >> stages.count, width >> stages.count]
      project = Linear(
        inputs: latent, outputs: first.reduce(1, *), bias: false, random: &random)
      var made: [Conv2d] = []
      for i in stages.indices {
        made.append(
          Conv2d(
            inputs: sizes[i], outputs: sizes[i + 1], size: 3, padding: 1,
            bias: i == stages.count - 1, random: &random))
      }
      (convolutions, norms) = (made, stages.map { BatchNorm(channels: $0) })
    }

    /// The layers.
    public var members: [Member] {
      [.module("project", project)]
        + norms.enumerated().map { .module("norms.\($0)", $1) }
        + convolutions.enumerated().map { .module("convolutions.\($0)", $1) }
    }

    /// z of shape [batch, latent] → images of shape [batch, channels, height, width].
    public func callAsFunction(_ z: Tensor, _ context: Context) -> Tensor {
      var x = project(z, context).reshaped([z.shape[0]] + first)
      for (norm, convolution) in zip(norms, convolutions) {
        let y = context.relu(x, after: norm)
        x = convolution(y.upsampled2d(2), context)
      }
      return x.tanh()
    }
  }

  /// Images → how real they look.
  public final class Discriminator: Module {
    /// The convolutions, each of which halves height and width.
    public let convolutions: [Conv2d]
    /// The map to the logit.
    public let head: Linear

    init(
      stages: [Int], channels: Int, height: Int, width: Int, random: inout RandomStream
    ) {
      let sizes = [channels] + stages.reversed()
      var made: [Conv2d] = []
      for i in stages.indices {
        made.append(
          Conv2d(
            inputs: sizes[i], outputs: sizes[i + 1], size: 3, stride: 2, padding: 1,
            random: &random))
      }
      convolutions = made
      head = Linear(
        inputs: sizes[stages.count] * (height >> stages.count) * (width >> stages.count),
        outputs: 1, role: .head, random: &random)
    }

    /// The layers.
    public var members: [Member] {
      convolutions.enumerated().map { .module("convolutions.\($0)", $1) }
        + [.module("head", head)]
    }

    /// Images of shape [batch, channels, height, width] → logits of shape [batch]: above 0 for what
    /// looks real.
    public func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
      var x = x
      for convolution in convolutions { x = convolution(x, context).leakyReLU(0.2) }
      return head(x.reshaped([x.shape[0], -1]), context).reshaped([-1])
    }
  }

  /// What makes images.
  public let generator: Generator
  /// What judges them.
  public let discriminator: Discriminator
  /// The size of z, the vector that the generator makes an image of.
  public let latent: Int

  /// A pair with PyTorch's default initialization.
  ///
  /// - Parameters:
  ///   - latent: The size of z.
  ///   - stages: The channels of the generator from its smallest image on, which is doubled as often as
  ///     there are stages; the discriminator has them in reverse.
  ///   - channels: The channels of an image.
  ///   - height: The height of an image.
  ///   - width: The width of an image.
  /// - Throws: `ModelError` when a size is out of range, or does not come of doublings.
  public init(
    latent: Int = 32, stages: [Int] = [64, 32], channels: Int = 1, height: Int, width: Int,
    random: inout RandomStream
  ) throws(ModelError) {
    try ModelError.requirePositive(
      [("latent size", latent), ("channels", channels), ("height", height), ("width", width)]
        + stages.map { ("stage width", $0) } + [("number of stages", stages.count)])
    let unit = stages.count < 32 ? 1 << stages.count : Int.max
    guard height % unit == 0, width % unit == 0 else {
      throw .imageNotDoubled(height: height, width: width, doublings: stages.count)
    }
    self.latent = latent
    generator = Generator(
      latent: latent, stages: stages, channels: channels, height: height, width: width,
      random: &random)
    discriminator = Discriminator(
      stages: stages, channels: channels, height: height, width: width, random: &random)
    assignNames()
  }

  /// Both networks.
  public var members: [Member] {
    [.module("generator", generator), .module("discriminator", discriminator)]
  }

  /// What both learn from: see ``losses(real:noise:_:)``.
  public struct Losses {
    /// −log D(x) − log(1 − D(G(z))), of which the generator gets no gradient.
    public let discriminator: Tensor
    /// −log D(G(z)), of which the discriminator gets no gradient.
    public let generator: Tensor
    /// D(x), the mean probability that the discriminator gives real images.
    public let realProbability: Double
    /// D(G(z)), the mean probability that it gives made ones.
    public let fakeProbability: Double

    /// Both losses, for one step of both networks.
    public var sum: Tensor { discriminator + generator }
  }

  /// The losses of a batch, each with a gradient for its own network alone, so that one step on their
  /// sum is a step of both at once.
  ///
  /// The generator's is the form that does not saturate: its gradient is largest where the
  /// discriminator is not fooled (Goodfellow et al., section 3).
  ///
  /// - Parameters:
  ///   - real: Images with values between −1 and 1, of shape [batch, channels, height, width].
  ///   - noise: z, as many points, of shape [batch, latent].
  ///   - context: The pass.
  public func losses(real: Tensor, noise: Tensor, _ context: Context) -> Losses {
    let fake = generator(noise, context)
    let realLogits = discriminator(real, context)
    let fakeLogits = discriminator(fake.detached, context)
    // With the weights as they are, not those after a step: both move at once.
    let held = context.holdingWeights { discriminator(fake, $0) }
    func probability(_ logits: Tensor) -> Double {
      Double(logits.detached.sigmoid().mean().scalar)
    }
    return Losses(
      discriminator: (-realLogits).softplus().mean() + fakeLogits.softplus().mean(),
      generator: (-held).softplus().mean(),
      realProbability: probability(realLogits), fakeProbability: probability(fakeLogits))
  }
}
