internal import DescentCompute

// The loops that operations share. Work is cut into pieces that follow from the shapes alone, so
// that results do not depend on the number of threads.

/// The elements that one task of an elementwise operation treats: 64 KiB.
let elementwiseChunk = 16384

/// Calls `body` on chunks of 0..<count, on all threads.
@inline(__always)
func inChunks(of count: Int, size: Int = elementwiseChunk, _ body: (Range<Int>) -> Void) {
  if count <= size {
    if count > 0 { body(0..<count) }
  } else {
    ThreadPool.shared.forEachChunk(of: count, size: size, body)
  }
}

/// Calls `body` on ranges of the rows of a matrix, on all threads.
@inline(__always)
func inRows(of rows: Int, _ columns: Int, _ body: (Range<Int>) -> Void) {
  inChunks(of: rows, size: max(1, elementwiseChunk / max(1, columns)), body)
}

/// Calls `body` for every task in 0..<count, on all threads.
@inline(__always)
func inParallel(_ count: Int, _ body: (Int) -> Void) { ThreadPool.shared.run(count, body) }

extension Tensor {
  /// Adds a tensor of the same shape, without recording it: in place unless the memory is shared.
  mutating func add(_ other: Tensor) {
    precondition(count == other.count)
    let isOwn = isKnownUniquelyReferenced(&storage) && storage.isWritable
    let target = isOwn ? self : Tensor(uninitialized: shape)
    let (xs, ys, zs) = (elements, other.elements, target.storage.mutableElements)
    inChunks(of: count) { range in
      let (xs, ys, zs) = (xs[range], ys[range], zs[range])
      Kernels.add(xs, ys, zs)
    }
    self = target
  }
}

/// db = Σ of the rows of dy, added to what is there or overwriting it.
///
/// Rows are summed in blocks, the sums of the blocks in order.
func sumRows(_ dy: View<Float>, rows: Int, columns: Int, into db: MutableView<Float>, adds: Bool) {
  let blocks = RowBlocks(rows)
  let partials = Tensor.zeros([max(1, blocks.count), columns])
  let sums = partials.freshElements
  inParallel(blocks.count) { b in
    let sum = sums.row(b, columns)
    let rows = blocks[b]
    Kernels.columnSums(
      dy[rows.lowerBound * columns..<rows.upperBound * columns], rows: rows.count, sum)
  }
  combineRows(sums.reading, rows: max(1, blocks.count), columns: columns, into: db, adds: adds)
}

/// The rows of a matrix in at most 32 blocks, each summed by one task.
struct RowBlocks {
  let rows: Int
  let size: Int

  init(_ rows: Int) {
    self.rows = rows
    size = max(32, (rows + 31) / 32)
  }

  var count: Int { (rows + size - 1) / size }

  subscript(i: Int) -> Range<Int> { i * size..<min(rows, (i + 1) * size) }
}

/// The sum of a few rows, in order, added to `y` or overwriting it.
func combineRows(_ x: View<Float>, rows: Int, columns: Int, into y: MutableView<Float>, adds: Bool)
{
  precondition(y.count == columns)
  inChunks(of: columns, size: 4096) { range in
    let y = y[range]
    var first = 0
    if !adds {
      y.copy(x.row(0, columns)[range])
      first = 1
    }
    for r in first..<rows {
      let row = x.row(r, columns)[range]
      for c in 0..<range.count { y[c] += row[c] }
    }
  }
}

// Sums in 16 lanes, always in this order.
extension View<Float> {
  @inline(__always)
  private func lanes(_ i: Int) -> SIMD16<Float> {
    unsafe UnsafeRawPointer(base + i).loadUnaligned(as: SIMD16<Float>.self)
  }

  /// Σ xᵢ.
  func sum() -> Float {
    var lanes = SIMD16<Float>.zero
    let whole = count & ~15
    var i = 0
    while i < whole {
      lanes += self.lanes(i)
      i += 16
    }
    var total = lanes.sum()
    while i < count {
      total += self[i]
      i += 1
    }
    return total
  }

  /// Σ xᵢ·yᵢ.
  func dot(_ y: View<Float>) -> Float {
    precondition(y.count == count)
    var lanes = SIMD16<Float>.zero
    let whole = count & ~15
    var i = 0
    while i < whole {
      lanes += self.lanes(i) * y.lanes(i)
      i += 16
    }
    var total = lanes.sum()
    while i < count {
      total += self[i] * y[i]
      i += 1
    }
    return total
  }
}
