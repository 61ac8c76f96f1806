import DescentCompute
import Foundation

/// Averaged stochastic gradient descent: decaying steps, and beside the weights their average.
///
/// ```
/// g ← ∇f(w) + λ·w
/// w ← w·(1 − λ₀·η) − η·g
/// x ← x + μ·(w − x)               x is ax
/// η ← lr/(1 + λ₀·lr·t)^α          for the next step; lr for the first
/// μ ← 1/max(1, t − t₀)            for the next step; 1 for the first
/// ```
/// State: 4 bytes a parameter in float32, and η and μ, two numbers a tensor.
public struct ASGD: SummingRule {
  /// lr, from which η follows.
  public var learningRate = 1e-2
  /// λ₀: the decay of the weights and of η.
  public var lambda = 1e-4
  /// α: the power of η's decay.
  public var alpha = 0.75
  /// t₀: the step after which averaging begins.
  public var averagingStart = 1e6
  /// λ: λ·w is added to the gradient.
  public var weightDecay = 0.0
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// ASGD with the given hyperparameters.
  public init(
    learningRate: Double, lambda: Double = Self.defaults.lambda,
    alpha: Double = Self.defaults.alpha, averagingStart: Double = Self.defaults.averagingStart,
    weightDecay: Double = Self.defaults.weightDecay, maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.lambda, self.alpha) = (learningRate, lambda, alpha)
    (self.averagingStart, self.weightDecay) = (averagingStart, weightDecay)
    self.maximize = maximize
  }

  public static let name = "asgd"

  public static let settings: [Setting<ASGD>] = [
    .learningRate(\.learningRate),
    .number("lambd", \.lambda, .atLeast(0), "λ₀: decay of the weights and of η", source: "torch"),
    .number("alpha", \.alpha, .atLeast(0), "α: power of η's decay", source: "torch"),
    .number(
      "t0", \.averagingStart, .atLeast(0), "t₀: the step after which averaging begins",
      source: "torch"),
    .coupledDecay(\.weightDecay),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Gradient descent with decaying steps, which also averages the weights.",
    formula: """
      g ← ∇f(w) + λ·w
      w ← w·(1 − λ₀·η) − η·g
      x ← x + μ·(w − x)               x is ax
      η ← lr/(1 + λ₀·lr·t)^α          for the next step; lr for the first
      μ ← 1/max(1, t − t₀)            for the next step; 1 for the first
      """,
    differences: """
      PyTorch's: a change of lr acts one step late, since η is computed at the end of a step. The \
      average is kept in the slot `ax`; the weights themselves are not averaged.
      """,
    guidance: """
      For convex problems and the end of a run: set t0 to the step after which averaging begins, \
      and evaluate `ax`. schedule-free-sgd evaluates its average by itself.
      """,
    reference: """
      Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992
      """)

  public var needs: Needs { .tensorSums }
  public static let gathersOncePerTensor = true

  private static let x = Slot("ax", .exact)
  private static let eta = Slot("eta", shape: [])
  private static let mu = Slot("mu", shape: [], initial: 1)

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    [Self.x, Self.eta.with(initial: learningRate), Self.mu]
  }

  /// This step's η and μ, by the tensor's first block, which leaves the next step's in the state.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: NoVariables
  ) -> SIMD4<Double> {
    let (eta, mu, t) = (block[Self.eta], block[Self.mu], Double(step.t))
    let present = SIMD4(step.t == 1 ? learningRate : Double(eta[0]), Double(mu[0]), 0, 0)
    eta[0] = S(learningRate / pow(1 + lambda * learningRate * t, alpha))
    mu[0] = S(1 / max(1, t - averagingStart))
    return present
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: NoVariables
  ) {
    let (η, μ, λ) = (S(sums[0]), S(sums[1]), S(weightDecay))
    let shrink = S(1 - lambda * sums[0])
    if let block = block.forKernels {
      Kernels.asgd(
        g: block.g, w: block.w, x: block[Self.x], η: Float(η), λ: Float(λ),
        shrink: Float(shrink), μ: Float(μ))
      return
    }
    let (w, g, x) = (block.w, block.g, block[Self.x])
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      w[i] = w[i] * shrink - η * gi
      // For μ = 1 this is w to the bit.
      x[i] = μ * w[i] + (1 - μ) * x[i]
    }
  }
}
