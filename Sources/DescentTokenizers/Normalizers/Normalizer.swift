/// A step that changes a text before it is cut.
enum Normalizer: Sendable {
  case form(NormalForm)
  case lowercase
  /// Leaves out the scalars of a set.
  case remove(ScalarTables)
  case strip(left: Bool, right: Bool)
  case prepend([UInt8])
  case replace(Pattern, with: [UInt8])
  /// Writes a scalar for each scalar of a set.
  case map(ScalarTables, to: UInt32)
  /// Puts spaces around the scalars of a set.
  case surround(ScalarTables)
  case bytes
  case precompiled(CharacterMap)

  /// The text after all steps.
  static func apply(
    _ steps: [Normalizer], to text: inout [UInt8], _ workspace: inout Pattern.Workspace
  ) throws(Defect) {
    for step in steps where !text.isEmpty { try step.apply(to: &text, &workspace) }
  }

  private func apply(
    to text: inout [UInt8], _ workspace: inout Pattern.Workspace
  ) throws(Defect) {
    switch self {
    case .form(let form): form.apply(to: &text)
    case .lowercase: Self.lowercase(&text)
    case .remove(let tables):
      Self.change(&text) { value, _ in tables.contains(value, in: 0) ? [] : nil }
    case .map(let tables, let target):
      Self.change(&text) { value, _ in tables.contains(value, in: 0) ? [target] : nil }
    case .surround(let tables):
      Self.change(&text) { value, _ in tables.contains(value, in: 0) ? [0x20, value, 0x20] : nil }
    case .strip(let left, let right):
      let source = text
      let scalars = source.span
      var (start, end) = (0, scalars.count)
      while left, start < end {
        let (value, length) = scalar(in: scalars, at: start)
        if !Self.isWhitespace(value) { break }
        start += length
      }
      while right, end > start {
        let last = startOfScalar(in: scalars, before: end)
        if !Self.isWhitespace(scalar(in: scalars, at: last).value) { break }
        end = last
      }
      text = Array(source[start..<end])
    case .prepend(let bytes): text.insert(contentsOf: bytes, at: 0)
    case .replace(let pattern, let bytes):
      text = try Self.replacing(pattern, with: bytes, in: text, &workspace)
    case .bytes: text = ByteAlphabet.written(text)
    case .precompiled(let map): map.apply(to: &text)
    }
  }

  private static func isWhitespace(_ value: UInt32) -> Bool {
    Unicode.Scalar(value)?.properties.isWhitespace ?? false
  }

  /// The text with every match of `pattern` replaced.
  static func replacing(
    _ pattern: Pattern, with bytes: [UInt8], in text: [UInt8],
    _ workspace: inout Pattern.Workspace
  ) throws(Defect) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    let span = text.span
    workspace.begin(span.count)
    var finder = MatchFinder()
    while let match = try finder.next(of: pattern, in: span, &workspace) {
      result.append(span.extracting(match.gap))
      if !match.isEnd { result += bytes }
    }
    return result
  }

  /// Replaces scalars by others; nil keeps one.
  private static func change(
    _ text: inout [UInt8], _ replacement: (UInt32, Int) -> [UInt32]?
  ) {
    let source = text
    let span = source.span
    var result: [UInt8] = []
    result.reserveCapacity(span.count)
    var index = 0
    while index < span.count {
      let (value, length) = scalar(in: span, at: index)
      if let scalars = replacement(value, index) {
        for value in scalars { result.append(scalar: value) }
      } else {
        for offset in 0..<length { result.append(span[index + offset]) }
      }
      index += length
    }
    text = result
  }

  /// Each scalar on its own: a sigma at the end of a word stays as it is in the middle.
  private static func lowercase(_ text: inout [UInt8]) {
    if text.isASCII {
      for index in text.indices where (0x41...0x5A).contains(text[index]) { text[index] += 0x20 }
      return
    }
    change(&text) { value, _ in
      if value < 0x80 { return (0x41...0x5A).contains(value) ? [value + 0x20] : nil }
      let mapping = Unicode.Scalar(value)?.properties.lowercaseMapping
      return mapping?.unicodeScalars.map(\.value)
    }
  }
}

/// Goes through the matches of a pattern and what lies between them, as the reference does: a match of
/// nothing behind another match is none.
package struct MatchFinder {
  private var position = 0
  private var last: Int?
  private var end = 0
  private var isDone = false

  package init() {}

  /// What lies before a match, and the match; at the end, `isEnd`, what lies behind the last.
  package struct Step {
    let gap: Range<Int>
    package let match: Range<Int>
    package let isEnd: Bool
  }

  package mutating func next(
    of pattern: Pattern, in text: Span<UInt8>, _ workspace: inout Pattern.Workspace
  ) throws(Defect) -> Step? {
    if isDone { return nil }
    while let match = try pattern.firstMatch(in: text, from: position, &workspace) {
      if match.isEmpty, last == match.lowerBound {
        if position >= text.count { break }
        position += scalarLength(text[position])
        continue
      }
      let gap = end..<match.lowerBound
      (position, last, end) = (match.upperBound, match.upperBound, match.upperBound)
      return Step(gap: gap, match: match, isEnd: false)
    }
    isDone = true
    return Step(gap: end..<text.count, match: text.count..<text.count, isEnd: true)
  }
}
