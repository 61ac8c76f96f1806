import DescentCompute
import Foundation

/// How a number is written.
public struct NumberStyle: Sendable, Equatable {
  private enum Digits { case significant, decimals }
  private var digits: Digits
  private var count: Int
  private var isPercentage = false
  private var isSigned = false

  private init(_ digits: Digits, _ count: Int) { (self.digits, self.count) = (digits, count) }

  /// So many significant digits, none of them trailing zeros: `0.001`, `2.5e-05`.
  public static func significant(_ count: Int) -> NumberStyle { .init(.significant, count) }

  /// So many decimals: `0.1000`.
  public static func fixed(_ decimals: Int) -> NumberStyle { .init(.decimals, decimals) }

  /// A share as a percentage with so many decimals: 0.125 is `12.5 %`.
  public static func percent(_ decimals: Int) -> NumberStyle {
    var style = fixed(decimals)
    style.isPercentage = true
    return style
  }

  /// The same with a plus sign before positive numbers.
  public var signed: NumberStyle {
    var style = self
    style.isSigned = true
    return style
  }

  /// `x` in this style, with the sign − (U+2212) where it is negative and none where it rounds to
  /// zero; `NaN`, `inf` or `−inf` where it is not finite.
  public func text(_ x: Double) -> String {
    guard x.isFinite else { return x.isNaN ? "NaN" : x > 0 ? "inf" : "−inf" }
    let format = "%\(isSigned ? "+" : "").\(count)\(digits == .significant ? "g" : "f")"
    let text = String(format: format, isPercentage ? 100 * x : x).withSignForPeople
    return text + (isPercentage ? " %" : "")
  }
}

extension String {
  /// The text of a number with − (U+2212) for a leading hyphen, and without a sign where it is zero.
  var withSignForPeople: String {
    guard hasPrefix("-") || hasPrefix("+") else { return self }
    if Double(self) == 0 { return String(dropFirst()) }
    return hasPrefix("-") ? "−" + dropFirst() : self
  }

  /// The text with its decimal numbers in at most six significant digits: `lr=0.000100056` for
  /// `lr=0.00010005551538325273`.
  var withShortNumbers: String {
    replacing(/\d+\.\d+(?:e[-+]?\d+)?/) { match in
      let digits = match.output.prefix { $0 != "e" }.drop { $0 == "0" || $0 == "." }
      guard digits.count(where: \.isNumber) > 6, let x = Double(match.output) else {
        return String(match.output)
      }
      return NumberStyle.significant(6).text(x)
    }
  }
}

/// A number with so many decimals.
package func fixed(_ x: Double, _ decimals: Int) -> String { NumberStyle.fixed(decimals).text(x) }

/// A number in few significant digits.
package func short(_ x: Double, _ digits: Int = 3) -> String {
  NumberStyle.significant(digits).text(x)
}

/// The same with as many digits as tell it from another number.
func short(_ x: Double, apartFrom other: Double) -> String {
  let digits = (3...9).first { x == other || short(x, $0) != short(other, $0) }
  return short(x, digits ?? 9)
}

/// A share as a percentage.
package func percent(_ share: Double, _ decimals: Int) -> String {
  NumberStyle.percent(decimals).text(share)
}

/// A size in the decimal unit that suits it: `1 byte`, `4.61 KB`.
package func bytes(_ n: Int) -> String { Amount.bytes(Double(n)) }

/// A duration: `42s`, `3m05s`, `2h00m`.
package func clock(_ seconds: Double) -> String {
  guard seconds.isFinite, abs(seconds) < 1e9 else { return "?" }
  let total = Int(seconds.rounded())
  func pair(_ large: Int, _ a: String, _ small: Int, _ b: String) -> String {
    "\(large)\(a)\(small < 10 ? "0" : "")\(small)\(b)"
  }
  return total < 60
    ? "\(total)s"
    : total < 3600
      ? pair(total / 60, "m", total % 60, "s") : pair(total / 3600, "h", total % 3600 / 60, "m")
}

extension Double {
  /// The number with so many significant digits, so that it can be written down.
  package func rounded(digits: Int) -> Double {
    Double(String(format: "%.\(digits)g", self)) ?? self
  }
}
