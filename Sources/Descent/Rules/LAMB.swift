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
/// pytorch_optimizer:  w ← w·(1−η·λ);  r = m/(√v + ε);  ψ = min(‖w‖, 10)/(‖r‖ + ε)
///                     w ← w − η/(1−β₁ᵗ)·ψ·r
/// apex:               ψ = 1 where λ = 0, unless use_nvlamb
/// deepspeed:          r = m/(√v + ε) + λ·w;  ψ = min(max(‖w‖/‖r‖, min_coeff), max_coeff)
///                     w ← w − η·√(1−β₂ᵗ)/(1−β₁ᵗ)·ψ·r
/// ```
/// State: 8 bytes a parameter in float32.
public struct LAMB: SummingRule, StepCountingRule {
  /// How the rule is written.
  public enum Variant: String, CaseIterable, Sendable {
    /// The paper's, and optax's.
    case paper
    /// pytorch_optimizer's: w ← w·(1−η·λ), r = m/(√v + ε), ψ = min(‖w‖, 10)/(‖r‖ + ε), and
    /// η/(1−β₁ᵗ) for η.
    case pytorchOptimizer = "pytorch_optimizer"
    /// apex FusedLAMB's: ψ = 1 where λ = 0, unless `use_nvlamb`.
    case apex
    /// DeepSpeed FusedLamb's: r = m/(√v + ε) + λ·w, ψ from `min_coeff` to `max_coeff`, and
    /// η·√(1−β₂ᵗ)/(1−β₁ᵗ) for η.
    case deepspeed
  }

  /// The learning rate η.
  public var learningRate = 1e-3
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// ε, added to the root.
  public var epsilon = 1e-6
  /// λ: λ·w is part of r.
  public var weightDecay = 0.0
  /// How the rule is written.
  public var variant = Variant.paper
  /// Whether apex and DeepSpeed correct m and v for their start at zero.
  public var biasCorrection = true
  /// Whether apex's m takes (1−β₁)·g; else g.
  public var gradientAveraging = true
  /// Whether apex's λ·w joins r; else the gradient.
  public var adamWMode = true
  /// Whether apex scales tensors without decay as well.
  public var usesNVLAMB = false
  /// Whether DeepSpeed's ε is inside the root.
  public var epsilonInsideRoot = false
  /// DeepSpeed's largest ψ.
  public var largestRatio = 10.0
  /// DeepSpeed's least ψ.
  public var leastRatio = 0.01

  public init() {}

  /// LAMB with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    variant: Variant = Self.defaults.variant
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
    .flag(
      "bias_correction", \.biasCorrection, "correct m and v (apex, deepspeed)", source: "apex"),
    .flag(
      "grad_averaging", \.gradientAveraging, "m takes (1−β₁)·g, else g (apex)", source: "apex"),
    .flag("adam_w_mode", \.adamWMode, "λ·w joins r, else the gradient (apex)", source: "apex"),
    .flag("use_nvlamb", \.usesNVLAMB, "scale tensors without decay too (apex)", source: "apex"),
    .flag(
      "eps_inside_sqrt", \.epsilonInsideRoot, "√(v + ε) for √v + ε (deepspeed)",
      source: "deepspeed"),
    .number("max_coeff", \.largestRatio, .above(0), "largest ψ (deepspeed)", source: "deepspeed"),
    .number(
      "min_coeff", \.leastRatio, .atLeast(0), "least ψ (deepspeed)", source: "deepspeed"),
  ]

  public func validate() throws(SettingError) {
    let standard = LAMB()
    let options: [(name: String, isChanged: Bool, variants: [Variant])] = [
      ("bias_correction", !biasCorrection, [.apex, .deepspeed]),
      ("grad_averaging", !gradientAveraging, [.apex]),
      ("adam_w_mode", !adamWMode, [.apex]),
      ("use_nvlamb", usesNVLAMB, [.apex]),
      ("eps_inside_sqrt", epsilonInsideRoot, [.deepspeed]),
      ("max_coeff", largestRatio != standard.largestRatio, [.deepspeed]),
      ("min_coeff", leastRatio != standard.leastRatio, [.deepspeed]),
    ]
    for option in options where option.isChanged && !option.variants.contains(variant) {
      let names = option.variants.map(\.rawValue).joined(separator: " or ")
      throw .contradiction(
        "\(option.name) has no meaning for variant=\(variant.rawValue): leave it out or set "
          + "variant to \(names)")
    }
    if leastRatio > largestRatio {
      throw .contradiction("min_coeff=\(leastRatio) is above max_coeff=\(largestRatio)")
    }
  }

  public static let about = About(
    summary: "Adam's step, scaled for each tensor to the length of its weights.",
    formula: """
      m ← β₁·m + (1−β₁)·g
      v ← β₂·v + (1−β₂)·g²
      r = m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε) + λ·w
      ψ = ‖w‖/‖r‖, 1 where either is 0
      w ← w − η·ψ·r
      pytorch_optimizer:  w ← w·(1−η·λ);  r = m/(√v + ε);  ψ = min(‖w‖, 10)/(‖r‖ + ε)
                          w ← w − η/(1−β₁ᵗ)·ψ·r
      apex:               ψ = 1 where λ = 0, unless use_nvlamb
      deepspeed:          r = m/(√v + ε) + λ·w;  ψ = min(max(‖w‖/‖r‖, min_coeff), max_coeff)
                          w ← w − η·√(1−β₂ᵗ)/(1−β₁ᵗ)·ψ·r
      """,
    differences: """
      The paper's (version 5) and optax's, without limits on ψ. variant gives the formulas of \
      three packages; their other defaults are left to you: apex has weight_decay=0.01 and clips \
      the global gradient norm to 1 first (clip.norm=1 here), DeepSpeed has eps=1e-8. Next to the \
      paper's, pytorch_optimizer's first step is 1/(1−β₁) times as long, DeepSpeed's \
      √(1−β₂)/(1−β₁) times. t counts the steps of the run for pytorch_optimizer and apex, as there, \
      and those of each tensor, since its first gradient, for the others.
      """,
    guidance: """
      For batches of thousands of examples: lr about 1e-3 times √(batch/512), with warmup. Keep \
      norms and biases in a group without decay.
      """,
    reference: """
      You et al.: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2020, \
      arXiv:1904.00962
      """)

  public var needs: Needs { .tensorSums }
  public static let stateInGather = StateAccess.writes

  public func slots(for parameter: ParameterInfo) -> [Slot] { Moments.slots }

  /// t: pytorch_optimizer and apex count the steps of a group, the others here those of a tensor.
  private func t(_ step: Step, _ variables: Variables) -> Double {
    switch variant {
    case .pytorchOptimizer, .apex: variables.steps
    case .paper, .deepspeed: Double(step.t)
    }
  }

  /// What r is made with at step t: r = c₁·m/(√(v + inside)·c₂ + ε) + λ·w.
  private func factors<S: Scalar>(
    _ t: Double, of: S.Type
  ) -> (c1: S, c2: S, inside: S, ε: S, λ: S) {
    let corrects = variant == .paper || (variant == .apex && biasCorrection)
    return (
      c1: S(corrects ? 1 / (1 - pow(beta1, t)) : 1),
      c2: S(corrects ? 1 / (1 - pow(beta2, t)).squareRoot() : 1),
      inside: S(epsilonInsideRoot ? epsilon : 0), ε: S(epsilonInsideRoot ? 0 : epsilon),
      λ: S(variant == .pytorchOptimizer || !adamWMode ? 0 : weightDecay)
    )
  }

  /// r of element i.
  @inline(__always)
  private func direction<S: Scalar>(_ block: Block<S>, _ t: Double) -> (Int) -> S {
    let (w, m, v) = (block.w, block[Moments.m], block[Moments.v])
    let (c1, c2, inside, ε, λ) = factors(t, of: S.self)
    return { i in c1 * m[i] / ((v[i] + inside).root * c2 + ε) + λ * w[i] }
  }

  /// The same for ``Kernels``.
  private func kernelDirection(_ t: Double) -> Kernels.LAMBDirection {
    let (c1, c2, inside, ε, λ) = factors(t, of: Float.self)
    return Kernels.LAMBDirection(c1: c1, c2: c2, inside: inside, ε: ε, λ: λ)
  }

  /// ‖w‖² and ‖r‖².
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: StepCount
  ) -> SIMD4<Double> {
    var moments = Moments(beta1: beta1, beta2: beta2)
    moments.coupledDecay = adamWMode ? 0 : weightDecay
    if let block = block.forKernels {
      let sums = Kernels.lambGather(
        kernelDirection(t(step, variables)), g: block.g, w: block.w, m: block.kept(Moments.m),
        v: block.kept(Moments.v), averages: gradientAveraging, λ: Float(moments.coupledDecay),
        β1: Float(beta1), α1: Float(1 - beta1), β2: Float(beta2), α2: Float(1 - beta2))
      return SIMD4(sums.weights, sums.direction, 0, 0)
    }
    if gradientAveraging { moments.update(block) } else { moments.sum(block) }
    let (w, r) = (block.w, direction(block, t(step, variables)))
    return SIMD4(
      sumOfSquares(over: block.count) { w[$0] }, sumOfSquares(over: block.count, r), 0, 0)
  }

  /// What weights are multiplied by before the step.
  private var shrink: Double {
    variant == .pytorchOptimizer ? 1 - learningRate * weightDecay : 1
  }

  /// ψ, from ‖w‖² and ‖r‖².
  private func ratio(_ sums: SIMD4<Double>) -> Double {
    guard sums[0] > 0, sums[1] > 0 else { return 1 }
    let (length, size) = (sums[0].squareRoot(), sums[1].squareRoot())
    return switch variant {
    case .paper: length / size
    case .pytorchOptimizer: min(length * abs(shrink), 10) / (size + epsilon)
    case .apex: weightDecay == 0 && !usesNVLAMB ? 1 : length / size
    case .deepspeed: min(max(length / size, leastRatio), largestRatio)
    }
  }

  /// ψ.
  public func trustRatio(
    of parameter: ParameterInfo, _ step: Step, _ sums: SIMD4<Double>, _ variables: StepCount
  ) -> Double? { ratio(sums) }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: StepCount
  ) {
    let t = t(step, variables)
    var rate = learningRate
    switch variant {
    case .paper, .apex: break
    case .pytorchOptimizer: rate /= 1 - pow(beta1, t)
    case .deepspeed:
      if biasCorrection { rate *= (1 - pow(beta2, t)).squareRoot() / (1 - pow(beta1, t)) }
    }
    let (factor, kept) = (S(rate * ratio(sums)), S(shrink))
    if let block = block.forKernels {
      return Kernels.lambUpdate(
        kernelDirection(t), w: block.w, m: block.kept(Moments.m), v: block.kept(Moments.v),
        kept: Float(kept), factor: Float(factor))
    }
    let (w, r) = (block.w, direction(block, t))
    for i in block.indices { w[i] = w[i] * kept - factor * r(i) }
  }
}
