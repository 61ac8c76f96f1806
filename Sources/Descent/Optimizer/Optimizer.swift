import DescentCompute

/// A rule at work on named parameters: groups, schedules, the non-finite guard, clipping, state.
///
/// A step goes through one visible order:
///
/// 1. *unscale*: gradients are divided by the loss scale, where they are read;
/// 2. *guard*: one pass over all gradients takes their norm; a NaN or an infinity refuses the step
///    before weights or state are touched, and is named;
/// 3. *clip*: gradients are centralized, limited by ``Clipping``, and take noise, where asked;
/// 4. *schedule*: each scheduled hyperparameter takes its value for this step;
/// 5. *precondition*: where the supply says so, gradients are multiplied by a curvature;
/// 6. *update*: the rule runs over all blocks, on all threads; weights that are stored in 16 bits are
///    rounded.
///
/// Results are bit-identical for any number of threads. A step of a rule that works by elements or
/// sums allocates nothing; those that need whole tensors take scratch memory.
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
  private let rule: any Rule
  /// The name of the rule.
  public var ruleName: String { type(of: rule).name }
  /// How gradients are limited.
  public var clipping: Clipping { pipeline.clipping }
  /// What else happens to gradients.
  public var gradientTools: GradientTools { pipeline.tools }
  /// How many steps have been applied.
  public internal(set) var appliedSteps = 0

  let supply: Supply<S>
  /// The method of a ``ClosureRule``.
  let closure: ClosureOptimizer<S>?
  let runner: any AnyRuleRunner<S>
  let pipeline: GradientPipeline<S>
  let stored: StoredWeights?

  /// An optimizer for `parameters`.
  ///
  /// - Parameters:
  ///   - rule: the rule with its hyperparameters.
  ///   - parameters: names and shapes; names must be unique.
  ///   - groups: tried in order, first match wins; what none takes has the rule's own
  ///     hyperparameters. By default vectors (norms, biases) have no weight decay. A group may have
  ///     another rule.
  ///   - state: how state is stored; a group may change it by the settings of ``StateStorage``.
  ///   - schedules: hyperparameters that follow a schedule, by setting name (`betas[0]` is one
  ///     number of several); each group's own value is the schedule's base, and a group's own
  ///     schedule goes before.
  ///   - clip: how gradients are limited; by default they are not.
  ///   - gradient: what else happens to gradients; by default nothing.
  ///   - weights: how weights are stored; in 16 bits only for `Optimizer<Float>`.
  ///   - supply: what the rule needs besides gradients.
  /// - Throws: ``OptimizerError`` for contradictions, empty groups, repeated names and a rule whose
  ///   needs are not supplied.
  public init(
    _ rule: some Rule, parameters: [ParameterInfo],
    groups: [ParameterGroup] = [.vectorsWithoutDecay], state: StateStorage = StateStorage(),
    schedules: [(setting: String, schedule: any Schedule)] = [],
    clip: Clipping = Clipping(), gradient: GradientTools = GradientTools(),
    weights: WeightStorage = .float32, supply: Supply<S> = .nothing
  ) throws(OptimizerError) {
    try supply.check(for: rule)
    try Self.check(clip)
    try Self.check(gradient)
    var names = Set<String>()
    for parameter in parameters where !names.insert(parameter.name).inserted {
      throw .duplicateParameter(parameter.name)
    }
    let (used, groupOf) = try Self.assign(parameters, to: groups, decays: rule.decaysWeights)
    for group in used { if let own = group.rule { try Self.check(own, supply) } }
    let parameters = zip(parameters, groupOf).map { used[$1].isFrozen ? $0.frozen : $0 }
    self.parameters = parameters
    self.groups = used
    self.groupOf = groupOf
    self.rule = rule
    pipeline = GradientPipeline(parameters, clip, gradient)
    self.supply = supply
    closure = try Self.makeClosure(rule, parameters, used, pipeline)
    runner = try Self.makeRunner(rule, state, parameters, used, groupOf, schedules)
    stored = StoredWeights(parameters, weights)
    runner.stored = stored
  }

  private static func check<Settings: Configurable>(
    _ settings: Settings
  ) throws(OptimizerError) {
    do throws(SettingErrors) {
      try settings.check()
    } catch { throw .settings(of: Settings.name, error) }
  }

  /// A rule of a group's own: it gets what the optimizer is supplied with, and no more.
  private static func check(_ rule: any Rule, _ supply: Supply<S>) throws(OptimizerError) {
    guard !(rule is any LayerRule || rule is any ClosureRule) else {
      throw .cannotHonour(
        rule: type(of: rule).name, what: "parameters that have another rule",
        advice: "make it the optimizer's own rule, or choose an elementwise one for the group")
    }
    try supply.check(for: rule)
  }

  /// One runner for all groups with the same rule.
  private static func makeRunner(
    _ rule: any Rule, _ state: StateStorage, _ parameters: [ParameterInfo],
    _ groups: [ParameterGroup], _ groupOf: [Int],
    _ schedules: [(setting: String, schedule: any Schedule)]
  ) throws(OptimizerError) -> any AnyRuleRunner<S> {
    let rules = groups.map { $0.rule ?? rule }
    var members: [SeveralRunners<S>.Member] = []
    for (index, first) in rules.enumerated()
    where !members.contains(where: { $0.groups.contains(index) }) {
      let served = rules.indices.filter { type(of: rules[$0]) == type(of: first) }
      let runner = try makeRunner(
        first, served, rules, state, parameters, groups, groupOf, schedules)
      members.append(.init(runner: runner, groups: served))
    }
    return members.count == 1 ? members[0].runner : SeveralRunners(members)
  }

  /// A runner for the groups `served`, which have rules of the type of `first`.
  private static func makeRunner<R: Rule>(
    _ first: R, _ served: [Int], _ rules: [any Rule], _ state: StateStorage,
    _ parameters: [ParameterInfo], _ groups: [ParameterGroup], _ groupOf: [Int],
    _ schedules: [(setting: String, schedule: any Schedule)]
  ) throws(OptimizerError) -> any AnyRuleRunner<S> {
    var own: [R] = []
    var storages: [StateStorage] = []
    for index in served {
      own.append(try groups[index].applied(to: rules[index] as! R))
      storages.append(try groups[index].applied(to: state))
    }
    // What follows a schedule in all groups, a group with another rule may lack.
    let common = schedules.filter { item in
      served.count == groups.count || R.has(item.setting)
        || !rules.contains { type(of: $0).has(item.setting) }
    }
    let places = groupOf.map { served.firstIndex(of: $0) }
    return try RuleRunner<R, S>(
      own, storages: storages,
      parameters: zip(parameters, places).map { $1 == nil ? $0.frozen : $0 },
      groupOf: places.map { $0 ?? 0 }, schedules: served.map { groups[$0].overriding(common) })
  }

  /// A method that evaluates the loss treats all parameters as one vector.
  private static func makeClosure(
    _ rule: some Rule, _ parameters: [ParameterInfo], _ groups: [ParameterGroup],
    _ pipeline: GradientPipeline<S>
  ) throws(OptimizerError) -> ClosureOptimizer<S>? {
    guard let lbfgs = rule as? LBFGS else { return nil }
    let objections = lbfgs.objections(
      groups: groups, clip: pipeline.clipping, gradient: pipeline.tools)
    if let objection = objections.first {
      throw objection
    }
    return try ClosureOptimizer(lbfgs, parameters: parameters)
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
    guard
      let gradients = unsafe pipeline.prepare(
        memory.baseAddress!, step: appliedSteps, unscale: unscale)
    else {
      if case .preconditioner(let preconditioner) = supply { preconditioner.discard() }
      let culprit = unsafe pipeline.firstNonFinite(memory.baseAddress!)!
      return StepReport(
        outcome: .refused(culprit), step: appliedSteps,
        gradientNorm: unsafe pipeline.norm(memory.baseAddress!), clipCoefficient: 1,
        clipped: false,
        effectiveLearningRate: runner.effectiveLearningRate(group: groupOf.first ?? 0))
    }
    runner.schedule(appliedSteps)
    unsafe stored?.begin(memory.baseAddress!, step: appliedSteps)
    let preconditioned = unsafe update(
      UnsafeBufferPointer(start: gradients.memory, count: memory.count), scale: gradients.scale)
    appliedSteps += 1
    var report = StepReport(
      outcome: .applied, step: appliedSteps, gradientNorm: unsafe gradients.norm,
      clipCoefficient: unsafe gradients.coefficient, clipped: unsafe gradients.clipped,
      effectiveLearningRate: runner.effectiveLearningRate(group: groupOf.first ?? 0))
    report.lostUpdates = stored?.report
    report.preconditioner = preconditioned
    if case .curvature(let estimate) = supply, curvatureIsDue {
      let weights = unsafe zip(parameters, memory).map { parameter, memory in
        unsafe Array(UnsafeBufferPointer(start: memory.weights, count: parameter.count))
      }
      report.curvature = fold(estimate(appliedSteps, weights))
    }
    return report
  }

  /// Rounds weights to the format in which they are stored, as is needed before the first gradient;
  /// changes nothing where they are float32.
  @unsafe
  public func roundWeights(_ memory: UnsafeBufferPointer<ParameterMemory<S>>) {
    unsafe stored?.load(memory.baseAddress!)
  }

  /// Each group's rule, as declared.
  var rules: [any Rule] { groups.map { $0.rule ?? rule } }

  /// What comes before the updates of a step whose gradients are released one by one.
  func beginUpdates(_ memory: UnsafePointer<ParameterMemory<S>>) {
    runner.schedule(appliedSteps)
    unsafe stored?.begin(memory, step: appliedSteps)
  }

  /// What comes after them.
  func endUpdates(
    _ outcome: StepReport.Outcome, norm: Double, coefficient: Double
  ) -> StepReport {
    if outcome == .applied { appliedSteps += 1 }
    var report = StepReport(
      outcome: outcome, step: appliedSteps, gradientNorm: norm, clipCoefficient: coefficient,
      clipped: coefficient < 1,
      effectiveLearningRate: runner.effectiveLearningRate(group: groupOf.first ?? 0))
    report.lostUpdates = stored?.report
    return report
  }

  /// Runs the rule, on preconditioned gradients where the supply says so.
  private func update(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, scale: Double
  ) -> PreconditionerReport? {
    guard case .preconditioner(let preconditioner) = supply else {
      unsafe runner.run(memory.baseAddress!, scale: scale)
      return nil
    }
    let (changed, report) = unsafe preconditioner.precondition(
      memory, of: parameters, for: runner.rule, scale: scale
    ) { runner.effectiveLearningRate(group: groupOf[$0]) }
    unsafe changed.withUnsafeBufferPointer { unsafe runner.run($0.baseAddress!, scale: scale) }
    return report
  }

  /// Lets a ``ClosureRule`` move the weights, with evaluations of the loss at the weights in memory;
  /// other rules evaluate once. The schedule acts as in ``step(_:unscale:)``.
  ///
  /// - Parameters:
  ///   - memory: as for ``step(_:unscale:)``; `evaluate` writes the gradients there.
  ///   - evaluate: computes the loss and the gradients; must give the same for the same weights.
  @unsafe
  public func step(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, evaluate: () throws -> Double
  ) rethrows -> StepReport {
    guard let closure else {
      _ = try evaluate()
      return unsafe step(memory)
    }
    runner.schedule(appliedSteps)
    closure.rule = runner.rule as! LBFGS
    var norm: Double?
    let report = try unsafe closure.step(memory) {
      let loss = try evaluate()
      if norm == nil { norm = unsafe pipeline.norm(memory.baseAddress!) }
      return loss
    }
    let counts = report.exit != .nonFiniteStart
    // Without a line search the last iterate is not evaluated.
    let moved =
      counts && report.finalLoss != report.entryLoss
      || report.exit == .iterations && closure.rule.lineSearch == .none
    if counts { appliedSteps += 1 }
    var result = StepReport(
      outcome: moved ? .applied : .unmoved(report.exit), step: appliedSteps,
      gradientNorm: norm ?? .nan, clipCoefficient: 1, clipped: false,
      effectiveLearningRate: closure.rule.learningRate)
    result.closure = report
    return result
  }

  /// Updates arrays of weights from arrays of gradients, in the order of ``parameters``; nil is a
  /// parameter that has no gradient in this step.
  public func step(
    _ weights: inout [[S]], gradients: [[S]?], unscale: Double = 1
  ) -> StepReport {
    precondition(gradients.count == weights.count, "one gradient (or nil) for each parameter")
    return unsafe parameters.withMemory(&weights, gradients) { unsafe step($0, unscale: unscale) }
  }

  /// Whether the rule takes curvature estimates: see ``foldCurvature(_:)``.
  public var takesCurvature: Bool { runner.takesCurvature }

  /// Whether an estimate is to be folded in now, after the last applied step.
  public var curvatureIsDue: Bool {
    (runner.rule as? any CurvatureRule)?.takesEstimate(after: appliedSteps) ?? false
  }

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
    return unsafe fold(memory.baseAddress!)
  }

  /// Takes arrays of estimates, in the order of ``parameters``; nil is a parameter without one.
  public func foldCurvature(_ estimates: [[S]?]) throws(OptimizerError) -> StepReport.Outcome {
    guard runner.takesCurvature else { throw .takesNoCurvature(rule: ruleName) }
    return fold(estimates)
  }

  private func fold(_ estimates: [[S]?]) -> StepReport.Outcome {
    var unused = parameters.indices.map { i in
      estimates[i] ?? Array(repeating: 0, count: parameters[i].count)
    }
    return unsafe parameters.withMemory(&unused, estimates) { memory in
      unsafe fold(memory.baseAddress!)
    }
  }

  private func fold(_ base: UnsafePointer<ParameterMemory<S>>) -> StepReport.Outcome {
    if let culprit = unsafe pipeline.firstNonFinite(base) { return .refused(culprit) }
    unsafe runner.foldCurvature(base)
    return .applied
  }

  /// Calls `body` with the weights to evaluate and keep in place of the stored ones, and puts the
  /// stored ones back, to the bit. The same weights for all rules but those that train at another
  /// point (look-ahead Nesterov, Schedule-Free).
  @unsafe
  public func withEvaluationWeights<Result>(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, _ body: () throws -> Result
  ) rethrows -> Result {
    guard runner.evaluatesElsewhere else { return try body() }
    return try unsafe parameters.keepingWeights(memory) {
      unsafe runner.evaluationWeights(memory.baseAddress!)
      return try body()
    }
  }

  /// The weights to evaluate and keep, from the stored ones.
  public func evaluationWeights(of weights: [[S]]) -> [[S]] {
    var copy = weights
    let none = [[S]?](repeating: nil, count: weights.count)
    unsafe parameters.withMemory(&copy, none) { memory in
      if runner.evaluatesElsewhere { unsafe runner.evaluationWeights(memory.baseAddress!) }
    }
    return copy
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

  /// Whether ``withEvaluationWeights(_:_:)`` gives other weights than the stored ones.
  public var evaluatesElsewhere: Bool { runner.evaluatesElsewhere }

  // MARK: The guard

  /// The first element of a gradient that is NaN or infinite, if there is one.
  @unsafe
  public func nonFiniteGradient(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>
  ) -> StepReport.NonFinite? {
    unsafe pipeline.firstNonFinite(memory.baseAddress!)
  }

  // MARK: Looking inside

  /// The bytes of optimizer state.
  public var stateBytes: Int {
    var bytes = runner.states.reduce(0) { $0 + $1.bytes } + (closure?.stateBytes ?? 0)
    if case .preconditioner(let preconditioner) = supply { bytes += preconditioner.stateBytes }
    return bytes + (stored?.bytes ?? 0)
  }

  /// The format and the bytes of each slot of each parameter.
  public var stateSlots: [StateSlot] {
    runner.states.flatMap(\.entries).map {
      StateSlot(
        parameter: parameters[$0.parameter].name, slot: $0.slot, format: $0.format,
        exemption: $0.exemption, bytes: $0.bytes)
    }
  }

  /// Each state array, decoded, by slot and parameter name.
  public var state: [(slot: String, parameter: String, shape: [Int], values: [S])] {
    runner.states.flatMap { store in
      store.entries.map {
        ($0.slot, parameters[$0.parameter].name, $0.shape, store.values($0))
      }
    }
      + (stored?.compensation ?? []).map {
        ("compensation", $0.parameter.name, $0.parameter.shape, $0.values.map { S($0) })
      }
  }

  /// The rule's run-long scalars, such as Prodigy's d; where each group has its own, `d.no_decay`.
  public var diagnostics: [(name: String, value: Double)] {
    runner.diagnostics(groups: groups.map(\.name))
  }

  /// The learning rate that acts on each group that has parameters, as
  /// ``StepReport/effectiveLearningRate`` does for the first parameter's.
  public var effectiveLearningRates: [(group: String, value: Double)] {
    groups.indices.filter(groupOf.contains).map {
      (groups[$0].name, runner.effectiveLearningRate(group: $0))
    }
  }

  /// The parameters that a later group asked for as well as the one that has them.
  public var overlaps: [(parameter: String, group: String, also: [String])] {
    zip(parameters, groupOf).compactMap { parameter, index in
      let later = groups[(index + 1)...].dropLast().filter { $0.match.matches(parameter) }
      guard !later.isEmpty else { return nil }
      return (parameter.name, groups[index].name, later.map(\.name))
    }
  }

  /// How the rule of a parameter, by its index, treats it; nil where it treats all alike.
  public func treatment(of index: Int) -> String? {
    (groups[groupOf[index]].rule ?? rule).treatment(of: parameters[index])
  }

  /// The name of a group's rule.
  public func ruleName(ofGroup group: Int) -> String {
    groups[group].rule.map { type(of: $0).name } ?? ruleName
  }

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
