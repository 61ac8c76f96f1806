/// Σ term(i) over 0..<count, in double.
@inline(__always)
func sum<S: Scalar>(over count: Int, _ term: (Int) -> S) -> Double {
  accumulate(over: count, term) { sum($0) }
}

/// Σ x(i)² over 0..<count, in double.
@inline(__always)
func sumOfSquares<S: Scalar>(over count: Int, _ x: (Int) -> S) -> Double {
  accumulate(over: count, x) { sumOfSquares($0) }
}

/// Σ x² of numbers that lie in memory, with the bits of ``sumOfSquares(over:_:)``.
func sumOfSquares<S: Scalar>(of x: View<S>) -> Double {
  var result = 0.0
  for start in stride(from: 0, to: x.count, by: runSize) {
    result += sumOfSquares(x[start..<min(x.count, start + runSize)])
  }
  return result
}

private let runSize = 512

/// The sum of `total` over runs of x(i), in an order that `count` fixes. The terms are made in one
/// loop and added in another: a sum within the loop that makes them would keep it from vectorizing.
@inline(__always)
private func accumulate<S: Scalar>(
  over count: Int, _ x: (Int) -> S, _ total: (View<S>) -> Double
) -> Double {
  var result = 0.0
  withScratch(of: S.self, runSize) { terms in
    for start in stride(from: 0, to: count, by: runSize) {
      let n = min(runSize, count - start)
      for j in 0..<n { terms[j] = x(start &+ j) }
      result += total(terms.reading[0..<n])
    }
  }
  return result
}

/// −1, 0 or 1: the sign of `x`.
@inline(__always)
func sign<S: Scalar>(_ x: S) -> S { (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0) }
