import DescentCompute

/// The tapered maps of 8-bit state: values whose relative distance grows as they become smaller.
///
/// What the dynamic map (``DynamicMap``) lacks is range and balance. After a gradient k times as
/// large as those of its block, v of the others is k⁻² of the scale: below 3·10⁻⁷ it has no value
/// but 0, and with v = 0 beside m ≠ 0 a step m/(√v + ε) has no bound; kept at the least value, or at
/// bitsandbytes' 1.6·10⁻⁵, it stops the others for thousands of steps. And an average with β₂ = 0.999
/// changes by less than half the distance of two values a step, so that the nearest value would keep
/// it where it is while the scale decays: √v comes out many times too small. Hence, for v:
///
/// - values down to 2⁻³² of the scale, which k = 10⁴ reaches at the first step and k = 10⁶ later,
///   and the least of them for whatever is smaller but not 0: v is never 0 where m is not;
/// - a number between two values a and b becomes b for a share (x − a)/(b − a) of the steps, so that
///   the mean over steps is x and small changes add up.
///
/// Averages of either sign move by a tenth a step and divide nothing, and the largest of what came is
/// set anew: there the nearest value is closest.
/// Both maps contain ±1, so that coding what was decoded changes nothing.
public enum TaperedMap {
  /// The values for numbers of either sign.
  public static var signed: [Float] { signedBook.values }
  /// The values for numbers that are never negative.
  public static var unsigned: [Float] { unsignedBook.values }

  static let signedBook = Codebook(
    segments([(1, 32), (3, 16), (2, 8), (3, 4), (5, 2), (8, 1)]), signed: true, alternates: false)
  static let unsignedBook = Codebook(unsignedSegments, signed: false, alternates: true)
  static let largestBook = Codebook(unsignedSegments, signed: false, alternates: false)
  private static let unsignedSegments = segments([
    (1, 64), (2, 32), (3, 16), (4, 8), (6, 4), (7, 2), (8, 1),
  ])

  /// Octaves from 1 down, and the steps of each.
  private static func segments(_ list: [(octaves: Int, steps: Int)]) -> [Codebook.Segment] {
    list.map { Codebook.Segment(octaves: $0.octaves, steps: $0.steps) }
  }
}
