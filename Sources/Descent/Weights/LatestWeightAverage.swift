/// LAWA: the mean of the latest few weights, taken at equal distances.
///
/// ```
/// e = (w₁ + … + w_k)/k      over the latest k weights, taken every so many steps
/// ```
public struct LatestWeightAverage: WeightAverage {
  /// k: how many weights are kept and averaged.
  public var window = 6
  /// Steps between the weights that are averaged.
  public var every = 100

  public init() {}

  /// The mean of the latest `window` weights, `every` steps apart.
  public init(window: Int, every: Int) { (self.window, self.every) = (window, every) }

  public static let name = "lawa"
  public static let settings: [Setting<LatestWeightAverage>] = [
    .integer(
      "window", \.window, .closed(1, 100), "k: how many weights are kept and averaged",
      source: "ours"),
    .integer(
      "every", \.every, .atLeast(1), "steps between the weights that are averaged", source: "ours"),
  ]
  public static let about = About(
    summary: "the mean of the latest few weights",
    formula: """
      e = (w₁ + … + w_k)/k      over the latest k weights, taken every so many steps
      """,
    differences: """
      The paper averages the weights at the ends of epochs. Running statistics of batch \
      normalization are recomputed, over one pass of the training data, whenever the average is \
      evaluated or kept.
      """,
    guidance: "It keeps k copies of the weights, and shows early what a lower lr would reach.",
    reference: """
      Kaddour: Stop Wasting My Time! Saving Days of ImageNet and BERT Training with Latest Weight \
      Averaging, 2022, arXiv:2209.14981
      """)
  public static let needsFreshStatistics = true

  public var copies: Int { window }

  public var firstStep: Int { every }

  public func change(after step: Int, taken n: Int) -> AverageChange? {
    step % every == 0 ? AverageChange(copy: n % window, share: 1) : nil
  }
}
