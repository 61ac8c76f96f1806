import DescentCompute

/// Σ term(i) over 0..<count, in double: eight running sums, added at the end. The order is fixed,
/// and no addition waits for the one before it.
@inline(__always)
func sum(over count: Int, _ term: (Int) -> Double) -> Double {
  var lanes = SIMD8<Double>.zero
  let whole = count & ~7
  for i in stride(from: 0, to: whole, by: 8) {
    lanes += SIMD8(
      term(i), term(i + 1), term(i + 2), term(i + 3),
      term(i + 4), term(i + 5), term(i + 6), term(i + 7))
  }
  var rest = 0.0
  for i in whole..<count { rest += term(i) }
  return lanes.sum() + rest
}

/// Σ x², in double.
@inline(__always)
func sumOfSquares<S: Scalar>(over count: Int, _ x: (Int) -> S) -> Double {
  sum(over: count) { i in
    let xi = Double(x(i))
    return xi * xi
  }
}

/// −1, 0 or 1: the sign of `x`, in a form that vectorizes.
@inline(__always)
func sign<S: Scalar>(_ x: S) -> S { (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0) }

/// Memory for `count` numbers, zero at first, for the time that `body` runs.
func withScratch<Result>(_ count: Int, _ body: (Lane<Double>) -> Result) -> Result {
  unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: max(count, 1)) { buffer in
    unsafe buffer.initialize(repeating: 0)
    return unsafe body(Lane(buffer.baseAddress!))
  }
}
