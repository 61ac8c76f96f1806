public import DescentCompute

extension Tensor {
  /// Independent numbers from the normal distribution N(0, deviation²).
  public static func random(
    _ shape: [Int], normal deviation: Float, _ random: inout RandomStream
  ) -> Tensor {
    var y = Tensor(uninitialized: shape)
    y.withMutableSpan { random.fillNormal(&$0, deviation: deviation) }
    return y
  }

  /// Independent numbers, uniform in a range.
  public static func random(
    _ shape: [Int], uniform range: Range<Float>, _ random: inout RandomStream
  ) -> Tensor {
    var y = Tensor(uninitialized: shape)
    y.withMutableSpan { x in
      random.fillUniform(&x)
      let width = range.upperBound - range.lowerBound
      for i in x.indices { x[i] = range.lowerBound + width * x[i] }
    }
    return y
  }
}
