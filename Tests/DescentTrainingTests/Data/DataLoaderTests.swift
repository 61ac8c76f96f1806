import DescentTraining
import Foundation
import Synchronization
import Testing

/// Numbers; it counts how often it is asked, and fails where it is told to.
private final class Numbers: ItemDataset {
  let count: Int
  let asked = Mutex<[Int]>([])
  let bad = Mutex<Set<Int>>([])
  let delay: Double

  init(_ count: Int, delay: Double = 0) { (self.count, self.delay) = (count, delay) }

  func example(at number: Int) throws -> Int {
    asked.withLock { $0.append(number) }
    if delay > 0 { Thread.sleep(forTimeInterval: delay) }
    if bad.withLock({ $0.contains(number) }) { throw DataError.unsuitable("number \(number)") }
    return number
  }
}

@Suite("Data loaders") struct DataLoaderTests {
  @Test("each epoch has each example once, in an order of its own", arguments: [0, 1, 3])
  func epochs(_ ahead: Int) throws {
    let loader = try DataLoader(Numbers(10), batch: 4, seed: 5, ahead: ahead)
    #expect(loader.batchesPerEpoch == 3)
    var epochs: [[Int]] = []
    for epoch in 0..<3 {
      var seen: [Int] = []
      var sizes: [Int] = []
      try loader.forEachInEpoch { batch in
        #expect(
          batch.epoch == epoch && batch.index == sizes.count && batch.numbers == batch.examples)
        seen += batch.examples
        sizes.append(batch.examples.count)
      }
      #expect(sizes == [4, 4, 2] && seen.sorted() == Array(0..<10))
      epochs.append(seen)
    }
    #expect(Set(epochs).count == 3)
    #expect(epochs[0] == loader.order.examples(ofEpoch: 0))
    let plain = try DataLoader(
      Numbers(10), batch: 4, shuffles: false, dropsLast: true, ahead: ahead)
    #expect(
      try (0..<3).map { _ in try plain.next().examples } == [
        [0, 1, 2, 3], [4, 5, 6, 7], [0, 1, 2, 3],
      ])
  }

  @Test("the order is that of the built-in tasks, on every machine") func order() throws {
    let order = try BatchOrder(count: 6, batch: 4, seed: 1337)
    #expect(order.examples(ofEpoch: 0) == [4, 5, 3, 0, 2, 1])
    #expect(order.examples(ofBatch: 3) == Array(order.examples(ofEpoch: 1)[4...]))
  }

  @Test("a position is saved and gone back to, exactly") func positions() throws {
    let data = Numbers(7)
    let loader = try DataLoader(data, batch: 2, seed: 9)
    for _ in 0..<5 { _ = try loader.next() }
    let saved = try JSONEncoder().encode(loader.position)
    let rest = try (0..<9).map { _ in try loader.next().examples }
    let other = try DataLoader(data, batch: 2, seed: 9, ahead: 0)
    try other.resume(at: try JSONDecoder().decode(DataLoader<Numbers>.Position.self, from: saved))
    #expect(try (0..<9).map { _ in try other.next().examples } == rest)
    try loader.resume(at: other.position)
    #expect(loader.position.batches == 14)
    let another = try DataLoader(data, batch: 3, seed: 9)
    let error = #expect(throws: DataError.self) { try another.resume(at: loader.position) }
    #expect(error?.description.contains("7 examples in batches of 2, shuffled by seed 9") == true)
  }

  @Test("batches can be asked for by number, in any order and twice") func numbers() throws {
    let order = try BatchOrder(count: 20, batch: 3, seed: 2)
    let loader = try DataLoader(Numbers(20), batch: 3, seed: 2, ahead: 2)
    for number in [0, 1, 1, 2, 40, 3, 4, 9, 10, 11, 12, 0, 1, 2, 6, 7, 3] {
      #expect(try loader.examples(ofBatch: number) == order.examples(ofBatch: number))
    }
  }

  @Test("no more are made ahead than were allowed") func bound() throws {
    let data = Numbers(100)
    let loader = try DataLoader(data, batch: 1, shuffles: false, ahead: 3)
    #expect(try loader.next().examples == [0])
    Thread.sleep(forTimeInterval: 0.05)
    #expect(data.asked.withLock { $0 } == [0, 1, 2, 3])
    #expect(try loader.next().examples == [1])
  }

  @Test("an error comes with its batch, which can be asked for again", arguments: [0, 2])
  func errors(_ ahead: Int) throws {
    let data = Numbers(6)
    data.bad.withLock { $0 = [2] }
    let loader = try DataLoader(data, batch: 1, shuffles: false, ahead: ahead)
    #expect(try (0..<2).map { _ in try loader.next().examples } == [[0], [1]])
    for _ in 0..<2 { #expect(throws: DataError.unsuitable("number 2")) { try loader.next() } }
    data.bad.withLock { $0 = [] }
    #expect(try (0..<5).map { _ in try loader.next().examples[0] } == [2, 3, 4, 5, 0])
  }

  @Test("one that is cancelled, or goes, makes no more") func cancelled() throws {
    let data = Numbers(1000, delay: 0.01)
    var loader: DataLoader<Numbers>? = try DataLoader(data, batch: 1, ahead: 100)
    _ = try loader?.next()
    loader?.cancel()
    #expect(throws: CancellationError.self) { try loader?.next() }
    loader = try DataLoader(data, batch: 1, ahead: 100)
    _ = try loader?.next()
    loader = nil
    let asked = data.asked.withLock { $0.count }
    Thread.sleep(forTimeInterval: 0.1)
    #expect(data.asked.withLock { $0.count } <= asked + 2)
  }

  @Test(
    "what makes no batches is refused",
    arguments: [
      (0, 1, false, "no examples"), (3, 0, false, "at least 1"), (3, 4, true, "no batch of 4"),
    ])
  func refused(_ count: Int, _ batch: Int, _ drops: Bool, _ sentence: String) throws {
    let error = #expect(throws: DataError.self) {
      try DataLoader(Numbers(count), batch: batch, dropsLast: drops)
    }
    #expect(error?.description.contains(sentence) == true)
  }
}
