import DescentCompute
import Foundation

/// Adamax: Adam with the largest recent gradient in place of the root mean square.
///
/// ```
/// g ← ∇f(w) + λ·w
/// m ← β₁·m + (1−β₁)·g
/// u ← max(β₂·u, |g| + ε)
/// w ← w − η/(1−β₁ᵗ) · m/u
/// ```
/// State: 8 bytes a parameter in float32.
public struct Adamax: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 2e-3
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the largest |g|.
  public var beta2 = 0.999
  /// ε, added to |g|.
  public var epsilon = 1e-8
  /// λ: λ·w is added to the gradient.
  public var weightDecay = 0.0
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// Adamax with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    self.maximize = maximize
  }

  public static let name = "adamax"

  public static let settings: [Setting<Adamax>] = [
    .learningRate(\.learningRate),
    .betas(\.beta1, \.beta2, "β₁, β₂: decay of the average of g and of the largest |g|"),
    .number("eps", \.epsilon, .atLeast(0), "ε, added to |g|", source: "torch"),
    .coupledDecay(\.weightDecay),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Adam with the largest recent gradient in place of the root mean square.",
    formula: """
      g ← ∇f(w) + λ·w
      m ← β₁·m + (1−β₁)·g
      u ← max(β₂·u, |g| + ε)
      w ← w − η/(1−β₁ᵗ) · m/u
      """,
    differences: "PyTorch's: ε is added to |g| inside the maximum; the paper has no ε.",
    guidance: "For sparse or heavy-tailed gradients, such as those of embeddings.",
    reference: """
      Kingma, Ba: Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980, section 7.1
      """)

  private static let m = Slot("exp_avg")
  private static let u = Slot("exp_inf", .largest)

  public func slots(for parameter: ParameterInfo) -> [Slot] { [Self.m, Self.u] }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let η = S(learningRate / (1 - pow(beta1, Double(step.t))))
    let (α1, β2, ε, λ) = (S(1 - beta1), S(beta2), S(epsilon), S(weightDecay))
    if let block = block.forKernels {
      Kernels.adamax(
        g: block.g, w: block.w, m: block.kept(Self.m), u: block.kept(Self.u), η: Float(η),
        λ: Float(λ), α1: Float(α1), β2: Float(β2), ε: Float(ε))
      return
    }
    let (w, g, m, u) = (block.w, block.g, block[Self.m], block[Self.u])
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      m[i] += α1 * (gi - m[i])
      u[i] = max(β2 * u[i], abs(gi) + ε)
      w[i] -= η * m[i] / u[i]
    }
  }
}
