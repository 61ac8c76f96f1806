import Descent
public import DescentTraining
import Foundation

/// The hyperparameters of one optimizer from those of another, and from one batch size to another, by
/// rules of thumb whose sources and doubts are named.
///
/// Everything goes by way of AdamW, to which and from which the literature gives its rules.
public struct HyperparameterConversion: Sendable {
  /// The rule that the settings are of.
  public let from: String
  /// The rule that they are for.
  public let to: String
  /// The settings as they were given, defaults of `lr` and `weight_decay` included.
  public let given: [(name: String, value: String)]
  /// What they become, the most important first.
  public let rules: [ConversionRule]
  /// What else is to be done or known.
  public let notes: [String]
  /// From how many examples a step to how many.
  public let batches: (from: Int, to: Int)?

  /// The optimizers that sources speak of.
  public static let known = [
    "adam", "adamw", "lion", "sgd", "adafactor", "prodigy", "muon", "sophia-g", "sophia-h",
    "schedule-free-adamw", "schedule-free-sgd",
  ]

  /// A conversion.
  ///
  /// - Parameters:
  ///   - from, to: names of ``known``, `sophia` among them for sophia-g.
  ///   - settings: those of `from` as texts; Prodigy may have its last `d` among them.
  ///   - batches: how many examples a step has and will have.
  /// - Throws: everything that is wrong, and what no source supports.
  public init(
    from: String, to: String, settings: [(name: String, text: String)],
    batches: (from: Int, to: Int)? = nil
  ) throws(RecipeError) {
    let (from, to) = (try Self.name(from), try Self.name(to))
    if let batches {
      for n in [batches.from, batches.to] where !(1...1_000_000_000).contains(n) {
        throw RecipeError(problems: [
          "a batch of \(n) is out of range: give from 1 to 1e9 examples for each step"
        ])
      }
    }
    if from == to, batches.map({ $0.from == $0.to }) ?? true {
      throw RecipeError(problems: [
        "from \(from) to \(to) there is nothing to convert: name another optimizer, or two batch sizes "
          + "with --batch OLD NEW"
      ])
    }
    let batches = batches.flatMap { $0.from == $0.to ? nil : $0 }
    let source = try ConversionSource(from, settings)
    let converter = HyperparameterConverter(source: source, batches: batches)
    let (rules, notes) = try converter.convert(to: to)
    for rule in rules {
      let numbers = [rule.range?.lowerBound, rule.range?.upperBound]
      if case .number(let x) = rule.value, !(numbers + [x]).allSatisfy({ $0?.isFinite ?? true }) {
        throw RecipeError(problems: [
          "\(rule.setting) becomes too large for a number: give settings that were trained with"
        ])
      }
    }
    self.rules = rules
    self.notes = notes + source.left(besides: rules)
    (self.from, self.to, self.batches, given) = (from, to, batches, source.given)
  }

  private static func name(_ name: String) throws(RecipeError) -> String {
    if name == "sophia" { return "sophia-g" }
    if known.contains(name) { return name }
    if Rules.names.contains(name) {
      throw RecipeError(problems: [
        "no source gives a rule to convert hyperparameters from or to \(name); rules are known for "
          + "\(listed(known)). 'descent lr-find' and 'descent race --tune' measure what suits it"
      ])
    }
    let nearest = nearestName(to: name, among: known).map { "did you mean '\($0)'? " } ?? ""
    throw RecipeError(problems: [
      "there is no optimizer '\(quotable(name))'; \(nearest)rules are known for \(listed(known))"
    ])
  }

  /// The settings as they stand in a recipe: `betas` as a list.
  public var settings: [(name: String, value: ConversionRule.Value)] {
    var result: [(name: String, value: ConversionRule.Value)] = []
    for rule in rules {
      guard let bracket = rule.setting.firstIndex(of: "[") else {
        result.append((rule.setting, rule.value))
        continue
      }
      let name = String(rule.setting[..<bracket])
      if let at = result.firstIndex(where: { $0.name == name }) {
        result[at].value = .text("\(result[at].value.text),\(rule.value.text)")
      } else {
        result.append((name, .text(rule.value.text)))
      }
    }
    return result
  }

  /// The section `optimizer` of a recipe.
  public var yaml: String {
    let lines = settings.map { name, value in
      "  \(name): "
        + (value.text.contains(",") ? "[\(value.text.replacing(",", with: ", "))]" : value.text)
    }
    return (["optimizer:", "  name: \(to)"] + lines).joined(separator: "\n")
  }

  /// The same for a command line.
  public var assignments: String {
    (["--set optimizer.name=\(to)"] + settings.map { "--set optimizer.\($0.name)=\($0.value.text)" })
      .joined(separator: " ")
  }
}

/// The settings that a conversion begins with, read as their rule reads them.
struct ConversionSource {
  let name: String
  let given: [(name: String, value: String)]
  private let values: [String: SettingValue]
  /// The last d of Prodigy, where it was given.
  private(set) var distance: Double?
  /// What was set and not left at its default.
  let set: Set<String>

  init(_ name: String, _ settings: [(name: String, text: String)]) throws(RecipeError) {
    var texts = settings
    var problems: [String] = []
    if name == "prodigy", let at = texts.firstIndex(where: { $0.name == "d" }) {
      distance = Double(texts.remove(at: at).text)
      if !(distance.map { $0 > 0 && $0.isFinite } ?? false) {
        problems.append("d must be a number above 0: the last d in the metrics of the run")
      }
    }
    var seen: Set<String> = []
    for text in settings where !seen.insert(text.name).inserted {
      problems.append("--set \(text.name) is given twice: leave one out")
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    do throws(OptimizerError) {
      let plan = try OptimizerPlan(
        OptimizerPlan.Texts(["optimizer": [("name", name)] + texts]))
      let resolved = plan.rule.resolved
      values = Dictionary(resolved.map { ($0.name, $0.value) }, uniquingKeysWith: { a, _ in a })
      set = seen
      let shown = resolved.filter {
        seen.contains($0.name) || ["lr", "weight_decay"].contains($0.name)
      }
      given =
        shown.map { ($0.name, $0.value.description) }
        + settings.filter { $0.name == "d" }.map { ($0.name, $0.text) }
    } catch { throw RecipeError(problems: error.sentences) }
    self.name = name
  }

  /// Settings that were given and that no rule takes up, in a sentence.
  func left(besides rules: [ConversionRule]) -> [String] {
    let taken = Set(
      rules.map { String($0.setting.prefix { $0 != "[" }).replacing("adamw_", with: "") }
    )
    .union([
      "lr", "weight_decay", "d", "adjust_lr_fn", "relative_step", "scale_parameter",
    ])
    let left = given.filter {
      set.contains($0.name) && !taken.contains($0.name.replacing("adamw_", with: ""))
    }
    if left.isEmpty { return [] }
    let names = listed(left.map { "\($0.name)=\($0.value)" })
    return [
      "\(names) \(left.count == 1 ? "is" : "are") not converted: set \(left.count == 1 ? "it" : "them") anew if wanted."
    ]
  }

  /// A number; nil where it is none or not one of the rule's.
  func number(_ setting: String) -> Double? { values[setting].flatMap { Double($0.description) } }

  /// The numbers of a list.
  func numbers(_ setting: String) -> [Double] {
    (values[setting]?.description ?? "").split(separator: ",").compactMap {
      Double($0.trimmingCharacters(in: .whitespaces))
    }
  }

  /// Whether a switch is on, or a choice is this one.
  func has(_ setting: String, _ text: String) -> Bool { values[setting]?.description == text }
}
