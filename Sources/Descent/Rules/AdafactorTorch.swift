import Foundation

/// Adafactor as PyTorch has it: lr caps the relative step, and there is no momentum.
///
/// ```
/// κ = t^beta2_decay;  ρ = min(lr, 1/√t);  α = ρ·max(ε₂, RMS(w))
/// w ← w·(1 − lr·λ)
/// R ← R + κ·(mean(g²) − R) over a row, C the same over a column
/// V = R·C/max(mean(R), ε₁);  vectors:  V ← V + κ·(g² − V)
/// U = g/√max(V, ε₁²)
/// w ← w − α/max(1, RMS(U)/d)·U
/// ```
/// The last two axes are factored and those before them are separate matrices; RMS runs over the
/// whole tensor. State of n × m weights: 4·(n + m) bytes in float32; of vectors 4 bytes a
/// parameter.
public struct AdafactorTorch: AdafactorRule {
  /// lr: the largest ρ.
  public var learningRate = 1e-2
  /// The exponent of t in κ; negative.
  public var beta2Decay = -0.8
  /// ε₁, a floor; nil is the distance from 1 to the next number of the weights' type.
  public var epsilon1: Double?
  /// ε₂: the least RMS of the weights that counts.
  public var epsilon2 = 1e-3
  /// d: the largest RMS of U.
  public var clipThreshold = 1.0
  /// λ: shrinks the weights by lr·λ a step.
  public var weightDecay = 0.0
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// Adafactor with the given hyperparameters.
  public init(
    learningRate: Double, weightDecay: Double = Self.defaults.weightDecay,
    maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.weightDecay) = (learningRate, weightDecay)
    self.maximize = maximize
  }

  /// ε₂ as the setting reads it: NaN for none, which `validate` refuses.
  private var optionalEpsilon2: Double? {
    get { epsilon2 }
    set { epsilon2 = newValue ?? .nan }
  }

  public static let name = "adafactor-torch"

  public static let settings: [Setting<AdafactorTorch>] = [
    .number(
      "lr", \.learningRate, .atLeast(0), "the largest relative step ρ; 1/√t where that is less",
      source: "torch"),
    .number(
      "beta2_decay", \.beta2Decay, .closed(-10, 0),
      "exponent of t in κ: how fast the averages lengthen", source: "torch"),
    .optionalNumbers(
      "eps", [\.epsilon1, \.optionalEpsilon2], .atLeast(0),
      "ε₁, a floor (none: that of the weights' type); ε₂, the least RMS of the weights",
      source: "torch"),
    .number("d", \.clipThreshold, .atLeast(1), "the largest RMS of a step", source: "torch"),
    .decoupledDecay(\.weightDecay),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Adafactor in PyTorch's form: lr caps the relative step.",
    formula: """
      κ = t^beta2_decay;  ρ = min(lr, 1/√t);  α = ρ·max(ε₂, RMS(w))
      w ← w·(1 − lr·λ)
      R ← R + κ·(mean(g²) − R) over a row, C the same over a column
      V = R·C/max(mean(R), ε₁);  vectors:  V ← V + κ·(g² − V)
      U = g/√max(V, ε₁²)
      w ← w − α/max(1, RMS(U)/d)·U
      """,
    differences: """
      PyTorch's, except that ε₁=none always stands for the weights' own type: there the first \
      parameter decides for all. With defaults it follows `adafactor` while |g| is far above ε₁.
      """,
    guidance: """
      For runs that must match PyTorch; otherwise take adafactor, whose lr can be set freely and \
      which has momentum. The default lr has no effect after 10,000 steps.
      """,
    reference: paper)

  public func validate() throws(SettingError) {
    if epsilon2.isNaN {
      throw .contradiction("eps must end in a number: only its first may be none")
    }
  }

  var takesRelativeSteps: Bool { true }

  func relativeRate(_ t: Double) -> Double { min(learningRate, 1 / t.squareRoot()) }

  private static let slots = FactoredUpdate.Slots(
    row: Slot("row_var"), column: Slot("col_var"), whole: Slot("variance", .nonnegative))

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    let shape = parameter.shape
    if shape.count < 2 { return [Self.slots.whole] }
    return [
      Self.slots.row.with(shape: shape.dropLast() + [1]),
      Self.slots.column.with(shape: shape.dropLast(2) + [1] + shape.suffix(1)),
    ]
  }

  public func update<S: Scalar>(_ tensor: Block<S>, _ step: Step) {
    let t = Double(step.t)
    let ε1 = epsilon1 ?? Double(S.ulpOfOne)
    FactoredUpdate(
      slots: Self.slots, decay: 1 - pow(t, beta2Decay), added: 0, leastMean: ε1, least: ε1 * ε1,
      clipThreshold: clipThreshold, rate: relativeRate(t) * max(epsilon2, rootMeanSquare(tensor)),
      shrink: 1 - learningRate * weightDecay, beta1: nil
    ).run(tensor)
  }
}
