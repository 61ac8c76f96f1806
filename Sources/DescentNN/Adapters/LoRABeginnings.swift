internal import DescentCompute

// Initializations that take linear algebra.

extension LoRA.Configuration {
  /// A and B of spaces that are orthogonal in the middle: with an orthogonal matrix Q of size r, A is a
  /// random map behind the odd rows of Q, B one behind the even rows, each divided by 10, as in PEFT.
  func orthogonal(_ inputs: Int, _ outputs: Int, _ random: inout RandomStream) -> LoRA.Beginning {
    func normal(_ shape: [Int]) -> Tensor { .random(shape, normal: 1, &random) }
    let q = normal([rank, rank]).orthonormalColumns
    func rows(_ first: Int) -> Tensor {
      Tensor(
        shape: [rank / 2, rank],
        scalars: stride(from: first, to: rank, by: 2).flatMap {
          q.scalars[$0 * rank..<($0 + 1) * rank]
        })
    }
    let a = normal([inputs, rank / 2]).product(rows(0)).transposed()
    let b = normal([rank / 2, outputs]).product(rows(1), transposed: true)
    return LoRA.Beginning(a: a.detached / 10, b: b.detached / 10)
  }

  /// A and B of the r largest singular values of W = U·S·Vᵀ, and the rest of the weight:
  /// B = U·√(S/s), A = √(S/s)·Vᵀ, W − s·B·A.
  func principal(_ weight: Tensor, _ random: inout RandomStream) -> LoRA.Beginning {
    let (u, s, v) = weight.largestSingularParts(rank, &random)
    let roots = s.map { ($0 / Float(scale)).root }
    let (outputs, inputs) = (weight.shape[0], weight.shape[1])
    let us = u.scalars
    let b = Tensor(
      shape: [outputs, rank],
      scalars: us.enumerated().map { $1 * roots[$0 % rank] })
    let a = Tensor(
      shape: [rank, inputs],
      scalars: v.scalars.enumerated().map { $1 * roots[$0 / inputs] })
    return LoRA.Beginning(a: a, b: b, rest: weight - b.product(a) * Float(scale))
  }
}

extension Tensor {
  /// Orthonormal columns that span those of this matrix.
  fileprivate var orthonormalColumns: Tensor {
    let matrix = Matrix(shape[0], shape[1], scalars.map(Double.init))
    // Numbers drawn at random, and their images under finite weights.
    guard let q = try? QRDecomposition(matrix).q else { return self }
    return Tensor(shape: shape, scalars: q.elements.map { Float($0) })
  }

  /// The largest singular values of this matrix with their vectors, U of shape [rows, count] and Vᵀ of
  /// shape [count, columns].
  ///
  /// By subspace iteration on a few more vectors than asked for. Halko, Martinsson, Tropp, 2009,
  /// arXiv:0909.4061.
  fileprivate func largestSingularParts(
    _ count: Int, _ random: inout RandomStream
  ) -> (u: Tensor, s: [Float], v: Tensor) {
    let width = Swift.min(count + 10, Swift.min(shape[0], shape[1]))
    var q = product(.random([shape[1], width], normal: 1, &random)).orthonormalColumns
    for _ in 0..<12 {
      let p = product(q, transposed: true).orthonormalColumns
      q = product(p).orthonormalColumns
    }
    // The small matrix has the same singular values: with its eigenvectors Z, U = Q·Z.
    let small = q.product(self, transposed: true)
    let square = small.product(small, otherTransposed: true)
    let matrix = Matrix(width, width, square.scalars.map(Double.init))
    guard let eigen = try? SymmetricEigen(matrix) else {
      return (q.narrowed(1, 0..<count), [Float](repeating: 0, count: count), small)
    }
    let order = eigen.values.indices.sorted { eigen.values[$0] > eigen.values[$1] }.prefix(count)
    let s = order.map { Float(Swift.max(eigen.values[$0], 0).squareRoot()) }
    let z = Tensor(
      shape: [count, width],
      scalars: order.flatMap { row in (0..<width).map { Float(eigen.rows[row, $0]) } })
    let v = z.product(small).scalars.enumerated().map { place, x in
      let s = s[place / shape[1]]
      return s > 0 ? x / s : 0
    }
    return (
      q.product(z, otherTransposed: true), s, Tensor(shape: [count, shape[1]], scalars: v)
    )
  }
}
