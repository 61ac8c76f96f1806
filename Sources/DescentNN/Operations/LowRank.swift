internal import DescentCompute

extension Tensor {
  /// Adds a map of low rank to this tensor, which is used up: it is written where it lies.
  ///
  /// ```
  /// y ← y + s·(x·Aᵀ)·Bᵀ
  /// ```
  ///
  /// - Parameters:
  ///   - scale: s.
  ///   - x: of shape [..., inputs], with the leading dimensions of this tensor.
  ///   - a: A, of shape [rank, inputs].
  ///   - b: B, of shape [outputs, rank].
  consuming func addingLowRank(_ scale: Float, _ x: Tensor, _ a: Tensor, _ b: Tensor) -> Tensor {
    let format = Autocast.format(of: self, x, a, b)
    var y = self
    let (x, a, b) = (x.cast(to: format), a.cast(to: format), b.cast(to: format))
    let (rows, inputs) = x.matrixShape
    let outputs = y.shape.last ?? 1
    let rank = b.shape.last ?? 1
    check(
      a.shape == [rank, inputs] && b.shape == [outputs, rank] && rows * outputs == y.count,
      "a map of low rank with matrices of shapes \(a.shape) and \(b.shape) does not go from "
        + "\(x.shape) to \(y.shape)")
    let node = y.node
    y.node = nil
    let hidden = Tensor(uninitialized: [rows, rank])
    MatrixProduct.multiply(
      x.elements.matrix(rows, inputs), a.elements.matrix(rank, inputs).transposed,
      into: hidden.freshElements.matrix(rows, rank))
    hidden.roundFresh(to: format)
    MatrixProduct.multiply(
      hidden.elements.matrix(rows, rank), b.elements.matrix(outputs, rank).transposed,
      alpha: scale, beta: 1, into: y.mutableElements().matrix(rows, outputs))
    var before = y.detached
    before.node = node
    y.format = .float32
    return record(y, from: before, x, a, b, in: format) {
      [x = x.kept, a = a.detached, b = b.detached] dy, d in
      d.add(to: 0, dy)
      let dys = dy.elements.matrix(rows, outputs)
      if d.needs(3) {  // dB = s·dyᵀ·h
        d.write(to: 3) { db, adds in
          MatrixProduct.multiply(
            dys.transposed, hidden.elements.matrix(rows, rank), alpha: scale, beta: adds ? 1 : 0,
            into: db.matrix(outputs, rank))
        }
      }
      guard d.needs(1) || d.needs(2) else { return }
      // dh = s·dy·B
      let dh = Tensor(uninitialized: [rows, rank])
      MatrixProduct.multiply(
        dys, b.elements.matrix(outputs, rank), alpha: scale,
        into: dh.freshElements.matrix(rows, rank))
      dh.roundFresh(to: format)
      let dhs = dh.elements.matrix(rows, rank)
      d.write(to: 1) { dx, adds in  // dx = dh·A
        MatrixProduct.multiply(
          dhs, a.elements.matrix(rank, inputs), beta: adds ? 1 : 0, into: dx.matrix(rows, inputs))
      }
      d.write(to: 2) { da, adds in  // dA = dhᵀ·x
        MatrixProduct.multiply(
          dhs.transposed, x.storage.matrix(rows, inputs), beta: adds ? 1 : 0,
          into: da.matrix(rank, inputs))
      }
    }
  }
}
