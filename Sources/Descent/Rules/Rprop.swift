import DescentCompute

/// Rprop: each weight has its own step length, which grows while its gradient keeps its sign.
///
/// ```
/// σ = sign(g·g₋)                  g₋: the gradient of the step before, at first 0
/// δ ← min(max(δ·f, δ₋), δ₊)       f = η₊ for σ > 0, η₋ for σ < 0, otherwise 1;  δ from lr
/// g ← 0 where σ < 0
/// w ← w − sign(g)·δ
/// g₋ ← g
/// ```
/// State: 8 bytes a parameter in float32.
public struct Rprop: ElementwiseRule {
  /// The first step length.
  public var learningRate = 1e-2
  /// η₋: what a step length is multiplied by when the sign changes.
  public var shrink = 0.5
  /// η₊: what it is multiplied by when the sign stays.
  public var growth = 1.2
  /// δ₋: the shortest step.
  public var shortest = 1e-6
  /// δ₊: the longest step.
  public var longest = 50.0
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// Rprop with the given hyperparameters.
  public init(
    learningRate: Double, etas: (Double, Double) = (Self.defaults.shrink, Self.defaults.growth),
    stepSizes: (Double, Double) = (Self.defaults.shortest, Self.defaults.longest),
    maximize: Bool = Self.defaults.maximize
  ) {
    self.learningRate = learningRate
    (shrink, growth) = etas
    (shortest, longest) = stepSizes
    self.maximize = maximize
  }

  public static let name = "rprop"

  public static let settings: [Setting<Rprop>] = [
    .number("lr", \.learningRate, .atLeast(0), "the first step length", source: "torch"),
    .numbers(
      "etas", [\.shrink, \.growth], .above(0), "η₋, η₊: factors of a step length", source: "torch"),
    .numbers(
      "step_sizes", [\.shortest, \.longest], .atLeast(0), "δ₋, δ₊: shortest and longest step",
      source: "torch"),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Each weight has its own step length, which grows while its gradient keeps its sign.",
    formula: """
      σ = sign(g·g₋)                  g₋: the gradient of the step before, at first 0
      δ ← min(max(δ·f, δ₋), δ₊)       f = η₊ for σ > 0, η₋ for σ < 0, otherwise 1;  δ from lr
      g ← 0 where σ < 0
      w ← w − sign(g)·δ
      g₋ ← g
      """,
    differences: """
      PyTorch's: after a change of sign the weight rests for one step instead of going back \
      (iRprop−). lr is only the first step length, so a schedule of it acts on the first step alone.
      """,
    guidance: "For full batches only: the noise of mini-batches changes signs at random.",
    reference: """
      Riedmiller, Braun: A direct adaptive method for faster backpropagation learning: the RPROP \
      algorithm, 1993
      """)

  public func validate() throws(SettingError) {
    if !(shrink < 1 && growth > 1) {
      throw .contradiction("etas must be one factor below 1 and one above it, such as 0.5,1.2")
    }
    if shortest > longest {
      throw .contradiction("step_sizes must begin with the shorter one, such as 1e-6,50")
    }
  }

  private static let previous = Slot("prev")
  private static let δ = Slot("step_size", .exact)

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    [Self.previous, Self.δ.with(initial: learningRate)]
  }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let δ = block[Self.δ]
    // A scheduled η may differ from the one that the state was made with.
    if step.t == 1 {
      for i in block.indices { δ[i] = S(learningRate) }
    }
    let (shrink, growth) = (S(shrink), S(growth))
    let (shortest, longest) = (S(shortest), S(longest))
    if let block = block.forKernels {
      Kernels.rprop(
        g: block.g, w: block.w, previous: block.kept(Self.previous), δ: block[Self.δ],
        growth: Float(growth), shrink: Float(shrink), limits: Float(shortest)...Float(longest))
      return
    }
    let (w, g, previous) = (block.w, block.g, block[Self.previous])
    for i in block.indices {
      let σ = g[i] * previous[i]
      let f = σ > 0 ? growth : σ < 0 ? shrink : 1
      δ[i] = min(max(δ[i] * f, shortest), longest)
      let gi = σ < 0 ? 0 : g[i]
      w[i] -= sign(gi) * δ[i]
      previous[i] = gi
    }
  }
}
