import DescentCompute

/// Products of contiguous row-major matrices, and of matrices with an axis of a tensor, in the
/// element type of the weights; and the way to and from the double precision of decompositions.
enum TensorAlgebra {
  /// C ← α·op(A)·op(B) + β·C with op(A) m × k and op(B) k × n. C is not read when β = 0.
  static func multiply<S: Scalar>(
    transA: Bool = false, transB: Bool = false, m: Int, n: Int, k: Int,
    alpha: S = 1, _ a: Lane<S>, _ b: Lane<S>, beta: S = 0, into c: Lane<S>
  ) {
    let (a, b) = unsafe (View(a.base, count: m * k), View(b.base, count: k * n))
    let c = unsafe MutableView(c.base, count: m * n)
    if S.self == Float.self {
      MatrixProduct.multiply(
        a.cast(to: Float.self).matrix(transA ? k : m, transA ? m : k).transposed(if: transA),
        b.cast(to: Float.self).matrix(transB ? n : k, transB ? k : n).transposed(if: transB),
        alpha: Float(alpha), beta: Float(beta), into: c.cast(to: Float.self).matrix(m, n))
    } else {
      MatrixProduct.multiplySerial(
        a.cast(to: Double.self).matrix(transA ? k : m, transA ? m : k).transposed(if: transA),
        b.cast(to: Double.self).matrix(transB ? n : k, transB ? k : n).transposed(if: transB),
        alpha: Double(alpha), beta: Double(beta), into: c.cast(to: Double.self).matrix(m, n))
    }
  }

  /// Y = M ×ᵢ X: the d × d matrix M (or Mᵀ) acts on axis i of a tensor, which is d long.
  static func multiply<S: Scalar>(
    axis: Int, of x: Lane<S>, _ shape: [Int], by matrix: Lane<S>, transposed: Bool = false,
    into y: Lane<S>
  ) {
    let (before, d, after) = split(shape, axis)
    if after == 1 {
      multiply(transB: !transposed, m: before, n: d, k: d, x, matrix, into: y)
    } else {
      for i in 0..<before {
        let start = i * d * after
        multiply(transA: transposed, m: d, n: after, k: d, matrix, x + start, into: y + start)
      }
    }
  }

  /// H ← α·X₍ᵢ₎X₍ᵢ₎ᵀ + β·H, with the tensor unfolded along axis i.
  static func addGram<S: Scalar>(
    axis: Int, of x: Lane<S>, _ shape: [Int], alpha: S, beta: S, to h: Lane<S>
  ) {
    let (before, d, after) = split(shape, axis)
    if after == 1 {
      multiply(transA: true, m: d, n: d, k: before, alpha: alpha, x, x, beta: beta, into: h)
    } else {
      for i in 0..<before {
        let part = x + i * d * after
        multiply(
          transB: true, m: d, n: d, k: after, alpha: alpha, part, part, beta: i == 0 ? beta : 1,
          into: h)
      }
    }
  }

  /// The lengths before, along and after an axis.
  static func split(_ shape: [Int], _ axis: Int) -> (before: Int, along: Int, after: Int) {
    guard !shape.isEmpty else { return (1, 1, 1) }
    return (shape[..<axis].reduce(1, *), shape[axis], shape[(axis + 1)...].reduce(1, *))
  }

  /// ‖x‖, summed in double.
  static func norm<S: Scalar>(_ x: Lane<S>, _ count: Int) -> Double {
    unsafe sumOfSquares(x.base, count).squareRoot()
  }
}

extension Matrix {
  /// A copy in double precision.
  init<S: Scalar>(_ rows: Int, _ columns: Int, from lane: Lane<S>) {
    self.init(rows, columns, (0..<rows * columns).map { Double(lane[$0]) })
  }

  /// Rounds the elements to the element type of the weights.
  func store<S: Scalar>(in lane: Lane<S>) {
    for i in elements.indices { lane[i] = S(elements[i]) }
  }

  /// Whether the elements stay finite when they are rounded to the element type of the weights.
  func fits<S: Scalar>(_: S.Type) -> Bool { elements.allSatisfy { S($0).isFinite } }
}

extension Lane {
  /// The elements from position `n` on.
  static func + (lane: Lane, n: Int) -> Lane { unsafe Lane(lane.base + n) }
}

/// Calls `body` with `count` zeros, which are its to use during the call.
func withScratch<S: Scalar>(_: S.Type, _ count: Int, _ body: (Lane<S>) -> Void) {
  unsafe withUnsafeTemporaryAllocation(of: S.self, capacity: max(count, 1)) { buffer in
    unsafe buffer.initialize(repeating: 0)
    unsafe body(Lane(buffer.baseAddress!))
  }
}
