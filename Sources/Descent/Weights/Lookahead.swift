/// Lookahead: slow weights that follow the fast ones every few steps and then reset them.
///
/// ```
/// every k steps:  φ ← φ + α·(w − φ);  w ← φ      φ: at first the first weights
/// ```
public struct Lookahead: WeightAverage {
  /// k: steps from one reset to the next.
  public var period = 5
  /// α: how far the slow weights go toward the fast ones.
  public var share = 0.5

  public init() {}

  /// Slow weights that move by the share `share` every `period` steps.
  public init(period: Int, share: Double = Self.defaults.share) {
    (self.period, self.share) = (period, share)
  }

  public static let name = "lookahead"
  public static let settings: [Setting<Lookahead>] = [
    .integer(
      "k", \.period, .atLeast(1), "k: steps from one reset to the next", source: "pytorch_optimizer"
    ),
    .number(
      "alpha", \.share, .closed(0, 1), "α: how far the slow weights go toward the fast ones",
      source: "pytorch_optimizer"
    ),
  ]
  public static let about = About(
    summary: "slow weights that follow the fast ones every few steps and then reset them",
    formula: """
      every k steps:  φ ← φ + α·(w − φ);  w ← φ      φ: at first the first weights
      """,
    differences: "The optimizer's state is kept when the weights are reset.",
    guidance: "Works with any optimizer whose stored weights are the result. φ is evaluated.",
    reference: """
      pytorch_optimizer. Zhang, Lucas, Hinton, Ba: Lookahead Optimizer: k steps forward, 1 step \
      back, 2019, arXiv:1907.08610
      """)
  public static let takesFirstWeights = true
  public static let movesWeights = true

  public var firstStep: Int { period }

  public func change(after step: Int, taken: Int) -> AverageChange? {
    step % period == 0 ? AverageChange(share: share) : nil
  }
}
