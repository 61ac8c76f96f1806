/// What columns and keys are called that say to which step a row belongs, or only when it was
/// written.
enum StepName {
  /// From this rank on it is the number of a pass over the data, and a metric of its own.
  static let epochRank = 100

  /// Of several the one with the lowest rank counts; nil for other names.
  static func rank(_ name: String) -> Int? {
    let name = normalized(MetricName.separated(name) ?? name)
    if let rank = steps.firstIndex(of: name) { return rank }
    if let rank = steps.firstIndex(where: { "train/\($0)" == name || "trainer/\($0)" == name }) {
      return rank
    }
    return epochs.firstIndex(of: name).map { epochRank + $0 }
  }

  /// Whether a name is of a time of day, or of the time since the beginning.
  static func isClock(_ name: String) -> Bool {
    clocks.contains(normalized(name))
      || clocks.contains(normalized(MetricName.separated(name) ?? name))
  }

  /// No step of a run lies beyond ± this. Those within are exact as `Double`, and what readers and
  /// reports add to them does not overflow: every step that is read goes through ``whole(_:)``.
  static let farthest = 9_000_000_000_000_000

  /// A step from a number; nil for one that cannot be.
  static func whole(_ x: Double) -> Int? {
    abs(x) <= Double(farthest) ? Int(x.rounded()) : nil
  }

  /// The same step; nil for one that cannot be.
  static func whole(_ step: Int) -> Int? {
    (-farthest...farthest).contains(step) ? step : nil
  }

  private static func normalized(_ name: String) -> String {
    String(
      name.lowercased().map { $0 == " " || $0 == "-" ? "_" : $0 }
    ).trimmingUnderscores
  }

  private static let steps = [
    "global_step", "step", "steps", "_step", "iteration", "iter", "iterations", "iters",
    "iter_num", "global_steps", "global_iteration", "train_step", "training_step", "train_steps",
    "current_step", "optimizer_step", "num_updates", "update", "updates", "num_steps", "batch",
    "batch_idx", "batches",
  ]
  private static let epochs = ["epoch", "epochs", "current_epoch", "train/epoch"]
  private static let clocks: Set<String> = [
    "wall_time", "walltime", "timestamp", "_timestamp", "_runtime", "runtime", "time", "date",
    "datetime", "elapsed", "elapsed_time", "relative_time_(process)", "relative_time_(wall)",
    "wall", "created_at", "ts", "time_elapsed", "total_time",
  ]
}

extension String {
  fileprivate var trimmingUnderscores: String {
    var text = Substring(self)
    // `_step` and `_runtime` of W&B keep their own.
    while text.last == "_" { text.removeLast() }
    while text.hasPrefix("__") { text.removeFirst() }
    return String(text)
  }
}
