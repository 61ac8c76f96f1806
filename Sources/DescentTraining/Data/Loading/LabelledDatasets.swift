public import DescentNN

// What kinds of data load can be trained on by models and losses of one's own.

extension ClassificationDataset: Dataset {
  /// Features of shape [examples] + ``shape``, and the class of each.
  public func examples(at numbers: [Int]) -> (features: Tensor, labels: IndexTensor) {
    let (features, labels) = batch(numbers[...])
    return (Tensor(shape: [numbers.count] + shape, scalars: features), IndexTensor(labels))
  }

  public var fingerprint: String {
    var hash = Fingerprint()
    for x in features { hash.add(x.bitPattern) }
    for label in labels { hash.add(UInt32(bitPattern: label)) }
    return hash.text
  }
}

extension RegressionDataset: Dataset {
  /// Features of shape [examples] + ``shape``, and targets of shape [examples, 1].
  public func examples(at numbers: [Int]) -> TensorPair {
    let (features, targets) = batch(numbers[...])
    return TensorPair(
      Tensor(shape: [numbers.count] + shape, scalars: features),
      Tensor(shape: [numbers.count, 1], scalars: targets.map(Float.init)))
  }

  public var fingerprint: String {
    var hash = Fingerprint()
    for x in features { hash.add(x.bitPattern) }
    for target in targets { hash.add(Float(target).bitPattern) }
    return hash.text
  }
}
