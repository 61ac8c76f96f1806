import ArgumentParser
import Descent
import DescentTraining

/// `descent replay`
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Apply an optimizer to a recorded gradient sequence.",
    discussion: """
      The recording is a safetensors file with param/<name>, grad/<t>/<name> for t = 1, 2, ... and, \
      for rules that fold in a curvature estimate, hessian/<t>/<name>. The output holds \
      param/<t>/<name> for every t and the last state/<slot>/<name>.
      """)

  @Option(help: "The optimizer, as `descent optimizers` lists it.")
  var optimizer: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Set a hyperparameter.", valueName: "key=value"))
  var settings: [String] = []

  @Option(help: "How state is stored.")
  var state = "float32"

  @Option(help: "The largest global gradient norm.")
  var clipNorm: Double?

  @Option(help: "The schedule of the learning rate.")
  var schedule: String?

  @Option(
    name: .customLong("schedule-set"), parsing: .singleValue,
    help: ArgumentHelp("Set a key of the schedule.", valueName: "key=value"))
  var scheduleSettings: [String] = []

  @Option(help: "The recording.", completion: .file(extensions: ["safetensors"]))
  var input: String

  @Option(help: "The file to write.")
  var output: String

  func run() throws {
    try reportingErrors {
      guard OptimizerSettings.StateStorage(rawValue: state) != nil else {
        let names = OptimizerSettings.StateStorage.allCases.map(\.rawValue)
        throw RecipeError(problems: [
          "--state \(state) does not exist; there are: \(names.joined(separator: ", "))"
        ])
      }
      func make<T: Configurable>(_: T.Type, _ assignments: [String]) throws -> T {
        try T(assignments.map(Self.split))
      }
      let chosen = try schedule.map { try Schedules.make($0, scheduleSettings.map(Self.split)) }
      if let chosen, chosen is any MetricSchedule {
        throw RecipeError(problems: [
          "--schedule \(schedule ?? "") follows a metric, which a recording does not have"
        ])
      }
      func replay<R: Rule>(_ type: R.Type) throws {
        let rule = try make(type, settings)
        try Replay(input).run(rule, schedule: chosen, clipNorm: clipNorm, to: output)
      }
      try replay(Rules.named(optimizer))
    }
  }

  private static func split(_ assignment: String) throws -> (name: String, text: String) {
    guard let equals = assignment.firstIndex(of: "=") else {
      throw RecipeError(problems: ["--set \(assignment) must have the form key=value"])
    }
    return (
      String(assignment[..<equals]), String(assignment[assignment.index(after: equals)...])
    )
  }
}
