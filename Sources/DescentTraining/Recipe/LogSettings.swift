import Descent

/// `log`: what a run writes down beside its metrics.
public struct LogSettings: Configurable {
  /// Whether event files of TensorBoard are written into the run directory, too.
  public var tensorBoard = false

  public init() {}

  public static let name = "log"
  public static let settings: [Setting<LogSettings>] = [
    .flag(
      "tensorboard", \.tensorBoard, "write event files of TensorBoard into the run's folder too",
      source: "ours")
  ]
}
