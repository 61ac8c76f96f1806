import DescentCompute

/// LARS: momentum whose steps are scaled, for each tensor, to a share of the length of its weights.
///
/// ```
/// ψ = τ·‖w‖/(‖g‖ + λ·‖w‖), 1 where either is 0
/// b ← μ·b + η·ψ·(g + λ·w)
/// w ← w − b
/// optax:              ψ = τ·‖w‖/‖g + λ·w‖
/// pytorch_optimizer:  b ← μ·b + ψ·(g + λ·w);  w ← w − η·b
///   nesterov:         w ← w − η·(ψ·(g + λ·w) + μ·b)
///   vectors, scalars: ψ = 1, λ = 0
/// ```
/// State: 4 bytes a parameter in float32.
public struct LARS: SummingRule {
  /// How the rule is written.
  public enum Variant: String, CaseIterable, Sendable {
    /// The paper's.
    case paper
    /// optax's: ψ = τ·‖w‖/‖g + λ·w‖.
    case optax
    /// pytorch_optimizer's: b ← μ·b + ψ·(g + λ·w), w ← w − η·b, with the paper's ψ; scalars and
    /// vectors have neither ψ nor λ.
    case pytorchOptimizer = "pytorch_optimizer"
  }

  /// The learning rate η.
  public var learningRate = 1e-3
  /// The momentum μ.
  public var momentum = 0.9
  /// λ: λ·w is added to the gradient.
  public var weightDecay = 0.0
  /// τ: a step's length as a share of the weights'.
  public var trustCoefficient = 1e-3
  /// Whether momentum is Nesterov's; only with pytorch_optimizer's variant.
  public var nesterov = false
  /// How the rule is written.
  public var variant = Variant.paper

  public init() {}

  /// LARS with the given hyperparameters.
  public init(
    learningRate: Double, momentum: Double = Self.defaults.momentum,
    weightDecay: Double = Self.defaults.weightDecay,
    trustCoefficient: Double = Self.defaults.trustCoefficient,
    nesterov: Bool = Self.defaults.nesterov, variant: Variant = Self.defaults.variant
  ) {
    (self.learningRate, self.momentum, self.weightDecay) = (learningRate, momentum, weightDecay)
    (self.trustCoefficient, self.nesterov, self.variant) = (trustCoefficient, nesterov, variant)
  }

  public static let name = "lars"

  public static let settings: [Setting<LARS>] = [
    .learningRate(\.learningRate, source: "pytorch_optimizer"),
    .momentum(\.momentum, source: "paper"),
    .number(
      "weight_decay", \.weightDecay, .atLeast(0), "λ: λ·w is added to the gradient",
      source: "optax"),
    .number(
      "trust_coefficient", \.trustCoefficient, .above(0),
      "τ: a step's length as a share of the weights'", source: "paper"),
    .flag(
      "nesterov", \.nesterov, "Nesterov momentum; needs variant=pytorch_optimizer",
      source: "pytorch_optimizer"),
    .choice("variant", \.variant, "how the rule is written", source: "ours"),
  ]

  public static let about = About(
    summary:
      "Momentum with steps scaled, for each tensor, to a share of the length of its weights.",
    formula: """
      ψ = τ·‖w‖/(‖g‖ + λ·‖w‖), 1 where either is 0
      b ← μ·b + η·ψ·(g + λ·w)
      w ← w − b
      optax:              ψ = τ·‖w‖/‖g + λ·w‖
      pytorch_optimizer:  b ← μ·b + ψ·(g + λ·w);  w ← w − η·b
        nesterov:         w ← w − η·(ψ·(g + λ·w) + μ·b)
        vectors, scalars: ψ = 1, λ = 0
      """,
    differences: """
      The paper's: η is inside the buffer, so a drop of η acts with the delay of the momentum. \
      optax takes the norm of the sum; pytorch_optimizer keeps η outside and leaves scalars and \
      vectors alone.
      """,
    guidance: """
      For convolutional networks at batches of thousands, with warmup: lr of 1 to 30, since τ \
      makes steps a thousandth of the weights.
      """,
    reference: """
      You, Gitman, Ginsburg: Large Batch Training of Convolutional Networks, 2017, \
      arXiv:1708.03888
      """)

  public func validate() throws(SettingError) {
    if nesterov, variant != .pytorchOptimizer {
      throw .contradiction("nesterov=true needs variant=pytorch_optimizer")
    }
  }

  public var needs: Needs { .tensorSums }

  private static let b = Slot("momentum_buffer")

  public func slots(for parameter: ParameterInfo) -> [Slot] { [Self.b] }

  /// ‖w‖² and ‖g‖², or ‖g + λ·w‖² for optax.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: NoVariables
  ) -> SIMD4<Double> {
    let (w, g, λ) = (block.w, block.g, S(variant == .optax ? weightDecay : 0))
    if let block = block.forKernels {
      let (weights, gradient) = Kernels.larsGather(g: block.g, w: block.w, λ: Float(λ))
      return SIMD4(weights, gradient, 0, 0)
    }
    return SIMD4(
      sumOfSquares(over: block.count) { w[$0] },
      sumOfSquares(over: block.count) { g[$0] + λ * w[$0] }, 0, 0)
  }

  /// Whether a tensor of this shape gets plain steps.
  private func isExempt(_ shape: [Int]) -> Bool {
    variant == .pytorchOptimizer && shape.count < 2
  }

  /// The local rate of a tensor, 1 where a norm is 0.
  private func ratio(_ sums: SIMD4<Double>) -> Double {
    let (weights, gradient) = (sums[0].squareRoot(), sums[1].squareRoot())
    let divisor = gradient + (variant == .optax ? 0 : weightDecay * weights)
    return weights > 0 && divisor > 0 ? trustCoefficient * weights / divisor : 1
  }

  /// The local rate; nil for tensors that get plain steps.
  public func trustRatio(
    of parameter: ParameterInfo, _ step: Step, _ sums: SIMD4<Double>, _ variables: NoVariables
  ) -> Double? { isExempt(parameter.shape) ? nil : ratio(sums) }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: NoVariables
  ) {
    let exempt = isExempt(block.shape)
    let ratio = exempt ? 1 : ratio(sums)
    let (μ, λ) = (S(momentum), S(exempt ? 0 : weightDecay))
    // η is a factor either of what enters the buffer or of what leaves it.
    let isOutside = variant == .pytorchOptimizer
    let (enters, leaves) = (
      S(isOutside ? ratio : ratio * learningRate), S(isOutside ? learningRate : 1)
    )
    let (w, g) = (block.w, block.g)
    if nesterov {
      let b = block[Self.b]
      for i in block.indices {
        let u = enters * (g[i] + λ * w[i])
        b[i] = μ * b[i] + u
        w[i] -= leaves * (u + μ * b[i])
      }
    } else if let block = block.forKernels {
      Kernels.sgd(
        .momentum(b: block.kept(Self.b)), g: block.g, w: block.w, η: Float(leaves), μ: 0,
        λ: Float(λ), kept: Float(μ), taken: Float(enters))
    } else {
      let b = block[Self.b]
      for i in block.indices {
        b[i] = μ * b[i] + enters * (g[i] + λ * w[i])
        w[i] -= leaves * b[i]
      }
    }
  }
}
