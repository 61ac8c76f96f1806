import DescentCompute

/// Adadelta: the gradient in the units of the weights, by the ratio of two running averages.
///
/// ```
/// g ← ∇f(w) + λ·w
/// v ← ρ·v + (1−ρ)·g²
/// Δ = √((a + ε)/(v + ε)) · g
/// a ← ρ·a + (1−ρ)·Δ²
/// w ← w − η·Δ
/// ```
/// State: 8 bytes a parameter in float32.
public struct Adadelta: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1.0
  /// ρ: the decay of both averages.
  public var rho = 0.9
  /// ε, inside both roots.
  public var epsilon = 1e-6
  /// λ: λ·w is added to the gradient.
  public var weightDecay = 0.0
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// Adadelta with the given hyperparameters.
  public init(
    learningRate: Double, rho: Double = Self.defaults.rho, epsilon: Double = Self.defaults.epsilon,
    weightDecay: Double = Self.defaults.weightDecay, maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.rho, self.epsilon) = (learningRate, rho, epsilon)
    (self.weightDecay, self.maximize) = (weightDecay, maximize)
  }

  public static let name = "adadelta"

  public static let settings: [Setting<Adadelta>] = [
    .learningRate(\.learningRate),
    .number("rho", \.rho, .closed(0, 1), "ρ: decay of both averages", source: "torch"),
    .number("eps", \.epsilon, .atLeast(0), "ε, inside both roots", source: "torch"),
    .coupledDecay(\.weightDecay),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "The gradient in the units of the weights, by the ratio of two running averages.",
    formula: """
      g ← ∇f(w) + λ·w
      v ← ρ·v + (1−ρ)·g²
      Δ = √((a + ε)/(v + ε)) · g
      a ← ρ·a + (1−ρ)·Δ²
      w ← w − η·Δ
      """,
    differences: "PyTorch's. The paper has no η; a averages Δ before it is multiplied by η.",
    guidance: """
      Of historical interest: it starts slowly, since ε alone sets the first steps. Raise eps to \
      start faster; leave lr at 1.
      """,
    reference: "Zeiler: ADADELTA: An Adaptive Learning Rate Method, 2012, arXiv:1212.5701")

  private static let v = Slot("square_avg", .nonnegative)
  private static let a = Slot("acc_delta", .nonnegative)

  public func slots(for parameter: ParameterInfo) -> [Slot] { [Self.v, Self.a] }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let (η, ρ, taken, ε, λ) = (S(learningRate), S(rho), S(1 - rho), S(epsilon), S(weightDecay))
    if let block = block.forKernels {
      Kernels.adadelta(
        g: block.g, w: block.w, v: block.kept(Self.v), d: block.kept(Self.a), η: Float(η),
        λ: Float(λ), ρ: Float(ρ), taken: Float(taken), ε: Float(ε))
      return
    }
    let (w, g, v, a) = (block.w, block.g, block[Self.v], block[Self.a])
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      v[i] = ρ * v[i] + taken * (gi * gi)
      let Δ = ((a[i] + ε) / (v[i] + ε)).root * gi
      a[i] = ρ * a[i] + taken * (Δ * Δ)
      w[i] -= η * Δ
    }
  }
}
