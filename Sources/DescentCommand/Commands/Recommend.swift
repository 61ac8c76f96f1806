import ArgumentParser
import DescentLab

/// `descent recommend`
struct Recommend: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recommend",
    abstract: "Say what to train with, and why, ending in a recipe.",
    discussion: """
      Without a task, the tasks are listed. With a number of parameters and a memory, the first of the \
      task's optimizers that fits is recommended.

        descent recommend --task llm-finetune --memory 80G --parameters 7B
        descent recommend --task vision-cnn
      """)

  @Option(
    help: ArgumentHelp("What is to be trained: a task, or a recipe's name.", valueName: "task"))
  var task: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The memory of the device.", valueName: "24G"))
  var memory: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The number of parameters of the model.", valueName: "7B"))
  var parameters: String?

  @OptionGroup var page: PageOptions

  func validate() throws {
    if task == nil, memory != nil || parameters != nil {
      throw ValidationError(
        "say what is to be trained with --task; without it, descent recommend lists the tasks")
    }
  }

  func run() throws {
    try reportingErrors {
      try OutputPaths.check([page.use])
      guard let task else { return try page.show(RecommendationPage.list()) }
      let advice = try Recommendation(task: task, memory: memory, parameters: parameters)
      try page.show(RecommendationPage.about(advice))
    }
  }
}
