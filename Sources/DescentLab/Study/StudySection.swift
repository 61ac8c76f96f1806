import Descent
import DescentTraining

/// Gathers what is wrong with the text of a study.
final class StudyProblems {
  private(set) var sentences: [String] = []

  func add(_ place: String, _ sentence: String) {
    sentences.append(place.isEmpty ? sentence : "\(place) \(sentence)")
  }
}

/// A section of a study's text, which knows its place and says what is wrong in it.
struct StudySection {
  let problems: StudyProblems
  /// Where it stands: `experiments.rank`; empty for the whole text.
  let path: String
  let entries: [(key: String, value: YAMLValue)]

  /// A section; what is none is said, and nil.
  init?(_ value: YAMLValue, at path: String, _ problems: StudyProblems, example: String) {
    guard let entries = value.entries else {
      problems.add(path, "must have keys of its own, such as \(example)")
      return nil
    }
    (self.problems, self.path, self.entries) = (problems, path, entries)
  }

  func place(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

  subscript(_ key: String) -> YAMLValue? {
    guard let value = entries.first(where: { $0.key == key })?.value else { return nil }
    if case .null = value { return nil }
    return value
  }

  /// Says which keys are not among those that are known.
  func allow(_ known: [String]) {
    for (key, _) in entries where !known.contains(key) {
      problems.add("", "unknown key '\(quotable(place(key)))'; \(hint(for: key, among: known))")
    }
  }

  /// A plain value.
  func text(_ key: String) -> String? {
    switch self[key] {
    case .text(let text): return text
    case nil: return nil
    default:
      problems.add(place(key), "must be one value")
      return nil
    }
  }

  /// A plain value that must be there.
  func required(_ key: String, _ example: String) -> String? {
    if self[key] == nil {
      problems.add(place(key), "is missing: give \(example)")
      return nil
    }
    return text(key)
  }

  /// A whole number in a range.
  func integer(_ key: String, _ range: ClosedRange<Int>) -> Int? {
    guard let text = text(key) else { return nil }
    guard let number = Int(text), range.contains(number) else {
      problems.add(
        place(key),
        "is \(quotable(text)), and must be a whole number from \(range.lowerBound) to "
          + "\(grouped(range.upperBound))")
      return nil
    }
    return number
  }

  /// A finite number.
  func number(_ key: String) -> Double? {
    guard let text = text(key) else { return nil }
    guard let number = Double(text), number.isFinite else {
      problems.add(place(key), "is \(quotable(text)), and must be a number")
      return nil
    }
    return number
  }

  /// A share, written `0.5 %` or as a number; above 0.
  func share(_ key: String) -> Double? {
    guard let text = text(key) else { return nil }
    let isPercent = text.hasSuffix("%")
    let digits = String(text.filter { $0 != " " && $0 != "%" })
    let parts = digits.split(separator: "/").compactMap { Double($0) }
    let number = parts.count == 2 ? parts[0] / parts[1] : Double(digits)
    guard let number, number.isFinite, number > 0 else {
      problems.add(
        place(key), "is \(quotable(text)), and must be a share above 0, such as 0.5 % or 1/3")
      return nil
    }
    return isPercent ? number / 100 : number
  }

  /// One of some words.
  func choice(_ key: String, _ words: [String]) -> String? {
    guard let text = text(key) else { return nil }
    guard words.contains(text) else {
      problems.add(
        place(key), "is '\(quotable(text))', and must be \(words.joined(separator: " or "))")
      return nil
    }
    return text
  }

  /// One value, or a list of them.
  func texts(_ key: String) -> [String]? {
    let items: [YAMLValue]
    switch self[key] {
    case nil: return nil
    case .list(let list): items = list
    case .some(let value): items = [value]
    }
    let texts = items.compactMap { if case .text(let text) = $0 { text } else { nil } }
    if texts.count < items.count || texts.isEmpty {
      problems.add(place(key), "must be one value or a list of values")
      return nil
    }
    return texts
  }

  /// The sections of a list.
  func list(_ key: String, example: String) -> [StudySection] {
    guard let value = self[key] else { return [] }
    guard case .list(let items) = value else {
      problems.add(place(key), "must be a list, each with keys such as \(example)")
      return []
    }
    return items.enumerated().compactMap { index, item in
      StudySection(item, at: "\(place(key))[\(index + 1)]", problems, example: example)
    }
  }

  /// The sections of a section, by their names.
  ///
  /// - Parameter canBeGone: whether one that is null was taken away, as a short form does it.
  func sections(
    _ key: String, example: String, canBeGone: Bool
  ) -> [(name: String, section: StudySection)] {
    guard let value = self[key],
      let all = StudySection(value, at: place(key), problems, example: example)
    else { return [] }
    return all.entries.compactMap { name, value in
      if case .null = value, canBeGone { return nil }
      if name.allSatisfy(\.isWhitespace) { problems.add(all.path, "have one without a name") }
      return StudySection(value, at: all.place(name), problems, example: example).map { (name, $0) }
    }
  }

  /// How a series becomes a number.
  func reduction(_ key: String) -> StudyReduction? {
    read(key, text(key)) { (text) throws(StudyMistake) in try StudyReduction(text) }
  }

  /// The number of a run that a text names.
  func metric(_ key: String, _ text: String?) -> StudyMetric? {
    read(key, text) { (text) throws(StudyMistake) in try StudyMetric(text) }
  }

  /// What a part of the text says, or the sentence of why not at its place.
  private func read<T>(_ key: String, _ text: String?, _ make: (String) throws(StudyMistake) -> T)
    -> T?
  {
    guard let text else { return nil }
    do throws(StudyMistake) { return try make(text) } catch {
      problems.add("\(place(key)):", error.sentence)
      return nil
    }
  }
}
