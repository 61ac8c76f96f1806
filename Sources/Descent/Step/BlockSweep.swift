/// One pass of a rule over blocks: each with its weights, gradient and state, which is decoded when it is asked for.
///
/// Of the scalar alone, and not of the rule as well, so that ``forEachBlock(_:float:double:)`` can run code that
/// was compiled for floats: code for any scalar asks for its types in every block.
struct BlockSweep<S: Scalar> {
  let plan: BlockPlan
  let parameters: [ParameterInfo]
  let memory: [ParameterMemory<S>]
  let state: StateStore<S>
  /// t of each parameter.
  let updates: [Int]
  /// 1, or −1 where a parameter's objective is maximized.
  let signs: [S]
  /// What gradients are multiplied by.
  let scale: S
  let access: StateAccess
  /// Whether blocks with compressed state are cut.
  let cuts: Bool
  /// Whether blocks are whole tensors, whose rules use the threads themselves.
  let wholeTensors: Bool
  /// Whether parameters without a gradient take part.
  let all: Bool
  /// What becomes of weights in 16 bits.
  let returned: ParameterMemory<S>.Return
  let allowsKernels: Bool

  /// A block with its piece and the piece's number.
  typealias Body<T: Scalar> = (BlockPlan.Piece, Int, Block<T>) -> Void

  /// Calls the one of two closures that fits the scalar, for all pieces in a range.
  func forEachBlock(_ range: Range<Int>, float: Body<Float>, double: Body<Double>) {
    if S.self == Float.self {
      unsafe unsafeBitCast(self, to: BlockSweep<Float>.self).run(range, float)
    } else {
      unsafe unsafeBitCast(self, to: BlockSweep<Double>.self).run(range, double)
    }
  }

  private func run(_ range: Range<Int>, _ body: Body<S>) {
    let pool = ThreadPool.shared
    if !wholeTensors {
      pool.run(range.count) { visit(range.lowerBound + $0, body) }
    } else if range.count < plan.pieces.count {
      for index in range { visit(index, body) }
    } else {
      let order = plan.order
      let count = plan.sideBySide(pool.threads)
      pool.run(count) { visit(order[$0], body) }
      for place in count..<order.count { visit(order[place], body) }
    }
  }

  private func visit(_ index: Int, _ body: Body<S>) {
    let piece = plan.pieces[index]
    let memory = memory[piece.parameter]
    guard all || memory.hasGradient else { return }
    let scale = signs[piece.parameter] * scale
    let size = cuts && state.isCompressed[piece.parameter] ? CodedArrays.size : piece.count
    for start in stride(from: 0, to: piece.count, by: max(size, 1)) {
      let piece = piece.part(start, atMost: size)
      memory.withNumbers(piece.range, returned) { w, g in
        state.withArrays(
          of: piece, access, step: updates[piece.parameter], atOnce: wholeTensors
        ) { arrays, offset in
          let block = Block(
            count: piece.count, offset: piece.offset, shape: parameters[piece.parameter].shape,
            role: parameters[piece.parameter].role, w: w, g: ScaledView(g, scale: scale),
            state: arrays, stateOffset: offset, allowsKernels: allowsKernels)
          body(piece, index, block)
        }
      }
    }
  }
}
