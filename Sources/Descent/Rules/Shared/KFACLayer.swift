/// K-FAC's curvature of one layer: the Kronecker factors of its Fisher matrix, and the gradient
/// multiplied by the inverse of their product.
///
/// ``KFAC`` has the formulas. a are the layer's inputs [N, in], with a column of ones if it has a
/// bias; g is the loss's gradient for its outputs [N, out], which holds 1/N already where the loss
/// is a mean; ∇W is the layer's gradient [out, in], the bias's as its last column. Memory:
/// 16·(a² + g²) bytes for the factors and their decompositions.
package struct KFACLayer: Sendable {
  /// ρ: the decay of the factors.
  package var decay = 0.95
  /// The damping γ.
  package var damping = 0.001
  /// How the damped inverse is taken.
  package var inversion: KFAC.Inversion
  /// A.
  package private(set) var inputs: Matrix
  /// G.
  package private(set) var outputs: Matrix
  /// How many statistics were not finite and how many decompositions failed; the last good ones
  /// stay in use.
  package private(set) var failures = 0

  private enum Preconditioner: Sendable {
    case eigen(inputs: SymmetricEigen, outputs: SymmetricEigen)
    case inverse(inputs: Matrix, outputs: Matrix)
  }
  private var preconditioner: Preconditioner?

  /// Whether there is a decomposition.
  package var isDecomposed: Bool { preconditioner != nil }

  /// A layer with `inputs` inputs, the bias's 1 counted, and `outputs` outputs.
  package init(inputs: Int, outputs: Int, inversion: KFAC.Inversion = .eigen) {
    (self.inputs, self.outputs) = (.identity(inputs), .identity(outputs))
    self.inversion = inversion
  }

  /// Takes a batch of a fully connected layer into the averages.
  ///
  /// - Parameters:
  ///   - activations: the inputs [N, in], the column of ones included.
  ///   - gradients: ∂loss/∂output [N, out].
  package mutating func accumulate(activations: Matrix, gradients: Matrix) {
    accumulate(patches: activations, gradients: gradients, positions: 1)
  }

  /// Takes a batch of a convolution into the averages.
  ///
  /// - Parameters:
  ///   - patches: the inputs of each of S positions [N·S, in·kh·kw], the column of ones included.
  ///   - gradients: ∂loss/∂output [N·S, out].
  package mutating func accumulate(patches: Matrix, gradients: Matrix, positions: Int) {
    (patches.transposed * patches).elements.withView { inputs in
      (gradients.transposed * gradients).elements.withView { outputs in
        accumulate(inputs: inputs, outputs: outputs, rows: patches.rows, positions: positions)
      }
    }
  }

  /// Takes products of a batch with itself into the averages.
  ///
  /// ```
  /// F ← ρ·F + (1−ρ)·xᵀx/(N·S²)
  /// ```
  ///
  /// - Parameters:
  ///   - inputs: xᵀx of the layer's inputs or patches, the column of ones included.
  ///   - outputs: xᵀx of ∂loss/∂output.
  ///   - rows: N, or N·S for a convolution.
  ///   - positions: S, the output positions of a convolution; 1 for a fully connected layer.
  package mutating func accumulate(
    inputs a: View<Double>, outputs g: View<Double>, rows: Int, positions: Int
  ) {
    precondition(a.count == inputs.elements.count && g.count == outputs.elements.count)
    guard a.indices.allSatisfy({ a[$0].isFinite }), g.indices.allSatisfy({ g[$0].isFinite }) else {
      failures += 1
      return
    }
    let share = (1 - decay) / (Double(rows) * Double(positions) * Double(positions))
    Self.average(&inputs, a, share, decay)
    Self.average(&outputs, g, share, decay)
  }

  private static func average(
    _ factor: inout Matrix, _ products: View<Double>, _ share: Double, _ decay: Double
  ) {
    factor.elements.withMutableView { factor in
      for i in factor.indices { factor[i] = decay * factor[i] + share * products[i] }
    }
  }

  /// Decomposes the factors, for the gradients from now on. A failure keeps the last decomposition
  /// and is counted.
  package mutating func decompose() {
    do throws(LinearAlgebraError) {
      switch inversion {
      case .eigen:
        preconditioner = .eigen(
          inputs: try SymmetricEigen(inputs), outputs: try SymmetricEigen(outputs))
      case .inverse:
        preconditioner = .inverse(
          inputs: try Self.dampedInverse(inputs, damping),
          outputs: try Self.dampedInverse(outputs, damping))
      }
    } catch { failures += 1 }
  }

  private static func dampedInverse(
    _ factor: Matrix, _ damping: Double
  ) throws(LinearAlgebraError) -> Matrix {
    var damped = factor
    damped.addToDiagonal(damping)
    return try Cholesky(damped).inverse
  }

  /// V, the preconditioned gradient; the gradient itself before the first decomposition.
  package func preconditioned(_ gradient: Matrix) -> Matrix {
    guard let preconditioner else { return gradient }
    var result = gradient
    let (m, n) = (gradient.rows, gradient.columns)
    result.elements.withMutableView { elements in
      withScratch(of: Double.self, m * n) { room in
        let (x, y) = (elements.matrix(m, n), room.matrix(m, n))
        /// x ← L·x·R
        func multiply(_ left: MatrixView<Double>, _ right: MatrixView<Double>) {
          MatrixProduct.multiply(left, elements.reading.matrix(m, n), into: y)
          MatrixProduct.multiply(room.reading.matrix(m, n), right, into: x)
        }
        switch preconditioner {
        case .inverse(let inputs, let outputs):
          inputs.elements.withView { inputs in
            outputs.elements.withView { multiply($0.matrix(m, m), inputs.matrix(n, n)) }
          }
        case .eigen(let inputs, let outputs):
          inputs.rows.elements.withView { rowsA in
            outputs.rows.elements.withView { rowsG in
              multiply(rowsG.matrix(m, m), rowsA.matrix(n, n).transposed)
              for i in 0..<m {
                for j in 0..<n {
                  // Below zero lies only rounding.
                  let product = max(outputs.values[i], 0) * max(inputs.values[j], 0)
                  elements[i * n + j] /= product + damping
                }
              }
              multiply(rowsG.matrix(m, m).transposed, rowsA.matrix(n, n))
            }
          }
        }
      }
    }
    return result
  }

  /// ν, what all layers' preconditioned gradients are multiplied by, so that the change of the
  /// model's predictions stays bounded.
  ///
  /// ```
  /// ν = min(1, √(κ / |Σ η²·V⊙∇W|)),  1 when the sum is 0
  /// ```
  ///
  /// - Parameters:
  ///   - layers: each layer's V and ∇W.
  ///   - learningRate: η of the optimizer that takes the step.
  ///   - clip: κ; nil never clips.
  package static func clipCoefficient(
    _ layers: [(preconditioned: Matrix, gradient: Matrix)], learningRate: Double,
    clip: Double? = 0.001
  ) -> Double {
    clipCoefficient(
      sum: layers.reduce(0) {
        $0 + change(of: $1.preconditioned, along: $1.gradient, learningRate: learningRate)
      }, clip: clip)
  }

  /// Σ η²·V⊙∇W of a layer.
  package static func change(
    of preconditioned: Matrix, along gradient: Matrix, learningRate: Double
  ) -> Double {
    var sum = 0.0
    for (v, g) in zip(preconditioned.elements, gradient.elements) {
      sum += v * g * learningRate * learningRate
    }
    return sum
  }

  /// ν from the sum over all layers.
  package static func clipCoefficient(sum: Double, clip: Double?) -> Double {
    guard let clip, sum != 0 else { return 1 }
    return min(1, (clip / abs(sum)).squareRoot())
  }
}

// MARK: Saving

extension KFACLayer {
  /// All that is remembered; the decomposition as its factors' eigenvalues and eigenvectors, or as
  /// their inverses.
  package mutating func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.matrix("A", &inputs)
    try archive.matrix("G", &outputs)
    try archive.value("failures", &failures)
    if archive.isReading {
      // What was saved says which decomposition there is.
      preconditioner =
        if archive.savedShape(of: "A_inv") != nil {
          .inverse(inputs: inputs, outputs: outputs)
        } else if archive.savedShape(of: "QA") != nil {
          .eigen(inputs: .init(values: [], rows: inputs), outputs: .init(values: [], rows: outputs))
        } else { nil }
    }
    switch preconditioner {
    case nil: break
    case .inverse(var a, var g):
      try archive.matrix("A_inv", &a)
      try archive.matrix("G_inv", &g)
      preconditioner = .inverse(inputs: a, outputs: g)
    case .eigen(let a, let g):
      preconditioner = .eigen(
        inputs: try Self.archive(a, "A", archive), outputs: try Self.archive(g, "G", archive))
    }
  }

  private static func archive(
    _ eigen: SymmetricEigen, _ name: String, _ archive: StateArchive
  ) throws(StateMismatch) -> SymmetricEigen {
    var (values, rows) = (eigen.values, eigen.rows)
    try archive.matrix("Q" + name, &rows)
    try archive.array("d" + name, shape: [rows.rows], &values)
    return SymmetricEigen(values: values, rows: rows)
  }
}

extension StateArchive {
  fileprivate func matrix(_ name: String, _ matrix: inout Matrix) throws(StateMismatch) {
    var elements = matrix.elements
    try array(name, shape: [matrix.rows, matrix.columns], &elements)
    matrix = Matrix(matrix.rows, matrix.columns, elements)
  }
}
