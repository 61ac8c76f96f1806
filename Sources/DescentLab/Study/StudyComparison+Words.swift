import Descent
import Foundation

// What a comparison says in words: no more than its runs allow.

extension StudyComparison {
  /// `rank=2 is higher than rank=32 by a factor of 3.6 (…)`.
  package var sentence: String {
    guard pairs > 0 else { return "\(a) and \(b) have no runs to compare" }
    if test.isIdentical { return "\(a) and \(b) are the same to the last bit" }
    let word = test.direction > 0 ? "higher" : "lower"
    if test.isOfSigns {
      return
        "\(a) is \(test.direction == 0 ? "as often higher as lower" : word) than \(b), which not "
        + "all runs came to (\(evidence))"
    }
    return "\(a) is \(word) than \(b) by \(size)\(pairs > 1 ? " (\(evidence))" : "")"
  }

  /// `a factor of 3.6`, `0.034`.
  var size: String {
    guard let mean = test.mean else { return "nothing" }
    return isRatio ? Self.factor(exp(abs(mean))) : short(abs(mean))
  }

  /// Factors near 1 are written as shares.
  private static func factor(_ x: Double) -> String {
    x < 1.1 ? percent(x - 1, x < 1.001 ? 3 : 2) : "a factor of \(short(x))"
  }

  /// `95 % interval 3.1 to 4.2, p = 0.004; 3 of 3 seeds agree`.
  var evidence: String {
    guard pairs > 1 else { return "one seed" }
    var words: [String] = []
    if let interval = testInterval {
      let (low, high) = (test.mean ?? 0) < 0 ? (-interval.high, -interval.low) : interval
      words.append(
        isRatio
          ? "95 % interval \(short(exp(low))) to \(short(exp(high)))"
          : "95 % interval \(short(low)) to \(short(high))")
    }
    if test.isOfSigns { words.append("sign test") }
    words.append((p < 0.0001 ? "p < 0.0001" : "p = \(short(p, 2))"))
    let corrected = among > 1 ? ", corrected for \(among) comparisons" : ""
    return words.joined(separator: ", ") + corrected
      + "; \(agreeing) of \(counted(pairs, "seed")) agree"
  }

  /// How many seeds would show it; empty where that cannot be said.
  var needed: String {
    guard pairs > 1, !test.isIdentical, !test.isOfSigns else { return "" }
    switch test.pairsNeeded(comparisons: among) {
    case .unknown: return ""
    case .more(let limit):
      return "; if it is what it seems, it would take more than \(grouped(limit)) seeds to show"
    case .about(let n):
      return "; if it is what it seems, about \(counted(max(n, pairs + 1), "seed")) would show it"
    }
  }
}
