import Foundation

/// Adafactor as transformers has it: the second moment of a matrix kept as row and column averages.
///
/// ```
/// ρ = lr;    with relative_step    ρ = min(10⁻², 1/√t), with warmup_init min(10⁻⁶·t, 1/√t)
/// α = ρ;     with scale_parameter  α = ρ·max(ε₂, RMS(w))
/// β = 1 − t^decay_rate
/// r ← β·r + (1−β)·mean(g² + ε₁) over a row
/// c ← β·c + (1−β)·mean(g² + ε₁) over a column
/// u = g/√(r·c/mean(r));      vectors:  s ← β·s + (1−β)·(g² + ε₁);  u = g/√s
/// u ← α·u/max(1, RMS(u)/clip_threshold)
/// beta1:  m ← β₁·m + (1−β₁)·u;  u ← m
/// w ← w − λ·α·w − u
/// ```
/// The last two axes are factored and those before them are separate matrices; RMS runs over the
/// whole tensor. State of n × m weights: 4·(n + m) bytes in float32, and 4·n·m with beta1; of
/// vectors 4 bytes a parameter.
public struct Adafactor: AdafactorRule {
  /// lr; nil leaves the length of steps to ``relativeStep``.
  public var externalLearningRate: Double?
  /// ε₁, added to g².
  public var epsilon1 = 1e-30
  /// ε₂: the least RMS of the weights that counts.
  public var epsilon2 = 1e-3
  /// The largest RMS of a step before it is scaled by α.
  public var clipThreshold = 1.0
  /// The exponent of t in 1 − β; negative.
  public var decayRate = -0.8
  /// β₁: the decay of the momentum; nil keeps none.
  public var beta1: Double?
  /// λ: shrinks the weights by α·λ a step.
  public var weightDecay = 0.0
  /// Whether steps are scaled by the RMS of the weights.
  public var scaleParameter = true
  /// Whether steps of 1/√t take the place of lr.
  public var relativeStep = true
  /// Whether relative steps start from 10⁻⁶·t.
  public var warmupInit = false

  public init() {}

  /// Adafactor with a learning rate in place of relative steps, as it is used for fine-tuning.
  public init(
    learningRate: Double, weightDecay: Double = Self.defaults.weightDecay,
    scaleParameter: Bool = false, beta1: Double? = Self.defaults.beta1
  ) {
    (externalLearningRate, relativeStep) = (learningRate, false)
    (self.weightDecay, self.scaleParameter, self.beta1) = (weightDecay, scaleParameter, beta1)
  }

  /// lr as a plain number, for schedules; 0 where there is none.
  public var learningRate: Double {
    get { externalLearningRate ?? 0 }
    set { externalLearningRate = newValue }
  }

  public static let name = "adafactor"

  public static let settings: [Setting<Adafactor>] = [
    .optionalNumber(
      "lr", \.externalLearningRate, .atLeast(0), "learning rate; none leaves it to relative_step",
      source: "transformers", scheduled: [\.learningRate]),
    .numbers(
      "eps", [\.epsilon1, \.epsilon2], .atLeast(0),
      "ε₁, added to g²; ε₂, the least RMS of the weights", source: "transformers"),
    .number(
      "clip_threshold", \.clipThreshold, .above(0), "the largest RMS of a step before scaling",
      source: "transformers"),
    .number(
      "decay_rate", \.decayRate, .closed(-1, 0),
      "exponent of t in 1 − β: how fast the averages lengthen",
      source: "transformers"),
    .optionalNumber(
      "beta1", \.beta1, .halfOpen(0, 1), "β₁: decay of the momentum; none: no momentum",
      source: "transformers"),
    .number(
      "weight_decay", \.weightDecay, .atLeast(0), "λ, decoupled: shrinks the weights by α·λ",
      source: "transformers"),
    .flag(
      "scale_parameter", \.scaleParameter, "scale steps by the RMS of the weights",
      source: "transformers"),
    .flag(
      "relative_step", \.relativeStep, "take steps of 1/√t in place of lr", source: "transformers"),
    .flag(
      "warmup_init", \.warmupInit, "start relative steps from 1e-6·t", source: "transformers"),
  ]

  public static let about = About(
    summary: "Adam's step from averages over rows and columns: hardly any state.",
    formula: """
      ρ = lr;    with relative_step    ρ = min(10⁻², 1/√t), with warmup_init min(10⁻⁶·t, 1/√t)
      α = ρ;     with scale_parameter  α = ρ·max(ε₂, RMS(w))
      β = 1 − t^decay_rate
      r ← β·r + (1−β)·mean(g² + ε₁) over a row
      c ← β·c + (1−β)·mean(g² + ε₁) over a column
      u = g/√(r·c/mean(r));      vectors:  s ← β·s + (1−β)·(g² + ε₁);  u = g/√s
      u ← α·u/max(1, RMS(u)/clip_threshold)
      beta1:  m ← β₁·m + (1−β₁)·u;  u ← m
      w ← w − λ·α·w − u
      """,
    differences: """
      transformers'. The paper has no lr of its own. λ is scaled by α, which includes the scale of \
      the weights. The scalars `step` and `RMS` of its state are not kept: they follow from the \
      rest.
      """,
    guidance: """
      When AdamW's state does not fit. Fine-tuning: lr=1e-3, relative_step=false, \
      scale_parameter=false; from scratch: leave lr out. It needs no clip.norm.
      """,
    reference: paper)

  public func validate() throws(SettingError) {
    if let externalLearningRate, relativeStep {
      throw .contradiction(
        """
        lr=\(SettingValue.number(externalLearningRate)) contradicts relative_step=true, which sets \
        the step by itself: set relative_step=false, or leave lr out
        """)
    }
    if externalLearningRate == nil, !relativeStep {
      throw .contradiction("relative_step=false needs lr")
    }
    if warmupInit, !relativeStep {
      throw .contradiction("warmup_init=true needs relative_step=true")
    }
  }

  var takesRelativeSteps: Bool { relativeStep }

  func relativeRate(_ t: Double) -> Double {
    relativeStep ? min(warmupInit ? 1e-6 * t : 1e-2, 1 / t.squareRoot()) : learningRate
  }

  private static let slots = FactoredUpdate.Slots(
    row: Slot("exp_avg_sq_row"), column: Slot("exp_avg_sq_col"),
    whole: Slot("exp_avg_sq", .nonnegative))

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    let shape = parameter.shape
    let averages =
      shape.count < 2
      ? [Self.slots.whole]
      : [
        Self.slots.row.with(shape: shape.dropLast()),
        Self.slots.column.with(shape: shape.dropLast(2) + shape.suffix(1)),
      ]
    return averages + (beta1 == nil ? [] : [FactoredUpdate.m])
  }

  public func update<S: Scalar>(_ tensor: Block<S>, _ step: Step) {
    let t = Double(step.t)
    let ρ = relativeRate(t)
    let α = scaleParameter ? ρ * max(epsilon2, rootMeanSquare(tensor)) : ρ
    FactoredUpdate(
      slots: Self.slots, decay: 1 - pow(t, decayRate), added: epsilon1,
      leastMean: .leastNormalMagnitude, least: 0,
      clipThreshold: clipThreshold, rate: α, decayed: weightDecay * α, beta1: beta1
    ).run(tensor)
  }
}
