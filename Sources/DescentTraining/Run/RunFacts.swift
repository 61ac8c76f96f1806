public import Descent
import DescentNN

/// What is known before the first step.
public struct RunFacts: Sendable {
  /// The number of weights.
  public let parameters: Int
  /// How many of them training does not change, since adapters are trained in their place.
  public let frozen: Int
  /// Optimizer steps of the run.
  public let steps: Int
  /// Those done before the run was resumed; 0 for a new run.
  public let done: Int
  /// What is learned from, in a line or a few; nil where the task does not say.
  public let data: String?
  /// What a batch is counted in.
  public let unit: String
  /// Bytes of optimizer state.
  public let stateBytes: Int
  /// The formats of optimizer state in use, and why.
  public let state: [StateUse]
  /// Each parameter group's name, condition, hyperparameters and members.
  public let groups: [Group]
  /// Which parameters more than one group asked for, in words.
  public let overlaps: [String]

  /// A format of optimizer state and the slots that are kept in it for one reason.
  public struct StateUse: Sendable, Equatable {
    /// The format.
    public let format: StateStorage.Format
    /// Why it is not the one asked for; nil when it is.
    public let exemption: String?
    /// How many slots there are, over all parameters.
    public let slots: Int
    /// Their bytes.
    public let bytes: Int

    /// What `slots` use, in the order of their first mention.
    static func all(_ slots: [StateSlot]) -> [StateUse] {
      var uses: [StateUse] = []
      for slot in slots {
        let index = uses.firstIndex { ($0.format, $0.exemption) == (slot.format, slot.exemption) }
        let use = index.map { uses[$0] }
        let sum = StateUse(
          format: slot.format, exemption: slot.exemption, slots: (use?.slots ?? 0) + 1,
          bytes: (use?.bytes ?? 0) + slot.bytes)
        if let index { uses[index] = sum } else { uses.append(sum) }
      }
      return uses
    }
  }

  /// A parameter group.
  public struct Group: Sendable {
    /// Its name.
    public let name: String
    /// Which parameters it asked for.
    public let match: String
    /// The name of the rule that updates it.
    public let rule: String
    /// Whether it is left as it is.
    public let isFrozen: Bool
    /// Its hyperparameters.
    public let settings: String
    /// Its parameters.
    public let parameters: [Member]
    /// Bytes of optimizer state.
    public let stateBytes: Int
    /// The number of weights.
    public var count: Int { parameters.reduce(0) { $0 + $1.count } }
  }

  /// A parameter of a group.
  public struct Member: Sendable {
    /// Its name.
    public let name: String
    /// Its shape.
    public let shape: [Int]
    /// What it is for.
    public let role: ParameterRole
    /// Which of its updates the rule gives it, where it has several.
    public let updateName: String?
    /// The number of weights.
    public var count: Int { shape.reduce(1, *) }

    init(_ parameter: ParameterInfo, updateName: String?) {
      (name, shape, role) = (parameter.name, parameter.shape, parameter.role)
      self.updateName = updateName
    }
  }
}

extension RunFacts {
  /// The facts of a run of `steps` steps, of which `done` are done.
  init(
    _ optimizer: Optimizer<Float>, _ task: any TrainingTask, steps: Int, done: Int
  ) {
    (self.steps, self.done) = (steps, done)
    (parameters, unit, data) = (task.model.parameterCount, task.unit, task.summary)
    frozen = optimizer.parameters.indices.reduce(0) {
      $0 + (optimizer.isFrozenByModel($1) ? optimizer.parameters[$1].count : 0)
    }
    // A method that evaluates the loss has no state until its history fills.
    let rule = optimizer.plan.rule
    let history =
      rule.needs.contains(.evaluations) ? rule.outsideBytes(for: optimizer.parameters) : 0
    stateBytes = max(optimizer.stateBytes, history)
    state = StateUse.all(optimizer.stateSlots)
    groups = optimizer.groups.indices.map { Group(optimizer, $0) }
    overlaps = optimizer.overlaps.map {
      "\($0.parameter) is in \($0.group); \($0.also.joined(separator: ", ")) asked for it too"
    }
  }
}

extension Optimizer {
  /// Whether a parameter was frozen before any group could say so.
  fileprivate func isFrozenByModel(_ index: Int) -> Bool {
    !parameters[index].trainable && !groups[groupOf[index]].isFrozen
  }
}

extension RunFacts.Group {
  fileprivate init(_ optimizer: Optimizer<Float>, _ index: Int) {
    let group = optimizer.groups[index]
    (name, match, isFrozen) = (group.name, group.match.description, group.isFrozen)
    rule = optimizer.ruleName(ofGroup: index)
    // What schedules start from, also where a run is resumed in the middle of them; one with a peak of
    // its own takes the place of the value.
    let schedules = optimizer.schedules(ofGroup: index)
    let declared = (try? optimizer.plan.settings(of: group)) ?? optimizer.settings(ofGroup: index)
    settings = declared.map { name, value in
      let peak = schedules.last { $0.setting == name }?.schedule.ownPeak
      return "\(name)=\(peak.map { .number($0.value) } ?? value)"
    }.joined(separator: " ")
    let members = optimizer.parameters.indices.filter {
      optimizer.groupOf[$0] == index && !optimizer.isFrozenByModel($0)
    }
    parameters = members.map {
      .init(optimizer.parameters[$0], updateName: optimizer.updateName(of: $0))
    }
    let names = Set(parameters.map(\.name))
    stateBytes = optimizer.stateSlots.reduce(0) {
      $0 + (names.contains($1.parameter) ? $1.bytes : 0)
    }
  }
}
