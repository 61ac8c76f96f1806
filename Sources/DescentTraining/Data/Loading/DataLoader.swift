import DescentCompute

/// Batches of a data set, in an order that follows from a seed, made ahead on a thread of its own.
///
/// ```swift
/// let loader = try DataLoader(data, batch: 32, seed: 7)
/// for _ in 0..<1000 {
///   let batch = try loader.next()
///   train(batch.examples)
/// }
/// let position = loader.position          // a Codable value
/// try loader.resume(at: position)         // the next batch is the one that would have come
/// ```
/// Which examples a batch has depends on nothing but the order and its number, so the thread changes
/// when batches are made and never what they are. A loader belongs to one thread; it ends its own when
/// it goes.
public final class DataLoader<Data: Dataset> {
  /// The data set.
  public let data: Data
  /// Which examples each batch has.
  public let order: BatchOrder

  /// A batch with its place.
  public struct Batch: Sendable {
    /// The examples.
    public let examples: Data.Examples
    /// Their numbers in the data set.
    public let numbers: [Int]
    /// The epoch, from 0.
    public let epoch: Int
    /// The batch's number in its epoch, from 0.
    public let index: Int
    /// Whether the next batch begins a new epoch.
    public let isLastOfEpoch: Bool
  }

  /// Where a loader stands, to be saved and gone back to.
  public struct Position: Sendable, Equatable, Codable {
    /// The order that it goes through.
    public let order: BatchOrder
    /// The batches before it, since the start.
    public let batches: Int
  }

  /// The number of the next batch, since the start.
  private var number = 0
  private let ahead: Int
  private var epoch = BatchOrder.Epoch()
  private var preparation: Preparation<Data>?
  private var last: (number: Int, examples: Data.Examples)?
  private var isCancelled = false

  /// A loader that stands before the first batch.
  ///
  /// - Parameters:
  ///   - data: the data set.
  ///   - batch: the examples of a batch.
  ///   - seed: what the order follows.
  ///   - shuffles: whether each epoch has an order of its own.
  ///   - dropsLast: whether a last batch that is short is left out.
  ///   - ahead: how many batches may be made before they are asked for; 0 makes each when it is.
  /// - Throws: ``DataError`` where an epoch would have no batch.
  public convenience init(
    _ data: Data, batch: Int, seed: UInt64 = 0, shuffles: Bool = true, dropsLast: Bool = false,
    ahead: Int = 2
  ) throws(DataError) {
    let order = try BatchOrder(
      count: data.count, batch: batch, seed: seed, shuffles: shuffles, dropsLast: dropsLast)
    self.init(data, order, ahead: ahead)
  }

  init(_ data: Data, _ order: BatchOrder, ahead: Int) {
    (self.data, self.order, self.ahead) = (data, order, max(0, ahead))
  }

  deinit { preparation?.cancel() }

  /// How many batches an epoch has.
  public var batchesPerEpoch: Int { order.batchesPerEpoch }

  // MARK: One after another

  /// The next batch; after the last of an epoch comes the first of the next.
  ///
  /// - Throws: what the data set throws; the same batch is next then. `CancellationError` after
  ///   ``cancel()``.
  public func next() throws -> Batch {
    let examples = try examples(ofBatch: number)
    let place = order.place(ofBatch: number)
    defer { number += 1 }
    return Batch(
      examples: examples, numbers: epoch.examples(ofBatch: number, in: order), epoch: place.epoch,
      index: place.batch, isLastOfEpoch: place.batch == batchesPerEpoch - 1)
  }

  /// Calls `body` with each batch to the end of the epoch.
  ///
  /// - Throws: as ``next()``, and what `body` throws.
  public func forEachInEpoch(_ body: (Batch) throws -> Void) throws {
    while true {
      let batch = try next()
      try body(batch)
      if batch.isLastOfEpoch { return }
    }
  }

  /// Before which batch the loader stands.
  public var position: Position { Position(order: order, batches: number) }

  /// Goes to a position, forward or back.
  ///
  /// - Throws: ``DataError`` for one of another order, whose batches are others.
  public func resume(at position: Position) throws(DataError) {
    guard position.order == order, position.batches >= 0 else {
      throw .unsuitable(
        "the position is that of a loader with \(position.order.text), and this one has "
          + order.text)
    }
    number = position.batches
  }

  /// Makes no more batches. A batch that is being made ends first, on its thread.
  public func cancel() {
    isCancelled = true
    preparation?.cancel()
  }

  // MARK: By number

  /// The examples of the batch with this number since the start, whatever the position. Those that are
  /// asked for one after another are made ahead.
  ///
  /// - Throws: what the data set throws; the batch may be asked for again. `CancellationError` after
  ///   ``cancel()``.
  public func examples(ofBatch number: Int) throws -> Data.Examples {
    if isCancelled { throw CancellationError() }
    // Some ask for a batch twice: to look at it before a step, or to evaluate it several times.
    if let last, last.number == number { return last.examples }
    let examples = try make(number)
    last = (number, examples)
    return examples
  }

  private func make(_ number: Int) throws -> Data.Examples {
    if let preparation, preparation.isNear(number) { return try preparation.take(number) }
    // The first batch, or the one after the last, begins or goes on with a sequence; others do not
    // disturb it.
    if ahead > 0, number == 0 || number - 1 == last?.number {
      let preparation = preparation ?? Preparation(data, order, ahead: ahead)
      self.preparation = preparation
      return try preparation.take(number)
    }
    return try data.examples(at: epoch.examples(ofBatch: number, in: order))
  }
}

extension BatchOrder {
  /// What a person sees of it.
  fileprivate var text: String {
    "\(Amount.count(count, "example")) in batches of \(batch), "
      + (shuffles ? "shuffled by seed \(seed)" : "in their order")
      + (dropsLast ? ", without short ones" : "")
  }
}
