/// A step from tokens to text.
enum DecodingStep: Sendable {
  case bytes
  case byteFallback
  case fuse
  case strip(UInt32, start: Int, stop: Int)
  case replace(Pattern, with: [UInt8])
  case metaspace(UInt32, stripsFirst: Bool)
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  case suffix(Pattern)

  private static let known = [
    "BPEDecoder", "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip",
    "WordPiece",
  ]

  /// The steps that a section describes.
  static func read(_ section: Section?) throws(Defect) -> [DecodingStep] {
    guard let section else { return [] }
    let type = try section.type()
    switch type {
    case "Sequence":
      var steps: [DecodingStep] = []
      for part in try section.sections("decoders") { steps += try read(part) }
      return steps
    case "ByteLevel": return [.bytes]
    case "ByteFallback": return [.byteFallback]
    case "Fuse": return [.fuse]
    case "Strip":
      return [
        .strip(
          try section.scalar("content").value, start: try section.count("start") ?? 0,
          stop: try section.count("stop") ?? 0)
      ]
    case "Replace":
      return [
        .replace(try section.pattern("pattern"), with: Array(try section.text("content").utf8))
      ]
    case "Metaspace":
      let scheme = try section.optionalText("prepend_scheme") ?? "always"
      let hasPrefix = try section.flag("add_prefix_space", default: true)
      return [
        .metaspace(
          try section.scalar("replacement").value, stripsFirst: hasPrefix && scheme != "never")
      ]
    case "WordPiece":
      return [
        .wordPiece(
          prefix: Array((try section.optionalText("prefix") ?? "##").utf8),
          cleansUp: try section.flag("cleanup", default: true))
      ]
    case "BPEDecoder":
      return [.suffix(try Pattern(literal: try section.optionalText("suffix") ?? "</w>"))]
    default: throw Defect(unknown: "decoder", type, known: known)
    }
  }

  /// What becomes of tokens; the parts together are the text.
  func apply(to tokens: [[UInt8]]) throws(Defect) -> [[UInt8]] {
    var tokens = tokens
    switch self {
    case .bytes:
      let bytes = tokens.flatMap { ByteAlphabet.read($0) ?? $0 }
      return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
    case .byteFallback: return Self.joiningBytes(tokens)
    case .fuse: return [Array(tokens.joined())]
    case .strip(let character, let start, let stop):
      for index in tokens.indices {
        tokens[index] = Self.stripped(tokens[index], of: character, start, stop)
      }
    case .replace(let pattern, let bytes):
      var workspace = Pattern.Workspace()
      for index in tokens.indices {
        tokens[index] = try Normalizer.replacing(
          pattern, with: bytes, in: tokens[index], &workspace)
      }
    case .metaspace(let character, let stripsFirst):
      var mark: [UInt8] = []
      mark.append(scalar: character)
      for index in tokens.indices {
        var text: [UInt8] = []
        for value in tokens[index].scalars {
          if value != character {
            text.append(scalar: value)
          } else if index > 0 || !stripsFirst {
            text.append(0x20)
          }
        }
        tokens[index] = text
      }
    case .wordPiece(let prefix, let cleansUp):
      for index in tokens.indices {
        if index > 0 {
          if tokens[index].starts(with: prefix) {
            tokens[index].removeFirst(prefix.count)
          } else {
            tokens[index].insert(0x20, at: 0)
          }
        }
        if cleansUp { tokens[index] = Self.cleanedUp(tokens[index]) }
      }
    case .suffix(let pattern):
      var workspace = Pattern.Workspace()
      for index in tokens.indices {
        tokens[index] = try Normalizer.replacing(
          pattern, with: index == tokens.count - 1 ? [] : [0x20], in: tokens[index], &workspace)
      }
    }
    return tokens
  }

  /// Each row of tokens `<0x..>` becomes its text, or “�” for each if it is none.
  private static func joiningBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var (result, bytes): ([[UInt8]], [UInt8]) = ([], [])
    func flush() {
      if bytes.isEmpty { return }
      if String(validating: bytes, as: UTF8.self) != nil {
        result.append(bytes)
      } else {
        for _ in bytes { result.append(Array("\u{FFFD}".utf8)) }
      }
      bytes = []
    }
    for token in tokens {
      if let byte = byte(of: token) {
        bytes.append(byte)
      } else {
        flush()
        result.append(token)
      }
    }
    flush()
    return result
  }

  /// The byte that a token `<0x..>` stands for.
  private static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: Array("<0x".utf8)), token[5] == UInt8(ascii: ">")
    else { return nil }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  private static func stripped(
    _ token: [UInt8], of character: UInt32, _ start: Int, _ stop: Int
  ) -> [UInt8] {
    let scalars = token.scalars
    var (first, end) = (0, scalars.count)
    while first < min(start, scalars.count), scalars[first] == character { first += 1 }
    while scalars.count - end < stop, end > first, scalars[end - 1] == character { end -= 1 }
    var result: [UInt8] = []
    for value in scalars[first..<end] { result.append(scalar: value) }
    return result
  }

  /// The reference's way to join words and punctuation, one replacement after another.
  private static func cleanedUp(_ token: [UInt8]) -> [UInt8] {
    let replacements = [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"),
      (" 'm", "'m"), (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ]
    var result = token
    for (old, new) in replacements {
      result = Self.replacing(Array(old.utf8), Array(new.utf8), result)
    }
    return result
  }

  private static func replacing(
    _ old: [UInt8], _ new: [UInt8], _ text: [UInt8]
  ) -> [UInt8] {
    var (result, index): ([UInt8], Int) = ([], 0)
    while index < text.count {
      if text[index...].starts(with: old) {
        result += new
        index += old.count
      } else {
        result.append(text[index])
        index += 1
      }
    }
    return result
  }
}
