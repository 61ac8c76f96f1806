internal import DescentCompute

extension Tensor {
  /// Σ over the given dimensions, or over all.
  ///
  /// - Parameters:
  ///   - axes: The dimensions to sum over; negative ones count from the last.
  ///   - keepDimensions: Whether they stay, with size 1.
  public func sum(over axes: [Int]? = nil, keepDimensions: Bool = false) -> Tensor {
    let axes = resolved(axes)
    let y = reduced(over: axes).reshapedDetached(shapeReduced(axes, keepDimensions))
    return record(y, from: self) { [shape, kept = shapeReduced(axes, true)] dy, d in
      d.add(to: 0, dy.reshapedDetached(kept).repeated(to: shape))
    }
  }

  /// The mean over the given dimensions, or over all.
  ///
  /// - Parameters:
  ///   - axes: The dimensions to average over; negative ones count from the last.
  ///   - keepDimensions: Whether they stay, with size 1.
  public func mean(over axes: [Int]? = nil, keepDimensions: Bool = false) -> Tensor {
    let n = resolved(axes).reduce(1) { $0 * shape[$1] }
    return sum(over: axes, keepDimensions: keepDimensions) * (1 / Float(n))
  }

  /// The largest element over the given dimensions, or over all; the gradient goes to the first of
  /// equal ones.
  ///
  /// - Parameters:
  ///   - axes: The dimensions to search; negative ones count from the last.
  ///   - keepDimensions: Whether they stay, with size 1.
  public func max(over axes: [Int]? = nil, keepDimensions: Bool = false) -> Tensor {
    let axes = resolved(axes)
    let kept = shape.indices.filter { !axes.contains($0) }
    // With the searched dimensions last, every result is the maximum of a row.
    let order = kept + axes
    let rows = order == Array(0..<rank) ? detached : permutedDetached(order)
    let n = axes.reduce(1) { $0 * shape[$1] }
    check(n > 0, "the maximum of no elements is not defined (shape \(shape))")
    let y = Tensor(uninitialized: shapeReduced(axes, keepDimensions))
    var positions = [Int32](repeating: 0, count: y.count)
    let xs = rows.elements
    let ys = y.freshElements
    for r in 0..<y.count {
      let row = xs.row(r, n)
      var best = 0
      for i in 1..<Swift.max(n, 1) where row[i] > row[best] { best = i }
      ys[r] = row[best]
      positions[r] = Int32(best)
    }
    return record(y, from: self) { [positions, shape = rows.shape] dy, d in
      d.add(
        to: 0,
        Tensor.scattered(dy, at: positions, rowLength: n, shape: shape)
          .permutedDetached(inverse(order)))
    }
  }

  /// Zeros, but for element `positions[r]` of row r, which is dy[r].
  private static func scattered(
    _ dy: Tensor, at positions: [Int32], rowLength n: Int, shape: [Int]
  ) -> Tensor {
    let dx = Tensor.zeros(shape)
    let dxs = dx.freshElements
    let dys = dy.elements
    for r in positions.indices { dxs[r * n + Int(positions[r])] = dys[r] }
    return dx
  }

  /// The dimensions as sorted indices from 0.
  func resolved(_ axes: [Int]?) -> [Int] {
    guard let axes else { return Array(0..<rank) }
    return axes.map { resolvedAxis($0) }.sorted()
  }

  /// A dimension as an index from 0.
  func resolvedAxis(_ axis: Int) -> Int {
    check(
      axis >= -rank && axis < rank, "a tensor of shape \(shape) has no dimension \(axis)")
    return axis < 0 ? axis + rank : axis
  }

  private func shapeReduced(_ axes: [Int], _ keep: Bool) -> [Int] {
    keep
      ? shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
      : shape.indices.filter { !axes.contains($0) }.map { shape[$0] }
  }

  /// Σ over dimensions, unrecorded, without them.
  func reduced(over axes: [Int]) -> Tensor {
    let kept = shape.indices.filter { !axes.contains($0) }
    let y = Tensor(uninitialized: kept.map { shape[$0] })
    let columns = kept.reduce(1) { $0 * shape[$1] }
    let rows = axes.reduce(1) { $0 * shape[$1] }
    if axes == Array(0..<axes.count) {
      sumRows(elements, rows: rows, columns: columns, into: y.freshElements, adds: false)
      return y
    }
    let x = kept + axes == Array(0..<rank) ? self : permutedDetached(kept + axes)
    let xs = x.elements
    let ys = y.freshElements
    inRows(of: columns, rows) { range in
      for r in range { ys[r] = xs.row(r, rows).sum() }
    }
    return y
  }

  /// The tensor repeated along its dimensions of size 1, unrecorded.
  func repeated(to target: [Int]) -> Tensor {
    if shape == target { return detached }
    let plan = Broadcast(shape, target)
    let y = Tensor(uninitialized: target)
    let xs = elements
    let ys = y.freshElements
    let n = plan.inner
    inRows(of: plan.outer, n) { rows in
      for r in rows {
        let i = plan.offsets(r).x
        if plan.xStep == 1 {
          ys.row(r, n).copy(xs[i..<i + n])
        } else {
          ys.row(r, n).fill(xs[i])
        }
      }
    }
    return y
  }
}

/// The order that undoes a permutation.
func inverse(_ order: [Int]) -> [Int] {
  var inverse = order
  for (i, axis) in order.enumerated() { inverse[axis] = i }
  return inverse
}
