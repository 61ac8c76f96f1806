import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

/// A model that gives each token a fixed probability, whatever comes before, and notes what it is
/// asked.
final class FixedModel: CausalLanguageModel {
  let logits: [Float]
  var windows: [(inputs: [Int32], shape: [Int])] = []
  var members: [Member] { [] }
  let longestSequence = 1024
  var vocabulary: Int { logits.count }

  init(_ probabilities: [Float]) { logits = probabilities.map { Foundation.log($0) } }

  func callAsFunction(_ tokens: IndexTensor, _ context: Context) -> Tensor {
    windows.append((tokens.scalars, tokens.shape))
    return Tensor(
      shape: tokens.shape + [logits.count], scalars: tokens.scalars.flatMap { _ in logits })
  }
}

@Suite("Evaluation of texts") struct TextEvaluationTests {
  /// Windows by their shapes, for texts of so many tokens.
  struct Windows: Sendable {
    let tokens, context, batch: Int
    let shapes: [[Int]]
  }

  @Test(
    "windows follow one another, the last is shorter, and each token but the first is a target once",
    arguments: [
      Windows(tokens: 13, context: 4, batch: 2, shapes: [[2, 4], [1, 4]]),
      Windows(tokens: 14, context: 4, batch: 2, shapes: [[2, 4], [1, 4], [1, 1]]),
      Windows(tokens: 12, context: 4, batch: 8, shapes: [[2, 4], [1, 3]]),
      Windows(tokens: 5, context: 4, batch: 3, shapes: [[1, 4]]),
      Windows(tokens: 4, context: 100, batch: 3, shapes: [[1, 3]]),
      Windows(tokens: 2, context: 1, batch: 1, shapes: [[1, 1]]),
      Windows(tokens: 4, context: 1, batch: 2, shapes: [[2, 1], [1, 1]]),
    ])
  func windows(_ expected: Windows) throws {
    let probabilities: [Float] = [0.5, 0.25, 0.125, 0.125]
    let model = FixedModel(probabilities)
    var random = RandomStream(seed: 3, stream: 0)
    let text = (0..<expected.tokens).map { _ in Int32(random.integer(below: 4)) }
    let found = try TextEvaluation(
      of: model, on: text, context: expected.context, batch: expected.batch)
    #expect(model.windows.map(\.shape) == expected.shapes)
    // What goes in, window after window, is the text without its last token.
    #expect(model.windows.flatMap(\.inputs) == Array(text.dropLast()))
    #expect(found.tokens == expected.tokens - 1)
    let bits = text.dropFirst().map { -Foundation.log(Double(probabilities[Int($0)])) }
    let mean = bits.reduce(0, +) / Double(bits.count)
    #expect(abs(found.loss - mean) < 1e-6)
    #expect(abs(found.perplexity - exp(mean)) < 1e-5)
  }

  @Test("a network predicts each token from those before it in its window alone") func network()
    throws
  {
    var random = RandomStream(seed: 1, stream: 0)
    let model = try GPT(
      layers: 1, heads: 2, width: 16, context: 8, vocabulary: 11, random: &random)
    let text = (0..<45).map { _ in Int32(random.integer(below: 11)) }
    var sum = 0.0
    for target in 1..<text.count {
      let start = (target - 1) / 8 * 8
      let before = Array(text[start..<target])
      let logits = model(IndexTensor(shape: [1, before.count], scalars: before), .inference)
        .scalars.suffix(11).map(Double.init)
      let largest = logits.max() ?? 0
      let logSum = largest + log(logits.reduce(0) { $0 + exp($1 - largest) })
      sum += logSum - logits[Int(text[target])]
    }
    for batch in [1, 3, 64] {
      let found = try TextEvaluation(of: model, on: text, context: 8, batch: batch)
      #expect(abs(found.loss - sum / 44) < 1e-5 && found.tokens == 44)
    }
  }

  @Test("texts without a token to predict are refused, and losses that are no numbers") func bad() {
    let model = FixedModel([0.5, 0.5])
    for (text, context, part) in [
      ([], 4, "a text without tokens leaves nothing to predict"),
      ([0], 4, "a text of one token leaves nothing to predict"), ([0, 1], 0, "a context of 0"),
    ] as [([Int32], Int, String)] {
      let error = #expect(throws: DataError.self) {
        try TextEvaluation(of: model, on: text, context: context, batch: 1)
      }
      #expect(error.map { "\($0)".hasPrefix(part) } == true)
    }
    let broken = FixedModel([.nan, 0.5])
    #expect(throws: ModelError.notFinite) {
      try TextEvaluation(of: broken, on: [0, 1], context: 4, batch: 1)
    }
  }
}
