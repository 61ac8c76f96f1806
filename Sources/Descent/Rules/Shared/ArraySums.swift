/// Σ x² in double: in float32 by the kernel of the instruction set in use, in float64 by a plain
/// loop.
func sumOfSquares<S: Scalar>(_ x: View<S>) -> Double {
  if S.self == Float.self { return Kernels.sumOfSquares(x.cast(to: Float.self)) }
  var sum = 0.0
  for i in x.indices { sum += Double(x[i]) * Double(x[i]) }
  return sum
}

/// Σ x in double, likewise.
func sum<S: Scalar>(_ x: View<S>) -> Double {
  if S.self == Float.self { return Kernels.sum(x.cast(to: Float.self)) }
  var sum = 0.0
  for i in x.indices { sum += Double(x[i]) }
  return sum
}

/// max |x|; NaN where an x is.
func largestMagnitude<S: Scalar>(_ x: View<S>) -> Double {
  if S.self == Float.self { return Double(Kernels.maxMagnitude(x.cast(to: Float.self))) }
  var most = 0.0
  for i in x.indices where !(abs(Double(x[i])) <= most) { most = abs(Double(x[i])) }
  return most
}
