import ArgumentParser
import Descent
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `descent study`
struct StudyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study",
    abstract: "Answer a question by a grid of runs, and hold claims to what they show.",
    discussion: """
      A study is a YAML file with a question, experiments that vary keys of a recipe, claims that \
      are checked, and panels that are drawn; or a built-in one that `descent study --list` names. \
      Each claim comes out as supported, contradicted or undecided, with the figures.

        descent study learning-rate
        descent study mine.yaml --seeds 5 --jobs 4
        descent study learning-rate --quick --json study.json

      The study is kept in a folder, with report.html. Ctrl-C, or anything else that ends it, \
      loses no run that has ended: the same command, or --resume, goes on, also where the study \
      has more seeds, other claims or more experiments by then.
      """)

  @Argument(
    help: "A built-in study or a YAML file.", completion: .file(extensions: ["yaml"]))
  var study: String?

  @Flag(help: "List the built-in studies.")
  var list = false

  @Flag(help: "Do the short form that the study has for trying it out.")
  var quick = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Runs of each cell, in the place of the study's.", valueName: "k"))
  var seeds: Int?

  @OptionGroup var changes: RecipeChanges

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Runs at once, as processes that share the threads (default: as many as cores).",
      valueName: "j"))
  var jobs: Int?

  @Flag(help: "Keep the weights of the runs; those that others begin with stay in any case.")
  var keep = false

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp(
      "The folder of the study (default: runs/<study>-study).", valueName: "folder"))
  var folder: String?

  @Option(
    help: ArgumentHelp("Go on with the study in a folder.", valueName: "folder"),
    completion: .directory)
  var resume: String?

  @OptionGroup var json: JSONFile

  @Flag(help: "Print nothing but errors and the result.")
  var quiet = false

  func validate() throws {
    if list, study != nil || resume != nil {
      throw ValidationError("--list lists the studies: leave out \(study ?? "--resume")")
    }
    if resume != nil {
      let given = [
        (study, study != nil), ("--out", folder != nil), ("--quick", quick),
        ("--set", !changes.assignments.isEmpty),
      ].filter(\.1).compactMap(\.0)
      if !given.isEmpty {
        throw ValidationError(
          "--resume goes on with the study that is there: leave out "
            + given.joined(separator: " and "))
      }
    }
    if let jobs, !(1...256).contains(jobs) {
      throw ValidationError("--jobs \(jobs) is out of range: give from 1 to 256 runs at once")
    }
    if let seeds, !(1...1000).contains(seeds) {
      throw ValidationError("--seeds \(seeds) is out of range: give from 1 to 1,000 runs of a cell")
    }
  }

  func run() throws {
    if list || (study == nil && resume == nil) {
      return try reportingErrors {
        if json.path == nil { output(StudyPage.list()) } else { try json.write(StudyPage.list()) }
      }
    }
    Interrupt.watch(beforeExit: Screen.restore)
    StandardOutput.onlyAccompaniesWork()
    let series = RunSeries(
      kind: "study", folder: folder ?? resume, ownFiles: ["study.yaml", "report.html"],
      inputs: [study].compactMap(\.self).filter { BuiltInStudies.file($0) == nil }
        .map { (name: "the study \($0)", path: $0) }, json: json, isQuiet: quiet)
    try reportingErrors {
      try series.checkOutput()
      let study = try resume.map(resumed) ?? started()
      if let file = json.path, !json.isStandardOutput {
        try keepApart(file, study)
        try OutputFile.check(file)
      }
      if !series.isSilent { output("studying in \(study.folder.relativePath)") }
      do {
        let crew = RunSeries.crew(
          jobs ?? ProcessInfo.processInfo.activeProcessorCount, runBy: StudyRun.self)
        let result = try study.run(crew, keepsWeights: keep) {
          if !series.isSilent { output(StudyProgressPage.line($0)) }
        }
        try series.show(
          StudyPage.about(result, command: command(study)),
          brief: StudyPage.about(result, command: command(study), isWhole: false),
          in: study.folder)
      } catch StudyError.interrupted(let path) {
        writeError("\(StudyError.interrupted(path))")
        throw ExitCode(ExitStatus.interrupted)
      }
    }
  }

  /// Refuses a `--json` among what the study keeps.
  private func keepApart(_ file: String, _ study: Study) throws {
    guard let path = OutputPaths.place(file), let folder = OutputPaths.place(study.folder.path)
    else {
      return
    }
    for part in Study.parts
    where path == "\(folder)/\(part)" || path.hasPrefix("\(folder)/\(part)/") {
      throw RecipeError(problems: [
        "--json \(file) would lie among the study's own \(part): give another file"
      ])
    }
  }

  private func started() throws -> Study {
    let name = study ?? ""
    let file = BuiltInStudies.file(name) ?? name
    guard FileManager.default.fileExists(atPath: file) else { throw MissingStudy(name: name) }
    return try Study(
      StudyPlan(file: file, isQuick: quick, seeds: seeds, changes: changes.assignments), in: folder)
  }

  private func resumed(_ path: String) throws -> Study {
    try Study(StudyPlan(file: Study.file(in: path), seeds: seeds), in: path)
  }

  /// The command line that repeats the study.
  private func command(_ study: Study) -> String {
    var words = ["descent", "study"]
    if let name = self.study {
      words.append(name)
      if quick { words.append("--quick") }
      for change in changes.assignments { words += ["--set", change] }
    } else {
      words.append(study.folder.appendingPathComponent("study.yaml").relativePath)
    }
    if let seeds { words += ["--seeds", "\(seeds)"] }
    return words.map(shellQuoted).joined(separator: " ")
  }
}

/// There is neither a file nor a built-in study of that name.
struct MissingStudy: Error, CustomStringConvertible {
  let name: String

  var description: String {
    let names = BuiltInStudies.list.map(\.name)
    let near = nearestName(to: name, among: names)
    return "no file and no built-in study is called '\(name)'; "
      + (near.map { "did you mean '\($0)'? " } ?? "") + "built in: \(names.joined(separator: ", "))"
  }
}

/// `descent study-run`: one run of a study, as `descent study` starts it.
struct StudyRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "study-run", abstract: "Do one run of a study.", shouldDisplay: false)

  @Argument var file: String
  @Argument var threads: Int

  func run() throws {
    let file = URL(fileURLWithPath: file)
    try doTrial { stops in
      let trial = try StudyTrial.read(file)
      return try trial.run(trial.recipe, threads: threads, file: file, stops: stops)
    }
  }
}
