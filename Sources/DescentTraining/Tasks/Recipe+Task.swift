import DescentNN

extension Recipe {
  /// Loads the data and makes the model.
  ///
  /// - Throws: ``DataError`` for missing or bad files, `ModelError` and ``RecipeError`` for a model
  ///   that does not fit the data.
  public func makeTask() throws -> any TrainingTask {
    let seed = UInt64(run.seed)
    func classify(_ data: ClassificationDataset, _ fraction: Double) throws -> any TrainingTask {
      try Classification(data, model: model, validationFraction: fraction, seed: seed)
    }
    switch data {
    case let text as TextSettings:
      let dataset =
        if let path = text.path {
          try TextDataset.load(
            path: path, tokenizer: text.tokenizer, validationFraction: text.validationFraction)
        } else {
          try TextDataset(
            text: PackageSources.text(), tokenizer: text.tokenizer,
            validationFraction: text.validationFraction)
        }
      return try LanguageModeling(dataset, model: model as! GPTSettings, seed: seed)
    case let digits as DigitsSettings:
      return try classify(Digits.load(), digits.validationFraction)
    case let idx as IDXSettings:
      let data = try IDX.load(images: idx.images ?? "", labels: idx.labels ?? "")
      return try classify(data, idx.validationFraction)
    case let csv as CSVSettings:
      let data = try CSV.load(path: csv.path ?? "", label: CSV.Column(csv.label ?? "-1"))
      return try classify(data, csv.validationFraction)
    default: preconditionFailure("a kind of data without a task")
    }
  }
}
