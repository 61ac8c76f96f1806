import DescentCompute
import DescentNN
import Foundation

/// A trained GPT with its tokenizer: what `descent sample` writes with.
public struct LanguageModel {
  private let gpt: GPT
  private let tokenizer: Tokenizer

  /// The newest checkpoint of a run: its averaged weights, where the run averages.
  ///
  /// - Throws: ``RunError`` when the run has no language model or no checkpoint; errors of reading.
  public init(_ run: RunDirectory) throws {
    let recipe = try Recipe(yaml: String(contentsOf: run.recipe, encoding: .utf8))
    guard let settings = recipe.model as? GPTSettings else {
      throw RunError.notALanguageModel(run.path)
    }
    guard let checkpoint = run.checkpointFiles.last else {
      throw RunError.checkpointMismatch("\(run.path) has no checkpoint yet")
    }
    tokenizer = try JSONDecoder().decode(Tokenizer.self, from: Data(contentsOf: run.tokenizer))
    gpt = try LanguageModeling.makeModel(
      settings, vocabulary: tokenizer.vocabularySize, seed: UInt64(recipe.run.seed))
    try Checkpoint.load(checkpoint, into: gpt)
  }

  /// Continues `prompt` by `tokens` tokens.
  ///
  /// - Parameters:
  ///   - prompt: the beginning; empty starts with a line break.
  ///   - tokens: how many to add.
  ///   - temperature: 0 always takes the likeliest; 1 draws as the model believes.
  ///   - seed: the same seed gives the same text.
  ///   - body: receives each piece of text as it is written.
  /// - Returns: the new text.
  /// - Throws: ``DataError`` when the prompt holds a character that the model has never seen.
  @discardableResult
  public func sample(
    prompt: String = "", tokens: Int, temperature: Double, seed: UInt64 = 0,
    _ body: (String) -> Void = { _ in }
  ) throws -> String {
    var start = try tokenizer.encode(prompt)
    // A model that has seen no line break starts with its first token.
    if start.isEmpty { start = (try? tokenizer.encode("\n")) ?? [0] }
    var random = RandomStream(seed: seed, stream: 0)
    let written = try gpt.generate(
      start, count: tokens, temperature: Float(temperature), random: &random
    ) { token in
      if let text = try? tokenizer.decode([token]) { body(text) }
      return true
    }
    return try tokenizer.decode(written)
  }
}
