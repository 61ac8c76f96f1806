public import Foundation

/// What a list of runs says of one of them: what its recipe and the end of its metrics say.
public struct RunSummary: Sendable, Equatable {
  /// Where it lies, from the folder that is listed; `.` for the folder itself.
  public let path: String
  /// What wrote it.
  public let format: RunLog.Format
  /// Whether it goes on, or how it ended.
  public var state = RunState.waiting
  /// The settings of its recipe: keys with dots, values as they are written. Without those that are
  /// null.
  public var settings: [Setting] = []
  /// The steps that are done.
  public var step = 0
  /// The steps that it is to have; nil where the recipe does not say.
  public var steps: Int?
  /// The training loss of the last step, in nats; NaN where it was not finite, nil before the first.
  public var loss: Double?
  /// The validation loss of the last evaluation, in nats; NaN where it was not finite.
  public var validationLoss: Double?
  /// The lowest validation loss so far, and the steps before it.
  public var best: Evaluation?
  /// Whether the whole log has been looked at, so that ``best`` is that of the whole run.
  public var isComplete = true
  /// What a step takes, in seconds: the mean of the last ones.
  public var secondsPerStep: Double?
  /// When something was written last.
  public var changed = Date(timeIntervalSince1970: 0)

  /// A run of which nothing is known yet.
  public init(path: String, format: RunLog.Format) { (self.path, self.format) = (path, format) }

  /// A key of a recipe with its value.
  public struct Setting: Sendable, Equatable {
    /// With dots.
    public let key: String
    /// As it is written.
    public let value: String

    package init(key: String, value: String) { (self.key, self.value) = (key, value) }
  }

  /// A validation loss.
  public struct Evaluation: Sendable, Equatable {
    /// In nats.
    public let loss: Double
    /// The steps before it.
    public let step: Int

    package init(loss: Double, step: Int) { (self.loss, self.step) = (loss, step) }
  }

  /// What tells it apart from others: its path, or the name of the folder where that is listed itself.
  public var name: String { path == "." ? "this folder" : path }

  /// The value of a key of its recipe.
  public subscript(_ key: String) -> String? { settings.first { $0.key == key }?.value }

  /// The model and the data, in two words.
  public var recipe: String {
    [self["model.type"] ?? self["model.kind"], self["data.kind"]].compactMap(\.self).joined(
      separator: " on ")
  }

  /// The name of the optimizer.
  public var optimizer: String { self["optimizer.name"] ?? "" }

  /// The share of the steps that are done, from 0 to 1.
  public var progress: Double? {
    steps.map { $0 > 0 ? max(0, min(1, Double(step) / Double($0))) : 1 }
  }

  /// Whether the last loss, or the last validation loss, is not finite.
  public var hasDiverged: Bool {
    [loss, validationLoss].contains { $0.map { !$0.isFinite } ?? false }
  }

  /// Seconds until a run that goes on has done all its steps.
  public var secondsLeft: Double? {
    guard state == .running, let steps, let secondsPerStep else { return nil }
    return max(0, Double(steps) - Double(step)) * secondsPerStep
  }

  /// Everything, for programs. What is not finite is null there, as what is not known; `diverged`
  /// tells them apart.
  public var json: JSONValue {
    [
      "path": .text(path), "format": .text(format.rawValue), "state": .text(state.rawValue),
      "recipe": .text(recipe), "optimizer": .text(optimizer), "step": .integer(step),
      "steps": steps.map(JSONValue.integer) ?? .null, "loss": JSONValue(loss),
      "val_loss": JSONValue(validationLoss), "diverged": .flag(hasDiverged),
      "best_val_loss": JSONValue(best?.loss),
      "best_step": best.map { .integer($0.step) } ?? .null,
      "seconds_per_step": JSONValue(secondsPerStep),
      "seconds_left": JSONValue(secondsLeft), "changed": .number(changed.timeIntervalSince1970),
      "settings": .object(settings.map { ($0.key, .text($0.value)) }),
    ]
  }
}
