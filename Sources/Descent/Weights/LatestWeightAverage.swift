/// LAWA: the mean of the latest few weights, taken at even distances.
public struct LatestWeightAverage: WeightAverage {
  /// k
  public var window = 6
  /// Steps between weights that are taken in.
  public var every = 100

  public init() {}

  /// The mean of the latest `window` weights, `every` steps apart.
  public init(window: Int, every: Int) { (self.window, self.every) = (window, every) }

  public static let name = "lawa"
  public static let settings: [Setting<LatestWeightAverage>] = [
    .integer(
      "window", \.window, .closed(1, 100), "k: how many weights are kept and averaged",
      source: "ours"),
    .integer("every", \.every, .atLeast(1), "steps between weights taken in", source: "ours"),
  ]
  public static let about = About(
    summary: "the mean of the latest few weights",
    formula: "e = (w₁ + ... + w_k)/k      of the latest k weights, every so many steps",
    differences: """
      The paper averages the ends of epochs. Running statistics of batch normalization are taken \
      anew, over one pass of the training data, whenever the average is evaluated or kept.
      """,
    guidance: "Keeps k copies of the weights. Shows early what a lower learning rate would reach.",
    reference: """
      Kaddour: Stop Wasting My Time! Saving Days of ImageNet and BERT Training with Latest Weight \
      Averaging, 2022, arXiv:2209.14981
      """)
  public static let needsFreshStatistics = true

  public var copies: Int { window }

  public func change(after step: Int, taken n: Int) -> AverageChange? {
    step % every == 0 ? AverageChange(copy: n % window, share: 1) : nil
  }
}
