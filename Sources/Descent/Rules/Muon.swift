/// Muon: momentum whose matrices are made nearly orthogonal, and AdamW for everything else.
///
/// ```
/// m ← m + (1−μ)·(g − m)
/// u = m;  nesterov:  u = g + μ·(m − g)
/// X = u/max(‖u‖, ε)         transposed where it has more rows than columns
/// ns_steps times:  A = X·Xᵀ;  X ← a·X + (b·A + c·A²)·X
/// w ← w·(1 − η·λ) − η·s·X   s for p rows and q columns:
///     original √max(1, p/q);  match_rms_adamw 0.2·√max(p, q);  spectral_unclamped √(p/q)
///     keller_jordan √max(1, p/q) of the last two axes
/// ```
/// A parameter with two axes or more is the matrix `[first axis, the rest]`. What is not a hidden
/// matrix (a vector, a scalar, an embedding, the output head, a norm, a bias) is updated by AdamW
/// with settings of its own; ``orthogonalizes(_:)`` tells which.
///
/// State: 4 bytes a parameter in float32; 8 for the parameters of AdamW.
public struct Muon: TensorRule {
  /// s, the factor that makes a learning rate fit matrices of all shapes; p rows, q columns.
  public enum LearningRateAdjustment: String, CaseIterable, Sendable {
    /// √max(1, p/q)
    case original
    /// 0.2·√max(p, q): steps as large as AdamW's, whose learning rates then fit.
    case matchRMSAdamW = "match_rms_adamw"
    /// √(p/q)
    case spectralUnclamped = "spectral_unclamped"
    /// √max(1, p/q) with p and q the last two axes of the parameter, as in the first code.
    case kellerJordan = "keller_jordan"

    /// s for a parameter of this shape.
    func factor(_ shape: [Int]) -> Double {
      let rows = Double(shape[0])
      let columns = Double(shape.dropFirst().reduce(1, *))
      switch self {
      case .original: return max(1, rows / columns).squareRoot()
      case .matchRMSAdamW: return 0.2 * max(rows, columns).squareRoot()
      case .spectralUnclamped: return (rows / columns).squareRoot()
      case .kellerJordan:
        let (p, q) = (Double(shape[shape.count - 2]), Double(shape[shape.count - 1]))
        return max(1, p / q).squareRoot()
      }
    }
  }

  /// The learning rate η.
  public var learningRate = 1e-3
  /// λ: shrinks the weights by η·λ a step.
  public var weightDecay = 0.1
  /// μ: the decay of the average of g.
  public var momentum = 0.95
  /// Whether momentum is Nesterov's.
  public var nesterov = true
  /// a: the coefficient of X in the iteration.
  public var coefficientA = 3.4445
  /// b: that of X·Xᵀ·X.
  public var coefficientB = -4.7750
  /// c: that of (X·Xᵀ)²·X.
  public var coefficientC = 2.0315
  /// ε: the least ‖u‖ that is divided by.
  public var epsilon = 1e-7
  /// Steps of the iteration.
  public var iterations = 5
  /// How the step grows with the shape.
  public var adjustment = LearningRateAdjustment.original
  /// η of AdamW.
  public var adamWLearningRate = 3e-4
  /// β₁ of AdamW.
  public var adamWBeta1 = 0.9
  /// β₂ of AdamW.
  public var adamWBeta2 = 0.95
  /// ε of AdamW.
  public var adamWEpsilon = 1e-10
  /// λ of AdamW.
  public var adamWWeightDecay = 0.0

  public init() {}

  /// Muon with the given hyperparameters.
  public init(
    learningRate: Double, weightDecay: Double = Self.defaults.weightDecay,
    momentum: Double = Self.defaults.momentum, nesterov: Bool = Self.defaults.nesterov,
    adjustment: LearningRateAdjustment = Self.defaults.adjustment,
    adamWLearningRate: Double = Self.defaults.adamWLearningRate
  ) {
    (self.learningRate, self.weightDecay, self.momentum) = (learningRate, weightDecay, momentum)
    (self.nesterov, self.adjustment) = (nesterov, adjustment)
    self.adamWLearningRate = adamWLearningRate
  }

  public static let name = "muon"

  public static let settings: [Setting<Muon>] = [
    .learningRate(\.learningRate),
    .decoupledDecay(\.weightDecay),
    .number(
      "momentum", \.momentum, .halfOpen(0, 1), "momentum μ: decay of the average of g",
      source: "torch"),
    .flag("nesterov", \.nesterov, "Nesterov momentum", source: "torch"),
    .numbers(
      "ns_coefficients", [\.coefficientA, \.coefficientB, \.coefficientC], .any,
      "a, b, c of the Newton–Schulz iteration", source: "torch"),
    .number("eps", \.epsilon, .atLeast(0), "ε: the least ‖u‖", source: "torch"),
    .integer("ns_steps", \.iterations, .closed(1, 99), "Newton–Schulz steps", source: "torch"),
    .choice(
      "adjust_lr_fn", \.adjustment, "how the step grows with the matrix's shape", source: "torch"),
    .number(
      "adamw_lr", \.adamWLearningRate, .atLeast(0), "η for what is not a hidden matrix",
      source: "Keller Jordan's Muon"),
    .numbers(
      "adamw_betas", [\.adamWBeta1, \.adamWBeta2], .halfOpen(0, 1),
      "β₁, β₂ for what is not a hidden matrix", source: "Keller Jordan's Muon"),
    .number(
      "adamw_eps", \.adamWEpsilon, .atLeast(0), "ε for what is not a hidden matrix",
      source: "Keller Jordan's Muon"),
    .number(
      "adamw_weight_decay", \.adamWWeightDecay, .atLeast(0), "λ for what is not a hidden matrix",
      source: "Keller Jordan's Muon"),
  ]

  public static let about = About(
    summary: "Momentum with nearly orthogonal steps for hidden matrices; AdamW for the rest.",
    formula: """
      m ← m + (1−μ)·(g − m)
      u = m;  nesterov:  u = g + μ·(m − g)
      X = u/max(‖u‖, ε)         transposed where it has more rows than columns
      ns_steps times:  A = X·Xᵀ;  X ← a·X + (b·A + c·A²)·X
      w ← w·(1 − η·λ) − η·s·X   s for p rows and q columns:
          original √max(1, p/q);  match_rms_adamw 0.2·√max(p, q);  spectral_unclamped √(p/q)
          keller_jordan √max(1, p/q) of the last two axes
      """,
    differences: """
      PyTorch's, with the iteration in the weights' own type, where PyTorch and Keller Jordan \
      round it to bfloat16: weights agree to about 0.1·η a step. PyTorch refuses parameters that \
      are not matrices; here tensors of more axes are viewed as [first axis, the rest], and \
      vectors, scalars, embeddings, the head, norms and biases go to AdamW.
      """,
    guidance: """
      For the hidden matrices of transformers: lr 0.02 with original, or AdamW's learning rate \
      with match_rms_adamw. A schedule of lr does not drive adamw_lr: schedule both. The iteration \
      does not converge to 1: singular values end up between about 0.7 and 1.2.
      """,
    reference: """
      Jordan et al.: Muon: An optimizer for hidden layers in neural networks, 2024, \
      https://kellerjordan.github.io/posts/muon; Liu et al.: Muon is Scalable for LLM Training, \
      2025, arXiv:2502.16982 (match_rms_adamw)
      """)

  /// Whether `parameter` is a hidden matrix; AdamW updates the others.
  public static func orthogonalizes(_ parameter: ParameterInfo) -> Bool {
    isHiddenMatrix(parameter.shape, parameter.role)
  }

  private static func isHiddenMatrix(_ shape: [Int], _ role: ParameterRole) -> Bool {
    switch role {
    case .embedding, .head, .norm, .bias: false
    case .matrix, .convolution, .other: shape.count >= 2
    }
  }

  public func updateName(for parameter: ParameterInfo) -> String? {
    Self.orthogonalizes(parameter) ? "orthogonalized" : "AdamW"
  }

  private static let m = Slot("momentum_buffer")

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    Self.orthogonalizes(parameter) ? [Self.m] : Moments.slots
  }

  /// Two copies of the largest hidden matrix, and the products of its shorter axis.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int {
    parameters.largestUpdates { tensor, _ in
      guard Self.orthogonalizes(tensor), let rows = tensor.shape.first, rows > 0 else { return [0] }
      let shorter = min(rows, tensor.count / rows)
      return [8 * tensor.count + 8 * shorter * shorter]
    }
  }

  public func update<S: Scalar>(_ tensor: Block<S>, _ step: Step) {
    guard Self.isHiddenMatrix(tensor.shape, tensor.role) else { return updateByAdamW(tensor, step) }
    let (w, g, m) = (tensor.w, tensor.g, tensor[Self.m])
    let (μ, α) = (S(momentum), S(1 - momentum))
    let shrink = S(1 - learningRate * weightDecay)
    let η = S(learningRate * adjustment.factor(tensor.shape))
    let rows = tensor.shape[0]
    withScratch(of: S.self, tensor.count) { u in
      inBlocks(tensor.count) { range in
        for i in range {
          m[i] += α * (g[i] - m[i])
          u[i] = nesterov ? g[i] + μ * (m[i] - g[i]) : m[i]
        }
      }
      orthogonalize(u, rows: rows, columns: tensor.count / rows) { x in
        inBlocks(tensor.count) { range in
          for i in range { w[i] = w[i] * shrink - η * x[i] }
        }
      }
    }
  }

  private func inBlocks(_ count: Int, _ body: (Range<Int>) -> Void) {
    ThreadPool.shared.forEachChunk(of: count, size: BlockPlan.blockSize, body)
  }

  /// Moves the singular values of a matrix toward 1, by the quintic Newton–Schulz iteration.
  private func orthogonalize<S: Scalar>(
    _ u: MutableView<S>, rows: Int, columns: Int, _ use: (MutableView<S>) -> Void
  ) {
    let count = rows * columns
    // X·Xᵀ or Xᵀ·X, which is smaller.
    let tall = rows > columns
    let r = min(rows, columns)
    withScratch(of: S.self, count + 2 * r * r) { scratch in
      var (x, next) = (u, scratch.row(0, count))
      let squares = scratch.from(count)
      let (a, polynomial) = (squares.row(0, r * r), squares.row(1, r * r))
      let scale = S(1 / max(TensorAlgebra.norm(u, count), epsilon))
      inBlocks(count) { range in
        for i in range { x[i] *= scale }
      }
      for _ in 0..<iterations {
        TensorAlgebra.multiply(
          transA: tall, transB: !tall, m: r, n: r, k: max(rows, columns), x, x, into: a,
          symmetric: true)
        // a·I + b·A + c·A²
        inBlocks(r * r) { range in
          for i in range { polynomial[i] = a[i] }
        }
        TensorAlgebra.multiply(
          m: r, n: r, k: r, alpha: S(coefficientC), a, a, beta: S(coefficientB), into: polynomial,
          symmetric: true)
        for i in 0..<r { polynomial[i * r + i] += S(coefficientA) }
        if tall {
          TensorAlgebra.multiply(m: rows, n: r, k: r, x, polynomial, into: next)
        } else {
          TensorAlgebra.multiply(m: r, n: columns, k: r, polynomial, x, into: next)
        }
        swap(&x, &next)
      }
      use(x)
    }
  }

  private func updateByAdamW<S: Scalar>(_ tensor: Block<S>, _ step: Step) {
    let update = AdamUpdate(
      learningRate: adamWLearningRate, beta1: adamWBeta1, beta2: adamWBeta2,
      epsilon: adamWEpsilon, weightDecay: adamWWeightDecay, decoupled: true)
    ThreadPool.shared.forEachChunk(of: tensor.count, size: BlockPlan.blockSize) { range in
      update(tensor.part(range), step)
    }
  }
}
