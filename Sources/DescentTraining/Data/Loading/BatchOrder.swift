import DescentCompute

/// Which examples each batch has: a pure function of the seed and the batch's number.
public struct BatchOrder: Sendable, Equatable, Codable {
  /// How many examples there are.
  public let count: Int
  /// The examples of a batch; the last of an epoch may have fewer.
  public let batch: Int
  /// What the order follows.
  public let seed: UInt64
  /// Whether each epoch has an order of its own, rather than that of the numbers.
  public let shuffles: Bool
  /// Whether an epoch ends with its last full batch: the examples that are left come in other epochs.
  public let dropsLast: Bool

  /// An order.
  ///
  /// - Throws: ``DataError`` where an epoch would have no batch.
  public init(
    count: Int, batch: Int, seed: UInt64 = 0, shuffles: Bool = true, dropsLast: Bool = false
  ) throws(DataError) {
    guard count > 0 else { throw .unsuitable("there are no examples to make batches of") }
    guard batch > 0 else {
      throw .unsuitable("a batch has at least 1 example, and \(batch) were asked for")
    }
    guard !dropsLast || batch <= count else {
      throw .unsuitable(
        "no batch of \(batch) can be made of \(Amount.count(count, "example")), and shorter ones are to "
          + "be dropped; make batches smaller, or keep the last")
    }
    (self.count, self.batch, self.seed) = (count, batch, seed)
    (self.shuffles, self.dropsLast) = (shuffles, dropsLast)
  }

  /// How many batches an epoch has.
  public var batchesPerEpoch: Int { dropsLast ? count / batch : (count - 1) / batch + 1 }

  /// The examples of an epoch, from 0, in their order.
  public func examples(ofEpoch epoch: Int) -> [Int] {
    shuffles ? Self.shuffled(count, epoch: epoch, seed: seed) : Array(0..<count)
  }

  /// The numbers below `count` in the order of an epoch.
  static func shuffled(_ count: Int, epoch: Int, seed: UInt64) -> [Int] {
    var random = RandomStream(seed: seed ^ UInt64(epoch) << 20, stream: RandomPurpose.order)
    return random.permutation(of: count)
  }

  /// The epoch of the batch with this number since the start, and its number there, both from 0.
  public func place(ofBatch number: Int) -> (epoch: Int, batch: Int) {
    let place = number.quotientAndRemainder(dividingBy: batchesPerEpoch)
    return (place.quotient, place.remainder)
  }

  /// The examples of a batch.
  public func examples(ofBatch number: Int) -> [Int] {
    var epoch = Epoch()
    return epoch.examples(ofBatch: number, in: self)
  }

  /// The order of the epoch that was asked for last.
  struct Epoch {
    private var last: (number: Int, examples: [Int]) = (-1, [])

    /// The examples of a batch.
    mutating func examples(ofBatch number: Int, in order: BatchOrder) -> [Int] {
      let place = order.place(ofBatch: number)
      if last.number != place.epoch {
        last = (place.epoch, order.examples(ofEpoch: place.epoch))
      }
      let start = place.batch * order.batch
      return Array(last.examples[start..<min(start + order.batch, order.count)])
    }
  }
}
