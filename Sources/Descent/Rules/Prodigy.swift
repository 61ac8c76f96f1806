import DescentCompute
import Foundation

/// Prodigy: Adam that estimates its own learning rate, d.
///
/// ```
/// δ = d·γ·c                  c = √(1−β₂ᵏ⁺¹)/(1−β₁ᵏ⁺¹) with use_bias_correction, otherwise 1
/// coupled:   g ← ∇f(w) + λ·w
/// r ← β₃·r + Σ (d/d₀)·δ·⟨g, p₀ − w⟩       over all tensors;  p₀: the first weights
/// m ← β₁·m + d·(1−β₁)·g
/// v ← β₂·v + d²·(1−β₂)·g²
/// s ← β₃·s + (d/d₀)·δ·g      d in place of δ with safeguard_warmup
/// e = d_coef·r/Σ‖s‖₁         E: the largest e so far, at least d₀
/// d' = min(E, d·growth_rate, d_max)       while d = d₀, max(d, e) for d
/// decouple:  w ← w − λ·δ·w
/// w ← w − δ·m/(√v + d'·ε)   d'·g for m where β₁ = 0
/// ```
/// State: 16 bytes a parameter; 12 for β₁ = 0; s and p₀ keep every `slice_p`-th element.
public struct Prodigy: SummingRule {
  /// γ, which multiplies d.
  public var learningRate = 1.0
  /// β₁: the decay of the average of g.
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// β₃: the decay of r and s; nil is √β₂.
  public var beta3: Double?
  /// ε, multiplied by d.
  public var epsilon = 1e-8
  /// λ: weight decay.
  public var weightDecay = 0.0
  /// Whether λ acts on the weights instead of the gradient.
  public var decouple = true
  /// Whether steps have Adam's bias correction.
  public var useBiasCorrection = false
  /// Whether γ stays out of s, which warmup would otherwise shrink.
  public var safeguardWarmup = false
  /// d₀: the first estimate.
  public var initialD = 1e-6
  /// What each estimate is multiplied by.
  public var dCoefficient = 1.0
  /// The most that d grows by in a step, as a factor.
  public var growthRate = Double.infinity
  /// The largest d.
  public var largestD = Double.infinity
  /// The estimate is made from every so many elements.
  public var slice = 1
  /// Whether each parameter group has a d of its own.
  public var separatesGroups = false

  public init() {}

  /// Prodigy with the given hyperparameters.
  public init(
    learningRate: Double, weightDecay: Double = Self.defaults.weightDecay,
    initialD: Double = Self.defaults.initialD, dCoefficient: Double = Self.defaults.dCoefficient
  ) {
    (self.learningRate, self.weightDecay) = (learningRate, weightDecay)
    (self.initialD, self.dCoefficient) = (initialD, dCoefficient)
  }

  public static let name = "prodigy"

  public static let settings: [Setting<Prodigy>] = [
    .number(
      "lr", \.learningRate, .atLeast(0), "γ: multiplies the estimated d; leave it at 1",
      source: "prodigyopt"),
    .betas(\.beta1, \.beta2, source: "prodigyopt"),
    .optionalNumber(
      "beta3", \.beta3, .halfOpen(0, 1), "β₃: decay of r and s; none: √β₂", source: "prodigyopt"),
    .number("eps", \.epsilon, .atLeast(0), "ε, multiplied by d", source: "prodigyopt"),
    .decay(\.weightDecay, source: "prodigyopt"),
    .decoupled(\.decouple, name: "decouple", source: "prodigyopt"),
    .flag(
      "use_bias_correction", \.useBiasCorrection,
      "correct the averages' start from zero, as Adam does",
      source: "prodigyopt"),
    .flag(
      "safeguard_warmup", \.safeguardWarmup, "keep γ out of the estimate's denominator",
      source: "prodigyopt"),
    .number("d0", \.initialD, .above(0), "d₀: the first estimate", source: "prodigyopt"),
    .number(
      "d_coef", \.dCoefficient, .above(0), "multiplies each estimate of d", source: "prodigyopt"),
    .number(
      "growth_rate", \.growthRate, .aboveOrInfinite(1),
      "the most that d grows by in a step, as a factor",
      source: "prodigyopt"),
    .number("d_max", \.largestD, .aboveOrInfinite(0), "the largest d", source: "ours"),
    .integer(
      "slice_p", \.slice, .atLeast(1), "estimate d from every slice_p-th element",
      source: "prodigyopt"),
    .flag("per_group", \.separatesGroups, "one d for each parameter group", source: "ours"),
  ]

  public static let about = About(
    summary: "Adam that estimates its own learning rate.",
    formula: """
      δ = d·γ·c                  c = √(1−β₂ᵏ⁺¹)/(1−β₁ᵏ⁺¹) with use_bias_correction, otherwise 1
      coupled:   g ← ∇f(w) + λ·w
      r ← β₃·r + Σ (d/d₀)·δ·⟨g, p₀ − w⟩       over all tensors;  p₀: the first weights
      m ← β₁·m + d·(1−β₁)·g
      v ← β₂·v + d²·(1−β₂)·g²
      s ← β₃·s + (d/d₀)·δ·g      d in place of δ with safeguard_warmup
      e = d_coef·r/Σ‖s‖₁         E: the largest e so far, at least d₀
      d' = min(E, d·growth_rate, d_max)       while d = d₀, max(d, e) for d
      decouple:  w ← w − λ·δ·w
      w ← w − δ·m/(√v + d'·ε)   d'·g for m where β₁ = 0
      """,
    differences: """
      prodigyopt 1.1.2's: the step has the old d in δ and the new d' with ε; the paper has the old \
      d in both. per_group and the cap d_max are ours (there d_max is a state).
      """,
    guidance: """
      Leave lr at 1 and pair it with cosine. Where d stays at d0, raise d0 to 1e-5 or 1e-4, and \
      with a warmup set safeguard_warmup; where d runs away, set growth_rate=1.02 or d_max; \
      where groups train at different speeds (LoRA beside a head), set per_group.
      """,
    reference: """
      Mishchenko, Defazio: Prodigy: An Expeditiously Adaptive Parameter-Free Learner, 2023, \
      arXiv:2306.06101
      """)

  /// The estimate and what it is made from.
  public struct Variables: RunVariables {
    /// d: the present estimate.
    public var d = 0.0
    /// The estimate that the running step multiplies by.
    public var previousD = 0.0
    /// E: the largest e so far.
    public var largestEstimate = 0.0
    /// r, over all tensors.
    public var numerator = 0.0
    /// Σ‖s‖₁
    public var denominator = 0.0
    /// k: the steps that counted.
    public var k = 0.0

    public init() {}

    /// The numbers, by the names that checkpoints and metrics have.
    public static let fields: [(name: String, path: SettingPath<Variables, Double>)] = [
      ("d", \.d), ("d_hat_max", \.largestEstimate), ("d_numerator", \.numerator),
      ("d_denom", \.denominator), ("k", \.k),
    ]
  }

  public var initialVariables: Variables {
    var variables = Variables()
    (variables.d, variables.previousD, variables.largestEstimate) = (initialD, initialD, initialD)
    return variables
  }

  public func effectiveLearningRate(_ variables: Variables) -> Double { variables.d * learningRate }

  /// d; E; r and Σ‖s‖₁, whose quotient is the estimate; k.
  public func metrics(
    _ variables: Variables, _ step: Step
  ) -> [(name: String, value: Double)] {
    [
      ("d", variables.d), ("d_hat_max", variables.largestEstimate),
      ("d_numerator", variables.numerator), ("d_denominator", variables.denominator),
      ("k", variables.k),
    ]
  }

  public var needs: Needs { .globalSums }
  public static let stateInGather = StateAccess.writes

  private static let s = Slot("s")
  private static let p0 = Slot("p0", .exact)
  public static let unchangedSlots = [p0]

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    let sliced = slice == 1 ? nil : [(parameter.count + slice - 1) / slice]
    return [Self.s.with(shape: sliced), Self.p0.with(shape: sliced), Moments.v]
      + (beta1 > 0 ? [Moments.m] : [])
  }

  /// c at the step that follows k counted ones.
  private func correction(_ k: Double) -> Double {
    useBiasCorrection ? (1 - pow(beta2, k + 1)).squareRoot() / (1 - pow(beta1, k + 1)) : 1
  }

  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: Variables
  ) -> SIMD4<Double> {
    let (w, g) = (block.w, block.g)
    // A slice holds the elements whose position in the parameter is a multiple of its width.
    let start = (slice - block.offset % slice) % slice
    let first = slice == 1 ? 0 : (block.offset + start) / slice
    let count = max(0, (block.count - start + slice - 1) / slice)
    let p0 = block[Self.p0].from(first)
    if step.t == 1 {
      for j in 0..<count { p0[j] = w[start &+ j &* slice] }
    }
    guard learningRate > 0 else { return .zero }

    let d = variables.d
    let δ = d * learningRate * correction(variables.k)
    let weight = d / initialD * δ
    let λ = S(decouple ? 0 : weightDecay)
    let β3 = S(beta3 ?? beta2.squareRoot())
    let taken = S(d / initialD * (safeguardWarmup ? d : δ))
    let (β1, β2) = (S(beta1), S(beta2))
    let (α1, α2) = (S(d * (1 - beta1)), S(d * d * (1 - beta2)))
    if slice == 1, let block = block.forKernels {
      let sums = Kernels.prodigyGather(
        g: block.g, w: block.w, s: block.kept(Self.s), p0: block[Self.p0],
        m: beta1 > 0 ? block.kept(Moments.m) : nil, v: block.kept(Moments.v), λ: Float(λ),
        β1: Float(β1), α1: Float(α1), β2: Float(β2), α2: Float(α2), β3: Float(β3), α3: Float(taken))
      return SIMD4(weight * sums.product, sums.norm, 0, 0)
    }
    let (s, v) = (block[Self.s].from(first), block[Moments.v])
    /// Σ g·(p₀ − w) and Σ |s|, after s ← β₃·s + …·g.
    @inline(__always)
    func estimate(_ slice: Int) -> (product: Double, norm: Double) {
      let product = sum(over: count) { j in
        let i = start &+ j &* slice
        return (g[i] + λ * w[i]) * (p0[j] - w[i])
      }
      for j in 0..<count {
        let i = start &+ j &* slice
        s[j] = β3 * s[j] + taken * (g[i] + λ * w[i])
      }
      return (product, sum(over: count) { abs(s[$0]) })
    }
    // A width that the compiler knows lets the loops vectorize.
    let (product, norm) = slice == 1 ? estimate(1) : estimate(slice)
    if beta1 > 0 {
      let m = block[Moments.m]
      for i in block.indices { m[i] = β1 * m[i] + α1 * (g[i] + λ * w[i]) }
    }
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      v[i] = β2 * v[i] + α2 * (gi * gi)
    }
    return SIMD4(weight * product, norm, 0, 0)
  }

  public func updateVariables(_ variables: inout Variables, from sums: SIMD4<Double>) -> Bool {
    guard sums[1] > 0 else { return false }
    variables.numerator = (beta3 ?? beta2.squareRoot()) * variables.numerator + sums[0]
    variables.denominator = sums[1]
    let estimate = dCoefficient * variables.numerator / variables.denominator
    variables.previousD = variables.d
    if variables.d == initialD { variables.d = max(variables.d, estimate) }
    variables.largestEstimate = max(variables.largestEstimate, estimate)
    variables.d = min(variables.largestEstimate, variables.d * growthRate, largestD)
    variables.k += 1
    return true
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) {
    guard learningRate > 0 else { return }
    let δ = variables.previousD * learningRate * correction(variables.k - 1)
    // Taken off, not a factor 1 − λ·δ, which is 1 or far from it while λ·δ is tiny.
    let decay = S(decouple ? weightDecay * δ : 0)
    let ε = S(variables.d * epsilon)
    if let block = block.forKernels {
      return Kernels.prodigyUpdate(
        g: block.g, w: block.w, m: beta1 > 0 ? block.kept(Moments.m) : nil,
        v: block.kept(Moments.v), decay: Float(decay), η: Float(beta1 > 0 ? δ : δ * variables.d),
        λ: Float(decouple ? 0 : weightDecay), ε: Float(ε))
    }
    let (w, g, v) = (block.w, block.g, block[Moments.v])
    if beta1 > 0 {
      let (m, η) = (block[Moments.m], S(δ))
      for i in block.indices { w[i] = (w[i] - decay * w[i]) - η * m[i] / (v[i].root + ε) }
    } else {
      let (η, λ) = (S(δ * variables.d), S(decouple ? 0 : weightDecay))
      for i in block.indices {
        w[i] = (w[i] - decay * w[i]) - η * (g[i] + λ * w[i]) / (v[i].root + ε)
      }
    }
  }
}
