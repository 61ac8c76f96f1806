/// What ``Optimizer`` asks of a runner, whatever its rule.
protocol AnyRuleRunner<S>: AnyObject, Savable {
  associatedtype S: Scalar
  /// Sets every scheduled hyperparameter for the step that follows `step` applied ones.
  func schedule(_ step: Int)
  /// Brings the rule's variables to the step that begins, where they depend on no sums.
  func begin()
  /// Feeds the schedules that follow a metric.
  func observe(_ metric: Double, _ mode: MetricMode?)
  /// What those schedules remember: for each group, by setting.
  var scheduleStates: [[String: MetricState]] { get set }
  /// Updates the parameters that have a gradient, which is multiplied by `scale`: all of them, or one
  /// alone.
  func run(_ memory: [ParameterMemory<S>], scale: Double, only parameter: Int?)
  /// Whether stored weights differ from the ones to evaluate.
  var evaluatesElsewhere: Bool { get }
  /// Turns stored weights, in place, into the weights to evaluate.
  func evaluationWeights(_ memory: [ParameterMemory<S>])
  /// The rule of the default group with the hyperparameters of this step.
  var rule: any Rule { get }
  /// Whether the rule takes curvature estimates.
  var takesCurvature: Bool { get }
  /// Takes the estimates, which stand in the place of the gradients, into the state.
  func foldCurvature(_ memory: [ParameterMemory<S>])
  /// The learning rate that acts on the parameters of a group.
  func effectiveLearningRate(group: Int) -> Double
  /// The hyperparameters of a group as they are now.
  func resolvedSettings(group: Int) -> [(name: String, value: SettingValue)]
  var states: [StateStore<S>] { get }
  /// Weights in 16 bits, which the update rounds.
  var stored: StoredWeights? { get set }
  /// Whether rules may use the loops of ``Kernels`` in place of their own: always, but in tests that
  /// hold both together.
  var allowsKernels: Bool { get set }
  /// The rule's variables, with the name of the group where each has its own.
  func diagnostics(groups: [String]) -> [(name: String, value: Double)]
  /// What metrics say of the rule, with the name of the group where groups differ.
  func metrics(groups: [String]) -> [(name: String, value: Double)]
}

/// One kind of rule at work: its groups, its parameters, their state and step counts, and the
/// sweeps over blocks. The only place that knows both rules and memory.
final class RuleRunner<R: Rule, S: Scalar>: AnyRuleRunner {
  let parameters: [ParameterInfo]
  /// Each parameter's group.
  private let groupOf: [Int]
  private let plan: BlockPlan
  /// Whether blocks are whole tensors.
  private let wholeTensors: Bool
  /// −1 for each parameter whose objective is maximized, else 1.
  private let signs: [S]
  /// Each group's rule with this step's scheduled values.
  private var scheduled: [R]
  private var schedules: [ScheduledSettings<R>]
  /// t of each parameter.
  private var updates: [Int]
  /// One set for all parameters, or one for each group.
  private var variables: [R.Variables]
  private let sharesVariables: Bool
  /// Whether the update of the parameters of those variables runs in this step.
  private var runs: [Bool]
  let state: StateStore<S>
  var stored: StoredWeights?
  var allowsKernels = true
  /// The parts of the sums: one for each piece, then one for each parameter.
  private let partials: StateMemory<SIMD4<Double>>
  private let sums: StateMemory<SIMD4<Double>>

  /// - Parameter groups: those that the runner serves, with rules of its kind.
  init(
    _ groups: [ResolvedGroup], parameters: [ParameterInfo], groupOf: [Int]
  ) throws(OptimizerError) {
    let rules = groups.compactMap { $0.rule as? R }
    precondition(rules.count == groups.count)
    var schedules: [ScheduledSettings<R>] = []
    for (rule, group) in zip(rules, groups) {
      schedules.append(try .init(group, of: rule))
    }
    self.schedules = schedules
    self.parameters = parameters
    self.groupOf = groupOf
    scheduled = rules
    signs = groupOf.map { rules[$0].maximize ? -1 : 1 }
    wholeTensors = rules.contains { $0.needs.contains(.wholeTensors) }
    plan = BlockPlan(parameters, wholeTensors: wholeTensors)
    updates = Array(repeating: 0, count: parameters.count)
    partials = StateMemory(count: plan.pieces.count, initial: .zero)
    sums = StateMemory(count: parameters.count, initial: .zero)
    sharesVariables = !rules.contains(where: \.separatesGroups)
    variables = sharesVariables ? [rules[0].initialVariables] : rules.map(\.initialVariables)
    runs = variables.map { _ in true }
    if S.self != Float.self, groups.contains(where: { $0.storage.format != .float32 }) {
      throw .compressedDouble
    }
    state = StateStore(parameters) {
      groups[groupOf[$0]].storage
    } slots: {
      schedules[groupOf[$0]].slots(for: parameters[$0])
    }
  }

  /// The index of the set of variables that a group has.
  private func variableSet(of group: Int) -> Int { sharesVariables ? 0 : group }

  func schedule(_ step: Int) {
    for group in schedules.indices { schedules[group].apply(step, to: &scheduled[group]) }
  }

  func begin() {
    for index in variables.indices where !scheduled[index].needs.contains(.globalSums) {
      runs[index] = scheduled[index].updateVariables(&variables[index], from: .zero)
    }
  }

  func observe(_ metric: Double, _ mode: MetricMode?) {
    for group in schedules.indices { schedules[group].observe(metric, mode) }
  }

  var scheduleStates: [[String: MetricState]] {
    get { schedules.map(\.states) }
    set { for (group, states) in newValue.enumerated() { schedules[group].states = states } }
  }

  func run(_ memory: [ParameterMemory<S>], scale: Double, only parameter: Int?) {
    let chosen = parameter.map { $0..<$0 + 1 } ?? 0..<parameters.count
    for index in chosen where parameters[index].trainable && memory[index].hasGradient {
      updates[index] += 1
    }
    // By index: an iterator over rules of a generic type would be allocated.
    var gathers = false
    for group in scheduled.indices where scheduled[group].needs.includes(anyOf: .sums) {
      gathers = true
    }
    if gathers, !gather(memory, scale, chosen) { return }
    // Copies, whose accesses need not be watched.
    let (rules, variables, runs, updates) = (scheduled, variables, runs, updates)
    let (sums, stored) = (sums.view, stored)
    func finish(_ piece: BlockPlan.Piece, _ w: MutableView<S>) {
      stored?.round(
        w, of: memory[piece.parameter], parameter: piece.parameter, offset: piece.offset)
    }
    forEachBlock(memory, scale, R.stateInGather == .writes ? .reads : .writes, of: chosen) {
      piece, _, block in
      let (i, group) = (piece.parameter, groupOf[piece.parameter])
      guard runs[variableSet(of: group)] else { return }
      rules[group].update(block, Step(t: updates[i]), sums[i], variables[variableSet(of: group)])
      finish(piece, block.w.cast(to: S.self))
    } double: { piece, _, block in
      let (i, group) = (piece.parameter, groupOf[piece.parameter])
      guard runs[variableSet(of: group)] else { return }
      rules[group].update(block, Step(t: updates[i]), sums[i], variables[variableSet(of: group)])
      finish(piece, block.w.cast(to: S.self))
    }
  }

  /// The first pass: leaves each parameter's sums, or everybody's, in `sums`. Returns whether the
  /// update runs at all.
  private func gather(
    _ memory: [ParameterMemory<S>], _ scale: Double, _ chosen: Range<Int>
  ) -> Bool {
    let (rules, variables, updates) = (scheduled, variables, updates)
    let (partials, sums) = (partials.view, sums.view)
    for parameter in chosen { partials[plan.ranges[parameter]].fill(.zero) }
    forEachBlock(memory, scale, R.stateInGather, of: chosen) { piece, index, block in
      if R.gathersOncePerTensor, piece.offset > 0 { return }
      let group = groupOf[piece.parameter]
      partials[index] = rules[group].gather(
        block, Step(t: updates[piece.parameter]), variables[variableSet(of: group)])
    } double: { piece, index, block in
      if R.gathersOncePerTensor, piece.offset > 0 { return }
      let group = groupOf[piece.parameter]
      partials[index] = rules[group].gather(
        block, Step(t: updates[piece.parameter]), variables[variableSet(of: group)])
    }
    for parameter in chosen {
      var sum = SIMD4<Double>.zero
      for index in plan.ranges[parameter] { sum += partials[index] }
      sums[parameter] = sum
    }
    for set in self.variables.indices where scheduled[set].needs.contains(.globalSums) {
      var total = SIMD4<Double>.zero
      for index in parameters.indices where variableSet(of: groupOf[index]) == set {
        total += sums[index]
      }
      for index in parameters.indices where variableSet(of: groupOf[index]) == set {
        sums[index] = total
      }
      runs[set] = scheduled[set].updateVariables(&self.variables[set], from: total)
    }
    return runs.contains(true)
  }

  var evaluatesElsewhere: Bool { scheduled.contains { $0.evaluatesElsewhere } }

  func evaluationWeights(_ memory: [ParameterMemory<S>]) {
    let (rules, variables) = (scheduled, variables)
    // Before its first update a parameter is its own result.
    func differs(_ i: Int) -> Bool { rules[groupOf[i]].evaluatesElsewhere && updates[i] > 0 }
    forEachBlock(memory, 1, .reads, all: true, returned: .nearest) { piece, _, block in
      let group = groupOf[piece.parameter]
      guard differs(piece.parameter) else { return }
      rules[group].evaluationWeights(block, variables[variableSet(of: group)])
    } double: { piece, _, block in
      let group = groupOf[piece.parameter]
      guard differs(piece.parameter) else { return }
      rules[group].evaluationWeights(block, variables[variableSet(of: group)])
    }
  }

  var rule: any Rule { scheduled[scheduled.count - 1] }

  var takesCurvature: Bool { scheduled[0].needs.includes(anyOf: .curvature) }

  func foldCurvature(_ memory: [ParameterMemory<S>]) {
    let rules = scheduled
    forEachBlock(memory, 1, .writes) { piece, _, block in
      rules[groupOf[piece.parameter]].fold(block, Step(t: updates[piece.parameter]))
    } double: { piece, _, block in
      rules[groupOf[piece.parameter]].fold(block, Step(t: updates[piece.parameter]))
    }
  }

  func effectiveLearningRate(group: Int) -> Double {
    scheduled[group].effectiveLearningRate(variables[variableSet(of: group)])
  }

  func resolvedSettings(group: Int) -> [(name: String, value: SettingValue)] {
    scheduled[group].resolved
  }

  var states: [StateStore<S>] { [state] }

  func diagnostics(groups: [String]) -> [(name: String, value: Double)] {
    zip(groups, variables).flatMap { group, values in
      R.Variables.fields.map {
        (variables.count == 1 ? $0.name : "\($0.name).\(group)", values[keyPath: $0.path])
      }
    }
  }

  func metrics(groups: [String]) -> [(name: String, value: Double)] {
    var (names, found): ([String], [String: [(group: String, value: Double)]]) = ([], [:])
    for (index, group) in groups.enumerated() {
      let members = parameters.indices.filter { groupOf[$0] == index && parameters[$0].trainable }
      guard !members.isEmpty || variables.count > 1 else { continue }
      let t = Step(t: members.reduce(0) { max($0, updates[$1]) })
      for (name, value) in scheduled[index].metrics(variables[variableSet(of: index)], t) {
        if found[name] == nil { names.append(name) }
        found[name, default: []].append((group, value))
      }
    }
    return names.flatMap { name -> [(name: String, value: Double)] in
      let values = found[name] ?? []
      let isShared = variables.count == 1 && Set(values.map(\.value)).count == 1
      return isShared
        ? [(name, values[0].value)] : values.map { ("\(name).\($0.group)", $0.value) }
    } + trustRatios
  }

  /// The least, the median and the largest factor of a tensor's step.
  private var trustRatios: [(name: String, value: Double)] {
    let sums = sums.view
    let ratios = parameters.indices.compactMap { index -> Double? in
      guard parameters[index].trainable, updates[index] > 0 else { return nil }
      let group = groupOf[index]
      return scheduled[group].trustRatio(
        of: parameters[index], Step(t: updates[index]), sums[index],
        variables[variableSet(of: group)])
    }.sorted()
    guard let least = ratios.first, let most = ratios.last else { return [] }
    let median = (ratios[(ratios.count - 1) / 2] + ratios[ratios.count / 2]) / 2
    return [
      ("trust_ratio_min", least), ("trust_ratio_median", median), ("trust_ratio_max", most),
    ]
  }

  // MARK: Blocks

  /// Calls the one of two closures that fits the scalar on the block of each piece whose parameter is among the
  /// chosen ones (all, if none are named) and has a gradient, unless `all` says that this does not matter.
  /// `access` is what the closure does with state, `returned` what becomes of weights that lie in 16 bits.
  ///
  /// Rules are called through protocol requirements for Float and for Double, so that each is compiled for its
  /// type.
  private func forEachBlock(
    _ memory: [ParameterMemory<S>], _ scale: Double, _ access: StateAccess,
    of chosen: Range<Int>? = nil, all: Bool = false,
    returned: ParameterMemory<S>.Return = .unchanged, float: BlockSweep<S>.Body<Float>,
    double: BlockSweep<S>.Body<Double>
  ) {
    BlockSweep(
      plan: plan, parameters: parameters, memory: memory, state: state, updates: updates,
      signs: signs, scale: S(scale), access: access,
      // A pass that gathers leaves one sum for each piece, so its blocks are not cut.
      cuts: access == .writes && !wholeTensors && R.stateInGather != .writes,
      wholeTensors: wholeTensors, all: all, returned: returned, allowsKernels: allowsKernels
    ).forEachBlock(
      plan.pieces(of: chosen ?? 0..<parameters.count), float: float, double: double)
  }
}

extension RuleRunner: Savable {
  func archive(_ archive: StateArchive) throws(StateMismatch) {
    try state.archive(archive, of: parameters)
    for (index, parameter) in parameters.enumerated() where parameter.trainable {
      try archive.value("state/step/\(parameter.name)", &updates[index])
    }
    for field in R.Variables.fields {
      var values = variables.map { $0[keyPath: field.path] }
      try archive.array("memory/\(R.name)/\(field.name)", shape: [values.count], &values)
      guard archive.isRestoring else { continue }
      for (index, value) in values.enumerated() { variables[index][keyPath: field.path] = value }
    }
  }
}
