import Descent
import DescentNN

/// Everything that is wrong with a recipe, reported at once.
public struct RecipeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One plain sentence for each mistake: the key, what was given, what is allowed.
  public let problems: [String]

  /// Wraps a list of sentences.
  public init(problems: [String]) { self.problems = problems }

  /// The problems, one a line; where there are very many, the first.
  public var description: String {
    let shown = 40
    let more =
      problems.count > shown
      ? ["and \(problems.count - shown) more, which the first may explain"] : []
    return (problems.prefix(shown).map(\.onOneLine) + more).joined(separator: "\n")
  }
}

extension Error {
  /// Whether it says that a recipe asks for what cannot be, rather than something of data or files.
  package var isOfRecipe: Bool {
    switch self {
    case is RecipeError, is OptimizerError, is SettingErrors, is SettingError, is ModelError: true
    default: false
    }
  }
}
