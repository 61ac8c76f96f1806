import ArgumentParser
import Descent
import DescentLab
import DescentTraining

/// `descent replay`
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Apply an optimizer to a recorded sequence of gradients.",
    discussion: """
      The recording is a safetensors file that holds param/<name>, grad/<t>/<name> for t = 1, 2, ... \
      and, for optimizers that fold in a curvature estimate, hessian/<t>/<name>. The output holds \
      param/<t>/<name> for every t, and state/<slot>/<name> after the last step. With --state, what \
      became of each slot of state is printed.
      """)

  @Option(
    help: ArgumentHelp(
      "The optimizer: a name that `descent optimizers` lists.", valueName: "name"))
  var optimizer: String

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Set a hyperparameter.", valueName: "key=value"))
  var settings: [String] = []

  @Option(
    help: ArgumentHelp(
      """
      The format of the state, one of \(stateFormats). In int8, tensors of fewer than 4096 \
      elements stay in float32; --set state_minimum=1 lowers that.
      """, valueName: "format"))
  var state = "float32"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The largest norm of all gradients together.", valueName: "norm"))
  var clipNorm: Double?

  @Option(
    help: ArgumentHelp(
      "The schedule of the learning rate: a name that `descent schedule` lists.",
      valueName: "name"))
  var schedule: String?

  @Option(
    name: .customLong("schedule-set"), parsing: .singleValue,
    help: ArgumentHelp("Set a parameter of the schedule.", valueName: "key=value"))
  var scheduleSettings: [String] = []

  @Option(
    help: ArgumentHelp("The recording.", valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var input: String

  @Option(
    help: ArgumentHelp("The file to write.", valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var output: String

  func validate() throws {
    if schedule == nil, let setting = scheduleSettings.first {
      throw ValidationError("--schedule-set \(setting) needs a schedule: give --schedule too")
    }
    for (key, option) in [("name", "--optimizer"), ("state", "--state")] {
      if let setting = settings.first(where: { $0.hasPrefix(key + "=") }) {
        throw ValidationError("--set \(setting) is not for --set: give \(option)")
      }
    }
    if output.isEmpty { throw ValidationError("--output names no file") }
  }

  func run() throws {
    try reportingErrors {
      var sections = try [
        "optimizer": [("name", optimizer), ("state", state)]
          + settings.map { try splitAssignment($0) }
      ]
      if let clipNorm { sections["clip"] = [("norm", "\(SettingValue.number(clipNorm))")] }
      if let schedule {
        sections["schedule"] =
          try [("name", schedule)]
          + scheduleSettings.map { try splitAssignment($0, of: "--schedule-set") }
      }
      let plan = try OptimizerPlan(OptimizerPlan.Texts(sections))
      for warning in plan.warnings { writeError("Warning: \(warning)") }
      let uses = try Replay(plan, recording: input).run(to: output)
      if plan.state.format != .float32 {
        StandardOutput.write(RunPage.state(uses).map { $0 + "\n" }.joined())
      }
    }
  }
}
