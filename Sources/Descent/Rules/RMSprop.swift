import DescentCompute

/// RMSprop: the gradient divided by the root of a running average of its square.
///
/// ```
/// g ← ∇f(w) + λ·w
/// v ← α·v + (1−α)·g²
/// centered:   a ← α·a + (1−α)·g;  s = √max(v − a², 0)
/// otherwise:  s = √v
/// momentum:   b ← μ·b + g/(s + ε);  w ← w − η·b
/// otherwise:  w ← w − η·g/(s + ε)
/// ```
/// State: 4 bytes a parameter, 4 more with momentum, 4 more when centered.
public struct RMSprop: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1e-2
  /// α: the decay of the averages.
  public var alpha = 0.99
  /// ε, outside the root.
  public var epsilon = 1e-8
  /// λ: λ·w is added to the gradient.
  public var weightDecay = 0.0
  /// The momentum μ; 0 keeps no buffer.
  public var momentum = 0.0
  /// Whether to divide by the standard deviation instead of the RMS.
  public var centered = false
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// RMSprop with the given hyperparameters.
  public init(
    learningRate: Double, alpha: Double = Self.defaults.alpha,
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    momentum: Double = Self.defaults.momentum, centered: Bool = Self.defaults.centered,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.alpha, self.epsilon) = (learningRate, alpha, epsilon)
    (self.weightDecay, self.momentum) = (weightDecay, momentum)
    (self.centered, self.maximize) = (centered, maximize)
  }

  public static let name = "rmsprop"

  public static let settings: [Setting<RMSprop>] = [
    .learningRate(\.learningRate),
    .number("alpha", \.alpha, .halfOpen(0, 1), "α: decay of the average", source: "torch"),
    .epsilon(\.epsilon),
    .coupledDecay(\.weightDecay),
    .momentum(\.momentum),
    .flag("centered", \.centered, "divide by the standard deviation, not the RMS", source: "torch"),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Divides the gradient by the root of a running average of its square.",
    formula: """
      g ← ∇f(w) + λ·w
      v ← α·v + (1−α)·g²
      centered:   a ← α·a + (1−α)·g;  s = √max(v − a², 0)
      otherwise:  s = √v
      momentum:   b ← μ·b + g/(s + ε);  w ← w − η·b
      otherwise:  w ← w − η·g/(s + ε)
      """,
    differences: """
      PyTorch's, except that a variance that rounds below zero counts as zero, where PyTorch gives \
      NaN. No bias correction: the first step is η/√(1−α) long.
      """,
    guidance: "For recurrent networks and reinforcement learning; adam usually does as well.",
    reference: "Tieleman, Hinton: Lecture 6.5, Neural Networks for Machine Learning, 2012")

  public var exactStateReason: String? {
    centered ? "centered=true takes √(v − a²), and rounding can make v − a² negative" : nil
  }

  private static let v = Slot("square_avg", .nonnegative)
  private static let b = Slot("momentum_buffer")
  private static let a = Slot("grad_avg")

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    [Self.v] + (momentum > 0 ? [Self.b] : []) + (centered ? [Self.a] : [])
  }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    if let block = block.forKernels {
      return Kernels.rmsprop(
        g: block.g, w: block.w, v: block.kept(Self.v),
        mean: centered ? block.kept(Self.a) : nil, b: momentum > 0 ? block.kept(Self.b) : nil,
        η: Float(learningRate), μ: Float(momentum), λ: Float(weightDecay), α: Float(alpha),
        β: Float(1 - alpha), ε: Float(epsilon))
    }
    switch (momentum > 0, centered) {
    case (false, false): update(block, b: nil, a: nil)
    case (false, true): update(block, b: nil, a: block[Self.a])
    case (true, false): update(block, b: block[Self.b], a: nil)
    case (true, true): update(block, b: block[Self.b], a: block[Self.a])
    }
  }

  /// One loop for each combination of options: a test inside it would keep it from vectorizing.
  @inline(__always)
  private func update<S: Scalar>(
    _ block: Block<S>, b: MutableView<S>?, a: MutableView<S>?
  ) {
    let (w, g, v) = (block.w, block.g, block[Self.v])
    let (η, μ, λ, ε) = (S(learningRate), S(momentum), S(weightDecay), S(epsilon))
    let (α, β) = (S(alpha), S(1 - alpha))
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      v[i] = α * v[i] + β * (gi * gi)
      var s = v[i]
      if let a {
        a[i] += β * (gi - a[i])
        s = max(s - a[i] * a[i], 0)
      }
      let u = gi / (s.root + ε)
      if let b {
        b[i] = μ * b[i] + u
        w[i] -= η * b[i]
      } else {
        w[i] -= η * u
      }
    }
  }
}
