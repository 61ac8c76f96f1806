/// What a rule, a schedule or an average is, for people: feeds help, listings and documentation.
public struct About: Sendable {
  /// One line.
  public let summary: String
  /// The update, in Unicode, in the letters of the code.
  public let formula: String
  /// How it differs from the paper and from PyTorch.
  public let differences: String
  /// When to choose it and how to set it.
  public let guidance: String
  /// Authors, title, year, link.
  public let reference: String
  /// The state that others keep for a rule, besides its slots; empty for none.
  public let outsideState: String

  /// Describes something.
  public init(
    summary: String, formula: String, differences: String = "", guidance: String = "",
    reference: String, outsideState: String = ""
  ) {
    (self.summary, self.formula, self.differences) = (summary, formula, differences)
    (self.guidance, self.reference) = (guidance, reference)
    self.outsideState = outsideState
  }
}
