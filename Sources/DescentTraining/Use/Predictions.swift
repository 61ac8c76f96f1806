import Descent
import DescentNN
import Foundation

/// What the model of a run says of new examples, as a table that comes in pieces.
///
/// The columns of the input come first, unless they are left out; then `prediction`, the class or the
/// number, and for classes `probability_<class>` each.
public struct Predictions {
  /// The checkpoint whose weights are used.
  public let checkpoint: String
  /// Why newer checkpoints were passed over: one sentence each.
  public let passedOver: [String]
  /// The examples so far.
  public private(set) var count = 0

  private let run: TrainedRun
  private let predictor: TrainedPredictor
  private var input: Input
  private let keepsInput: Bool
  /// What messages call the input.
  private let name: String
  private var hasHeader = false
  private var hasDecimalCommas = false

  private enum Input {
    case table(CSVExamples)
    case images(IDXExamples)
  }

  /// Opens a run and what it is to be used on.
  ///
  /// - Parameters:
  ///   - path: the run's folder, or one of its checkpoints.
  ///   - input: a table or images in an IDX file, plain or packed by gzip; `-` is standard input.
  ///   - keepsInput: whether the columns of a table stand before the predictions.
  /// - Throws: ``RunError``, ``RecipeError``, ``DataError``, and errors of reading.
  public init(_ path: String, input: String, keepsInput: Bool = true) throws {
    run = try TrainedRun(path)
    guard let predictor = try run.predictor() else {
      let isText = run.recipe.model is any LanguageModelKind
      throw RunError.notUsable(
        run.directory.path, kind: type(of: run.recipe.model).name,
        advice: isText
          ? "'descent sample' continues a text with it, and 'descent evaluate' says how well it "
            + "predicts one"
          : "'descent predict' knows models that learn tables and images")
    }
    let source = try DataStream(input)
    self.input =
      IDXExamples.areBegun(by: try source.peek(2))
      ? .images(try IDXExamples(source, predictor.format))
      : .table(try CSVExamples(source, predictor.format, needsAnswers: false))
    (self.predictor, self.keepsInput, name) = (predictor, keepsInput, source.name)
    (checkpoint, passedOver) = (run.checkpoint.file.relativePath, run.passedOver)
    if keepsInput, case .table(let table) = self.input, table.header != nil,
      let name = table.names.first(where: columns.contains)
    {
      throw DataError.malformed(
        path: source.name, location: .init(line: 1, column: nil),
        expected: "names of columns that are not those of predictions",
        found: "\(name.quotedShort); --only-predictions leaves the input's columns out")
    }
  }

  /// The names of the columns that are added.
  private var columns: [String] {
    ["prediction"] + (predictor.format.classNames ?? []).map { "probability_\($0)" }
  }

  private var separator: UInt8 {
    if case .table(let table) = input { table.separator } else { UInt8(ascii: ",") }
  }

  /// The next lines, each with its end, the names of the columns before all others; nil at the end.
  public mutating func next() throws -> [UInt8]? {
    let (features, sources): ([Float], [[UInt8]])
    switch input {
    case .images(var images):
      guard let found = try images.next(TrainedPredictor.batch) else { return header(nil) }
      input = .images(images)
      (features, sources) = (found, [])
    case .table(var table):
      guard let batch = try table.next(TrainedPredictor.batch) else { return header(table) }
      input = .table(table)
      if count == 0 { hasDecimalCommas = batch.hasDecimalCommas }
      (features, sources) = (batch.features, keepsInput ? batch.sources : [])
    }
    var table: CSVExamples?
    if case .table(let found) = input { table = found }
    var lines = header(table) ?? []
    let outputs = run.use { predictor.outputs(features) }
    try append(outputs, sources, to: &lines)
    count += outputs.shape[0]
    return lines
  }

  /// The names of the columns, once.
  private mutating func header(_ table: CSVExamples?) -> [UInt8]? {
    if hasHeader { return nil }
    hasHeader = true
    var line: [UInt8] = []
    if keepsInput, let table {
      line = table.header ?? joined(table.names.map(quoted))
      line.append(separator)
    }
    return line + joined(columns.map(quoted)) + [0x0A]
  }

  private func joined(_ cells: [String]) -> [UInt8] {
    Array(cells.map { Array($0.utf8) }.joined(separator: [separator]))
  }

  /// A text as a cell.
  private func quoted(_ text: String) -> String {
    let special = Set([separator, 0x22, 0x0A, 0x0D])
    let isPlain =
      !text.utf8.contains(where: special.contains) && text.first?.isWhitespace != true
      && text.last?.isWhitespace != true && !text.isEmpty
    return isPlain ? text : "\"\(text.replacing("\"", with: "\"\""))\""
  }

  private func number(_ text: String) -> String {
    hasDecimalCommas ? text.replacing(".", with: ",", maxReplacements: 1) : text
  }

  /// A line for each row of outputs.
  private func append(
    _ outputs: Tensor, _ sources: [[UInt8]], to lines: inout [UInt8]
  ) throws {
    let columns = outputs.shape[1]
    let largest = outputs.largestInRows
    let classNames = predictor.format.classNames
    let values = classNames == nil ? outputs.scalars : outputs.softmax().scalars
    for row in 0..<outputs.shape[0] {
      guard let best = largest[row] else {
        throw DataError.malformed(
          path: name, expected: "examples of about the size that the run has learned",
          found: "number \(count + row + 1), for which the model's outputs are not finite")
      }
      var cells: [String] = []
      if let classNames {
        cells = [quoted(classNames[best])]
        cells += values[row * columns..<(row + 1) * columns].map { number("\($0)") }
      } else if case .number(let scale) = predictor.format.answers {
        cells = [number(predictor.format.text(of: scale.restored(Double(values[row]))))]
      }
      if row < sources.count {
        lines += sources[row]
        lines.append(separator)
      }
      lines += joined(cells)
      lines.append(0x0A)
    }
  }
}
