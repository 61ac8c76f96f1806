import DescentCompute
import Foundation

/// LAMB: Adam's step, scaled for each tensor to the length of its weights.
///
/// ```
/// m ← β₁·m + (1−β₁)·g
/// v ← β₂·v + (1−β₂)·g²
/// r = m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε) + λ·w
/// ψ = ‖w‖/‖r‖, 1 where either is 0
/// w ← w − η·ψ·r
/// ```
/// State: 8 bytes a parameter in float32.
public struct LAMB: SummingRule {
  /// How the rule is written.
  public enum Variant: String, CaseIterable, Sendable {
    /// The paper's, and optax's.
    case paper
    /// pytorch_optimizer's: w ← w·(1−η·λ), r = m/(√v + ε), ψ = min(‖w‖, 10)/(‖r‖ + ε), and
    /// η/(1−β₁ᵗ) for η.
    case pytorchOptimizer = "pytorch_optimizer"
  }

  /// η
  public var learningRate = 1e-3
  /// β₁
  public var beta1 = 0.9
  /// β₂
  public var beta2 = 0.999
  /// ε, outside the root
  public var epsilon = 1e-6
  /// λ, part of r
  public var weightDecay = 0.0
  public var variant = Variant.paper

  public init() {}

  /// LAMB with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-6,
    weightDecay: Double = 0, variant: Variant = .paper
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    self.variant = variant
  }

  public static let name = "lamb"

  public static let settings: [Setting<LAMB>] = [
    .learningRate(\.learningRate, source: "pytorch_optimizer"),
    .betas(\.beta1, \.beta2, source: "optax"),
    .epsilon(\.epsilon, source: "optax"),
    .number(
      "weight_decay", \.weightDecay, .atLeast(0), "λ: λ·w joins the step before it is scaled",
      source: "optax"),
    .choice(
      "variant", \.variant, "how the rule is written; paper is also optax's", source: "ours"),
  ]

  public static let about = About(
    summary: "Adam's step, scaled for each tensor to the length of its weights.",
    formula: """
      m ← β₁·m + (1−β₁)·g
      v ← β₂·v + (1−β₂)·g²
      r = m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε) + λ·w
      ψ = ‖w‖/‖r‖, 1 where either is 0
      w ← w − η·ψ·r
      pytorch_optimizer:  w ← w·(1−η·λ);  r = m/(√v + ε);  ψ = min(‖w‖, 10)/(‖r‖ + ε);
                          w ← w − η/(1−β₁ᵗ)·ψ·r
      """,
    differences: """
      The paper's (version 5) and optax's, without limits on ψ. apex clips the global gradient \
      norm to 1 first (clip.norm=1 here) and leaves ψ at 1 where λ = 0. pytorch_optimizer's first \
      step is 1/(1−β₁) times as long.
      """,
    guidance: """
      For batches of thousands of examples: lr about 1e-3 times √(batch/512), with warmup. Keep \
      norms and biases in a group without decay.
      """,
    reference: """
      You et al.: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2020, \
      arXiv:1904.00962
      """)

  public var sums: SumScope { .eachTensor }
  public static let stateInGather = StateAccess.writes

  public func slots(for parameter: ParameterInfo) -> [Slot] { Moments.slots }

  /// r of element i.
  @inline(__always)
  private func direction<S: Scalar>(_ block: Block<S>, _ step: Step) -> (Int) -> S {
    let (w, m, v, t) = (block.w, block[0], block[1], Double(step.t))
    let isPaper = variant == .paper
    let c1 = S(isPaper ? 1 / (1 - pow(beta1, t)) : 1)
    let c2 = S(isPaper ? 1 / (1 - pow(beta2, t)).squareRoot() : 1)
    let (λ, ε) = (S(isPaper ? weightDecay : 0), S(epsilon))
    return { i in c1 * m[i] / (v[i].root * c2 + ε) + λ * w[i] }
  }

  /// ‖w‖² and ‖r‖².
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ memory: NoMemory
  ) -> SIMD4<Double> {
    Moments(beta1: beta1, beta2: beta2).update(block)
    let (w, r) = (block.w, direction(block, step))
    return SIMD4(
      sumOfSquares(over: block.count) { w[$0] }, sumOfSquares(over: block.count, r), 0, 0)
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ memory: NoMemory
  ) {
    let (w, r) = (block.w, direction(block, step))
    var (rate, shrink, length) = (learningRate, 1.0, sums[0].squareRoot())
    var ratio = sums[0] > 0 && sums[1] > 0 ? length / sums[1].squareRoot() : 1
    if variant == .pytorchOptimizer {
      rate /= 1 - pow(beta1, Double(step.t))
      shrink = 1 - learningRate * weightDecay
      length = min(length * abs(shrink), 10)
      ratio = sums[0] > 0 && sums[1] > 0 ? length / (sums[1].squareRoot() + epsilon) : 1
    }
    let (factor, kept) = (S(rate * ratio), S(shrink))
    for i in block.indices { w[i] = w[i] * kept - factor * r(i) }
  }
}
