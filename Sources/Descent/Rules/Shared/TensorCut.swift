internal import Synchronization

/// How a tensor's axes are merged and cut into blocks with short axes.
struct TensorCut: Sendable {
  /// A block: where it starts and how long it is along each merged axis.
  struct Piece: Sendable {
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
    let last = shape.count - 1
    let run = block.lengths[last]
    for number in 0..<block.count / run {
      // Where the run begins: its position along each axis before the last.
      var (k, rest, step) = (block.starts[last], number, shape[last])
      for axis in (0..<last).reversed() {
        k += (block.starts[axis] + rest % block.lengths[axis]) * step
        rest /= block.lengths[axis]
        step *= shape[axis]
      }
      let i = number * run
      for j in 0..<run { body(i + j, k + j) }
    }
  }
}

/// The cuts of the shapes that a rule has met, so that a step need not make them.
final class TensorCuts: Sendable {
  private struct Key: Hashable {
    let shape: [Int]
    let longestAxis: Int
  }

  private let known = Mutex<[Key: TensorCut]>([:])

  func cut(_ shape: [Int], longestAxis: Int) -> TensorCut {
    known.withLock { known in
      let key = Key(shape: shape, longestAxis: longestAxis)
      if let cut = known[key] { return cut }
      let cut = TensorCut(shape, longestAxis: longestAxis)
      known[key] = cut
      return cut
    }
  }
}
