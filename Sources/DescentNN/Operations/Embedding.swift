internal import DescentCompute

extension Tensor {
  /// The rows of a table, one for every index.
  ///
  /// - Parameter indices: Rows of this table of shape [rows, width].
  /// - Returns: A tensor of the indices' shape with `width` as one more dimension.
  public func embedding(_ indices: IndexTensor) -> Tensor {
    check(rank == 2, "an embedding table has two dimensions, not the shape \(shape)")
    let (rows, width) = matrixShape
    let ids = indices.scalars
    for id in ids {
      check(id >= 0 && id < rows, "the index \(id) is outside a table of \(rows) rows")
    }
    var y = Tensor(uninitialized: indices.shape + [width])
    y.format = format
    let (storage, ys) = (storage, y.freshElements)
    inRows(of: ids.count, width) { range in
      for r in range {
        let start = Int(ids[r]) * width
        storage.widenSerially(start..<start + width, into: ys.row(r, width))
      }
    }
    return record(y, from: self, in: format) { dy, d in
      // Several indices may name one row: tasks own columns, and add in the order of the indices.
      d.write(to: 0) { dx, adds in
        let dys = dy.elements
        if !adds { dx.fill(0) }
        inChunks(of: width, size: 64) { columns in
          for (r, id) in ids.enumerated() {
            let (dx, dy) = (dx.row(Int(id), width)[columns], dys.row(r, width)[columns])
            for c in 0..<columns.count { dx[c] += dy[c] }
          }
        }
      }
    }
  }
}
