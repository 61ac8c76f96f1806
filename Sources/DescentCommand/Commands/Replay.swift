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

  @Option(
    help: """
      How state is stored: float32, bfloat16 or int8, the latter for tensors of at least 4096 \
      elements (--set state_minimum=1 lowers it).
      """)
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
      let changes = try settings.map(Self.split)
      let (ofStorage, ofRule) = StateStorage.split(changes)
      let storage = try StateStorage([("state", state)] + ofStorage)
      let chosen = try schedule.map { try Schedules.make($0, scheduleSettings.map(Self.split)) }
      if let chosen, chosen is any MetricSchedule {
        throw RecipeError(problems: [
          "--schedule \(schedule ?? "") follows a metric, which a recording does not have"
        ])
      }
      func replay<R: Rule>(_ type: R.Type) throws {
        try Replay(input).run(
          R(ofRule), state: storage, schedule: chosen, clipNorm: clipNorm, to: output)
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
