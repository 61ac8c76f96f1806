import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining

/// `descent diagnose`
struct Diagnose: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what is wrong with a run, from its log: evidence, cause, what to try next.",
    discussion: """
      Reads what `descent report` reads: a run's folder, metrics.jsonl, a CSV with named columns, \
      TensorBoard's event files, trainer_state.json of Hugging Face.

        descent diagnose runs/gpt-1
        descent diagnose log.csv --html diagnosis.html
        descent diagnose runs/gpt-1 --against runs/gpt-2
        descent diagnose --kinds
        descent diagnose log.csv --set lr_too_high.noise=0.4
      """)

  @Argument(
    help: ArgumentHelp("The log of a run.", valueName: "path"), completion: .file())
  var path: String?

  @Option(
    help: ArgumentHelp(
      "Another run of the same thing: what differs, and whether it has the same faults.",
      valueName: "path"),
    completion: .file())
  var against: String?

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp("Change a threshold.", valueName: "kind.threshold=value"))
  var assignments: [String] = []

  @Flag(help: "List the kinds of findings with their thresholds.")
  var kinds = false

  @OptionGroup var page: PageOptions

  func validate() throws {
    if path == nil, !kinds { throw ValidationError("give the log of a run, or --kinds") }
    if kinds, path != nil || against != nil || page.html != nil {
      throw ValidationError("--kinds stands alone: leave out the log and what is done with it")
    }
  }

  func run() throws {
    try reportingErrors {
      guard let path else { return output(FindingKindsPage.list(), json: page.json) }
      let thresholds = try FindingKinds(
        assignments.map { try splitAssignment($0) })
      try OutputPaths.check(
        [page.use], readingLogs: [path] + [against].compactMap(\.self))
      let diagnoses = try Diagnosis.read(path, kinds: thresholds, against: against)
      try page.show(Diagnosis.page(diagnoses, of: path))
    }
  }
}
