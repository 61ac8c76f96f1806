/// Loops over vectors of doubles.
enum Vectors {
  /// y ← y + α·x
  @inline(__always)
  static func axpy(_ alpha: Double, _ x: View<Double>, _ y: MutableView<Double>) {
    precondition(x.count == y.count)
    for i in y.indices { y[i] += alpha * x[i] }
  }

  /// y ← y + α₀·x₀ + α₁·x₁ + α₂·x₂ + α₃·x₃ for four rows x, one after the other in memory.
  @inline(__always)
  static func axpy4(_ alpha: SIMD4<Double>, _ x: View<Double>, _ y: MutableView<Double>) {
    let n = y.count
    let (x0, x1, x2, x3) = (x.row(0, n), x.row(1, n), x.row(2, n), x.row(3, n))
    for i in 0..<n {
      y[i] += alpha[0] * x0[i] + alpha[1] * x1[i] + (alpha[2] * x2[i] + alpha[3] * x3[i])
    }
  }

  /// Σ x·y, in eight lanes.
  @inline(__always)
  static func dot(_ x: View<Double>, _ y: View<Double>) -> Double {
    precondition(x.count == y.count)
    var lanes = SIMD8<Double>.zero
    var i = 0
    while i + 8 <= x.count {
      lanes += x.lanes(i, as: SIMD8.self) * y.lanes(i, as: SIMD8.self)
      i += 8
    }
    var sum = lanes.sum()
    while i < x.count {
      sum += x[i] * y[i]
      i += 1
    }
    return sum
  }

  /// (x, y) ← (c·x − s·y, s·x + c·y)
  @inline(__always)
  static func rotate(_ c: Double, _ s: Double, _ x: MutableView<Double>, _ y: MutableView<Double>) {
    precondition(x.count == y.count)
    for i in x.indices { (x[i], y[i]) = (c * x[i] - s * y[i], s * x[i] + c * y[i]) }
  }

  /// Turns x into v with (I − β·v·vᵀ)·x = (α, 0, …): returns β and α.
  static func reflect(_ x: MutableView<Double>) -> (β: Double, α: Double) {
    let tail = dot(x.from(1).reading, x.from(1).reading)
    let head = x[0]
    guard tail > 0 else { return (0, head) }
    let norm = (head * head + tail).squareRoot()
    // The sign that avoids cancellation.
    let α = head > 0 ? -norm : norm
    x[0] = head - α
    return (2 / ((head - α) * (head - α) + tail), α)
  }
}
