/// All schedules, by name.
public enum Schedules {
  /// Every schedule, simplest first.
  public static let all: [any Schedule.Type] = [
    Constant.self, LinearWarmup.self, LinearDecay.self, Cosine.self,
  ]

  /// Their names.
  public static var names: [String] { all.map { $0.name } }

  /// The schedule called `name`, or nil.
  public static func named(_ name: String) -> (any Schedule.Type)? {
    all.first { $0.name == name }
  }
}
