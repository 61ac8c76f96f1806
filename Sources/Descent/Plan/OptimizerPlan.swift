/// Everything that an optimizer is made of, apart from the parameters that it is for: the rule, the
/// groups, the storage of state and weights, the schedules, and what happens to gradients.
///
/// A plan is a value. It comes from Swift, or from names and texts alone (``init(_:)-(Texts)``), is
/// checked without any parameter, and is what an ``Optimizer`` and everything that reasons about one
/// take.
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
  /// The parameter groups, tried in order, first match wins; what none takes has the rule's own
  /// hyperparameters. nil is the customary split: no weight decay on vectors (norms, biases).
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
  public var problems: [OptimizerError] {
    let ofSettings = settingProblems
    return ofSettings + (ofSettings.isEmpty ? groupProblems : []) + conflicts()
  }

  /// Values that their own settings would refuse.
  private var settingProblems: [OptimizerError] {
    func problem<T: Configurable>(_ settings: T, _ section: String) -> OptimizerError? {
      do throws(SettingErrors) {
        try settings.check()
        return nil
      } catch { return .settings(of: section, error) }
    }
    return [
      problem(rule, ""), problem(state, ""), problem(layers, ""), problem(clip, Clipping.name),
      problem(gradient, GradientTools.name), problem(weights, WeightStorage.name),
    ].compactMap(\.self)
  }

  /// What groups and schedules ask for in vain.
  var groupProblems: [OptimizerError] {
    var problems: [OptimizerError] = []
    for group in groupsInUse {
      do throws(OptimizerError) {
        _ = try resolved(group)
      } catch { problems += error.all.filter { !problems.contains($0) } }
    }
    return problems
  }

  /// The pairs of features that do not go together: of the plan alone, or also with what a run uses.
  public func conflicts(with run: [FeatureUse] = []) -> [OptimizerError] {
    var conflicts: [OptimizerError] = []
    for (rule, isOfGroup) in [(rule, false)]
      + (groups ?? []).compactMap({ group in
        group.rule.map { ($0, true) }
      })
    {
      let name = type(of: rule).name
      var uses = rule.features.map {
        FeatureUse($0, name, reason: $0 == .exactState ? rule.exactStateReason : nil)
      }
      if isOfGroup { uses.append(FeatureUse(.ruleOfGroup, "parameters that have another rule")) }
      conflicts += (uses + features + run).conflicts.filter { !conflicts.contains($0) }
    }
    return conflicts
  }

  /// What the plan uses, besides its rules.
  private var features: [FeatureUse] {
    func written<T: Configurable>(_ settings: T) -> [(name: String, words: String)] {
      settings.changes.map { ($0.name, "\(T.name).\($0.name)=\($0.value)") }
    }
    var uses: [FeatureUse] = []
    for group in groups ?? [] where !group.settings.isEmpty {
      uses.append(.init(.groupSettings, "hyperparameters of the group '\(group.name)'"))
    }
    for (name, words) in written(clip) {
      uses.append(.init(.clipping, words))
      if !["norm", "norm_type"].contains(name) { uses.append(.init(.otherClipping, words)) }
    }
    uses += written(gradient).map { .init(.gradientTools, $0.words) }
    let formats =
      [state.format] + (groups ?? []).compactMap { (try? $0.applied(to: state))?.format }
    for format in StateStorage.Format.allCases where format != .float32 && formats.contains(format)
    {
      uses.append(.init(.compressedState, "state=\(format.rawValue)"))
    }
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

  /// Fills in what schedules left open and what follows from the length of the run; `check` looks at
  /// each fitted schedule, called by its section.
  public mutating func fitSchedules(
    totalSteps: Int, _ check: (any Schedule, _ section: String) -> Void = { _, _ in }
  ) {
    func fit(_ schedule: inout any Schedule, _ section: String) {
      schedule.fit(totalSteps: totalSteps)
      check(schedule, section)
    }
    for index in schedules.indices {
      let setting = schedules[index].setting
      fit(&schedules[index].schedule, setting == "lr" ? "schedule" : "schedules.\(setting)")
    }
    for group in (groups ?? []).indices {
      for index in groups![group].schedules.indices {
        fit(
          &groups![group].schedules[index].schedule,
          "optimizer.groups: the schedule of \(groups![group].schedules[index].setting)")
      }
    }
  }
}

extension OptimizerPlan: CustomStringConvertible {
  /// The plan in lines: the rule and every section with all their values, then the groups.
  public var description: String {
    func line(_ name: String, _ values: [(name: String, value: SettingValue)]) -> String {
      ([name + ":"] + values.map { "\($0.name)=\($0.value)" }).joined(separator: " ")
    }
    var lines = [
      line(ruleName, rule.resolved + state.resolved + layers.resolved),
      line("clip", clip.resolved), line("gradient", gradient.resolved),
      line("weights", weights.resolved),
    ]
    lines += schedules.map { "\($0.setting) follows \(SettingSection($0.schedule))" }
    for group in groupsInUse {
      var words = ["group \(group.name) (\(group.match))"]
      if let rule = group.rule { words.append("optimizer=\(type(of: rule).name)") }
      if group.isFrozen { words.append("frozen") }
      words += group.settings.map { "\($0.name)=\($0.text)" }
      words += group.schedules.map { "\($0.setting) follows \(SettingSection($0.schedule))" }
      lines.append(words.joined(separator: " "))
    }
    return lines.joined(separator: "\n")
  }
}
