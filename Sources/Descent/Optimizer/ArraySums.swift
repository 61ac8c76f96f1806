import DescentCompute

/// Σ x² in double: in float32 by the kernel of the instruction set in use, in float64 by a plain
/// loop.
func sumOfSquares<S: Scalar>(_ x: UnsafePointer<S>, _ count: Int) -> Double {
  if S.self == Float.self {
    return unsafe Kernels.sumOfSquares(View(x, count: count).cast(to: Float.self))
  }
  var sum = 0.0
  for i in 0..<count { unsafe sum += Double(x[i]) * Double(x[i]) }
  return sum
}

/// Σ x in double, likewise.
func sum<S: Scalar>(_ x: UnsafePointer<S>, _ count: Int) -> Double {
  if S.self == Float.self {
    return unsafe Kernels.sum(View(x, count: count).cast(to: Float.self))
  }
  var sum = 0.0
  for i in 0..<count { unsafe sum += Double(x[i]) }
  return sum
}

/// max |x|; NaN where an x is.
func largestMagnitude<S: Scalar>(_ x: UnsafePointer<S>, _ count: Int) -> Double {
  if S.self == Float.self {
    return unsafe Double(Kernels.maxMagnitude(View(x, count: count).cast(to: Float.self)))
  }
  var most = 0.0
  for i in 0..<count where unsafe !(abs(Double(x[i])) <= most) { unsafe most = abs(Double(x[i])) }
  return most
}
