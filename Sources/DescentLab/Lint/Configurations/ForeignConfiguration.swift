public import DescentTraining

/// The configuration of another tool: the recipe that trains as it would, and what it does without
/// saying.
///
/// ```swift
/// if let configuration = try ForeignConfiguration.read(path: "lora.toml", examples: 500) {
///   print(configuration.recipe)
///   print(Lint.warnings(try configuration.subject()).map(\.reason))
/// }
/// ```
public struct ForeignConfiguration: Sendable {
  /// The tool: `kohya sd-scripts`.
  public let tool: String
  /// The version whose sources the facts are from: `transformers 5.23`.
  public let version: String
  /// The equivalent recipe as YAML, with placeholders for model and data, and comments where
  /// something has no equivalent.
  public let recipe: String
  /// What is known of the run besides.
  public let facts: LintFacts
  /// Examples in a micro-batch of one process.
  public let perDevice: Int
  /// Micro-batches in an optimizer step.
  public let accumulate: Int
  /// The keys of the file by the recipe's keys, also of those that it leaves out.
  public let names: [String: String]
  /// What the file gives, as it is written there, by the recipe's keys.
  public let given: [String: String]
  /// What lint's fixes are called in the file, where they differ in more than the key.
  let spellings: [String: String]
  /// What the tool does that the file does not say: a sentence each.
  public let silent: [String]
  /// What the tool refuses or fails at.
  public let refusals: [Refusal]
  /// Keys that have no effect, because others take their place.
  let ignored: [(place: String, reason: String, fix: String)]
  /// Old keys, keys that contradict each other, what has no equivalent: a sentence each.
  public let remarks: [String]
  /// What follows from neither the file nor the options.
  public let unknown: [String]
  /// Keys that the tool does not know.
  public let unread: [UnreadKey]
  /// The keys of the file with their values: `warmup_steps=0.1`.
  let written: [String: String]
  /// Whether the tool takes keys that it does not know without a word.
  let ignoresUnknownKeys: Bool
  /// How the tool's curve differs from the recipe's; nil where they are the same.
  public let difference: String?
  /// What the curve is that of, where the length of the run is not known.
  public let assumedSteps: Int?

  /// What the tool refuses or fails at: a sentence each.
  public var refused: [String] { refusals.map(\.sentence) }

  /// What a tool refuses or fails at.
  public struct Refusal: Sendable, Equatable {
    /// Why, and perhaps what to do, behind a semicolon.
    public let sentence: String
    /// The key that it is about.
    let key: String?
    /// Whether the value could not be used, so that the default stands for it.
    let isReplaced: Bool
    /// What to do, where the sentence does not end in it.
    private let advice: String?

    init(_ sentence: String, key: String? = nil, fix: String? = nil, isReplaced: Bool = false) {
      (self.sentence, self.key, advice, self.isReplaced) = (sentence, key, fix, isReplaced)
    }

    private var split: (reason: Substring, fix: Substring)? {
      sentence.firstRange(of: "; ").map {
        (sentence[..<$0.lowerBound], sentence[$0.upperBound...])
      }
    }

    /// Why.
    var reason: String {
      advice == nil ? split.map { String($0.reason) } ?? sentence : sentence
    }

    /// What to do about the key at a place.
    func fix(_ place: String) -> String {
      let key = place.prefix { $0 != "=" }
      return advice ?? split.map { String($0.fix) }
        ?? (key.isEmpty ? "correct it" : "correct \(key)")
    }
  }

  /// A key that a tool does not know.
  public struct UnreadKey: Sendable, Equatable {
    /// The key.
    public let name: String
    /// What it may have been meant to be.
    public let nearest: String?

    package init(name: String, nearest: String?) { (self.name, self.nearest) = (name, nearest) }
  }

  /// The tools whose configurations are read.
  static let tools: [any ForeignTool.Type] = [
    HuggingFaceArguments.self, KohyaConfiguration.self, OneTrainerConfiguration.self,
    AxolotlConfiguration.self,
  ]

  /// Reads the configuration of a tool, which is recognised by its keys.
  ///
  /// - Parameters:
  ///   - path: the file: JSON, YAML or TOML.
  ///   - examples: examples in a pass over the training data, which hardly any configuration says.
  ///   - ranks: processes, or devices, that share a step.
  /// - Returns: nil for a file that looks like a recipe of Descent.
  /// - Throws: ``DataError`` for a file that is none of these; ``RecipeError`` for values out of
  ///   which no recipe can be made.
  public static func read(
    path: String, examples: Int? = nil, ranks: Int? = nil
  ) throws -> ForeignConfiguration? {
    let text = try TextFile.read(path, upTo: ConfigurationFormat.longest)
    return try read(text, path: path, examples: examples, ranks: ranks)
  }

  package static func read(
    _ text: String, path: String, examples: Int? = nil, ranks: Int? = nil
  ) throws -> ForeignConfiguration? {
    let format = ConfigurationFormat(of: text)
    var root: ConfigurationValue
    do {
      root = try format.read(text, path: path)
    } catch {
      // What is wrong with a recipe is said by the reader of recipes. What only begins like JSON may
      // be YAML in braces.
      if format == .yaml { return nil }
      guard format == .json, let tree = try? ConfigurationFormat.yaml.read(text, path: path),
        tree.map != nil
      else { throw error }
      root = tree
    }
    guard let entries = root.map, let tool = tool(of: entries) else {
      if let entries = root.map, isRecipe(entries) { return nil }
      let known = tools.map { "\($0.name) (\($0.formats))" }.joined(separator: ", ")
      throw DataError.unsuitable(
        "\(path) is neither a recipe of Descent nor a configuration that lint knows; it reads those "
          + "of \(known)")
    }
    if tool == nil { return nil }
    return try tool?.read(entries, examples: examples, ranks: ranks)
  }

  /// The tool that a file with these keys is for. A key that only one tool has says more than one
  /// that several have.
  private static func tool(
    of entries: [(key: String, value: ConfigurationValue)]
  ) -> (any ForeignTool.Type)?? {
    if isRecipe(entries) { return .some(nil) }
    var best: (tool: any ForeignTool.Type, score: Int)?
    let others = tools.map { Set($0.marks) }
    for (index, tool) in tools.enumerated() {
      let keys = Set(tool.flattened(entries).map(\.key))
      let known = keys.intersection(tool.keys)
      let marks = known.intersection(tool.marks)
      let own = marks.filter { key in
        !others.indices.contains { $0 != index && others[$0].contains(key) }
      }
      let score = own.isEmpty ? marks.count : 100 * own.count + marks.count
      // One word that several tools have is no configuration.
      if score > 1, score > best?.score ?? 0 { best = (tool, score) }
    }
    // A plain optional would be the other nil, a recipe.
    if let best { return .some(best.tool) }
    return nil
  }

  /// Whether a file has the sections of a recipe.
  private static func isRecipe(_ entries: [(key: String, value: ConfigurationValue)]) -> Bool {
    entries.contains { entry in
      guard let section = entry.value.map else { return false }
      let keys = Set(section.map(\.key))
      switch entry.key {
      case "model", "data": return keys.contains("kind")
      case "optimizer", "schedule": return keys.contains("name")
      default: return false
      }
    }
  }

  /// What the tool refuses, and the keys that it does not know, as warnings beside those of lint's
  /// rules.
  public var warnings: [LintWarning] {
    refusals.map { refusal in
      let words = refusal.sentence.split { !($0.isLetter || $0.isNumber || $0 == "_") }
      let place =
        refusal.key.flatMap { written[$0] } ?? words.lazy.compactMap { written[String($0)] }.first
        ?? refusal.key ?? ""
      return LintWarning(
        rule: LintWarning.refused, place: place, reason: refusal.reason, source: version,
        fix: refusal.fix(place))
    }
      + unread.map { key in
        LintWarning(
          rule: "unknown_key", place: written[key.name] ?? key.name,
          reason: "\(tool) does not know the key, and "
            + (ignoresUnknownKeys ? "ignores it without a word" : "refuses the file for it"),
          source: version,
          fix: key.nearest.map { "write \($0), if that is meant" } ?? "leave it out")
      }
      + ignored.map {
        LintWarning(
          rule: SetAside.name, place: $0.place, reason: $0.reason, source: version, fix: $0.fix)
      }
  }

  /// What lint's rules look at.
  ///
  /// - Throws: what contradicts a run of so many steps.
  public func subject() throws(RecipeError) -> LintSubject {
    var subject = try LintSubject(Recipe(yaml: recipe), facts: facts, given: given, names: names)
    (subject.spellings, subject.tool) = (spellings, tool)
    return subject
  }
}

/// A tool whose configurations are read.
protocol ForeignTool: Sendable {
  /// What it is called.
  static var name: String { get }
  /// The formats of its files.
  static var formats: String { get }
  /// The version whose sources the facts are from.
  static var version: String { get }
  /// All keys that it knows, of any version.
  static var keys: Set<String> { get }
  /// Keys that are suggested for those that it does not know.
  static var suggested: Set<String> { get }
  /// Keys by which its files are recognised.
  static var marks: [String] { get }
  /// Whether keys that it does not know are taken without a word.
  static func ignoresUnknownKeys(_ keys: Set<String>) -> Bool
  /// What it makes of texts in the place of numbers.
  static func textPolicy(_ keys: Set<String>) -> ForeignKeys.TextPolicy
  /// The keys of a file where sections mean nothing, in one list.
  static func flattened(
    _ entries: [(key: String, value: ConfigurationValue)]
  ) -> [(key: String, value: ConfigurationValue)]
  /// Says everything of it.
  static func translate(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft)
}

extension ForeignTool {
  static func ignoresUnknownKeys(_ keys: Set<String>) -> Bool { true }

  static var suggested: Set<String> { keys }

  static func flattened(
    _ entries: [(key: String, value: ConfigurationValue)]
  ) -> [(key: String, value: ConfigurationValue)] { entries }

  /// Keys written one after another in a text.
  static func words(_ text: String) -> [String] {
    text.split(whereSeparator: \.isWhitespace).map(String.init)
  }

  fileprivate static func read(
    _ entries: [(key: String, value: ConfigurationValue)], examples: Int?, ranks: Int?
  ) throws(RecipeError) -> ForeignConfiguration {
    let flat = flattened(entries)
    var keys = ForeignKeys(flat, textPolicy(Set(flat.map(\.key))))
    var draft = ForeignDraft(examples: examples, ranks: ranks)
    translate(&keys, &draft)
    return try draft.finished(self, keys)
  }
}
