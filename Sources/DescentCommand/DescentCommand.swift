import ArgumentParser
import DescentCompute
import Foundation

/// `descent`: trains, uses and explains models from the command line.
@main
struct DescentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "descent",
    abstract: "Train models, and see what their optimizers do.",
    version: "0.1.0",
    subcommands: [RaceRun.self, StudyRun.self],
    groupedSubcommands: [
      CommandGroup(
        name: "Train",
        subcommands: [
          Train.self, RaceCommand.self, StudyCommand.self, LRFind.self, Recipes.self, Keys.self,
          VerifyResume.self, ComparePrecision.self,
        ]),
      CommandGroup(
        name: "Use", subcommands: [Evaluate.self, Export.self, Predict.self, Sample.self]),
      CommandGroup(
        name: "See",
        subcommands: [ReportCommand.self, Serve.self, Watch.self, Plot.self, Compare.self]),
      CommandGroup(
        name: "Tell",
        subcommands: [
          Diagnose.self, LintCommand.self, Memory.self, Recommend.self, ConvertHyperparameters.self,
          LandscapeCommand.self, Explain.self, Groups.self, Doctor.self,
        ]),
      CommandGroup(
        name: "Optimizers",
        subcommands: [Optimizers.self, ScheduleCommand.self, Benchmark.self, ReplayCommand.self]),
      CommandGroup(name: "Files", subcommands: [Inspect.self, ConvertState.self, Tokenize.self]),
    ])

  static func main() {
    prepareStandardStreams()
    Machine.returnLargeBlocks()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      // As ArgumentParser ends, but through streams that may be closed or full.
      let (status, message) = (exitCode(for: error), fullMessage(for: error))
      if !message.isEmpty { status.isSuccess ? output(message) : writeError(message) }
      Foundation.exit(status.rawValue)
    }
  }
}
