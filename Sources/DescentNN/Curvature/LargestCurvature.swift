internal import DescentCompute

extension Module {
  /// A direction for ``largestCurvature(from:iterations:difference:gradients:)`` to start from: a
  /// tensor of normal numbers for every parameter.
  package func randomDirection(seed: UInt64) -> [Tensor] {
    var random = RandomStream(seed: seed, stream: CurvatureStream.direction)
    return parameters.map { .random($0.value.shape, normal: 1, &random) }
  }

  /// The eigenvalue of the loss's Hessian that has the largest magnitude, by power iteration.
  ///
  /// ```
  /// v ← √P·v/‖v‖
  /// p = H·v;   λ = ⟨v, p⟩/⟨v, v⟩;   v ← p
  /// ```
  /// P is the number of trainable weights; H·v is a ``hessianProduct(_:difference:gradients:)``, two
  /// computations of gradients. λ comes nearer to the eigenvalue by the square of its ratio to the next
  /// one with each iteration.
  ///
  /// - Parameters:
  ///   - v: a tensor for every parameter, to start from; becomes the direction that was found, from
  ///     which the next estimate may start.
  ///   - iterations: at least 1.
  ///   - gradients: leaves the gradients of the loss in the parameters.
  /// - Returns: λ of the last iteration; 0 where H·v is.
  public func largestCurvature(
    from v: inout [Tensor], iterations: Int, difference: Float = 0x1p-13,
    gradients: () throws -> Void
  ) rethrows -> Double {
    let trainable = parameters.map(\.isTrainable)
    let count = zip(v, trainable).reduce(0) { $0 + ($1.1 ? $1.0.count : 0) }
    func product(_ x: [Tensor?], _ y: [Tensor?]) -> Double {
      var sum = 0.0
      for i in x.indices where trainable[i] {
        guard let xs = x[i]?.elements, let ys = y[i]?.elements else { continue }
        for j in 0..<xs.count { sum += Double(xs[j]) * Double(ys[j]) }
      }
      return sum
    }
    var eigenvalue = 0.0
    for _ in 0..<max(1, iterations) {
      let length = product(v, v).squareRoot()
      guard length > 0 else { return 0 }
      let factor = Float(Double(count).squareRoot() / length)
      v = v.map { $0 * factor }
      let p = try hessianProduct(v, difference: difference, gradients: gradients)
      eigenvalue = product(v, p) / Double(count)
      let size = product(p, p)
      // A direction that is lost would be lost for all estimates to come.
      guard size > 0, size.isFinite else { return eigenvalue }
      v = zip(v, p).map { $1 ?? Tensor.zeros($0.shape) }
    }
    return eigenvalue
  }
}
