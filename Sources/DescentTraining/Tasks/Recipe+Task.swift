import Descent
import DescentCompute

extension Recipe {
  /// Loads the data, makes the model, and binds them.
  ///
  /// - Throws: ``DataError`` for missing or bad files, `ModelError` and ``RecipeError`` for a model
  ///   that does not fit the data or the memory.
  public func makeTask() throws -> any TrainingTask { try makeTask(memory: Machine.memory) }

  /// The same on a machine with so many bytes of memory.
  package func makeTask(memory: Int) throws -> any TrainingTask {
    try makeTask { try requireMemory(for: $0, memory) }.task
  }

  /// Binds the model, and its adapters, to the data, unless `check` refuses what it takes.
  func makeTask(
    _ check: (ModelSize) throws -> Void
  ) throws -> (task: any TrainingTask, size: ModelSize?) {
    func bind<Model: ModelKind, Data: DataKind>(
      _ model: Model, _ data: Data
    ) throws -> (any TrainingTask, ModelSize?) {
      let seed = UInt64(run.seed)
      let problems = Self.objections(model, data)
      guard problems.isEmpty, let dataset = try data.load(seed: seed) as? Model.Dataset else {
        throw RecipeError(problems: problems)
      }
      let size = model.size(for: dataset)
      if let size { try check(size) }
      let task = try model.makeTask(dataset, seed: seed)
      try adapter?.attach(to: task.model, seed: seed)
      return (task, size)
    }
    let model = adapter == nil ? model : model.frozen()
    return try bind(model, data)
  }

  /// What is wrong with a model that does not learn the data, and which kinds go together.
  static func objections<Model: ModelKind, Data: DataKind>(
    _ model: Model, _ data: Data
  ) -> [String] {
    if Model.learns(Data.self) { return [] }
    func choice(_ key: String, _ names: [String]) -> String? {
      names.isEmpty ? nil : "\(key)=\(names.joined(separator: " or "))"
    }
    let choices = [
      choice("model.kind", ModelKinds.names(learning: Data.form)),
      choice("data.kind", DataKinds.names(learnedBy: Model.self)),
    ].compactMap(\.self)
    return [
      "model.kind=\(Model.name) cannot learn data.kind=\(Data.name), which holds \(Data.form.name)"
        + (choices.isEmpty ? "" : "; set \(choices.joined(separator: ", or "))")
    ]
  }
}
