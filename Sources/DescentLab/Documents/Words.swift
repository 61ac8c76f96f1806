import Descent

/// Words as a sentence lists them; of many the first three and how many more: `a`, `a and b`,
/// `a, b, c and 26 others`.
package func few(_ words: [String]) -> String {
  words.count < 6
    ? listed(words) : listed(words.prefix(3) + ["\(grouped(words.count - 3)) others"])
}

extension Array {
  /// The first of those that have the same key, in their order.
  package func uniqued(by key: (Element) -> some Hashable) -> [Element] {
    var seen: Set<AnyHashable> = []
    return filter { seen.insert(AnyHashable(key($0))).inserted }
  }
}
