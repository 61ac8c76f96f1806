import DescentCompute

/// Σ term(i) over 0..<count, in double.
@inline(__always)
func sum<S: Scalar>(over count: Int, _ term: (Int) -> S) -> Double {
  accumulate(over: count, term) { $0 }
}

/// Σ x(i)² over 0..<count, in double.
@inline(__always)
func sumOfSquares<S: Scalar>(over count: Int, _ x: (Int) -> S) -> Double {
  accumulate(over: count, x) { $0 * $0 }
}

/// Σ f(x(i)) in an order that `count` fixes. The terms are made in one loop and added in another,
/// in eight sums side by side: a sum within the loop that makes them would keep it from
/// vectorizing.
@inline(__always)
private func accumulate<S: Scalar>(
  over count: Int, _ x: (Int) -> S, _ f: (Double) -> Double
) -> Double {
  let size = 256
  var total = 0.0
  unsafe withUnsafeTemporaryAllocation(of: S.self, capacity: size) { buffer in
    let terms = unsafe Lane(buffer.baseAddress!)
    for start in stride(from: 0, to: count, by: size) {
      let n = min(size, count - start)
      for j in 0..<n { terms[j] = x(start &+ j) }
      var lanes = SIMD8<Double>.zero
      let whole = n & ~7
      for j in stride(from: 0, to: whole, by: 8) {
        lanes += SIMD8(
          f(Double(terms[j])), f(Double(terms[j &+ 1])), f(Double(terms[j &+ 2])),
          f(Double(terms[j &+ 3])), f(Double(terms[j &+ 4])), f(Double(terms[j &+ 5])),
          f(Double(terms[j &+ 6])), f(Double(terms[j &+ 7])))
      }
      if whole > 0 { total += lanes.sum() }
      for j in whole..<n { total += f(Double(terms[j])) }
    }
  }
  return total
}

/// −1, 0 or 1: the sign of `x`.
@inline(__always)
func sign<S: Scalar>(_ x: S) -> S { (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0) }

/// Memory for `count` numbers, zero at first, for the time that `body` runs.
func withScratch<Result>(_ count: Int, _ body: (Lane<Double>) -> Result) -> Result {
  unsafe withUnsafeTemporaryAllocation(of: Double.self, capacity: max(count, 1)) { buffer in
    unsafe buffer.initialize(repeating: 0)
    return unsafe body(Lane(buffer.baseAddress!))
  }
}
