/// Merges the symbols of a word: always the pair whose merge comes first in the table, of several the
/// leftmost.
package struct SymbolMerger: Sendable {
  /// The symbols, and after ``merge(_:)`` the tokens.
  package var symbols: [Int32] = []
  private var merges: [UInt64] = []
  private var next: [Int32] = []
  private var previous: [Int32] = []
  private var heap: [UInt64] = []

  /// Up to so many symbols looking at all pairs is faster than keeping them sorted.
  private static let shortWord = 40

  package init() {}

  package mutating func merge(_ table: MergeTable) {
    if symbols.count < 2 { return }
    if symbols.count <= Self.shortWord { mergeShort(table) } else { mergeLong(table) }
  }

  private mutating func mergeShort(_ table: MergeTable) {
    merges.removeAll(keepingCapacity: true)
    for index in 0..<symbols.count - 1 {
      merges.append(table.merge(symbols[index], symbols[index + 1]))
    }
    var count = symbols.count
    while count > 1 {
      var (best, place) = (MergeTable.none, 0)
      for index in 0..<count - 1 where merges[index] < best {
        (best, place) = (merges[index], index)
      }
      if best == MergeTable.none { break }
      symbols[place] = MergeTable.token(of: best)
      count -= 1
      var index = place + 1
      while index < count {
        symbols[index] = symbols[index + 1]
        merges[index - 1] = merges[index]
        index += 1
      }
      if place > 0 { merges[place - 1] = table.merge(symbols[place - 1], symbols[place]) }
      if place < count - 1 { merges[place] = table.merge(symbols[place], symbols[place + 1]) }
    }
    symbols.removeLast(symbols.count - count)
  }

  /// The pairs lie in a heap, by rank and place. Those that have changed since stay in it, and are
  /// told by their rank: no two pairs share one.
  private mutating func mergeLong(_ table: MergeTable) {
    let count = symbols.count
    next.removeAll(keepingCapacity: true)
    previous.removeAll(keepingCapacity: true)
    heap.removeAll(keepingCapacity: true)
    for index in 0..<count {
      next.append(index + 1 < count ? Int32(index + 1) : -1)
      previous.append(Int32(index - 1))
      if index + 1 < count { consider(index, index + 1, table) }
    }
    // Built at once: from the last that has children.
    for index in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(index) }
    while let top = heap.first {
      removeTop()
      let left = Int(UInt32(truncatingIfNeeded: top))
      guard symbols[left] >= 0, next[left] >= 0 else { continue }
      let right = Int(next[left])
      let merge = table.merge(symbols[left], symbols[right])
      guard merge != MergeTable.none, merge >> 32 == top >> 32 else { continue }
      symbols[left] = MergeTable.token(of: merge)
      symbols[right] = -1
      next[left] = next[right]
      if next[left] >= 0 {
        previous[Int(next[left])] = Int32(left)
        consider(left, Int(next[left]), table)
        rise(heap.count - 1)
      }
      if previous[left] >= 0 {
        consider(Int(previous[left]), left, table)
        rise(heap.count - 1)
      }
    }
    symbols.removeAll { $0 < 0 }
  }

  /// Adds the pair of two symbols at the end of the heap, if it can be merged.
  @inline(__always)
  private mutating func consider(_ left: Int, _ right: Int, _ table: MergeTable) {
    let merge = table.merge(symbols[left], symbols[right])
    if merge != MergeTable.none { heap.append(merge & 0xFFFF_FFFF_0000_0000 | UInt64(left)) }
  }

  private mutating func removeTop() {
    let last = heap.removeLast()
    if heap.isEmpty { return }
    heap[0] = last
    sink(0)
  }

  private mutating func sink(_ start: Int) {
    var index = start
    let value = heap[start]
    while true {
      var child = 2 * index + 1
      if child >= heap.count { break }
      if child + 1 < heap.count, heap[child + 1] < heap[child] { child += 1 }
      if heap[child] >= value { break }
      heap[index] = heap[child]
      index = child
    }
    heap[index] = value
  }

  private mutating func rise(_ start: Int) {
    guard start > 0 else { return }
    var index = start
    let value = heap[index]
    while index > 0 {
      let parent = (index - 1) / 2
      if heap[parent] <= value { break }
      heap[index] = heap[parent]
      index = parent
    }
    heap[index] = value
  }
}
