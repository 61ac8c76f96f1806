import ArgumentParser
import Foundation

/// `descent`: trains, samples and explains from the command line.
@main
struct DescentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "descent",
    abstract: "Train models, and see what their optimizers do.",
    version: "0.1.0",
    subcommands: [
      Train.self, ComparePrecision.self, VerifyResume.self, Sample.self, Inspect.self,
      ConvertState.self, Recipes.self, Groups.self, Optimizers.self, ScheduleCommand.self,
      ReplayCommand.self, Benchmark.self, Doctor.self, Serve.self,
    ])

  static func main() {
    prepareStandardStreams()
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
