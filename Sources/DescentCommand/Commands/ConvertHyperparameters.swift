import ArgumentParser
import DescentLab
import DescentTraining

/// `descent convert-hparams`
struct ConvertHyperparameters: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert-hparams",
    abstract: "Take hyperparameters from one optimizer, or one batch size, to another.",
    discussion: """
      Rules of thumb, each with its source, its range and its doubt; what no source supports is \
      refused. Known are adam, adamw, lion, sgd, adafactor, prodigy, muon, sophia-g, sophia-h, \
      schedule-free-adamw and schedule-free-sgd; batch sizes for sgd, adam and adamw.

        descent convert-hparams adamw lion --set lr=3e-4 --set weight_decay=0.1
        descent convert-hparams adamw muon --set lr=3e-4 --batch 64 512
        descent convert-hparams sgd sgd --set lr=0.1 --batch 256 2048
        descent convert-hparams prodigy adamw --set lr=1 --set d=2.3e-4
      """)

  @Argument(
    help: ArgumentHelp(
      "The optimizer that the settings are of, and the one that they are for.",
      valueName: "from to"))
  var optimizers: [String] = []

  @Option(
    name: .customLong("set"), parsing: .singleValue,
    help: ArgumentHelp(
      "A setting as it is now; others have their defaults.", valueName: "key=value"))
  var assignments: [String] = []

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("The examples of a step now, and then.", valueName: "old new"))
  var batch: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The examples of a step now; the same as the first of --batch.", valueName: "old"))
  var batchFrom: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The examples of a step then.", valueName: "new"))
  var batchTo: Int?

  @OptionGroup var page: PageOptions

  /// The two optimizers: what stands behind the sizes of `--batch` is no size.
  private var names: [String] { optimizers + batch.dropFirst(2) }

  func validate() throws {
    if !batch.isEmpty, batch.prefix(2).compactMap({ Int($0) }).count != 2 {
      throw ValidationError("--batch takes two sizes, the old one and the new one: --batch 64 512")
    }
    if optimizers.count == 1, batch.count == 3 {
      throw ValidationError("name both optimizers in one place: adamw lion --batch 64 512")
    }
    if names.count != 2 {
      throw ValidationError(
        "name two optimizers, the one that the settings are of and the one that they are for: "
          + "adamw lion")
    }
    if !batch.isEmpty, batchFrom != nil || batchTo != nil {
      throw ValidationError("give --batch, or --batch-from and --batch-to, not both")
    }
    if (batchFrom == nil) != (batchTo == nil) {
      throw ValidationError("give both --batch-from and --batch-to")
    }
  }

  func run() throws {
    try reportingErrors {
      try OutputPaths.check([page.use])
      var batches: (from: Int, to: Int)?
      let sizes = batch.prefix(2).compactMap { Int($0) }
      if sizes.count == 2 { batches = (sizes[0], sizes[1]) }
      if let batchFrom, let batchTo { batches = (batchFrom, batchTo) }
      let conversion = try HyperparameterConversion(
        from: names[0], to: names[1], settings: try assignments.map { try splitAssignment($0) },
        batches: batches)
      try page.show(HyperparameterPage.about(conversion))
    }
  }
}
