import DescentCompute

/// AdaGrad: each element's rate falls with the sum of its squared gradients.
///
/// ```
/// g ← ∇f(w) + λ·w
/// s ← s + g²                                      from initial_accumulator_value
/// w ← w − η/(1 + (t−1)·lr_decay) · g/(√s + ε)
/// ```
/// State: 4 bytes a parameter.
public struct AdaGrad: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1e-2
  /// What η is divided by grows by this much every step: 1 + (t−1)·lr_decay.
  public var learningRateDecay = 0.0
  /// λ: λ·w is added to the gradient.
  public var weightDecay = 0.0
  /// s before the first step.
  public var initialAccumulatorValue = 0.0
  /// ε, outside the root.
  public var epsilon = 1e-10
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// AdaGrad with the given hyperparameters.
  public init(
    learningRate: Double, learningRateDecay: Double = Self.defaults.learningRateDecay,
    weightDecay: Double = Self.defaults.weightDecay,
    initialAccumulatorValue: Double = Self.defaults.initialAccumulatorValue,
    epsilon: Double = Self.defaults.epsilon, maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.learningRateDecay) = (learningRate, learningRateDecay)
    (self.weightDecay, self.epsilon) = (weightDecay, epsilon)
    (self.initialAccumulatorValue, self.maximize) = (initialAccumulatorValue, maximize)
  }

  public static let name = "adagrad"

  public static let settings: [Setting<AdaGrad>] = [
    .learningRate(\.learningRate),
    .number(
      "lr_decay", \.learningRateDecay, .atLeast(0), "η is divided by 1 + (t−1)·lr_decay",
      source: "torch"),
    .coupledDecay(\.weightDecay),
    .number(
      "initial_accumulator_value", \.initialAccumulatorValue, .atLeast(0),
      "s before the first step",
      source: "torch"),
    .epsilon(\.epsilon),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Divides each element's rate by the root of its summed squared gradients.",
    formula: """
      g ← ∇f(w) + λ·w
      s ← s + g²                                      from initial_accumulator_value
      w ← w − η/(1 + (t−1)·lr_decay) · g/(√s + ε)
      """,
    differences: "PyTorch's: ε stands outside the root, and the first step is not decayed.",
    guidance: "For sparse features and convex problems; its learning rate only ever falls.",
    reference: """
      Duchi, Hazan, Singer: Adaptive Subgradient Methods for Online Learning and Stochastic \
      Optimization, 2011
      """)

  private static let s = Slot("sum", .nonnegative)

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    [Self.s.with(initial: initialAccumulatorValue)]
  }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let η = S(learningRate / (1 + Double(step.t - 1) * learningRateDecay))
    let (λ, ε) = (S(weightDecay), S(epsilon))
    if let block = block.forKernels {
      return Kernels.adagrad(
        g: block.g, w: block.w, s: block.kept(Self.s), η: Float(η), λ: Float(λ), ε: Float(ε))
    }
    let (w, g, s) = (block.w, block.g, block[Self.s])
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      s[i] += gi * gi
      w[i] -= η * gi / (s[i].root + ε)
    }
  }
}
