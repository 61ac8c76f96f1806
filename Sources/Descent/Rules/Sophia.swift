import DescentCompute
import Foundation

/// Sophia-G: momentum over an average of the Gauss-Newton diagonal, clipped elementwise.
///
/// ```
/// w ← w·(1 − η·λ)
/// m ← β₁·m + (1−β₁)·g
/// w ← w − η·sign(m)·min(1, |m|/(ρ·B·h + 10⁻¹⁵))
/// after steps k, 2k, …:  h ← β₂·h + (1−β₂)·ĝ²     ĝ: the gradient for sampled labels
/// ```
/// ĝ is the gradient of the mean loss for labels sampled from the model's own predictions; it is
/// squared here. B is the number of examples (tokens) behind that mean, k is `hess_interval`.
///
/// State: 8 bytes a parameter in float32.
public struct SophiaG: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1e-4
  /// β₁: the decay of the average of g.
  public var beta1 = 0.965
  /// β₂: the decay of the average of ĝ².
  public var beta2 = 0.99
  /// ρ: the larger, the fewer elements are clipped.
  public var rho = 0.04
  /// λ: shrinks the weights by η·λ a step.
  public var weightDecay = 0.1
  /// B; nil is that of the run's estimates, and 5120 where that is not known.
  public var batchSize: Int?
  /// k: steps from one estimate to the next.
  public var hessianInterval = 10
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// Sophia-G with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    rho: Double = Self.defaults.rho, weightDecay: Double = Self.defaults.weightDecay,
    batchSize: Int? = Self.defaults.batchSize, hessianInterval: Int = Self.defaults.hessianInterval,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.rho, self.weightDecay) = (learningRate, rho, weightDecay)
    (beta1, beta2) = betas
    (self.batchSize, self.hessianInterval) = (batchSize, hessianInterval)
    self.maximize = maximize
  }

  public static let name = "sophia-g"

  public static let settings: [Setting<SophiaG>] = [
    .learningRate(\.learningRate, source: "Sophia"),
    .betas(\.beta1, \.beta2, "β₁, β₂: decay of the averages of g and ĝ²", source: "Sophia"),
    .number(
      "rho", \.rho, .above(0), "ρ: the larger, the fewer elements are clipped", source: "Sophia"),
    .decoupledDecay(\.weightDecay, source: "Sophia"),
    .optionalInteger(
      "bs", \.batchSize, .atLeast(1),
      "B: examples or tokens behind an estimate; none: the run's, 5120 where unknown",
      source: "Sophia"),
    .integer(
      "hess_interval", \.hessianInterval, .atLeast(1), "k: steps from one estimate to the next",
      source: "Sophia"),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Momentum over an average of the Gauss-Newton diagonal, clipped elementwise.",
    formula: """
      w ← w·(1 − η·λ)
      m ← β₁·m + (1−β₁)·g
      w ← w − η·sign(m)·min(1, |m|/(ρ·B·h + 10⁻¹⁵))
      after steps k, 2k, …:  h ← β₂·h + (1−β₂)·ĝ²     ĝ: the gradient for sampled labels
      """,
    differences: """
      Liuhong99/Sophia's, in its parameters ρ and B; the paper writes clip(m/max(γ·h, ε), 1). \
      No bias correction. Until the first estimate every step is η·sign(m). Here an estimate comes \
      after a step and is not clipped; in the published script it takes a step's place and is.
      """,
    guidance: """
      For language models: lr a little below AdamW's, rho 0.03 to 0.05, clip.norm=1. ĝ must come \
      from labels sampled from the model, never from the training gradient.
      """,
    reference: SophiaMoments.paper)

  public var needs: Needs { .sampledGradients }

  public func takesEstimate(after step: Int) -> Bool { step % hessianInterval == 0 }

  public mutating func fit(labels: Int) { batchSize = batchSize ?? labels }

  public func slots(for parameter: ParameterInfo) -> [Slot] { SophiaMoments.slots(.nonnegative) }
  public static let unchangedSlots = [SophiaMoments.h]

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let (η, shrink, α1) = (S(learningRate), S(1 - learningRate * weightDecay), S(1 - beta1))
    let scale = S(rho * Double(batchSize ?? 5120))
    if let block = block.forKernels {
      Kernels.sophiaG(
        g: block.g, w: block.w, m: block.kept(SophiaMoments.m),
        h: block.kept(SophiaMoments.h, writes: false),
        η: Float(η), shrink: Float(shrink), α1: Float(α1), scale: Float(scale), ε: 1e-15)
      return
    }
    let (w, g, m, h) = (
      block.w, block.g, block[SophiaMoments.m], block[SophiaMoments.h]
    )
    for i in block.indices {
      m[i] += α1 * (g[i] - m[i])
      w[i] = w[i] * shrink - η * sign(m[i]) * min(1, abs(m[i]) / (scale * h[i] + 1e-15))
    }
  }

  public func fold<S: Scalar>(_ estimate: Block<S>, _ step: Step) {
    SophiaMoments.fold(estimate, beta2) { $0 * $0 }
  }
}

/// Sophia-H: Sophia with Hutchinson's estimate of the Hessian's diagonal.
///
/// ```
/// m ← β₁·m + (1−β₁)·g
/// u = clip(m/(1−β₁ᵗ) / max(γ·h, ε), ±c)
/// w ← w − η·(u + λ·w)
/// after steps 1, 1 + k, …:  h ← β₂·h + (1−β₂)·ĥ     ĥ = z ⊙ (∇²f·z), z random
/// ```
/// The elements of z are independent, with mean 0 and variance 1; ĥ keeps its sign. k is
/// `update_interval`.
///
/// State: 8 bytes a parameter in float32.
public struct SophiaH: ElementwiseRule {
  /// The learning rate η.
  public var learningRate = 1e-4
  /// β₁: the decay of the average of g.
  public var beta1 = 0.965
  /// β₂: the decay of the average of ĥ.
  public var beta2 = 0.99
  /// ε: the least denominator.
  public var epsilon = 1e-8
  /// λ: shrinks the weights by η·λ a step.
  public var weightDecay = 1e-4
  /// γ: the factor of h.
  public var gamma = 0.01
  /// c: the largest |u|.
  public var clipThreshold = 1.0
  /// k: steps from one estimate to the next.
  public var updateInterval = 10

  public init() {}

  /// Sophia-H with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    gamma: Double = Self.defaults.gamma, clipThreshold: Double = Self.defaults.clipThreshold,
    updateInterval: Int = Self.defaults.updateInterval
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    (self.gamma, self.clipThreshold) = (gamma, clipThreshold)
    self.updateInterval = updateInterval
  }

  public static let name = "sophia-h"

  public static let settings: [Setting<SophiaH>] = [
    .learningRate(\.learningRate, source: "Sophia"),
    .betas(\.beta1, \.beta2, "β₁, β₂: decay of the averages of g and ĥ", source: "optax"),
    .number("eps", \.epsilon, .above(0), "ε: the least denominator", source: "optax"),
    .decoupledDecay(\.weightDecay, source: "optax"),
    .number("gamma", \.gamma, .above(0), "γ: factor of h", source: "optax"),
    .number(
      "clip_threshold", \.clipThreshold, .above(0), "c: the largest |u|", source: "optax"),
    .integer(
      "update_interval", \.updateInterval, .atLeast(1), "k: steps from one estimate to the next",
      source: "optax"),
  ]

  public static let about = About(
    summary: "Sophia with Hutchinson's estimate of the Hessian's diagonal.",
    formula: """
      m ← β₁·m + (1−β₁)·g
      u = clip(m/(1−β₁ᵗ) / max(γ·h, ε), ±c)
      w ← w − η·(u + λ·w)
      after steps 1, 1 + k, …:  h ← β₂·h + (1−β₂)·ĥ     ĥ = z ⊙ (∇²f·z), z random
      """,
    differences: """
      optax's, with bias correction; an estimate acts from the next step on. A negative h counts \
      as ε, which makes a clipped step.
      """,
    guidance: """
      For losses that are not likelihoods, where sophia-g's labels cannot be sampled; otherwise \
      prefer sophia-g, whose h is never negative. z is ±1 as in optax, Gaussian in the paper. \
      Recipes take ∇²f·z from a central difference of two gradients, which suits smooth \
      activations; the kinks of ReLU make it noisy.
      """,
    reference: SophiaMoments.paper)

  public var needs: Needs { .hessianDiagonal }

  public func takesEstimate(after step: Int) -> Bool { (step - 1) % updateInterval == 0 }

  public func slots(for parameter: ParameterInfo) -> [Slot] { SophiaMoments.slots(.signed) }
  public static let unchangedSlots = [SophiaMoments.h]

  /// z, the weights it is added to, and gradients on both sides: four vectors over all parameters.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int {
    parameters.reduce(0) { $0 + ($1.trainable ? 16 * $1.count : 0) }
  }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let (η, λ, α1) = (S(learningRate), S(weightDecay), S(1 - beta1))
    let correction = S(1 / (1 - pow(beta1, Double(step.t))))
    let (γ, ε, limit) = (S(gamma), S(epsilon), S(clipThreshold))
    if let block = block.forKernels {
      Kernels.sophiaH(
        g: block.g, w: block.w, m: block.kept(SophiaMoments.m),
        h: block.kept(SophiaMoments.h, writes: false),
        η: Float(η), λ: Float(λ), α1: Float(α1), c: Float(correction), scale: Float(γ), ε: Float(ε),
        limit: Float(limit))
      return
    }
    let (w, g, m, h) = (
      block.w, block.g, block[SophiaMoments.m], block[SophiaMoments.h]
    )
    for i in block.indices {
      m[i] += α1 * (g[i] - m[i])
      let u = correction * m[i] / max(γ * h[i], ε)
      w[i] -= η * (min(max(u, -limit), limit) + λ * w[i])
    }
  }

  public func fold<S: Scalar>(_ estimate: Block<S>, _ step: Step) {
    SophiaMoments.fold(estimate, beta2) { $0 }
  }
}

/// The state that both forms of Sophia keep.
private enum SophiaMoments {
  static let m = Slot("exp_avg")
  static let h = Slot("hessian")

  static let paper = """
    Liu, Li, Hall, Liang, Ma: Sophia: A Scalable Stochastic Second-order Optimizer for Language \
    Model Pre-training, 2023, arXiv:2305.14342
    """

  static func slots(_ hessian: Slot.Range) -> [Slot] { [m, Slot(h.name, hessian)] }

  /// h ← β₂·h + (1−β₂)·curvature(estimate)
  @inline(__always)
  static func fold<S: Scalar>(
    _ estimate: Block<S>, _ beta2: Double, _ curvature: (S) -> S
  ) {
    let (h, x, β2, taken) = (estimate[h], estimate.g, S(beta2), S(1 - beta2))
    for i in estimate.indices { h[i] = β2 * h[i] + taken * curvature(x[i]) }
  }
}
