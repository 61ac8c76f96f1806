import DescentCompute

/// The dynamic map of 8-bit state: 256 values in [−1, 1] whose steps grow with their magnitude.
///
/// For each decade i = 0...6 of (10^(i−7), 10^(i−6)], nᵢ values, the middles of as many equal parts
/// of it; nᵢ = 2ⁱ for the signed map, which has their negatives too, and 2ⁱ⁺¹ for the unsigned;
/// then 0 and 1. All in float32, as bitsandbytes' `create_dynamic_map` makes them:
///
/// ```
/// q = (bⱼ + bⱼ₊₁)/2 · 10^(i−6)     b: nᵢ + 1 points from 0.1 to 1
/// ```
///
/// Dettmers: 8-Bit Approximations for Parallelism in Deep Learning, 2015, arXiv:1511.04561.
public enum DynamicMap {
  /// The signed map, for moments of either sign; −1 is not one of its values.
  public static let signed = values(signed: true)
  /// The unsigned map, for what is never negative.
  public static let unsigned = values(signed: false)

  private static func values(signed: Bool) -> [Float] {
    var values: [Float] = [0, 1]
    let decades: [Float] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1]
    for i in decades.indices {
      let n = signed ? 1 << i : 2 << i
      // The points as torch spaces them: from the nearer end, rounded once.
      let step: Float = (1 - 0.1) / Float(n)
      let points = (0...n).map { j in
        j < (n + 1) / 2
          ? Float(0.1).addingProduct(step, Float(j)) : Float(1).addingProduct(-step, Float(n - j))
      }
      for (low, high) in zip(points, points.dropFirst()) {
        let q = (low + high) / 2 * decades[i]
        values += signed ? [q, -q] : [q]
      }
    }
    return values.sorted()
  }

  static let signedNearest = Codebook(signed)
  static let unsignedNearest = Codebook(unsigned)
  static let signedTable = Codebook(signed, rounding: .table)
  static let unsignedTable = Codebook(unsigned, rounding: .table)
}
