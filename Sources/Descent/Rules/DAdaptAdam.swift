import DescentCompute
import Foundation

/// D-Adaptation of Adam: estimates its own learning rate, d, from the gradients' agreement.
///
/// ```
/// δ = d·γ·c                  c = √(1−β₂ᵏ⁺¹)/(1−β₁ᵏ⁺¹) with use_bias_correction, otherwise 1
/// coupled:   g ← ∇f(w) + λ·w
/// N = Σ r·δ·⟨g, s/(√v + ε)⟩  over all tensors, before s and v change;  r is layer_scale
/// m ← β₁·m + r·δ·(1−β₁)·g
/// v ← β₂·v + (1−β₂)·g²
/// s ← b·s + δ·(1−b)·g        b = √β₂
/// q ← b·q + (1−b)·N
/// e = q/((1−b)·Σ r·‖s‖₁);  d ← max(d, min(e, d·growth_rate))
/// decouple:  w ← w − λ·δ·w
/// w ← w − m/(√v + ε)
/// ```
/// State: 12 bytes a parameter in float32.
public struct DAdaptAdam: SummingRule {
  /// γ, which multiplies d.
  public var learningRate = 1.0
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// ε, added to the root.
  public var epsilon = 1e-8
  /// λ: weight decay.
  public var weightDecay = 0.0
  /// Whether λ acts on the weights instead of the gradient.
  public var decouple = false
  /// Whether steps have Adam's bias correction.
  public var useBiasCorrection = false
  /// d₀: the first estimate.
  public var initialD = 1e-6
  /// The most that d grows by in a step, as a factor.
  public var growthRate = Double.infinity
  /// r: a factor of the steps, for a group.
  public var layerScale = 1.0
  /// Whether each parameter group has a d of its own.
  public var separatesGroups = false

  public init() {}

  /// D-Adaptation with the given hyperparameters.
  public init(
    learningRate: Double, weightDecay: Double = Self.defaults.weightDecay,
    decouple: Bool = Self.defaults.decouple, initialD: Double = Self.defaults.initialD
  ) {
    (self.learningRate, self.weightDecay) = (learningRate, weightDecay)
    (self.decouple, self.initialD) = (decouple, initialD)
  }

  public static let name = "dadapt-adam"

  public static let settings: [Setting<DAdaptAdam>] = [
    .number(
      "lr", \.learningRate, .atLeast(0), "γ: multiplies the estimated d; leave it at 1",
      source: "dadaptation"),
    .betas(\.beta1, \.beta2, source: "dadaptation"),
    .epsilon(\.epsilon, source: "dadaptation"),
    .decay(\.weightDecay, source: "dadaptation"),
    .decoupled(\.decouple, name: "decouple", source: "dadaptation"),
    .flag(
      "use_bias_correction", \.useBiasCorrection,
      "correct the averages' start from zero, as Adam does",
      source: "dadaptation"),
    .number("d0", \.initialD, .above(0), "d₀: the first estimate", source: "dadaptation"),
    .number(
      "growth_rate", \.growthRate, .aboveOrInfinite(1),
      "the most that d grows by in a step, as a factor",
      source: "dadaptation"),
    .number(
      "layer_scale", \.layerScale, .above(0), "r: a factor of the steps, for a group",
      source: "dadaptation"),
    .flag("per_group", \.separatesGroups, "one d for each parameter group", source: "ours"),
  ]

  public static let about = About(
    summary: "Adam that estimates its own learning rate; Prodigy's forerunner.",
    formula: """
      δ = d·γ·c                  c = √(1−β₂ᵏ⁺¹)/(1−β₁ᵏ⁺¹) with use_bias_correction, otherwise 1
      coupled:   g ← ∇f(w) + λ·w
      N = Σ r·δ·⟨g, s/(√v + ε)⟩  over all tensors, before s and v change;  r is layer_scale
      m ← β₁·m + r·δ·(1−β₁)·g
      v ← β₂·v + (1−β₂)·g²
      s ← b·s + δ·(1−b)·g        b = √β₂
      q ← b·q + (1−b)·N
      e = q/((1−b)·Σ r·‖s‖₁);  d ← max(d, min(e, d·growth_rate))
      decouple:  w ← w − λ·δ·w
      w ← w − m/(√v + ε)
      """,
    differences: """
      facebookresearch/dadaptation's. δ is inside m, so a lower γ acts with the delay of the \
      momentum. One d serves all tensors; per_group, which is ours, keeps one for each group.
      """,
    guidance: "Prefer prodigy, which finds d sooner. Leave lr at 1 and pair it with a schedule.",
    reference: """
      Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733
      """)

  /// The estimate and what it is made from.
  public struct Variables: RunVariables {
    /// d: the present estimate.
    public var d = 0.0
    /// The estimate that the running step multiplies by.
    public var previousD = 0.0
    /// q
    public var numerator = 0.0
    /// k: the steps that counted.
    public var k = 0.0
    /// (1−b)·Σ r·‖s‖₁ of the last step; made anew at each, so it is not among the fields.
    public var denominator = 0.0

    public init() {}

    /// The numbers, by the names that checkpoints and metrics have.
    public static let fields: [(name: String, path: SettingPath<Variables, Double>)] = [
      ("d", \.d), ("numerator_weighted", \.numerator), ("k", \.k),
    ]
  }

  public var initialVariables: Variables {
    var variables = Variables()
    (variables.d, variables.previousD) = (initialD, initialD)
    return variables
  }

  public func effectiveLearningRate(_ variables: Variables) -> Double { variables.d * learningRate }

  /// d; q and (1−b)·Σ r·‖s‖₁, whose quotient is the estimate; k.
  public func metrics(
    _ variables: Variables, _ step: Step
  ) -> [(name: String, value: Double)] {
    [
      ("d", variables.d), ("d_numerator", variables.numerator),
      ("d_denominator", variables.denominator), ("k", variables.k),
    ]
  }

  public var needs: Needs { .globalSums }
  public static let stateInGather = StateAccess.writes

  private static let s = Slot("s")

  public func slots(for parameter: ParameterInfo) -> [Slot] { Moments.slots + [Self.s] }

  /// δ at the step that follows k counted ones.
  private func rate(_ d: Double, _ k: Double) -> Double {
    let c =
      useBiasCorrection ? (1 - pow(beta2, k + 1)).squareRoot() / (1 - pow(beta1, k + 1)) : 1
    return d * learningRate * c
  }

  /// N and Σ r·‖s‖₁.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: Variables
  ) -> SIMD4<Double> {
    guard learningRate > 0 else { return .zero }
    let (δ, b) = (rate(variables.d, variables.k), beta2.squareRoot())
    let (λ, ε) = (S(decouple ? 0 : weightDecay), S(epsilon))
    let (β1, β2, kept) = (S(beta1), S(beta2), S(b))
    let (α1, α2) = (S(layerScale * δ * (1 - beta1)), S(1 - beta2))
    let taken = S(δ * (1 - b))
    if let block = block.forKernels {
      let (agreement, length) = Kernels.dAdaptGather(
        g: block.g, w: block.w, s: block.kept(Self.s), m: block.kept(Moments.m),
        v: block.kept(Moments.v),
        λ: Float(λ), ε: Float(ε), β1: Float(β1), α1: Float(α1), β2: Float(β2), α2: Float(α2),
        β3: Float(kept), α3: Float(taken))
      return SIMD4(layerScale * δ * agreement, layerScale * length, 0, 0)
    }
    let (w, g) = (block.w, block.g)
    let (m, v, s) = (block[Moments.m], block[Moments.v], block[Self.s])
    let agreement = sum(over: block.count) { i in
      (g[i] + λ * w[i]) * s[i] / (v[i].root + ε)
    }
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      m[i] = β1 * m[i] + α1 * gi
      v[i] = β2 * v[i] + α2 * (gi * gi)
      s[i] = kept * s[i] + taken * gi
    }
    let length = sum(over: block.count) { i in abs(s[i]) }
    return SIMD4(layerScale * δ * agreement, layerScale * length, 0, 0)
  }

  public func updateVariables(_ variables: inout Variables, from sums: SIMD4<Double>) -> Bool {
    let b = beta2.squareRoot()
    variables.denominator = (1 - b) * sums[1]
    guard sums[1] > 0 else { return false }
    variables.numerator = b * variables.numerator + (1 - b) * sums[0]
    let estimate = variables.numerator / variables.denominator
    variables.previousD = variables.d
    variables.d = max(variables.d, min(estimate, variables.d * growthRate))
    variables.k += 1
    return true
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) {
    guard learningRate > 0 else { return }
    let ε = S(epsilon)
    let δ = rate(variables.previousD, variables.k - 1)
    // Taken off, not a factor 1 − λ·δ, which is 1 or far from it while λ·δ is tiny.
    let decay = S(decouple ? weightDecay * δ : 0)
    if let block = block.forKernels {
      Kernels.prodigyUpdate(
        g: block.g, w: block.w, m: block.kept(Moments.m), v: block.kept(Moments.v),
        decay: Float(decay), η: 1, λ: 0, ε: Float(ε))
      return
    }
    let (w, m, v) = (block.w, block[Moments.m], block[Moments.v])
    for i in block.indices { w[i] = (w[i] - decay * w[i]) - m[i] / (v[i].root + ε) }
  }
}
