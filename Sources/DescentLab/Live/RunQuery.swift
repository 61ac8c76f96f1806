import Foundation

/// Which runs of a list are shown, and in which order.
public struct RunQuery: Sendable, Equatable {
  /// What was typed: words that the path, the state, the recipe or the optimizer has, and `key:value`
  /// of the recipe, all of which must hold. A key may be given by its end, a value may begin with `<`
  /// or `>`, and a minus before a word excludes what has it.
  public var text: String
  /// The column by which they are sorted.
  public var order: Order
  /// Whether the order is turned round.
  public var isReversed: Bool

  /// A search.
  public init(_ text: String = "", order: Order = .state, isReversed: Bool = false) {
    (self.text, self.order, self.isReversed) = (text, order, isReversed)
  }

  /// What runs can be sorted by.
  public enum Order: String, Sendable, CaseIterable {
    case name, state, recipe, optimizer, step, loss
    case validationLoss = "val_loss"
    case best = "best_val_loss"
    case changed
    case left = "seconds_left"
  }

  /// Those that are shown, in their order.
  public func apply(to runs: [RunSummary]) -> [RunSummary] {
    let terms = text.split(separator: " ").map { Term(String($0)) }
    let found =
      terms.isEmpty ? runs : runs.filter { run in terms.allSatisfy { $0.holds(for: run) } }
    let sorted = found.sorted { a, b in
      switch order {
      case .name: Self.isBefore(a.path, b.path) ?? false
      case .state: Self.byState(a, b)
      case .recipe: Self.isBefore(a.recipe, b.recipe) ?? Self.byState(a, b)
      case .optimizer: Self.isBefore(a.optimizer, b.optimizer) ?? Self.byState(a, b)
      case .step: a.step == b.step ? Self.byState(a, b) : a.step > b.step
      case .loss: Self.isLower(a.loss, b.loss, a, b)
      case .validationLoss: Self.isLower(a.validationLoss, b.validationLoss, a, b)
      case .best: Self.isLower(a.best?.loss, b.best?.loss, a, b)
      case .changed: a.changed == b.changed ? a.path < b.path : a.changed > b.changed
      case .left: Self.isLower(a.secondsLeft, b.secondsLeft, a, b)
      }
    }
    return isReversed ? sorted.reversed() : sorted
  }

  /// Those that go on first, then what changed last.
  private static func byState(_ a: RunSummary, _ b: RunSummary) -> Bool {
    let (isA, isB) = (a.state == .running, b.state == .running)
    if isA != isB { return isA }
    return a.changed == b.changed ? a.path < b.path : a.changed > b.changed
  }

  private static func isLower(
    _ x: Double?, _ y: Double?, _ a: RunSummary, _ b: RunSummary
  ) -> Bool {
    // What has no number stands last; so does NaN.
    let (x, y) = (x ?? .nan, y ?? .nan)
    if x.isNaN || y.isNaN { return x.isNaN == y.isNaN ? byState(a, b) : y.isNaN }
    return x == y ? byState(a, b) : x < y
  }

  private static func isBefore(_ a: String, _ b: String) -> Bool? {
    if a == b { return nil }
    // Numbers within names count as numbers: gpt-2 before gpt-10. Plain ASCII needs no collation.
    return a.compare(b, options: [.numeric, .caseInsensitive]) == .orderedAscending
  }
}

/// One word of a search.
private struct Term {
  let isExcluded: Bool
  let key: String?
  let value: String
  let limit: (isBelow: Bool, number: Double)?

  init(_ word: String) {
    isExcluded = word.hasPrefix("-") && word.count > 1
    let word = (isExcluded ? String(word.dropFirst()) : word).lowercased()
    guard let colon = word.firstIndex(of: ":"), colon > word.startIndex else {
      (key, value, limit) = (nil, word, nil)
      return
    }
    key = String(word[..<colon])
    let value = String(word[word.index(after: colon)...])
    let number = value.hasPrefix("<") || value.hasPrefix(">") ? Double(value.dropFirst()) : nil
    self.value = value
    limit = number.map { (value.hasPrefix("<"), $0) }
  }

  func holds(for run: RunSummary) -> Bool { isMet(by: run) != isExcluded }

  private func isMet(by run: RunSummary) -> Bool {
    guard let key else {
      return [run.path, run.state.rawValue, run.recipe, run.optimizer, run.format.rawValue]
        .contains { $0.lowercased().contains(value) }
    }
    switch key {
    case "state": return matches(run.state.rawValue)
    case "optimizer" where !run.optimizer.isEmpty: return matches(run.optimizer)
    case "loss": return matches(run.loss)
    case "val_loss": return matches(run.validationLoss)
    case "best", "best_val_loss": return matches(run.best?.loss)
    case "step": return matches(Double(run.step))
    default:
      return run.settings.contains { setting in
        let name = setting.key.lowercased()
        return (name == key || name.hasSuffix("." + key)) && matches(setting.value)
      }
    }
  }

  private func matches(_ number: Double?) -> Bool { number.map { matches("\($0)") } ?? false }

  private func matches(_ text: String) -> Bool {
    if let limit {
      return Double(text).map { limit.isBelow ? $0 < limit.number : $0 > limit.number } ?? false
    }
    // 3e-4 finds 0.0003.
    if let wanted = Double(value), let number = Double(text) { return wanted == number }
    return value.isEmpty || text.lowercased().contains(value)
  }
}
