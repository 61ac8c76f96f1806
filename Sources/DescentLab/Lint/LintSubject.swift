import Descent
public import DescentTraining
import Foundation

/// What is linted, whatever file it came from.
public struct LintSubject: Sendable {
  /// The recipe as it is written; for the configuration of another tool its equivalent, with a
  /// placeholder for what the configuration does not say of model and data.
  public let recipe: Recipe
  /// The recipe with what follows from the length of the run filled in; the same where that is not
  /// known.
  public let fitted: Recipe
  /// What is known of the run besides.
  public let facts: LintFacts
  /// What the user wrote, as it is written, by the recipe's keys (`optimizer.lr`); what is missing here
  /// has the default.
  public let given: [String: String]
  /// The keys of the user's file by the recipe's keys, where they differ; also for keys that the user
  /// left out and his tool knows, so that fixes can be said in its words.
  public let names: [String: String]
  /// What fixes are called in the user's file, where more than the key differs.
  var spellings: [String: String] = [:]
  /// The tool whose file it is; nil for a recipe.
  var tool: String?
  /// What the plan does with the parameters, group by group; with those of a typical model where they
  /// are not known.
  let parts: [LintPart]

  /// A subject.
  ///
  /// - Throws: what contradicts a run of so many steps.
  public init(
    _ recipe: Recipe, facts: LintFacts, given: [String: String], names: [String: String] = [:]
  ) throws(RecipeError) {
    (self.recipe, self.facts, self.given, self.names) = (recipe, facts, given, names)
    var fitted = recipe
    if let steps = facts.steps { try fitted.fit(steps: steps) }
    self.fitted = fitted
    let parameters = facts.parameters ?? Self.typical(isTransformer: facts.isTransformer)
    // What cannot be set has been said by the recipe.
    let (plan, steps) = (fitted.plan, facts.steps ?? 1000)
    let all = (try? plan.parts(for: parameters)) ?? []
    // What is said once is said of the matrices.
    parts = (all.filter { !$0.isVectors } + all.filter(\.isVectors)).map {
      LintPart($0, of: plan, steps: steps)
    }
  }

  /// The parameters of some model, by the names that are customary here.
  private static func typical(isTransformer: Bool?) -> [ParameterInfo] {
    let vectors = [
      ParameterInfo("h.0.ln_1.weight", shape: [768], role: .norm),
      ParameterInfo("h.0.mlp.c_fc.bias", shape: [768], role: .bias),
    ]
    if isTransformer == false {
      return vectors + [
        ParameterInfo("layers.0.weight", shape: [768, 768], role: .matrix),
        ParameterInfo("head.weight", shape: [10, 768], role: .head),
      ]
    }
    return vectors + [
      ParameterInfo("wte.weight", shape: [32768, 768], role: .embedding),
      ParameterInfo("h.0.attn.c_attn.weight", shape: [2304, 768], role: .matrix),
      ParameterInfo("lm_head.weight", shape: [32768, 768], role: .head),
    ]
  }

  /// A recipe of Descent.
  ///
  /// - Parameters:
  ///   - yaml: the recipe.
  ///   - overrides: changes of the form `optimizer.lr=3e-4`.
  ///   - task: its model and data; nil where they cannot be made, so that less is known.
  /// - Throws: all that is wrong with the recipe.
  public init(
    yaml: String, overrides: [String] = [], task: (any TrainingTask)? = nil
  ) throws(RecipeError) {
    let recipe = try Recipe(yaml: yaml, overrides: overrides)
    try self.init(
      recipe, facts: LintFacts(recipe, task),
      given: Recipe.written(yaml: yaml, overrides: overrides))
  }

  /// The share by which a decay λ shrinks the weights over the run, where it acts on them alone; of a
  /// run of 10,000 steps where its length is not known.
  func shrinkage(_ decay: Double, _ part: LintPart) -> Double {
    1 - exp(-decay * part.meanRate * Double(facts.steps ?? 10_000))
  }

  /// Whether a decay is too small for the run to matter: weights that were trained before move
  /// little, and so does their decay. From random weights it always matters.
  func isNegligible(_ decay: Double, _ part: LintPart) -> Bool {
    facts.isFineTuning != false && shrinkage(decay, part) < 0.01
  }

  // MARK: What the user calls things

  /// What the user's file calls a key of the recipe.
  func name(of key: String) -> String { names[key] ?? key }

  /// Whether the model is known to be a transformer.
  var isTransformer: Bool { facts.isTransformer == true }
  /// Whether training begins with random weights, as far as is known.
  var isFromScratch: Bool { facts.isFineTuning != true && facts.isLowRank != true }

  /// Whether all weights of a model that was pretrained on much else are trained: an own run that goes on
  /// from another may have the same data.
  var tunesPretrained: Bool {
    facts.isFineTuning == true && facts.isLowRank != true
      && (isForeign || recipe.model is HuggingFaceModel)
  }

  /// Whether the file is another tool's.
  var isForeign: Bool { !names.isEmpty }

  /// A key and its value as the user wrote them; `value` where he left it out.
  func place(_ key: String, _ value: String? = nil) -> String {
    // What is written as an empty list has no text.
    let text = given[key].map { $0.isEmpty ? "[]" : $0 == "null" ? "none" : $0 } ?? value
    return name(of: key) + (text.map { "=\($0)" } ?? "")
  }

  // MARK: Keys of schedules

  /// The name of the schedule of the learning rate.
  var scheduleName: String? {
    given["schedule.name"]
      ?? recipe.plan.schedules.last { $0.setting == "lr" }.map { type(of: $0.schedule).name }
  }

  /// The section of a hyperparameter's schedule.
  func section(of setting: String, in part: LintPart? = nil) -> String {
    if let number = part?.plan.number,
      part?.plan.group.schedules.contains(where: { $0.setting == setting }) == true
    {
      return "optimizer.groups[\(number)].schedule"
    }
    let isAmongOthers = given.keys.contains { $0.hasPrefix("schedules.\(setting).") }
    return setting == "lr" && !isAmongOthers ? "schedule" : "schedules.\(setting)"
  }

  /// The first of some settings that a schedule has, by the name that the user's file uses: torch and
  /// Hugging Face have names of their own for some.
  func key(of schedule: any Schedule.Type, in section: String, among names: [String]) -> String? {
    if let written = names.first(where: { given["\(section).\($0)"] != nil }) {
      return "\(section).\(written)"
    }
    func settings<S: Schedule>(_: S.Type) -> [String] { S.settings.map(\.name) }
    let own = settings(schedule)
    let alias = ScheduleAlias.all.first { $0.name == given["\(section).name"] }
    let usesTheirs = alias.map { alias in
      alias.settingNames.contains {
        !own.contains($0) && given["\(section).\($0)"] != nil
      }
    }
    let valid = usesTheirs == true ? alias?.settingNames ?? own : own
    return names.first(where: valid.contains).map { "\(section).\($0)" }
  }

  /// The key that decides the largest rate of a group: the rule's, or that of a schedule with a peak
  /// of its own.
  func rateKey(of part: LintPart) -> String {
    let schedule = part.plan.schedules.last { $0.setting == "lr" }?.schedule
    guard let peak = schedule?.ownPeak else { return part.key("lr") }
    return "\(section(of: "lr", in: part)).\(peak.setting)"
  }

  /// How a warmup of the learning rate is written.
  struct Warmup {
    /// The key of its length.
    let key: String
    /// Whether a schedule has to be chosen first, since there is none.
    let isNew: Bool

    /// What to write for so many steps.
    func changes(_ steps: Int) -> [LintWarning.Change] {
      (isNew ? [.init("schedule.name", LinearWarmup.name)] : []) + [.init(key, steps)]
    }
  }

  /// How the rate of a group would warm up; nil where its schedule has no warmup.
  func warmupKey(of part: LintPart) -> Warmup? {
    if part.rule.has("warmup_steps") {
      return Warmup(key: part.key("warmup_steps"), isNew: false)
    }
    guard let schedule = part.plan.schedules.last(where: { $0.setting == "lr" })?.schedule,
      !(schedule is Constant)
    else { return Warmup(key: "schedule.warmup", isNew: true) }
    let section = section(of: "lr", in: part)
    return key(of: type(of: schedule), in: section, among: ["warmup", "num_warmup_steps"])
      .map { Warmup(key: $0, isNew: false) }
  }
}

extension [LintWarning] {
  /// Without those that say the same of the same place.
  var withoutRepeats: [LintWarning] {
    uniqued { [$0.rule, $0.place] }
  }
}
