import ArgumentParser
import DescentLab
import DescentTraining
import Foundation

/// `descent verify-resume`
struct VerifyResume: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify-resume",
    abstract: "Show that a stopped and resumed run has the bits of one that never stopped.",
    discussion: """
      The recipe is trained three times for some steps: straight through (A), stopped and resumed \
      (B), and stopped and continued with its weights alone, by an optimizer without state (C). \
      A = B proves that resuming is exact, A ≠ C that this takes the optimizer's state.

      The exit status is 0 when A = B, else 70.

      For example:

        descent verify-resume gpt --set optimizer.name=prodigy --steps 30 --at 12
      """)

  @OptionGroup var recipe: RecipeArguments

  @Option(
    help: ArgumentHelp(
      """
      The steps of each run (default: \(ResumeVerification.usualSteps), or all of the recipe if it \
      has fewer).
      """, valueName: "n"))
  var steps: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The steps before the stop (default: half of them).", valueName: "k"))
  var at: Int?

  @Option(
    name: .customLong("out"),
    help: ArgumentHelp(
      "Keep the three runs in this folder (default: a temporary one, which is removed).",
      valueName: "folder"))
  var folder: String?

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    Interrupt.watch(beforeExit: Screen.restore)
    try reportingErrors {
      let (name, recipe) = try recipe.load()
      do {
        let found = try inFolder { folder in
          try ResumeVerification(recipe, steps: steps, stop: at, in: folder) { course in
            if !json { output("training \(course)") }
            return Progress(quiet: true)
          }
        }
        if !json { output() }
        output(VerifyResumePage.about(found, recipe: name), json: json)
        if !found.resumed.isEqual { throw ExitCode(ExitStatus.internalError) }
      } catch is ResumeVerification.Interrupted {
        writeError("interrupted: nothing was verified")
        throw ExitCode(ExitStatus.interrupted)
      }
    }
  }

  /// Runs `body` with the folder that was given, or with a temporary one.
  private func inFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
    // A URL of nothing is the current folder.
    if folder == "" { throw RunError.noFolder }
    if let folder { return try body(URL(fileURLWithPath: folder)) }
    let url = FileManager.default.temporaryDirectory
      .appendingPathComponent("descent-verify-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: url) }
    do { return try body(url) } catch let error as RunError { throw error.withoutFiles }
  }
}
