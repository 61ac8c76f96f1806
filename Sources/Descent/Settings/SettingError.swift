/// Why a setting was refused. Its description is one plain sentence that says what to change.
public enum SettingError: Error, Sendable, Equatable {
  /// No setting has this name; `nearest` is the valid name closest to it.
  case unknown(name: String, owner: String, nearest: String?, valid: [String])
  /// The text is not a value of the setting's kind.
  case unreadable(name: String, given: String, expected: String)
  /// The value lies outside the allowed range.
  case outOfRange(name: String, given: String, allowed: String)
  /// A section does not say which kind of thing it describes.
  case missing(name: String, valid: [String])
  /// A section describes a kind of thing that does not exist.
  case noSuch(name: String, given: String, nearest: String?, valid: [String])
  /// Two settings, each valid alone, contradict each other.
  case contradiction(String)
}

extension SettingError: CustomStringConvertible {
  /// One sentence: the setting, what was given, what is allowed.
  public var description: String { sentence() }

  /// The description, with the setting's name as it stands in a section of a recipe.
  public func sentence(in section: String = "") -> String { inside(section).sentence }

  /// The same error of a setting inside a section.
  func inside(_ section: String) -> SettingError {
    if section.isEmpty { return self }
    func path(_ name: String) -> String { "\(section).\(name)" }
    return switch self {
    case .unknown(let name, let owner, let nearest, let valid):
      .unknown(name: path(name), owner: owner, nearest: nearest.map(path), valid: valid)
    case .unreadable(let name, let given, let expected):
      .unreadable(name: path(name), given: given, expected: expected)
    case .outOfRange(let name, let given, let allowed):
      .outOfRange(name: path(name), given: given, allowed: allowed)
    case .missing(let name, let valid): .missing(name: path(name), valid: valid)
    case .noSuch(let name, let given, let nearest, let valid):
      .noSuch(name: path(name), given: given, nearest: nearest, valid: valid)
    case .contradiction(let sentence): .contradiction("\(section): \(sentence)")
    }
  }

  private var sentence: String {
    switch self {
    case .unknown(let name, let owner, let nearest, let valid):
      let hint =
        nearest.map { "did you mean '\($0)'?" }
        ?? (valid.isEmpty ? "it takes none" : "it takes: \(valid.joined(separator: ", "))")
      return "\(owner) has no setting '\(quotable(name))'; \(hint)"
    case .unreadable(let name, let given, let expected):
      return "\(name)=\(quotable(given)) cannot be read: \(name) takes \(expected)"
    case .outOfRange(let name, let given, let allowed):
      return "\(name)=\(quotable(given)) is out of range: \(name) must be \(allowed)"
    case .missing(let name, let valid):
      return "\(name) is missing: give one of \(valid.joined(separator: ", "))"
    case .noSuch(let name, let given, let nearest, let valid):
      return "\(name)=\(quotable(given)) does not exist; \(hint(nearest, valid))"
    case .contradiction(let sentence): return sentence
    }
  }

  /// The error that `given` is none of `names`.
  static func noSuch(name: String, given: String, among names: [String]) -> SettingError {
    .noSuch(name: name, given: given, nearest: nearestName(to: given, among: names), valid: names)
  }
}

/// All the settings that were refused, together, so that one run shows every mistake.
public struct SettingErrors: Error, Sendable, Equatable, CustomStringConvertible {
  /// The errors in the order in which the settings were given.
  public let errors: [SettingError]

  /// Wraps a list of errors.
  public init(_ errors: [SettingError]) { self.errors = errors }

  /// The errors, one a line.
  public var description: String { errors.map(\.description).joined(separator: "\n") }

  /// The same errors where `names` can be set too, beside what the settings' owner declares.
  package func alsoKnowing(_ names: [String]) -> SettingErrors {
    SettingErrors(
      errors.map { error in
        guard case .unknown(let name, let owner, _, let valid) = error else { return error }
        let all = names + valid
        return .unknown(
          name: name, owner: owner, nearest: nearestName(to: name, among: all), valid: all)
      })
  }
}

/// What to try in place of a name that does not exist: the nearest of `names`, or all of them.
public func hint(for name: String, among names: [String]) -> String {
  hint(nearestName(to: name, among: names), names)
}

/// The same for the nearest name, where one is near enough.
func hint(_ nearest: String?, _ valid: [String]) -> String {
  if let nearest { return "did you mean '\(nearest)'?" }
  // The cells of a grid may be many.
  let (shown, more) = (valid.prefix(100).joined(separator: ", "), valid.count - 100)
  return "there are: \(shown)" + (more > 0 ? " and \(grouped(more)) more" : "")
}
