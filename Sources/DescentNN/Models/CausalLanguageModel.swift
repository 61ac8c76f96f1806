public import DescentCompute

/// A model that predicts the next token at every position.
public protocol CausalLanguageModel: Module {
  /// Tokens of shape [batch, time] → the logits of the token after each, [batch, time, vocabulary].
  func callAsFunction(_ tokens: IndexTensor, _ context: Context) -> Tensor
  /// The longest sequence that it takes, in tokens.
  var longestSequence: Int { get }
  /// The number of different tokens.
  var vocabulary: Int { get }
  /// A cache with room for `capacity` tokens; nil for a model that has none.
  func makeCache(_ capacity: Int) -> KeyValueCache?
  /// The logits of the token after the last one, of shape [vocabulary]; with a cache, of tokens that
  /// follow those it holds, and are added to it.
  func nextLogits(_ tokens: [Int32], _ cache: KeyValueCache?) -> Tensor
}

extension CausalLanguageModel {
  /// None.
  public func makeCache(_ capacity: Int) -> KeyValueCache? { nil }

  /// From those of all positions.
  public func nextLogits(_ tokens: [Int32], _ cache: KeyValueCache?) -> Tensor {
    let y = self(IndexTensor(shape: [1, tokens.count], scalars: tokens), .inference)
    return y.narrowed(1, tokens.count - 1..<tokens.count).reshapedDetached([y.shape[2]])
  }

  /// Continues a text, token by token.
  ///
  /// Up to the longest sequence a token costs one step with the model's cache; beyond it the last tokens
  /// that fit are read again for each.
  ///
  /// - Parameters:
  ///   - prompt: At least one token; of more than the longest sequence, the last ones count.
  ///   - count: The number of tokens to add.
  ///   - sampling: How each is chosen.
  ///   - random: The random numbers to choose with.
  ///   - body: Receives every token; generation ends when it returns false.
  /// - Returns: The new tokens.
  /// - Throws: `ModelError` when the prompt is empty or has a token outside the vocabulary, and when
  ///   no token is the likeliest, because logits are NaN or all of them infinite.
  @discardableResult
  public func generate(
    _ prompt: [Int32], count: Int, sampling: Sampling = Sampling(), random: inout RandomStream,
    _ body: (Int32) -> Bool = { _ in true }
  ) throws(ModelError) -> [Int32] {
    guard !prompt.isEmpty else { throw .emptyPrompt }
    for id in prompt where id < 0 || id >= vocabulary {
      throw .tokenOutside(Int(id), vocabulary: vocabulary)
    }
    var sequence = prompt
    let longest = longestSequence
    // A cache would hold other positions than those of the last tokens.
    let cache =
      prompt.count < longest
      ? makeCache(min(longest, prompt.count + min(count, longest))) : nil
    var unread = Array(prompt.suffix(longest))
    for _ in 0..<count {
      let logits: Tensor
      if let cache, cache.count + unread.count <= cache.capacity {
        logits = nextLogits(unread, cache)
      } else {
        logits = nextLogits(Array(sequence.suffix(longest)), nil)
      }
      let next = try sampling.choose(logits.scalars, random: &random)
      sequence.append(next)
      unread = [next]
      if !body(next) { break }
    }
    return Array(sequence.dropFirst(prompt.count))
  }
}

/// How the next token is chosen from a model's logits.
public struct Sampling: Sendable, Equatable {
  /// What logits are divided by; 0 always takes the most likely token.
  public var temperature: Double
  /// The number of most likely tokens to choose from; nil for all.
  public var top: Int?
  /// The probability that the most likely tokens to choose from have together, at least (nucleus
  /// sampling); nil for all. Holtzman et al., 2019, arXiv:1904.09751.
  public var mass: Double?
  /// How many tokens there are to choose from, the first ones; nil for all that the model knows. A model
  /// may have room for more tokens than its tokenizer has.
  public var vocabulary: Int?

  /// A choice by the model's probabilities, unless told otherwise.
  public init(temperature: Double = 1, top: Int? = nil, mass: Double? = nil) {
    (self.temperature, self.top, self.mass) = (temperature, top, mass)
  }

  /// Draws a token with a probability proportional to exp(logit / temperature).
  ///
  /// - Throws: `ModelError.notFinite` when no token is the likeliest.
  public func choose(
    _ logits: [Float], random: inout RandomStream
  ) throws(ModelError) -> Int32 {
    let logits = vocabulary.map { Array(logits.prefix($0)) } ?? logits
    // Minus infinity is a token that never comes.
    guard let likeliest = logits.indices.max(by: { logits[$0] < logits[$1] }),
      logits[likeliest].isFinite, !logits.contains(where: \.isNaN)
    else { throw .notFinite }
    if temperature <= 0 { return Int32(logits.firstIndex(of: logits[likeliest]) ?? likeliest) }
    let largest = logits[likeliest]
    var tokens = top.map { Self.likeliest($0, of: logits) } ?? Array(logits.indices)
    var weights = Tensor(
      shape: [tokens.count],
      scalars: tokens.map { (logits[$0] - largest) / Float(temperature) }
    ).exp().scalars
    if let mass { Self.keep(Float(mass), of: &tokens, &weights) }
    var rest = random.uniform() * weights.reduce(0, +)
    for (token, weight) in zip(tokens, weights) {
      rest -= weight
      if rest < 0 { return Int32(token) }
    }
    return Int32(likeliest)
  }

  /// The `count` most likely tokens; of equally likely ones the first.
  private static func likeliest(_ count: Int, of logits: [Float]) -> [Int] {
    guard count < logits.count else { return Array(logits.indices) }
    var best: [Int] = []
    for (token, logit) in logits.enumerated() {
      if best.count == max(1, count) {
        if logit <= logits[best[best.count - 1]] { continue }
        best.removeLast()
      }
      let place = best.lastIndex { logits[$0] >= logit }.map { $0 + 1 } ?? 0
      best.insert(token, at: place)
    }
    return best
  }

  /// Keeps the fewest tokens whose weights make up a share of the sum.
  private static func keep(_ mass: Float, of tokens: inout [Int], _ weights: inout [Float]) {
    let sum = weights.reduce(0, +)
    // All weights below this one together are not the share that may be left out.
    let least = (1 - mass) * sum / Float(weights.count)
    let order = weights.indices.filter { weights[$0] >= least }
      .sorted { (weights[$1], $0) < (weights[$0], $1) }
    var rest = mass * sum
    let count = order.prefix { place in
      defer { rest -= weights[place] }
      return rest > 0
    }.count
    let kept = order.prefix(max(1, count))
    (tokens, weights) = (kept.map { tokens[$0] }, kept.map { weights[$0] })
  }
}
