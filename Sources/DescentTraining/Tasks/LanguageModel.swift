import Descent
import DescentNN
import Foundation

/// A trained language model with its tokenizer: what `descent sample` writes with.
public struct LanguageModel {
  let model: any CausalLanguageModel
  let tokenizer: Tokenizer
  /// What a text without a prompt begins after; nil is a line break.
  private let start: Int32?
  /// The tokens that end a text.
  private let ends: Set<Int32>
  /// Why newer checkpoints of its run were passed over: one sentence each.
  public let passedOver: [String]

  /// A model and the tokenizer of the text that it has learned.
  ///
  /// - Parameters:
  ///   - start: what a text without a prompt begins after; nil is a line break.
  ///   - ends: the tokens that end a text.
  ///   - passedOver: why newer checkpoints of its run were passed over: one sentence each.
  public init(
    _ model: any CausalLanguageModel, _ tokenizer: Tokenizer, start: Int32? = nil,
    ends: Set<Int32> = [], passedOver: [String] = []
  ) {
    (self.model, self.tokenizer, self.passedOver) = (model, tokenizer, passedOver)
    (self.start, self.ends) = (start, ends)
  }

  /// A model in Hugging Face's layout with its tokenizer, and adapters.
  ///
  /// - Parameters:
  ///   - folder: where the model is.
  ///   - adapter: a folder in PEFT's layout, or a file in kohya's; nil for none.
  /// - Throws: `PretrainedError`, `AdapterError`, ``DataError`` for a tokenizer that is missing or does not
  ///   fit.
  public init(folder: String, adapter: String? = nil) throws {
    let pretrained = try PretrainedModel(folder)
    let tokenizer = try Tokenizer(
      contentsOf: URL(fileURLWithPath: folder).appendingPathComponent("tokenizer.json"))
    let model = try pretrained.load(.mapped)
    guard tokenizer.vocabularySize <= model.vocabulary else {
      throw DataError.unsuitable(
        "the tokenizer in \(folder) has \(tokenizer.vocabularySize) tokens, and the model knows "
          + "\(model.vocabulary); they do not belong together")
    }
    if let adapter { try model.loadAdapters(from: adapter) }
    self.init(model, tokenizer, ends: Set(pretrained.endTokens))
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
  ///   - tokens: how many to add, at most.
  ///   - sampling: how each is chosen.
  ///   - stops: texts before which the new text ends.
  ///   - seed: the same seed gives the same text.
  ///   - body: receives each piece of text as it is written, characters of several bytes whole.
  /// - Returns: the new text.
  /// - Throws: ``DataError`` when the prompt holds a character that the model has never seen,
  ///   before anything is written; `ModelError` when the model's predictions are not numbers.
  @discardableResult
  public func sample(
    prompt: String = "", tokens: Int, sampling: Sampling, stops: [String] = [],
    seed: UInt64 = 0, _ body: (String) -> Void = { _ in }
  ) throws -> String {
    var start = try tokenizer.encode(prompt)
    // A model that has seen no line break starts with its first token.
    if start.isEmpty, let first = self.start { start = [first] }
    if start.isEmpty { start = (try? tokenizer.encode("\n")) ?? [0] }
    if start.isEmpty { start = [0] }
    var random = RandomStream(seed: seed, stream: 0)
    var (stream, written) = (TextStream(tokenizer), "")
    var watch = StopWatch(stops)
    func write(_ text: String) {
      guard !text.isEmpty else { return }
      written += text
      body(text)
    }
    var sampling = sampling
    sampling.vocabulary = tokenizer.vocabularySize
    _ = try model.generate(start, count: tokens, sampling: sampling, random: &random) { token in
      if ends.contains(token) { return false }
      // The model's tokens are the tokenizer's.
      write(watch.add((try? stream.append(token)) ?? ""))
      return !watch.hasStopped
    }
    write(watch.rest)
    return written
  }

  /// The same with nothing but a temperature: 0 always takes the likeliest, 1 draws as the model
  /// believes.
  @discardableResult
  public func sample(
    prompt: String = "", tokens: Int, temperature: Double, seed: UInt64 = 0
  ) throws -> String {
    try sample(
      prompt: prompt, tokens: tokens, sampling: Sampling(temperature: temperature), seed: seed)
  }
}

/// Looks for texts at which writing ends, in text that comes piece by piece.
private struct StopWatch {
  private let stops: [String]
  /// What may be the beginning of a stop.
  private var pending = ""
  private(set) var hasStopped = false

  init(_ stops: [String]) { self.stops = stops.filter { !$0.isEmpty } }

  /// What is held back, when no more text comes.
  var rest: String { hasStopped ? "" : pending }

  /// Takes a piece of text, and returns what can be written.
  mutating func add(_ text: String) -> String {
    if stops.isEmpty { return text }
    pending += text
    if let end = stops.compactMap({ pending.firstRange(of: $0)?.lowerBound }).min() {
      hasStopped = true
      return String(pending[..<end])
    }
    let held = stops.map(overlap).max() ?? 0
    let cut = pending.unicodeScalars.index(pending.unicodeScalars.endIndex, offsetBy: -held)
    let ready = String(pending.unicodeScalars[..<cut])
    pending = String(pending.unicodeScalars[cut...])
    return ready
  }

  /// How many scalars at the end of the text begin a stop.
  private func overlap(_ stop: String) -> Int {
    let (text, stop) = (Array(pending.unicodeScalars), Array(stop.unicodeScalars))
    return (0..<min(text.count, stop.count + 1)).last {
      text.suffix($0).elementsEqual(stop.prefix($0))
    }
      ?? 0
  }
}
