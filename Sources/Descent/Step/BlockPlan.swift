/// How parameters are cut into blocks. The cut follows from the shapes alone, so that no result
/// depends on the number of threads.
struct BlockPlan {
  /// A run of elements of one parameter.
  struct Piece {
    let parameter: Int
    let offset: Int
    let count: Int
    /// Its elements' positions in the parameter.
    var range: Range<Int> { offset..<offset + count }

    /// The elements from `start` on, at most so many.
    func part(_ start: Int, atMost size: Int) -> Piece {
      Piece(parameter: parameter, offset: offset + start, count: min(size, count - start))
    }
  }

  /// Small enough for the arrays of a block to stay in the second-level cache, large enough to
  /// make the cost of a call vanish; a multiple of the 256 elements that share a scale in 8-bit
  /// state.
  static let blockSize = 8192

  let pieces: [Piece]
  /// The pieces of each parameter, by its index.
  let ranges: [Range<Int>]
  /// The pieces with the least work first, in the order in which whole tensors are taken.
  private(set) var order: [Int] = []
  /// About the work of each of them, in the same order; that of large tensors is not counted.
  private var work: [Int] = []

  /// Whether a whole tensor is so small that threads which share it wait for each other more than they work.
  static func isSmall(_ parameter: ParameterInfo) -> Bool { parameter.count <= 1 << 17 }

  /// Cuts the trainable parameters into runs of elements, or leaves them whole.
  init(_ parameters: [ParameterInfo], wholeTensors: Bool = false) {
    var pieces: [Piece] = []
    var ranges: [Range<Int>] = []
    for (index, parameter) in parameters.enumerated() {
      let start = pieces.count
      if parameter.trainable {
        let size = wholeTensors ? max(parameter.count, 1) : Self.blockSize
        for offset in stride(from: 0, to: parameter.count, by: size) {
          let count = min(size, parameter.count - offset)
          pieces.append(Piece(parameter: index, offset: offset, count: count))
        }
      }
      ranges.append(start..<pieces.count)
    }
    (self.pieces, self.ranges) = (pieces, ranges)
    guard wholeTensors else { return }
    func parameter(_ index: Int) -> ParameterInfo { parameters[pieces[index].parameter] }
    // A product with a square matrix as long as the longest axis.
    func work(_ index: Int) -> Int { pieces[index].count * (parameter(index).shape.max() ?? 1) }
    let small = pieces.indices.filter { Self.isSmall(parameter($0)) }
      .sorted { (work($0), $0) < (work($1), $1) }
    self.work = small.map(work)
    order = small + pieces.indices.filter { !Self.isSmall(parameter($0)) }
  }

  /// How many tensors, the first ones in ``order``, `threads` do best side by side, each by one thread: the small
  /// ones but those that would leave the other threads without work.
  func sideBySide(_ threads: Int) -> Int {
    guard threads > 1 else { return 0 }
    var (count, total) = (0, 0)
    for index in work.indices {
      total += work[index]
      if work[index] * 2 * threads <= total { count = index + 1 }
    }
    return count
  }

  /// The pieces of some neighbouring parameters.
  func pieces(of parameters: Range<Int>) -> Range<Int> {
    guard let first = parameters.first, let last = parameters.last else { return 0..<0 }
    return ranges[first].lowerBound..<ranges[last].upperBound
  }
}
