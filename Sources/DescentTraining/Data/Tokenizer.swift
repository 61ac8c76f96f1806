import DescentCompute
import DescentTokenizers
import Foundation

/// How text becomes tokens and back.
///
/// It is saved with a run as JSON: `{"kind":"byte"}`, `{"kind":"char","characters":"…"}`, or the
/// model's own `tokenizer.json`. Bytes of a text without line breaks have a `start`, with which a sample
/// begins in the place of one.
public enum Tokenizer: Sendable, Equatable {
  /// Every byte of the UTF-8 text is a token: 256 of them, for any text.
  case byte
  /// Every Unicode scalar of the vocabulary is a token, numbered in order.
  case character(CharacterVocabulary)
  /// The tokens of a model that was trained with a `tokenizer.json`.
  case subword(SubwordTokenizer)

  /// The kinds of tokenizers that need no file, by the names that recipes use.
  public enum Kind: String, Sendable, CaseIterable, Codable {
    /// One token a byte.
    case byte
    /// One token a Unicode scalar that occurs in the text.
    case character = "char"
  }

  /// Which kind this is; nil for one of a file.
  public var kind: Kind? {
    switch self {
    case .byte: .byte
    case .character: .character
    case .subword: nil
    }
  }

  /// What a token is called.
  var unit: String {
    switch self {
    case .byte: "byte"
    case .character: "character"
    case .subword: "token"
    }
  }

  /// The number of different tokens: one more than the highest.
  public var vocabularySize: Int {
    switch self {
    case .byte: 256
    case .character(let vocabulary): vocabulary.scalars.count
    case .subword(let tokenizer): tokenizer.vocabularySize
    }
  }

  /// The tokens of `text`; no special tokens are added to them.
  ///
  /// Throws `.unsuitable` if a character is not in the vocabulary.
  public func encode(_ text: String) throws(DataError) -> [Int32] {
    switch self {
    case .byte: return text.utf8.map { Int32($0) }
    case .character(let vocabulary): return try vocabulary.encode(text)
    case .subword(let tokenizer):
      do throws(TokenizerError) { return try tokenizer.tokens(of: Array(text.utf8)) } catch {
        throw DataError(error)
      }
    }
  }

  /// The text of `tokens`. Bytes that are not UTF-8 become “�”; special tokens are left out.
  ///
  /// Throws `.unsuitable` if a token is not in the vocabulary.
  public func decode(_ tokens: [Int32]) throws(DataError) -> String {
    if let wrong = tokens.first(where: { $0 < 0 || $0 >= vocabularySize }) {
      throw DataError.unsuitable(
        "the token \(wrong) is not in the vocabulary of \(vocabularySize) tokens")
    }
    switch self {
    case .byte: return String(decoding: tokens.map { UInt8($0) }, as: UTF8.self)
    case .character(let vocabulary):
      var text = String.UnicodeScalarView()
      for token in tokens { text.append(vocabulary.scalars[Int(token)]) }
      return String(text)
    case .subword(let tokenizer):
      do throws(TokenizerError) { return try tokenizer.decode(tokens) } catch {
        throw DataError(error)
      }
    }
  }
}

/// A sorted set of Unicode scalars.
public struct CharacterVocabulary: Sendable, Equatable {
  /// The scalars; a token is an index into them.
  public let scalars: [Unicode.Scalar]
  private let tokens: [Unicode.Scalar: Int32]

  /// The scalars that occur in `text`.
  public init(of text: String) {
    scalars = Set(text.unicodeScalars).sorted()
    tokens = Dictionary(uniqueKeysWithValues: scalars.enumerated().map { ($1, Int32($0)) })
  }

  func encode(_ text: String) throws(DataError) -> [Int32] {
    var result: [Int32] = []
    result.reserveCapacity(text.utf8.count)
    // Most text is mostly ASCII, which a table serves faster than a dictionary.
    let ascii = (0..<128).map { tokens[Unicode.Scalar(UInt8($0))] ?? -1 }
    for scalar in text.unicodeScalars {
      let token = scalar.isASCII ? ascii[Int(scalar.value)] : tokens[scalar] ?? -1
      if token < 0 {
        throw DataError.unsuitable(
          "the character \(Self.name(of: scalar)) is not in the vocabulary of "
            + "\(scalars.count) characters")
      }
      result.append(token)
    }
    return result
  }

  fileprivate static func name(of scalar: Unicode.Scalar) -> String {
    let code = String(scalar.value, radix: 16, uppercase: true)
    let padded = String(repeating: "0", count: max(0, 4 - code.count)) + code
    let isVisible = scalar.properties.generalCategory != .control
    return (isVisible ? "“\(scalar)” " : "") + "(U+\(padded))"
  }
}

extension Tokenizer: Codable {
  private enum CodingKeys: String, CodingKey {
    case kind
    case characters
  }

  /// Reads what `encode(to:)` writes.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    switch try container.decode(Kind.self, forKey: .kind) {
    case .byte: self = .byte
    case .character:
      let text = try container.decode(String.self, forKey: .characters)
      if let problem = CharacterVocabulary.problem(with: text) {
        throw DecodingError.dataCorruptedError(
          forKey: .characters, in: container, debugDescription: problem)
      }
      self = .character(CharacterVocabulary(of: text))
    }
  }

  /// Writes the kind and, for characters, all of them as one string.
  ///
  /// Throws for a tokenizer that is a file of its own; ``json`` is that file.
  public func encode(to encoder: any Encoder) throws {
    guard let kind else {
      throw EncodingError.invalidValue(
        self, .init(codingPath: encoder.codingPath, debugDescription: "it is a file of its own"))
    }
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(kind, forKey: .kind)
    if case .character(let vocabulary) = self {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: vocabulary.scalars)
      try container.encode(String(text), forKey: .characters)
    }
  }
}

extension CharacterVocabulary {
  /// What is wrong with the characters of a saved vocabulary: nil, or the end of a sentence.
  fileprivate static func problem(with text: String) -> String? {
    var last: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      if let last, last == scalar { return "the character \(name(of: scalar)) twice" }
      if let last, last > scalar {
        return "\(name(of: scalar)) after \(name(of: last)), out of order"
      }
      last = scalar
    }
    return last == nil ? "no characters" : nil
  }
}

// MARK: The file of a run

extension Tokenizer {
  /// The most bytes of a `tokenizer.json`.
  private static let limit = 512 << 20

  /// What the `tokenizer.json` of a run holds.
  ///
  /// - Parameter start: the byte with which samples begin; nil for a line break.
  func json(start: Int32? = nil) throws -> String {
    if let start, self == .byte { return #"{"kind":"byte","start":\#(start)}"# }
    if case .subword(let tokenizer) = self {
      return String(decoding: tokenizer.json, as: UTF8.self)
    }
    let encoder = JSONEncoder()
    // The same bytes each time.
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }

  /// Reads the `tokenizer.json` of a run, or of a model.
  ///
  /// - Throws: ``DataError`` for a file that is missing or holds no tokenizer.
  public init(contentsOf file: URL) throws(DataError) {
    let path = file.relativePath
    let text = try TextFile.read(
      path, upTo: Self.limit,
      advice:
        "tokens cannot be turned into text without it; a model that a run of characters or bytes was "
        + "exported as has none: use the run itself")
    let bytes = Array(text.utf8)
    try self.init(bytes, path, isModels: SubwordTokenizer.describes(bytes))
  }

  /// Reads what `data.tokenizer` names: a `tokenizer.json`, or the folder of a model or a run that has one.
  ///
  /// - Throws: ``DataError``.
  public init(path: String) throws(DataError) {
    let file: (bytes: [UInt8], path: String)
    do throws(TokenizerError) { file = try SubwordTokenizer.file(at: path) } catch {
      guard case .missingFile(let path) = error else { throw DataError(error) }
      throw .missingFile(
        path: path,
        advice: "a tokenizer is byte, char, or the path of a tokenizer.json or of a folder with one"
      )
    }
    struct OfRun: Decodable { let kind: String }
    // The reader of models' files says what is wrong with what is neither.
    let isModels =
      SubwordTokenizer.describes(file.bytes)
      || (try? JSONDecoder().decode(OfRun.self, from: Data(file.bytes))) == nil
    try self.init(file.bytes, file.path, isModels: isModels)
  }

  private init(_ bytes: [UInt8], _ path: String, isModels: Bool) throws(DataError) {
    if isModels {
      do throws(TokenizerError) {
        self = .subword(try SubwordTokenizer(json: bytes, path: path))
      } catch { throw DataError(error) }
      return
    }
    do {
      self = try JSONDecoder().decode(Tokenizer.self, from: Data(bytes))
    } catch {
      throw .malformed(
        path: path, expected: #"a tokenizer such as {"kind":"byte"}"#, found: Self.found(error))
    }
  }

  /// Whether its tokens mean what those of another do; files of subwords may differ in what changes none.
  func hasTokens(of other: Tokenizer) -> Bool {
    guard case (.subword(let own), .subword(let others)) = (self, other) else {
      return self == other
    }
    return own == others
      || own.vocabularySize == others.vocabularySize
        && (0..<Int32(own.vocabularySize)).allSatisfy { own.token($0) == others.token($0) }
  }

  /// What its tokens are, in words: `74 characters`.
  var inWords: String {
    switch self {
    case .byte: "bytes"
    case .character: Amount.count(vocabularySize, unit)
    case .subword: "\(Amount.count(vocabularySize, unit)) of a tokenizer.json"
    }
  }

  /// With what samples of a run begin whose model has seen no line break; nil where it has, or is not one of
  /// bytes.
  static func start(in file: URL) -> Int32? {
    struct Saved: Decodable { let kind: Kind, start: UInt8? }
    guard let data = try? Data(contentsOf: file),
      let saved = try? JSONDecoder().decode(Saved.self, from: data), saved.kind == .byte
    else { return nil }
    return saved.start.map { Int32($0) }
  }

  private static func found(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .dataCorrupted(let context) where context.codingPath.last?.stringValue == "characters":
      return context.debugDescription
    case .dataCorrupted(let context) where !context.codingPath.isEmpty:
      return "a kind other than " + Kind.allCases.map(\.rawValue).joined(separator: " and ")
    case .keyNotFound(let key, _): return "no “\(key.stringValue)”"
    case .typeMismatch(_, let context) where context.codingPath.isEmpty: return "other JSON"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
      return "no text under “\(context.codingPath.last?.stringValue ?? "")”"
    default: return "text that is not JSON"
    }
  }
}

extension DataError {
  /// What is wrong with a tokenizer's file, or with a text for it.
  init(_ error: TokenizerError) {
    switch error {
    case .missingFile(let path): self = .missingFile(path: path)
    case .unreadable(let path, let reason): self = .unreadable(path: path, reason: reason)
    case .malformed(let path, let problem): self = .unreadable(path: path, reason: problem)
    case .unknownID, .unencodable, .untrainable:
      let sentence = "\(error)"
      self = .unsuitable(String(sentence.prefix(1).lowercased() + sentence.dropFirst().dropLast()))
    }
  }
}
