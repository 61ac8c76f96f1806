/// An affine map of features to mean 0 and standard deviation 1:
///
///     x′ = (x - mean) / deviation
///
/// It is measured on the training part and applied to all parts.
public struct Standardization: Sendable, Equatable {
  /// The mean of every feature.
  public let mean: [Float]
  /// The standard deviation of every feature (divisor n); 1 where a feature is constant.
  public let deviation: [Float]

  /// What shares a mean and a deviation.
  public enum Scope: Sendable {
    /// Every feature has its own: right for the columns of a table.
    case feature
    /// All features have the same: right for the pixels of an image.
    case dataset
  }

  /// A map that was measured before: as many means as deviations.
  public init(mean: [Float], deviation: [Float]) {
    precondition(mean.count == deviation.count)
    (self.mean, self.deviation) = (mean, deviation)
  }

  /// Features of examples that have `size` of them each, as they are.
  static func none(size: Int) -> Standardization {
    Standardization(
      mean: .init(repeating: 0, count: size), deviation: .init(repeating: 1, count: size))
  }

  /// Measures `dataset`.
  public init(of dataset: ClassificationDataset, per scope: Scope = .feature) {
    self.init(of: dataset.features, size: dataset.exampleSize, per: scope)
  }

  /// Measures the features of examples that have `size` of them each.
  init(of features: [Float], size: Int, per scope: Scope) {
    let groups = scope == .feature ? size : 1
    let features = features.span
    let group = { scope == .feature ? $0 % size : 0 }
    let n = Double(max(1, features.count / max(1, groups)))
    var means = [Double](repeating: 0, count: groups)
    for i in features.indices { means[group(i)] += Double(features[i]) / n }
    // Two passes, because the difference of large squares would lose all digits.
    var variances = [Double](repeating: 0, count: groups)
    for i in features.indices {
      let difference = Double(features[i]) - means[group(i)]
      variances[group(i)] += difference * difference / n
    }
    let mean = (0..<size).map { Float(means[group($0)]) }
    self.mean = mean
    deviation = (0..<size).map { i in
      let deviation = Float(variances[group(i)].squareRoot())
      // The sums of a constant leave a rest, which is no deviation.
      return deviation > 1e-9 * abs(mean[i]) ? deviation : 1
    }
  }

  /// Standardizes the features of any number of examples, one example after another.
  public func apply(to features: inout [Float]) {
    let size = mean.count
    precondition(features.count % max(1, size) == 0)
    for i in features.indices {
      let (mean, deviation) = (mean[i % size], deviation[i % size])
      let x = (features[i] - mean) / deviation
      // The difference of the largest numbers is beyond them.
      features[i] =
        x.isFinite ? x : Float((Double(features[i]) - Double(mean)) / Double(deviation))
    }
  }
}
