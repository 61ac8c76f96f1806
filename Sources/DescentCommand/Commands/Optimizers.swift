import ArgumentParser
import Descent
import Foundation

/// `descent optimizers`
struct Optimizers: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the optimizers, or explain one.")

  @Argument(help: "The optimizer to explain.")
  var name: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    try reportingErrors {
      let rules = try name.map { [try Rules.named($0)] } ?? Rules.all
      if json {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        output(String(decoding: try encoder.encode(rules.map(Page.init)), as: UTF8.self))
      } else if name != nil {
        output(Page(rules[0]).text)
      } else {
        let pages = rules.map(Page.init)
        let width = pages.map(\.name.count).max() ?? 0
        output(
          "\("name".padding(toLength: width, withPad: " ", startingAt: 0))  bytes  needs    what")
        for page in pages {
          output(
            "\(page.name.padding(toLength: width, withPad: " ", startingAt: 0))  "
              + "\(short(page.stateBytesPerParameter).padding(toLength: 5, withPad: " ", startingAt: 0))"
              + "  \(page.needs.padding(toLength: 7, withPad: " ", startingAt: 0))  \(page.summary)"
          )
        }
        output("\nbytes: of float32 state a parameter, for a 512 x 256 matrix and default settings")
      }
    }
  }
}

/// Everything that a rule declares, for people and for machines.
private struct Page: Encodable {
  struct Hyperparameter: Encodable {
    let name: String
    let `default`: String
    let takes: String
    let meaning: String
    let source: String
  }
  struct State: Encodable {
    let name: String
    let shape: String
  }

  let name: String
  let summary: String
  let formula: String
  let needs: String
  let stateBytesPerParameter: Double
  let hyperparameters: [Hyperparameter]
  let state: [State]
  let outsideState: String
  let differences: String
  let guidance: String
  let reference: String

  init(_ rule: any Rule.Type) { self = Self.make(rule) }

  private static func make<R: Rule>(_ type: R.Type) -> Page {
    let rule = R()
    let matrix = ParameterInfo("matrix", shape: [512, 256], role: .matrix)
    let slots = rule.slots(for: matrix)
    let bytes = slots.reduce(rule.outsideBytes(for: matrix)) {
      $0 + 4 * ($1.shape ?? matrix.shape).reduce(1, *)
    }
    return Page(
      name: R.name, summary: R.about.summary, formula: R.about.formula,
      needs: needs(of: rule),
      stateBytesPerParameter: Double(bytes) / Double(matrix.count),
      hyperparameters: R.settings.map {
        Hyperparameter(
          name: $0.name, default: $0.value(rule).description, takes: $0.kind,
          meaning: $0.meaning, source: $0.source)
      },
      state: slots.map { slot in
        State(name: slot.name, shape: slot.shape.map { "\($0)" } ?? "the parameter's")
      },
      outsideState: R.about.outsideState, differences: R.about.differences,
      guidance: R.about.guidance, reference: R.about.reference)
  }

  /// What a rule needs beyond its own element, in a word.
  private static func needs<R: Rule>(of rule: R) -> String {
    switch rule {
    case is any ClosureRule: "losses"
    case is any LayerRule: "layers"
    case is any CurvatureRule: "hessian"
    default: R.granularity == .tensors ? "tensors" : R().sums == .none ? "-" : "sums"
    }
  }

  private init(
    name: String, summary: String, formula: String, needs: String,
    stateBytesPerParameter: Double, hyperparameters: [Hyperparameter], state: [State],
    outsideState: String, differences: String, guidance: String, reference: String
  ) {
    (self.name, self.summary, self.formula, self.needs) = (name, summary, formula, needs)
    self.stateBytesPerParameter = stateBytesPerParameter
    (self.hyperparameters, self.state) = (hyperparameters, state)
    self.outsideState = outsideState
    (self.differences, self.guidance, self.reference) = (differences, guidance, reference)
  }

  var text: String {
    var lines = ["\(name): \(summary)", ""]
    lines += formula.split(separator: "\n").map { "    \($0)" }
    lines += ["", "hyperparameters"]
    let width = hyperparameters.map(\.name.count).max() ?? 0
    for setting in hyperparameters {
      let name = setting.name.padding(toLength: width, withPad: " ", startingAt: 0)
      let source = setting.source.isEmpty ? "" : " [\(setting.source)]"
      lines.append("    \(name)  \(setting.meaning); \(setting.takes); \(setting.default)\(source)")
    }
    lines += [
      "", "state, \(short(stateBytesPerParameter)) bytes a parameter of a 512 x 256 matrix",
    ]
    lines += state.map { "    \($0.name): \($0.shape)" }
    if !outsideState.isEmpty { lines.append("    " + outsideState) }
    if state.isEmpty, outsideState.isEmpty { lines.append("    none") }
    for (title, body) in [
      ("differences", differences), ("guidance", guidance), ("reference", reference),
    ]
    where !body.isEmpty {
      lines += ["", title, "    " + body]
    }
    return lines.joined(separator: "\n")
  }
}
