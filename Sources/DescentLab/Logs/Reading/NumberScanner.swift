import Foundation

/// Numbers as texts write them, read from bytes.
///
/// Up to 19 digits and powers of ten to 10¹⁹ are rounded here, exactly; what is beyond goes to the C
/// library, so the result is always that of `Double(String)`.
package enum NumberScanner {
  /// Reads the number that begins at `index`, and moves there past it.
  ///
  /// - Parameters:
  ///   - end: where the text ends.
  ///   - point: what stands before decimals.
  /// - Returns: nil where no number begins, and `index` stays.
  @inline(__always)
  package static func number(
    _ text: Span<UInt8>, _ index: inout Int, end: Int, point: UInt8 = 0x2E
  ) -> Double? {
    let start = index
    var i = start
    var (digits, mantissa, exponent, isWhole) = (0, UInt64(0), 0, true)
    var isNegative = false
    if i < end, text[i] == 0x2D || text[i] == 0x2B {
      isNegative = text[i] == 0x2D
      i += 1
    }
    let first = i
    while i < end {
      let digit = text[i] &- 0x30
      if digit > 9 { break }
      if mantissa < 1_000_000_000_000_000_000 {
        mantissa = mantissa &* 10 &+ UInt64(digit)
      } else {
        (exponent, isWhole) = (exponent + 1, isWhole && digit == 0)
      }
      i += 1
    }
    digits = i - first
    if i < end, text[i] == point {
      i += 1
      let decimals = i
      while i < end {
        let digit = text[i] &- 0x30
        if digit > 9 { break }
        if mantissa < 1_000_000_000_000_000_000 {
          mantissa = mantissa &* 10 &+ UInt64(digit)
          exponent -= 1
        } else if digit != 0 {
          isWhole = false
        }
        i += 1
      }
      digits += i - decimals
    }
    if digits == 0 {
      return word(text, &index, end: end)
    }
    if i < end, text[i] | 0x20 == 0x65 {
      var (j, sign, power, any) = (i + 1, 1, 0, false)
      if j < end, text[j] == 0x2D || text[j] == 0x2B {
        sign = text[j] == 0x2D ? -1 : 1
        j += 1
      }
      while j < end {
        let digit = text[j] &- 0x30
        if digit > 9 { break }
        power = min(power * 10 + Int(digit), 100_000)
        any = true
        j += 1
      }
      if any { (exponent, i) = (exponent + sign * power, j) }
    }
    index = i
    if isWhole, let x = rounded(mantissa, exponent) { return isNegative ? -x : x }
    return slow(text, start..<i, point)
  }

  /// The number that all of a text says; nil for another text.
  static func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Double? {
    var index = range.lowerBound
    let x = number(text, &index, end: range.upperBound)
    return index == range.upperBound ? x : nil
  }

  /// The double nearest to `mantissa`·10^`exponent`; nil where the powers of the table do not reach.
  static func rounded(_ mantissa: UInt64, _ exponent: Int) -> Double? {
    if mantissa == 0 { return 0 }
    // Both are exact, so one operation rounds once.
    if mantissa < 1 << 53 {
      if exponent == 0 { return Double(mantissa) }
      if exponent < 0, exponent >= -22 { return Double(mantissa) / powersOfTen[-exponent] }
      if exponent > 0, exponent <= 22 { return Double(mantissa) * powersOfTen[exponent] }
    }
    guard (-19...19).contains(exponent) else { return nil }
    let zeros = mantissa.leadingZeroBitCount
    if exponent < 0 {
      let power = wholePowersOfTen[-exponent]
      let shift = power.leadingZeroBitCount
      // The quotient has 63 or 64 bits; what is left says which side of a half it lies on.
      let (high, low) = ((mantissa << UInt64(zeros)) >> 1, (mantissa << UInt64(zeros)) << 63)
      let (quotient, rest) = (power << UInt64(shift)).dividingFullWidth((high, low))
      return rounded(
        quotient, isMore: rest != 0, exponent: shift - zeros - 63)
    }
    let (high, low) = (mantissa << UInt64(zeros)).multipliedFullWidth(
      by: wholePowersOfTen[exponent])
    if high == 0 { return rounded(low, isMore: false, exponent: -zeros) }
    let up = UInt64(high.leadingZeroBitCount)
    let top = up == 0 ? high : high << up | low >> (64 - up)
    return rounded(top, isMore: low << up != 0, exponent: 64 - zeros - Int(up))
  }

  /// `bits`·2^`exponent` and a little where `isMore`, rounded to even.
  private static func rounded(_ bits: UInt64, isMore: Bool, exponent: Int) -> Double {
    let zeros = UInt64(bits.leadingZeroBitCount)
    let bits = bits << zeros
    var top = bits >> 11
    let rest = bits & 0x7FF
    if rest > 0x400 || (rest == 0x400 && (isMore || top & 1 == 1)) { top += 1 }
    return scalbn(Double(top), exponent + 11 - Int(zeros))
  }

  private static let powersOfTen: [Double] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
  ]
  private static let wholePowersOfTen: [UInt64] = (0...19).map { power in
    (0..<power).reduce(1) { product, _ in product * 10 }
  }

  private static func slow(_ text: Span<UInt8>, _ range: Range<Int>, _ point: UInt8) -> Double {
    Double(string(text, range).replacing(String(Unicode.Scalar(point)), with: ".")) ?? .nan
  }

  /// `nan`, `inf` and `infinity` in any case, with a sign.
  private static func word(_ text: Span<UInt8>, _ index: inout Int, end: Int) -> Double? {
    var i = index
    var sign = 1.0
    if i < end, text[i] == 0x2D || text[i] == 0x2B {
      sign = text[i] == 0x2D ? -1 : 1
      i += 1
    }
    for (name, value) in words {
      if i + name.count <= end, name.indices.allSatisfy({ text[i + $0] | 0x20 == name[$0] }) {
        index = i + name.count
        return sign * value
      }
    }
    return nil
  }

  private static let words: [([UInt8], Double)] = [
    (Array("infinity".utf8), .infinity), (Array("inf".utf8), .infinity), (Array("nan".utf8), .nan),
  ]

  /// A part of the text, what is not UTF-8 replaced.
  static func string(_ text: Span<UInt8>, _ range: Range<Int>) -> String {
    unsafe text.extracting(range).withUnsafeBufferPointer {
      unsafe String(decoding: $0, as: UTF8.self)
    }
  }
}
