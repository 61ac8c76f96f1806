import Foundation

/// Averaged stochastic gradient descent: decaying steps, and the average of the weights beside.
///
/// ```
/// g ← ∇f(w) + λ·w
/// w ← w·(1 − λ₀·η) − η·g                          λ₀ is lambd
/// x ← w for μ = 1, else x + μ·(w − x)             x is ax
/// η ← lr/(1 + λ₀·lr·t)^α,  μ ← 1/max(1, t − t₀)   for the next step
/// ```
/// State: 4 bytes a parameter in float32, and η and μ, two numbers a tensor.
public struct ASGD: SummingRule {
  /// lr, from which η follows
  public var learningRate = 1e-2
  /// λ₀, decay of the weights and of η
  public var lambda = 1e-4
  /// α, the power of η's decay
  public var alpha = 0.75
  /// t₀, the step after which the average begins
  public var averagingStart = 1e6
  /// λ, added to the gradient
  public var weightDecay = 0.0
  public var maximize = false

  public init() {}

  /// ASGD with the given hyperparameters.
  public init(
    learningRate: Double, lambda: Double = 1e-4, alpha: Double = 0.75,
    averagingStart: Double = 1e6, weightDecay: Double = 0, maximize: Bool = false
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
      "t0", \.averagingStart, .atLeast(0), "t₀: the step after which x is an average",
      source: "torch"),
    .coupledDecay(\.weightDecay),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Gradient descent with decaying steps, and the average of the weights beside.",
    formula: """
      g ← ∇f(w) + λ·w
      w ← w·(1 − λ₀·η) − η·g
      x ← w for μ = 1, else x + μ·(w − x)
      η ← lr/(1 + λ₀·lr·t)^α;  μ ← 1/max(1, t − t₀), for the next step
      """,
    differences: """
      PyTorch's: a change of lr acts one step late, since η is computed at the end of a step. The \
      average is the state `ax`; the weights themselves are not averaged.
      """,
    guidance: """
      For convex problems and the end of a run: set t0 to the step where averaging shall begin \
      and evaluate `ax`. schedule-free-sgd evaluates its average by itself.
      """,
    reference: """
      Polyak, Juditsky: Acceleration of stochastic approximation by averaging, 1992
      """)

  public var needs: Needs { .tensorSums }

  private static let x = Slot("ax", .exact)
  private static let eta = Slot("eta", shape: [])
  private static let mu = Slot("mu", shape: [], initial: 1)

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    [Self.x, Self.eta.starting(at: learningRate), Self.mu]
  }

  /// This step's η and μ, by the tensor's first block, which leaves the next step's in the state.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: NoVariables
  ) -> SIMD4<Double> {
    guard block.offset == 0 else { return .zero }
    let (eta, mu, t) = (block[Self.eta], block[Self.mu], Double(step.t))
    let present = SIMD4(step.t == 1 ? learningRate : Double(eta[0]), Double(mu[0]), 0, 0)
    eta[0] = S(learningRate / pow(1 + lambda * learningRate * t, alpha))
    mu[0] = S(1 / max(1, t - averagingStart))
    return present
  }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: NoVariables
  ) {
    let (w, g, x) = (block.w, block.g, block[Self.x])
    let (η, μ, λ) = (S(sums[0]), S(sums[1]), S(weightDecay))
    let shrink = S(1 - lambda * sums[0])
    for i in block.indices {
      let gi = g[i] + λ * w[i]
      w[i] = w[i] * shrink - η * gi
      // For μ = 1 this is w to the bit.
      x[i] = μ * w[i] + (1 - μ) * x[i]
    }
  }
}
