/// A regular expression that finds its matches in UTF-8, from the left and the first alternative
/// first, as Oniguruma does.
package struct Pattern: Sendable {
  private let program: PatternProgram
  /// As it was written.
  let source: String

  /// Reads a regular expression.
  package init(_ source: String) throws(Defect) {
    self.source = source
    program = try PatternProgram(try PatternParser.parse(source))
  }

  /// A text that stands for itself.
  init(literal text: String) throws(Defect) {
    source = text
    let scalars = text.unicodeScalars.map { PatternNode.set(ScalarSet($0.value...$0.value)) }
    program = try PatternProgram(.sequence(scalars))
  }

  /// What matching takes besides: kept between calls, so that it is allocated once.
  package struct Workspace: Sendable {
    fileprivate var stack: [Choice] = []
    fileprivate var slots: [Int] = []
    /// How much work the text may still take.
    fileprivate var budget = 0

    package init() {}

    /// Allows for a text of some bytes what no pattern of a tokenizer needs.
    package mutating func begin(_ count: Int) {
      budget = 1_000_000 + count.multipliedOrMax(by: 1000)
    }
  }

  /// What can be tried where a match fails.
  fileprivate enum Choice {
    case at(Int, position: Int)
    /// A run may end earlier, down to `least`.
    case shorter(Int, position: Int, least: Int)
    case restore(slot: Int, value: Int)
  }

  /// The first match that begins at `start` or behind it.
  ///
  /// Throws when it takes out of proportion long to find.
  func firstMatch(
    in text: Span<UInt8>, from start: Int, _ workspace: inout Workspace
  ) throws(Defect) -> Range<Int>? {
    var position = start
    while position <= text.count {
      if let end = try end(in: text, at: position, &workspace) { return position..<end }
      workspace.budget -= 1
      if position == text.count { return nil }
      position += scalarLength(text[position])
    }
    return nil
  }

  /// Where the match ends that begins at `position`.
  @inline(__always)
  private func end(
    in text: Span<UInt8>, at position: Int, _ workspace: inout Workspace
  ) throws(Defect) -> Int? {
    var left =
      position < text.count ? program.candidates[Int(text[position])] : .max
    while left != 0 {
      let index = left.trailingZeroBitCount
      left &= left - 1
      guard index < program.starts.count else { return nil }
      if let end = try run(text, position, at: program.starts[index], &workspace) { return end }
    }
    return nil
  }

  /// Follows instructions up to their `accept`; returns where the match ends.
  private func run(
    _ text: Span<UInt8>, _ start: Int, at entry: Int, _ workspace: inout Workspace
  ) throws(Defect) -> Int? {
    let floor = workspace.stack.count
    var (position, counter) = (start, entry)
    while true {
      workspace.budget -= 1
      if workspace.budget < 0 { throw Defect("the pattern “\(source)” takes too long for it") }
      var isMatching = true
      switch program.instructions[counter] {
      case .one(let set):
        if position < text.count {
          let (value, length) = scalar(in: text, at: position)
          isMatching = program.tables.contains(value, in: set)
          position += length
        } else {
          isMatching = false
        }
        counter += 1
      case .run(let set, let min, let max):
        let run = self.run(of: set, text, position, min, max)
        workspace.budget -= run.count
        isMatching = run.count >= min
        counter += 1
        if isMatching, run.count > min, !isAccept(counter) {
          workspace.stack.append(.shorter(counter, position: run.end, least: run.least))
        }
        position = run.end
      case .wholeRun(let set, let min, let max):
        let run = self.run(of: set, text, position, min, max)
        workspace.budget -= run.count
        isMatching = run.count >= min
        position = run.end
        counter += 1
      case .fork(let first, let second):
        workspace.stack.append(.at(second, position: position))
        counter = first
      case .jump(let target): counter = target
      case .mark(let slot):
        while workspace.slots.count <= slot { workspace.slots.append(0) }
        workspace.stack.append(.restore(slot: slot, value: workspace.slots[slot]))
        workspace.slots[slot] = position
        counter += 1
      case .progress(let slot):
        isMatching = workspace.slots[slot] != position
        counter += 1
      case .anchor(let anchor):
        isMatching = holds(anchor, text, position)
        counter += 1
      case .look(let end, let isNegated, let width):
        let found = try looks(text, position, width: width, at: counter + 1, &workspace)
        isMatching = found != isNegated
        counter = end
      case .atomic(let end):
        if let after = try run(text, position, at: counter + 1, &workspace) {
          position = after
        } else {
          isMatching = false
        }
        counter = end
      case .accept:
        workspace.stack.removeLast(workspace.stack.count - floor)
        return position
      }
      if isMatching { continue }
      guard let choice = Self.goBack(text, to: floor, &workspace) else { return nil }
      (counter, position) = choice
    }
  }

  @inline(__always)
  private func isAccept(_ counter: Int) -> Bool {
    if case .accept = program.instructions[counter] { true } else { false }
  }

  /// Takes the newest choice above `floor`.
  private static func goBack(
    _ text: Span<UInt8>, to floor: Int, _ workspace: inout Workspace
  ) -> (counter: Int, position: Int)? {
    while workspace.stack.count > floor, let choice = workspace.stack.popLast() {
      switch choice {
      case .at(let counter, let position): return (counter, position)
      case .restore(let slot, let value): workspace.slots[slot] = value
      case .shorter(let counter, let position, let least):
        let earlier = startOfScalar(in: text, before: position)
        if earlier > least {
          workspace.stack.append(.shorter(counter, position: earlier, least: least))
        }
        return (counter, earlier)
      }
    }
    return nil
  }

  /// The run of scalars of a set that begins at `start`; `least` is where its first `min` end.
  @inline(__always)
  private func run(
    of set: Int, _ text: Span<UInt8>, _ start: Int, _ min: Int, _ max: Int
  ) -> (end: Int, count: Int, least: Int) {
    var (end, count, least) = (start, 0, start)
    while count < max, end < text.count {
      let (value, length) = scalar(in: text, at: end)
      guard program.tables.contains(value, in: set) else { break }
      end += length
      count += 1
      if count == min { least = end }
    }
    return (end, count, least)
  }

  private func looks(
    _ text: Span<UInt8>, _ position: Int, width: Int, at counter: Int,
    _ workspace: inout Workspace
  ) throws(Defect) -> Bool {
    var start = position
    if width > 0 {
      for _ in 0..<width {
        if start == 0 { return false }
        start = startOfScalar(in: text, before: start)
      }
    }
    return try run(text, start, at: counter, &workspace) != nil
  }

  private func holds(
    _ anchor: PatternNode.Anchor, _ text: Span<UInt8>, _ position: Int
  ) -> Bool {
    let newline = UInt8(ascii: "\n")
    switch anchor {
    case .textStart: return position == 0
    case .textEnd: return position == text.count
    case .lastLineEnd:
      return position == text.count || (position == text.count - 1 && text[position] == newline)
    // Behind the last line break no line begins.
    case .lineStart:
      return position == 0 || (position < text.count && text[position - 1] == newline)
    case .lineEnd: return position == text.count || text[position] == newline
    case .wordBoundary, .noWordBoundary:
      let before =
        position > 0
        && isWord(scalar(in: text, at: startOfScalar(in: text, before: position)).value)
      let after = position < text.count && isWord(scalar(in: text, at: position).value)
      return (before != after) == (anchor == .wordBoundary)
    }
  }

  private func isWord(_ value: UInt32) -> Bool {
    program.tables.contains(value, in: program.wordSet)
  }
}

extension Int {
  /// The product, or the largest number where that is larger.
  func multipliedOrMax(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max - 2_000_000 : product
  }
}
