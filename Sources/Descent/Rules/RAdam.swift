import DescentCompute
import Foundation

/// RAdam: Adam that takes plain momentum steps until its second moment can be trusted.
///
/// ```
/// coupled:    g ← ∇f(w) + λ·w
/// decoupled:  w ← w·(1 − η·λ)
/// m ← β₁·m + (1−β₁)·g;  m' = m/(1−β₁ᵗ)
/// v ← β₂·v + (1−β₂)·g²
/// ρ∞ = 2/(1−β₂) − 1;  ρ = ρ∞ − 2·t·β₂ᵗ/(1−β₂ᵗ)
/// ρ > 5:      w ← w − η·r·m'·√(1−β₂ᵗ)/(√v + ε)
///             r = √((ρ−4)·(ρ−2)·ρ∞ / ((ρ∞−4)·(ρ∞−2)·ρ))
/// otherwise:  w ← w − η·m'
/// ```
/// State: 8 bytes a parameter in float32.
public struct RAdam: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1e-3
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// ε, added to the root before bias correction.
  public var epsilon = 1e-8
  /// λ: λ·w is added to the gradient, unless decoupled.
  public var weightDecay = 0.0
  /// Whether λ shrinks the weights instead, by η·λ a step.
  public var decoupledWeightDecay = false
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// RAdam with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    decoupledWeightDecay: Bool = Self.defaults.decoupledWeightDecay,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    (self.decoupledWeightDecay, self.maximize) = (decoupledWeightDecay, maximize)
  }

  public static let name = "radam"

  public static let settings: [Setting<RAdam>] = [
    .learningRate(\.learningRate),
    .betas(\.beta1, \.beta2),
    .epsilon(\.epsilon),
    .decay(\.weightDecay),
    .decoupled(\.decoupledWeightDecay),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Adam that takes plain momentum steps until its second moment can be trusted.",
    formula: """
      coupled:    g ← ∇f(w) + λ·w
      decoupled:  w ← w·(1 − η·λ)
      m ← β₁·m + (1−β₁)·g;  m' = m/(1−β₁ᵗ)
      v ← β₂·v + (1−β₂)·g²
      ρ∞ = 2/(1−β₂) − 1;  ρ = ρ∞ − 2·t·β₂ᵗ/(1−β₂ᵗ)
      ρ > 5:      w ← w − η·r·m'·√(1−β₂ᵗ)/(√v + ε)
                  r = √((ρ−4)·(ρ−2)·ρ∞ / ((ρ∞−4)·(ρ∞−2)·ρ))
      otherwise:  w ← w − η·m'
      """,
    differences: """
      PyTorch's: the threshold is 5, the paper's is 4 (with β₂ = 0.999 the first adaptive step is \
      the 6th, not the 5th); ε is added before bias correction, unlike Adam's.
      """,
    guidance: """
      To do without a warmup. The first steps are plain momentum, as long as η·m': clip where \
      gradients are large at the start.
      """,
    reference: """
      Liu, Jiang, He, Chen, Liu, Gao, Han: On the Variance of the Adaptive Learning Rate and \
      Beyond, 2020, arXiv:1908.03265
      """)

  public func slots(for parameter: ParameterInfo) -> [Slot] { Moments.slots }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let moments = Moments(
      beta1: beta1, beta2: beta2, weightDecay: weightDecay, decoupled: decoupledWeightDecay,
      learningRate: learningRate)
    let t = Double(step.t)
    let power = pow(beta2, t)
    let longest = 2 / (1 - beta2) - 1
    let ρ = longest - 2 * t * power / (1 - power)
    let η = learningRate / (1 - pow(beta1, t))
    if ρ > 5 {
      let r =
        ((ρ - 4) * (ρ - 2) * longest / ((longest - 4) * (longest - 2) * ρ)).squareRoot()
      let (η, ε) = (S(η * r * (1 - power).squareRoot()), S(epsilon))
      if let block = block.forKernels {
        moments.update(block, .radam(η: Float(η), ε: Float(ε)))
      } else {
        moments.update(block) { _, _, m, v in η * m / (v.root + ε) }
      }
    } else if let block = block.forKernels {
      moments.update(block, .mean(η: Float(η)))
    } else {
      let η = S(η)
      moments.update(block) { _, _, m, _ in η * m }
    }
  }
}
