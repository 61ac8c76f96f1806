import DescentFiles
import Foundation

/// Where a run keeps what it makes.
///
/// ```
/// recipe.yaml      the recipe, fully resolved
/// metrics.jsonl    one JSON object a step, and one an evaluation
/// tokenizer.json   how text becomes tokens, for language models
/// checkpoints/     weights and all that is needed to resume, one safetensors file each
/// ```
public struct RunDirectory: Sendable {
  /// The folder.
  public let url: URL

  /// The path as the user would write it.
  public var path: String { url.relativePath }
  /// `recipe.yaml`
  public var recipe: URL { url.appendingPathComponent("recipe.yaml") }
  /// `metrics.jsonl`
  public var metrics: URL { url.appendingPathComponent("metrics.jsonl") }
  /// `tokenizer.json`
  public var tokenizer: URL { url.appendingPathComponent("tokenizer.json") }
  /// `checkpoints/`
  public var checkpoints: URL { url.appendingPathComponent("checkpoints") }

  /// An existing run.
  ///
  /// - Throws: ``RunError/notARun(_:)``.
  public init(existing path: String) throws(RunError) {
    url = URL(fileURLWithPath: path)
    guard FileManager.default.fileExists(atPath: recipe.path) else { throw .notARun(path) }
  }

  /// The run of which `path` is the folder or one of the checkpoints, and the latter's file name.
  ///
  /// - Throws: ``RunError/notARun(_:)``, and ``DataError`` for a checkpoint that is not there.
  public static func find(_ path: String) throws -> (run: RunDirectory, checkpoint: String?) {
    guard path.hasSuffix(".safetensors") else { return (try RunDirectory(existing: path), nil) }
    let file = URL(fileURLWithPath: path)
    let folder = file.deletingLastPathComponent().deletingLastPathComponent().relativePath
    guard FileManager.default.fileExists(atPath: path) else {
      throw DataError.missingFile(path: path, advice: "give a run, or one of its checkpoints")
    }
    return (try RunDirectory(existing: folder), file.lastPathComponent)
  }

  /// A new run in `path`, or in the first free `runs/<name>-<n>`.
  ///
  /// - Throws: ``RunError`` when the folder holds something already or cannot be made.
  public init(new path: String?, name: String) throws(RunError) {
    let files = FileManager.default
    if let path {
      url = URL(fileURLWithPath: path)
      let contents = (try? files.contentsOfDirectory(atPath: path)) ?? []
      guard contents.isEmpty else { throw .occupied(path) }
    } else {
      url = URL(fileURLWithPath: Self.freePath(name))
    }
    do {
      try files.createDirectory(at: checkpoints, withIntermediateDirectories: true)
    } catch {
      throw .cannotWrite(url.relativePath, "\(error.localizedDescription)")
    }
  }

  /// The first free `runs/<name>-<n>`.
  public static func freePath(_ name: String) -> String {
    let taken = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
    let last = taken.compactMap { entry in
      entry.hasPrefix(name + "-") ? Int(entry.dropFirst(name.count + 1)) : nil
    }.max()
    return "runs/\(name)-\((last ?? 0) + 1)"
  }

  /// Writes a file of the run whole, or leaves what was there.
  public func write(_ text: String, to file: URL) throws(RunError) {
    do throws(FileError) {
      try OutputFile.write(text, to: file.relativePath)
    } catch { throw .cannotWrite(file.relativePath, error.reason) }
  }

  /// Removes checkpoints that were passed over, and all but the newest `count`; `file`, just written,
  /// stays.
  func removeCheckpoints(_ passedOver: [URL], keeping count: Int, after file: URL) throws {
    for old in passedOver where old != file { try? FileManager.default.removeItem(at: old) }
    for old in checkpointFiles.dropLast(count) { try FileManager.default.removeItem(at: old) }
  }

  /// The checkpoints, oldest first.
  public var checkpointFiles: [URL] {
    let all = try? FileManager.default.contentsOfDirectory(atPath: checkpoints.path)
    return (all ?? []).filter { $0.hasSuffix(".safetensors") }.sorted()
      .map { checkpoints.appendingPathComponent($0) }
  }
}
