/// A model that cannot be built or run as asked.
public enum ModelError: Error, Equatable, CustomStringConvertible {
  /// A size that must be at least 1.
  case notPositive(name: String, value: Int)
  /// A probability outside 0 ..< 1.
  case notProbability(Float)
  /// A width that is not a multiple of the number of heads.
  case indivisible(width: Int, heads: Int)
  /// Heads of keys and values that do not divide those of queries.
  case unequalGroups(heads: Int, groups: Int)
  /// A head whose features do not form pairs.
  case oddHead(Int)
  /// Nothing to continue.
  case emptyPrompt
  /// A token that the model does not know.
  case tokenOutside(Int, vocabulary: Int)
  /// Scores that are NaN or infinite, such as those of weights that training has spoilt.
  case notFinite
  /// An image too small for the poolings of a model.
  case imageTooSmall(height: Int, width: Int, poolings: Int)
  /// An image that no smaller one becomes by doublings.
  case imageNotDoubled(height: Int, width: Int, doublings: Int)
  /// Patches that do not cover an image.
  case indivisibleImage(height: Int, width: Int, patch: Int)

  /// What is wrong and what to do, in a sentence.
  public var description: String {
    switch self {
    case .notPositive(let name, let value):
      "the model's \(name) is \(value); it must be at least 1."
    case .notProbability(let value):
      "the model's dropout is \(value); it must be at least 0 and below 1."
    case .indivisible(let width, let heads):
      "the model's width \(width) cannot be divided among \(heads) heads; "
        + "choose a multiple of \(heads)."
    case .unequalGroups(let heads, let groups):
      "the model's \(heads) attention heads cannot share \(groups) heads of keys and values; "
        + "choose a divisor of \(heads)."
    case .oddHead(let size):
      "the model's attention heads have \(size) features; rotary positions need an even number."
    case .emptyPrompt:
      "there is nothing to continue: the prompt must hold at least one token."
    case .tokenOutside(let token, let vocabulary):
      "the token \(token) is outside the model's vocabulary of \(vocabulary) tokens."
    case .notFinite:
      "the model's predictions are not finite numbers, so its weights are of no use; take those of "
        + "another run or an earlier checkpoint."
    case .imageTooSmall(let height, let width, let poolings):
      "an image of \(height) × \(width) is too small for \(poolings) poolings by two; "
        + "choose fewer stages (the list of channels)."
    case .imageNotDoubled(let height, let width, let doublings):
      "an image of \(height) × \(width) cannot be made by \(doublings) doublings of a smaller one; "
        + "choose fewer stages (the list of channels)."
    case .indivisibleImage(let height, let width, let patch):
      "an image of \(height) × \(width) cannot be cut into patches of \(patch) × \(patch); "
        + "choose a patch that divides both\(Self.patches(height, width))."
    }
  }

  /// The sizes of patches that an image can be cut into, of several patches.
  private static func patches(_ height: Int, _ width: Int) -> String {
    let sizes = (1..<max(2, max(height, width))).filter { height % $0 == 0 && width % $0 == 0 }
    return sizes.count > 1 ? " (\(sizes.map(String.init).joined(separator: ", ")))" : ""
  }

  package static func requirePositive(_ sizes: [(String, Int)]) throws(ModelError) {
    for (name, value) in sizes where value < 1 { throw .notPositive(name: name, value: value) }
  }

  static func requireProbability(_ value: Float) throws(ModelError) {
    guard value >= 0 && value < 1 else { throw .notProbability(value) }
  }
}
