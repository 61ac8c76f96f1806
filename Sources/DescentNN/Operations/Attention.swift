internal import DescentCompute

// The queries that one pass of attention treats: their scores stay in the cache, and with a causal
// mask the keys after the last of them are never touched.
private let queryBlock = 64

/// The sizes of an attention and where its parts lie in memory.
private struct AttentionShape {
  let batch: Int
  let time: Int
  let heads: Int
  let head: Int
  let causal: Bool

  var width: Int { heads * head }
  var blocks: Int { (time + queryBlock - 1) / queryBlock }

  func queries(_ block: Int) -> Range<Int> {
    block * queryBlock..<min(time, (block + 1) * queryBlock)
  }

  /// The keys that the queries of a block look at.
  func keys(_ block: Int) -> Int { causal ? queries(block).upperBound : time }

  /// The keys that one query looks at.
  func keys(ofQuery query: Int) -> Int { causal ? query + 1 : time }

  /// Where the scores of a block start within those of a head.
  func offset(_ block: Int) -> Int {
    (0..<block).reduce(0) { $0 + queries($1).count * keys($1) }
  }

  /// The scores of one head.
  var scores: Int { offset(blocks) }

  /// Calls `body` for every head of every sequence, on all threads.
  func forEachHead(_ body: (Int) -> Void) {
    // The heads of a sequence lie side by side: one task for all of them reads whole rows. Only
    // when sequences are few are there more tasks.
    inChunks(of: batch * heads, size: batch < 8 ? 1 : heads) { tasks in
      for task in tasks { body(task) }
    }
  }

  /// The element of the dropout mask for the first score of a block of a head.
  func maskStart(_ task: Int, _ block: Int) -> Int { task * scores + offset(block) }

  /// Part 0 (queries), 1 (keys) or 2 (values) of a head in x of shape [batch, time, 3·width], from
  /// position `t` on.
  func start(_ part: Int, _ b: Int, _ h: Int, _ t: Int = 0) -> Int {
    ((b * time + t) * 3 + part) * width + h * head
  }

  /// Where the results of queries of a head start in y of shape [batch, time, width].
  func resultStart(_ b: Int, _ h: Int, _ queries: Range<Int>) -> Int {
    (b * time + queries.lowerBound) * width + h * head
  }

  /// Some queries of a head, and the first keys and values.
  func operands(
    _ x: View<Float>, _ b: Int, _ h: Int, _ queries: Range<Int>, _ keys: Int
  ) -> (q: MatrixView<Float>, k: MatrixView<Float>, v: MatrixView<Float>) {
    func part(_ part: Int, _ from: Int, _ count: Int) -> MatrixView<Float> {
      x.from(start(part, b, h, from)).matrix(count, head, stride: 3 * width)
    }
    return (part(0, queries.lowerBound, queries.count), part(1, 0, keys), part(2, 0, keys))
  }
}

/// A copy of softmax weights with some dropped; nil when none are.
private func dropped(
  _ p: View<Float>, _ start: Int, _ mask: DropoutMask?, _ format: NumberFormat
) -> Tensor? {
  guard let mask else { return nil }
  let kept = Tensor(uninitialized: [p.count])
  kept.freshElements.copy(p)
  mask.apply(to: kept.freshElements, from: start)
  roundOperand(kept.freshElements, to: format)
  return kept
}

/// Rounds, as what a 16-bit product is given.
private func roundOperand(_ x: MutableView<Float>, to format: NumberFormat) {
  if format != .float32 { Kernels.round(x.reading, to: format, x) }
}

extension Tensor {
  /// Multi-head self-attention from queries, keys and values that lie side by side.
  ///
  /// ```
  /// y = softmax(q·kᵀ/√d)·v        for every head of size d = C / heads
  /// ```
  ///
  /// - Parameters:
  ///   - heads: The number of heads, a divisor of C. This tensor has shape [batch, time, 3·C].
  ///   - causal: Whether a position looks only at itself and what is before it; true by default.
  ///   - dropout: Which weights of the softmax are dropped; nil for none.
  /// - Returns: A tensor of shape [batch, time, C].
  public func attention(
    heads: Int, causal: Bool = true, dropout: DropoutMask? = nil
  ) -> Tensor {
    let format = Autocast.format(of: self)
    if self.format != format {
      return cast(to: format).attention(heads: heads, causal: causal, dropout: dropout)
    }
    check(
      rank == 3 && shape[2] % (3 * heads) == 0,
      "attention with \(heads) heads needs a shape [batch, time, 3·width] with a width that "
        + "\(heads) divides, not \(shape)")
    let s = AttentionShape(
      batch: shape[0], time: shape[1], heads: heads, head: shape[2] / 3 / heads, causal: causal)
    let y = Tensor(uninitialized: [s.batch, s.time, s.width])
    let probabilities = Tensor(uninitialized: [s.batch, heads, s.scores])
    let (xs, ys, ps) = (elements, y.freshElements, probabilities.freshElements)
    let (wide, scale) = (3 * s.width, 1 / Float(s.head).root)
    s.forEachHead { task in
      let (b, h) = (task / heads, task % heads)
      for block in 0..<s.blocks {
        let (queries, keys) = (s.queries(block), s.keys(block))
        let (q, k, v) = s.operands(xs, b, h, queries, keys)
        let p = ps.row(task, s.scores)[s.offset(block)..<s.offset(block + 1)]
        MatrixProduct.multiplySerial(q, k.transposed, into: p.matrix(queries.count, keys))
        for i in 0..<queries.count {
          let row = p.row(i, keys)
          let seen = s.keys(ofQuery: queries.lowerBound + i)
          Kernels.softmax(row.reading, valid: seen, scale: scale, row)
        }
        roundOperand(p, to: format)
        let kept = dropped(p.reading, s.maskStart(task, block), dropout, format)
        MatrixProduct.multiplySerial(
          (kept?.elements ?? p.reading).matrix(queries.count, keys), v,
          into: ys.from(s.resultStart(b, h, queries))
            .matrix(queries.count, s.head, stride: s.width))
      }
    }
    return record(y, from: self, in: format) { [x = detached] dy, d in
      d.write(to: 0) { dx, adds in
        let (xs, ps, dys) = (x.elements, probabilities.elements, dy.elements)
        let scratch = Tensor(uninitialized: [s.batch * heads, queryBlock * s.time])
        let scratches = scratch.freshElements
        s.forEachHead { task in
          let (b, h) = (task / heads, task % heads)
          // The last block reaches all keys, so that it can overwrite what others then add to.
          for block in (0..<s.blocks).reversed() {
            let (queries, keys) = (s.queries(block), s.keys(block))
            let (q, k, v) = s.operands(xs, b, h, queries, keys)
            let dy = dys.from(s.resultStart(b, h, queries))
              .matrix(queries.count, s.head, stride: s.width)
            let dq = dx.from(s.start(0, b, h, queries.lowerBound))
            let (dk, dv) = (dx.from(s.start(1, b, h)), dx.from(s.start(2, b, h)))
            let p = ps.row(task, s.scores)[s.offset(block)..<s.offset(block + 1)]
            let ds = scratches.row(task, queryBlock * s.time)[0..<queries.count * keys]
            let beta: Float = adds || block != s.blocks - 1 ? 1 : 0
            // dv = pᵀ·dy and dp = dy·vᵀ, both with the dropped weights as zeros
            let kept = dropped(p, s.maskStart(task, block), dropout, format)
            MatrixProduct.multiplySerial(
              (kept?.elements ?? p).matrix(queries.count, keys).transposed, dy, beta: beta,
              into: dv.matrix(keys, s.head, stride: wide))
            MatrixProduct.multiplySerial(
              dy, v.transposed, into: ds.matrix(queries.count, keys))
            dropout?.apply(to: ds, from: s.maskStart(task, block))
            // ds = p·(dp − Σ dp·p)/√d
            for i in 0..<queries.count {
              let seen = s.keys(ofQuery: queries.lowerBound + i)
              let row = ds.row(i, keys)
              Kernels.softmaxBackward(
                p.row(i, keys), row.reading, valid: seen, scale: scale, row)
            }
            // dq = ds·k and dk = dsᵀ·q
            roundOperand(ds, to: format)
            let scores = ds.reading.matrix(queries.count, keys)
            MatrixProduct.multiplySerial(
              scores, k, beta: adds ? 1 : 0, into: dq.matrix(queries.count, s.head, stride: wide))
            MatrixProduct.multiplySerial(
              scores.transposed, q, beta: beta, into: dk.matrix(keys, s.head, stride: wide))
          }
        }
      }
    }
  }
}
