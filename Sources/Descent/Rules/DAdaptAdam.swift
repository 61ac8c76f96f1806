import Foundation

/// D-Adaptation of Adam: estimates its own learning rate, d, from the gradients' agreement.
///
/// ```
/// δ = d·γ·c                        c = √(1−β₂ᵏ⁺¹)/(1−β₁ᵏ⁺¹) with bias correction, else 1
/// N = Σ r·δ·⟨g, s/(√v + ε)⟩        with s and v before this step, over all tensors
/// m ← β₁·m + r·δ·(1−β₁)·g          r is layer_scale
/// v ← β₂·v + (1−β₂)·g²
/// s ← b·s + δ·(1−b)·g              b = √β₂
/// q ← b·q + (1−b)·N
/// d̂ = q / ((1−b)·Σ r·‖s‖₁)
/// d ← max(d, min(d̂, d·growth_rate))
/// w ← w − λ·δ·w                    decoupled
/// w ← w − m/(√v + ε)
/// ```
/// State: 12 bytes a parameter in float32.
public struct DAdaptAdam: SummingRule {
  /// γ, a multiplier of d
  public var learningRate = 1.0
  /// β₁
  public var beta1 = 0.9
  /// β₂
  public var beta2 = 0.999
  /// ε, outside the root
  public var epsilon = 1e-8
  /// λ
  public var weightDecay = 0.0
  /// Whether λ acts on the weights instead of the gradient.
  public var decouple = false
  public var useBiasCorrection = false
  /// d₀, the first estimate
  public var initialD = 1e-6
  public var growthRate = Double.infinity
  /// r, a factor of a group's steps
  public var layerScale = 1.0
  /// Whether each parameter group has a d of its own.
  public var separatesGroups = false

  public init() {}

  /// D-Adaptation with the given hyperparameters.
  public init(
    learningRate: Double, weightDecay: Double = 0, decouple: Bool = false, initialD: Double = 1e-6
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
    .flag("decouple", \.decouple, "AdamW's decay instead of L2", source: "dadaptation"),
    .flag(
      "use_bias_correction", \.useBiasCorrection, "Adam's bias correction",
      source: "dadaptation"),
    .number("d0", \.initialD, .above(0), "d₀: the first estimate", source: "dadaptation"),
    .number(
      "growth_rate", \.growthRate, .aboveOrInfinite(1), "d grows at most by this factor a step",
      source: "dadaptation"),
    .number(
      "layer_scale", \.layerScale, .above(0), "r: a factor of a group's steps",
      source: "dadaptation"),
    .flag("per_group", \.separatesGroups, "one d for each parameter group", source: "ours"),
  ]

  public static let about = About(
    summary: "Adam that estimates its own learning rate; Prodigy's forerunner.",
    formula: """
      δ = d·γ·c;  b = √β₂;  r is layer_scale
      N = Σ r·δ·⟨g, s/(√v + ε)⟩, with s and v before this step
      m ← β₁·m + r·δ·(1−β₁)·g
      v ← β₂·v + (1−β₂)·g²
      s ← b·s + δ·(1−b)·g
      q ← b·q + (1−b)·N;  d̂ = q/((1−b)·Σ r·‖s‖₁);  d ← max(d, min(d̂, d·growth_rate))
      w ← w − λ·δ·w;  w ← w − m/(√v + ε)
      """,
    differences: """
      facebookresearch/dadaptation's. δ is inside m, so that a lower γ acts with the delay of the \
      momentum. One d for all tensors, or with per_group, which is ours, for each group.
      """,
    guidance: "Prefer prodigy, which finds d sooner. Leave lr at 1 and pair it with a schedule.",
    reference: """
      Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, arXiv:2301.07733
      """)

  /// The estimate and what it is made from.
  public struct Variables: RunVariables {
    /// d, the present estimate
    public var d = 0.0
    /// The estimate that the running step multiplies by.
    public var previousD = 0.0
    /// q
    public var numerator = 0.0
    /// k, the steps that counted
    public var k = 0.0

    public init() {}

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
    let (w, g) = (block.w, block.g)
    let (m, v, s) = (block[Moments.m], block[Moments.v], block[Self.s])
    let (δ, b) = (rate(variables.d, variables.k), beta2.squareRoot())
    let (λ, ε) = (S(decouple ? 0 : weightDecay), S(epsilon))
    let agreement = sum(over: block.count) { i in
      (g[i] + λ * w[i]) * s[i] / (v[i].root + ε)
    }
    let (β1, β2, kept) = (S(beta1), S(beta2), S(b))
    let (α1, α2) = (S(layerScale * δ * (1 - beta1)), S(1 - beta2))
    let taken = S(δ * (1 - b))
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
    guard sums[1] > 0 else { return false }
    let b = beta2.squareRoot()
    variables.numerator = b * variables.numerator + (1 - b) * sums[0]
    let estimate = variables.numerator / ((1 - b) * sums[1])
    variables.previousD = variables.d
    variables.d = max(variables.d, min(estimate, variables.d * growthRate))
    variables.k += 1
    return true
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) {
    guard learningRate > 0 else { return }
    let (w, m, v, ε) = (block.w, block[Moments.m], block[Moments.v], S(epsilon))
    let δ = rate(variables.previousD, variables.k - 1)
    let shrink = S(1 - (decouple ? weightDecay * δ : 0))
    for i in block.indices { w[i] = w[i] * shrink - m[i] / (v[i].root + ε) }
  }
}
