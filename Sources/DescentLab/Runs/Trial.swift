import DescentFiles
import DescentTraining
public import Foundation

/// One run of several that are compared: what it is, and how it ended once it has. Each is a file
/// of its own beside its run directory, so that whatever is killed loses no more than what was
/// running.
public protocol Trial: Sendable, Codable {
  /// Everything that is changed in its recipe.
  var overrides: [String] { get }
  /// How it ended; nil while it has not.
  var outcome: TrialOutcome? { get set }
  /// Whether another is the same run, however they ended.
  func isSame(as other: Self) -> Bool
  /// The weights that it begins with, where it is kept in `file`: a run, a checkpoint or a file of
  /// weights; nil for new ones.
  func beginning(in file: URL) -> String?
  /// What it is one of, for messages: `race`.
  static var work: String { get }
}

extension Trial {
  /// New weights.
  public func beginning(in file: URL) -> String? { nil }
}

/// How a run ended.
public struct TrialOutcome: Sendable, Equatable, Codable {
  /// An evaluation on the way.
  public struct Evaluation: Sendable, Equatable, Codable {
    /// Steps done.
    public var step: Int
    /// Seconds of training until then.
    public var seconds: Double
    /// The validation loss.
    public var loss: Double
  }

  /// Why it ended before its end; nil where it did not.
  public var failure: String?
  /// Steps done.
  public var steps = 0
  /// What it is judged by: the validation loss at the end, or where nothing is held out, the mean
  /// training loss of the last tenth of the steps.
  public var final: Double?
  /// Seconds of training, evaluations excluded.
  public var seconds = 0.0
  /// The median step, in seconds.
  public var secondsPerStep: Double?
  /// Bytes of optimizer state at the peak.
  public var stateBytes = 0
  /// The evaluations.
  public var evaluations: [Evaluation] = []
  /// The settings that the rule had, all of them.
  public var settings: [Setting] = []

  /// A setting with its value as text.
  public struct Setting: Sendable, Equatable, Codable {
    /// The name.
    public var name: String
    /// The value.
    public var value: String
  }

  /// Nothing yet.
  public init() {}

  /// The first evaluation at or below a loss, of those after the first step.
  public func reached(_ target: Double) -> Evaluation? {
    evaluations.first { $0.step > 0 && $0.loss <= target }
  }
}

extension Trial {
  /// The trial in a file.
  ///
  /// - Throws: `DataError` where there is none, or none that can be read.
  public static func read(_ file: URL) throws -> Self {
    let data: Data
    do { data = try Data(contentsOf: file) } catch {
      throw DataError.missingFile(
        path: file.relativePath, advice: "the \(work) has not come to this run yet")
    }
    do { return try JSONDecoder().decode(Self.self, from: data) } catch {
      throw DataError.malformed(
        path: file.relativePath, expected: "a run of a \(work)", found: "something else")
    }
  }

  /// Writes it into its file, whole.
  func write(to file: URL) throws { try writeJSON(to: file) }

  /// The same from its file, where it has ended; nil where it has not, or the file is of another
  /// run or was cut short.
  func ended(in file: URL) -> Self? {
    guard let there = try? Self.read(file), there.outcome != nil, there.isSame(as: self) else {
      return nil
    }
    return there
  }

  /// Removes what a run directory holds beside its records: the weights.
  static func removeWeights(besides file: URL) {
    let run = file.deletingPathExtension()
    for name in ["checkpoints", "initial.safetensors"] {
      try? FileManager.default.removeItem(at: run.appendingPathComponent(name))
    }
  }
}

extension Encodable {
  /// Writes it as JSON that people can read, too.
  func writeJSON(to file: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(self), as: UTF8.self)
    try OutputFile.write(text + "\n", to: file.relativePath)
  }
}

/// What lies in a folder; nothing where it is not there.
///
/// - Throws: ``RunError`` where it is a file or cannot be read.
func contentsOfFolder(_ folder: URL) throws -> [String] {
  var isFolder: ObjCBool = false
  guard unsafe FileManager.default.fileExists(atPath: folder.path, isDirectory: &isFolder) else {
    return []
  }
  guard isFolder.boolValue else {
    throw RunError.cannotWrite(folder.relativePath, "it is a file, not a folder")
  }
  do {
    return try FileManager.default.contentsOfDirectory(atPath: folder.path)
  } catch { throw RunError.cannotWrite(folder.relativePath, SystemReason.of(error)) }
}
