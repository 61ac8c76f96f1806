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
