import DescentCompute

/// Examples with one label each.
public struct ClassificationDataset: Sendable, Equatable {
  /// All features, row-major, of shape [count] + `shape`.
  public private(set) var features: [Float]
  /// The shape of one example, such as [1, 8, 8] for a grey image or [n] for a row of a table.
  public let shape: [Int]
  /// The class of every example, 0 ..< `classes`.
  public private(set) var labels: [Int32]
  /// The number of classes.
  public internal(set) var classes: Int
  /// What the classes are called, if known.
  public let classNames: [String]?
  /// What the features are called, if known.
  public let featureNames: [String]?
  /// The column of classes in the table that they come from; nil for what is no table.
  public var answerColumn: AnswerColumn?
  /// What the numbers of the file were multiplied by, such as 1/255 for bytes.
  public private(set) var scale: Float = 1

  /// Whether the features are to go into a model as they are, rather than with mean 0 and deviation 1.
  public var isStandardized = false

  /// The number of examples.
  public var count: Int { labels.count }
  /// The number of features of one example.
  public var exampleSize: Int { shape.reduce(1, *) }

  /// Examples of `shape` with their labels.
  ///
  /// Throws `.unsuitable` if the numbers of features, labels and names do not fit each other or
  /// a label is not in 0 ..< `classes`.
  public init(
    features: [Float], shape: [Int], labels: [Int32], classes: Int, classNames: [String]? = nil,
    featureNames: [String]? = nil
  ) throws(DataError) {
    let size = shape.reduce(1, *)
    if features.count != labels.count * size {
      throw DataError.unsuitable(
        "\(labels.count) examples of shape \(shape) have \(labels.count * size) features, "
          + "but \(features.count) are given")
    }
    if let wrong = labels.firstIndex(where: { $0 < 0 || Int($0) >= classes }) {
      throw DataError.unsuitable(
        "example \(wrong) has the label \(labels[wrong]), but there are \(classes) classes, "
          + "counted from 0")
    }
    if let classNames, classNames.count != classes {
      throw DataError.unsuitable(
        "\(classes) classes need as many names, but the number given is \(classNames.count)")
    }
    self.features = features
    self.shape = shape
    self.labels = labels
    self.classes = classes
    self.classNames = classNames
    self.featureNames = featureNames
  }

  /// Checks that there is something to tell apart.
  ///
  /// Throws `.malformed` if all examples of the file at `path` are of one class.
  func requireClasses(in path: String) throws(DataError) {
    guard let first = labels.first, labels.allSatisfy({ $0 == first }) else { return }
    let name = classNames?[Int(first)].quotedShort ?? "\(first)"
    throw DataError.malformed(
      path: path, expected: "at least two classes", found: "only the class \(name)")
  }

  /// The examples at `indices`, in that order.
  public func subset(_ indices: [Int]) -> ClassificationDataset {
    var copy = self
    (copy.features, copy.labels) = batch(indices[...])
    return copy
  }

  /// These examples and then others of the same kind.
  func joined(with others: ClassificationDataset) -> ClassificationDataset {
    var copy = self
    copy.features += others.features
    copy.labels += others.labels
    return copy
  }

  /// The features, row-major, and labels of the examples at `indices`.
  public func batch(_ indices: ArraySlice<Int>) -> (features: [Float], labels: [Int32]) {
    let size = exampleSize
    var features: [Float] = []
    features.reserveCapacity(indices.count * size)
    for i in indices { features += self.features[i * size..<(i + 1) * size] }
    return (features, indices.map { labels[$0] })
  }
}

// MARK: - Splitting

extension ClassificationDataset {
  /// Examples to train on, and others to validate on.
  public struct Split: Sendable {
    /// The examples to train on.
    public let training: ClassificationDataset
    /// The examples to validate on.
    public let validation: ClassificationDataset
    /// The examples of classes that are left out of both, to train on and to validate on; nil where all
    /// classes are learned.
    public var leftOut: (training: ClassificationDataset, validation: ClassificationDataset)?

    /// Two parts of the same shape and with the same classes.
    public init(training: ClassificationDataset, validation: ClassificationDataset) {
      (self.training, self.validation) = (training, validation)
    }

    /// The parts with the examples of some classes alone; the others are ``leftOut``, and all classes
    /// keep their numbers.
    public func keeping(_ classes: Set<Int>) -> Split {
      if classes.isSuperset(of: 0..<training.classes) { return self }
      func part(_ data: ClassificationDataset, _ isKept: Bool) -> ClassificationDataset {
        data.subset(data.labels.indices.filter { classes.contains(Int(data.labels[$0])) == isKept })
      }
      var split = Split(training: part(training, true), validation: part(validation, true))
      split.leftOut = (part(training, false), part(validation, false))
      return split
    }
  }

  /// Cuts off a part for validation, shuffled and stratified: every class keeps its share in both
  /// parts, as far as whole examples allow. The same seed gives the same parts.
  ///
  /// Throws `.unsuitable` if `validationFraction` is not in 0 ..< 1, or if a part that should
  /// have examples gets none.
  public func split(validationFraction: Double, seed: UInt64) throws(DataError) -> Split {
    try Self.check(validationFraction: validationFraction)
    var random = RandomStream(seed: seed, stream: Self.splitStream)
    let order = random.permutation(of: count)
    var sizes = [Int](repeating: 0, count: classes)
    for label in labels { sizes[Int(label)] += 1 }
    var quotas = Self.quotas(of: sizes, fraction: validationFraction)
    var (training, validation): ([Int], [Int]) = ([], [])
    for i in order {
      if quotas[Int(labels[i])] > 0 {
        quotas[Int(labels[i])] -= 1
        validation.append(i)
      } else {
        training.append(i)
      }
    }
    if training.isEmpty || (validation.isEmpty && validationFraction > 0) {
      throw Self.cannotPart(count, validationFraction)
    }
    return Split(training: subset(training), validation: subset(validation))
  }

  static func check(validationFraction: Double) throws(DataError) {
    if !(0..<1).contains(validationFraction) {
      throw DataError.unsuitable(
        "the validation fraction is \(validationFraction); it must be at least 0 and below 1")
    }
  }

  static func cannotPart(_ count: Int, _ fraction: Double) -> DataError {
    .unsuitable(
      "\(Amount.count(count, "example")) cannot be parted: a fraction of \(fraction) for "
        + "validation leaves a part without any")
  }

  /// One stream of random numbers for each purpose, so that they do not influence each other.
  static let splitStream: UInt64 = 0x73_706C_6974  // "split"

  /// Shares out round(fraction · Σ sizes) by largest remainder.
  private static func quotas(of sizes: [Int], fraction: Double) -> [Int] {
    let total = Int((fraction * Double(sizes.reduce(0, +))).rounded())
    var quotas = sizes.map { Int(fraction * Double($0)) }
    let byRemainder = sizes.indices.sorted { a, b in
      let (x, y) = (
        fraction * Double(sizes[a]) - Double(quotas[a]),
        fraction * Double(sizes[b]) - Double(quotas[b])
      )
      return x == y ? a < b : x > y
    }
    for i in byRemainder.prefix(max(0, total - quotas.reduce(0, +))) where quotas[i] < sizes[i] {
      quotas[i] += 1
    }
    return quotas
  }
}

// MARK: - Scaling

extension ClassificationDataset {
  /// The data set with standardized features.
  public func standardized(by standardization: Standardization) -> ClassificationDataset {
    var copy = self
    standardization.apply(to: &copy.features)
    return copy
  }

  /// The data set with all features multiplied by `factor`, such as 1/255 for bytes.
  public func scaled(by factor: Float) -> ClassificationDataset {
    var copy = self
    for i in features.indices { copy.features[i] *= factor }
    copy.scale *= factor
    return copy
  }

  /// The negative of images whose pixels lie in 0 ... 1.
  func inverted() -> ClassificationDataset {
    var copy = self
    for i in features.indices { copy.features[i] = 1 - features[i] }
    return copy
  }
}
