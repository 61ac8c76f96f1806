import Descent

/// `data.kind: modular`: a table of arithmetic, a ∘ b mod p for all pairs of numbers below p, part of
/// which is to be found from the rest.
///
/// An example is the two numbers, one-hot: 2·p features, of which two are 1. Its class is the result.
/// Small networks learn the training part by heart long before they find the rule:
///
/// Power, Burda, Edwards, Babuschkin, Misra: Grokking: Generalization beyond overfitting on small
/// algorithmic datasets (2022), arXiv:2201.02177.
public struct ModularData: DataKind {
  /// p: numbers are 0 ..< p.
  public var modulus = 47
  /// ∘.
  public var operation = Operation.add
  /// The share of the p² pairs that is kept for validation.
  public var validationFraction = 0.5

  /// What is done to a and b.
  public enum Operation: String, Sendable, CaseIterable {
    /// a + b.
    case add
    /// a − b.
    case subtract
    /// a · b.
    case multiply

    /// The result below `modulus`.
    func callAsFunction(_ a: Int, _ b: Int, modulus: Int) -> Int {
      switch self {
      case .add: (a + b) % modulus
      case .subtract: (a + modulus - b) % modulus
      case .multiply: a * b % modulus
      }
    }
  }

  public init() {}

  public static let name = "modular"
  public static let settings: [Setting<ModularData>] = [
    .integer("modulus", \.modulus, .closed(2, 256), "p: numbers are 0 to p − 1"),
    .choice("operation", \.operation, "what is done to the two numbers"),
    .validationFraction(\.validationFraction),
  ]
  public static let form = DataForm.table

  public func load(seed: UInt64) throws -> LabelledData {
    .classes(try table().split(validationFraction: validationFraction, seed: seed))
  }

  /// All pairs with their results, b running fastest.
  func table() throws(DataError) -> ClassificationDataset {
    let (p, count) = (modulus, modulus * modulus)
    var features = [Float](repeating: 0, count: count * 2 * p)
    var labels = [Int32](repeating: 0, count: count)
    for a in 0..<p {
      for b in 0..<p {
        let row = a * p + b
        features[row * 2 * p + a] = 1
        features[row * 2 * p + p + b] = 1
        labels[row] = Int32(operation(a, b, modulus: p))
      }
    }
    var table = try ClassificationDataset(
      features: features, shape: [2 * p], labels: labels, classes: p,
      featureNames: ["a", "b"].flatMap { name in (0..<p).map { "\(name)=\($0)" } })
    // Each number is there as often as any other, as 0 and 1 already.
    table.isStandardized = true
    return table
  }
}
