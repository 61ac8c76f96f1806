import Descent
import Foundation

/// Why a run cannot be made, read, resumed or finished.
public enum RunError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The folder is no run directory.
  case notARun(String)
  /// A checkpoint that lies in no run, and the folder in which the run would be.
  case notInARun(String, folder: String)
  /// The folder for a new run is not empty.
  case occupied(String)
  /// The name of the folder for a new run is empty.
  case noFolder
  /// Another process trains the run; which.
  case locked(String, by: String)
  /// A file or folder of the run cannot be written.
  case cannotWrite(String, String)
  /// A checkpoint lacks a tensor of the model or holds one of another shape.
  case checkpointMismatch(String)
  /// A file among the checkpoints cannot be used; why.
  case unusableCheckpoint(String, String)
  /// No checkpoint of a run can be resumed from; why, a sentence for each, the newest first.
  case cannotResume(String, [String])
  /// A run that was to be resumed has done all its steps.
  case finished(String, steps: Int)
  /// Only language models can be sampled.
  case notALanguageModel(String, kind: String)
  /// The model of a run is of a kind that a command does not use; what would do.
  case notUsable(String, kind: String, advice: String)
  /// The non-finite guard stopped the training.
  case nonFinite(step: Int, cause: String, checkpoint: String)
  /// Numbers became larger than float16 can hold.
  case float16Overflow(step: Int, cause: String, checkpoint: String)

  /// Whether training stopped since a number was not finite.
  public var isNonFinite: Bool {
    switch self {
    case .nonFinite, .float16Overflow: true
    default: false
    }
  }

  /// The same where nothing of the run is kept.
  public var withoutFiles: RunError {
    switch self {
    case .nonFinite(let step, let cause, _): .nonFinite(step: step, cause: cause, checkpoint: "")
    case .float16Overflow(let step, let cause, _):
      .float16Overflow(step: step, cause: cause, checkpoint: "")
    default: self
    }
  }

  /// One plain sentence first.
  public var description: String {
    switch self {
    case .notARun(let path):
      FileManager.default.fileExists(atPath: path)
        ? "\(path) is not a run: it has no recipe.yaml" : "there is no run \(path)"
    case .notInARun(let file, let folder):
      "\(file) is not among the checkpoints of a run: there is no \(folder)/recipe.yaml"
    case .occupied(let path):
      "\(path) is not empty; choose another folder with --out"
    case .noFolder:
      "--out names no folder: give one, or leave it out for one in runs"
    case .locked(let path, let holder):
      "\(path) is being trained by \(holder): wait until that ends, or stop it"
    case .cannotWrite(let path, let reason):
      "\(path) cannot be written: \(reason)"
    case .checkpointMismatch(let sentence):
      sentence
    case .unusableCheckpoint(let file, let reason):
      "\(file) cannot be used: \(reason)"
    case .cannotResume(let path, let reasons):
      if let newest = reasons.first {
        "\(path) has no checkpoint that can be resumed from. "
          + (reasons.count == 1 ? newest : "The newest of \(reasons.count): \(newest)")
      } else {
        "\(path) has no checkpoint yet, so there is nothing to resume from"
      }
    case .finished(let path, let steps):
      "\(path) has already done all its \(steps) steps; to train it longer, add "
        + "--set steps=\(2 * steps)"
    case .notALanguageModel(let path, let kind):
      "\(path) holds a model of the kind \(kind), which writes no text; "
        + (ModelKinds.all.contains { $0.name == kind && $0.makesImages }
          ? "give a file for the images that it makes, --image FILE" : "sample a language model")
    case .notUsable(let path, let kind, let advice):
      "\(path) holds a model of the kind \(kind): \(advice)"
    case .nonFinite(let step, let cause, let checkpoint):
      "training stopped at step \(step): \(cause)"
        + (checkpoint.isEmpty ? "" : "; the last good weights are in \(checkpoint)")
        + ". Lower the learning rate, warm it up, or clip the gradients"
    case .float16Overflow(let step, let cause, let checkpoint):
      "training stopped at step \(step): \(cause); fp16 has no numbers beyond 65504. "
        + (checkpoint.isEmpty ? "" : "The last good weights are in \(checkpoint). ")
        + "Set precision=bf16, which has the range of float32, or "
        + "lower loss_scale.init_scale if only gradients overflow"
    }
  }
}

extension RunError {
  /// Whether the non-finite guard stopped the run.
  package var isBreakdown: Bool {
    switch self {
    case .nonFinite, .float16Overflow: true
    default: false
    }
  }
}
