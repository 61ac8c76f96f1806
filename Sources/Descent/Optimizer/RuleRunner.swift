import DescentCompute

/// What ``Optimizer`` asks of a runner, whatever its rule.
protocol AnyRuleRunner<S>: AnyObject, Resumable {
  associatedtype S: Scalar
  /// Sets every scheduled hyperparameter for the step that follows `step` applied ones.
  func schedule(_ step: Int)
  /// Feeds the schedules that follow a metric.
  func observe(_ metric: Double, _ mode: MetricMode?)
  /// What those schedules remember: for each group, by setting.
  var scheduleStates: [[String: MetricState]] { get set }
  /// Updates the parameters that have a gradient, which is multiplied by `scale`.
  func run(_ memory: UnsafePointer<ParameterMemory<S>>, scale: Double)
  /// Whether stored weights differ from the ones to evaluate.
  var evaluatesElsewhere: Bool { get }
  /// Turns stored weights, in place, into the weights to evaluate.
  func evaluationWeights(_ memory: UnsafePointer<ParameterMemory<S>>)
  /// The rule of the default group with the hyperparameters of this step.
  var rule: any Rule { get }
  /// Whether the rule takes curvature estimates.
  var takesCurvature: Bool { get }
  /// Takes the estimates, which stand in the place of the gradients, into the state.
  func foldCurvature(_ memory: UnsafePointer<ParameterMemory<S>>)
  /// The learning rate that acts on the parameters of a group.
  func effectiveLearningRate(group: Int) -> Double
  /// The hyperparameters of a group as they are now.
  func resolvedSettings(group: Int) -> [(name: String, value: SettingValue)]
  var states: [StateStore<S>] { get }
  /// Weights in 16 bits, which the update rounds.
  var stored: StoredWeights? { get set }
  /// The rule's run-long scalars, with the name of the group where each has its own.
  func diagnostics(groups: [String]) -> [(name: String, value: Double)]
}

/// One kind of rule at work: its groups, its parameters, their state and step counts, and the
/// sweeps over blocks. The only place that knows both rules and memory.
@safe
final class RuleRunner<R: Rule, S: Scalar>: AnyRuleRunner {
  let parameters: [ParameterInfo]
  /// Each parameter's group.
  private let groupOf: [Int]
  private let plan: BlockPlan
  /// Each group's rule with this step's scheduled values.
  private var scheduled: [R]
  private var schedules: [ScheduledSettings<R>]
  /// t of each parameter.
  var updates: [Int]
  /// One for all parameters, or one for each group.
  var memories: [R.Memory]
  /// Whether the update of those parameters runs in this step.
  private var runs: [Bool]
  let state: StateStore<S>
  var stored: StoredWeights?
  /// The parts of the sums: one for each piece, then one for each parameter.
  private let partials: UnsafeMutableBufferPointer<SIMD4<Double>>
  private let sums: UnsafeMutableBufferPointer<SIMD4<Double>>

  /// - Parameters:
  ///   - rules: each group's rule.
  ///   - storages: each group's storage of state.
  ///   - groupOf: each parameter's group.
  ///   - given: each group's schedules.
  init(
    _ rules: [R], storages: [StateStorage], parameters: [ParameterInfo], groupOf: [Int],
    schedules given: [[(setting: String, schedule: any Schedule)]]
  ) throws(OptimizerError) {
    var schedules: [ScheduledSettings<R>] = []
    for (rule, given) in zip(rules, given) { schedules.append(try .init(given, of: rule)) }
    self.schedules = schedules
    self.parameters = parameters
    self.groupOf = groupOf
    scheduled = rules
    plan = BlockPlan(parameters, R.granularity)
    updates = Array(repeating: 0, count: parameters.count)
    unsafe partials = .allocate(capacity: plan.pieces.count)
    unsafe partials.initialize(repeating: .zero)
    unsafe sums = .allocate(capacity: parameters.count)
    unsafe sums.initialize(repeating: .zero)
    memories =
      rules.contains(where: \.separatesGroups)
      ? rules.map(\.initialMemory) : [rules[0].initialMemory]
    runs = memories.map { _ in true }
    for (rule, storage) in zip(rules, storages) where storage.format != .float32 {
      guard S.self == Float.self else { throw .compressedDouble }
      if let reason = rule.unsoundness(of: storage.format) {
        throw .unsoundState(rule: R.name, format: storage.format, reason: reason)
      }
    }
    let working = schedules.map(\.atWork)
    state = StateStore(parameters) {
      storages[groupOf[$0]]
    } slots: {
      working[groupOf[$0]].slots(for: parameters[$0])
    }
  }

  deinit {
    unsafe partials.deallocate()
    unsafe sums.deallocate()
  }

  /// The place of a group's memory.
  private func place(_ group: Int) -> Int { memories.count == 1 ? 0 : group }

  func schedule(_ step: Int) {
    for group in schedules.indices { schedules[group].apply(step, to: &scheduled[group]) }
  }

  func observe(_ metric: Double, _ mode: MetricMode?) {
    for group in schedules.indices { schedules[group].observe(metric, mode) }
  }

  var scheduleStates: [[String: MetricState]] {
    get { schedules.map(\.states) }
    set { for (group, states) in newValue.enumerated() { schedules[group].states = states } }
  }

  func run(_ memory: UnsafePointer<ParameterMemory<S>>, scale: Double) {
    for index in parameters.indices where parameters[index].trainable {
      if unsafe memory[index].gradient != nil { updates[index] += 1 }
    }
    let scale = scheduled[0].maximize ? -scale : scale
    // By index: an iterator over rules of a generic type would be allocated.
    var gathers = false
    for group in scheduled.indices where scheduled[group].sums != .none { gathers = true }
    if gathers, unsafe !gather(memory, scale) { return }
    let (rules, contexts, runs) = (scheduled, memories, runs)
    let access = R.stateInGather == .writes ? StateAccess.reads : .writes
    unsafe forEachBlock(memory, scale, access) { piece, index, block in
      guard runs[place(groupOf[piece.parameter])] else { return }
      let t = Step(t: updates[piece.parameter])
      let part = unsafe sums[piece.parameter]
      let group = groupOf[piece.parameter]
      let (rule, context) = (rules[group], contexts[place(group)])
      whenFloat(block) {
        rule.update($0, t, part, context)
      } whenDouble: {
        rule.update($0, t, part, context)
      }
      unsafe stored?.round(
        block.w.base, parameter: piece.parameter, offset: piece.offset, count: piece.count)
    }
  }

  /// The first pass: leaves each parameter's sums, or everybody's, in `sums`. Returns whether the
  /// update runs at all.
  private func gather(_ memory: UnsafePointer<ParameterMemory<S>>, _ scale: Double) -> Bool {
    let (rules, contexts) = (scheduled, memories)
    unsafe partials.update(repeating: .zero)
    unsafe forEachBlock(memory, scale, R.stateInGather) { piece, index, block in
      let t = Step(t: updates[piece.parameter])
      let group = groupOf[piece.parameter]
      let (rule, context) = (rules[group], contexts[place(group)])
      whenFloat(block) {
        unsafe partials[index] = rule.gather($0, t, context)
      } whenDouble: {
        unsafe partials[index] = rule.gather($0, t, context)
      }
    }
    for parameter in parameters.indices {
      var sum = SIMD4<Double>.zero
      for index in plan.ranges[parameter] { unsafe sum += partials[index] }
      unsafe sums[parameter] = sum
    }
    for place in memories.indices {
      var total = SIMD4<Double>.zero
      for index in parameters.indices where self.place(groupOf[index]) == place {
        unsafe total += sums[index]
      }
      if scheduled[place].sums == .allTensors {
        for index in parameters.indices where self.place(groupOf[index]) == place {
          unsafe sums[index] = total
        }
      }
      runs[place] = scheduled[place].conclude(total, &memories[place])
    }
    return runs.contains(true)
  }

  var evaluatesElsewhere: Bool { scheduled.contains { $0.evaluatesElsewhere } }

  func evaluationWeights(_ memory: UnsafePointer<ParameterMemory<S>>) {
    let (rules, contexts) = (scheduled, memories)
    unsafe forEachBlock(memory, 1, .reads, all: true) { piece, _, block in
      let group = groupOf[piece.parameter]
      let (rule, context) = (rules[group], contexts[place(group)])
      // Before its first update a parameter is its own result.
      guard rule.evaluatesElsewhere, updates[piece.parameter] > 0 else { return }
      whenFloat(block) {
        rule.evaluationWeights($0, context)
      } whenDouble: {
        rule.evaluationWeights($0, context)
      }
    }
  }

  var rule: any Rule { scheduled[scheduled.count - 1] }

  var takesCurvature: Bool { R.self is any CurvatureRule.Type }

  func foldCurvature(_ memory: UnsafePointer<ParameterMemory<S>>) {
    let rules = scheduled.map { $0 as? any CurvatureRule }
    unsafe forEachBlock(memory, 1, .writes) { piece, _, block in
      guard let rule = rules[groupOf[piece.parameter]] else { return }
      let t = Step(t: updates[piece.parameter])
      whenFloat(block) {
        rule.fold($0, t)
      } whenDouble: {
        rule.fold($0, t)
      }
    }
  }

  func effectiveLearningRate(group: Int) -> Double {
    scheduled[group].effectiveLearningRate(memories[place(group)])
  }

  func resolvedSettings(group: Int) -> [(name: String, value: SettingValue)] {
    scheduled[group].resolved
  }

  var states: [StateStore<S>] { [state] }

  func diagnostics(groups: [String]) -> [(name: String, value: Double)] {
    zip(groups, memories).flatMap { group, memory in
      R.Memory.fields.map {
        (memories.count == 1 ? $0.name : "\($0.name).\(group)", memory[keyPath: $0.path])
      }
    }
  }

  // MARK: Blocks

  /// Calls `body`, whose access to state is known, on the block of each piece whose parameter has a
  /// gradient (or on all of them).
  private func forEachBlock(
    _ memory: UnsafePointer<ParameterMemory<S>>, _ scale: Double, _ access: StateAccess,
    all: Bool = false,
    _ body: (BlockPlan.Piece, Int, Block<S>) -> Void
  ) {
    let (pieces, scale) = (plan.pieces, S(scale))
    func visit(_ index: Int) {
      let piece = pieces[index]
      let (weights, gradient) = unsafe (
        memory[piece.parameter].weights, memory[piece.parameter].gradient
      )
      guard unsafe all || gradient != nil else { return }
      // Without a gradient nothing reads it: the weights stand in for the pointer.
      let g = unsafe gradient ?? UnsafePointer(weights)
      unsafe state.withArrays(of: piece, access) { arrays, offset in
        let block = unsafe Block(
          count: piece.count, offset: piece.offset, shape: parameters[piece.parameter].shape,
          role: parameters[piece.parameter].role,
          w: Lane(weights + piece.offset), g: Gradient(g + piece.offset, scale: scale),
          state: arrays, stateOffset: offset)
        body(piece, index, block)
      }
    }
    switch R.granularity {
    case .elements: ThreadPool.shared.run(pieces.count, visit)
    case .tensors: for index in pieces.indices { visit(index) }
    }
  }
}

/// Runs the one of two closures that fits the block's scalar: rules are called through protocol
/// requirements for Float and for Double, so that each is compiled for its type.
@inline(__always)
private func whenFloat<S: Scalar>(
  _ block: Block<S>, _ float: (Block<Float>) -> Void, whenDouble double: (Block<Double>) -> Void
) {
  if S.self == Float.self {
    unsafe float(unsafeBitCast(block, to: Block<Float>.self))
  } else {
    unsafe double(unsafeBitCast(block, to: Block<Double>.self))
  }
}
