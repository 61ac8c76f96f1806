import Descent
import DescentTraining

/// What is found out about a configuration, piece by piece.
struct ForeignDraft {
  /// Examples in a pass, as the option says.
  let examples: Int?
  /// Processes, as the option says.
  let ranks: Int
  /// Whether the option said so.
  let hasRanks: Bool
  var recipe = RecipeDraft()
  var facts = LintFacts()
  var names: [String: String] = [:]
  var given: [String: String] = [:]
  var silent: [String] = []
  var remarks: [String] = []
  /// Keys that have no effect, because others take their place: their place, why, and what to do.
  var ignored: [(place: String, reason: String, fix: String)] = []
  /// What lint's fixes are called in the file, where more than the key differs:
  /// `clip.norm=none` is `max_grad_norm=0`.
  var spellings: [String: String] = [:]
  /// The adapters that are trained, in words: `rank 16, alpha 8`.
  var adapters: String?
  /// The key that says that several devices train.
  var severalDevices: String?
  var unknown: [String] = []
  var difference: String?
  /// Examples in a micro-batch of one process.
  var perDevice = 1
  var accumulate = 1
  /// What the tool is called in this file, where it has several kinds.
  var flavour: String?
  /// Old keys that the tool converts when it loads the file.
  var converted: Set<String> = []
  /// Steps of the run, and what stands for them where they are not known.
  var steps: Int?
  var assumedSteps: Int?
  /// Whether the model is a language model.
  var isLanguageModel = false

  init(examples: Int?, ranks: Int?) {
    let most = 1_000_000_000_000
    self.examples = examples.map { min(max(1, $0), most) }
    (self.ranks, hasRanks) = (min(max(1, ranks ?? 1), most), ranks != nil)
  }

  /// The steps that curves are drawn over.
  var curveSteps: Int { steps ?? assumedSteps ?? 1000 }

  /// Notes which key of the file a key of the recipe is.
  mutating func name(_ path: String, _ key: String, _ keys: ForeignKeys) {
    names[path] = key
    if let text = keys.written(key) { given[path] = text }
  }

  /// Notes what the file calls a hyperparameter, where it stands among others in one text:
  /// `optimizer_args: betas`.
  mutating func name(_ path: String, _ key: String, given text: String?) {
    names[path] = key
    if let text { given[path] = text }
  }

  /// Notes a key of the file that has no effect.
  mutating func ignore(
    _ key: String, because reason: String, fix: String = "leave it out", _ keys: ForeignKeys
  ) {
    let place = key.onOneLine + (keys.written(key).map { "=\($0.onOneLine)" } ?? "")
    ignored.append((place, reason, fix))
  }

  /// Says by how much what adapters add is multiplied.
  mutating func addScale(_ alpha: Double, _ rank: Double, _ how: String, isRoot: Bool = false) {
    guard alpha > 0, rank > 0 else { return }
    adapters = "rank \(short(rank, 6)), alpha \(short(alpha, 6))"
    let divisor = isRoot ? "√\(short(rank, 6))" : short(rank, 6)
    let scale = alpha / (isRoot ? rank.squareRoot() : rank)
    silent.append(
      "What LoRA adds is multiplied by \(how) = \(short(alpha, 6))/\(divisor)"
        + (scale == 1 || alpha == 1 ? "." : " = \(short(scale, 3))."))
  }

  /// Micro-batches of all processes.
  var batch: Int { perDevice.times(ranks) }

  /// Sets how long the run is.
  ///
  /// - Parameters:
  ///   - steps: the tool's own count; nil where it is not known.
  ///   - warmup: the steps of the warmup where they are given as a number.
  mutating func setLength(steps: Int?, stepsPerEpoch: Int?, epochs: Double?, warmup: Double?) {
    let longest = 1_000_000_000_000
    if let steps, steps >= longest {
      remarks.append("The run would take 1e12 steps or more: all figures are those of 1e12.")
    }
    let steps = steps.map { min(max(1, $0), longest) }
    self.steps = steps
    if steps == nil {
      let least = warmup.map { $0 >= 1 ? 10 * $0 : 0 } ?? 0
      assumedSteps = max(1000, Int(min(least, 1e9)))
    }
    (facts.steps, facts.stepsPerEpoch) = (self.steps, stepsPerEpoch)
    facts.epochs = epochs
    if let steps, let stepsPerEpoch { facts.epochs = Double(steps) / Double(stepsPerEpoch) }
    facts.examples = examples
    facts.ranks = ranks
    facts.effectiveBatch = batch.times(accumulate)
    recipe.set(
      "steps", curveSteps,
      steps == nil ? "not known: it takes the number of examples (--examples N)" : nil)
    recipe.set(
      "batch", batch, ranks > 1 ? "\(perDevice) on each of \(ranks) devices" : nil)
    if accumulate > 1 { recipe.set("accumulate", accumulate) }
  }

  /// Sets the schedule under a name of Hugging Face or of Descent.
  ///
  /// - Parameters:
  ///   - peak: the rate that the schedule starts from.
  ///   - kwargs: the key whose settings these are, for sentences.
  mutating func setSchedule(
    _ name: String, _ settings: [(name: String, text: String)], from keys: inout ForeignKeys,
    kwargs: String, peak: Double?
  ) {
    do throws(SettingErrors) {
      let schedule = try Schedules.make(name, settings)
      if let peak, let objection = schedule.objection(base: peak) {
        keys.refuse(objection.sentence(driving: "the learning rate", peak), at: kwargs)
        return
      }
      write(schedule)
    } catch {
      for problem in error.errors { keys.refuse("\(kwargs): \(problem)", at: kwargs) }
      recipe.set("schedule.name", "constant")
    }
  }

  /// Writes a schedule with those of its settings that are not the default.
  mutating func write(_ schedule: any Schedule) {
    recipe.set("schedule.name", type(of: schedule).name)
    for (name, value) in schedule.changes {
      let text = value.description
      recipe.set(
        "schedule.\(name)", text.contains("[") || text.contains("(") ? "\"\(text)\"" : text)
    }
  }

  /// A run that ends within its warmup: the rate rises until the end.
  mutating func setEndlessWarmup(_ warmup: Int, _ key: String) {
    recipe.set("schedule.name", "warmup")
    recipe.set("schedule.warmup", warmup, "longer than the run: the rate never reaches its peak")
    recipe.set("schedule.warmup_start", "zero")
  }

  /// Puts everything together.
  func finished(
    _ tool: any ForeignTool.Type, _ keys: ForeignKeys
  ) throws(RecipeError) -> ForeignConfiguration {
    var draft = self
    let name = flavour ?? tool.name
    draft.recipe.head =
      [
        "What \(name) trains, as a recipe of Descent.",
        "Model and data are placeholders: put yours in their place.",
      ]
      + (adapters.map { ["Adapters of \($0) are trained there; a recipe trains all weights."] }
        ?? [])
      + recipe.head
    draft.addPlaceholders()
    let yaml = draft.recipe.yaml
    do throws(RecipeError) {
      var recipe = try Recipe(yaml: yaml)
      try recipe.fit(steps: curveSteps)
    } catch {
      throw RecipeError(
        problems: keys.refusals.map(\.sentence) + error.problems.map(draft.inUsersWords))
    }
    var remarks = remarks
    if case .converted = keys.textPolicy, !keys.textsForNumbers.isEmpty {
      remarks.append(textSentence(keys, name))
    }
    var refusals = keys.refusals
    if case .fails(let how) = keys.textPolicy {
      refusals += keys.textsForNumbers.map {
        .init("\($0.key)=\"\($0.text)\" \(how)", key: $0.key)
      }
    }
    let unread = keys.names.filter { !tool.keys.contains($0) && !converted.contains($0) }
    return ForeignConfiguration(
      tool: name, version: tool.version, recipe: yaml, facts: facts, perDevice: perDevice,
      accumulate: accumulate, names: names, given: given, spellings: spellings, silent: silent,
      refusals: refusals.enumerated().filter { index, refusal in
        !refusals[..<index].contains(refusal)
      }.map(\.element), ignored: ignored, remarks: remarks, unknown: unknown,
      unread: unread.map {
        .init(name: $0, nearest: nearestKey(to: $0, of: tool))
      },
      written: Dictionary(
        keys.names.map { key in
          (key, key.onOneLine + (keys.written(key).map { "=\($0.onOneLine)" } ?? ""))
        }
      ) { $1 },
      ignoresUnknownKeys: tool.ignoresUnknownKeys(Set(keys.names)), difference: difference,
      assumedSteps: steps == nil ? assumedSteps : nil)
  }

  private func textSentence(_ keys: ForeignKeys, _ tool: String) -> String {
    let list = few(keys.textsForNumbers.map { "\($0.key): \($0.text)" })
    let isOne = keys.textsForNumbers.count == 1
    return
      "\(list) \(isOne ? "is a text, not a number" : "are texts, not numbers") (YAML 1.1 wants a "
      + "point before an exponent: 1.0e-4). \(tool) converts \(isOne ? "it" : "them"), other readers "
      + "do not."
  }

  /// A problem of the recipe with the keys of the user's file.
  private func inUsersWords(_ problem: String) -> String {
    names.reduce(problem) { $0.replacing("\($1.key)=", with: "\($1.value)=") }
  }

  private mutating func addPlaceholders() {
    if isLanguageModel {
      recipe.set("model.kind", "gpt", "placeholder")
      recipe.set("data.kind", "text", "placeholder")
    } else {
      recipe.set("model.kind", "cnn", "placeholder")
      recipe.set("data.kind", "digits", "placeholder")
    }
  }
}
