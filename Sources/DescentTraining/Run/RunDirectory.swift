import Foundation

/// Where a run keeps what it makes.
///
/// ```
/// recipe.yaml      the recipe, fully resolved
/// metrics.jsonl    one JSON object a step, and one an evaluation
/// tokenizer.json   how text becomes tokens, for language models
/// checkpoints/     weights and all that is needed to go on, one safetensors file each
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

  /// The checkpoints, oldest first.
  public var checkpointFiles: [URL] {
    let all = try? FileManager.default.contentsOfDirectory(atPath: checkpoints.path)
    return (all ?? []).filter { $0.hasSuffix(".safetensors") }.sorted()
      .map { checkpoints.appendingPathComponent($0) }
  }
}

extension RunDirectory {
  /// Writes a file of the run; what was there before stays if that fails.
  ///
  /// - Throws: ``RunError/cannotWrite(_:_:)``.
  public func write(_ text: String, to file: URL) throws(RunError) {
    do {
      try text.write(to: file, atomically: true, encoding: .utf8)
    } catch {
      throw .cannotWrite(file.relativePath, error.localizedDescription)
    }
  }
}

/// Why a run cannot be made, read or finished.
public enum RunError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The folder is no run directory.
  case notARun(String)
  /// The folder for a new run is not empty.
  case occupied(String)
  /// A file or folder of the run cannot be written.
  case cannotWrite(String, String)
  /// A checkpoint lacks a tensor of the model or holds one of another shape.
  case checkpointMismatch(String)
  /// A file among the checkpoints cannot be gone on from.
  case unusableCheckpoint(String, String)
  /// No checkpoint of a run can be gone on from; why, a sentence for each, the newest first.
  case cannotResume(String, [String])
  /// A run that was to go on has all its steps.
  case finished(String, steps: Int)
  /// Only language models can be sampled.
  case notALanguageModel(String, kind: String)
  /// The non-finite guard stopped the training.
  case nonFinite(step: Int, cause: String, checkpoint: String)
  /// Numbers became larger than float16 has them.
  case float16Overflow(step: Int, cause: String, checkpoint: String)

  /// One plain sentence.
  public var description: String {
    switch self {
    case .notARun(let path):
      "\(path) is not a run: it has no recipe.yaml"
    case .occupied(let path):
      "\(path) is not empty; name another folder with --out"
    case .cannotWrite(let path, let reason):
      "\(path) cannot be written: \(reason)"
    case .checkpointMismatch(let sentence):
      sentence
    case .unusableCheckpoint(let file, let reason):
      "\(file) cannot be gone on from: \(reason)"
    case .cannotResume(let path, let reasons):
      "\(path) has no checkpoint to go on from"
        + (reasons.first.map { ", of \(reasons.count); the newest: \($0)" } ?? " yet")
    case .finished(let path, let steps):
      "\(path) has all its \(steps) steps; give it more with --set steps=\(2 * steps)"
    case .notALanguageModel(let path, let kind):
      "\(path) holds a model of the kind \(kind), which writes no text; sample a language model"
    case .nonFinite(let step, let cause, let checkpoint):
      "training stopped at step \(step): \(cause); the last good weights are in \(checkpoint). "
        + "Lower the learning rate, warm it up, or clip the gradients"
    case .float16Overflow(let step, let cause, let checkpoint):
      "training stopped at step \(step): \(cause); the numbers of fp16 end at 65504. The last "
        + "good weights are in \(checkpoint). Set precision=bf16, whose numbers reach as far as those "
        + "of float32, or lower loss_scale.init_scale where only gradients are too large"
    }
  }
}
