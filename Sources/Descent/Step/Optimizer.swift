/// An ``OptimizerPlan`` at work on named parameters.
///
/// A step goes through one visible order:
///
/// 1. *unscale*: gradients are divided by the loss scale, where they are read;
/// 2. *guard*: one pass over all gradients takes their norm; a NaN or an infinity refuses the step
///    before weights or state are touched, and is named;
/// 3. *clip*: gradients are centralized, limited by ``Clipping``, and take noise, where asked;
/// 4. *schedule*: each scheduled hyperparameter takes its value for this step;
/// 5. *precondition*: where the rule needs it, gradients are multiplied by a curvature;
/// 6. *update*: the rule runs over all blocks, on all threads; weights that are stored in 16 bits are
///    rounded.
///
/// Results are bit-identical for any number of threads. A step allocates nothing, once the first ones
/// have made scratch memory, which each thread keeps; only decompositions of matrices (Shampoo, SOAP)
/// take some for the time that they run.
///
/// ```swift
/// let optimizer = try Optimizer<Float>(
///   AdamW(learningRate: 1e-2), parameters: [ParameterInfo("w", shape: [2])])
/// var weights: [[Float]] = [[1, 2]]
/// let report = try optimizer.step(&weights, gradients: [[0.5, -0.5]])
/// ```
public final class Optimizer<S: Scalar> {
  /// What it was made from.
  public let plan: OptimizerPlan
  /// The parameters, in the order in which a step expects their memory.
  public let parameters: [ParameterInfo]
  /// The groups in use, the last of them `default`.
  public let groups: [ParameterGroup]
  /// Each parameter's group, by index into ``groups``.
  public let groupOf: [Int]
  /// The schedules of each of ``groups``.
  private let schedules: [[NamedSchedule]]
  /// How many steps have been applied.
  public internal(set) var appliedSteps = 0

  let needs: ProvidedNeeds<S>
  /// What moves the weights for a rule that evaluates the loss.
  let closure: (any ClosureMethod<S>)?
  let runner: any AnyRuleRunner<S>
  let pipeline: GradientPipeline<S>
  let stored: StoredWeights?

  /// Whether rules may use the loops of ``Kernels`` in place of their own: always, but in tests that
  /// hold both together.
  package var allowsKernels: Bool {
    get { runner.allowsKernels }
    set { runner.allowsKernels = newValue }
  }

  /// An optimizer for `parameters`.
  ///
  /// - Parameters:
  ///   - plan: the rule and everything around it.
  ///   - parameters: names and shapes; names must be unique.
  ///   - needs: what is provided for rules that need more than gradients.
  /// - Throws: ``OptimizerError`` for everything that is wrong with the plan, empty groups, repeated
  ///   names and needs that are not provided.
  public init(
    _ plan: OptimizerPlan, parameters: [ParameterInfo], needs: ProvidedNeeds<S> = .none
  ) throws(OptimizerError) {
    let (resolved, groupOf) = try plan.resolved(for: parameters)
    for rule in [plan.rule] + (plan.groups ?? []).compactMap(\.rule) { try needs.check(for: rule) }
    let parameters = zip(parameters, groupOf).map {
      resolved[$1].group.isFrozen ? $0.frozen : $0
    }
    self.plan = plan
    self.parameters = parameters
    groups = resolved.map(\.group)
    schedules = resolved.map(\.schedules)
    self.groupOf = groupOf
    self.needs = needs
    pipeline = GradientPipeline(parameters, plan.clip, plan.gradient)
    closure = plan.rule.makeMethod(for: parameters, of: S.self)
    runner = try Self.makeRunner(parameters, resolved, groupOf)
    if S.self != Float.self, plan.weights.isRounded { throw .roundedDouble }
    stored = StoredWeights(parameters, plan.weights)
    runner.stored = stored
  }

  /// An optimizer with a rule and nothing else but the customary groups.
  ///
  /// - Throws: as the other initializer.
  public convenience init(
    _ rule: some Rule, parameters: [ParameterInfo], needs: ProvidedNeeds<S> = .none
  ) throws(OptimizerError) {
    try self.init(OptimizerPlan(rule), parameters: parameters, needs: needs)
  }

  /// One runner for all groups with the same kind of rule.
  private static func makeRunner(
    _ parameters: [ParameterInfo], _ groups: [ResolvedGroup], _ groupOf: [Int]
  ) throws(OptimizerError) -> any AnyRuleRunner<S> {
    var members: [SeveralRunners<S>.Member] = []
    for (index, first) in groups.enumerated()
    where !members.contains(where: { $0.groups.contains(index) }) {
      let served = groups.indices.filter { type(of: groups[$0].rule) == type(of: first.rule) }
      let own = groupOf.map { served.firstIndex(of: $0) }
      func make<R: Rule>(_: R) throws(OptimizerError) -> any AnyRuleRunner<S> {
        try RuleRunner<R, S>(
          served.map { groups[$0] },
          parameters: zip(parameters, own).map { $1 == nil ? $0.frozen : $0 },
          groupOf: own.map { $0 ?? 0 })
      }
      members.append(.init(runner: try make(first.rule), groups: served))
    }
    return members.count == 1 ? members[0].runner : SeveralRunners(members)
  }

  // MARK: Metrics

  /// Gives the schedules that follow a metric (``ReduceOnPlateau``) its next value: all of them, or
  /// those of a mode. Without any, nothing happens.
  public func observe(metric: Double, mode: MetricMode? = nil) { runner.observe(metric, mode) }

  /// What those schedules remember: for each of ``groups``, by setting.
  public var scheduleStates: [[String: MetricState]] { runner.scheduleStates }

  // MARK: Looking inside

  /// The name of the rule.
  public var ruleName: String { plan.ruleName }

  /// The name of a group's rule.
  public func ruleName(ofGroup group: Int) -> String {
    groups[group].rule.map { type(of: $0).name } ?? ruleName
  }

  /// The bytes of optimizer state.
  public var stateBytes: Int {
    runner.states.reduce(0) { $0 + $1.bytes } + (closure?.stateBytes ?? 0)
      + (needs.preconditioner?.stateBytes ?? 0) + (stored?.bytes ?? 0)
  }

  /// The format and the bytes of each slot of each parameter.
  public var stateSlots: [StateSlot] {
    runner.states.flatMap(\.entries).map {
      StateSlot(
        parameter: parameters[$0.parameter].name, slot: $0.slot.name, format: $0.format,
        exemption: $0.exemption, bytes: $0.bytes)
    }
  }

  /// Each state array, decoded, by slot and parameter name.
  public var state: [(slot: String, parameter: String, shape: [Int], values: [S])] {
    runner.states.flatMap { store in
      store.entries.map {
        ($0.slot.name, parameters[$0.parameter].name, $0.shape, store.values($0))
      }
    }
      + (stored?.compensation ?? []).map {
        ("compensation", $0.parameter.name, $0.parameter.shape, $0.values.map { S($0) })
      }
  }

  /// The rule's run-long variables, such as Prodigy's d; where each group has its own, `d.no_decay`.
  public var diagnostics: [(name: String, value: Double)] {
    runner.diagnostics(groups: groups.map(\.name))
  }

  /// What metrics say of the rule after a step, by names that are the same for all rules: `d`,
  /// `d_numerator` and `d_denominator`, `relative_step`, `schedule_free_weight`, the least, the median
  /// and the largest `trust_ratio`. Where groups differ, each has its own: `d.no_decay`.
  public var metrics: [(name: String, value: Double)] {
    runner.metrics(groups: groups.map(\.name))
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
      let own = groups[index].vectorsOf ?? groups[index].name
      var later: [String] = []
      for group in groups[(index + 1)...].dropLast() where group.match.matches(parameter) {
        let name = group.vectorsOf ?? group.name
        if name != own, name != ParameterGroup.rest.name, !later.contains(name) {
          later.append(name)
        }
      }
      return later.isEmpty ? nil : (parameter.name, own, later)
    }
  }

  /// The schedules that a group follows, by setting.
  public func schedules(ofGroup group: Int) -> [NamedSchedule] { schedules[group] }

  /// Which of its updates the rule of a parameter, by its index, gives it; nil where it has one.
  public func updateName(of index: Int) -> String? {
    (groups[groupOf[index]].rule ?? plan.rule).updateName(for: parameters[index])
  }

  /// A group's hyperparameters as they are now, schedules applied.
  public func settings(ofGroup group: Int) -> [(name: String, value: SettingValue)] {
    runner.resolvedSettings(group: group)
  }
}

extension Optimizer: Savable {
  /// The version of the form in which an optimizer is saved.
  static var version: Int { 1 }

  /// All that is remembered: see ``SavedState``.
  public func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.constant("state_version", Self.version) {
      .version(saved: $0, known: Self.version)
    }
    try archive.constant("rule", ruleName) { .rule(saved: $0, present: ruleName) }
    var schedules = scheduleStates
    try archive.note("schedules", &schedules) {
      $0.count == groups.count ? nil : .groups(saved: $0.count, present: groups.count)
    }
    var steps = appliedSteps
    try archive.note("applied_steps", &steps)
    try archive.part(runner)
    if let closure { try archive.part(closure) }
    if let stored { try archive.part(stored) }
    if let preconditioner = needs.preconditioner { try archive.part(preconditioner) }
    guard archive.isRestoring else { return }
    appliedSteps = steps
    runner.scheduleStates = schedules
    // The hyperparameters of the last step: weights may be evaluated before the next.
    if steps > 0 { runner.schedule(steps - 1) }
  }
}
