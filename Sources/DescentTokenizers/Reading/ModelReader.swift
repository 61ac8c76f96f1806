import DescentFiles

/// The model of a `tokenizer.json`, which may hold hundreds of thousands of tokens and merges: they
/// are read without a value for each.
struct ModelReader {
  /// What is said besides tokens and merges.
  private var members: [(key: String, value: JSON)] = []
  /// Tokens one after another, and where each lies with its id.
  private var bytes: [UInt8] = []
  private var places: [(range: Range<Int>, id: Int)] = []
  private var scores: [Double]?
  private var merges: ByteStrings?

  /// An id this far above the number of tokens is a mistake, or an attack on the memory.
  private static let mostGaps = 1 << 16

  /// Reads the object.
  init(_ parser: inout JSONParser) throws {
    var merges: [(Range<Int>, Range<Int>)]?
    var mergeBytes: [UInt8] = []
    try parser.members(depth: 1) { parser, key in
      switch key {
      case "vocab" where parser.begins(with: "["): try readScoredTokens(&parser)
      case "vocab": try readTokens(&parser)
      case "merges": merges = try Self.readMerges(&parser, into: &mergeBytes)
      default: members.append((key, try parser.value(depth: 2)))
      }
    }
    if let merges {
      var texts = ByteStrings(count: merges.count * 2, bytes: mergeBytes)
      for (index, (left, right)) in merges.enumerated() {
        texts.set(2 * index, to: left)
        texts.set(2 * index + 1, to: right)
      }
      self.merges = texts
    }
  }

  private mutating func readTokens(_ parser: inout JSONParser) throws {
    try parser.expect("{")
    if parser.skip("}") { return }
    repeat {
      let start = bytes.count
      try parser.string(into: &bytes)
      try parser.expect(":")
      guard case .number(let text) = try parser.value(depth: 3), let id = Int(text), id >= 0 else {
        throw Defect("the token “\(name(start..<bytes.count))” has no id from 0 on")
      }
      places.append((start..<bytes.count, id))
    } while parser.skip(",")
    try parser.expect("}")
  }

  private func name(_ range: Range<Int>) -> String {
    String(decoding: bytes[range].prefix(100), as: UTF8.self)
  }

  private mutating func readScoredTokens(_ parser: inout JSONParser) throws {
    var scores: [Double] = []
    try parser.expect("[")
    if !parser.skip("]") {
      repeat {
        try parser.expect("[")
        let start = bytes.count
        try parser.string(into: &bytes)
        try parser.expect(",")
        guard case .number(let text) = try parser.value(depth: 4),
          let score = Self.score(text), score.isFinite
        else { throw Defect("the token “\(name(start..<bytes.count))” has no score") }
        try parser.expect("]")
        places.append((start..<bytes.count, scores.count))
        scores.append(score)
      } while parser.skip(",")
      try parser.expect("]")
    }
    self.scores = scores
  }

  /// A number as the reference reads it: its digits first, then a power of ten, rounded twice. Which
  /// of two paths of equal scores is taken hangs on the last bit.
  static func score(_ text: String) -> Double? {
    guard let exact = Double(text) else { return nil }
    var (digits, exponent, isFraction, isFull): (UInt64, Int, Bool, Bool) = (0, 0, false, false)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "."): isFraction = true
      case UInt8(ascii: "0")...UInt8(ascii: "9"):
        let (tens, isTooLarge) = digits.multipliedReportingOverflow(by: 10)
        let (next, overflows) = tens.addingReportingOverflow(UInt64(byte - UInt8(ascii: "0")))
        isFull = isFull || isTooLarge || overflows
        if isFull {
          if !isFraction { exponent += 1 }
        } else {
          digits = next
          if isFraction { exponent -= 1 }
        }
      case UInt8(ascii: "e"), UInt8(ascii: "E"):
        let written = text.utf8.drop { $0 != UInt8(ascii: "e") && $0 != UInt8(ascii: "E") }
        guard let more = String(written.dropFirst()).flatMap({ Int($0) }) else { return exact }
        let (sum, overflows) = exponent.addingReportingOverflow(more)
        if overflows { return exact }
        return score(digits, exponent: sum, text, exact)
      default: break
      }
    }
    return score(digits, exponent: exponent, text, exact)
  }

  private static func score(
    _ digits: UInt64, exponent: Int, _ text: String, _ exact: Double
  ) -> Double {
    // Powers of ten are exact as they are written.
    guard abs(exponent) <= 308, let power = Double("1e\(abs(exponent))") else { return exact }
    let value = exponent < 0 ? Double(digits) / power : Double(digits) * power
    return text.hasPrefix("-") ? -value : value
  }

  /// Reads merges, written as `"a b"` or `["a", "b"]`.
  private static func readMerges(
    _ parser: inout JSONParser, into bytes: inout [UInt8]
  ) throws -> [(Range<Int>, Range<Int>)] {
    var merges: [(Range<Int>, Range<Int>)] = []
    try parser.expect("[")
    if parser.skip("]") { return [] }
    repeat {
      let start = bytes.count
      if parser.skip("[") {
        try parser.string(into: &bytes)
        let middle = bytes.count
        try parser.expect(",")
        try parser.string(into: &bytes)
        try parser.expect("]")
        merges.append((start..<middle, middle..<bytes.count))
      } else {
        try parser.string(into: &bytes)
        let space = UInt8(ascii: " ")
        let text = bytes[start...]
        if text.starts(with: "#version".utf8) { continue }
        guard let middle = text.firstIndex(of: space),
          text[(middle + 1)...].firstIndex(of: space) == nil
        else {
          throw Defect("its merge \(merges.count + 1) is not two tokens with a space between")
        }
        merges.append((start..<middle, middle + 1..<bytes.count))
      }
    } while parser.skip(",")
    try parser.expect("]")
    return merges
  }

  // MARK: What was read

  /// The model; `takesBytes` says that words may come as bytes.
  func model(takesBytes: Bool) throws(Defect) -> Model {
    guard let section = try Section(.object(members), "model") else { throw Defect("no model") }
    let vocabulary = try vocabulary()
    let type = try section.optionalText("type") ?? guessedType(section)
    if (scores != nil) != (type == "Unigram"), Model.known.contains(type) {
      throw Defect("the vocabulary of its model is not that of a \(type)")
    }
    switch type {
    case "BPE":
      guard let merges else { throw Defect("its model has no merges") }
      var options = BytePairEncoding.Options()
      options.unknown = try section.optionalText("unk_token")
      options.prefix = try section.optionalText("continuing_subword_prefix") ?? ""
      options.suffix = try section.optionalText("end_of_word_suffix") ?? ""
      options.fusesUnknown = try section.flag("fuse_unk", default: false)
      options.fallsBackToBytes = try section.flag("byte_fallback", default: false)
      options.ignoresMerges = try section.flag("ignore_merges", default: false)
      if case .number(let text) = section.value("dropout"), Double(text) != 0 {
        throw Defect("its model leaves out merges at random (dropout \(text))")
      }
      return .bytePairs(
        try BytePairEncoding(
          vocabulary, merges: merges, options: options, takesBytes: takesBytes))
    case "WordPiece":
      return .wordPiece(
        WordPiece(
          vocabulary: vocabulary, unknown: try section.optionalText("unk_token") ?? "[UNK]",
          prefix: try section.optionalText("continuing_subword_prefix") ?? "##",
          longestWord: try section.count("max_input_chars_per_word") ?? 100))
    case "WordLevel":
      return .wordLevel(
        WordLevel(
          vocabulary: vocabulary, unknown: try section.optionalText("unk_token") ?? "<unk>"))
    case "Unigram":
      return .unigram(
        try Unigram(
          vocabulary, scores: scores ?? [], unknown: try section.count("unk_id"),
          fallsBackToBytes: try section.flag("byte_fallback", default: false)))
    default: throw Defect(unknown: "model", type, known: Model.known)
    }
  }

  /// Old files do not say what their model is.
  private func guessedType(_ section: Section) -> String {
    if scores != nil { return "Unigram" }
    if merges != nil { return "BPE" }
    return section.value("max_input_chars_per_word") == nil ? "WordLevel" : "WordPiece"
  }

  /// Whether it is byte-pair encoding whose words are nothing but their characters.
  var canTakeBytes: Bool {
    merges != nil
      && ["continuing_subword_prefix", "end_of_word_suffix"].allSatisfy { key in
        switch members.first(where: { $0.key == key })?.value {
        case nil, .null, .string(""): true
        default: false
        }
      }
  }

  private func vocabulary() throws(Defect) -> Vocabulary {
    let highest = places.max { $0.id < $1.id }.map(\.id) ?? -1
    if highest >= places.count * 8 + Self.mostGaps {
      throw Defect("its vocabulary has \(places.count) tokens, and ids up to \(highest)")
    }
    var tokens = ByteStrings(count: highest + 1, bytes: bytes)
    for (range, id) in places {
      if tokens.has(id) {
        let other = String(decoding: tokens[id], as: UTF8.self)
        throw Defect("the tokens “\(other)” and “\(name(range))” have the same id \(id)")
      }
      tokens.set(id, to: range)
    }
    return try Vocabulary(tokens)
  }
}
