import Descent

/// GaLore: Adam's averages are kept of gradients that are projected to a few directions, with the
/// projection. Descent does not train with it; its bytes are for comparison.
///
/// Zhao et al.: GaLore: Memory-Efficient LLM Training by Gradient Low-Rank Projection, 2024,
/// arXiv:2403.03507, table 1: m·r for the projection and 2·n·r for the averages of an m×n matrix with
/// m ≤ n. What is no matrix, embeddings and heads have AdamW's two numbers a weight.
package enum LowRankGradients {
  static let source = "Zhao et al., 2024, arXiv:2403.03507"

  /// The numbers of state.
  package static func count(_ parameters: [ParameterInfo], rank: Int) -> Int {
    parameters.reduce(0) { sum, parameter in
      guard parameter.trainable else { return sum }
      guard parameter.role == .matrix, parameter.shape.count == 2, let m = parameter.shape.min(),
        let n = parameter.shape.max(), rank < m
      else { return sum + 2 * parameter.count }
      return sum + rank * (m + 2 * n)
    }
  }
}
