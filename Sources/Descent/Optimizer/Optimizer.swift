import DescentCompute

/// A rule at work on named parameters: groups, schedules, the non-finite guard, clipping, state.
///
/// A step goes through one visible order:
///
/// 1. *unscale*: gradients are divided by the loss scale, where they are read;
/// 2. *guard*: one pass over all gradients takes their norm; a NaN or an infinity refuses the step
///    before weights or state are touched, and is named;
/// 3. *clip*: the gradients are scaled so that their norm is at most ``clipNorm``;
/// 4. *schedule*: each scheduled hyperparameter takes its value for this step;
/// 5. *update*: the rule runs over all blocks, on all threads; weights that are stored in 16 bits are
///    rounded.
///
/// Results are bit-identical for any number of threads, and a step allocates nothing.
///
/// ```swift
/// let optimizer = try Optimizer<Float>(
///   AdamW(learningRate: 1e-2), parameters: [ParameterInfo("w", shape: [2])])
/// var weights: [[Float]] = [[1, 2]]
/// let report = optimizer.step(&weights, gradients: [[0.5, -0.5]])
/// ```
@safe
public final class Optimizer<S: Scalar> {
  /// The parameters, in the order in which a step expects their memory.
  public let parameters: [ParameterInfo]
  /// The groups in use, the last of them `default`.
  public let groups: [ParameterGroup]
  /// Each parameter's group, by index into ``groups``.
  public let groupOf: [Int]
  /// The name of the rule.
  public let ruleName: String
  /// The largest gradient norm that is not scaled down; nil never clips.
  public let clipNorm: Double?
  /// How many steps have been applied.
  public private(set) var appliedSteps = 0

  private let runner: any AnyRuleRunner<S>
  private let stored: StoredWeights?
  private let plan: BlockPlan
  /// Each piece's part of the sum of squares.
  private let squares: UnsafeMutableBufferPointer<Double>

  /// An optimizer for `parameters`.
  ///
  /// - Parameters:
  ///   - rule: the rule with its hyperparameters.
  ///   - parameters: names and shapes; names must be unique.
  ///   - groups: tried in order, first match wins; what none takes has the rule's own
  ///     hyperparameters. By default vectors (norms, biases) have no weight decay.
  ///   - schedules: hyperparameters that follow a schedule, by setting name (`betas[0]` is one
  ///     number of several); each group's own value is the schedule's base, and a group's own
  ///     schedule goes before.
  ///   - clipNorm: the largest global L2 norm of the gradients, above 0; nil never clips.
  ///   - weights: how weights are stored; in 16 bits only for `Optimizer<Float>`.
  /// - Throws: ``OptimizerError`` for contradictions, empty groups and repeated names.
  public init(
    _ rule: some Rule, parameters: [ParameterInfo],
    groups: [ParameterGroup] = [.vectorsWithoutDecay],
    schedules: [(setting: String, schedule: any Schedule)] = [], clipNorm: Double? = nil,
    weights: WeightStorage = .float32
  ) throws(OptimizerError) {
    if let clipNorm, !(clipNorm > 0) { throw .clipNorm(clipNorm) }
    var names = Set<String>()
    for parameter in parameters where !names.insert(parameter.name).inserted {
      throw .duplicateParameter(parameter.name)
    }
    let (used, groupOf) = try Self.assign(parameters, to: groups, decays: rule.decaysWeights)
    self.parameters = parameters
    self.groups = used
    self.groupOf = groupOf
    self.clipNorm = clipNorm
    ruleName = type(of: rule).name
    plan = BlockPlan(parameters)
    unsafe squares = .allocate(capacity: plan.pieces.count)
    unsafe squares.initialize(repeating: 0)
    runner = try Self.makeRunner(rule, parameters, used, groupOf, schedules)
    stored = StoredWeights(parameters, weights)
    runner.stored = stored
  }

  deinit { unsafe squares.deallocate() }

  private static func makeRunner<R: Rule>(
    _ rule: R, _ parameters: [ParameterInfo], _ groups: [ParameterGroup], _ groupOf: [Int],
    _ schedules: [(setting: String, schedule: any Schedule)]
  ) throws(OptimizerError) -> any AnyRuleRunner<S> {
    var rules: [R] = []
    for group in groups { rules.append(try group.applied(to: rule)) }
    let given = groups.map { $0.overriding(schedules) }
    return try RuleRunner<R, S>(
      rules, parameters: parameters, groupOf: groupOf, schedules: given)
  }

  /// Finds each parameter's group. The customary group is dropped where it would change nothing.
  private static func assign(
    _ parameters: [ParameterInfo], to groups: [ParameterGroup], decays: Bool
  ) throws(OptimizerError) -> ([ParameterGroup], [Int]) {
    let isCustomary = groups.count == 1 && groups[0].name == ParameterGroup.vectorsWithoutDecay.name
    let given = isCustomary && !decays ? [] : groups
    let all = given + [ParameterGroup("default", ParameterMatch())]
    let groupOf = parameters.map { parameter in
      all.firstIndex { $0.match.matches(parameter) } ?? all.count - 1
    }
    if !isCustomary {
      for (index, group) in given.enumerated() where !groupOf.contains(index) {
        throw .emptyGroup(name: group.name, match: group.match.description)
      }
    }
    return (all, groupOf)
  }

  // MARK: Stepping

  /// Updates the weights from the gradients, or refuses and says why.
  ///
  /// - Parameters:
  ///   - memory: one entry for each of ``parameters``, in their order; the memory must hold as many
  ///     elements as the parameter's shape says.
  ///   - unscale: what gradients are multiplied by before anything else: ``LossScaler/inverse``.
  @unsafe
  public func step(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, unscale: Double = 1
  ) -> StepReport {
    precondition(memory.count == parameters.count)
    let base = memory.baseAddress!
    let norm = unsafe squaredNorm(base).squareRoot() * unscale
    if !norm.isFinite, let culprit = unsafe firstNonFinite(base) {
      return StepReport(
        outcome: .refused(culprit), step: appliedSteps, gradientNorm: norm, clipCoefficient: 1,
        effectiveLearningRate: runner.effectiveLearningRate(group: groupOf.first ?? 0))
    }
    // PyTorch's coefficient, its 1e-6 included.
    let coefficient = clipNorm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
    runner.schedule(appliedSteps)
    unsafe stored?.begin(base, step: appliedSteps)
    unsafe runner.run(base, scale: coefficient * unscale)
    appliedSteps += 1
    var report = StepReport(
      outcome: .applied, step: appliedSteps, gradientNorm: norm, clipCoefficient: coefficient,
      effectiveLearningRate: runner.effectiveLearningRate(group: groupOf.first ?? 0))
    report.lostUpdates = stored?.report
    return report
  }

  /// Gives Kahan's compensation back, as ``state`` had it in the slot `compensation`; with the weights
  /// and the number of applied steps, rounding goes on as if it had never stopped.
  public func restoreCompensation(_ values: [Float], of parameter: String) {
    guard let index = parameters.firstIndex(where: { $0.name == parameter }) else { return }
    stored?.restore(values, of: index)
  }

  /// Rounds weights to the format in which they are stored, as is needed before the first gradient;
  /// changes nothing where they are float32.
  @unsafe
  public func roundWeights(_ memory: UnsafeBufferPointer<ParameterMemory<S>>) {
    unsafe stored?.load(memory.baseAddress!)
  }

  /// Updates arrays of weights from arrays of gradients, in the order of ``parameters``; nil is a
  /// parameter that has no gradient in this step.
  public func step(
    _ weights: inout [[S]], gradients: [[S]?], unscale: Double = 1
  ) -> StepReport {
    precondition(gradients.count == weights.count, "one gradient (or nil) for each parameter")
    return unsafe withMemory(&weights, gradients) { unsafe step($0, unscale: unscale) }
  }

  /// Whether the rule takes curvature estimates: see ``foldCurvature(_:)``.
  public var takesCurvature: Bool { runner.takesCurvature }

  /// Takes estimates of the Hessian's diagonal into the state of a ``CurvatureRule``, or refuses
  /// them and says why, as ``step(_:)`` does with gradients. Neither clips nor counts as a step.
  ///
  /// - Parameter memory: as for ``step(_:)``, each estimate in the place of the gradient; nil where
  ///   there is none. What an estimate is, the rule's documentation says.
  /// - Throws: ``OptimizerError/takesNoCurvature(rule:)``.
  @unsafe
  public func foldCurvature(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>
  ) throws(OptimizerError) -> StepReport.Outcome {
    guard runner.takesCurvature else { throw .takesNoCurvature(rule: ruleName) }
    precondition(memory.count == parameters.count)
    let base = memory.baseAddress!
    if let culprit = unsafe firstNonFinite(base) { return .refused(culprit) }
    unsafe runner.foldCurvature(base)
    return .applied
  }

  /// Takes arrays of estimates, in the order of ``parameters``; nil is a parameter without one.
  public func foldCurvature(_ estimates: [[S]?]) throws(OptimizerError) -> StepReport.Outcome {
    guard runner.takesCurvature else { throw .takesNoCurvature(rule: ruleName) }
    var unused = parameters.indices.map { i in
      estimates[i] ?? Array(repeating: 0, count: parameters[i].count)
    }
    var result = Result<StepReport.Outcome, OptimizerError>.success(.applied)
    unsafe withMemory(&unused, estimates) { memory in
      result = Result { () throws(OptimizerError) in unsafe try foldCurvature(memory) }
    }
    return try result.get()
  }

  /// Calls `body` with the weights to evaluate and keep in place of the stored ones, and puts the
  /// stored ones back, to the bit. The same weights for all rules but those that train at another
  /// point (look-ahead Nesterov, Schedule-Free).
  @unsafe
  public func withEvaluationWeights<Result>(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, _ body: () throws -> Result
  ) rethrows -> Result {
    guard runner.evaluatesElsewhere else { return try body() }
    let stored = unsafe zip(parameters, memory).map { parameter, memory in
      unsafe Array(UnsafeBufferPointer(start: memory.weights, count: parameter.count))
    }
    unsafe runner.evaluationWeights(memory.baseAddress!)
    defer {
      for (index, values) in stored.enumerated() {
        for i in values.indices { unsafe memory[index].weights[i] = values[i] }
      }
    }
    return try body()
  }

  /// The weights to evaluate and keep, from the stored ones.
  public func evaluationWeights(of weights: [[S]]) -> [[S]] {
    var copy = weights
    let none = [[S]?](repeating: nil, count: weights.count)
    unsafe withMemory(&copy, none) { memory in
      if runner.evaluatesElsewhere { unsafe runner.evaluationWeights(memory.baseAddress!) }
    }
    return copy
  }

  /// Copies arrays to one piece of memory and the weights back: a convenience, not the fast path.
  private func withMemory<Result>(
    _ weights: inout [[S]], _ gradients: [[S]?],
    _ body: (UnsafeBufferPointer<ParameterMemory<S>>) -> Result
  ) -> Result {
    precondition(weights.count == parameters.count && gradients.count == parameters.count)
    var w = weights.flatMap(\.self)
    let g = gradients.indices.flatMap { gradients[$0] ?? weights[$0] }
    let starts = parameters.indices.map { i in parameters[..<i].reduce(0) { $0 + $1.count } }
    precondition(g.count == w.count && w.count == parameters.reduce(0) { $0 + $1.count })
    let result = unsafe w.withUnsafeMutableBufferPointer { w in
      unsafe g.withUnsafeBufferPointer { g in
        let memory = unsafe zip(starts, gradients).map { start, gradient in
          unsafe ParameterMemory(
            weights: w.baseAddress! + start,
            gradient: gradient == nil ? nil : g.baseAddress! + start)
        }
        return unsafe memory.withUnsafeBufferPointer { unsafe body($0) }
      }
    }
    for (index, start) in starts.enumerated() {
      weights[index] = Array(w[start..<start + parameters[index].count])
    }
    return result
  }

  // MARK: Metrics

  /// Gives the schedules that follow a metric (``ReduceOnPlateau``) its next value: all of them, or
  /// those of a mode. Without any, nothing happens.
  public func observe(metric: Double, mode: MetricMode? = nil) { runner.observe(metric, mode) }

  /// What those schedules remember, for a checkpoint: for each of ``groups``, by setting.
  public var scheduleStates: [[String: MetricState]] {
    get { runner.scheduleStates }
    set { runner.scheduleStates = newValue }
  }

  // MARK: The guard

  /// Σ g² over all parameters, in double, its parts added in the order of the pieces.
  private func squaredNorm(_ memory: UnsafePointer<ParameterMemory<S>>) -> Double {
    let (pieces, squares) = unsafe (plan.pieces, squares)
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      guard let g = unsafe memory[piece.parameter].gradient else {
        unsafe squares[index] = 0
        return
      }
      unsafe squares[index] = sumOfSquares(g + piece.offset, piece.count)
    }
    return unsafe squares.reduce(0, +)
  }

  /// The first element of a gradient that is NaN or infinite, if there is one.
  @unsafe
  public func nonFiniteGradient(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>
  ) -> StepReport.NonFinite? {
    unsafe firstNonFinite(memory.baseAddress!)
  }

  private func firstNonFinite(
    _ memory: UnsafePointer<ParameterMemory<S>>
  ) -> StepReport.NonFinite? {
    for piece in plan.pieces {
      guard let g = unsafe memory[piece.parameter].gradient else { continue }
      for i in piece.offset..<piece.offset + piece.count where unsafe !g[i].isFinite {
        return unsafe StepReport.NonFinite(
          parameter: parameters[piece.parameter].name, element: i, value: Double(g[i]))
      }
    }
    return nil
  }

  // MARK: Looking inside

  /// The bytes of optimizer state.
  public var stateBytes: Int { runner.state.bytes + (stored?.bytes ?? 0) }

  /// Each state array, by slot and parameter name.
  public var state: [(slot: String, parameter: String, shape: [Int], values: [S])] {
    let state = runner.state
    return state.entries.map {
      ($0.slot, parameters[$0.parameter].name, $0.shape, state.values($0))
    }
      + (stored?.compensation ?? []).map {
        ("compensation", $0.parameter.name, $0.parameter.shape, $0.values.map { S($0) })
      }
  }

  /// The rule's run-long scalars, such as Prodigy's d.
  public var diagnostics: [(name: String, value: Double)] { runner.memoryFields }

  /// A group's hyperparameters as they are now, schedules applied.
  public func settings(ofGroup group: Int) -> [(name: String, value: SettingValue)] {
    runner.resolvedSettings(group: group)
  }
}

extension Rule {
  /// Whether some hyperparameter called `weight_decay` is on.
  fileprivate var decaysWeights: Bool {
    resolved.contains { $0.name == "weight_decay" && $0.value != .number(0) }
  }
}
