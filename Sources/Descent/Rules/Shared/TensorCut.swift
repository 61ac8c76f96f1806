/// How a tensor's axes are merged and cut into blocks with short axes.
struct TensorCut {
  /// A block: where it starts and how long it is along each merged axis.
  struct Piece {
    let starts: [Int]
    let lengths: [Int]
    var count: Int { lengths.reduce(1, *) }
  }

  /// The merged axes.
  let shape: [Int]
  let blocks: [Piece]

  init(_ original: [Int], longestAxis: Int) {
    // From the last axis backwards, while the product is short enough; axes of 1 vanish.
    var merged: [Int] = []
    for d in original.reversed() where d != 1 {
      if let last = merged.last, last * d <= longestAxis {
        merged[merged.count - 1] = last * d
      } else {
        merged.append(d)
      }
    }
    shape = merged.isEmpty ? [1] : merged.reversed()
    var blocks = [Piece(starts: [], lengths: [])]
    for d in shape {
      blocks = blocks.flatMap { block in
        stride(from: 0, to: d, by: longestAxis).map { start in
          Piece(
            starts: block.starts + [start],
            lengths: block.lengths + [min(longestAxis, d - start)])
        }
      }
    }
    self.blocks = blocks
  }

  /// Calls `body` with each element's place in the block and in the tensor.
  @inline(__always)
  func forEach(_ block: Piece, _ body: (_ i: Int, _ k: Int) -> Void) {
    let run = block.lengths[block.lengths.count - 1]
    var index = [Int](repeating: 0, count: shape.count)
    var i = 0
    while i < block.count {
      var k = 0
      for axis in shape.indices { k = k * shape[axis] + block.starts[axis] + index[axis] }
      for j in 0..<run { body(i + j, k + j) }
      i += run
      // The next run: count up the axes before the last.
      var axis = shape.count - 2
      while axis >= 0 {
        index[axis] += 1
        if index[axis] < block.lengths[axis] { break }
        index[axis] = 0
        axis -= 1
      }
    }
  }
}
