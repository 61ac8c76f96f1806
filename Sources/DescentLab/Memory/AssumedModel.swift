import Descent
import DescentTraining
import Foundation

/// The tensors of a transformer with a given number of parameters, where nothing else is known of it:
/// blocks of width d with 4·d² weights for attention and about 8·d² for a gated perceptron, d/128 of
/// them, two norms each, and a vocabulary of at most 32,000 in an embedding and a head.
struct AssumedModel {
  /// The tensors, as many weights in all as were asked for.
  let parameters: [ParameterInfo]
  let layers: Int
  let width: Int
  let hidden: Int
  let vocabulary: Int

  /// More parameters are refused: bytes of state would be beyond what is counted.
  static let most = 10_000_000_000_000

  init(parameters count: Int) throws(RecipeError) {
    guard count > 0, count <= Self.most else {
      throw RecipeError(problems: [
        "--parameters must be from 1 to 1e13, such as 7e9, 7B or 125M"
      ])
    }
    func vocabulary(_ width: Int) -> Int { min(32_000, 16 * width) }
    func layers(_ width: Int) -> Int { max(1, Int((Double(width) / 128).rounded())) }
    // The widest whose blocks and vocabulary fit; the perceptrons take what is left.
    func size(_ width: Int) -> Double {
      let (d, n) = (Double(width), Double(layers(width)))
      return n * (11.5 * d * d + 2 * d) + 2 * Double(vocabulary(width)) * d + d
    }
    var d = 16
    while size(d + Self.step(d)) <= Double(count) { d += Self.step(d) }
    guard size(d) <= Double(count) else {
      // Too few for a transformer: one matrix, and what is left beside it.
      let side = Int(Double(count).squareRoot())
      parameters =
        [
          ParameterInfo("weight", shape: [side, count / side], role: .matrix)
        ] + Self.rest(count - side * (count / side))
      (self.layers, width, hidden, self.vocabulary) = (0, side, 0, 0)
      return
    }
    let (n, v) = (layers(d), vocabulary(d))
    let outside = 2 * v * d + d
    let hidden = (count - outside - n * (4 * d * d + 2 * d)) / (3 * n * d)
    var all = [ParameterInfo("embed_tokens.weight", shape: [v, d], role: .embedding)]
    for layer in 0..<n {
      let block = "layers.\(layer)."
      all += ["q", "k", "v", "o"].map {
        ParameterInfo("\(block)self_attn.\($0)_proj.weight", shape: [d, d], role: .matrix)
      }
      all += [("gate", [hidden, d]), ("up", [hidden, d]), ("down", [d, hidden])].map {
        ParameterInfo("\(block)mlp.\($0)_proj.weight", shape: $1, role: .matrix)
      }
      all += ["input_layernorm", "post_attention_layernorm"].map {
        ParameterInfo("\(block)\($0).weight", shape: [d], role: .norm)
      }
    }
    all.append(ParameterInfo("norm.weight", shape: [d], role: .norm))
    all.append(ParameterInfo("lm_head.weight", shape: [v, d], role: .head))
    parameters = all + Self.rest(count - all.reduce(0) { $0 + $1.count })
    (self.layers, width, self.hidden, self.vocabulary) = (n, d, hidden, v)
  }

  /// Widths are multiples of what is customary for their size.
  private static func step(_ width: Int) -> Int { width < 256 ? 16 : width < 1024 ? 64 : 128 }

  private static func rest(_ count: Int) -> [ParameterInfo] {
    count == 0 ? [] : [ParameterInfo("remainder", shape: [count], role: .other)]
  }

  /// Its sizes; nil where it is too small for a transformer.
  var shape: TransformerShape? {
    layers == 0 ? nil : TransformerShape(layers: layers, width: width, vocabulary: vocabulary)
  }

  /// What was assumed.
  var sentence: String {
    layers == 0
      ? "Only the number of parameters is known: they are counted as a matrix."
      : "Only the number of parameters is known, so the shapes are assumed to be those of a "
        + "transformer: \(counted(layers, "block")) of width \(grouped(width)), a gated perceptron of "
        + "\(grouped(hidden)), and a vocabulary of \(grouped(vocabulary)) in an embedding and a head."
  }
}

extension MemorySubject {
  /// A model of which the number of parameters is known.
  ///
  /// - Parameters:
  ///   - text: `7e9`, `7B`, `125M`, `7_000_000_000`.
  ///   - batch: examples and tokens in each, whose activations are counted too; nil leaves them out.
  /// - Throws: a sentence for what is no count.
  public init(parameters text: String, batch: TokenBatch? = nil) throws(RecipeError) {
    guard let count = Self.count(text) else {
      throw RecipeError(problems: [
        "--parameters \(quotable(text)) is not a number of parameters: give one from 1 to 1e13, such "
          + "as 7e9, 7B or 125M"
      ])
    }
    let model = try AssumedModel(parameters: count)
    self.init(
      counted(count, "parameter"), model.parameters,
      .arithmetic(.init(model.shape, batch)),
      notes: [model.sentence])
  }

  /// A whole number of parameters, with a suffix for thousands, millions, billions or trillions.
  package static func count(_ text: String) -> Int? {
    var digits = text.replacing("_", with: "").replacing(",", with: "")
    let suffixes: [(Character, Double)] = [
      ("k", 1e3), ("m", 1e6), ("b", 1e9), ("g", 1e9), ("t", 1e12),
    ]
    var factor = 1.0
    if let last = digits.last?.lowercased().first,
      let suffix = suffixes.first(where: { $0.0 == last })
    {
      factor = suffix.1
      digits.removeLast()
    }
    guard digits.first?.isNumber == true || digits.first == ".", !digits.contains("x"),
      let number = Double(digits)
    else { return nil }
    let count = (number * factor).rounded()
    // Half a parameter is a mistake; of 1.23456M the last digits are not.
    if factor == 1, count != number { return nil }
    guard count >= 1, count <= Double(AssumedModel.most) else { return nil }
    return Int(count)
  }
}

/// A micro-batch of tokens on one device.
public struct TokenBatch: Sendable, Equatable {
  /// Examples.
  public let examples: Int
  /// Tokens in each.
  public let context: Int

  /// A micro-batch.
  ///
  /// - Throws: that a number is out of range.
  public init(examples: Int, context: Int) throws(RecipeError) {
    guard 1...1_000_000 ~= examples, 1...100_000_000 ~= context else {
      throw RecipeError(problems: [
        "--batch must be from 1 to 1,000,000 examples, and --context from 1 to 100,000,000 tokens"
      ])
    }
    (self.examples, self.context) = (examples, context)
  }

  /// What a transformer keeps for its backward pass in 16 bits, with attention that does not keep its
  /// matrix: 34 bytes for a token and a number of the width in each block (Korthikanti et al., 2022,
  /// arXiv:2205.05198, section 4), and float32 logits with their gradient. With recomputation each
  /// block keeps its input, 2 bytes, and one at a time all it needs (the same, section 5).
  func activationBytes(_ shape: TransformerShape, recomputes: Bool) -> Int {
    let tokens = Double(examples) * Double(context)
    let layers = Double(shape.layers)
    let block = recomputes ? 2 * layers + 34 : 34 * layers
    return Int(min(tokens * (block * Double(shape.width) + 8 * Double(shape.vocabulary)), 0x1p60))
  }
}
