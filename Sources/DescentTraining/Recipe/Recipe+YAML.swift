import Descent
import Yams

extension Recipe {
  /// The recipe with every default written out; reading it back gives the same recipe.
  public var yaml: String {
    var root: [(Node, Node)] = []
    func add(_ name: String, _ entries: [(Node, Node)]) {
      root.append((Node(name), Node(entries)))
    }
    root += Self.entries(run.resolved)
    add("model", [("kind", Node(type(of: model).name))] + Self.entries(model.resolved))
    add("data", [("kind", Node(type(of: data).name))] + Self.entries(data.resolved))
    if let adapter {
      add("adapter", [("kind", Node(type(of: adapter).name))] + Self.entries(adapter.resolved))
    }
    var rule: [(Node, Node)] = [("name", Node(plan.ruleName))]
    rule += Self.entries(plan.rule.resolved)
    rule += Self.entries(plan.state.resolved) + Self.entries(plan.layers.resolved)
    if let groups = plan.groups {
      rule.append(("groups", Node(groups.map { Node(Self.entries($0)) })))
    }
    add("optimizer", rule)
    if let schedule = plan.schedules.last(where: { $0.setting == "lr" })?.schedule {
      add("schedule", Self.entries(SettingSection(schedule)))
    }
    let others = plan.schedules.filter { $0.setting != "lr" }
    if !others.isEmpty { add("schedules", Self.entries(others)) }
    add(Clipping.name, Self.entries(plan.clip.resolved))
    add(GradientTools.name, Self.entries(plan.gradient.resolved))
    add(WeightStorage.name, Self.entries(plan.weights.resolved))
    add(LossScaler.name, Self.entries(lossScale.resolved))
    if let average {
      add("average", [("name", Node(type(of: average).name))] + Self.entries(average.resolved))
    }
    add(SpikeSettings.name, Self.entries(spike.resolved))
    add("evaluate", Self.entries(evaluate.resolved))
    add("checkpoint", Self.entries(checkpoint.resolved))
    add(InstrumentSettings.name, Self.entries(instruments.resolved))
    add(LogSettings.name, Self.entries(log.resolved))
    if let target { add(TargetSettings.name, Self.entries(target.resolved)) }
    // Every node is a plain scalar, list or mapping, which always can be written.
    return (try? Yams.serialize(node: Node(root))) ?? ""
  }

  private static func entries(
    _ resolved: [(name: String, value: SettingValue)]
  ) -> [(Node, Node)] {
    resolved.map { (Node($0.name), node($0.value)) }
  }

  private static func entries(_ group: ParameterGroup) -> [(Node, Node)] {
    var entries: [(Node, Node)] = [("name", Node(group.name))]
    if !group.match.names.isEmpty {
      entries.append(("match", Node(group.match.names.map { Node($0) })))
    }
    if let ranks = group.match.ranks {
      let text =
        ranks.upperBound == .max
        ? "\(ranks.lowerBound)+" : "\(ranks.lowerBound)-\(ranks.upperBound)"
      entries.append(("rank", Node(text)))
    }
    if !group.match.roles.isEmpty {
      entries.append(("role", Node(group.match.roles.map { Node($0.rawValue) })))
    }
    if let rule = group.rule { entries.append(("optimizer", Node(type(of: rule).name))) }
    if group.isFrozen { entries.append(("frozen", "true")) }
    entries += group.settings.map { (Node($0.name), Node($0.text)) }
    if let own = group.schedules.last(where: { $0.setting == "lr" }) {
      entries.append((Node("schedule"), Node(Self.entries(SettingSection(own.schedule)))))
    }
    let others = group.schedules.filter { $0.setting != "lr" }
    if !others.isEmpty { entries.append((Node("schedules"), Node(Self.entries(others)))) }
    return entries
  }

  private static func entries(_ section: SettingSection) -> [(Node, Node)] {
    [("name", Node(section.name))] + entries(section.settings)
  }

  private static func entries(
    _ schedules: [(setting: String, schedule: any Schedule)]
  ) -> [(Node, Node)] {
    schedules.map { (Node($0.setting), Node(entries(SettingSection($0.schedule)))) }
  }

  private static func node(_ value: SettingValue) -> Node {
    switch value {
    case .numbers(let list):
      Node(list.map { Node(SettingValue.number($0).description) }, .implicit, .flow)
    case .none: Node("null", Tag(.null))
    case .text(let text): Node(text)
    case .sections(let parts): Node(parts.map { Node(entries($0)) })
    default: Node(value.description)
    }
  }
}
