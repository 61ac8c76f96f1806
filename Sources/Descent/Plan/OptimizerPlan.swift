/// Everything that an optimizer is made of, apart from the parameters that it is for: the rule, the
/// groups, the storage of state and weights, the schedules, and what happens to gradients.
///
/// A plan is a value. It comes from Swift, or from names and texts alone (``init(_:)-(Texts)``), is
/// checked before there are parameters, prints itself, and is what an ``Optimizer`` and everything
/// that reasons about one take.
///
/// ```swift
/// let plan = OptimizerPlan(
///   AdamW(learningRate: 1e-2), schedules: [("lr", Cosine(warmup: 10, total: 100))],
///   clip: Clipping(norm: 1))
/// let optimizer = try Optimizer<Float>(plan, parameters: [ParameterInfo("w", shape: [2])])
/// ```
public struct OptimizerPlan: Sendable {
  /// The rule with its hyperparameters.
  public var rule: any Rule
  /// The parameter groups: the first that matches takes a parameter, and what none takes has the
  /// rule's own hyperparameters. Scalars and vectors (norms, biases) have no weight decay, as is
  /// customary, unless a group that takes them says what their `weight_decay` is, or this is empty:
  /// then all parameters are treated alike.
  public var groups: [ParameterGroup]?
  /// How learning rates fall from layer to layer.
  public var layers = LayerwiseDecay()
  /// How state is stored; a group may change it by the settings of ``StateStorage``.
  public var state: StateStorage
  /// Hyperparameters that follow a schedule, by setting name (`betas[0]` is one number of several).
  /// Each group's own value is the schedule's base, and a group's own schedule takes precedence.
  public var schedules: [(setting: String, schedule: any Schedule)]
  /// How gradients are limited.
  public var clip: Clipping
  /// What else happens to gradients.
  public var gradient: GradientTools
  /// How weights are stored; in 16 bits only for `Optimizer<Float>`.
  public var weights: WeightStorage

  /// A plan; nothing is checked before ``check()`` or before an optimizer is made of it.
  public init(
    _ rule: any Rule, groups: [ParameterGroup]? = nil, state: StateStorage = StateStorage(),
    schedules: [(setting: String, schedule: any Schedule)] = [], clip: Clipping = Clipping(),
    gradient: GradientTools = GradientTools(), weights: WeightStorage = .float32
  ) {
    (self.rule, self.groups, self.state) = (rule, groups, state)
    (self.schedules, self.clip, self.gradient) = (schedules, clip, gradient)
    self.weights = weights
  }

  /// The name of the rule.
  public var ruleName: String { type(of: rule).name }

  // MARK: Checking

  /// Throws everything that is wrong, as far as it can be known without the parameters.
  public func check() throws(OptimizerError) {
    if let error = OptimizerError(problems) { throw error }
  }

  /// Everything that is wrong.
  public var problems: [OptimizerError] { settingProblems + groupProblems() + conflicts() }

  /// Values that their own settings would refuse.
  private var settingProblems: [OptimizerError] {
    func problem<T: Configurable>(_ settings: T, _ section: String) -> OptimizerError? {
      do throws(SettingErrors) {
        try settings.check()
        return nil
      } catch { return .settings(of: section, error) }
    }
    func refusal(_ section: String, _ errors: [SettingError]) -> OptimizerError? {
      errors.isEmpty ? nil : .settings(of: section, SettingErrors(errors))
    }
    return [
      refusal("", rule.mistakes(under: schedules)), problem(state, ""), problem(layers, ""),
      problem(clip, Clipping.name), problem(gradient, GradientTools.name),
      problem(weights, WeightStorage.name),
    ].compactMap(\.self)
      + schedules.compactMap { setting, schedule in
        refusal(Self.section(ofSchedule: setting), schedule.mistakes)
      }
  }

  /// The pairs of features that cannot be combined: of the plan alone, or also with what a run
  /// uses.
  public func conflicts(with run: [FeatureUse] = []) -> [OptimizerError] {
    var conflicts: [OptimizerError] = []
    func add<R: Rule>(_ own: R, _ group: ParameterGroup) {
      let rule = group.reading(own, under: schedules).value
      var uses = rule.features.map {
        FeatureUse($0, R.name, reason: $0 == .exactState ? rule.exactStateReason : nil)
      }
      if let format = try? group.applied(to: state).format, format != .float32 {
        uses.append(FeatureUse(.compressedState, "state=\(format.rawValue)"))
      }
      if group.rule != nil {
        uses.append(FeatureUse(.ruleOfGroup, "parameters that have another rule"))
      } else {
        uses += (groups ?? []).filter { $0.rule != nil }.map {
          FeatureUse(.groupSettings, "a rule of the group '\($0.name)'")
        }
      }
      conflicts += (uses + features + run).conflicts.filter { !conflicts.contains($0) }
    }
    for group in groupsInUse {
      let own = group.rule ?? rule
      add(own, group)
    }
    return conflicts
  }

  /// What the plan uses, besides its rules and the formats of their state.
  private var features: [FeatureUse] {
    func written<T: Configurable>(_ settings: T) -> [(name: String, words: String)] {
      settings.changes.map { ($0.name, "\(T.name).\($0.name)=\($0.value)") }
    }
    var uses: [FeatureUse] = []
    for group in groups ?? [] {
      for (isEmpty, what) in [
        (group.settings.isEmpty, "hyperparameters"), (group.schedules.isEmpty, "schedules"),
      ] where !isEmpty {
        uses.append(.init(.groupSettings, "\(what) of the group '\(group.name)'"))
      }
    }
    uses += written(layers).map { .init(.groupSettings, $0.words) }
    for (name, words) in written(clip) {
      uses.append(.init(.clipping, words))
      if !["norm", "norm_type"].contains(name) { uses.append(.init(.otherClipping, words)) }
    }
    uses += written(gradient).map { .init(.gradientTools, $0.words) }
    if weights.format != .float32 {
      uses.append(.init(.weights16, "weights.format=\(weights.format.rawValue)"))
    }
    return uses
  }

  // MARK: Fitting

  /// Fills in what depends on how many labels a step has, where it was left open.
  public mutating func fit(labels: Int) {
    rule.fit(labels: labels)
    for index in (groups ?? []).indices { groups?[index].rule?.fit(labels: labels) }
  }

  /// Fills in what schedules left open and what follows from the length of the run; `check` looks
  /// at each fitted schedule, called by its section.
  public mutating func fitSchedules(
    totalSteps: Int, _ check: (any Schedule, _ section: String) -> Void = { _, _ in }
  ) {
    func fit(_ schedule: inout any Schedule, _ section: String, isUsed: Bool = true) {
      schedule.fit(totalSteps: totalSteps)
      if isUsed { check(schedule, section) }
    }
    for index in schedules.indices {
      let setting = schedules[index].setting
      let isUsed = uses(scheduleOf: setting)
      fit(&schedules[index].schedule, Self.section(ofSchedule: setting), isUsed: isUsed)
    }
    for group in (groups ?? []).indices {
      let name = groups![group].name
      for index in groups![group].schedules.indices {
        let section = Self.section(ofSchedule: groups![group].schedules[index].setting)
        fit(&groups![group].schedules[index].schedule, "parameter group '\(name)': \(section)")
      }
    }
  }
}

extension OptimizerPlan: CustomStringConvertible {
  /// The plan in lines, every value written out: the sections of ``texts``, then the groups.
  public var description: String {
    func line(_ name: String, _ texts: [SettingText]) -> String {
      "\(name): " + texts.map { "\($0.name)=\($0.text)" }.joined(separator: " ")
    }
    let sections = texts.sections
    let names = Self.sections.flatMap { name in
      name == "schedules" ? sections.keys.filter { $0.hasPrefix("schedules.") }.sorted() : [name]
    }
    return
      (names.compactMap { name in sections[name].map { line(name, $0) } }
      + groupsInUse.dropLast().map { line("group", $0.texts) }).joined(separator: "\n")
  }
}
