import DescentCompute

/// All that an ``Optimizer`` remembers, as plain values: what it needs to go on, to the bit, as if it
/// had never stopped.
///
/// | tensor | holds |
/// |---|---|
/// | `state/<slot>/<parameter>` | state in float32 (or float64) or bfloat16, as it is kept |
/// | `state/<slot>/<parameter>.codes`, `.scales` | the same in int8: codes, a scale for 256 of them |
/// | `state/step/<parameter>` | t, how many updates the parameter has had |
/// | `memory/<rule>/<field>` | the rule's run-long scalars: one, or one for each group |
/// | `preconditioner/...` | what a ``Preconditioner`` keeps |
/// | `state/compensation/<parameter>` | what Kahan's sum has kept of 16-bit weights, in bfloat16 |
///
/// Hyperparameters are not part of it: they belong to whoever makes the optimizer.
public struct OptimizerState: Sendable, Equatable {
  /// The version of this form.
  public static let currentVersion = 1

  /// The version of the form it has.
  public var version = currentVersion
  /// The rule's name.
  public var rule: String
  /// How many steps have been applied.
  public var appliedSteps: Int
  /// What schedules that follow a metric remember: for each group, by setting.
  public var schedules: [[String: MetricState]]
  /// The arrays.
  public var tensors: [StoredTensor]

  /// A state as it was read.
  public init(
    version: Int = currentVersion, rule: String, appliedSteps: Int,
    schedules: [[String: MetricState]], tensors: [StoredTensor]
  ) {
    (self.version, self.rule, self.appliedSteps) = (version, rule, appliedSteps)
    (self.schedules, self.tensors) = (schedules, tensors)
  }
}

extension Optimizer {
  /// A copy of all that is remembered.
  public var savedState: OptimizerState {
    OptimizerState(
      rule: ruleName, appliedSteps: appliedSteps, schedules: scheduleStates,
      tensors: runner.saved + (closure?.saved ?? []) + (preconditioner?.saved ?? [])
        + (stored?.saved ?? []))
  }

  /// Goes on from what was saved. The optimizer must have been made with the same rule for the same
  /// parameters; hyperparameters and schedules may differ where they need the same state.
  ///
  /// - Throws: the first thing that does not fit, by name; then nothing was changed.
  public func restore(_ state: OptimizerState) throws(StateMismatch) {
    guard state.version == OptimizerState.currentVersion else {
      throw .version(saved: state.version, known: OptimizerState.currentVersion)
    }
    guard state.rule == ruleName else { throw .rule(saved: state.rule, present: ruleName) }
    guard state.schedules.count == groups.count else {
      throw .groups(saved: state.schedules.count, present: groups.count)
    }
    let isPreconditioner = { (tensor: StoredTensor) in tensor.name.hasPrefix("preconditioner/") }
    var saved = StoredTensors(state.tensors.filter { !isPreconditioner($0) })
    let resumeRunner = try runner.resume(from: &saved)
    let resumeClosure = try closure?.resume(from: &saved)
    let resumeStored = try stored?.resume(from: &saved)
    try saved.finish()
    let others = state.tensors.filter(isPreconditioner)
    if let preconditioner {
      try preconditioner.restore(others)
    } else if let other = others.first {
      throw .unexpected(other.name)
    }
    resumeRunner()
    resumeClosure?()
    resumeStored?()
    appliedSteps = state.appliedSteps
    scheduleStates = state.schedules
    // The hyperparameters of the last step: weights may be evaluated before the next.
    if appliedSteps > 0 { runner.schedule(appliedSteps - 1) }
  }

  private var preconditioner: (any Preconditioner<S>)? {
    if case .preconditioner(let preconditioner) = supply { preconditioner } else { nil }
  }
}

/// What is saved of a part of an optimizer.
protocol Resumable {
  /// A copy of all that it remembers.
  var saved: [StoredTensor] { get }
  /// Checks that what was saved fits; the function returned goes on from it.
  func resume(from saved: inout StoredTensors) throws(StateMismatch) -> () -> Void
}

extension RuleRunner: Resumable {
  var saved: [StoredTensor] {
    var tensors = state.places(of: parameters).map { StoredTensor($0) }
    for (index, parameter) in parameters.enumerated() where parameter.trainable {
      tensors.append(StoredTensor(Self.stepName(parameter), shape: [], [updates[index]]))
    }
    for field in R.Memory.fields {
      let values = memories.map { $0[keyPath: field.path] }
      tensors.append(StoredTensor(Self.fieldName(field.name), shape: [values.count], values))
    }
    return tensors
  }

  func resume(from saved: inout StoredTensors) throws(StateMismatch) -> () -> Void {
    let places = state.places(of: parameters)
    let arrays = try saved.take(places)
    var (updates, memories) = (updates, memories)
    for (index, parameter) in parameters.enumerated() where parameter.trainable {
      updates[index] = try saved.take(Self.stepName(parameter), .int64, shape: [])
        .value(as: Int.self)
    }
    for field in R.Memory.fields {
      let values = try saved.take(Self.fieldName(field.name), .float64, shape: [memories.count])
        .values(as: Double.self)
      for i in memories.indices { memories[i][keyPath: field.path] = values[i] }
    }
    let (t, fields) = (updates, memories)
    return {
      for (place, array) in zip(places, arrays) { place.fill(array) }
      (self.updates, self.memories) = (t, fields)
    }
  }

  private static func stepName(_ parameter: ParameterInfo) -> String {
    "state/step/\(parameter.name)"
  }

  private static func fieldName(_ field: String) -> String { "memory/\(R.name)/\(field)" }
}
