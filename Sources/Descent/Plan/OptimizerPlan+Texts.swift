extension OptimizerPlan {
  /// A plan as names and texts: what recipes, `--set` and other languages give.
  ///
  /// | section | settings |
  /// |---|---|
  /// | `optimizer` | `name`, the rule's, those of ``StateStorage`` and ``LayerwiseDecay`` |
  /// | `schedule` | `name` and that schedule's: the learning rate's |
  /// | `schedules.<setting>` | the same for another hyperparameter |
  /// | `clip`, `gradient`, `weights` | of ``Clipping``, ``GradientTools``, ``WeightStorage`` |
  public struct Texts: Sendable {
    /// The sections, by name.
    public var sections: [String: [SettingText]]
    /// The groups: `name`, `match`, `rank`, `role`, `optimizer`, `frozen`, `schedule`,
    /// `schedules.<setting>`; anything else is a hyperparameter. nil is the customary split.
    public var groups: [[SettingText]]?

    /// Sections and groups.
    public init(_ sections: [String: [SettingText]], groups: [[SettingText]]? = nil) {
      (self.sections, self.groups) = (sections, groups)
    }
  }

  /// The names of the sections; each hyperparameter's schedule is a section under `schedules`.
  package static let sections = [
    "optimizer", "schedule", "schedules", Clipping.name, GradientTools.name, WeightStorage.name,
  ]

  /// The plan that `texts` describe.
  ///
  /// - Throws: everything that is wrong, at once.
  public init(_ texts: Texts) throws(OptimizerError) {
    let (plan, problems) = Self.read(texts)
    let unknown = texts.sections.keys.sorted().filter {
      !Self.sections.contains($0) && !$0.hasPrefix("schedules.")
    }
    let error = OptimizerError(
      problems
        + unknown.map {
          .unknownSection(
            $0, nearest: nearestName(to: $0, among: Self.sections), valid: Self.sections)
        })
    if let error { throw error }
    self = plan
  }

  /// The plan as texts, every value written out, from which it can be made again; only a ``Lambda``
  /// cannot be read back, and the seed of ``WeightStorage`` is not among them.
  public var texts: Texts {
    var sections = [
      "optimizer": [("name", ruleName)] + rule.texts + state.texts + layers.texts,
      Clipping.name: clip.texts, GradientTools.name: gradient.texts,
      WeightStorage.name: weights.texts,
    ]
    for (setting, schedule) in schedules {
      sections[Self.section(ofSchedule: setting)] =
        [("name", type(of: schedule).name)] + schedule.texts
    }
    return Texts(sections, groups: groups?.map(\.texts))
  }

  /// The name of the section of a hyperparameter's schedule.
  static func section(ofSchedule setting: String) -> String {
    setting == "lr" ? "schedule" : "schedules.\(setting)"
  }

  /// The plan as far as it could be read, and everything that is wrong with it.
  package static func read(
    _ texts: Texts
  ) -> (plan: OptimizerPlan, problems: [OptimizerError]) {
    var reader = PlanReader()
    var plan = OptimizerPlan(AdamW())
    let (storage, others) = StateStorage.split(texts.sections["optimizer"] ?? [])
    let (layers, ofRule) = LayerwiseDecay.split(others)
    var schedules = PlanReader()
    plan.schedules = schedules.schedules(texts)
    let rule = reader.rule(ofRule, under: plan.schedules)
    if let rule { plan.rule = rule }
    reader.read(&plan.state, storage, "optimizer")
    reader.read(&plan.layers, layers, "optimizer")
    reader.read(&plan.clip, texts.sections[Clipping.name] ?? [], Clipping.name)
    reader.read(&plan.gradient, texts.sections[GradientTools.name] ?? [], GradientTools.name)
    reader.read(&plan.weights, texts.sections[WeightStorage.name] ?? [], WeightStorage.name)
    reader.problems += schedules.problems
    plan.groups = texts.groups?.enumerated().map { reader.group($1, number: $0 + 1) }
    let ofGroups = plan.groupProblems(ruleIsKnown: rule != nil).filter { problem in
      // A number that could not be read is not one that was left out.
      if case .scheduleOfNone = problem { reader.ruleIsSound } else { true }
    }
    let rest = ofGroups + plan.conflicts()
    let found = reader.problems + rest.filter { !reader.problems.contains($0) }
    return (plan, found.map(\.amongAllKeys))
  }
}

/// Turns texts into the parts of a plan and keeps what is wrong.
private struct PlanReader {
  var problems: [OptimizerError] = []
  /// Whether the rule's settings could all be read.
  var ruleIsSound = true

  mutating func read<T: Configurable>(
    _ settings: inout T, _ texts: [SettingText], _ section: String
  ) {
    do throws(SettingErrors) {
      try settings.apply(texts)
    } catch { problems.append(.settings(of: section, error)) }
  }

  /// What a rule's settings must agree on, they may owe to their schedules.
  mutating func rule(
    _ texts: [SettingText], under schedules: [NamedSchedule]
  ) -> (any Rule)? {
    guard let name = name(in: texts, "optimizer", among: Rules.names),
      let type = Rules.all.first(where: { $0.name == name })
    else { return nil }
    func make<R: Rule>(_: R.Type) -> (rule: R, errors: [SettingError]) {
      var rule = R()
      let errors = rule.assign(texts.filter { $0.name != "name" })
      return (rule, errors.isEmpty ? rule.mistakes(under: schedules) : errors)
    }
    let (rule, errors): (any Rule, [SettingError]) = make(type)
    ruleIsSound = errors.isEmpty
    if !errors.isEmpty { problems.append(.settings(of: "optimizer", SettingErrors(errors))) }
    return rule
  }

  /// The schedules of the plan.
  mutating func schedules(_ texts: OptimizerPlan.Texts) -> [NamedSchedule] {
    var schedules: [NamedSchedule] = []
    if let schedule = texts.sections["schedule"].flatMap({ self.schedule($0, "schedule") }) {
      schedules.append(("lr", schedule))
    }
    for section in texts.sections.keys.sorted() where section.hasPrefix("schedules.") {
      if let schedule = schedule(texts.sections[section] ?? [], section) {
        schedules.append((String(section.dropFirst("schedules.".count)), schedule))
      }
    }
    return schedules
  }

  mutating func schedule(_ texts: [SettingText], _ section: String) -> (any Schedule)? {
    guard let name = texts.first(where: { $0.name == "name" })?.text else {
      problems.append(
        .settings(
          of: section, SettingErrors([.missing(name: "name", valid: Schedules.names)])))
      return nil
    }
    do throws(SettingErrors) {
      return try Schedules.make(name, texts.filter { $0.name != "name" })
    } catch {
      problems.append(.settings(of: section, error))
      return nil
    }
  }

  /// The text under `name`, when it is one of `names`.
  private mutating func name(
    in texts: [SettingText], _ section: String, among names: [String]
  ) -> String? {
    let given = texts.first { $0.name == "name" }?.text
    if let given, names.contains(given) { return given }
    let error: SettingError =
      given.map { .noSuch(name: "name", given: $0, among: names) }
      ?? .missing(name: "name", valid: names)
    problems.append(.settings(of: section, SettingErrors([error])))
    return nil
  }

  mutating func group(_ texts: [SettingText], number: Int) -> ParameterGroup {
    let name = texts.first { $0.name == "name" }?.text ?? "group \(number)"
    var group = ParameterGroup(name, ParameterMatch())
    var errors: [SettingError] = []
    var ruleIsKnown = true
    for (key, text) in texts {
      let items = WrittenValue.list(text)
      func refuse(_ expected: String) {
        errors.append(.unreadable(name: key, given: text, expected: expected))
      }
      switch key {
      case "name":
        if text.isEmpty || text.contains(where: \.isNewline) { refuse("a name, on one line") }
      case "match":
        if items.isEmpty || items.contains(where: WrittenValue.isNone) {
          refuse("one or more patterns such as *.bias; left out, it takes every parameter")
        }
        group.match.names = items
      case "rank":
        if let ranks = ParameterMatch.ranks(text) {
          group.match.ranks = ranks
        } else {
          refuse("a number of axes such as 1, 0-1 or 2+")
        }
      case "role":
        let roles = items.map { ParameterRole(rawValue: $0) }
        if roles.isEmpty || roles.contains(nil) {
          refuse("some of " + ParameterRole.allCases.map(\.rawValue).joined(separator: ", "))
        }
        group.match.roles = roles.compactMap(\.self)
      case "optimizer":
        if let type = Rules.all.first(where: { $0.name == text }) {
          group.rule = type.init()
        } else {
          ruleIsKnown = false
          errors.append(.noSuch(name: key, given: text, among: Rules.names))
        }
      case "frozen":
        if let isFrozen = Bool(text) { group.isFrozen = isFrozen } else { refuse("true or false") }
      case _ where key == "schedule" || key.hasPrefix("schedules."):
        let setting = key == "schedule" ? "lr" : String(key.dropFirst("schedules.".count))
        guard let parts = SettingSection.list(text), parts.count == 1 else {
          refuse("a schedule such as {name: cosine, warmup: 100}")
          continue
        }
        do throws(SettingErrors) {
          group.schedules.append((setting, try Schedules.make(parts[0].name, parts[0].texts)))
        } catch { errors += error.errors.map { $0.inside(key) } }
      default: group.settings.append((key, text))
      }
    }
    if !errors.isEmpty { problems.append(.group(name: name, SettingErrors(errors))) }
    // What was meant for a rule that is not known says nothing of another.
    if !ruleIsKnown { (group.settings, group.schedules) = ([], []) }
    return group
  }
}

extension OptimizerError {
  /// The same error where a section or a group takes other keys too than what it describes.
  fileprivate var amongAllKeys: OptimizerError {
    let storage = StateStorage.settings.map(\.name)
    switch self {
    case .settings(of: "optimizer", let errors):
      let keys = ["name"] + storage + LayerwiseDecay.settings.map(\.name)
      return .settings(of: "optimizer", errors.alsoKnowing(keys))
    case .settings(of: let section, let errors) where section.hasPrefix("schedule"):
      return .settings(of: section, errors.alsoKnowing(["name"]))
    case .group(let name, let errors):
      return .group(name: name, errors.alsoKnowing(ParameterGroup.keys.map(\.name) + storage))
    default: return self
    }
  }
}

extension ParameterGroup {
  /// The keys of a group beside hyperparameters and those of ``StateStorage``, and what they mean.
  package static let keys: [(name: String, meaning: String)] = [
    ("name", "what reports call it; any text, on one line"),
    ("match", "whole names of its parameters: patterns such as \"*.bias\", one or a list"),
    ("rank", "how many axes they have: 1, 0-1 or 2+"),
    ("role", "what they are: some of " + listed(ParameterRole.allCases.map(\.rawValue))),
    ("optimizer", "the rule that updates them; left out: that of the section"),
    ("frozen", "whether they stay as they are: true or false"),
    ("schedule", "their learning rate over the steps, such as {name: constant}"),
    ("schedules", "the same for other hyperparameters, such as {weight_decay: {name: linear}}"),
  ]

  /// The group as texts; the hyperparameters of a rule of its own among them.
  var texts: [SettingText] {
    var texts: [SettingText] = [("name", name)]
    if !match.names.isEmpty { texts.append(("match", match.names.joined(separator: ","))) }
    if let ranks = match.ranks {
      let (low, high) = (ranks.lowerBound, ranks.upperBound)
      texts.append(("rank", high == .max ? "\(low)+" : low == high ? "\(low)" : "\(low)-\(high)"))
    }
    if !match.roles.isEmpty {
      texts.append(("role", match.roles.map(\.rawValue).joined(separator: ",")))
    }
    if isFrozen { texts.append(("frozen", "true")) }
    if let rule {
      texts.append(("optimizer", type(of: rule).name))
      let changed = rule.changes.map { (name: $0.name, text: $0.value.description) }
      texts += changed.filter { item in !settings.contains { $0.name == item.name } }
    }
    return texts + settings
      + schedules.map {
        (OptimizerPlan.section(ofSchedule: $0.setting), SettingSection($0.schedule).description)
      }
  }
}

extension Configurable {
  /// Every setting with its present value as text.
  fileprivate var texts: [SettingText] { resolved.map { ($0.name, $0.value.description) } }
}
