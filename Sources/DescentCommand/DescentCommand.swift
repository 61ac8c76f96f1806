import ArgumentParser

/// `descent`: trains, samples and explains from the command line.
@main
struct DescentCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "descent",
    abstract: "Train models, and see what their optimizers do.",
    version: "0.1.0",
    subcommands: [
      Train.self, ComparePrecision.self, VerifyResume.self, Sample.self, Recipes.self, Groups.self,
      Optimizers.self,
      ScheduleCommand.self, ReplayCommand.self, Benchmark.self, Doctor.self,
    ])
}
