public import Descent

/// A kind of training, and what it is customarily trained with: a row of the table that
/// `descent recommend` reads.
public struct Scenario: Sendable {
  /// What it is asked for by: `llm-pretrain`.
  public let name: String
  /// Other words for it.
  public let aliases: [String]
  /// What it is, for people.
  public let title: String
  /// Optimizers with formats, the best first; of these the memory chooses.
  public let candidates: [Candidate]
  /// The section `schedule` of a recipe.
  public let schedule: String
  /// The section `clip`; nil leaves gradients as they are.
  public let clip: String?
  /// Why, in sentences.
  public let reasons: [String]
  /// Where that is from.
  public let sources: [String]
  /// What is often said and is wrong, or depends.
  public let cautions: [String]
  /// What stands in the recipe for model and data.
  public let stage: Stage
  /// The built-in recipe that trains something of this kind.
  public let example: String
  /// The rank of the adapters that alone are trained; nil trains all weights.
  public var adapters: Int?

  /// An optimizer with its settings.
  public struct Candidate: Sendable, Equatable {
    /// The rule.
    public let rule: String
    /// The other settings of the recipe's section `optimizer`.
    public let settings: String
    /// The section `schedule` where it is another than the scenario's.
    public var schedule: String?
    /// Whether the scenario's clipping does not go with it.
    public var isUnclipped = false
    /// Why one would take it, as a clause.
    public let reason: String

    /// The format of its state.
    public var state: StateStorage.Format {
      settings.contains("state: int8") ? .int8 : .float32
    }

    /// `adamw` or `adamw with int8 state`.
    public var label: String { state == .int8 ? "\(rule) with int8 state" : rule }
  }

  /// Model, data and length of a recipe: Descent's nearest, to be replaced.
  public enum Stage: Sendable {
    case text
    case images
    case imageTransformer
    case table
    case adversarial
    case diffusion
    case environment

    /// The lines of the recipe.
    var lines: [String] {
      switch self {
      case .text:
        ["steps: 2000", "batch: 12", "model: {kind: gpt}", "data: {kind: text}"]
      case .images:
        ["epochs: 20", "batch: 64", "model: {kind: cnn}", "data: {kind: digits}"]
      case .imageTransformer:
        ["epochs: 20", "batch: 64", "model: {kind: vit}", "data: {kind: digits}"]
      case .table:
        ["epochs: 20", "batch: 64", "model: {kind: mlp}", "data: {kind: digits}"]
      case .adversarial:
        ["epochs: 40", "batch: 64", "model: {kind: gan}", "data: {kind: digits}"]
      case .diffusion:
        ["epochs: 40", "batch: 64", "model: {kind: diffusion}", "data: {kind: digits}"]
      case .environment:
        ["steps: 2000", "batch: 256", "model: {kind: ppo}", "data: {kind: environment}"]
      }
    }

    /// What to put in its place.
    var remark: String {
      let what =
        switch self {
        case .text: "a small GPT on the package's stories"
        case .images: "a small convolutional network on digits"
        case .imageTransformer: "a small vision transformer on digits"
        case .table: "a small perceptron on digits"
        case .adversarial: "two small networks that make digits"
        case .diffusion: "a small diffusion model of digits"
        case .environment: "a pole on a cart"
        }
      return "model and data stand for yours: \(what)"
    }
  }

  /// The scenario that a word asks for.
  ///
  /// - Throws: ``UnknownTask``.
  public static func named(_ name: String) throws(UnknownTask) -> Scenario {
    let wanted = name.lowercased().replacing("_", with: "-").replacing(" ", with: "-")
    if let found = all.first(where: { $0.name == wanted || $0.aliases.contains(wanted) }) {
      return found
    }
    let words = all.flatMap { [$0.name] + $0.aliases }
    let near = nearestName(to: wanted, among: words)
    throw UnknownTask(
      name: name,
      nearest: near.flatMap { near in
        all.first { $0.name == near || $0.aliases.contains(near) }?.name
      })
  }

  /// No scenario has this name.
  public struct UnknownTask: Error, CustomStringConvertible {
    /// What was asked for.
    public let name: String
    /// The nearest name.
    public let nearest: String?

    /// One plain sentence.
    public var description: String {
      "there is no task '\(quotable(name))'"
        + (nearest.map { "; did you mean '\($0)'?" } ?? ".") + " The tasks are "
        + listed(all.map(\.name))
    }
  }
}
