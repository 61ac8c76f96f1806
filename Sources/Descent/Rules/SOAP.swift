import Foundation

/// SOAP: Adam in the eigenbasis of Shampoo's preconditioner.
///
/// ```
/// m ← β₁·m + (1−β₁)·g'                        g' = g ×₁ Q₁ᵀ … ×ₖ Qₖᵀ
/// v ← β₂·v + (1−β₂)·g'²
/// n = (m/(√v + ε)) ×₁ Q₁ … ×ₖ Qₖ
/// normalize_grads:  n ← n/RMS(n)
/// w ← w − η·√(1−β₂ᵗ)/(1−β₁ᵗ)·n
/// w ← w − η·λ·w
/// Hᵢ ← β₃·Hᵢ + (1−β₃)·G₍ᵢ₎·G₍ᵢ₎ᵀ
/// every f steps:  Qᵢ ← QR(Hᵢ·Qᵢ), columns sorted by their eigenvalues
///     m turns from the old basis to the new, v is reordered
/// ```
/// g' is g in the eigenbasis, where m and v are kept. The first gradient only makes the bases: it moves no
/// weight, and t stays 0. Vectors, scalars and axes longer than the limit are not rotated.
///
/// State: 8 bytes a parameter and 8·Σ dᵢ² in float32, over the rotated axes.
public struct SOAP: TensorRule {
  /// The learning rate η.
  public var learningRate = 3e-3
  /// β₁: the decay of the average of g.
  public var beta1 = 0.95
  /// β₂: the decay of the average of g'².
  public var beta2 = 0.95
  /// β₃: the decay of Hᵢ; below 0 stands for β₂.
  public var shampooBeta = -1.0
  /// ε, added to the root before bias correction.
  public var epsilon = 1e-8
  /// λ: shrinks the weights by η·λ after the step.
  public var weightDecay = 0.01
  /// f: steps from one renewal of the bases to the next.
  public var basisInterval = 10
  /// The longest axis that is rotated.
  public var longestAxis = 10000
  /// Whether vectors are rotated too.
  public var rotatesVectors = false
  /// Whether n is divided by its root mean square.
  public var normalizes = false
  /// Whether steps have Adam's bias correction.
  public var correctsBias = true

  public init() {}

  /// SOAP with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    basisInterval: Int = Self.defaults.basisInterval
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    self.basisInterval = basisInterval
  }

  public static let name = "soap"

  public static let settings: [Setting<SOAP>] = [
    .learningRate(\.learningRate, source: "nikhilvyas/SOAP"),
    .betas(\.beta1, \.beta2, source: "nikhilvyas/SOAP"),
    .number(
      "shampoo_beta", \.shampooBeta, .halfOpen(-1, 1), "β₃: decay of Hᵢ; below 0: β₂",
      source: "nikhilvyas/SOAP"),
    .epsilon(\.epsilon, source: "nikhilvyas/SOAP"),
    .decoupledDecay(\.weightDecay, source: "nikhilvyas/SOAP"),
    .integer(
      "precondition_frequency", \.basisInterval, .atLeast(1), "renew the bases every f steps",
      source: "nikhilvyas/SOAP"),
    .integer(
      "max_precond_dim", \.longestAxis, .atLeast(1), "the longest axis that is rotated",
      source: "nikhilvyas/SOAP"),
    .flag(
      "precondition_1d", \.rotatesVectors, "rotate vectors too", source: "nikhilvyas/SOAP"),
    .flag(
      "normalize_grads", \.normalizes, "divide the step by its root mean square",
      source: "nikhilvyas/SOAP"),
    .flag("correct_bias", \.correctsBias, "correct averages from zero", source: "nikhilvyas/SOAP"),
  ]

  public static let about = About(
    summary: "Adam in the eigenbasis of Shampoo's preconditioner.",
    formula: """
      m ← β₁·m + (1−β₁)·g'                        g' = g ×₁ Q₁ᵀ … ×ₖ Qₖᵀ
      v ← β₂·v + (1−β₂)·g'²
      n = (m/(√v + ε)) ×₁ Q₁ … ×ₖ Qₖ
      normalize_grads:  n ← n/RMS(n)
      w ← w − η·√(1−β₂ᵗ)/(1−β₁ᵗ)·n
      w ← w − η·λ·w
      Hᵢ ← β₃·Hᵢ + (1−β₃)·G₍ᵢ₎·G₍ᵢ₎ᵀ
      every f steps:  Qᵢ ← QR(Hᵢ·Qᵢ), columns sorted by their eigenvalues
          m turns from the old basis to the new, v is reordered
      """,
    differences: """
      The authors' code, but m is turned out of the eigenbasis and back only where the bases are \
      renewed, not at every step: the same in exact arithmetic, with less work and less rounding. \
      The first gradient makes the bases and moves nothing. The authors' merge_dims is not offered. A decomposition that fails \
      keeps the last basis and is counted in the slot `decomposition_failures`.
      """,
    guidance: """
      For transformers lr 3e-3 with warmup, and weight decay as for AdamW. Raise \
      precondition_frequency where steps take too long; lower max_precond_dim so that the \
      vocabulary axis of embeddings is left alone.
      """,
    reference: """
      Vyas et al.: SOAP: Improving and Stabilizing Shampoo using Adam, 2024, arXiv:2409.11321
      """)

  /// m, in the eigenbasis
  private static let m = Slot("exp_avg_projected")
  private static let failures = Slot("decomposition_failures", shape: [])
  /// Hᵢ
  private static func h(_ axis: Int) -> Slot { Slot("GG.\(axis)") }
  /// Qᵢ
  private static func q(_ axis: Int) -> Slot { Slot("Q.\(axis)") }

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    [Self.m, Moments.v, Self.failures]
      + parameter.shape.indices.filter { rotates($0, of: parameter.shape) }.flatMap { axis in
        [Self.h(axis), Self.q(axis)].map {
          $0.with(shape: [parameter.shape[axis], parameter.shape[axis]])
        }
      }
  }

  private func rotates(_ axis: Int, of shape: [Int]) -> Bool {
    (shape.count > 1 || rotatesVectors) && shape[axis] <= longestAxis
  }

  /// Three copies of the largest tensor, and the decompositions of its axes.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int {
    parameters.largestUpdates { tensor, isShared in
      tensor.shape.indices.filter { rotates($0, of: tensor.shape) }.map { tensor.shape[$0] }
        .decomposed(besides: 12 * tensor.count, isShared: isShared)
    }
  }

  public func update<S: Scalar>(_ tensor: Block<S>, _ step: Step) {
    let (count, shape) = (tensor.count, tensor.shape)
    let β3 = shampooBeta < 0 ? beta2 : shampooBeta
    withScratch(of: S.self, 3 * count) { scratch in
      let (g, rest) = (scratch.row(0, count), scratch.from(count))
      inBlocks(count) { range in
        for i in range { g[i] = tensor.g[i] }
      }
      // t counts the steps that move weights.
      let t = step.t - 1
      if t > 0 { move(tensor, g, rest, t: Double(t)) }
      for axis in shape.indices where rotates(axis, of: shape) {
        TensorAlgebra.addGram(
          axis: axis, of: g, shape, alpha: S(1 - β3), beta: t == 0 ? 0 : S(β3),
          to: tensor[Self.h(axis)])
      }
      if t % basisInterval == 0 { decompose(tensor, isFirst: t == 0, rest) }
    }
  }

  private func inBlocks(_ count: Int, _ body: (Range<Int>) -> Void) {
    ThreadPool.shared.forEachChunk(of: count, size: BlockPlan.blockSize, body)
  }

  /// Turns x into the eigenbasis, or back; `spare` has room for as much.
  private func rotate<S: Scalar>(
    _ x: inout MutableView<S>, back: Bool = false, of tensor: Block<S>,
    _ spare: inout MutableView<S>
  ) {
    for axis in tensor.shape.indices where rotates(axis, of: tensor.shape) {
      TensorAlgebra.multiply(
        axis: axis, of: x, tensor.shape, by: tensor[Self.q(axis)], transposed: !back, into: spare)
      swap(&x, &spare)
    }
  }

  /// The step of the weights; `scratch` has room for two tensors.
  private func move<S: Scalar>(
    _ tensor: Block<S>, _ g: MutableView<S>, _ scratch: MutableView<S>, t: Double
  ) {
    let (w, count) = (tensor.w, tensor.count)
    let (m, v) = (tensor[Self.m], tensor[Moments.v])
    let (β1, β2, ε) = (S(beta1), S(beta2), S(epsilon))
    let (α1, α2) = (S(1 - beta1), S(1 - beta2))
    var (x, spare) = (scratch.row(0, count), scratch.row(1, count))
    inBlocks(count) { [x] range in
      for i in range { x[i] = g[i] }
    }
    rotate(&x, of: tensor, &spare)
    inBlocks(count) { [x] range in
      for i in range {
        m[i] = β1 * m[i] + α1 * x[i]
        v[i] = β2 * v[i] + α2 * (x[i] * x[i])
        x[i] = m[i] / (v[i].root + ε)
      }
    }
    rotate(&x, back: true, of: tensor, &spare)

    let c = correctsBias ? (1 - pow(beta2, t)).squareRoot() / (1 - pow(beta1, t)) : 1
    let rms = normalizes ? TensorAlgebra.norm(x, count) / Double(count).squareRoot() + 1e-30 : 1
    let (η, ηλ) = (S(learningRate * c / rms), S(learningRate * weightDecay))
    inBlocks(count) { [x] range in
      for i in range {
        w[i] -= η * x[i]
        w[i] -= ηλ * w[i]
      }
    }
  }

  /// Makes the bases, or renews them, with m turned and v reordered to match; `scratch` has room for two
  /// tensors.
  private func decompose<S: Scalar>(
    _ tensor: Block<S>, isFirst: Bool, _ scratch: MutableView<S>
  ) {
    let (shape, count) = (tensor.shape, tensor.count)
    let axes = shape.indices.filter { rotates($0, of: shape) }
    let longest = axes.reduce(0) { max($0, shape[$1]) }
    withScratch(of: Int.self, axes.count * longest) { orders in
      var (m, spare) = (scratch.row(0, count), scratch.row(1, count))
      if !isFirst {
        m.copy(tensor[Self.m].reading)
        rotate(&m, back: true, of: tensor, &spare)
      }
      let failures = TensorAlgebra.decomposeEach(axes.map { shape[$0] }) {
        k throws(LinearAlgebraError) in
        let d = shape[axes[k]]
        let (h, q) = (tensor[Self.h(axes[k])], tensor[Self.q(axes[k])])
        let order = orders.row(k, longest)[0..<d]
        for i in 0..<d { order[i] = i }
        if isFirst {
          try makeBasis(d, h, q)
        } else {
          try renewBasis(d, h, q, order)
        }
      }
      tensor[Self.failures][0] += S(failures)
      if isFirst { return }
      rotate(&m, of: tensor, &spare)
      tensor[Self.m].copy(m.reading)
      for (k, axis) in axes.enumerated() {
        reorder(tensor, axis, orders.row(k, longest), spare)
      }
    }
  }

  /// Q ← the eigenvectors of H, the greatest eigenvalue first.
  private func makeBasis<S: Scalar>(
    _ d: Int, _ h: MutableView<S>, _ q: MutableView<S>
  ) throws(LinearAlgebraError) {
    do throws(LinearAlgebraError) {
      try TensorAlgebra.withDoubles(of: h) { rows throws(LinearAlgebraError) in
        try withScratch(of: Double.self, d) { ℓ throws(LinearAlgebraError) in
          try SymmetricEigen.decompose(rows, ℓ)
        }
        for i in 0..<d { for j in 0..<d { q[i * d + j] = S(rows[(d - 1 - j) * d + i]) } }
      }
    } catch {
      TensorAlgebra.setDiagonal(d, to: 1, q)
      throw error
    }
  }

  /// Q ← QR(H·Q), one step of power iteration, its columns sorted by their estimated eigenvalues.
  /// Leaves their old places in `order`, which a failure does not change.
  private func renewBasis<S: Scalar>(
    _ d: Int, _ h: MutableView<S>, _ q: MutableView<S>, _ order: MutableView<Int>
  ) throws(LinearAlgebraError) {
    var columns = Array(0..<d)
    try withScratch(of: Double.self, 2 * d * d) { room throws(LinearAlgebraError) in
      let (sorted, r) = (room.row(0, d * d), room.row(1, d * d))
      estimate(d, h, q, &columns, sorted)
      try QRDecomposition.decompose(transposed: sorted, d, d, r)
      Matrix.forEachInSquares(d, d) { j, i in q[i * d + j] = S(sorted[j * d + i]) }
    }
    for j in 0..<d { order[j] = columns[j] }
  }

  /// Leaves the columns of H·Q as rows, sorted by the estimated eigenvalues, and their old places.
  private func estimate<S: Scalar>(
    _ d: Int, _ h: MutableView<S>, _ q: MutableView<S>, _ columns: inout [Int],
    _ sorted: MutableView<Double>
  ) {
    withScratch(of: S.self, d * d) { product in
      // Its transpose, as H is symmetric: columns as rows.
      TensorAlgebra.multiply(transA: true, m: d, n: d, k: d, q, h, into: product)
      var estimates = [S](repeating: 0, count: d)
      estimates.withMutableView { estimates in
        Matrix.forEachInSquares(d, d) { j, i in
          estimates[j] += q[i * d + j] * product[j * d + i]
        }
      }
      columns.sort {
        estimates[$0] > estimates[$1] || (estimates[$0] == estimates[$1] && $0 < $1)
      }
      for (j, from) in columns.enumerated() {
        let (row, column) = (sorted.row(j, d), product.row(from, d))
        for i in 0..<d { row[i] = Double(column[i]) }
      }
    }
  }

  /// Puts what lies along an axis of v into a new order.
  private func reorder<S: Scalar>(
    _ tensor: Block<S>, _ axis: Int, _ order: MutableView<Int>, _ scratch: MutableView<S>
  ) {
    let (before, d, after) = TensorAlgebra.split(tensor.shape, axis)
    let v = tensor[Moments.v]
    for i in tensor.indices { scratch[i] = v[i] }
    for i in 0..<before {
      for j in 0..<d {
        let (to, from) = ((i * d + j) * after, (i * d + order[j]) * after)
        for k in 0..<after { v[to + k] = scratch[from + k] }
      }
    }
  }
}
