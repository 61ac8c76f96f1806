import Descent

/// `log`: what a run writes beside its metrics.
public struct LogSettings: Configurable {
  /// Whether each regular evaluation writes samples, not the end of the run alone.
  public var samples = false

  public init() {}

  public static let name = "log"
  public static let settings: [Setting<LogSettings>] = [
    .flag("samples", \.samples, "write samples at each evaluation, not at the end alone")
  ]
}
