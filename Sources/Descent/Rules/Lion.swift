import DescentCompute

/// Lion: steps of equal size in every element, by the sign of an interpolated momentum.
///
/// ```
/// w ← w·(1 − η·λ')         λ' = λ, with decoupled_weight_decay λ/η₀;  η₀: the first η
/// c = β₁·m + (1−β₁)·g
/// w ← w − η·u              u = sign(c)
/// m ← β₂·m + (1−β₂)·g
/// cautious_factor f:  u = sign(c)·s/max(mean(s), 10⁻⁵);  s = 1 where c·g > 0, otherwise f
/// cautious_wd:        w shrinks only where u·w > 0
/// ```
/// A `cautious_factor` below 1 makes it the cautious Lion; mean(s) is the tensor's.
///
/// State: 4 bytes a parameter in float32.
public struct Lion: SummingRule {
  /// The learning rate η.
  public var learningRate = 1e-4
  /// β₁: the weight of m in the interpolation.
  public var beta1 = 0.9
  /// β₂: the decay of the momentum.
  public var beta2 = 0.99
  /// λ: shrinks the weights by η·λ a step.
  public var weightDecay = 0.0
  /// Whether λ is divided by η₀, the learning rate that the optimizer was made with.
  public var decoupledWeightDecay = false
  /// f: what a step against the gradient's sign is multiplied by; 1 is plain Lion.
  public var cautiousFactor = 1.0
  /// Whether λ acts only where the step shrinks the weight.
  public var cautiousWeightDecay = false
  /// η₀, kept at the start, before schedules.
  private var initialLearningRate: Double?

  public init() {}

  /// Lion with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    weightDecay: Double = Self.defaults.weightDecay,
    decoupledWeightDecay: Bool = Self.defaults.decoupledWeightDecay,
    cautiousFactor: Double = Self.defaults.cautiousFactor,
    cautiousWeightDecay: Bool = Self.defaults.cautiousWeightDecay
  ) {
    (self.learningRate, self.weightDecay) = (learningRate, weightDecay)
    (beta1, beta2) = betas
    self.decoupledWeightDecay = decoupledWeightDecay
    (self.cautiousFactor, self.cautiousWeightDecay) = (cautiousFactor, cautiousWeightDecay)
  }

  public static let name = "lion"

  public static let settings: [Setting<Lion>] = [
    .number("lr", \.learningRate, .above(0), "learning rate η", source: "lion-pytorch"),
    .betas(
      \.beta1, \.beta2, "β₁ of the interpolation, β₂ of the momentum", source: "lion-pytorch"),
    .decoupledDecay(\.weightDecay, source: "lion-pytorch"),
    .flag(
      "decoupled_weight_decay", \.decoupledWeightDecay,
      "divide λ by the first η: decay no longer grows with lr", source: "lion-pytorch"),
    .number(
      "cautious_factor", \.cautiousFactor, .closed(0, 1),
      "f: multiplies steps against the gradient's sign; 1: plain Lion", source: "lion-pytorch"),
    .flag(
      "cautious_wd", \.cautiousWeightDecay, "decay only where the step shrinks the weight",
      source: "lion-pytorch"),
  ]

  public static let about = About(
    summary: "Steps of equal size in every element, by the sign of an interpolated momentum.",
    formula: """
      w ← w·(1 − η·λ')         λ' = λ, with decoupled_weight_decay λ/η₀;  η₀: the first η
      c = β₁·m + (1−β₁)·g
      w ← w − η·u              u = sign(c)
      m ← β₂·m + (1−β₂)·g
      cautious_factor f:  u = sign(c)·s/max(mean(s), 10⁻⁵);  s = 1 where c·g > 0, otherwise f
      cautious_wd:        w shrinks only where u·w > 0
      """,
    differences: """
      lion-pytorch's, which is the paper's. The sign is that of an interpolation that is never \
      stored, not of m. cautious_factor=0 is the default of lion-pytorch's cautious Lion.
      """,
    guidance: """
      Half the state of AdamW. Divide AdamW's lr by 3 to 10, multiply its weight_decay by as \
      much, and use batches of 256 or more.
      """,
    reference: """
      Chen et al.: Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675; \
      Liang, Chen, Liu, Liu: Cautious Optimizers, 2024, arXiv:2411.16085
      """)

  public func rememberingDeclaredSettings() -> Lion {
    var rule = self
    rule.initialLearningRate = learningRate
    return rule
  }

  public var needs: Needs { cautiousFactor < 1 ? .tensorSums : [] }
  public static let stateInGather = StateAccess.reads

  private static let m = Slot("exp_avg")

  public func slots(for parameter: ParameterInfo) -> [Slot] { [Self.m] }

  /// Counts the elements where c and g agree in sign.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: NoVariables
  ) -> SIMD4<Double> {
    let (g, m, kept, taken) = (block.g, block[Self.m], S(beta1), S(1 - beta1))
    let agreeing = sum(over: block.count) { i -> S in
      let direction = sign(kept * m[i] + taken * g[i])
      return direction * g[i] > 0 ? 1 : 0
    }
    return SIMD4(agreeing, 0, 0, 0)
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: NoVariables
  ) {
    let (η, β1, β2) = (S(learningRate), S(beta1), S(beta2))
    let (α1, α2) = (S(1 - beta1), S(1 - beta2))
    let decay =
      weightDecay / (decoupledWeightDecay ? initialLearningRate ?? learningRate : 1)
    let shrink = S(1 - learningRate * decay)
    if cautiousFactor == 1, !cautiousWeightDecay {
      if let block = block.forKernels {
        return Kernels.lion(
          g: block.g, w: block.w, m: block.kept(Self.m), η: Float(η), shrink: Float(shrink),
          β1: Float(β1), α1: Float(α1), β2: Float(β2), α2: Float(α2))
      }
      let (w, g, m) = (block.w, block.g, block[Self.m])
      for i in block.indices {
        w[i] = w[i] * shrink - η * sign(β1 * m[i] + α1 * g[i])
        m[i] = β2 * m[i] + α2 * g[i]
      }
      return
    }
    // With s = 1 everywhere the mean is 1, which makes this plain Lion.
    let share = sums[0] / Double(block.shape.reduce(1, *))
    let mean = cautiousFactor == 1 ? 1 : max(share + cautiousFactor * (1 - share), 1e-5)
    let (with, against) = (S(1 / mean), S(cautiousFactor / mean))
    let (w, g, m) = (block.w, block.g, block[Self.m])
    // What a weight is multiplied by where the step does not shrink it.
    let other = cautiousWeightDecay ? 1 : shrink
    for i in block.indices {
      let (gi, mi, wi) = (g[i], m[i], w[i])
      let direction = sign(β1 * mi + α1 * gi)
      let u = direction * gi > 0 ? direction * with : direction * against
      let kept = u * wi > 0 ? shrink : other
      w[i] = wi * kept - η * u
      m[i] = β2 * mi + α2 * gi
    }
  }
}
