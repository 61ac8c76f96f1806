import Foundation

/// What the examples of a run look like, and what is made of them: all that using its model takes
/// besides the weights. It is the run's `data.json`.
///
/// ```
/// {"shape": [4], "features": ["sepal length", ...], "mean": [5.8, ...], "deviation": [0.8, ...],
///  "label": {"name": "species", "index": 4}, "classes": ["setosa", ...]}
/// ```
/// | key | holds |
/// |---|---|
/// | `shape` | the shape of an example: [features], or [channels, height, width] |
/// | `features` | their names; missing where there are none |
/// | `scale` | what the numbers of a file are multiplied by, where that is not 1: 1/255 for bytes |
/// | `mean`, `deviation` | (x − mean) / deviation goes into the model: one number for all features, or one for each |
/// | `label` | the name and the index from 0 of the column of answers; missing for what is no table |
/// | `classes` | their names, in the order of the model's outputs; missing where numbers are predicted |
/// | `target` | the `mean` and `deviation` of the numbers: output · deviation + mean is predicted |
public struct ExampleFormat: Sendable, Equatable {
  /// The shape of an example.
  public let shape: [Int]
  /// What the features are called, if known.
  public let featureNames: [String]?
  /// What is done to the features before they go into the model.
  public let standardization: Standardization
  /// What the numbers of a file are multiplied by before that.
  public let scale: Float
  /// The column of answers in a table, if known.
  public let answerColumn: AnswerColumn?
  /// What the model's outputs mean.
  public let answers: Answers

  /// What a model gives for an example.
  public enum Answers: Sendable, Equatable {
    /// A score for each class; their names.
    case classes([String])
    /// A standardized number.
    case number(TargetScale)
  }

  /// The number of features of one example.
  public var exampleSize: Int { shape.reduce(1, *) }
  /// What the classes are called; nil where numbers are predicted.
  public var classNames: [String]? {
    if case .classes(let names) = answers { names } else { nil }
  }
  /// How many numbers the model gives for an example.
  public var outputs: Int { classNames?.count ?? 1 }

  /// That of classified examples.
  package init(of data: ClassificationDataset, _ standardization: Standardization) {
    (shape, featureNames, answerColumn) = (data.shape, data.featureNames, data.answerColumn)
    (self.standardization, scale) = (standardization, data.scale)
    answers = .classes(data.classNames ?? (0..<data.classes).map(String.init))
  }

  /// That of examples with numbers.
  package init(
    of data: RegressionDataset, _ standardization: Standardization, _ target: TargetScale
  ) {
    (shape, featureNames, answerColumn) = (data.shape, data.featureNames, data.answerColumn)
    (self.standardization, scale, answers) = (standardization, 1, .number(target))
  }

  /// A number in the unit of the targets, with the digits that a prediction of it has.
  ///
  /// - Parameter digits: how many digits of the targets' deviation count; 7 are all that float32 has.
  public func text(of x: Double, digits: Int = 7) -> String {
    guard case .number(let target) = answers, x.isFinite else { return "\(x)" }
    // What is far from zero beside its deviation has more digits.
    let ratio = log10(max(abs(x), target.deviation) / target.deviation)
    let count = min(17, digits + max(0, Int(ratio.rounded(.up))))
    return String(format: "%.\(count)g", x)
  }
}

// MARK: - The file of a run

extension ExampleFormat {
  private struct Stored: Codable {
    var shape: [Int]
    var features: [String]?
    var scale: Float?
    var mean: [Float]
    var deviation: [Float]
    var label: AnswerColumn?
    var classes: [String]?
    var target: TargetScale?
  }

  /// Writes the run's `data.json`.
  package func write(to run: RunDirectory) throws {
    func short(_ numbers: [Float]) -> [Float] {
      Set(numbers).count == 1 ? [numbers[0]] : numbers
    }
    var stored = Stored(
      shape: shape, features: featureNames, scale: scale == 1 ? nil : scale,
      mean: short(standardization.mean), deviation: short(standardization.deviation),
      label: answerColumn)
    switch answers {
    case .classes(let names): stored.classes = names
    case .number(let target): stored.target = target
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let json = try encoder.encode(stored)
    try run.write(String(decoding: json, as: UTF8.self) + "\n", to: run.dataFormat)
  }

  /// Reads the `data.json` of a run.
  ///
  /// - Throws: ``DataError`` for a file that is missing or says something else.
  public init(of run: RunDirectory) throws(DataError) {
    let path = run.dataFormat.relativePath
    let text = try TextFile.read(
      path, upTo: 256 << 20,
      advice: "runs of this version have one: train again, or resume the run, which writes it")
    let stored: Stored
    do {
      stored = try JSONDecoder().decode(Stored.self, from: Data(text.utf8))
    } catch {
      throw .malformed(
        path: path, expected: "what a run writes about its examples", found: Self.found(error))
    }
    func require(_ holds: Bool, _ expected: String, _ found: String) throws(DataError) {
      if !holds { throw .malformed(path: path, expected: expected, found: found) }
    }
    let size = stored.shape.reduce(1) { $0 * Double($1) }
    try require(
      stored.shape.allSatisfy { $0 > 0 } && (1...1e9).contains(size),
      "a “shape” of sizes from 1 on", "\(stored.shape)")
    let count = Int(size)
    func full(_ numbers: [Float], _ key: String) throws(DataError) -> [Float] {
      let isDeviation = key == "deviation"
      try require(
        numbers.allSatisfy { $0.isFinite && (!isDeviation || $0 > 0) },
        "finite numbers\(isDeviation ? " above 0" : "") under “\(key)”", "others")
      if numbers.count == 1 { return [Float](repeating: numbers[0], count: count) }
      try require(
        numbers.count == count, "one number or \(count) under “\(key)”", "\(numbers.count)")
      return numbers
    }
    standardization = Standardization(
      mean: try full(stored.mean, "mean"), deviation: try full(stored.deviation, "deviation"))
    if let names = stored.features {
      try require(names.count == count, "\(count) names under “features”", "\(names.count)")
    }
    scale = stored.scale ?? 1
    try require(scale.isFinite && scale > 0, "a “scale” above 0", "\(scale)")
    if let column = stored.label {
      try require(
        (0...count).contains(column.index), "an index from 0 to \(count) under “label”",
        "\(column.index)")
    }
    (shape, featureNames, answerColumn) = (stored.shape, stored.features, stored.label)
    switch (stored.classes, stored.target) {
    case (let names?, nil):
      try require(!names.isEmpty, "names under “classes”", "none")
      answers = .classes(names)
    case (nil, let target?):
      try require(
        target.mean.isFinite && target.deviation.isFinite && target.deviation > 0,
        "a finite mean and a deviation above 0 under “target”", "others")
      answers = .number(target)
    case (nil, nil), (_?, _?):
      throw .malformed(
        path: path, expected: "“classes” or “target”",
        found: stored.classes == nil ? "neither" : "both")
    }
  }

  private static func found(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, _): "no “\(key.stringValue)”"
    case .typeMismatch(_, let context) where context.codingPath.isEmpty: "other JSON"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      "another kind of value under “\(context.codingPath.first?.stringValue ?? "")”"
    default: "text that is not JSON"
    }
  }
}
