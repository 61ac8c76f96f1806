import DescentCompute

// How sentences count and quote: used wherever a number or a user's own text stands in one.

/// A whole number with its thousands apart: `804,096`.
package func grouped(_ n: Int) -> String {
  Amount.count(n)
}

/// A count with its noun in the right number: `1 tensor`, `1,200 tensors`, `2 entries`.
package func counted(_ n: Int, _ singular: String, _ plural: String? = nil) -> String {
  Amount.count(n, singular, plural)
}

/// How often: `once`, `twice`, `1,200 times`.
package func times(_ n: Int) -> String {
  n == 1 ? "once" : n == 2 ? "twice" : "\(grouped(n)) times"
}

/// Words as a sentence lists them: `a`, `a and b`, `a, b and c`.
package func listed(_ words: [String]) -> String {
  guard words.count > 1, let last = words.last else { return words.first ?? "" }
  return words.dropLast().joined(separator: ", ") + " and " + last
}

/// A text that a user gave, on one line and short enough to be quoted in a sentence.
package func quotable(_ text: String) -> String {
  let limit = 120
  let text = text.contains(where: \.isNewline) ? String(text.map { $0.isNewline ? " " : $0 }) : text
  return text.utf8.count <= limit ? text : text.prefix(limit) + "…"
}
