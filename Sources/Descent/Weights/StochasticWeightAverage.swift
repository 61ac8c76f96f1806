/// SWA: the plain mean of weights from the end of a run.
///
/// ```
/// e ← e + (w − e)/(n + 1)      after n weights
/// ```
public struct StochasticWeightAverage: WeightAverage {
  /// The first step whose weights are averaged; nil is three quarters of the run.
  public var start: Int?
  /// Steps between the weights that are averaged.
  public var every = 1

  public init() {}

  /// The mean of the weights of every `every` steps from `start` on.
  public init(start: Int?, every: Int = Self.defaults.every) {
    (self.start, self.every) = (start, every)
  }

  public static let name = "swa"
  public static let settings: [Setting<StochasticWeightAverage>] = [
    .optionalInteger(
      "start", \.start, .atLeast(1),
      "the first step that is averaged; none: three quarters of the run",
      source: "paper"),
    .integer(
      "every", \.every, .atLeast(1), "steps between the weights that are averaged", source: "ours"),
  ]
  public static let about = About(
    summary: "the mean of the weights from some step on",
    formula: "e ← e + (w − e)/(n + 1)      after n weights",
    differences: """
      Running statistics of batch normalization are recomputed, over one pass of the training \
      data, whenever the average is evaluated or kept.
      """,
    guidance: "Keep the learning rate high and constant while it averages (the schedule SWALR).",
    reference: """
      torch: AveragedModel. Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: Averaging Weights \
      Leads to Wider Optima and Better Generalization, 2018, arXiv:1803.05407
      """)
  public static let needsFreshStatistics = true

  public mutating func fit(totalSteps: Int) { start = start ?? max(1, totalSteps * 3 / 4) }

  public var firstStep: Int { start ?? 1 }

  public func change(after step: Int, taken n: Int) -> AverageChange? {
    let since = step - (start ?? 1)
    return since >= 0 && since % every == 0 ? AverageChange(share: 1 / Double(n + 1)) : nil
  }
}
