/// Runners of different rules, each with its own groups and parameters, that work as one.
final class SeveralRunners<S: Scalar>: AnyRuleRunner {
  /// A runner and the groups it serves, by their index in the optimizer.
  struct Member {
    let runner: any AnyRuleRunner<S>
    let groups: [Int]
  }

  private let members: [Member]
  /// Each group's member, and its index there.
  private let positions: [(member: Int, group: Int)]

  init(_ members: [Member]) {
    self.members = members
    var found: [Int: (Int, Int)] = [:]
    for (index, member) in members.enumerated() {
      for (local, group) in member.groups.enumerated() { found[group] = (index, local) }
    }
    positions = found.keys.sorted().map { found[$0]! }
  }

  func begin() { for member in members { member.runner.begin() } }

  func schedule(_ step: Int) { for member in members { member.runner.schedule(step) } }

  func observe(_ metric: Double, _ mode: MetricMode?) {
    for member in members { member.runner.observe(metric, mode) }
  }

  var scheduleStates: [[String: MetricState]] {
    get { positions.map { members[$0.member].runner.scheduleStates[$0.group] } }
    set {
      for member in members { member.runner.scheduleStates = member.groups.map { newValue[$0] } }
    }
  }

  func run(_ memory: [ParameterMemory<S>], scale: Double, only parameter: Int?) {
    for member in members { member.runner.run(memory, scale: scale, only: parameter) }
  }

  var evaluatesElsewhere: Bool { members.contains { $0.runner.evaluatesElsewhere } }

  func evaluationWeights(_ memory: [ParameterMemory<S>]) {
    for member in members { member.runner.evaluationWeights(memory) }
  }

  /// The one that takes curvature estimates, if there is one; otherwise the plan's, which has the
  /// last group.
  var rule: any Rule {
    (members.first { $0.runner.takesCurvature } ?? members[positions[positions.count - 1].member])
      .runner.rule
  }

  var takesCurvature: Bool { members.contains { $0.runner.takesCurvature } }

  func foldCurvature(_ memory: [ParameterMemory<S>]) {
    for member in members where member.runner.takesCurvature {
      member.runner.foldCurvature(memory)
    }
  }

  func effectiveLearningRate(group: Int) -> Double {
    members[positions[group].member].runner.effectiveLearningRate(group: positions[group].group)
  }

  func resolvedSettings(group: Int) -> [(name: String, value: SettingValue)] {
    members[positions[group].member].runner.resolvedSettings(group: positions[group].group)
  }

  var stored: StoredWeights? {
    get { members[0].runner.stored }
    set { for member in members { member.runner.stored = newValue } }
  }

  var allowsKernels: Bool {
    get { members[0].runner.allowsKernels }
    set { for member in members { member.runner.allowsKernels = newValue } }
  }

  func archive(_ archive: StateArchive) throws(StateMismatch) {
    for member in members { try archive.part(member.runner) }
  }

  var states: [StateStore<S>] { members.flatMap { $0.runner.states } }

  func diagnostics(groups: [String]) -> [(name: String, value: Double)] {
    named(groups) { $0.diagnostics(groups: $1) }
  }

  func metrics(groups: [String]) -> [(name: String, value: Double)] {
    named(groups) { $0.metrics(groups: $1) }
  }

  /// Numbers of all members, with the name of the rule where one before has taken theirs.
  private func named(
    _ groups: [String],
    _ numbers: (any AnyRuleRunner<S>, [String]) -> [(name: String, value: Double)]
  ) -> [(name: String, value: Double)] {
    var all: [(name: String, value: Double)] = []
    for member in members {
      for (name, value) in numbers(member.runner, member.groups.map { groups[$0] }) {
        let isTaken = all.contains { $0.name == name }
        all.append((isTaken ? "\(type(of: member.runner.rule).name).\(name)" : name, value))
      }
    }
    return all
  }
}
