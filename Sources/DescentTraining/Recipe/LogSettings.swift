import Descent

/// `log`: what a run writes beside its metrics.
public struct LogSettings: Configurable {
  /// Whether each regular evaluation writes samples, not the end of the run alone.
  public var samples = false
  /// Whether event files of TensorBoard are written into the run directory, too.
  public var tensorBoard = false

  public init() {}

  public static let name = "log"
  public static let settings: [Setting<LogSettings>] = [
    .flag("samples", \.samples, "write samples at each evaluation, not at the end alone"),
    .flag(
      "tensorboard", \.tensorBoard, "write event files of TensorBoard into the run's folder too",
      source: "ours"),
  ]
}
