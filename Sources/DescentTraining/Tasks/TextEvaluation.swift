import DescentNN
import Foundation

/// How well a language model predicts a text.
///
/// The text is cut into windows of c tokens at 0, c, 2c, ...; in each, every token is predicted
/// from those before it in the window. So each token of the text but the first is a target once:
///
/// ```
/// loss = 1/n Σ −log p(token)        perplexity = e^loss        n = tokens of the text − 1
/// ```
public struct TextEvaluation: Sendable, Equatable {
  /// The mean loss of a token, in nats.
  public let loss: Double
  /// n, how many tokens were predicted.
  public let tokens: Int
  /// e^loss: among how many equally likely tokens the model is as undecided.
  public var perplexity: Double { exp(loss) }

  /// A loss that was measured.
  public init(loss: Double, tokens: Int) { (self.loss, self.tokens) = (loss, tokens) }

  /// Measures how well `model` predicts `text`.
  ///
  /// - Parameters:
  ///   - model: the model; it takes sequences of `context` tokens.
  ///   - text: the tokens, each of the model's vocabulary.
  ///   - context: c, the tokens that go into the model for a window.
  ///   - batch: how many windows go through the model at once.
  /// - Throws: `DataError.unsuitable` for a text of fewer than two tokens or a context below one,
  ///   `ModelError.notFinite` where the loss is no number.
  public init(
    of model: any CausalLanguageModel, on text: TokenSequence, context: Int, batch: Int
  ) throws {
    if context < 1 { throw DataError.unsuitable("a context of \(context) tokens is too short") }
    guard text.count > 1 else {
      let tokens = text.count == 1 ? "a text of one token" : "a text without tokens"
      throw DataError.unsuitable("\(tokens) leaves nothing to predict; give a longer text")
    }
    let targets = text.count - 1
    let whole = targets / context
    var sum = 0.0
    /// Adds the loss of `rows` windows of `length` tokens from `start` on.
    func add(from start: Int, rows: Int, length: Int) throws {
      let (shape, count) = ([rows, length], rows * length)
      let inputs = IndexTensor(shape: shape, scalars: text.array(start..<start + count))
      let next = IndexTensor(shape: shape, scalars: text.array(start + 1..<start + count + 1))
      let loss = Double(model(inputs, .inference).crossEntropy(next).scalar)
      guard loss.isFinite else { throw ModelError.notFinite }
      sum += loss * Double(count)
    }
    for window in stride(from: 0, to: whole, by: max(1, batch)) {
      try add(
        from: window * context, rows: min(max(1, batch), whole - window), length: context)
    }
    let rest = targets - whole * context
    if rest > 0 { try add(from: whole * context, rows: 1, length: rest) }
    self.init(loss: sum / Double(targets), tokens: targets)
  }
  /// The same for tokens in an array.
  public init(
    of model: any CausalLanguageModel, on text: [Int32], context: Int, batch: Int
  ) throws {
    try self.init(of: model, on: TokenSequence(text), context: context, batch: batch)
  }

  /// Measures how well `model` predicts documents, each from its beginning: every target that
  /// counts once.
  init(
    of model: any CausalLanguageModel, on windows: DocumentWindows, batch: Int, limit: Int? = nil
  ) {
    // Where not all are wanted, at even distances.
    let wanted = min(windows.count, limit ?? .max)
    let numbers = (0..<wanted).map { $0 * windows.count / wanted }
    var (sum, tokens) = (0.0, 0)
    for start in stride(from: 0, to: wanted, by: max(1, batch)) {
      let some = Array(numbers[start..<min(start + max(1, batch), wanted)])
      let (inputs, targets, counted) = windows.batch(some)
      let loss = model(inputs, .inference).crossEntropy(targets, ignoring: DocumentWindows.ignored)
      sum += Double(loss.scalar) * Double(counted)
      tokens += counted
    }
    self.init(loss: sum / Double(max(1, tokens)), tokens: tokens)
  }

  /// Measures how well `model` predicts the validation part of texts.
  init(
    of model: any CausalLanguageModel, on texts: TextDataset, context: Int, batch: Int
  ) throws {
    if let windows = try texts.documentWindows(context: context, part: .validation) {
      self.init(of: model, on: windows, batch: batch)
      guard loss.isFinite else { throw ModelError.notFinite }
    } else {
      try self.init(of: model, on: texts.validation, context: context, batch: batch)
    }
  }
}
