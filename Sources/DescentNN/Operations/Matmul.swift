extension Tensor {
  /// The matrix product as NumPy and PyTorch define it: over the last two dimensions, with leading ones
  /// that are repeated to match; a vector on the left is a row, on the right a column, and goes again.
  ///
  /// ``product(_:transposed:otherTransposed:)`` is the same for matrices and batches of one shape, and can
  /// read either operand exchanged.
  public func matmul(_ other: Tensor) -> Tensor {
    check(rank > 0 && other.rank > 0, "a single number has no matrix product; use x * y")
    let x = rank == 1 ? reshaped([1, count]) : self
    let y = other.rank == 1 ? other.reshaped([other.count, 1]) : other
    check(
      x.shape[x.rank - 1] == y.shape[y.rank - 2],
      "tensors of shapes \(shape) and \(other.shape) cannot be multiplied: "
        + "\(x.shape[x.rank - 1]) columns meet \(y.shape[y.rank - 2]) rows")
    let z: Tensor
    if y.rank == 2 || x.shape.dropLast(2) == y.shape.dropLast(2) {
      z = x.product(y)
    } else {
      let leading = Broadcast(Array(x.shape.dropLast(2)), Array(y.shape.dropLast(2))).shape
      z = x.broadcast(to: leading + x.shape.suffix(2))
        .product(y.broadcast(to: leading + y.shape.suffix(2)))
    }
    var kept = Array(z.shape.dropLast(2))
    if rank > 1 { kept.append(z.shape[z.rank - 2]) }
    if other.rank > 1 { kept.append(z.shape[z.rank - 1]) }
    return kept == z.shape ? z : z.reshaped(kept)
  }

  /// Tensors of one shape side by side in a new dimension.
  ///
  /// - Parameter axis: where the new dimension is in the result; negative ones count from its last.
  public static func stacked(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
    check(!tensors.isEmpty, "there is nothing to stack")
    let shape = tensors[0].shape
    let place = axis < 0 ? axis + shape.count + 1 : axis
    check(
      (0...shape.count).contains(place),
      "tensors of shape \(shape) cannot be stacked in a dimension \(axis)")
    for x in tensors { check(x.shape == shape, "cannot stack shapes \(shape) and \(x.shape)") }
    return .concatenated(
      tensors.map { $0.reshaped(shape[..<place] + [1] + shape[place...]) }, axis: place)
  }
}
