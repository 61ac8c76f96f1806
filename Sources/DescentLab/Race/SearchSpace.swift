import Foundation

/// Where tuning looks for a rule's settings: declared once, around what the rule's authors or customary
/// benchmarks use.
public struct SearchSpace: Sendable {
  /// A setting and the values to try.
  public struct Dimension: Sendable, Equatable {
    /// The key in the section `optimizer`.
    public let setting: String
    /// The values, evenly spread over their logarithms.
    public let range: ClosedRange<Double>
    /// Whether the range is of 1 − x.
    public let isOneMinus: Bool
    /// Whether the range is a factor of the recipe's value.
    public let isFactor: Bool

    init(
      _ setting: String, _ low: Double, _ high: Double, isOneMinus: Bool = false,
      isFactor: Bool = false
    ) {
      (self.setting, range) = (setting, low...high)
      (self.isOneMinus, self.isFactor) = (isOneMinus, isFactor)
    }

    /// The value at a place in the range, from 0 to 1, to three digits, so that it can be written down;
    /// nil where a factor has nothing to multiply.
    public func value(at place: Double, recipe: Double?) -> Double? {
      let x = range.lowerBound * pow(range.upperBound / range.lowerBound, place)
      let value = isOneMinus ? 1 - x : x
      guard isFactor else { return value.rounded(digits: 3) }
      guard let recipe, recipe > 0 else { return nil }
      return (value * recipe).rounded(digits: 3)
    }
  }

  /// What weight decay acts on.
  public enum Decay: Sendable { case weights, gradient }

  /// What is searched; empty for rules that need no tuning.
  public let dimensions: [Dimension]
  /// Where the ranges come from, or why there are none.
  public let source: String
  /// How the rule's `weight_decay` acts by default; nil where it has none.
  public let decay: Decay?

  init(_ dimensions: [Dimension], _ decay: Decay?, _ source: String) {
    (self.dimensions, self.decay, self.source) = (dimensions, decay, source)
  }

  /// Whether the rule has something to search.
  public var needsTuning: Bool { !dimensions.isEmpty }

  private static func rate(_ low: Double, _ high: Double) -> Dimension { .init("lr", low, high) }
  private static let momentum = Dimension("momentum", 0.02, 0.2, isOneMinus: true)

  /// The space of a rule; one that nobody declared is searched from a thirtieth to thirty times its
  /// default `rate`, and not at all where it has none or leaves it at 1.
  public static func of(_ rule: String, rate: Double? = nil) -> SearchSpace {
    if let declared = all[rule] { return declared }
    guard let rate, rate > 0, rate != 1 else {
      return SearchSpace([], nil, "no space is declared for it")
    }
    return SearchSpace(
      [Self.rate(rate / 30, rate * 30)], nil, "from a thirtieth to thirty times its default")
  }

  /// The spaces, by rule.
  public static let all: [String: SearchSpace] = {
    let adam = "AlgoPerf searches AdamW and NAdamW from 1e-4 to 1e-2"
    let sgd = "0.1 with momentum 0.9 is customary (He et al., 2016); AlgoPerf searches momentum too"
    let own = "it sets its own rate"
    return [
      "sgd": .init([rate(1e-2, 1), momentum], .gradient, sgd),
      "asgd": .init([rate(1e-2, 1)], .gradient, "as SGD"),
      "adagrad": .init([rate(1e-3, 1e-1)], .gradient, "torch's default is 0.01, Keras' 0.001"),
      "rmsprop": .init(
        [rate(1e-4, 1e-2)], .gradient, "0.001 is Hinton's; torch has 0.01, Keras 0.001"),
      "adam": .init([rate(1e-4, 1e-2)], .gradient, adam),
      "adamw": .init([rate(1e-4, 1e-2)], .weights, adam),
      "nadam": .init([rate(1e-4, 1e-2)], .gradient, adam),
      "radam": .init([rate(1e-4, 1e-2)], .gradient, "as Adam (Liu et al., 2020)"),
      "adamax": .init([rate(2e-4, 2e-2)], .gradient, "0.002 is the paper's (Kingma and Ba, 2015)"),
      "adadelta": .init([], .gradient, "\(own) (Zeiler, 2012)"),
      "rprop": .init([], nil, "its lr is only the length of the first step"),
      "lion": .init(
        [rate(1e-5, 1e-3), .init("weight_decay", 3, 10, isFactor: true)], .weights,
        "rates 3 to 10 times lower and decay 3 to 10 times higher than AdamW's (Chen et al., 2023)"),
      "lamb": .init([rate(1e-3, 1e-1)], .weights, "You et al., 2020: 0.0018 to 0.01"),
      "lars": .init([rate(1e-1, 1e1)], .gradient, "You et al., 2017: with trust 0.001, 1 to 32"),
      "adafactor": .init([], .weights, "\(own), relative to the weights (Shazeer and Stern, 2018)"),
      "adafactor-torch": .init([rate(1e-3, 1e-1)], .weights, "0.01 is the paper's largest step"),
      "prodigy": .init(
        [.init("d_coef", 0.5, 2)], .weights,
        "\(own); its authors name d_coef from 0.5 to 2 as the way to tune it"),
      "dadapt-adam": .init([], .gradient, "\(own) (Defazio and Mishchenko, 2023)"),
      "schedule-free-sgd": .init(
        [rate(1e-1, 1e1)], .weights, "10 times SGD's and more (Defazio et al., 2024)"),
      "schedule-free-adamw": .init(
        [rate(3e-4, 3e-2)], .weights, "1 to 10 times AdamW's (Defazio et al., 2024)"),
      "sophia-g": .init(
        [rate(3e-5, 3e-3)], .weights, "3 to 5 times Lion's or 0.8 of AdamW's (Liu et al., 2023)"),
      "sophia-h": .init(
        [rate(3e-5, 3e-3)], .weights, "3 to 5 times Lion's or 0.8 of AdamW's (Liu et al., 2023)"),
      "muon": .init(
        [rate(2e-3, 2e-1), .init("adamw_lr", 1e-4, 1e-2)], .weights,
        "0.02 is Keller Jordan's; its AdamW part as AdamW"),
      "shampoo": .init([rate(1e-3, 1)], nil, "0.1 to 1 in the paper (Gupta et al., 2018)"),
      "shampoo-distributed": .init(
        [rate(1e-4, 1e-1)], .weights, "its default is 0.01, grafted from Adam 0.001"),
      "soap": .init([rate(3e-4, 3e-2)], .weights, "0.003 is its authors' (Vyas et al., 2024)"),
      "kfac": .init([rate(1e-2, 1)], .gradient, "0.1 is kfac-pytorch's"),
      "lbfgs": .init([], nil, "its line search finds the step"),
    ]
  }()
}
