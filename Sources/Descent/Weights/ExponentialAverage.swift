/// EMA: the exponential moving average of the weights.
///
/// ```
/// e ← w                        at the first step
/// e ← e + (1 − β)·(w − e)      afterwards;  warmed: min(β, (1+n)/(10+n)) for β after n steps
/// ```
public struct ExponentialAverage: WeightAverage {
  /// β: the share of the average that a step keeps.
  public var decay = 0.999
  /// Whether β grows to its value at the start.
  public var warmed = false

  public init() {}

  /// An exponential average with decay β.
  public init(decay: Double, warmed: Bool = Self.defaults.warmed) {
    (self.decay, self.warmed) = (decay, warmed)
  }

  public static let name = "ema"
  public static let settings: [Setting<ExponentialAverage>] = [
    .number(
      "decay", \.decay, .halfOpen(0, 1), "β: the share of the average that a step keeps",
      source: "torch"),
    .flag("warmed", \.warmed, "let β grow to its value: min(β, (1+n)/(10+n))", source: "ours"),
  ]
  public static let about = About(
    summary: "an exponential moving average of the weights",
    formula: """
      e ← w                        at the first step
      e ← e + (1 − β)·(w − e)      afterwards;  warmed: min(β, (1+n)/(10+n)) for β after n steps
      """,
    guidance: """
      It looks back about 1/(1−β) steps: let that be a tenth of the run or less. Warmed, it \
      forgets the first weights sooner.
      """,
    reference: """
      torch: AveragedModel with get_ema_multi_avg_fn; warmed as in TensorFlow. Polyak, Juditsky: \
      Acceleration of Stochastic Approximation by Averaging, 1992
      """)

  public var firstStep: Int { 1 }

  public func change(after step: Int, taken n: Int) -> AverageChange? {
    guard n > 0 else { return AverageChange(share: 1) }
    let β = warmed ? min(decay, Double(1 + n) / Double(10 + n)) : decay
    return AverageChange(share: 1 - β)
  }
}
