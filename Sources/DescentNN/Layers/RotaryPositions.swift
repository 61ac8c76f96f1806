internal import DescentCompute

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// The angles of rotary position embedding: θ = position·frequency, one frequency for each pair of a
/// head's features.
///
/// ```
/// frequencyᵢ = base^(−2i/d)        i < d/2
/// ```
///
/// A scaling changes the frequencies for contexts longer than a model was first trained on.
public struct RotaryPositions: Sendable, Equatable {
  /// How frequencies are changed for longer contexts; the names are those of `rope_type` in a
  /// `config.json`.
  public enum Scaling: Sendable, Equatable {
    /// Not at all: `default`.
    case none
    /// All are divided by a factor: `linear`.
    case linear(factor: Double)
    /// The base grows with sequences longer than `context`: `dynamic` (NTK-aware).
    case dynamic(factor: Double, context: Int)
    /// Low frequencies are divided, high ones kept, those between interpolated, and cosines and sines
    /// multiplied by `attention`: `yarn`. Peng et al., 2023, arXiv:2309.00071.
    case yarn(
      factor: Double, context: Int, fast: Double, slow: Double, attention: Double, truncates: Bool)
    /// As in Llama 3.1, by wavelengths: `llama3`.
    case llama3(factor: Double, context: Int, low: Double, high: Double)
  }

  /// The features of a head, d.
  public let headSize: Int
  /// The base of the frequencies; 10,000 in the paper.
  public let base: Double
  /// The scaling.
  public let scaling: Scaling

  /// Positions for heads of an even size.
  public init(headSize: Int, base: Double = 10_000, scaling: Scaling = .none) {
    (self.headSize, self.base, self.scaling) = (headSize, base, scaling)
  }

  /// The context that a dynamic scaling begins after; nil for others.
  var trainedContext: Int? {
    if case .dynamic(_, let context) = scaling { context } else { nil }
  }

  /// cos θ and sin θ of some positions in a sequence that ends with them, each of shape
  /// [positions, d/2].
  public func angles(of positions: Range<Int>) -> (cosines: Tensor, sines: Tensor) {
    let frequencies = frequencies(length: positions.upperBound)
    let shape = [positions.count, frequencies.count]
    var (cosines, sines) = (Tensor(uninitialized: shape), Tensor(uninitialized: shape))
    let (cs, ss) = (cosines.mutableElements(), sines.mutableElements())
    let attention = attention
    inRows(of: positions.count, 16 * frequencies.count) { rows in
      for r in rows {
        let position = Float(positions.lowerBound + r)
        for (i, frequency) in frequencies.enumerated() {
          let angle = position * frequency
          cs[r * frequencies.count + i] = cosf(angle) * attention
          ss[r * frequencies.count + i] = sinf(angle) * attention
        }
      }
    }
    return (cosines, sines)
  }

  private var attention: Float {
    if case .yarn(_, _, _, _, let attention, _) = scaling { Float(attention) } else { 1 }
  }

  /// In float32, in the order of the reference's operations.
  func frequencies(length: Int) -> [Float] {
    switch scaling {
    case .none: return frequencies(base)
    case .linear(let factor): return frequencies(base).map { $0 / Float(factor) }
    case .dynamic(let factor, let context):
      guard length > context else { return frequencies(base) }
      let growth = factor * Double(length) / Double(context) - (factor - 1)
      let d = Double(headSize)
      return frequencies(base * pow(growth, d / (d - 2)))
    case .yarn(let factor, let context, let fast, let slow, _, let truncates):
      return yarn(factor, context, fast, slow, truncates)
    case .llama3(let factor, let context, let low, let high):
      return frequencies(base).map { frequency in
        let wavelength = 2 * Double.pi / Double(frequency)
        if wavelength < Double(context) / high { return frequency }
        if wavelength > Double(context) / low { return frequency / Float(factor) }
        let smooth = Float((Double(context) / wavelength - low) / (high - low))
        return (1 - smooth) * frequency / Float(factor) + smooth * frequency
      }
    }
  }

  private func frequencies(_ base: Double) -> [Float] {
    (0..<headSize / 2).map { 1 / powf(Float(base), Float(2 * $0) / Float(headSize)) }
  }

  private func yarn(
    _ factor: Double, _ context: Int, _ fast: Double, _ slow: Double, _ truncates: Bool
  ) -> [Float] {
    let d = Double(headSize)
    // The feature that turns so many times within the context.
    func feature(_ turns: Double) -> Double {
      d * log(Double(context) / (turns * 2 * .pi)) / (2 * log(base))
    }
    var (low, high) = (feature(fast), feature(slow))
    if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, d - 1))
    if low == high { high += 0.001 }
    return (0..<headSize / 2).map { i in
      let turned = powf(Float(base), Float(2 * i) / Float(headSize))
      let (kept, divided) = (1 / turned, 1 / (Float(factor) * turned))
      let share = 1 - min(max((Float(i) - Float(low)) / Float(high - low), 0), 1)
      return divided * (1 - share) + kept * share
    }
  }
}
