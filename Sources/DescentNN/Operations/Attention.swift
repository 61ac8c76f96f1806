internal import DescentCompute

// The queries that one pass of attention treats: their scores stay in the cache, and with a causal
// mask the keys after the last of them are never touched.
private let queryBlock = 64

/// The sizes of an attention.
private struct AttentionShape {
  let batch: Int
  /// The queries of a sequence.
  let time: Int
  /// The keys and values of a sequence; the last query stands at the last of them.
  let keys: Int
  let heads: Int
  /// Heads of keys and values, each of which serves `heads / groups` heads of queries.
  let groups: Int
  /// The size of a head.
  let head: Int
  let causal: Bool
  /// How many keys a query sees at most, its own included.
  let window: Int

  /// The first key of the position of query 0.
  var offset: Int { keys - time }
  var blocks: Int { (time + queryBlock - 1) / queryBlock }
  var headsInGroup: Int { heads / groups }
  var scale: Float { 1 / Float(head).root }

  func queries(_ block: Int) -> Range<Int> {
    block * queryBlock..<min(time, (block + 1) * queryBlock)
  }

  /// The keys up to the last that the queries of a block look at.
  func keys(_ block: Int) -> Int { causal ? offset + queries(block).upperBound : keys }

  /// The keys that one query looks at.
  func keys(ofQuery query: Int) -> Range<Int> {
    let end = causal ? offset + query + 1 : keys
    return max(0, end - window)..<end
  }

  /// Where the scores of a block start within those of a head.
  func start(ofBlock block: Int) -> Int {
    (0..<block).reduce(0) { $0 + queries($1).count * keys($1) }
  }

  /// The scores of one head.
  var scores: Int { start(ofBlock: blocks) }

  /// Calls `body` for each of the `heads` of every sequence, on all threads.
  func forEach(_ heads: Int, _ body: (_ sequence: Int, _ head: Int) -> Void) {
    // The heads of a sequence lie side by side: one task for all of them reads whole rows. Only
    // when sequences are few are there more tasks.
    inChunks(of: batch * heads, size: batch < 8 ? 1 : heads) { tasks in
      for task in tasks { body(task / heads, task % heads) }
    }
  }

  /// The element of the dropout mask for the first score of a block of a head.
  func maskStart(_ task: Int, _ block: Int) -> Int { task * scores + start(ofBlock: block) }
}

/// Where queries, keys, values, or results of all heads lie: a row for each position, with the heads
/// side by side from `first` on.
private struct Heads {
  let first: Int
  let stride: Int
  /// The rows of a sequence.
  let rows: Int

  func start(_ sequence: Int, _ row: Int, _ head: Int, _ size: Int) -> Int {
    first + (sequence * rows + row) * stride + head * size
  }

  /// Some rows of a head.
  func matrix(
    _ x: View<Float>, _ sequence: Int, _ rows: Range<Int>, _ head: Int, _ size: Int
  ) -> MatrixView<Float> {
    x.from(start(sequence, rows.lowerBound, head, size)).matrix(rows.count, size, stride: stride)
  }

  /// The same, to be written.
  func matrix(
    _ x: MutableView<Float>, _ sequence: Int, _ rows: Range<Int>, _ head: Int, _ size: Int
  ) -> MutableMatrixView<Float> {
    x.from(start(sequence, rows.lowerBound, head, size)).matrix(rows.count, size, stride: stride)
  }
}

/// A copy of softmax weights with some dropped; nil when none are.
private func dropped(
  _ p: View<Float>, _ start: Int, _ mask: DropoutMask?, _ format: NumberFormat
) -> Tensor? {
  guard let mask else { return nil }
  let kept = Tensor(uninitialized: [p.count])
  mask.apply(to: p, from: start, kept.freshElements)
  roundOperand(kept.freshElements, to: format)
  return kept
}

/// Rounds, as what a 16-bit product is given.
private func roundOperand(_ x: MutableView<Float>, to format: NumberFormat) {
  if format != .float32 { Kernels.round(x.reading, to: format, x) }
}

/// The loops of attention.
private struct Attention {
  let s: AttentionShape
  let (queries, keys, values): (Heads, Heads, Heads)
  let dropout: DropoutMask?
  let format: NumberFormat

  private var results: Heads { Heads(first: 0, stride: s.heads * s.head, rows: s.time) }

  /// The results, and the softmax's weights where they are kept.
  func forward(
    _ q: View<Float>, _ k: View<Float>, _ v: View<Float>, keepsWeights: Bool
  ) -> (y: Tensor, weights: Tensor) {
    let y = Tensor(uninitialized: [s.batch, s.time, s.heads * s.head])
    // Those that are not kept are needed for one block at a time.
    let size = keepsWeights ? s.scores : min(queryBlock, s.time) * s.keys
    let weights = Tensor(uninitialized: [s.batch, s.heads, size])
    let (ys, ps) = (y.freshElements, weights.freshElements)
    s.forEach(s.heads) { b, h in
      let (task, group) = (b * s.heads + h, h / s.headsInGroup)
      for block in 0..<s.blocks {
        let (rows, count) = (s.queries(block), s.keys(block))
        let start = keepsWeights ? s.start(ofBlock: block) : 0
        let p = ps.row(task, size)[start..<start + rows.count * count]
        MatrixProduct.multiplySerial(
          queries.matrix(q, b, rows, h, s.head),
          keys.matrix(k, b, 0..<count, group, s.head).transposed,
          into: p.matrix(rows.count, count))
        for i in 0..<rows.count {
          let seen = s.keys(ofQuery: rows.lowerBound + i)
          let row = p.row(i, count)
          row[0..<seen.lowerBound].fill(0)
          let part = row.from(seen.lowerBound)
          Kernels.softmax(part.reading, valid: seen.count, scale: s.scale, part)
        }
        roundOperand(p, to: format)
        let kept = dropped(p.reading, s.maskStart(task, block), dropout, format)
        MatrixProduct.multiplySerial(
          (kept?.elements ?? p.reading).matrix(rows.count, count),
          values.matrix(v, b, 0..<count, group, s.head),
          into: results.matrix(ys, b, rows, h, s.head))
      }
    }
    return (y, weights)
  }

  /// The gradients of queries, keys and values, written or added to what is there.
  func backward(
    _ q: View<Float>, _ k: View<Float>, _ v: View<Float>, weights: View<Float>, _ dy: View<Float>,
    dq: MutableView<Float>, dk: MutableView<Float>, dv: MutableView<Float>, adds: Bool
  ) {
    let block = min(queryBlock, s.time)
    let scratch = Tensor(uninitialized: [s.batch * s.groups, block * s.keys])
    let scratches = scratch.freshElements
    // One task for all heads of a group, which add to the same keys and values.
    s.forEach(s.groups) { b, group in
      let scratch = scratches.row(b * s.groups + group, block * s.keys)
      for h in group * s.headsInGroup..<(group + 1) * s.headsInGroup {
        let task = b * s.heads + h
        // The last block reaches all keys, so that it can overwrite what others then add to.
        for block in (0..<s.blocks).reversed() {
          let (rows, count) = (s.queries(block), s.keys(block))
          let isFirst = h % s.headsInGroup == 0 && block == s.blocks - 1
          let beta: Float = adds || !isFirst ? 1 : 0
          let dy = results.matrix(dy, b, rows, h, s.head)
          let start = s.start(ofBlock: block)
          let p = weights.row(task, s.scores)[start..<start + rows.count * count]
          let ds = scratch[0..<rows.count * count]
          // dv = pᵀ·dy and dp = dy·vᵀ, both with the dropped weights as zeros
          let kept = dropped(p, s.maskStart(task, block), dropout, format)
          MatrixProduct.multiplySerial(
            (kept?.elements ?? p).matrix(rows.count, count).transposed, dy, beta: beta,
            into: values.matrix(dv, b, 0..<count, group, s.head))
          MatrixProduct.multiplySerial(
            dy, values.matrix(v, b, 0..<count, group, s.head).transposed,
            into: ds.matrix(rows.count, count))
          dropout?.apply(to: ds.reading, from: s.maskStart(task, block), ds)
          // ds = p·(dp − Σ dp·p)/√d
          for i in 0..<rows.count {
            let seen = s.keys(ofQuery: rows.lowerBound + i)
            let row = ds.row(i, count)
            row[0..<seen.lowerBound].fill(0)
            let part = row.from(seen.lowerBound)
            Kernels.softmaxBackward(
              p.row(i, count).from(seen.lowerBound), part.reading, valid: seen.count,
              scale: s.scale, part)
          }
          // dq = ds·k and dk = dsᵀ·q
          roundOperand(ds, to: format)
          let scores = ds.reading.matrix(rows.count, count)
          MatrixProduct.multiplySerial(
            scores, keys.matrix(k, b, 0..<count, group, s.head), beta: adds ? 1 : 0,
            into: queries.matrix(dq, b, rows, h, s.head))
          MatrixProduct.multiplySerial(
            scores.transposed, queries.matrix(q, b, rows, h, s.head), beta: beta,
            into: keys.matrix(dk, b, 0..<count, group, s.head))
        }
      }
    }
  }
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
    let (time, width) = (shape[1], shape[2] / 3)
    func part(_ number: Int) -> Heads {
      Heads(first: number * width, stride: 3 * width, rows: time)
    }
    let attention = Attention(
      s: AttentionShape(
        batch: shape[0], time: time, keys: time, heads: heads, groups: heads, head: width / heads,
        causal: causal, window: time),
      queries: part(0), keys: part(1), values: part(2), dropout: dropout, format: format)
    let xs = elements
    let (y, weights) = attention.forward(xs, xs, xs, keepsWeights: node != nil)
    return record(y, from: self, in: format) { [x = kept] dy, d in
      d.write(to: 0) { dx, adds in
        let xs = x.elements
        attention.backward(
          xs, xs, xs, weights: weights.elements, dy.elements, dq: dx, dk: dx, dv: dx, adds: adds)
      }
    }
  }

  /// Multi-head attention of queries to keys and values, whose heads may be fewer: each then serves
  /// several heads of queries (grouped-query attention).
  ///
  /// ```
  /// y = softmax(q·kᵀ/√d)·v        for every head of size d
  /// ```
  ///
  /// Ainslie et al.: GQA: Training generalized multi-query transformer models (2023),
  /// arXiv:2305.13245.
  ///
  /// - Parameters:
  ///   - queries: q, of shape [batch, time, heads·d].
  ///   - keys: k, of shape [batch, positions, groups·d], where `heads` is a multiple of the groups. The
  ///     last query stands at the last position.
  ///   - values: v, of the same shape.
  ///   - heads: The number of heads of queries.
  ///   - causal: Whether a query looks only at its own position and what is before it; true by default.
  ///   - window: How many positions a query looks at, at most, its own and those before it; nil for all.
  ///   - dropout: Which weights of the softmax are dropped; nil for none.
  /// - Returns: A tensor of shape [batch, time, heads·d].
  public static func attention(
    queries: Tensor, keys: Tensor, values: Tensor, heads: Int, causal: Bool = true,
    window: Int? = nil, dropout: DropoutMask? = nil
  ) -> Tensor {
    attention(
      queries: queries, keys: keys, values: values, positions: keys.shape[1], heads: heads,
      causal: causal, window: window, dropout: dropout)
  }

  /// The same over the first `positions` of the keys and values alone, of which there may be more.
  static func attention(
    queries q: Tensor, keys k: Tensor, values v: Tensor, positions: Int, heads: Int, causal: Bool,
    window: Int?, dropout: DropoutMask?
  ) -> Tensor {
    let format = Autocast.format(of: q, k, v)
    if q.format != format || k.format != format || v.format != format {
      return attention(
        queries: q.cast(to: format), keys: k.cast(to: format), values: v.cast(to: format),
        positions: positions, heads: heads, causal: causal, window: window, dropout: dropout)
    }
    let head = q.rank == 3 && q.shape[2] % heads == 0 ? q.shape[2] / heads : 0
    check(
      head > 0 && k.rank == 3 && k.shape[2] % head == 0 && k.shape == v.shape
        && k.shape[0] == q.shape[0] && heads % (k.shape[2] / head) == 0
        && (q.shape[1]...Swift.max(q.shape[1], k.shape[1])).contains(positions),
      "attention with \(heads) heads cannot combine queries of shape \(q.shape) with keys and values "
        + "of shapes \(k.shape) and \(v.shape)")
    let (time, groups) = (q.shape[1], k.shape[2] / head)
    let attention = Attention(
      s: AttentionShape(
        batch: q.shape[0], time: time, keys: positions, heads: heads, groups: groups, head: head,
        causal: causal, window: window ?? positions),
      queries: Heads(first: 0, stride: heads * head, rows: time),
      keys: Heads(first: 0, stride: groups * head, rows: k.shape[1]),
      values: Heads(first: 0, stride: groups * head, rows: k.shape[1]),
      dropout: dropout, format: format)
    let isRecorded = q.node != nil || k.node != nil || v.node != nil
    let (y, weights) = attention.forward(
      q.elements, k.elements, v.elements, keepsWeights: isRecorded)
    return record(y, from: q, k, v, in: format) {
      [q = q.kept, k = k.kept, v = v.kept] dy, d in
      let (dq, dk, dv) = (
        Tensor(uninitialized: q.shape), Tensor(uninitialized: k.shape),
        Tensor(uninitialized: v.shape)
      )
      attention.backward(
        q.elements, k.elements, v.elements, weights: weights.elements, dy.elements,
        dq: dq.freshElements, dk: dk.freshElements, dv: dv.freshElements, adds: false)
      d.add(to: 0, dq)
      d.add(to: 1, dk)
      d.add(to: 2, dv)
    }
  }
}
