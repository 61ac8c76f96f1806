import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// What `descent race` and `descent study` have in common: many runs, kept in a folder where the
/// same command goes on, and a page in the end.
struct RunSeries {
  /// What it is: `race`.
  let kind: String
  /// The folder that was asked for; nil for one that is named after the recipe.
  let folder: String?
  /// The files that it keeps there beside its runs.
  let ownFiles: [String]
  /// What it reads.
  let inputs: [OutputPaths.Use]
  /// Where its page goes for programs.
  let json: JSONFile
  /// Whether it prints nothing but the result.
  let isQuiet: Bool

  /// Whether nothing is said on the way.
  var isSilent: Bool { isQuiet || json.isStandardOutput }

  /// Looks at `--json` before the first run. In the folder, which may not be there yet, its own files
  /// are left alone.
  func checkOutput() throws {
    guard let file = json.path, !json.isStandardOutput else { return }
    let own = ownFiles.map { (name: "the \(kind)'s own \($0)", path: folder?.appending("/\($0)")) }
    let isWithin = OutputPaths.place(folder).map {
      OutputPaths.place(file)?.hasPrefix($0 + "/") ?? false
    }
    try OutputPaths.check(
      [(name: "--json", path: file)],
      keeping: own + inputs + [(name: "the folder of the \(kind)", path: folder)],
      areWritable: isWithin != true)
  }

  /// Who does the runs, in processes of their own where there are several at once.
  ///
  /// - Parameter command: the command of such a process.
  static func crew(_ jobs: Int, runBy command: any ParsableCommand.Type) -> Crew {
    let program: (executable: URL, arguments: [String])? = Bundle.main.executableURL.map {
      ($0, [command.configuration.commandName ?? ""])
    }
    return Crew(jobs: jobs, program: program) {
      Interrupt.requested || StandardOutput.failure != nil
    }
  }

  /// Shows what came of it, and writes it down.
  ///
  /// - Parameters:
  ///   - page: all of it.
  ///   - brief: what stands on a terminal.
  ///   - path: the folder in which it is kept.
  func show(_ page: Document, brief: Document, in path: URL) throws {
    let report = path.appendingPathComponent("report.html").relativePath
    // What was found comes first: the disk may be full by now.
    if json.isStandardOutput {
      try json.write(page)
    } else {
      if !isQuiet { output() }
      output(brief)
    }
    try OutputFile.write(page.html(), to: report)
    if !json.isStandardOutput {
      try json.write(page)
      output("report: \(report)")
    }
  }
}
