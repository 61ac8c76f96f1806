import Descent

/// What was skipped when a log was read, counted by its kind.
struct LogNotes {
  /// What can be wrong with a place in a log.
  enum Kind: Hashable {
    /// A cell of a column of numbers.
    case text(column: String)
    /// A boolean or a list in the place of a number.
    case noNumber(key: String)
    case unreadableLine, noStep, longLine, missingCells, extraCells
    case badRecord, longRecord
    /// A record whose step is none that a run reaches.
    case farStep
    /// An element of a list of records that is none.
    case noRecord
  }

  private struct Count {
    var number = 0
    let line: Int
    let example: String
  }

  private var counts: [Kind: Count] = [:]
  private var order: [Kind] = []
  /// Sentences that stand alone.
  private(set) var others: [String] = []

  mutating func add(_ kind: Kind, line: Int, _ example: @autoclosure () -> String = "") {
    if counts[kind] == nil {
      counts[kind] = Count(line: line, example: Self.shortened(example()))
      order.append(kind)
    }
    counts[kind]?.number += 1
  }

  mutating func add(_ sentence: String) {
    if !others.contains(sentence) { others.append(sentence) }
  }

  private static func shortened(_ text: String) -> String {
    text.unicodeScalars.count > 24 ? String(text.unicodeScalars.prefix(24)) + "…" : text
  }

  /// How often it was so.
  func count(_ kind: Kind) -> Int { counts[kind]?.number ?? 0 }

  /// The notes without those of some kinds.
  func without(_ isOut: (Kind) -> Bool) -> LogNotes {
    var notes = self
    notes.order.removeAll(where: isOut)
    return notes
  }

  /// One plain sentence for each kind.
  var sentences: [String] {
    order.compactMap { kind in counts[kind].map { sentence(kind, $0) } } + others
  }

  private func sentence(_ kind: Kind, _ count: Count) -> String {
    let n = count.number
    let place = n == 1 ? "line \(count.line)" : "first in line \(count.line)"
    func lines(_ noun: String = "line") -> String { counted(n, noun) }
    return switch kind {
    case .text(let column):
      "“\(column)” has text in the place of a number in \(lines("row")) (\(place): "
        + "“\(count.example)”); \(n == 1 ? "it was" : "they were") left out."
    case .noNumber(let key):
      "“\(key)” has \(count.example) in the place of a number in \(lines()) (\(place)); "
        + "\(n == 1 ? "it was" : "they were") left out."
    case .unreadableLine:
      "\(lines()) cannot be read (\(place)) and \(n == 1 ? "was" : "were") left out."
    case .noStep:
      "\(lines("row")) \(n == 1 ? "has" : "have") no step (\(place)) and "
        + "\(n == 1 ? "was" : "were") left out."
    case .longLine:
      "\(lines()) longer than 16 MB (\(place)) \(n == 1 ? "was" : "were") left out."
    case .missingCells:
      "\(lines("row")) \(n == 1 ? "has" : "have") fewer cells than the header (\(place)); "
        + "what is missing was taken as empty."
    case .extraCells:
      "\(lines("row")) \(n == 1 ? "has" : "have") more cells than the header (\(place)); "
        + "the extra ones were left out."
    case .badRecord:
      "\(lines("record")) \(n == 1 ? "is" : "are") damaged (the first begins at byte "
        + "\(Amount.count(count.line))) and \(n == 1 ? "was" : "were") left out."
    case .longRecord:
      "\(lines("record")) \(n == 1 ? "is" : "are") longer than 16 MB (the first begins at byte "
        + "\(Amount.count(count.line))) and \(n == 1 ? "was" : "were") left out."
    case .farStep:
      "\(lines("record")) \(n == 1 ? "has" : "have") a step that no run reaches "
        + "(\(n == 1 ? "" : "first ")\(count.example)) and \(n == 1 ? "was" : "were") left out."
    case .noRecord:
      "\(Amount.count(n, "element", "elements")) of the list \(n == 1 ? "is" : "are") no record "
        + "(\(n == 1 ? "" : "first ")number \(Amount.count(count.line))) and "
        + "\(n == 1 ? "was" : "were") left out."
    }
  }
}
