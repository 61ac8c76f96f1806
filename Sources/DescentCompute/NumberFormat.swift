/// A format of floating-point numbers. Values of all formats are computed with as `Float`: numbers of
/// a 16-bit format are floats that lie on its grid.
public enum NumberFormat: String, Sendable, CaseIterable {
  /// 8 bits of exponent, 24 of significand.
  case float32
  /// 8 bits of exponent, 8 of significand: the range of float32 in three digits.
  case bfloat16
  /// 5 bits of exponent, 11 of significand: above 65504 comes infinity.
  case float16

  /// u: rounding changes a number by at most u times itself, where the format has normal numbers.
  public var unitRoundoff: Double {
    switch self {
    case .float32: 0x1p-24
    case .bfloat16: 0x1p-8
    case .float16: 0x1p-11
    }
  }

  /// The largest finite number.
  public var largest: Float {
    switch self {
    case .float32: .greatestFiniteMagnitude
    case .bfloat16: 0x1.FEp127
    case .float16: 65504
    }
  }

  /// The nearest number of the format, of two equally near the one with an even significand; beyond
  /// the largest comes infinity.
  public func nearest(to x: Float) -> Float {
    var x = x
    unsafe withUnsafeMutablePointer(to: &x) {
      let x = unsafe MutableView($0, count: 1)
      Kernels.round(x.reading, to: self, x)
    }
    return x
  }
}
