import Foundation

/// Shampoo as first published: each axis of a tensor is preconditioned by the inverse root of the
/// sum of its gradients' second moments.
///
/// ```
/// Hᵢ ← Hᵢ + G₍ᵢ₎·G₍ᵢ₎ᵀ       for each of the k axes, from ε·I
/// w ← w − η · G ×₁ H₁^(−1/2k) … ×ₖ Hₖ^(−1/2k)
/// ```
/// G₍ᵢ₎ is the gradient unfolded along axis i; for a matrix the exponents are −1/4, for a vector
/// −1/2. The decompositions run in double precision.
///
/// State: 8·Σ dᵢ² bytes for a parameter of shape d₁ × … × dₖ in float32.
public struct Shampoo: StepCountingRule {
  /// The learning rate η.
  public var learningRate = 1e-3
  /// ε: Hᵢ starts from ε·I.
  public var epsilon = 1e-6
  /// Steps from one computation of the inverse roots to the next.
  public var rootInterval = 1

  public init() {}

  /// Shampoo with the given hyperparameters.
  public init(
    learningRate: Double, epsilon: Double = Self.defaults.epsilon,
    rootInterval: Int = Self.defaults.rootInterval
  ) {
    (self.learningRate, self.epsilon, self.rootInterval) = (learningRate, epsilon, rootInterval)
  }

  public static let name = "shampoo"

  public static let settings: [Setting<Shampoo>] = [
    .learningRate(\.learningRate, source: "pytorch_optimizer"),
    .number(
      "matrix_eps", \.epsilon, .above(0), "ε: where Hᵢ starts from", source: "pytorch_optimizer"),
    .integer(
      "preconditioning_compute_steps", \.rootInterval, .atLeast(1),
      "take the inverse roots every so many steps", source: "pytorch_optimizer"),
  ]

  public static let about = About(
    summary: "A preconditioner for each axis of a tensor, in the original form.",
    formula: """
      Hᵢ ← Hᵢ + G₍ᵢ₎·G₍ᵢ₎ᵀ       for each of the k axes, from ε·I
      w ← w − η · G ×₁ H₁^(−1/2k) … ×ₖ Hₖ^(−1/2k)
      """,
    differences: """
      The paper's, and pytorch_optimizer's with its defaults. As there, the roots start at zero: \
      with preconditioning_compute_steps=n the first n−1 updates are zero, and so are those of a \
      tensor whose gradients begin later until the next multiple of n. Roots are taken in \
      double precision. A decomposition that fails keeps the last root and is counted in the slot \
      `decomposition_failures`.
      """,
    guidance: """
      To study the method. The sums only grow, so steps shrink as AdaGrad's do; for large models \
      take shampoo-distributed or soap.
      """,
    reference: """
      Gupta, Koren, Singer: Shampoo: Preconditioned Stochastic Tensor Optimization, 2018, \
      arXiv:1802.09568
      """)

  private static let failures = Slot("decomposition_failures", shape: [])
  /// Hᵢ
  private static func h(_ axis: Int) -> Slot { Slot("pre_cond_\(axis)") }
  /// Hᵢ^(−1/2k)
  private static func root(_ axis: Int) -> Slot { Slot("inv_pre_cond_\(axis)") }

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    let shape = Self.axes(parameter.shape)
    return [Self.failures]
      + shape.indices.flatMap { axis in
        [Self.h(axis), Self.root(axis)].map { $0.with(shape: [shape[axis], shape[axis]]) }
      }
  }

  /// The shape, of a scalar that of a vector with one element.
  private static func axes(_ shape: [Int]) -> [Int] { shape.isEmpty ? one : shape }
  private static let one = [1]

  public var needs: Needs { .wholeTensors }

  /// Three copies of the largest tensor, and the decompositions of its axes.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int {
    parameters.largestUpdates { $0.shape.decomposed(besides: 12 * $0.count, isShared: $1) }
  }

  public func update<S: Scalar>(
    _ tensor: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: StepCount
  ) {
    let (w, g, failures) = (tensor.w, tensor.g, tensor[Self.failures])
    let (η, shape, count) = (S(learningRate), Self.axes(tensor.shape), tensor.count)
    let exponent = 1 / (2 * Double(shape.count))
    withScratch(S.self, 3 * count) { scratch in
      var (u, next) = (scratch.row(0, count), scratch.row(1, count))
      let gradient = scratch.row(2, count)
      for i in 0..<count {
        gradient[i] = g[i]
        u[i] = g[i]
      }
      for (axis, d) in shape.enumerated() {
        let h = tensor[Self.h(axis)]
        if step.t == 1 { TensorAlgebra.setDiagonal(d, to: S(epsilon), h) }
        TensorAlgebra.addGram(axis: axis, of: gradient, shape, alpha: 1, beta: 1, to: h)
      }
      if Int(variables.steps) % rootInterval == 0 {
        failures[0] += S(
          TensorAlgebra.decomposeEach(shape) { axis throws(LinearAlgebraError) in
            try TensorAlgebra.withDoubles(of: tensor[Self.h(axis)]) {
              a throws(LinearAlgebraError) in
              try SymmetricEigen.map(a, rows: shape[axis]) { ℓ in
                // H ≥ ε·I; below lies only rounding.
                for i in ℓ.indices { ℓ[i] = pow(max(ℓ[i], epsilon), -exponent) }
              }
              TensorAlgebra.store(a, in: tensor[Self.root(axis)])
            }
          })
      }
      for axis in shape.indices {
        TensorAlgebra.multiply(axis: axis, of: u, shape, by: tensor[Self.root(axis)], into: next)
        swap(&u, &next)
      }
      for i in 0..<count { w[i] -= η * u[i] }
    }
  }
}
