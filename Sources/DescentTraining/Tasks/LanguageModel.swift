import Descent
import DescentNN
import Foundation

/// A trained language model with its tokenizer: what `descent sample` writes with.
public struct LanguageModel {
  private let model: any CausalLanguageModel
  private let tokenizer: Tokenizer
  /// Why newer checkpoints of its run were passed over: one sentence each.
  public let passedOver: [String]

  /// A model and the tokenizer of the text that it has learned.
  public init(
    _ model: any CausalLanguageModel, _ tokenizer: Tokenizer, passedOver: [String] = []
  ) {
    (self.model, self.tokenizer, self.passedOver) = (model, tokenizer, passedOver)
  }

  /// The newest checkpoint of a run that can be read: its averaged weights, where the run averages.
  ///
  /// - Throws: ``RunError`` when the run has no language model or no checkpoint; errors of reading.
  public init(_ run: RunDirectory) throws {
    let recipe = try Recipe(yaml: Recipe.text(of: run.recipe.relativePath))
    let kind = recipe.model
    guard let model = try kind.languageModel(in: run, of: recipe) else {
      throw RunError.notALanguageModel(run.path, kind: type(of: kind).name)
    }
    self = model
  }

  /// Continues `prompt` by `tokens` tokens.
  ///
  /// - Parameters:
  ///   - prompt: the beginning; empty starts with a line break.
  ///   - tokens: how many to add.
  ///   - temperature: 0 always takes the likeliest; 1 draws as the model believes.
  ///   - seed: the same seed gives the same text.
  ///   - body: receives each piece of text as it is written, characters of several bytes whole.
  /// - Returns: the new text.
  /// - Throws: ``DataError`` when the prompt holds a character that the model has never seen,
  ///   before anything is written; `ModelError` when the model's predictions are not numbers.
  @discardableResult
  public func sample(
    prompt: String = "", tokens: Int, temperature: Double, seed: UInt64 = 0,
    _ body: (String) -> Void = { _ in }
  ) throws -> String {
    var start = try tokenizer.encode(prompt)
    // A model that has seen no line break starts with its first token.
    if start.isEmpty { start = (try? tokenizer.encode("\n")) ?? [0] }
    var random = RandomStream(seed: seed, stream: 0)
    var (stream, written) = (TextStream(tokenizer), "")
    _ = try model.generate(
      start, count: tokens, sampling: Sampling(temperature: temperature), random: &random
    ) { token in
      // The model's tokens are the tokenizer's.
      if let text = try? stream.append(token), !text.isEmpty {
        written += text
        body(text)
      }
      return true
    }
    return written
  }
}
