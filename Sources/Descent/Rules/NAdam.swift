import DescentCompute
import Foundation

/// NAdam: Adam with Nesterov's look-ahead and a momentum that warms up.
///
/// ```
/// coupled:    g ← ∇f(w) + λ·w
/// decoupled:  w ← w·(1 − η·λ)
/// μₜ = β₁·(1 − ½·0.96^(t·ψ));  P ← P·μₜ, from 1
/// m ← β₁·m + (1−β₁)·g
/// v ← β₂·v + (1−β₂)·g²
/// s = √v/√(1−β₂ᵗ) + ε
/// w ← w − η·(1−μₜ)/(1−P) · g/s − η·μₜ₊₁/(1−P·μₜ₊₁) · m/s
/// ```
/// State: 8 bytes a parameter in float32, and P, one number a tensor.
public struct NAdam: SummingRule {
  /// The learning rate η.
  public var learningRate = 2e-3
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// ε, added to the root after bias correction.
  public var epsilon = 1e-8
  /// λ: λ·w is added to the gradient, unless decoupled.
  public var weightDecay = 0.0
  /// ψ: how fast the momentum warms up.
  public var momentumDecay = 4e-3
  /// Whether λ shrinks the weights instead, by η·λ a step.
  public var decoupledWeightDecay = false
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// NAdam with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    momentumDecay: Double = Self.defaults.momentumDecay,
    decoupledWeightDecay: Bool = Self.defaults.decoupledWeightDecay,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    (self.momentumDecay, self.decoupledWeightDecay) = (momentumDecay, decoupledWeightDecay)
    self.maximize = maximize
  }

  public static let name = "nadam"

  public static let settings: [Setting<NAdam>] = [
    .learningRate(\.learningRate),
    .betas(\.beta1, \.beta2),
    .epsilon(\.epsilon),
    .decay(\.weightDecay),
    .number(
      "momentum_decay", \.momentumDecay, .atLeast(0), "ψ: how fast the momentum warms up",
      source: "torch"),
    .decoupled(\.decoupledWeightDecay),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Adam with Nesterov's look-ahead and a momentum that warms up.",
    formula: """
      coupled:    g ← ∇f(w) + λ·w
      decoupled:  w ← w·(1 − η·λ)
      μₜ = β₁·(1 − ½·0.96^(t·ψ));  P ← P·μₜ, from 1
      m ← β₁·m + (1−β₁)·g
      v ← β₂·v + (1−β₂)·g²
      s = √v/√(1−β₂ᵗ) + ε
      w ← w − η·(1−μₜ)/(1−P) · g/s − η·μₜ₊₁/(1−P·μₜ₊₁) · m/s
      """,
    differences: """
      PyTorch's. m is averaged with β₁, not with μₜ; P is the product of the momentums that were \
      used, even when β₁ follows a schedule, and is rounded to the weights' type as in PyTorch. \
      optax's nadam is another formula, without ψ.
      """,
    guidance: "Where Adam works and should be a little faster at the start; lr as for Adam.",
    reference: "Dozat: Incorporating Nesterov Momentum into Adam, ICLR Workshop 2016")

  public var needs: Needs { .tensorSums }
  public static let gathersOncePerTensor = true

  private static let product = Slot("mu_product", shape: [], initial: 1)

  public func slots(for parameter: ParameterInfo) -> [Slot] { Moments.slots + [Self.product] }

  /// μₜ
  private func momentum(_ t: Int) -> Double {
    beta1 * (1 - 0.5 * pow(0.96, Double(t) * momentumDecay))
  }

  /// The tensor's P, advanced once a step, by its first block.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: NoVariables
  ) -> SIMD4<Double> {
    let product = block[Self.product]
    product[0] *= S(momentum(step.t))
    return SIMD4(Double(product[0]), 0, 0, 0)
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: NoVariables
  ) {
    let (μ, next, product) = (momentum(step.t), momentum(step.t + 1), sums[0])
    let ηg = S(learningRate * (1 - μ) / (1 - product))
    let ηm = S(learningRate * next / (1 - product * next))
    let c = S(1 / (1 - pow(beta2, Double(step.t))).squareRoot())
    let ε = S(epsilon)
    let moments = Moments(
      beta1: beta1, beta2: beta2, weightDecay: weightDecay, decoupled: decoupledWeightDecay,
      learningRate: learningRate)
    if let block = block.forKernels {
      moments.update(block, .nadam(ηg: Float(ηg), ηm: Float(ηm), c: Float(c), ε: Float(ε)))
    } else {
      moments.update(block) { _, g, m, v in (ηg * g + ηm * m) / (v.root * c + ε) }
    }
  }
}
