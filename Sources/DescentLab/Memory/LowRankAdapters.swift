import Descent
public import DescentTraining

/// LoRA: every matrix W it is applied to stays as it is, and B·A is added, with A of r rows and B of r
/// columns, which alone are trained.
///
/// Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models, 2021, arXiv:2106.09685. Dettmers et
/// al.: QLoRA, 2023, arXiv:2305.14314 (4-bit weights).
public struct LowRankAdapters: Sendable, Equatable {
  /// r, the rank.
  public let rank: Int
  /// The bits in which frozen weights are kept.
  public let baseBits: Int
  /// What the name of a matrix contains that is adapted; empty is all but embeddings and heads.
  public let targets: [String]

  /// Adapters.
  ///
  /// - Throws: that a number is out of range.
  public init(rank: Int, baseBits: Int = 16, targets: [String] = []) throws(RecipeError) {
    var problems: [String] = []
    if !(1...65_536 ~= rank) {
      problems.append("--lora must be a rank from 1 to 65,536, such as 16")
    }
    if ![32, 16, 8, 4].contains(baseBits) {
      problems.append("--base-bits must be 32, 16, 8 or 4")
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    (self.rank, self.baseBits, self.targets) = (rank, baseBits, targets)
  }

  /// The frozen model, and the adapters of its matrices.
  ///
  /// - Throws: that nothing is adapted.
  func adapting(_ parameters: [ParameterInfo]) throws(RecipeError) -> [ParameterInfo] {
    let chosen = parameters.filter { parameter in
      parameter.shape.count == 2 && parameter.shape.allSatisfy { $0 > 0 }
        && (targets.isEmpty
          ? parameter.role == .matrix : targets.contains { parameter.name.contains($0) })
    }
    guard !chosen.isEmpty else {
      throw RecipeError(problems: [
        targets.isEmpty
          ? "the model has no matrices to adapt: leave out --lora"
          : "no matrix has \(targets.map { "'\(quotable($0))'" }.joined(separator: " or ")) in its "
            + "name: give other --lora-targets"
      ])
    }
    let frozen = parameters.map {
      ParameterInfo($0.name, shape: $0.shape, role: $0.role, trainable: false)
    }
    return frozen
      + chosen.flatMap { parameter -> [ParameterInfo] in
        let name =
          parameter.name.hasSuffix(".weight") ? parameter.name.dropLast(7) : parameter.name[...]
        return [
          ParameterInfo("\(name).lora_A.weight", shape: [rank, parameter.shape[1]], role: .matrix),
          ParameterInfo("\(name).lora_B.weight", shape: [parameter.shape[0], rank], role: .matrix),
        ]
      }
  }

  /// What frozen tensors take. In 8 bits, embeddings, heads and vectors stay in 16, and each row of a
  /// matrix has a float32 scale; in 4 bits likewise, and 64 weights share a scale that is itself kept
  /// in 8 bits: 0.127 bits a weight.
  func baseBytes(_ parameters: [ParameterInfo]) -> Int {
    parameters.reduce(0) { sum, parameter in
      guard !parameter.trainable else { return sum }
      let count = parameter.count
      let isPacked = baseBits < 16 && parameter.role == .matrix
      switch isPacked ? baseBits : max(16, baseBits) {
      case 4: return sum + (count + 1) / 2 + (count + 63) / 64 + 4 * ((count + 16_383) / 16_384)
      case 8: return sum + count + 4 * (parameter.shape.first ?? 1)
      case let bits: return sum + bits / 8 * count
      }
    }
  }
}
