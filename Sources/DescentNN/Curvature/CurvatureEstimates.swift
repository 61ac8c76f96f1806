public import Descent

// Estimates of the Hessian's diagonal for Sophia. Each leaves its result in the place of gradients,
// `Parameter.gradient`; the model's buffers, such as running statistics, stay as they were.

extension Tensor {
  /// One class for every row of logits, drawn from softmax(row): row i takes word i of `random`.
  public func sampledClasses(_ random: RandomStream) -> IndexTensor {
    let (rows, n) = matrixShape
    let probabilities = detached.softmax()
    let ps = probabilities.elements
    var random = random
    let classes = (0..<rows).map { r in
      let p = ps.row(r, n)
      var rest = Double(random.uniform())
      for i in 0..<n - 1 {
        rest -= Double(p[i])
        if rest < 0 { return Int32(i) }
      }
      return Int32(n - 1)
    }
    return IndexTensor(shape: Array(shape.dropLast()), scalars: classes)
  }
}

extension Module {
  /// ĝ, from which the Gauss-Newton-Bartlett estimator takes B·ĝ² for the diagonal of the
  /// Gauss-Newton matrix: the gradient of the mean cross-entropy of logits against labels sampled
  /// from them.
  ///
  /// - Parameters:
  ///   - seed: with `step`, decides the labels and what dropout drops.
  ///   - step: the number of the step.
  ///   - logits: the model's logits for a batch, of shape [..., classes].
  public func sampledGradients(seed: UInt64, step: Int, logits: (Context) -> Tensor) {
    keepingBuffers {
      let tape = Tape()
      let y = logits(tape.context(training: true, seed: seed ^ UInt64(step) << 20))
      let labels = y.sampledClasses(
        RandomStream(seed: seed ^ UInt64(step) << 20, stream: CurvatureStream.labels))
      tape.gradients(of: y.crossEntropy(labels))
    }
  }

  /// H·v: the product of the loss's Hessian and a vector, by a central difference of gradients.
  ///
  /// ```
  /// H·v ≈ (∇f(w + ε·v) − ∇f(w − ε·v)) / 2ε
  /// ```
  /// The tape has first derivatives only. The error has two parts: the rounding of the gradients,
  /// divided by ε, and ε²/6 times the third derivative along v. The default ε is where they balance
  /// for elements of v of ±1, and a power of two, so that w ± ε·v is exact for most weights: the
  /// length of the error is then below 0.002 of that of H·v for GPTs of 2 and 4 layers and for
  /// perceptrons with tanh, untrained and trained. Where a piecewise linear function such as
  /// ReLU bends between the two points, the difference counts the bend, divided by ε: there products
  /// are noisy.
  ///
  /// - Parameters:
  ///   - v: a tensor for every parameter, in the order of ``parameters``; those of frozen parameters
  ///     count as zeros.
  ///   - difference: ε.
  ///   - gradients: leaves the gradients of the loss in the parameters, at their current values; must
  ///     give the same for the same values, dropout included.
  /// - Returns: H·v; nil for parameters without a gradient.
  public func hessianProduct(
    _ v: [Tensor], difference: Float = 0x1p-13, gradients: () throws -> Void
  ) rethrows -> [Tensor?] {
    let parameters = parameters
    check(
      v.count == parameters.count && zip(v, parameters).allSatisfy { $0.shape == $1.value.shape },
      "a Hessian is multiplied by a tensor for every parameter, of its shape")
    return try parameters.widened { try differences(v, difference, gradients) }
  }

  private func differences(
    _ v: [Tensor], _ difference: Float, _ gradients: () throws -> Void
  ) rethrows -> [Tensor?] {
    let parameters = parameters
    let moving = zip(parameters, v).filter { $0.0.isTrainable }
      .map { (parameter: $0, start: $0.value.copied(), v: $1) }
    defer { for (parameter, start, _) in moving { parameter.value = start } }
    func slopes(at offset: Float) throws -> [Tensor?] {
      for (parameter, start, v) in moving { parameter.value = start + v * offset }
      try keepingBuffers(gradients)
      return parameters.map(\.gradient)
    }
    let above = try slopes(at: difference)
    let below = try slopes(at: -difference)
    return zip(above, below).map { above, below in
      guard let above, let below else { return nil }
      return (above - below) * (1 / (2 * difference))
    }
  }

  /// ĥ = z ⊙ (H·z), Hutchinson's estimate of the Hessian's diagonal, with elements of z of ±1: leaves
  /// it in the parameters' gradients. H·z is a ``hessianProduct(_:difference:gradients:)``.
  ///
  /// - Parameters:
  ///   - seed: with `step`, decides z.
  ///   - step: the number of the step.
  ///   - difference: ε of the product.
  ///   - gradients: as for ``hessianProduct(_:difference:gradients:)``.
  public func hutchinsonDiagonal(
    seed: UInt64, step: Int, difference: Float = 0x1p-13,
    gradients: () throws -> Void
  ) rethrows {
    var random = RandomStream(seed: seed ^ UInt64(step) << 20, stream: CurvatureStream.signs)
    let z = parameters.map { parameter in
      var z = Tensor.random(parameter.value.shape, uniform: -1..<1, &random)
      z.withMutableSpan { z in
        for i in z.indices { z[i] = z[i] < 0 ? -1 : 1 }
      }
      return z
    }
    let products = try hessianProduct(z, difference: difference, gradients: gradients)
    for (i, parameter) in parameters.enumerated() {
      parameter.gradient = products[i].map { $0 * z[i] }
    }
  }
}

/// Streams of random numbers that no other purpose of a run uses.
package enum CurvatureStream {
  package static let labels: UInt64 = 0x5EED_0001
  package static let signs: UInt64 = 0x5EED_0002
  package static let direction: UInt64 = 0x5EED_0003
}

extension ProvidedNeeds<Float> {
  /// Gauss-Newton-Bartlett estimates for ``SophiaG``, from a model whose parameters an optimizer
  /// moves in place; see ``Module/sampledGradients(seed:step:logits:)``.
  ///
  /// - Parameter logits: the logits of a batch, preferably another one at each step.
  public static func gaussNewtonBartlett(
    of model: any Module, seed: UInt64 = 0, logits: @escaping (_ step: Int, Context) -> Tensor
  ) -> ProvidedNeeds {
    .curvature { step, _ in
      model.sampledGradients(seed: seed, step: step) { logits(step, $0) }
      return model.parameters.map { $0.gradient?.scalars }
    }
  }

  /// Hutchinson's estimates for ``SophiaH``, from a model whose parameters an optimizer moves in
  /// place; see ``Module/hutchinsonDiagonal(seed:step:difference:gradients:)``.
  ///
  /// - Parameter loss: the loss of a batch, preferably another one at each step.
  public static func hutchinson(
    of model: any Module, seed: UInt64 = 0, loss: @escaping (_ step: Int, Context) -> Tensor
  ) -> ProvidedNeeds {
    .curvature { step, _ in
      model.hutchinsonDiagonal(seed: seed, step: step) {
        let tape = Tape()
        let loss = loss(step, tape.context(training: true, seed: seed ^ UInt64(step) << 20))
        tape.gradients(of: loss)
      }
      return model.parameters.map { $0.gradient?.scalars }
    }
  }
}
