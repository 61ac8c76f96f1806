import DescentTokenizers

/// A long text in pieces that give the same tokens one by one as the text does at once.
///
/// A piece is encoded behind the end of the piece before, whose tokens are then left out: so marks
/// that only a beginning gets do not come up within the text. A place to cut is one where this
/// changes nothing, which is tried with what stands around it; best is the beginning of a line.
package struct TextCutter {
  /// Some of the text.
  package struct Piece: Sendable {
    /// What stands before; empty at the beginning.
    let context: [UInt8]
    package let text: [UInt8]

    /// The tokens of the text behind its context.
    package func tokens(by tokenizer: SubwordTokenizer) throws(TokenizerError) -> [Int32] {
      if context.isEmpty { return try tokenizer.tokens(of: text) }
      let (before, all) = (
        try tokenizer.tokens(of: context), try tokenizer.tokens(of: context + text)
      )
      return all.starts(with: before)
        ? Array(all.dropFirst(before.count)) : try tokenizer.tokens(of: text)
    }
  }

  private let tokenizer: SubwordTokenizer
  private let size: Int
  private var context: [UInt8] = []
  private var rest: [UInt8] = []
  /// Below this no place to cut was found.
  private var tried = 0

  /// Cuts for a tokenizer, into pieces of about `size` bytes.
  package init(_ tokenizer: SubwordTokenizer, size: Int) {
    (self.tokenizer, self.size) = (tokenizer, size)
  }

  /// Takes more of the text; returns a piece where one is complete.
  package mutating func append(_ bytes: [UInt8]) -> Piece? {
    rest += bytes
    guard rest.count >= max(size, tried + size), let (start, cut) = place() else { return nil }
    let piece = Piece(context: context, text: Array(rest[..<cut]))
    context = Array(rest[start..<cut])
    rest.removeSubrange(..<cut)
    tried = 0
    return piece
  }

  /// The rest of the text, which begins anew; nil if there is none.
  package mutating func finish() -> Piece? {
    defer { (context, rest, tried) = ([], [], 0) }
    return rest.isEmpty ? nil : Piece(context: context, text: rest)
  }

  /// A place to cut, and where the context of what follows begins.
  private mutating func place() -> (start: Int, cut: Int)? {
    let last = rest.count - Self.ahead
    for isBetweenLines in [true, false] {
      var (index, tries) = (last, 0)
      while index > rest.count / 2, tries < 16 {
        defer { index -= 1 }
        let (before, after) = (rest[index - 1], rest[index])
        let isPlace =
          isBetweenLines
          ? before == UInt8(ascii: "\n") && after > 0x20
          : before > 0x20 && after == 0x20 && rest[index + 1] > 0x20
        guard isPlace else { continue }
        tries += 1
        let start = UTF8Cut.start(rest, at: max(0, index - Self.behind))
        if isClean(start, index) { return (start, index) }
      }
    }
    tried = rest.count
    return nil
  }

  private static let (behind, ahead) = (200, 200)

  private func isClean(_ start: Int, _ cut: Int) -> Bool {
    let end = UTF8Cut.start(rest, at: min(rest.count, cut + Self.ahead))
    guard let before = try? tokenizer.tokens(of: Array(rest[start..<cut])),
      let all = try? tokenizer.tokens(of: Array(rest[start..<end]))
    else { return false }
    return all.starts(with: before)
  }
}
