import Descent

/// A whole training run as data: model, data, optimizer, schedule, clipping, length.
///
/// A recipe is read from YAML and changed by `path=value`; every key is checked, and all mistakes
/// are reported at once. ``yaml`` writes it back with every default filled in.
public struct Recipe: Sendable {
  /// The keys outside any section.
  public var run = RunSettings()
  /// The model.
  public var model: any ModelKind
  /// The data.
  public var data: any DataKind
  /// The rule, its storage and its groups.
  public var optimizer = OptimizerSettings()
  /// The schedule of the learning rate.
  public var schedule: any Schedule = Constant()
  /// The schedules of other hyperparameters, by setting name.
  public var schedules: [(setting: String, schedule: any Schedule)] = []
  /// Clipping.
  public var clip = Clipping()
  /// What else happens to gradients.
  public var gradient = GradientTools()
  /// The format of the weights.
  public var weights = WeightSettings()
  /// The loss scale of `precision: fp16`.
  public var lossScale = LossScaler()
  /// The average of the weights that is evaluated and kept in their place; nil for none.
  public var average: (any WeightAverage)?
  /// Evaluation.
  public var evaluate = EvaluateSettings()
  /// Checkpoints.
  public var checkpoint = CheckpointSettings()

  /// Reads a recipe.
  ///
  /// - Parameters:
  ///   - yaml: the recipe.
  ///   - overrides: changes of the form `optimizer.lr=3e-4`, applied in order.
  /// - Throws: all that is wrong, at once.
  public init(yaml: String, overrides: [String] = []) throws(RecipeError) {
    var document = RecipeDocument(yaml: yaml)
    for assignment in overrides { document.override(assignment) }
    var reader = RecipeReader(document)
    let model = reader.kind("model", among: ModelKinds.all)
    let data = reader.kind("data", among: DataKinds.all)
    reader.read(&run, "", from: document.top)
    reader.read(&clip, "clip")
    reader.read(&gradient, "gradient")
    reader.read(&weights, "weights")
    reader.read(&lossScale, "loss_scale")
    reader.read(&evaluate, "evaluate")
    reader.read(&checkpoint, "checkpoint")
    optimizer = reader.optimizer(document.groups)
    if document.sections["schedule"] != nil, let chosen = reader.schedule("schedule") {
      schedule = chosen
    }
    schedules = reader.schedules()
    average = reader.average()
    reader.rejectUnknownSections()
    reader.problems += Self.objections(optimizer, clip, gradient)
    reader.problems += Self.objections(optimizer.rule, run.precision, weights)
    reader.problems += Self.objections(optimizer, average, weights)
    if let model, let data { reader.problems += Self.objections(model, data) }
    guard reader.problems.isEmpty, let model, let data else {
      throw RecipeError(problems: reader.problems)
    }
    (self.model, self.data) = (model, data)
    try checkPrecision()
  }

  /// 16-bit weights are those of a model that computes in 16 bits.
  private func checkPrecision() throws(RecipeError) {
    if weights.format == .bf16, run.precision != .bf16 {
      throw RecipeError(problems: [
        "weights.format=bf16 does not go with precision=\(run.precision.rawValue); set precision=bf16"
      ])
    }
  }

  /// What rules that need more than gradients cannot honour in 16 bits.
  private static func objections(
    _ rule: any Rule, _ precision: Precision, _ weights: WeightSettings
  ) -> [String] {
    let name = type(of: rule).name
    let needsMore = rule is any LayerRule || rule is any ClosureRule || rule is any CurvatureRule
    var objections: [OptimizerError] = []
    if precision == .fp16, needsMore {
      objections.append(
        .cannotHonour(
          rule: name, what: "precision=fp16",
          advice: "the loss scale would be in its statistics: use bf16 or float32"))
    }
    if rule is any ClosureRule, !weights.changes.isEmpty {
      objections.append(
        .cannotHonour(
          rule: name, what: "weights in 16 bits", advice: "its pairs need full precision"))
    }
    return objections.map(\.description)
  }

  /// What a method that evaluates the loss itself cannot honour.
  private static func objections(
    _ optimizer: OptimizerSettings, _ clip: Clipping, _ gradient: GradientTools
  ) -> [String] {
    guard let rule = optimizer.rule as? any ClosureRule else { return [] }
    var objections = rule.objections(groups: optimizer.groups ?? [], clip: clip, gradient: gradient)
    if optimizer.state.format != .float32 {
      objections.append(
        .cannotHonour(
          rule: type(of: rule).name, what: "optimizer.state=\(optimizer.state.format.rawValue)",
          advice: "its pairs need full precision: set optimizer.state=float32"))
    }
    return objections.map(\.description)
  }

  /// What cannot be averaged.
  private static func objections(
    _ optimizer: OptimizerSettings, _ average: (any WeightAverage)?, _ weights: WeightSettings
  ) -> [String] {
    guard let average, type(of: average).movesWeights else { return [] }
    let (rule, name) = (optimizer.rule, type(of: average).name)
    let (ruleName, advice) = (type(of: rule).name, "choose another average, or another optimizer")
    if rule.evaluatesElsewhere {
      return [
        "average.name=\(name) moves the weights, which \(ruleName) keeps elsewhere; \(advice)"
      ]
    }
    if !weights.changes.isEmpty {
      return ["average.name=\(name) moves the weights, which are kept in 16 bits; \(advice)"]
    }
    if rule is any ClosureRule {
      return ["average.name=\(name) moves the weights that \(ruleName) goes on from; \(advice)"]
    }
    return []
  }
}

/// Turns the sections of a document into settings and keeps what is wrong.
private struct RecipeReader {
  let document: RecipeDocument
  var problems: [String]

  init(_ document: RecipeDocument) {
    self.document = document
    problems = document.errors
  }

  /// Reads a section into settings that have defaults.
  mutating func read<T: Configurable>(
    _ settings: inout T, _ section: String, from entries: [RecipeDocument.Entry]? = nil
  ) {
    do throws(SettingErrors) {
      try settings.apply(entries ?? document.sections[section] ?? [])
    } catch {
      problems += error.errors.map { $0.sentence(in: section) }
    }
  }

  /// Reads a section whose `kind` or `name` says what it describes.
  mutating func kind(
    _ section: String, among kinds: [any Configurable.Type], except: Set<String> = []
  ) -> (any Configurable)? {
    let selector = RecipeDocument.selector(of: section)!
    let names = kinds.map { $0.name }.joined(separator: ", ")
    let entries = document.sections[section] ?? []
    guard let name = entries.first(where: { $0.name == selector })?.text else {
      problems.append("\(section).\(selector) is missing: give one of \(names)")
      return nil
    }
    guard let type = kinds.first(where: { $0.name == name }) else {
      let nearest = nearestName(to: name, among: kinds.map { $0.name })
      let hint = nearest.map { "did you mean '\($0)'?" } ?? "there are: \(names)"
      problems.append("\(section).\(selector)=\(name) does not exist; \(hint)")
      return nil
    }
    func make<T: Configurable>(_: T.Type) -> any Configurable {
      var settings = T()
      read(
        &settings, section,
        from: entries.filter { $0.name != selector && !except.contains($0.name) })
      return settings
    }
    return make(type)
  }

  mutating func kind(
    _ section: String, among kinds: [any ModelKind.Type]
  ) -> (any ModelKind)? {
    kind(section, among: kinds as [any Configurable.Type]) as? any ModelKind
  }

  mutating func kind(
    _ section: String, among kinds: [any DataKind.Type]
  ) -> (any DataKind)? {
    kind(section, among: kinds as [any Configurable.Type]) as? any DataKind
  }

  /// Reads a section that describes a schedule.
  mutating func schedule(_ section: String) -> (any Schedule)? {
    let entries = document.sections[section] ?? []
    guard let name = entries.first(where: { $0.name == "name" })?.text else {
      let names = Schedules.names.joined(separator: ", ")
      problems.append("\(section).name is missing: give one of \(names)")
      return nil
    }
    return schedule(name, entries.filter { $0.name != "name" }, section)
  }

  private mutating func schedule(
    _ name: String, _ settings: [RecipeDocument.Entry], _ section: String
  ) -> (any Schedule)? {
    do throws(SettingErrors) {
      return try Schedules.make(name, settings)
    } catch {
      problems += error.errors.map { $0.sentence(in: section) }
      return nil
    }
  }

  /// The sections under `schedules`.
  mutating func schedules() -> [(setting: String, schedule: any Schedule)] {
    let sections = document.sections.keys.filter { $0.hasPrefix("schedules.") }.sorted()
    return sections.compactMap { section in
      schedule(section).map { (String(section.dropFirst("schedules.".count)), $0) }
    }
  }

  /// The section `average`, which may be missing or have the name none.
  mutating func average() -> (any WeightAverage)? {
    guard let entries = document.sections["average"] else { return nil }
    let name = entries.first { $0.name == "name" }?.text
    if let name, ["none", "null"].contains(name), entries.count == 1 { return nil }
    let kinds = WeightAverages.all as [any Configurable.Type]
    return kind("average", among: kinds) as? any WeightAverage
  }

  mutating func optimizer(_ groups: [[RecipeDocument.Entry]]?) -> OptimizerSettings {
    var settings = OptimizerSettings()
    let rules = Rules.all as [any Configurable.Type]
    let (storage, others) = StateStorage.split(document.sections["optimizer"] ?? [])
    let (layers, _) = LayerSettings.split(others)
    let shared = Set((storage + layers).map(\.name))
    if let rule = kind("optimizer", among: rules, except: shared) as? any Rule {
      settings.rule = rule
    }
    read(&settings.state, "optimizer", from: storage)
    read(&settings.layers, "optimizer", from: layers)
    settings.groups = groups?.enumerated().map { group($1, number: $0 + 1) }
    return settings
  }

  /// A group: the keys `name`, `match`, `rank` and `role` choose parameters, all others are
  /// hyperparameters, which the optimizer checks.
  private mutating func group(
    _ entries: [RecipeDocument.Entry], number: Int
  ) -> ParameterGroup {
    var group = ParameterGroup("group \(number)", ParameterMatch())
    func addSchedule(_ setting: String, _ text: String) {
      let section = "optimizer.groups: the schedule of \(setting)"
      guard let parts = SettingSection.list(text), parts.count == 1 else {
        problems.append("\(section) must look like {name: cosine, warmup: 100}")
        return
      }
      if let schedule = schedule(parts[0].name, parts[0].texts, section) {
        group.schedules.append((setting, schedule))
      }
    }
    for (name, text) in entries {
      let items = text.split(separator: ",").map { $0.filter { $0 != " " } }
      switch name {
      case "name": group.name = text
      case "match": group.match.names = items
      case "rank":
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        if text.hasSuffix("+"), let low = Int(text.dropLast()) {
          group.match.ranks = low...Int.max
        } else if let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high {
          group.match.ranks = low...high
        } else {
          problems.append("optimizer.groups: rank=\(text) must look like 1, 0-1 or 2+")
        }
      case "role":
        for item in items {
          if let role = ParameterRole(rawValue: item) {
            group.match.roles.append(role)
          } else {
            let names = ParameterRole.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append("optimizer.groups: role=\(item) does not exist; there are: \(names)")
          }
        }
      case "optimizer":
        do throws(OptimizerError) {
          func make<R: Rule>(_: R.Type) -> any Rule { R() }
          group.rule = make(try Rules.named(text))
        } catch { problems.append("optimizer.groups: \(error)") }
      case "frozen":
        if let isFrozen = Bool(text) {
          group.isFrozen = isFrozen
        } else {
          problems.append("optimizer.groups: frozen=\(text) must be true or false")
        }
      case "schedule": addSchedule("lr", text)
      case _ where name.hasPrefix("schedules."):
        addSchedule(String(name.dropFirst("schedules.".count)), text)
      default: group.settings.append((name, text))
      }
    }
    return group
  }

  mutating func rejectUnknownSections() {
    let known = [
      "model", "data", "optimizer", "schedule", "schedules", "clip", "gradient", "average",
      "weights", "loss_scale", "evaluate", "checkpoint",
    ]
    for section in document.sections.keys.sorted()
    where !known.contains(section) && !section.hasPrefix("schedules.") {
      let names = known + RunSettings.settings.map(\.name)
      let hint =
        nearestName(to: section, among: names).map { "did you mean '\($0)'?" }
        ?? "there are: \(names.joined(separator: ", "))"
      problems.append("there is no section '\(section)'; \(hint)")
    }
  }
}
