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

  /// A random matrix whose rows, or whose columns where there are fewer of them, are at right angles
  /// and have the length `gain`: each such matrix is equally likely. Saxe, McClelland, Ganguli, 2013,
  /// arXiv:1312.6120.
  public static func random(
    _ shape: [Int], orthogonal gain: Float, _ random: inout RandomStream
  ) -> Tensor {
    check(shape.count == 2, "a tensor of shape \(shape) is no matrix, so it cannot be orthogonal")
    let (rows, columns) = (shape[0], shape[1])
    let (long, short) = (Swift.max(rows, columns), Swift.min(rows, columns))
    let normal = Tensor.random([long, short], normal: 1, &random)
    var matrix = Matrix(long, short)
    normal.withSpan { x in
      for i in x.indices { matrix.elements[i] = Double(x[i]) }
    }
    guard let found = try? QRDecomposition(matrix) else {
      preconditionFailure("random numbers are finite")
    }
    return Tensor(shape: shape) { y in
      for i in 0..<long {
        for j in 0..<short {
          // The signs of R make the decomposition unique, and its distribution even.
          let value = gain * Float(found.r[j, j] < 0 ? -found.q[i, j] : found.q[i, j])
          y[rows >= columns ? i * short + j : j * long + i] = value
        }
      }
    }
  }
}
