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
/// - values down to 2⁻³¹ of the scale, which k = 10⁴ reaches at the first step and k = 10⁶ later,
///   and the least of them for whatever is smaller but not 0: v is never 0 where m is not;
/// - a number between two values a and b becomes b for a share (x − a)/(b − a) of the steps, so that
///   the mean over steps is x and small changes add up.
///
/// Averages of either sign move by a tenth a step and divide nothing, and the largest of what came is
/// set anew: there the nearest value is closest.
///
/// How many values an octave has weighs the steady case, where v lies in the first octave and m in
/// the first three, against spikes of 10 to 10³, after which v lies 7 to 20 octaves down and m 3 to
/// 10. The upper half of the first octave of m has half the density of the lower: of 256 normal
/// numbers a handful lie there. The tests of spikes compare both with the dynamic map.
/// Both maps contain ±1, so that coding what was decoded changes nothing.
public enum TaperedMap {
  /// The values for numbers of either sign.
  public static var signed: [Float] { signedBook.values }
  /// The values for numbers that are never negative.
  public static var unsigned: [Float] { unsignedBook.values }

  static let signedBook = Codebook(
    segments([
      (0.75, 16), (0.5, 32), (0x1p-4, 16), (0x1.8p-8, 8), (0x1p-11, 4), (0x1p-14, 2), (0x1p-20, 1),
    ]), signed: true, alternates: false)
  static let unsignedBook = Codebook(unsignedSegments, signed: false, alternates: true)
  static let largestBook = Codebook(unsignedSegments, signed: false, alternates: false)
  private static let unsignedSegments = segments([
    (0.5, 64), (0x1p-3, 32), (0x1p-7, 16), (0x1p-10, 8), (0x1p-14, 4), (0x1p-19, 2), (0x1p-31, 1),
  ])

  /// From 1 down, each to its end, with that many steps an octave.
  private static func segments(_ list: [(end: Float, steps: Int)]) -> [Codebook.Segment] {
    list.map { Codebook.Segment(end: $0.end, steps: $0.steps) }
  }
}
