internal import DescentCompute

extension Tensor {
  /// e^xᵢ / Σⱼ e^xⱼ over the last dimension.
  public func softmax() -> Tensor {
    let (rows, n) = matrixShape
    let y = Tensor(uninitialized: shape)
    let (xs, ys) = (elements, y.freshElements)
    inRows(of: rows, n) { range in
      for r in range { Kernels.softmax(xs.row(r, n), valid: n, ys.row(r, n)) }
    }
    return record(y, from: self) { dy, d in
      // dx = y·(dy − Σ dy·y)
      let dx = Tensor(uninitialized: dy.shape)
      let (ys, dys, dxs) = (y.elements, dy.elements, dx.freshElements)
      inRows(of: rows, n) { range in
        for r in range {
          Kernels.softmaxBackward(ys.row(r, n), dys.row(r, n), valid: n, dxs.row(r, n))
        }
      }
      d.add(to: 0, dx)
    }
  }

  /// xᵢ − log Σⱼ e^xⱼ over the last dimension.
  public func logSoftmax() -> Tensor {
    let (rows, n) = matrixShape
    let y = Tensor(uninitialized: shape)
    let (xs, ys) = (elements, y.freshElements)
    inRows(of: rows, n) { range in
      for r in range {
        let (x, y) = (xs.row(r, n), ys.row(r, n))
        let logSum = Kernels.logSumExp(x)
        for i in 0..<n { y[i] = x[i] - logSum }
      }
    }
    return record(y, from: self) { dy, d in
      // dx = dy − e^y·Σ dy
      let dx = Tensor(uninitialized: dy.shape)
      let (ys, dys, dxs) = (y.elements, dy.elements, dx.freshElements)
      inRows(of: rows, n) { range in
        for r in range {
          let (dy, dx) = (dys.row(r, n), dxs.row(r, n))
          Kernels.exp(ys.row(r, n), dx)
          let sum = dy.sum()
          for i in 0..<n { dx[i] = dy[i] - dx[i] * sum }
        }
      }
      d.add(to: 0, dx)
    }
  }
}
