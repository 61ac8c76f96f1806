import Descent
import DescentTraining

/// What hyperparameters of one optimizer become for another.
public enum HyperparameterPage {
  /// The settings, how each follows, and how to try them.
  public static func about(_ conversion: HyperparameterConversion) -> Document {
    let from = conversion.given.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    let batches = conversion.batches.map {
      ", batch \(grouped($0.from)) to \(grouped($0.to))"
    }
    return Document(
      "\(conversion.from)\(from.isEmpty ? "" : " (\(from))") to \(conversion.to)\(batches ?? "")",
      [
        .data(fields(conversion)),
        .list(conversion.rules.map(line)),
        .section(
          Section(
            "Why, and how sure",
            reasons(conversion.rules).map { .paragraph($0) })),
        .list(conversion.notes, .notes),
        .section(Section("In a recipe", [.preformatted(conversion.yaml)])),
        .section(Section("On the command line", [.preformatted(conversion.assignments)])),
        .section(
          Section(
            "To measure it: rules of thumb are starts", [.preformatted(next(conversion))])),
      ])
  }

  /// How each follows; settings with the same reason together.
  private static func reasons(_ rules: [ConversionRule]) -> [String] {
    var reasons: [(settings: [String], words: String)] = []
    for rule in rules {
      let words =
        ": \(rule.rule)." + (rule.source.isEmpty ? "" : "\nSource: \(rule.source).")
        + (rule.doubt.isEmpty ? "" : "\nDoubt: \(rule.doubt).")
      if let at = reasons.firstIndex(where: { $0.words == words }) {
        reasons[at].settings.append(rule.setting)
      } else {
        reasons.append(([rule.setting], words))
      }
    }
    return reasons.map { listed($0.settings) + $0.words }
  }

  private static func text(_ x: Double) -> String { x > 0.99 && x < 1 ? "\(x)" : short(x, 4) }

  private static func line(_ rule: ConversionRule) -> String {
    let value =
      switch rule.value {
      case .number(let x): text(x)
      case .text(let text): text
      }
    return "\(rule.setting): \(value)"
      + (rule.range.map { "   (from \(text($0.lowerBound)) to \(text($0.upperBound)))" } ?? "")
  }

  /// How to find out which value of the range is right.
  private static func next(_ conversion: HyperparameterConversion) -> String {
    guard let rate = conversion.rules.first(where: { $0.setting == "lr" }),
      case .number(let value) = rate.value, let range = rate.range
    else { return "" }
    let values = [range.lowerBound, value, range.upperBound].reduce(into: [Double]()) {
      if !$0.contains($1) { $0.append($1) }
    }
    /// Where lr times a setting stays, another lr takes another value.
    func others(_ x: Double) -> String {
      conversion.settings.filter { $0.name != "lr" }.map { name, setting in
        let rule = conversion.rules.first { $0.setting == name }
        if let rule, rule.keepsProduct, case .number(let own) = rule.value {
          return ",\(name)=\((own * value / x).rounded(digits: 4))"
        }
        return ",\(name)=" + (setting.text.contains(",") ? "[\(setting.text)]" : setting.text)
      }.joined()
    }
    let list = values.map { "\(conversion.to)(lr=\($0)\(others($0)))" }.joined(separator: ",")
    return "descent race RECIPE --optimizers \"\(list)\""
  }

  private static func fields(
    _ conversion: HyperparameterConversion
  ) -> [(key: String, value: JSONValue)] {
    func json(_ value: ConversionRule.Value) -> JSONValue {
      switch value {
      case .number(let x): .number(x)
      case .text(let text):
        if let flag = Bool(text) {
          .flag(flag)
        } else if text.contains(","),
          !text.split(separator: ",").contains(where: { Double($0) == nil })
        {
          .array(text.split(separator: ",").compactMap { Double($0) }.map(JSONValue.number))
        } else {
          .text(text)
        }
      }
    }
    return [
      ("from", .text(conversion.from)), ("to", .text(conversion.to)),
      (
        "batch",
        conversion.batches.map {
          ["from": .integer($0.from), "to": .integer($0.to)]
        } ?? .null
      ),
      ("settings", .object(conversion.settings.map { (key: $0.name, value: json($0.value)) })),
      (
        "rules",
        .array(
          conversion.rules.map { rule in
            [
              "setting": .text(rule.setting), "value": json(rule.value),
              "low": JSONValue(rule.range?.lowerBound ?? number(rule)),
              "high": JSONValue(rule.range?.upperBound ?? number(rule)),
              "rule": .text(rule.rule), "source": .text(rule.source), "doubt": .text(rule.doubt),
            ]
          })
      ),
      ("notes", .array(conversion.notes.map(JSONValue.text))),
      ("recipe", .text(conversion.yaml)), ("set", .text(conversion.assignments)),
    ]
  }

  private static func number(_ rule: ConversionRule) -> Double? {
    if case .number(let x) = rule.value { x } else { nil }
  }
}
