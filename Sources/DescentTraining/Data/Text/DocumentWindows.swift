import DescentCompute
import DescentNN

/// Windows that begin with documents: of each as many tokens as fit, the rest of a window filled
/// up.
///
/// The token behind every input is its target; those within a prompt do not count:
///
/// ```
/// inputs[t] = document[t],  targets[t] = document[t + 1]
/// ```
struct DocumentWindows: Sendable {
  /// A document in a window.
  private struct Piece {
    /// Its first token.
    let start: Int
    /// Its tokens in the window, the last target included.
    let count: Int
    /// The first token that counts as a target, from the start of the document.
    let first: Int
  }

  private let tokens: TokenSequence
  private let pieces: [Piece]
  /// The number of the first piece of each window, and how many pieces there are.
  private let starts: [Int]
  /// How many tokens a window has.
  let context: Int
  /// Documents that were cut at the end of their window.
  private(set) var cut = 0
  /// Documents of which nothing would count, such as those with a prompt as long as a window.
  private(set) var leftOut = 0
  /// All targets that count.
  private(set) var targets = 0
  /// The share of the windows that is filled up.
  private(set) var padding = 0.0

  /// What is in the place of a target that does not count.
  static let ignored: Int32 = -1

  /// Packs documents in their order: a document that does not fit into what is left of a window
  /// begins the next.
  ///
  /// - Parameters:
  ///   - tokens: their tokens, one document after another.
  ///   - documents: how long they are.
  ///   - context: the tokens of a window.
  ///   - sharing: whether several share a window.
  init(
    _ tokens: TokenSequence, _ documents: [TextDocument], context: Int, sharing: Bool
  ) {
    (self.tokens, self.context) = (tokens, context)
    var (pieces, starts): ([Piece], [Int]) = ([], [])
    var (place, room, used) = (0, 0, 0)
    for document in documents {
      defer { place += document.count }
      let piece = Piece(
        start: place, count: min(document.count, context + 1), first: max(1, document.prompt))
      if piece.first >= piece.count {
        leftOut += 1
        continue
      }
      if piece.count < document.count { cut += 1 }
      let inputs = piece.count - 1
      if !sharing || inputs > room {
        starts.append(pieces.count)
        room = context
      }
      room -= inputs
      used += inputs
      targets += piece.count - piece.first
      pieces.append(piece)
    }
    if !starts.isEmpty { padding = 1 - Double(used) / (Double(starts.count) * Double(context)) }
    starts.append(pieces.count)
    (self.pieces, self.starts) = (pieces, starts)
  }

  /// How many windows there are.
  var count: Int { starts.count - 1 }

  /// Some windows, as long as the longest of them needs.
  func batch(_ windows: [Int]) -> (inputs: IndexTensor, targets: IndexTensor, counted: Int) {
    func pieces(_ window: Int) -> ArraySlice<Piece> {
      self.pieces[starts[window]..<starts[window + 1]]
    }
    let length = windows.map { pieces($0).reduce(0) { $0 + $1.count - 1 } }.max() ?? 0
    var inputs = [Int32](repeating: 0, count: windows.count * length)
    var targets = [Int32](repeating: Self.ignored, count: windows.count * length)
    var counted = 0
    for (row, window) in windows.enumerated() {
      var place = row * length
      for piece in pieces(window) {
        let own = tokens.array(piece.start..<piece.start + piece.count)
        for index in 1..<piece.count {
          inputs[place] = own[index - 1]
          if index >= piece.first {
            targets[place] = own[index]
            counted += 1
          }
          place += 1
        }
      }
    }
    let shape = [windows.count, length]
    return (
      IndexTensor(shape: shape, scalars: inputs), IndexTensor(shape: shape, scalars: targets),
      counted
    )
  }

  /// A line about what became of the documents.
  var summary: String {
    let count = Amount.count(pieces.count, "document")
    var text = "\(count) in \(Amount.count(self.count, "window")) of \(context) tokens"
    text += ", \(Int((padding * 100).rounded())) % of them filled up"
    if cut > 0 { text += "; \(Amount.count(cut)) cut at the end" }
    if leftOut > 0 {
      text += "; \(Amount.count(leftOut)) left out, as nothing to learn is within a window"
    }
    return text
  }
}

extension TextDataset {
  /// The windows of a part, where they begin with documents; nil for a running text.
  ///
  /// Throws `.unsuitable` where there are none.
  func documentWindows(context: Int, part: Part) throws(DataError) -> DocumentWindows? {
    if packing == .stream { return nil }
    if context < 1 { throw DataError.unsuitable("a context of \(context) tokens is too short") }
    let own = part == .training ? documents.training : documents.validation
    let windows = DocumentWindows(
      tokens(of: part), own, context: context, sharing: packing == .several)
    if own.isEmpty {
      throw .unsuitable(
        "there are no documents for \(part.rawValue); give more, or change the validation fraction")
    }
    if windows.count == 0 {
      throw .unsuitable(
        "of no document for \(part.rawValue) is anything to learn within a context of \(context) "
          + "tokens; make data.context longer, or prompts shorter")
    }
    return windows
  }
}
