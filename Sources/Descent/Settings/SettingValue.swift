/// The value of one setting, in the types that a recipe, a command line and a checkpoint can hold.
public enum SettingValue: Sendable, Equatable {
  case number(Double)
  case integer(Int)
  case flag(Bool)
  case numbers([Double])
  case text(String)
  /// No value: the setting is switched off (`null` in YAML, `none` on the command line).
  case none
}

extension SettingValue: CustomStringConvertible {
  /// The value as it is written in a recipe or after `--set name=`.
  public var description: String {
    switch self {
    case .number(let x): Self.text(of: x)
    case .integer(let n): "\(n)"
    case .flag(let on): on ? "true" : "false"
    case .numbers(let list): list.map(Self.text(of:)).joined(separator: ",")
    case .text(let text): text
    case .none: "none"
    }
  }

  /// The shortest text that reads back as the same number; whole numbers without a fraction.
  static func text(of x: Double) -> String {
    if x == x.rounded(), abs(x) < 1e15 { return "\(Int(x))" }
    return "\(x)"
  }
}
