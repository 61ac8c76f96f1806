/// A mean of the weights that training passes through: what to evaluate and keep in their place.
///
/// An average is a value; ``AveragedWeights`` keeps the memory. It keeps one copy e of the weights
/// or several, and after a step moves one of them toward the weights w:
///
/// ```
/// e ← e + share·(w − e)
/// ```
/// The average is the mean of the copies.
public protocol WeightAverage: Configurable {
  /// What the average is, in words and formulas.
  static var about: About { get }
  /// Whether the weights before the first step count.
  static var takesFirstWeights: Bool { get }
  /// Whether the average may be far from all weights that training has seen, so that running
  /// statistics (of batch normalization) must be recomputed for it.
  static var needsFreshStatistics: Bool { get }
  /// Whether it changes the weights that training continues from.
  static var movesWeights: Bool { get }
  /// How many copies of the weights it keeps.
  var copies: Int { get }
  /// What happens to the copies after `step` applied steps, when weights have been averaged in
  /// `taken` times before; nil is nothing.
  func change(after step: Int, taken: Int) -> AverageChange?
  /// The first applied step after which weights are averaged.
  var firstStep: Int { get }
  /// Fills in what was left open and follows from the length of the run.
  mutating func fit(totalSteps: Int)
}

extension WeightAverage {
  /// Begins with the first step.
  public static var takesFirstWeights: Bool { false }
  /// The statistics of training will do.
  public static var needsFreshStatistics: Bool { false }
  /// Only watches.
  public static var movesWeights: Bool { false }
  /// One copy.
  public var copies: Int { 1 }
  /// Nothing follows from the length of the run.
  public mutating func fit(totalSteps: Int) {}
}

/// What happens to one copy of the weights after a step.
public struct AverageChange: Sendable, Equatable {
  /// Which copy.
  public var copy: Int
  /// e ← e + share·(w − e); 1 copies the weights.
  public var share: Double

  /// A change of one copy.
  public init(copy: Int = 0, share: Double) { (self.copy, self.share) = (copy, share) }
}

/// All averages, by name.
public enum WeightAverages {
  /// Every average, simplest first.
  public static let all: [any WeightAverage.Type] = [
    ExponentialAverage.self, StochasticWeightAverage.self, LatestWeightAverage.self,
    Lookahead.self,
  ]
}
