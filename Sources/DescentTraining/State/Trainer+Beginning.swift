public import Descent
import DescentNN
import Foundation

extension Trainer {
  /// Whether a new run is evaluated before its first step: as its recipe says, else where it begins
  /// with weights that have learned something, against which the others are to be seen.
  var evaluatesStart: Bool {
    recipe.evaluate.start ?? (hasBegun || (recipe.model as? HuggingFaceModel)?.from != nil)
  }

  /// Begins a new run with the weights that its recipe names (`from`), unless it has begun with others.
  /// ``run(in:observer:)`` does it where nobody else has.
  ///
  /// - Returns: the file and what matched; nil where the recipe names none.
  /// - Throws: as ``begin(withWeightsOf:partially:)``, and ``DataError`` where nothing is there.
  @discardableResult
  public func begin() throws -> (file: String, report: LoadReport)? {
    guard !hasBegun, done.steps == 0, let path = try recipe.beginning() else { return nil }
    return (path, try begin(withWeightsOf: path))
  }

  /// Begins a new run with the weights and buffers of another: of a run (its newest checkpoint, the
  /// weights to use), of a checkpoint, or of any safetensors file with the names of this model. Floats of
  /// any width are taken. The optimizer begins anew.
  ///
  /// - Parameter partially: whether tensors that do not match by name and shape are left as they are.
  /// - Returns: what matched, what was missing, and what was not used.
  /// - Throws: ``RunError/checkpointMismatch(_:)`` when something does not match and `partially` is
  ///   false, also characters of a text that a run has numbered otherwise, or nothing does; ``RunError/unusableCheckpoint(_:_:)`` for a checkpoint that is not what
  ///   was written; ``DataError`` for weights that are not finite; errors of reading. Then
  ///   nothing was changed.
  @discardableResult
  public func begin(
    withWeightsOf path: String, partially: Bool = false
  ) throws -> LoadReport {
    precondition(done.steps == 0, "a run that has begun has its weights")
    let source = try WeightSource(path)
    var report = source.report(on: task.model)
    // Weights of a model without adapters leave these as they begin.
    let adapters = Set(task.model.adapters.flatMap(\.parameterNames))
    if adapters.isSubset(of: report.missing), !adapters.isEmpty {
      guard recipe.adapter?.initialization != .pissa else {
        throw RunError.checkpointMismatch(
          "\(path) has other weights than those that adapter.init=pissa has taken the adapters from: "
            + "export them as a model (descent export) and begin with model.kind=huggingface")
      }
      report.missing.removeAll { adapters.contains($0) }
    }
    if !partially, let objection = objection(toTokensOf: path) {
      throw RunError.checkpointMismatch(objection)
    }
    if !report.isComplete, !report.matched.isEmpty, !partially {
      throw RunError.checkpointMismatch(
        "\(path) does not fit this model: \(report). Give --partial to take what matches")
    }
    try source.requireFinite(report.matched)
    try source.load(into: task.model, partially: true)
    try optimizer.roundWeights(parameters)
    // It has seen the weights of before.
    try result.average?.begin(parameters.memory)
    hasBegun = true
    return report
  }

  /// Why the weights of a run mean other tokens than this one's, though their shapes may be the same;
  /// nil where they do not, or nobody knows.
  private func objection(toTokensOf path: String) -> String? {
    guard let ours = (task as? LanguageModeling)?.text.tokenizer,
      let run = try? RunDirectory.find(path).run,
      let theirs = try? Tokenizer(contentsOf: run.tokenizer), !theirs.hasTokens(of: ours)
    else { return nil }
    let own = theirs.inWords == ours.inWords ? "other \(ours.inWords)" : ours.inWords
    return
      "the weights of \(path) are for other tokens (\(theirs.inWords)) than this run has (\(own)): set "
      + "data.tokenizer=\(run.path) where the texts have no others, or give --partial to take what matches "
      + "all the same"
  }

  /// Begins a new run with the state of a PyTorch optimizer: see
  /// ``PyTorchState/restore(_:from:)``. Schedules begin anew.
  ///
  /// - Throws: what does not fit; then nothing was changed.
  public func begin(withPyTorchState path: String) throws {
    precondition(done.steps == 0, "a run that has begun has its state")
    try PyTorchState.restore(optimizer, from: path)
  }
}

extension Recipe {
  /// The path of the weights that it begins with: what is there by the name ``RunSettings/from``, or the
  /// newest run of the built-in recipe that is called so, in `runs`, whose model is the same; nil where it
  /// begins with none.
  ///
  /// - Parameter partially: whether a run with another model will do, too.
  /// - Throws: ``DataError`` where there is nothing.
  package func beginning(partially: Bool = false) throws(DataError) -> String? {
    guard let name = run.from else { return nil }
    let files = FileManager.default
    if files.fileExists(atPath: name) { return name }
    let names = BuiltInRecipes.list.map(\.name)
    guard names.contains(name) else {
      throw .missingFile(
        path: name,
        advice: "from takes a run, a safetensors file or the name of a built-in recipe; "
          + hint(for: name, among: names))
    }
    // Those of the short form have a name of their own.
    let runs = RunDirectory.usable(called: name) + RunDirectory.usable(called: "\(name)-quick")
    if let run = runs.first(where: hasModel) ?? (partially ? runs.first : nil) { return run.path }
    let known = runs.first.map { "\($0.path) has another model; " } ?? ""
    throw .missingFile(
      path: "for from=\(name)",
      advice: "\(known)training begins with the weights of a run of '\(name)' with the same model: "
        + "train it first (descent train \(name); its short form for the short form of this one), name "
        + "weights by --from, or give --partial to take what matches")
  }

  /// Whether a run has the model of this recipe; kinds that nobody can compare are taken.
  private func hasModel(_ directory: RunDirectory) -> Bool {
    guard let yaml = try? Recipe.text(of: directory.recipe.relativePath),
      let other = try? Recipe(yaml: yaml)
    else { return true }
    func shape(_ model: any ModelKind) -> [String] {
      // Those that change no tensor.
      let free = ["dropout", "recompute", "samples", "sampling_steps", "guidance", "label_dropout"]
      return model.resolved.filter { !free.contains($0.name) }.map { "\($0.name)=\($0.value)" }
    }
    return type(of: other.model).name == type(of: model).name && shape(other.model) == shape(model)
  }
}

extension RunDirectory {
  /// The runs `runs/<name>-<n>` that have a checkpoint, the newest first.
  fileprivate static func usable(called name: String) -> [RunDirectory] {
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
    var numbers: [Int] = []
    for entry in entries where entry.hasPrefix("\(name)-") {
      if let number = Int(entry.dropFirst(name.count + 1)) { numbers.append(number) }
    }
    let runs = numbers.sorted(by: >).compactMap { number in
      try? RunDirectory(existing: "runs/\(name)-\(number)")
    }
    return runs.filter { !$0.checkpointFiles.isEmpty }
  }
}
