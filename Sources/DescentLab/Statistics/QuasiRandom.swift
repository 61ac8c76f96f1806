import DescentCompute
import Foundation

/// Points that fill a cube more evenly than random ones, as many as are wanted: the additive recurrence
/// on powers of the generalized golden ratio (Roberts, 2018), shifted by a seed.
///
/// ```
/// xₙ = frac(u + n·α),  αᵢ = φ⁻ⁱ,  φ the root above 1 of φᵈ⁺¹ = φ + 1
/// ```
/// Each coordinate by itself is even, too, however few points there are.
public struct QuasiRandom: Sendable {
  private let steps: [Double]
  private let shift: [Double]

  /// In `dimensions` dimensions.
  public init(dimensions: Int, seed: UInt64) {
    var ratio = 2.0
    for _ in 0..<100 { ratio = pow(1 + ratio, 1 / Double(dimensions + 1)) }
    steps = (0..<dimensions).map { pow(ratio, -Double($0 + 1)) }
    var random = RandomStream(seed: seed, stream: 0x5EA2C4)
    shift = steps.map { _ in Double(random.next() >> 11) * 0x1p-53 }
  }

  /// The point with a number, from 0; its coordinates are in 0 ..< 1.
  public subscript(_ number: Int) -> [Double] {
    zip(shift, steps).map { shift, step in
      let x = shift + Double(number + 1) * step
      return x - x.rounded(.down)
    }
  }
}
