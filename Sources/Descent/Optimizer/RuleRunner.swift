import DescentCompute

/// What ``Optimizer`` asks of a runner, whatever its rule.
protocol AnyRuleRunner<S>: AnyObject {
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
  /// Whether the rule takes curvature estimates.
  var takesCurvature: Bool { get }
  /// Takes the estimates, which stand in the place of the gradients, into the state.
  func foldCurvature(_ memory: UnsafePointer<ParameterMemory<S>>)
  /// The learning rate that acts on the parameters of a group.
  func effectiveLearningRate(group: Int) -> Double
  /// The hyperparameters of a group as they are now.
  func resolvedSettings(group: Int) -> [(name: String, value: SettingValue)]
  var state: StateStore<S> { get }
  /// Weights in 16 bits, which the update rounds.
  var stored: StoredWeights? { get set }
  /// The rule's run-long scalars.
  var memoryFields: [(name: String, value: Double)] { get }
}

/// One kind of rule at work: its groups, its parameters, their state and step counts, and the
/// sweeps over blocks. The only place that knows both rules and memory.
@safe
final class RuleRunner<R: Rule, S: Scalar>: AnyRuleRunner {
  private let parameters: [ParameterInfo]
  /// Each parameter's group.
  private let groupOf: [Int]
  private let plan: BlockPlan
  /// Each group's rule with this step's scheduled values.
  private var scheduled: [R]
  private var schedules: [ScheduledSettings<R>]
  /// t of each parameter.
  private var updates: [Int]
  private var memory: R.Memory
  let state: StateStore<S>
  var stored: StoredWeights?
  /// The parts of the sums: one for each piece, then one for each parameter.
  private let partials: UnsafeMutableBufferPointer<SIMD4<Double>>
  private let sums: UnsafeMutableBufferPointer<SIMD4<Double>>

  /// - Parameters:
  ///   - rules: each group's rule.
  ///   - groupOf: each parameter's group.
  ///   - given: each group's schedules.
  init(
    _ rules: [R], parameters: [ParameterInfo], groupOf: [Int],
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
    memory = rules[0].initialMemory
    let working = schedules.map(\.atWork)
    state = StateStore(parameters) { working[groupOf[$0]].slots(for: parameters[$0]) }
  }

  deinit {
    unsafe partials.deallocate()
    unsafe sums.deallocate()
  }

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
    if R.sums != .none, unsafe !gather(memory, scale) { return }
    let (rules, context) = (scheduled, self.memory)
    unsafe forEachBlock(memory, scale) { piece, index, block in
      let t = Step(t: updates[piece.parameter])
      let part = unsafe sums[piece.parameter]
      let rule = rules[groupOf[piece.parameter]]
      whenFloat(block) {
        rule.update($0, t, part, context)
      } whenDouble: {
        rule.update($0, t, part, context)
      }
      unsafe stored?.round(
        block.w.base, parameter: piece.parameter, offset: piece.offset, count: piece.count)
    }
  }

  /// The first pass: leaves each parameter's sums, or everybody's, in `sums`.
  private func gather(_ memory: UnsafePointer<ParameterMemory<S>>, _ scale: Double) -> Bool {
    let (rules, context) = (scheduled, self.memory)
    unsafe partials.update(repeating: .zero)
    unsafe forEachBlock(memory, scale) { piece, index, block in
      let t = Step(t: updates[piece.parameter])
      let rule = rules[groupOf[piece.parameter]]
      whenFloat(block) {
        unsafe partials[index] = rule.gather($0, t, context)
      } whenDouble: {
        unsafe partials[index] = rule.gather($0, t, context)
      }
    }
    var total = SIMD4<Double>.zero
    for parameter in parameters.indices {
      var sum = SIMD4<Double>.zero
      for index in plan.ranges[parameter] { unsafe sum += partials[index] }
      unsafe sums[parameter] = sum
      total += sum
    }
    if R.sums == .allTensors { unsafe sums.update(repeating: total) }
    return scheduled[0].conclude(total, &self.memory)
  }

  var evaluatesElsewhere: Bool { scheduled.contains { $0.evaluatesElsewhere } }

  func evaluationWeights(_ memory: UnsafePointer<ParameterMemory<S>>) {
    let (rules, context) = (scheduled, self.memory)
    unsafe forEachBlock(memory, 1, all: true) { piece, _, block in
      let rule = rules[groupOf[piece.parameter]]
      // Before its first update a parameter is its own result.
      guard rule.evaluatesElsewhere, updates[piece.parameter] > 0 else { return }
      whenFloat(block) {
        rule.evaluationWeights($0, context)
      } whenDouble: {
        rule.evaluationWeights($0, context)
      }
    }
  }

  var takesCurvature: Bool { R.self is any CurvatureRule.Type }

  func foldCurvature(_ memory: UnsafePointer<ParameterMemory<S>>) {
    let rules = scheduled.map { $0 as? any CurvatureRule }
    unsafe forEachBlock(memory, 1) { piece, _, block in
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
    scheduled[group].effectiveLearningRate(memory)
  }

  func resolvedSettings(group: Int) -> [(name: String, value: SettingValue)] {
    scheduled[group].resolved
  }

  var memoryFields: [(name: String, value: Double)] {
    R.Memory.fields.map { ($0.name, memory[keyPath: $0.path]) }
  }

  // MARK: Blocks

  /// Calls `body` on the block of each piece whose parameter has a gradient (or on all of them).
  private func forEachBlock(
    _ memory: UnsafePointer<ParameterMemory<S>>, _ scale: Double, all: Bool = false,
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
      let block = unsafe Block(
        count: piece.count, offset: piece.offset, shape: parameters[piece.parameter].shape,
        role: parameters[piece.parameter].role,
        w: Lane(weights + piece.offset), g: Gradient(g + piece.offset, scale: scale),
        state: state.arrays(of: piece.parameter))
      body(piece, index, block)
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
