import DescentCompute
import Foundation

/// Schedule-Free AdamW: averages its iterates instead of lowering the learning rate.
///
/// ```
/// η = lr·min(1, k/W)                 k counts steps from 1
/// c = kʳ·η₊ᵖ / Σ kʳ·η₊ᵖ              over the steps so far;  η₊: the largest η so far
/// v ← β₂·v + (1−β₂)·g²
/// u = g/(√v/√(1−β₂ᵏ) + ε) + λ·y
/// y ← (1−c)·y + c·z + η·(β₁·(1−c) − 1)·u
/// z ← z − η·u
/// x = y + (1 − 1/β₁)·(z − y)         to evaluate and keep
/// ```
/// The stored weights are y, where the gradient must be taken; evaluate and save x, with
/// ``Optimizer/withEvaluationWeights(_:_:)``. State: 8 bytes a parameter in float32.
public struct ScheduleFreeAdamW: ScheduleFreeRule {
  /// lr: the peak of η.
  public var learningRate = 0.0025
  /// β₁: y lies between z (0) and x (1).
  public var beta1 = 0.9
  /// β₂: the decay of the average of g².
  public var beta2 = 0.999
  /// ε, added to the root after bias correction.
  public var epsilon = 1e-8
  /// λ: weight decay at y, scaled by η.
  public var weightDecay = 0.0
  /// W: steps until η reaches lr.
  public var warmupSteps = 0
  /// r: the power of k in the average.
  public var stepPower = 0.0
  /// p: the power of η in the average.
  public var ratePower = 2.0

  public init() {}

  /// Schedule-Free AdamW with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    warmupSteps: Int = Self.defaults.warmupSteps
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    self.warmupSteps = warmupSteps
  }

  public static let name = "schedule-free-adamw"

  public static let settings: [Setting<ScheduleFreeAdamW>] =
    [
      .learningRate(\.learningRate, source: "schedulefree"),
      .betas(
        \.beta1, \.beta2, "β₁: y lies between z (0) and x (1); β₂: decay of the average of g²",
        source: "schedulefree"),
      .epsilon(\.epsilon, source: "schedulefree"),
    ] + averagingSettings

  public static let about = About(
    summary: "AdamW that averages its iterates instead of following a schedule.",
    formula: """
      η = lr·min(1, k/W)                 k counts steps from 1
      c = kʳ·η₊ᵖ / Σ kʳ·η₊ᵖ              over the steps so far;  η₊: the largest η so far
      v ← β₂·v + (1−β₂)·g²
      u = g/(√v/√(1−β₂ᵏ) + ε) + λ·y
      y ← (1−c)·y + c·z + η·(β₁·(1−c) − 1)·u
      z ← z − η·u
      x = y + (1 − 1/β₁)·(z − y)         to evaluate and keep
      """,
    differences: """
      schedulefree 1.4.1's. The stored weights are always y: x is computed for evaluation, and y \
      comes back to the bit, where train() and eval() there lose bits. All groups share k and η₊, \
      those of the first.
      """,
    guidance: """
      Leave the schedule out and set warmup_steps; lr 1 to 10 times AdamW's. Evaluate and save x. \
      A schedule on top would not lower the weight of late steps in the average.
      """,
    reference: paper)

  public func validate() throws(SettingError) {
    if beta1 == 0 { throw .contradiction("betas must begin above 0: x is y + (1 − 1/β₁)·(z − y)") }
  }

  var interpolation: Double { beta1 }

  public func slots(for parameter: ParameterInfo) -> [Slot] { [Self.z, Moments.v] }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) {
    let (β2, taken) = (S(beta2), S(1 - beta2))
    let (c, ε) = (S(1 / (1 - pow(beta2, variables.k)).squareRoot()), S(epsilon))
    let divisor = block.forKernels.map {
      Kernels.ScheduleFreeDivisor(
        v: $0.kept(Moments.v), β2: Float(β2), α2: Float(taken), c: Float(c), ε: Float(ε))
    }
    // Not asked for where a loop of ``Kernels`` takes it as it is kept.
    let v = divisor == nil ? block[Moments.v] : .none
    advance(block, step, variables, divisor) { i, g in
      v[i] = β2 * v[i] + taken * (g * g)
      return g / (v[i].root * c + ε)
    }
  }
}

/// Schedule-Free SGD: averages its iterates instead of lowering the learning rate.
///
/// ```
/// η = lr·min(1, k/W)                 k counts steps from 1
/// c = kʳ·η₊ᵖ / Σ kʳ·η₊ᵖ              over the steps so far;  η₊: the largest η so far
/// u = g + λ·y
/// y ← (1−c)·y + c·z + η·(β·(1−c) − 1)·u
/// z ← z − η·u
/// x = y + (1 − 1/β)·(z − y)          to evaluate and keep
/// ```
/// The stored weights are y, where the gradient must be taken; evaluate and save x, with
/// ``Optimizer/withEvaluationWeights(_:_:)``. State: 4 bytes a parameter in float32.
public struct ScheduleFreeSGD: ScheduleFreeRule {
  /// lr: the peak of η.
  public var learningRate = 1.0
  /// β: y lies between z (0) and x (1).
  public var momentum = 0.9
  /// λ: weight decay at y, scaled by η.
  public var weightDecay = 0.0
  /// W: steps until η reaches lr.
  public var warmupSteps = 0
  /// r: the power of k in the average.
  public var stepPower = 0.0
  /// p: the power of η in the average.
  public var ratePower = 2.0

  public init() {}

  /// Schedule-Free SGD with the given hyperparameters.
  public init(
    learningRate: Double, momentum: Double = Self.defaults.momentum,
    weightDecay: Double = Self.defaults.weightDecay, warmupSteps: Int = Self.defaults.warmupSteps
  ) {
    (self.learningRate, self.momentum) = (learningRate, momentum)
    (self.weightDecay, self.warmupSteps) = (weightDecay, warmupSteps)
  }

  public static let name = "schedule-free-sgd"

  public static let settings: [Setting<ScheduleFreeSGD>] =
    [
      .learningRate(\.learningRate, source: "schedulefree"),
      .number(
        "momentum", \.momentum, .open(0, 1), "β: y lies between z (0) and x (1)",
        source: "schedulefree"),
    ] + averagingSettings

  public static let about = About(
    summary: "Gradient descent that averages its iterates instead of following a schedule.",
    formula: """
      η = lr·min(1, k/W)                 k counts steps from 1
      c = kʳ·η₊ᵖ / Σ kʳ·η₊ᵖ              over the steps so far;  η₊: the largest η so far
      u = g + λ·y
      y ← (1−c)·y + c·z + η·(β·(1−c) − 1)·u
      z ← z − η·u
      x = y + (1 − 1/β)·(z − y)          to evaluate and keep
      """,
    differences: """
      schedulefree 1.4.1's, without inner momentum. The stored weights are always y; x is computed \
      for evaluation. All groups share k and η₊, those of the first.
      """,
    guidance:
      "Leave the schedule out and set warmup_steps; lr 10 to 50 times that of SGD with momentum.",
    reference: paper)

  var interpolation: Double { momentum }

  public func slots(for parameter: ParameterInfo) -> [Slot] { [Self.z] }

  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) {
    advance(block, step, variables, nil) { _, g in g }
  }
}

/// How far the average of a Schedule-Free run has come.
public struct ScheduleFreeVariables: RunVariables {
  /// k: the steps so far.
  public var k = 0.0
  /// The sum of the steps' weights in the average.
  public var weightSum = 0.0
  /// η₊: the largest η so far.
  public var largestRate = -1.0

  /// Before the first step.
  public init() {}

  /// `k`, `weight_sum` and `lr_max`.
  public static let fields: [(name: String, path: SettingPath<ScheduleFreeVariables, Double>)] = [
    ("k", \.k), ("weight_sum", \.weightSum), ("lr_max", \.largestRate),
  ]
}

/// What the two Schedule-Free rules share. The stored weights are y.
protocol ScheduleFreeRule: SummingRule where Variables == ScheduleFreeVariables {
  var learningRate: Double { get set }
  var weightDecay: Double { get set }
  var warmupSteps: Int { get set }
  var stepPower: Double { get set }
  var ratePower: Double { get set }
  /// β: y = (1−β)·z + β·x
  var interpolation: Double { get }
}

extension ScheduleFreeRule {
  static var averagingSettings: [Setting<Self>] {
    [
      .number(
        "weight_decay", \.weightDecay, .atLeast(0), "λ: weight decay at y, scaled by η",
        source: "schedulefree"),
      .integer(
        "warmup_steps", \.warmupSteps, .atLeast(0), "W: steps until η reaches lr",
        source: "schedulefree"),
      .number("r", \.stepPower, .any, "r: power of k in the average", source: "schedulefree"),
      .number(
        "weight_lr_power", \.ratePower, .atLeast(0), "p: power of the largest η in the average",
        source: "schedulefree"),
    ]
  }

  static var paper: String {
    """
    Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky: The Road Less Scheduled, 2024, \
    arXiv:2405.15682
    """
  }

  static var z: Slot { Slot("z", .exact) }

  public var needs: Needs { [] }

  /// η at step k.
  func rate(_ k: Double) -> Double {
    warmupSteps == 0 ? learningRate : learningRate * min(1, max(k, 1) / Double(warmupSteps))
  }

  public func effectiveLearningRate(_ variables: Variables) -> Double { rate(variables.k) }

  /// The variables, and c, the weight of the step in the average.
  public func metrics(
    _ variables: Variables, _ step: Step
  ) -> [(name: String, value: Double)] {
    let fields = Variables.fields.map { ($0.name, variables[keyPath: $0.path]) }
    return fields + [("schedule_free_weight", averageWeight(variables))]
  }

  /// c, the weight of the step in the average.
  private func averageWeight(_ variables: Variables) -> Double {
    variables.weightSum > 0 ? weight(variables) / variables.weightSum : 0
  }

  /// kʳ·η₊ᵖ
  private func weight(_ variables: Variables) -> Double {
    pow(variables.k, stepPower) * pow(variables.largestRate, ratePower)
  }

  public func updateVariables(_ variables: inout Variables, from sums: SIMD4<Double>) -> Bool {
    variables.k += 1
    variables.largestRate = max(variables.largestRate, rate(variables.k))
    variables.weightSum += weight(variables)
    return true
  }

  /// Moves y and z by the direction that `direction(i, g)` gives: the gradient, divided where there is a
  /// divisor.
  @inline(__always)
  func advance<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: Variables,
    _ divisor: Kernels.ScheduleFreeDivisor?, _ direction: (Int, S) -> S
  ) {
    let (y, g, z) = (block.w, block.g, block[Self.z])
    if step.t == 1 {
      for i in block.indices { z[i] = y[i] }
    }
    let share = averageWeight(variables)
    let rate = rate(variables.k)
    let (c, η, λ) = (S(share), S(rate), S(weightDecay))
    let ηy = S(rate * (interpolation * (1 - share) - 1))
    if let block = block.forKernels {
      return Kernels.scheduleFree(
        g: block.g, y: block.w, z: block[Self.z], divisor, share: Float(c), η: Float(η),
        ηy: Float(ηy), λ: Float(λ))
    }
    for i in block.indices {
      let u = direction(i, g[i]) + λ * y[i]
      y[i] += c * (z[i] - y[i]) + ηy * u
      z[i] -= η * u
    }
  }

  public var evaluatesElsewhere: Bool { true }

  public func evaluationWeights<S: Scalar>(_ block: Block<S>, _ variables: Variables) {
    let (w, z, factor) = (block.w, block[Self.z], S(1 - 1 / interpolation))
    for i in block.indices { w[i] += factor * (z[i] - w[i]) }
  }
}
