internal import Foundation

/// How counts and sizes are written for people.
package enum Amount {
  /// A whole number with its thousands apart: `804,096`; from 10¹⁵ on in three digits, `4.5e+19`.
  package static func count(_ n: Double) -> String {
    abs(n) < 1e15 ? count(Int(n)) : String(format: "%.3g", n)
  }

  /// A whole number with its thousands apart: `804,096`.
  package static func count(_ n: Int) -> String {
    let digits = String(n.magnitude)
    let parts = digits.enumerated().map { index, digit in
      index > 0 && (digits.count - index) % 3 == 0 ? ",\(digit)" : "\(digit)"
    }
    return (n < 0 ? "−" : "") + parts.joined()
  }

  /// A count with its noun in the right number: `1 tensor`, `1,200 tensors`, `2 entries`.
  package static func count(_ n: Int, _ singular: String, _ plural: String? = nil) -> String {
    "\(count(n)) \(n == 1 ? singular : plural ?? singular + "s")"
  }

  /// A size in the decimal unit that suits it: `1 byte`, `4.61 KB`, `3.2 EB`.
  package static func bytes(_ n: Double) -> String {
    var (x, unit) = (n, 0)
    let units = ["KB", "MB", "GB", "TB", "PB", "EB", "ZB"]
    // 999.6 KB is written as 1 MB.
    while abs(x) >= (unit == 0 ? 1000 : 999.5), unit < units.count {
      (x, unit) = (x / 1000, unit + 1)
    }
    if unit == 0 { return count(Int(n), "byte") }
    return (x < 0 ? "−" : "") + String(format: "%.3g ", abs(x)) + units[unit - 1]
  }
}
