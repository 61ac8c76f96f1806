import DescentFiles
import Foundation

/// Where a run keeps what it makes.
///
/// ```
/// recipe.yaml      the recipe, fully resolved
/// metrics.jsonl    one JSON object a step, and one an evaluation
/// events.out.tfevents.*  the metrics for TensorBoard, with log.tensorboard
/// samples.jsonl    what the model makes: texts, images that it takes for something else
/// initial.safetensors   the first weights, where instruments measure the distance from them
/// data.json        shape, names, standardization and classes of the examples: see ``ExampleFormat``
/// tokenizer.json   how text becomes tokens, for language models
/// tokenizer_config.json   which token ends a document, where texts are documents
/// checkpoints/     step-<n>.safetensors: weights and all that is needed to resume after n steps
/// .lock            which process trains the run; there while it does
/// ```
/// Whatever else lies there belongs to the user and is left alone.
public struct RunDirectory: Sendable {
  /// The folder.
  public let url: URL

  /// The path as the user would write it.
  public var path: String { url.relativePath }
  /// `recipe.yaml`
  public var recipe: URL { url.appendingPathComponent("recipe.yaml") }
  /// `metrics.jsonl`
  public var metrics: URL { url.appendingPathComponent("metrics.jsonl") }
  /// `data.json`
  public var dataFormat: URL { url.appendingPathComponent("data.json") }
  /// `tokenizer.json`
  public var tokenizer: URL { url.appendingPathComponent("tokenizer.json") }
  /// `tokenizer_config.json`
  public var tokenizerSettings: URL { url.appendingPathComponent("tokenizer_config.json") }
  /// `checkpoints/`
  public var checkpoints: URL { url.appendingPathComponent("checkpoints") }

  /// What is written whole, but for the checkpoints.
  var written: [URL] {
    [recipe, metrics, samplesFile, initialWeights, dataFormat, tokenizer, tokenizerSettings]
  }

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
    guard let run = try? RunDirectory(existing: folder) else {
      throw RunError.notInARun(path, folder: folder)
    }
    return (run, file.lastPathComponent)
  }

  /// A new run in `path`, or in the first free `runs/<name>-<n>`.
  ///
  /// - Throws: ``RunError`` when the folder holds something already or cannot be made.
  public init(new path: String?, name: String) throws(RunError) {
    let files = FileManager.default
    guard let path else {
      // Another process may take a number between the look and the making.
      while true {
        let free = URL(fileURLWithPath: Self.freePath(name))
        do {
          let parent = free.deletingLastPathComponent()
          try files.createDirectory(at: parent, withIntermediateDirectories: true)
          guard unsafe mkdir(free.path, 0o777) == 0 || errno != EEXIST else { continue }
          try files.createDirectory(
            at: free.appendingPathComponent("checkpoints"), withIntermediateDirectories: true)
        } catch { throw .cannotWrite(free.relativePath, SystemReason.of(error)) }
        url = free
        return
      }
    }
    url = try Self.emptyFolder(path)
    do {
      try files.createDirectory(at: checkpoints, withIntermediateDirectories: true)
    } catch {
      throw .cannotWrite(url.relativePath, SystemReason.of(error))
    }
  }

  /// A folder that is empty, made where it was not there.
  ///
  /// - Throws: ``RunError`` when it holds something already or cannot be made.
  package static func emptyFolder(_ path: String) throws(RunError) -> URL {
    let files = FileManager.default
    guard !path.isEmpty else { throw .noFolder }
    let url = URL(fileURLWithPath: path)
    if let file = Self.file(onTheWayTo: url) {
      throw .cannotWrite(path, "\(file == url.path ? "it" : file) is a file, not a folder")
    }
    if files.fileExists(atPath: path) {
      let contents: [String]
      do {
        contents = try files.contentsOfDirectory(atPath: path)
      } catch { throw .cannotWrite(path, SystemReason.of(error)) }
      guard contents.isEmpty else { throw .occupied(path) }
    }
    do {
      try files.createDirectory(at: url, withIntermediateDirectories: true)
    } catch {
      throw .cannotWrite(url.relativePath, SystemReason.of(error))
    }
    return url
  }

  /// The path, or the part of it, that is there and is no folder.
  private static func file(onTheWayTo url: URL) -> String? {
    var (part, isFolder) = (url.absoluteURL, ObjCBool(false))
    while part.path != "/" {
      if unsafe FileManager.default.fileExists(atPath: part.path, isDirectory: &isFolder) {
        return isFolder.boolValue ? nil : part.path
      }
      part.deleteLastPathComponent()
    }
    return nil
  }

  /// The first free `runs/<name>-<n>`.
  public static func freePath(_ name: String) -> String {
    let taken = (try? FileManager.default.contentsOfDirectory(atPath: "runs")) ?? []
    let last = taken.compactMap { entry in
      entry.hasPrefix(name + "-") ? Int(entry.dropFirst(name.count + 1)) : nil
    }.filter { $0 < .max }.max()
    return "runs/\(name)-\((last ?? 0) + 1)"
  }

  /// Writes a file of the run whole, or leaves what was there.
  public func write(_ text: String, to file: URL) throws(RunError) {
    try write(Array(text.utf8), to: file)
  }

  /// The same for bytes.
  func write(_ bytes: [UInt8], to file: URL) throws(RunError) {
    do throws(FileError) {
      try OutputFile.write(bytes, to: file.relativePath)
    } catch { throw .cannotWrite(file.relativePath, error.reason) }
  }
}
