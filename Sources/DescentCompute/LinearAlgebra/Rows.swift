/// Loops over rows of doubles.
@unsafe
enum Rows {
  /// y ← y + α·x
  @inline(__always)
  static func axpy(
    _ count: Int, _ alpha: Double, _ x: UnsafePointer<Double>, _ y: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<count { unsafe y[i] += alpha * x[i] }
  }

  /// y ← y + α₀·x₀ + α₁·x₁ + α₂·x₂ + α₃·x₃ for four rows x, one after the other in memory.
  @inline(__always)
  static func axpy4(
    _ count: Int, _ alpha: SIMD4<Double>, _ x: UnsafePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) {
    let (x1, x2, x3) = unsafe (x + count, x + 2 * count, x + 3 * count)
    for i in 0..<count {
      unsafe y[i] += alpha[0] * x[i] + alpha[1] * x1[i] + (alpha[2] * x2[i] + alpha[3] * x3[i])
    }
  }

  /// Σ x·y, in eight lanes.
  @inline(__always)
  static func dot(
    _ count: Int, _ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>
  ) -> Double {
    var lanes = SIMD8<Double>.zero
    var i = 0
    while i + 8 <= count {
      let a = unsafe UnsafeRawPointer(x + i).loadUnaligned(as: SIMD8<Double>.self)
      let b = unsafe UnsafeRawPointer(y + i).loadUnaligned(as: SIMD8<Double>.self)
      lanes += a * b
      i += 8
    }
    var sum = lanes.sum()
    while i < count {
      unsafe sum += x[i] * y[i]
      i += 1
    }
    return sum
  }

  /// (x, y) ← (c·x − s·y, s·x + c·y)
  @inline(__always)
  static func rotate(
    _ count: Int, _ c: Double, _ s: Double, _ x: UnsafeMutablePointer<Double>,
    _ y: UnsafeMutablePointer<Double>
  ) {
    for i in 0..<count {
      unsafe (x[i], y[i]) = (c * x[i] - s * y[i], s * x[i] + c * y[i])
    }
  }

  /// Turns x into v with (I − β·v·vᵀ)·x = (α, 0, …): returns β and α.
  static func reflect(
    _ x: UnsafeMutablePointer<Double>, _ count: Int
  ) -> (β: Double, α: Double) {
    let tail = unsafe count > 1 ? dot(count - 1, x + 1, x + 1) : 0
    let head = unsafe x[0]
    guard tail > 0 else { return (0, head) }
    let norm = (head * head + tail).squareRoot()
    // The sign that avoids cancellation.
    let α = head > 0 ? -norm : norm
    unsafe x[0] = head - α
    return (2 / ((head - α) * (head - α) + tail), α)
  }
}
