/// Loops over vectors of doubles.
enum Vectors {
  /// y ← y + α·x
  @inline(__always)
  static func axpy(_ alpha: Double, _ x: View<Double>, _ y: MutableView<Double>) {
    precondition(x.count == y.count)
    for i in y.indices { y[i] += alpha * x[i] }
  }

  /// Σ x·y, in eight lanes.
  @inline(__always)
  static func dot(_ x: View<Double>, _ y: View<Double>) -> Double {
    precondition(x.count == y.count)
    var lanes = SIMD8<Double>.zero
    var i = 0
    while i + 8 <= x.count {
      let a = unsafe UnsafeRawPointer(x.base + i).loadUnaligned(as: SIMD8<Double>.self)
      let b = unsafe UnsafeRawPointer(y.base + i).loadUnaligned(as: SIMD8<Double>.self)
      lanes += a * b
      i += 8
    }
    var sum = lanes.sum()
    while i < x.count {
      sum += x[i] * y[i]
      i += 1
    }
    return sum
  }
}
