internal import DescentCompute

extension Tensor {
  /// The smallest element over the given dimensions, or over all; the gradient goes to the first of equal
  /// ones.
  ///
  /// - Parameters:
  ///   - axes: the dimensions to search; negative ones count from the last.
  ///   - keepDimensions: whether they stay, with size 1.
  public func min(over axes: [Int]? = nil, keepDimensions: Bool = false) -> Tensor {
    -(-self).max(over: axes, keepDimensions: keepDimensions)
  }

  /// Where the largest element of every row of a dimension is: the first of equal ones.
  ///
  /// - Parameter axis: the dimension to search; by default the last.
  /// - Returns: indices of this shape without that dimension.
  public func argmax(over axis: Int = -1) -> IndexTensor { firstPlace(axis, >) }

  /// Where the smallest element of every row of a dimension is: the first of equal ones.
  ///
  /// - Parameter axis: the dimension to search; by default the last.
  /// - Returns: indices of this shape without that dimension.
  public func argmin(over axis: Int = -1) -> IndexTensor { firstPlace(axis, <) }

  private func firstPlace(_ axis: Int, _ isBetter: (Float, Float) -> Bool) -> IndexTensor {
    let axis = resolvedAxis(axis)
    let n = shape[axis]
    check(n > 0, "no elements have no largest or smallest one (shape \(shape))")
    let order = shape.indices.filter { $0 != axis } + [axis]
    let rows = permutedDetached(order)
    let xs = rows.elements
    let places = (0..<count / n).map { r -> Int32 in
      let row = xs.row(r, n)
      var best = 0
      for i in 1..<Swift.max(n, 1) where isBetter(row[i], row[best]) { best = i }
      return Int32(best)
    }
    return IndexTensor(shape: Array(rows.shape.dropLast()), scalars: places)
  }
}
