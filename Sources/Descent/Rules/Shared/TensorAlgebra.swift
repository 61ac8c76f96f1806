/// Products of contiguous row-major matrices, and of matrices with an axis of a tensor, in the
/// element type of the weights; and the way to and from the double precision of decompositions.
enum TensorAlgebra {
  /// C ← α·op(A)·op(B) + β·C with op(A) m × k and op(B) k × n. C is not read when β = 0.
  ///
  /// - Parameter symmetric: whether C is, so that half of it need be computed.
  static func multiply<S: Scalar>(
    transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: S = 1, _ a: MutableView<S>, _ b: MutableView<S>, beta: S = 0, into c: MutableView<S>,
    symmetric: Bool = false
  ) {
    let (a, b, c) = (a.reading, b.reading, c)
    func product<T>(
      _: T.Type, _ multiply: (MatrixView<T>, MatrixView<T>, MutableMatrixView<T>) -> Void
    ) {
      multiply(
        a.cast(to: T.self).matrix(transA ? k : m, transA ? m : k).transposed(if: transA),
        b.cast(to: T.self).matrix(transB ? n : k, transB ? k : n).transposed(if: transB),
        c.cast(to: T.self).matrix(m, n))
    }
    if S.self == Float.self {
      let (α, β) = (Float(alpha), Float(beta))
      product(Float.self) {
        if symmetric {
          MatrixProduct.multiplySymmetric($0, $1, alpha: α, beta: β, into: $2)
        } else {
          MatrixProduct.multiply($0, $1, alpha: α, beta: β, into: $2)
        }
      }
    } else {
      let (α, β) = (Double(alpha), Double(beta))
      product(Double.self) {
        if symmetric {
          MatrixProduct.multiplySymmetric($0, $1, alpha: α, beta: β, into: $2)
        } else {
          MatrixProduct.multiply($0, $1, alpha: α, beta: β, into: $2)
        }
      }
    }
  }

  /// Y = M ×ᵢ X: the d × d matrix M (or Mᵀ) acts on axis i of a tensor, which is d long.
  static func multiply<S: Scalar>(
    axis: Int, of x: MutableView<S>, _ shape: [Int], by matrix: MutableView<S>,
    transposed: Bool = false,
    into y: MutableView<S>
  ) {
    let (before, d, after) = split(shape, axis)
    if after == 1 {
      multiply(transB: !transposed, m: before, n: d, k: d, x, matrix, into: y)
    } else {
      for i in 0..<before {
        let start = i * d * after
        multiply(
          transA: transposed, m: d, n: after, k: d, matrix, x.from(start), into: y.from(start))
      }
    }
  }

  /// H ← α·X₍ᵢ₎X₍ᵢ₎ᵀ + β·H, with the tensor unfolded along axis i.
  static func addGram<S: Scalar>(
    axis: Int, of x: MutableView<S>, _ shape: [Int], alpha: S, beta: S, to h: MutableView<S>
  ) {
    let (before, d, after) = split(shape, axis)
    if after == 1 {
      multiply(
        transA: true, m: d, n: d, k: before, alpha: alpha, x, x, beta: beta, into: h,
        symmetric: true)
    } else {
      for i in 0..<before {
        let part = x.from(i * d * after)
        multiply(
          transB: true, m: d, n: d, k: after, alpha: alpha, part, part, beta: i == 0 ? beta : 1,
          into: h, symmetric: true)
      }
    }
  }

  /// Calls `body` for each of several d × d matrices: at the same time where that keeps the threads
  /// busy, else one after another, each on all threads. Returns how many failed.
  static func decomposeEach(
    _ lengths: [Int], _ body: (Int) throws(LinearAlgebraError) -> Void
  ) -> Int {
    withScratch(of: Bool.self, lengths.count) { failed in
      func decompose(_ i: Int) {
        do throws(LinearAlgebraError) {
          try body(i)
          failed[i] = false
        } catch { failed[i] = true }
      }
      if lengths.decompositionsAtOnce > 1 {
        ThreadPool.shared.run(lengths.count, decompose)
      } else {
        for i in lengths.indices { decompose(i) }
      }
      return lengths.indices.count { failed[$0] }
    }
  }

  /// The lengths before, along and after an axis.
  static func split(_ shape: [Int], _ axis: Int) -> (before: Int, along: Int, after: Int) {
    guard !shape.isEmpty else { return (1, 1, 1) }
    return (shape[..<axis].reduce(1, *), shape[axis], shape[(axis + 1)...].reduce(1, *))
  }

  /// ‖x‖, summed in double.
  static func norm<S: Scalar>(_ x: MutableView<S>, _ count: Int) -> Double {
    sumOfSquares(x[0..<count].reading).squareRoot()
  }
}

extension TensorAlgebra {
  /// Calls `body` with a copy in double precision.
  static func withDoubles<S: Scalar>(
    of matrix: MutableView<S>, _ body: (MutableView<Double>) throws(LinearAlgebraError) -> Void
  ) throws(LinearAlgebraError) {
    try withScratch(of: Double.self, matrix.count) { copy throws(LinearAlgebraError) in
      for i in copy.indices { copy[i] = Double(matrix[i]) }
      try body(copy)
    }
  }

  /// M ← value·I, d × d
  static func setDiagonal<S: Scalar>(_ d: Int, to value: S, _ matrix: MutableView<S>) {
    for i in 0..<d { for j in 0..<d { matrix[i * d + j] = i == j ? value : 0 } }
  }

  /// Rounds elements to the element type of the weights.
  static func store<S: Scalar>(_ elements: MutableView<Double>, in view: MutableView<S>) {
    for i in elements.indices { view[i] = S(elements[i]) }
  }
}

/// Calls `body` with `count` zeros, which are its to use during the call.
func withScratch<S: Scalar>(_: S.Type, _ count: Int, _ body: (MutableView<S>) -> Void) {
  withScratch(of: S.self, count) {
    $0.fill(0)
    body($0)
  }
}
