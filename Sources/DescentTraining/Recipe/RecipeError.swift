/// Everything that is wrong with a recipe, reported at once.
public struct RecipeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One plain sentence for each mistake: the key, what was given, what is allowed.
  public let problems: [String]

  /// Wraps a list of sentences.
  public init(problems: [String]) { self.problems = problems }

  /// The problems, one a line.
  public var description: String { problems.joined(separator: "\n") }
}
