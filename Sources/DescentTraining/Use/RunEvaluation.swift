import Descent
import DescentNN
import Foundation

/// How good the model of a run is: on the run's own validation part, or on other data.
public struct RunEvaluation: Sendable {
  /// The checkpoint whose weights were used, or the folder of a model.
  public let checkpoint: String
  /// The steps done by then; nil for a model that was not trained here.
  public let step: Int?
  /// The name of the average that the weights are; nil where the run has none.
  public let average: String?
  /// Why newer checkpoints were passed over: one sentence each.
  public let passedOver: [String]
  /// The files that were evaluated; empty for the run's validation part.
  public let files: [String]
  /// What was found.
  public let report: EvaluationReport

  /// Evaluates a run.
  ///
  /// - Parameters:
  ///   - path: the run's folder, or one of its checkpoints.
  ///   - overrides: changes of the recipe's `data`, such as `data.path=other.csv`: a file is evaluated
  ///     whole, as the run knows its data. Without one it is the run's validation part. An agent plays
  ///     as many episodes as `data.episodes=500` says.
  /// - Throws: ``RunError``, ``RecipeError``, ``DataError``, and errors of reading.
  public init(_ path: String, overrides: [String] = []) throws {
    let run = try TrainedRun(path)
    for text in overrides where !text.hasPrefix("data.") {
      throw RecipeError(problems: [
        "--set \(text) changes what the run has learned with: only keys of data can be given, such as "
          + "data.path=FILE"
      ])
    }
    let data = try Recipe(yaml: run.yaml, overrides: overrides).data
    let given = Set(overrides.map { String($0.prefix { $0 != "=" }) })
    let source = try Source(data, given: given)
    (checkpoint, step) = (run.checkpoint.file.relativePath, run.checkpoint.step)
    average = run.recipe.average.flatMap {
      run.checkpoint.hasOwnWeights ? type(of: $0).name : nil
    }
    (passedOver, files) = (run.passedOver, source.files)
    report = try run.use { () throws -> EvaluationReport in
      switch source {
      case .validation: try Self.validation(of: run, on: data)
      case .text(let file): try Self.text(file, run, data as? TextData)
      case .table(let file, let table): try Self.table(file, table, run)
      case .images(let images, let labels): try Self.images(images, labels, run)
      }
    }
  }

  /// Evaluates a model in Hugging Face's layout on all of a text.
  ///
  /// - Parameters:
  ///   - folder: where the model is.
  ///   - adapter: a folder in PEFT's layout, or a file in kohya's; nil for none.
  ///   - overrides: the text, `data.path=other.txt`, and the tokens of a window, `data.context=512`.
  /// - Throws: `PretrainedError`, `AdapterError`, ``RecipeError``, ``DataError``.
  public init(model folder: String, adapter: String? = nil, overrides: [String]) throws {
    for text in overrides where !text.hasPrefix("data.") {
      throw RecipeError(problems: [
        "--set \(text) is no key of data: only those can be given, such as data.path=FILE"
      ])
    }
    let yaml = "{steps: 1, model: {kind: huggingface}, data: {kind: text}, optimizer: {name: sgd}}"
    let recipe = try Recipe(yaml: yaml, overrides: ["model.from=\(folder)"] + overrides)
    guard let text = recipe.data as? TextData, let file = text.path else {
      throw RecipeError(problems: ["give the text to evaluate: --set data.path=FILE"])
    }
    if overrides.contains(where: { $0.hasPrefix("data.tokenizer") }) {
      throw RecipeError(problems: [
        "a model is evaluated with its own tokenizer: leave out data.tokenizer"
      ])
    }
    let language = try LanguageModel(folder: folder, adapter: adapter)
    let model = language.model
    let context = text.context ?? min(HuggingFaceModel().context, model.longestSequence)
    guard context <= model.longestSequence else {
      throw DataError.unsuitable(
        "windows of \(context) tokens are longer than the \(model.longestSequence) that the model "
          + "takes; shorten data.context")
    }
    let texts = try TextDataset.known(
      file, by: language.tokenizer, of: folder, pack: text.pack)
    // Logits of 256 MB at once.
    let batch = max(1, min(16, (1 << 26) / max(1, model.vocabulary * context)))
    (checkpoint, step) = (adapter.map { "\(folder) with \($0)" } ?? folder, nil)
    (passedOver, files, average) = ([], [file], nil)
    report = .text(
      try TextEvaluation(of: model, on: texts, context: context, batch: batch))
  }

  /// What is evaluated.
  private enum Source {
    case validation
    case text(String)
    case table(String, CSVExamples.Given)
    case images(String, labels: String)

    var files: [String] {
      switch self {
      case .validation: []
      case .text(let file), .table(let file, _): [file]
      case .images(let images, let labels): [images, labels]
      }
    }

    /// What the data of a recipe are with the keys that were `given`.
    init(_ data: any DataKind, given: Set<String>) throws {
      func isGiven(_ keys: String...) -> Bool {
        !given.isDisjoint(with: keys.map { "data.\($0)" })
      }
      let files = ["path", "test_path", "images", "labels", "test_images", "test_labels"]
      if data is EnvironmentData, given == ["data.episodes"] {
        self = .validation
        return
      }
      let known = (files + ["kind", "label", "header"]).map { "data.\($0)" }
      if let key = given.subtracting(known).sorted().first {
        throw RecipeError(problems: [
          "\(key) says how the run has learned, which is not to be changed any more: leave it out"
        ])
      }
      let isFile = !given.isDisjoint(with: files.map { "data.\($0)" })
      if !given.isEmpty, !isFile {
        throw RecipeError(problems: [
          "--set \(given.sorted()[0]) names no data to evaluate: give a file, such as data.path=FILE"
        ])
      }
      if !isFile {
        self = .validation
        return
      }
      func file(_ path: String?, _ test: String?) throws -> String {
        guard let file = isGiven("test_path") ? test : path else {
          throw RecipeError(problems: ["--set data.path=none leaves nothing to evaluate"])
        }
        return file
      }
      switch data {
      case let text as TextData: self = .text(try file(text.path, text.testPath))
      case let table as CSVData:
        self = .table(
          try file(table.path, table.testPath),
          CSVExamples.Given(
            label: isGiven("label") ? table.label : nil,
            hasHeader: isGiven("header") ? table.header.isThere : nil))
      case let images as IDXData:
        let (training, test) = try images.files()
        // Of a folder, those that are there to validate on.
        let isTest = isGiven("test_images", "test_labels") || !isGiven("images", "labels")
        let files = isTest ? test ?? training : training
        self = .images(files.images, labels: files.labels)
      default: self = .validation
      }
    }
  }

  private static func notEvaluated(_ run: TrainedRun) -> RunError {
    .notUsable(
      run.directory.path, kind: type(of: run.recipe.model).name,
      advice: "it has nothing more to say of itself than the evaluations of its run, which "
        + "'descent report \(run.directory.path)' shows")
  }

  /// The run's own validation part.
  private static func validation(
    of run: TrainedRun, on data: any DataKind
  ) throws -> EvaluationReport {
    let task: any TrainingTask
    var recipe = run.recipe
    recipe.data = data
    do {
      task = try recipe.makeTask()
    } catch DataError.missingFile(let path, "")
      where path != (run.recipe.model as? HuggingFaceModel)?.from
    {
      throw DataError.missingFile(
        path: path, advice: "the run has learned from it; give other data with --set data.path=FILE"
      )
    }
    if let own = run.checkpoint.dataFingerprint, own != task.fingerprint {
      throw DataError.unsuitable(
        "the data are not those that \(run.directory.path) has learned, so what it has not seen cannot "
          + "be told; give a file to evaluate with --set data.path=FILE")
    }
    try run.checkpoint.loadWeights(into: task.model)
    guard let report = try task.report(batchSize: run.recipe.run.batch) else {
      throw notEvaluated(run)
    }
    return report
  }

  /// All of a text.
  private static func text(
    _ file: String, _ run: TrainedRun, _ data: TextData?
  ) throws -> EvaluationReport {
    guard let kind = run.recipe.model as? any LanguageModelKind else {
      throw try mismatch(run, "a text")
    }
    let (model, tokenizer) = try kind.trained(run.checkpoint, of: run.directory, run.recipe)
    let texts = try TextDataset.known(
      file, by: tokenizer, of: run.directory.path, pack: data?.pack ?? true)
    return .text(
      try TextEvaluation(
        of: model, on: texts, context: data?.context ?? kind.context,
        batch: run.recipe.run.batch))
  }

  /// All rows of a table.
  private static func table(
    _ file: String, _ given: CSVExamples.Given, _ run: TrainedRun
  ) throws -> EvaluationReport {
    guard let predictor = try run.predictor() else { throw try mismatch(run, "a table") }
    var rows = try CSVExamples(
      DataStream(file), predictor.format, given, needsAnswers: true)
    switch predictor.format.answers {
    case .classes(let names):
      var tally = ClassificationTally()
      while let batch = try rows.next(TrainedPredictor.batch) {
        tally.add(predictor.outputs(batch.features), IndexTensor(batch.labels))
      }
      try requireExamples(tally.examples, file)
      return .classes(tally.report(classNames: names))
    case .number(let scale):
      var tally = RegressionTally(scale)
      while let batch = try rows.next(TrainedPredictor.batch) {
        tally.add(predictor.outputs(batch.features), batch.targets)
      }
      try requireExamples(tally.examples, file)
      return .numbers(tally.report(predictor.format))
    }
  }

  private static func requireExamples(_ count: Int, _ file: String) throws(DataError) {
    if count == 0 {
      throw .malformed(path: file, expected: "rows below the header", found: "none")
    }
  }

  /// All images of a file.
  private static func images(
    _ images: String, _ labelFile: String, _ run: TrainedRun
  ) throws -> EvaluationReport {
    guard let predictor = try run.predictor(), let names = predictor.format.classNames else {
      throw try mismatch(run, "images")
    }
    let labels = try IDX.labels(labelFile, classes: names.count)
    var source = try IDXExamples(DataStream(images), predictor.format)
    if source.count != labels.count {
      throw DataError.malformed(
        path: labelFile, expected: "\(source.count) labels, as many as images in \(images)",
        found: "\(labels.count)")
    }
    var tally = ClassificationTally()
    while let features = try source.next(TrainedPredictor.batch) {
      let count = features.count / predictor.format.exampleSize
      let own = Array(labels[tally.examples..<tally.examples + count])
      tally.add(predictor.outputs(features), IndexTensor(own))
    }
    try requireExamples(tally.examples, images)
    return .classes(tally.report(classNames: names))
  }

  /// That the model of a run does not go with data.
  private static func mismatch(_ run: TrainedRun, _ given: String) throws -> any Error {
    let model = run.recipe.model
    let isKnown = model is any LanguageModelKind || model is any PredictorKind
    guard isKnown else {
      return RecipeError(problems: [
        "\(run.directory.path) holds a model of the kind \(type(of: model).name), which is evaluated on "
          + "what it has learned with: leave out --set"
      ])
    }
    let learned =
      model is any LanguageModelKind
      ? "texts" : try ExampleFormat(of: run.directory).classNames == nil ? "numbers" : "examples"
    return RecipeError(problems: [
      "\(run.directory.path) has learned \(learned), and \(given) cannot be evaluated with it"
    ])
  }
}
