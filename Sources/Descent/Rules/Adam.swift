import DescentCompute
import Foundation

/// Adam: steps scaled by running averages of the gradient and of its square.
///
/// ```
/// coupled:    g ← ∇f(w) + λ·w
/// decoupled:  w ← w·(1 − η·λ)
/// m ← β₁·m + (1−β₁)·g
/// v ← β₂·v + (1−β₂)·g²
/// amsgrad:    x ← max(x, v), used for v below
/// w ← w − η · m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε)
/// bias_correction=false:  w ← w − η · m/(√v + ε)
/// ```
/// State: 8 bytes a parameter in float32, 12 with amsgrad.
public struct Adam: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1e-3
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// ε, added to the root after bias correction.
  public var epsilon = 1e-8
  /// λ: λ·w is added to the gradient, unless decoupled.
  public var weightDecay = 0.0
  /// Whether λ shrinks the weights instead, by η·λ a step, which makes this AdamW.
  public var decoupledWeightDecay = false
  /// Whether to divide by the largest v so far.
  public var amsgrad = false
  /// Whether m and v, which start at 0, are divided by the weights that their averages hold so far,
  /// 1−β₁ᵗ and 1−β₂ᵗ. Without it the first steps are up to (1−β₁)/√(1−β₂) times as long.
  public var biasCorrection = true
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// Adam with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    amsgrad: Bool = Self.defaults.amsgrad, biasCorrection: Bool = Self.defaults.biasCorrection,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    (self.amsgrad, self.biasCorrection, self.maximize) = (amsgrad, biasCorrection, maximize)
  }

  public static let name = "adam"

  public static let settings: [Setting<Adam>] = [
    .learningRate(\.learningRate),
    .betas(\.beta1, \.beta2),
    .epsilon(\.epsilon),
    .decay(\.weightDecay),
    .decoupled(\.decoupledWeightDecay),
    .amsgrad(\.amsgrad),
    .biasCorrection(\.biasCorrection),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Adaptive moments: the step is scaled by averages of the gradient and its square.",
    formula: """
      coupled:    g ← ∇f(w) + λ·w
      decoupled:  w ← w·(1 − η·λ)
      m ← β₁·m + (1−β₁)·g
      v ← β₂·v + (1−β₂)·g²
      amsgrad:    x ← max(x, v), used for v below
      w ← w − η · m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε)
      bias_correction=false:  w ← w − η · m/(√v + ε)
      """,
    differences:
      "PyTorch's, which is the paper's; amsgrad keeps the maximum of v before its correction.",
    guidance: "Prefer adamw for weight decay. lr 1e-3 is a good first try.",
    reference: """
      Kingma, Ba: Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980; \
      Reddi, Kale, Kumar: On the Convergence of Adam and Beyond, 2018 (amsgrad)
      """)

  public func slots(for parameter: ParameterInfo) -> [Slot] { AdamUpdate.slots(amsgrad: amsgrad) }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    AdamUpdate(
      learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay, decoupled: decoupledWeightDecay, amsgrad: amsgrad,
      correctsBias: biasCorrection
    )(block, step)
  }
}

/// AdamW: Adam with weight decay applied to the weights instead of the gradient.
///
/// ```
/// w ← w·(1 − η·λ)
/// m ← β₁·m + (1−β₁)·g
/// v ← β₂·v + (1−β₂)·g²
/// amsgrad:  x ← max(x, v), used for v below
/// w ← w − η · m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε)
/// bias_correction=false:  w ← w − η · m/(√v + ε)
/// ```
/// State: 8 bytes a parameter in float32, 12 with amsgrad.
public struct AdamW: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1e-3
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// ε, added to the root after bias correction.
  public var epsilon = 1e-8
  /// λ: shrinks the weights by η·λ a step.
  public var weightDecay = 1e-2
  /// Whether to divide by the largest v so far.
  public var amsgrad = false
  /// Whether m and v, which start at 0, are divided by the weights that their averages hold so far,
  /// 1−β₁ᵗ and 1−β₂ᵗ. Without it the first steps are up to (1−β₁)/√(1−β₂) times as long.
  public var biasCorrection = true
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// AdamW with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    amsgrad: Bool = Self.defaults.amsgrad, biasCorrection: Bool = Self.defaults.biasCorrection,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    (self.amsgrad, self.biasCorrection, self.maximize) = (amsgrad, biasCorrection, maximize)
  }

  public static let name = "adamw"

  public static let settings: [Setting<AdamW>] = [
    .learningRate(\.learningRate),
    .betas(\.beta1, \.beta2),
    .epsilon(\.epsilon),
    .decoupledDecay(\.weightDecay),
    .amsgrad(\.amsgrad),
    .biasCorrection(\.biasCorrection),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Adam with decoupled weight decay: the default of modern networks.",
    formula: """
      w ← w·(1 − η·λ)
      m ← β₁·m + (1−β₁)·g
      v ← β₂·v + (1−β₂)·g²
      amsgrad:  x ← max(x, v), used for v below
      w ← w − η · m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε)
      bias_correction=false:  w ← w − η · m/(√v + ε)
      """,
    differences: """
      PyTorch's: the decay acts on the weights before the step and is scaled by the scheduled η; \
      the paper scales it by the schedule alone.
      """,
    guidance: """
      The first choice for transformers: lr 1e-4 to 1e-3 with warmup and cosine, betas 0.9,0.95 \
      for language models, weight_decay 0.1 on matrices and 0 on norms and biases, clip.norm 1.
      """,
    reference: """
      Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019, arXiv:1711.05101
      """)

  public func slots(for parameter: ParameterInfo) -> [Slot] { AdamUpdate.slots(amsgrad: amsgrad) }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    AdamUpdate(
      learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon,
      weightDecay: weightDecay, decoupled: true, amsgrad: amsgrad,
      correctsBias: biasCorrection
    )(block, step)
  }
}

/// The update that Adam and AdamW share; they differ in the decay alone.
struct AdamUpdate {
  var learningRate: Double
  var beta1: Double
  var beta2: Double
  var epsilon: Double
  var weightDecay: Double
  /// Whether λ shrinks the weights instead of joining the gradient.
  var decoupled: Bool
  var amsgrad = false
  var correctsBias = true

  private static let x = Slot("max_exp_avg_sq", .largest)

  static func slots(amsgrad: Bool) -> [Slot] { Moments.slots + (amsgrad ? [x] : []) }

  @inline(__always)
  func callAsFunction<S: Scalar>(_ block: Block<S>, _ step: Step) {
    var moments = Moments(
      beta1: beta1, beta2: beta2, weightDecay: weightDecay, decoupled: decoupled,
      learningRate: learningRate)
    moments.weighsBeforeSquaring = true
    // Corrections in double, rounded once.
    let t = Double(step.t)
    let (held1, held2) = correctsBias ? (1 - pow(beta1, t), 1 - pow(beta2, t)) : (1, 1)
    let (η, c, ε) = (S(learningRate / held1), S(1 / held2.squareRoot()), S(epsilon))
    if let block = block.forKernels {
      let x = amsgrad ? block.kept(Self.x) : nil
      moments.update(block, .adam(η: Float(η), c: Float(c), ε: Float(ε), x: x))
    } else if amsgrad {
      let x = block[Self.x]
      moments.update(block) { i, _, m, v in
        x[i] = max(x[i], v)
        return η * m / (x[i].root * c + ε)
      }
    } else {
      moments.update(block) { _, _, m, v in η * m / (v.root * c + ε) }
    }
  }
}
