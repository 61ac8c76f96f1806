import ArgumentParser
import DescentLab
import DescentTraining

/// `descent evaluate`
struct Evaluate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say how good a trained model is.",
    discussion: """
      The newest weights of a run (averaged, where it averages) on what it has kept for validation: \
      accuracy, precision and recall of each class and the confusion matrix; RMSE, MAE and R² of \
      numbers in their own unit; loss and perplexity of texts; the returns of an agent's episodes; \
      how a classifier reads the images that a model makes, and how well noise is found. With --set \
      data.path it is all of another file, as the run knows its data: the run's own data need not be \
      there.

        descent evaluate runs/iris-1
        descent evaluate runs/iris-1 --set data.path=new.csv --json
        descent evaluate runs/gpt-1 --set data.path=other.txt
        descent evaluate runs/rl-1 --set data.episodes=500
        descent evaluate --model SmolLM2-135M --adapter my-adapter --set data.path=other.txt
        descent evaluate runs/mnist-1 --set data.images=t.gz --set data.labels=l.gz

      The columns of a table are found by their names where the run had names, else by their places. A \
      text is cut into windows as long as the model's context, and each token but the first is \
      predicted once.
      """)

  @Argument(
    help: ArgumentHelp("The folder of a run, or one of its checkpoints.", valueName: "run"),
    completion: .directory)
  var folder: String?

  @OptionGroup var pretrained: PretrainedOptions

  @OptionGroup var changes: DataChanges

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws { try pretrained.validate(run: folder) }

  func run() throws {
    try reportingErrors {
      let evaluation =
        if let model = pretrained.model {
          try RunEvaluation(
            model: model, adapter: pretrained.adapter, overrides: changes.assignments)
        } else {
          try RunEvaluation(folder ?? "", overrides: changes.assignments)
        }
      output(EvaluationPage.about(evaluation), json: json)
    }
  }
}

/// Data to use in the place of the run's.
struct DataChanges: ParsableArguments {
  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "Use other data: a key of the recipe's data, such as data.path=FILE.",
      valueName: "data.key=value"))
  var assignments: [String] = []
}
