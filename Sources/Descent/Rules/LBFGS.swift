/// L-BFGS: quasi-Newton steps from the last gradients, for objectives without noise.
///
/// ```
/// y = g − g₋;  s = t·d              g₋, d: the gradient and the direction of the move before
/// yᵀs > 10⁻¹⁰:  the pair is kept;  H = yᵀs/yᵀy
/// d = −(two-loop recursion over the pairs)·g, from H·I
/// w ← w + t·d                       t = η, at first min(1, 1/‖g‖₁)·η;  or from a line search
/// ```
/// It evaluates the objective several times a step: ``LBFGSOptimizer`` runs it, alone or inside an
/// ``Optimizer``.
///
/// State in float32: 4·(2h + 2) bytes a parameter with h pairs.
public struct LBFGS: ClosureRule {
  /// How far a step goes along d.
  public enum LineSearch: String, CaseIterable, Sendable {
    /// η, without trying.
    case none
    /// To a point that satisfies the strong Wolfe conditions with c₁ = 1e-4, c₂ = 0.9.
    case strongWolfe = "strong_wolfe"
  }

  /// The learning rate η.
  public var learningRate = 1.0
  /// Iterations in a step.
  public var largestIterations = 20
  /// Evaluations in a step; nil is 5/4 of the iterations.
  public var largestEvaluations: Int?
  /// The largest |gᵢ| that counts as zero.
  public var gradientTolerance = 1e-7
  /// The change of the loss or of a weight that counts as none.
  public var changeTolerance = 1e-9
  /// h: how many pairs are kept.
  public var historySize = 100
  /// How far a step goes along d.
  public var lineSearch = LineSearch.strongWolfe
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// L-BFGS with the given hyperparameters.
  public init(
    learningRate: Double, iterations: Int = Self.defaults.largestIterations,
    historySize: Int = Self.defaults.historySize, lineSearch: LineSearch = Self.defaults.lineSearch
  ) {
    (self.learningRate, self.historySize) = (learningRate, historySize)
    (self.largestIterations, self.lineSearch) = (iterations, lineSearch)
  }

  public static let name = "lbfgs"

  public static let settings: [Setting<LBFGS>] = [
    .learningRate(\.learningRate),
    .integer("max_iter", \.largestIterations, .atLeast(1), "iterations a step", source: "torch"),
    .optionalInteger(
      "max_eval", \.largestEvaluations, .atLeast(1), "evaluations a step; none: max_iter·5/4",
      source: "torch"),
    .number(
      "tolerance_grad", \.gradientTolerance, .atLeast(0), "the largest |gᵢ| that counts as zero",
      source: "torch"),
    .number(
      "tolerance_change", \.changeTolerance, .atLeast(0),
      "the change of the loss or of a weight that counts as none", source: "torch"),
    .integer(
      "history_size", \.historySize, .closed(1, 1_000_000_000), "pairs kept", source: "torch"),
    .choice("line_search_fn", \.lineSearch, "how the length of a step is chosen", source: "ours"),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Quasi-Newton steps from the last gradients, for objectives without noise.",
    formula: """
      y = g − g₋;  s = t·d              g₋, d: the gradient and the direction of the move before
      yᵀs > 10⁻¹⁰:  the pair is kept;  H = yᵀs/yᵀy
      d = −(two-loop recursion over the pairs)·g, from H·I
      w ← w + t·d                       t = η, at first min(1, 1/‖g‖₁)·η;  or from a line search
      """,
    differences: """
      PyTorch's, exit conditions and counts included, but with the line search on by default. \
      Evaluations that are not finite are rejected: a line search shortens the step; without one \
      the weights go back to the last good point and the history is forgotten.
      """,
    guidance: """
      For small problems and whole data sets (a batch as large as the training part); never for \
      mini-batches, whose noise would pass for curvature. Works with neither groups nor clipping.
      """,
    reference: """
      Liu, Nocedal: On the limited memory BFGS method for large scale optimization, 1989; Nocedal, \
      Wright: Numerical Optimization, 2006, algorithms 3.5, 3.6 and 7.4
      """,
    outsideState: "history_size pairs y and s, the direction and the last gradient")

  public func makeMethod<S: Scalar>(
    for parameters: [ParameterInfo], of scalar: S.Type
  ) -> (any ClosureMethod<S>)? {
    try? LBFGSOptimizer<S>(self, parameters: parameters)
  }

  /// The pairs of a full history, the direction and the last gradient; 2 EB for more than that.
  public func outsideBytes(for parameters: [ParameterInfo]) -> Int {
    let (bytes, overflow) = Self.vector(parameters).multipliedReportingOverflow(
      by: 2 * historySize + 2)
    return overflow ? 1 << 61 : min(bytes, 1 << 61)
  }

  /// The points and gradients of a line search, and the gradients that stay in their place.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int { 5 * Self.vector(parameters) }

  /// The bytes of a vector over all parameters.
  private static func vector(_ parameters: [ParameterInfo]) -> Int {
    parameters.reduce(0) { $0 + ($1.trainable ? $1.count : 0) } * MemoryLayout<Float>.stride
  }
}
