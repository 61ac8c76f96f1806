internal import DescentCompute

extension Tensor {
  /// The matrix product over the last two dimensions.
  ///
  /// ```
  /// yᵢⱼ = Σₖ xᵢₖ·wₖⱼ
  /// ```
  ///
  /// - Parameters:
  ///   - other: Has the same leading dimensions, or none: then it multiplies every matrix.
  ///   - transposed: Whether this tensor's last two dimensions are read exchanged.
  ///   - otherTransposed: Whether those of `other` are.
  public func product(
    _ other: Tensor, transposed: Bool = false, otherTransposed: Bool = false
  ) -> Tensor {
    check(
      rank >= 2 && other.rank >= 2,
      "matrices have two dimensions or more, not the shapes \(shape) and \(other.shape)")
    let format = Autocast.format(of: self, other)
    if self.format != format || other.format != format {
      return cast(to: format).product(
        other.cast(to: format), transposed: transposed, otherTransposed: otherTransposed)
    }
    if other.rank == 2 && rank > 2 && !transposed {
      // One matrix for all: the leading dimensions are more rows.
      let flat = reshaped([-1, shape[rank - 1]])
      let y = flat.product(other, otherTransposed: otherTransposed)
      return y.reshaped(shape.dropLast() + [y.shape[1]])
    }
    let batch = Array(shape.dropLast(2))
    let (m, k) =
      transposed ? (shape[rank - 1], shape[rank - 2]) : (shape[rank - 2], shape[rank - 1])
    let (k2, n) =
      otherTransposed
      ? (other.shape[other.rank - 1], other.shape[other.rank - 2])
      : (other.shape[other.rank - 2], other.shape[other.rank - 1])
    check(
      k == k2 && Array(other.shape.dropLast(2)) == batch,
      "matrices of shapes \(shape)\(transposed ? "ᵀ" : "") and "
        + "\(other.shape)\(otherTransposed ? "ᵀ" : "") cannot be multiplied")
    let y = Tensor(uninitialized: batch + [m, n])
    let count = batch.reduce(1, *)
    Tensor.multiplyAll(
      count, elements, m * k, transposed, other.elements, k * n, otherTransposed, m, n, k,
      into: y.freshElements, adds: false)
    return record(y, from: self, other, in: format) {
      [a = kept(for: other), b = other.kept(for: self)] dy, d in
      let dye = dy.elements
      if let be = b?.elements {
        d.write(to: 0) { da, adds in
          if transposed {  // daᵀ = dy·bᵀ, so da = b·dyᵀ
            Tensor.multiplyAll(
              count, be, k * n, otherTransposed, dye, m * n, true, k, m, n, into: da, adds: adds)
          } else {
            Tensor.multiplyAll(
              count, dye, m * n, false, be, k * n, !otherTransposed, m, k, n, into: da, adds: adds)
          }
        }
      }
      if let ae = a?.elements {
        d.write(to: 1) { db, adds in
          if otherTransposed {
            Tensor.multiplyAll(
              count, dye, m * n, true, ae, m * k, transposed, n, k, m, into: db, adds: adds)
          } else {
            Tensor.multiplyAll(
              count, ae, m * k, !transposed, dye, m * n, false, k, n, m, into: db, adds: adds)
          }
        }
      }
    }
  }

  /// `count` products of matrices that follow each other in memory.
  private static func multiplyAll(
    _ count: Int, _ a: View<Float>, _ aSize: Int, _ ta: Bool, _ b: View<Float>, _ bSize: Int,
    _ tb: Bool,
    _ m: Int, _ n: Int, _ k: Int, into c: MutableView<Float>, adds: Bool
  ) {
    func matrices(_ i: Int) -> (MatrixView<Float>, MatrixView<Float>) {
      (
        a.row(i, aSize).matrix(ta ? k : m, ta ? m : k).transposed(if: ta),
        b.row(i, bSize).matrix(tb ? n : k, tb ? k : n).transposed(if: tb)
      )
    }
    let beta: Float = adds ? 1 : 0
    if count == 1 {
      let (a, b) = matrices(0)
      MatrixProduct.multiply(a, b, beta: beta, into: c.matrix(m, n))
    } else {
      inParallel(count) { i in
        let (a, b) = matrices(i)
        MatrixProduct.multiplySerial(a, b, beta: beta, into: c.row(i, m * n).matrix(m, n))
      }
    }
  }

  /// An affine map of the last dimension, with the weight stored as PyTorch stores it.
  ///
  /// ```
  /// y = x·Wᵀ + b
  /// ```
  ///
  /// - Parameters:
  ///   - weight: W, of shape [outputs, inputs].
  ///   - bias: b, of shape [outputs], or nil for none.
  public func linear(_ weight: Tensor, _ bias: Tensor? = nil) -> Tensor {
    let format = Autocast.format(of: self, weight, bias)
    if self.format != format || weight.format != format || (bias?.format ?? format) != format {
      return cast(to: format).linear(weight.cast(to: format), bias?.cast(to: format))
    }
    let (rows, inputs) = matrixShape
    check(
      weight.rank == 2 && weight.shape[1] == inputs,
      "a linear map of a tensor of shape \(shape) needs a weight of shape [outputs, \(inputs)], "
        + "not \(weight.shape)")
    let outputs = weight.shape[0]
    check(
      bias == nil || bias!.shape == [outputs],
      "a linear map with weight \(weight.shape) needs a bias of shape [\(outputs)]")
    let y = Tensor(uninitialized: shape.dropLast() + [outputs])
    let ys = y.freshElements
    if let bias {
      // The product is added to rows that hold the bias.
      let bs = bias.elements
      inRows(of: rows, outputs) { range in
        for r in range { ys.row(r, outputs).copy(bs) }
      }
    }
    MatrixProduct.multiply(
      elements.matrix(rows, inputs), weight.storage.matrix(outputs, inputs).transposed,
      beta: bias == nil ? 0 : 1, into: ys.matrix(rows, outputs))
    let operands = bias.map { [self, weight, $0] } ?? [self, weight]
    return recorded(y, from: operands, in: format) {
      [x = kept(for: weight), w = weight.kept(for: self), hasBias = bias != nil] dy, d in
      let dys = dy.elements.matrix(rows, outputs)
      if let w {  // dx = dy·W
        d.write(to: 0) { dx, adds in
          MatrixProduct.multiply(
            dys, w.storage.matrix(outputs, inputs), beta: adds ? 1 : 0,
            into: dx.matrix(rows, inputs))
        }
      }
      if let x {  // dW = dyᵀ·x
        d.write(to: 1) { dw, adds in
          MatrixProduct.multiply(
            dys.transposed, x.storage.matrix(rows, inputs), beta: adds ? 1 : 0,
            into: dw.matrix(outputs, inputs))
        }
      }
      if hasBias {
        d.write(to: 2) { db, adds in
          sumRows(dy.elements, rows: rows, columns: outputs, into: db, adds: adds)
        }
      }
    }
  }
}
