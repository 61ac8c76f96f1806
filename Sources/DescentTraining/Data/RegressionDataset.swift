import DescentCompute

/// Examples with one number each, which is to be predicted.
public struct RegressionDataset: Sendable, Equatable {
  /// All features, row-major, of shape [count] + `shape`.
  public private(set) var features: [Float]
  /// The shape of one example, such as [n] for a row of a table.
  public let shape: [Int]
  /// The number of every example, in its own unit.
  public private(set) var targets: [Double]
  /// What the features are called, if known.
  public let featureNames: [String]?
  /// The column of targets in the table that they come from; nil for what is no table.
  public let answerColumn: AnswerColumn?

  /// The number of examples.
  public var count: Int { targets.count }
  /// The number of features of one example.
  public var exampleSize: Int { shape.reduce(1, *) }

  /// Examples of `shape` with their targets.
  ///
  /// Throws `.unsuitable` if there are not as many features as they need.
  public init(
    features: [Float], shape: [Int], targets: [Double], featureNames: [String]? = nil,
    answerColumn: AnswerColumn? = nil
  ) throws(DataError) {
    let size = shape.reduce(1, *)
    if features.count != targets.count * size {
      throw DataError.unsuitable(
        "\(targets.count) examples of shape \(shape) have \(targets.count * size) features, "
          + "but \(features.count) are given")
    }
    (self.features, self.shape, self.targets) = (features, shape, targets)
    (self.featureNames, self.answerColumn) = (featureNames, answerColumn)
  }

  /// Checks that there is something to predict.
  ///
  /// Throws `.malformed` if all targets of the file at `path` are the same number.
  func requireDifferentTargets(in path: String) throws(DataError) {
    guard let first = targets.first, targets.allSatisfy({ $0 == first }) else { return }
    throw DataError.malformed(
      path: path, expected: "numbers to learn that differ", found: "only \(first)")
  }

  /// The examples at `indices`, in that order.
  public func subset(_ indices: [Int]) -> RegressionDataset {
    var copy = self
    (copy.features, copy.targets) = batch(indices[...])
    return copy
  }

  /// The features, row-major, and targets of the examples at `indices`.
  public func batch(_ indices: ArraySlice<Int>) -> (features: [Float], targets: [Double]) {
    let size = exampleSize
    var features: [Float] = []
    features.reserveCapacity(indices.count * size)
    for i in indices { features += self.features[i * size..<(i + 1) * size] }
    return (features, indices.map { targets[$0] })
  }

  /// The data set with standardized features; the targets stay as they are.
  public func standardized(by standardization: Standardization) -> RegressionDataset {
    var copy = self
    standardization.apply(to: &copy.features)
    return copy
  }

  /// Examples to train on, and others to validate on.
  public struct Split: Sendable {
    /// The examples to train on.
    public let training: RegressionDataset
    /// The examples to validate on.
    public let validation: RegressionDataset

    /// Two parts of the same shape.
    public init(training: RegressionDataset, validation: RegressionDataset) {
      (self.training, self.validation) = (training, validation)
    }
  }

  /// Cuts off a part for validation, shuffled: round(fraction · count) examples. The same seed gives
  /// the same parts.
  ///
  /// Throws `.unsuitable` if `validationFraction` is not in 0 ..< 1, or if a part that should have
  /// examples gets none.
  public func split(validationFraction: Double, seed: UInt64) throws(DataError) -> Split {
    try ClassificationDataset.check(validationFraction: validationFraction)
    var random = RandomStream(seed: seed, stream: ClassificationDataset.splitStream)
    let order = random.permutation(of: count)
    let cut = Int((validationFraction * Double(count)).rounded())
    if cut == count || cut == 0 && validationFraction > 0 {
      throw ClassificationDataset.cannotPart(count, validationFraction)
    }
    return Split(training: subset(Array(order[cut...])), validation: subset(Array(order[..<cut])))
  }
}

/// The mean and the deviation of targets, by which they are standardized: a model learns numbers of
/// about 1, whatever their unit.
///
///     z = (y - mean) / deviation
public struct TargetScale: Sendable, Equatable, Codable {
  /// The mean of the targets to train on, in their unit.
  public var mean: Double
  /// Their standard deviation (divisor n), in their unit; above 0.
  public var deviation: Double

  /// A scale that was measured before.
  public init(mean: Double, deviation: Double) {
    (self.mean, self.deviation) = (mean, deviation)
  }

  /// Measures targets.
  public init(of targets: [Double]) {
    let n = Double(max(1, targets.count))
    // Terms are divided before they are added, since the sum of the largest numbers is beyond them.
    let mean = targets.reduce(0) { $0 + $1 / n }
    let largest = targets.reduce(0) { max($0, abs($1 - mean)) }
    let unit = largest > 0 ? largest : 1
    let variance = targets.reduce(0) { sum, y in
      let difference = (y - mean) / unit
      return sum + difference * difference / n
    }
    self.mean = mean
    deviation = largest > 0 ? unit * variance.squareRoot() : 1
  }

  /// z of a target.
  public func standardized(_ target: Double) -> Double { (target - mean) / deviation }

  /// The number, in its unit, of what a model has predicted.
  public func restored(_ z: Double) -> Double { z * deviation + mean }
}
