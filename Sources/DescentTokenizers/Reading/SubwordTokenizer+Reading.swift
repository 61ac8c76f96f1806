import DescentFiles
import Foundation

extension SubwordTokenizer {
  /// The name of such a file in the folder of a model.
  public static let fileName = "tokenizer.json"
  /// The largest known are below 40 MB.
  private static let limit = 1 << 29

  /// Reads a `tokenizer.json`, or the one in a folder.
  ///
  /// - Throws: ``TokenizerError``.
  public init(path: String) throws(TokenizerError) {
    let (bytes, file) = try Self.file(at: path)
    try self.init(json: bytes, path: file)
  }

  /// The bytes of a file, or of the `tokenizer.json` of a folder, and its path.
  ///
  /// - Throws: ``TokenizerError``.
  package static func file(
    at path: String
  ) throws(TokenizerError) -> (bytes: [UInt8], path: String) {
    var isFolder: ObjCBool = false
    let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    let file =
      exists && isFolder.boolValue
      ? (path.hasSuffix("/") ? path : path + "/") + Self.fileName : path
    do throws(FileError) {
      let input = try InputFile(path: file)
      if input.count > Self.limit {
        throw FileError.unreadable(
          path: file, reason: "it is larger than \(Self.limit >> 20) MiB, which no tokenizer is")
      }
      return (try input.bytes(0..<input.count), file)
    } catch {
      if case .missing = error { throw .missingFile(path: file) }
      throw .unreadable(path: file, reason: error.reason)
    }
  }

  /// Reads the bytes of a `tokenizer.json`; `path` is what messages call it.
  ///
  /// - Throws: ``TokenizerError/malformed(path:problem:)``.
  public init(json: [UInt8], path: String) throws(TokenizerError) {
    do {
      self = try Self.read(json)
    } catch let error as Defect {
      throw .malformed(path: path, problem: error.problem)
    } catch JSONFailure.syntax(let problem, let byte) {
      throw .malformed(path: path, problem: "\(problem) at byte \(byte)")
    } catch JSONFailure.duplicateKey(let key, _, let byte) {
      throw .malformed(path: path, problem: "“\(key)” stands twice, again at byte \(byte)")
    } catch {
      throw .malformed(path: path, problem: "it cannot be read")
    }
  }

  /// Whether bytes look like such a file, and not like another JSON.
  public static func describes(_ json: [UInt8]) -> Bool {
    var (hasModel, parser) = (false, JSONParser(text: json))
    // What stands behind the model need not be looked at.
    struct Found: Error {}
    try? parser.members(depth: 0) { parser, key in
      if key == "model" {
        hasModel = true
        throw Found()
      }
      if key == "added_tokens" {
        try parser.elements { parser in _ = try parser.value(depth: 2) }
      } else {
        _ = try parser.value(depth: 1)
      }
    }
    return hasModel
  }

  private static func read(_ json: [UInt8]) throws -> SubwordTokenizer {
    if String(validating: json, as: UTF8.self) == nil { throw Defect("it is not text in UTF-8") }
    var parser = JSONParser(text: json)
    var members: [String: JSON] = [:]
    var added: [JSON] = []
    var model: ModelReader?
    try parser.members(depth: 0) { parser, key in
      switch key {
      case "model": model = try ModelReader(&parser)
      case "added_tokens" where !parser.begins(with: "n"):
        try parser.elements { parser in added.append(try parser.value(depth: 2)) }
      default: members[key] = try parser.value(depth: 1)
      }
    }
    try parser.end()
    guard let model else { throw Defect("it has no “model”") }
    return try assembled(json, model, added) { key throws(Defect) in
      try Section(members[key], key.replacing("_", with: "-"))
    }
  }

  private static func assembled(
    _ json: [UInt8], _ reader: ModelReader, _ added: [JSON],
    _ section: (String) throws(Defect) -> Section?
  ) throws(Defect) -> SubwordTokenizer {
    let normalizers = try Normalizer.read(try section("normalizer"))
    var preTokenizers = try PreTokenizer.read(try section("pre_tokenizer"))
    // Where bytes are written as characters last, the model takes them as they are.
    var takesBytes = false
    if case .bytes = preTokenizers.last, reader.canTakeBytes,
      !preTokenizers.dropLast().contains(where: { if case .bytes = $0 { true } else { false } })
    {
      preTokenizers.removeLast()
      takesBytes = true
    }
    let model = try reader.model(takesBytes: takesBytes)
    var tokens = AddedTokens(model.vocabulary)
    for value in added { try tokens.add(value) }
    let texts = try tokens.texts(normalizers, model.vocabulary)
    let length = try Length(
      truncation: try section("truncation"), padding: try section("padding"))
    return SubwordTokenizer(
      json: json, model: model, addedTokens: tokens.decodable(texts), texts: texts,
      parts: Parts(
        normalizers: normalizers, preTokenizers: preTokenizers,
        postProcessors: try PostProcessor.read(try section("post_processor")),
        decoders: try DecodingStep.read(try section("decoder")), length: length,
        plainTokens: tokens.finder(isNormalized: false, texts),
        normalizedTokens: tokens.finder(isNormalized: true, texts)))
  }
}

/// The added tokens of a file, with the ids that the reference gives them: that of the model's token
/// with the same text, or the next that is free.
private struct AddedTokens {
  private let vocabulary: Vocabulary
  private var tokens: [Int32: AddedToken] = [:]
  private var ids: [String: Int32] = [:]
  private var next: Int32

  init(_ vocabulary: Vocabulary) {
    self.vocabulary = vocabulary
    next = Int32((0..<vocabulary.size).count { vocabulary.tokens.has($0) })
  }

  mutating func add(_ value: JSON) throws(Defect) {
    guard let section = try Section(value, "added token") else {
      throw Defect("an added token is null")
    }
    let content = try section.text("content")
    if content.isEmpty { return }
    // Strings that Swift calls equal may have other scalars, and are other tokens.
    let key = content.utf8.map { String($0) }.joined(separator: " ")
    var id = ids[key] ?? vocabulary.id(of: content)
    if id == nil {
      id = next
      next += 1
    }
    guard let id else { return }
    ids[key] = id
    let isSpecial = try section.flag("special", default: false)
    tokens[id] = AddedToken(
      id: id, content: content, isSingleWord: try section.flag("single_word", default: false),
      stripsLeft: try section.flag("lstrip", default: false),
      stripsRight: try section.flag("rstrip", default: false),
      isNormalized: try section.flag("normalized", default: !isSpecial), isSpecial: isSpecial)
  }

  /// The texts of all tokens, those that are normalized as they are looked for.
  func texts(
    _ normalizers: [Normalizer], _ vocabulary: Vocabulary
  ) throws(Defect) -> ByteStrings {
    var texts = vocabulary.tokens
    texts.extend(to: Int(tokens.keys.max() ?? -1) + 1)
    var workspace = Pattern.Workspace()
    for (id, token) in tokens.sorted(by: { $0.key < $1.key }) {
      var text = Array(token.content.utf8)
      workspace.begin(text.count)
      if token.isNormalized { try Normalizer.apply(normalizers, to: &text, &workspace) }
      texts.set(Int(id), to: text)
    }
    return texts
  }

  /// The tokens by id. As in the reference, one that normalizing has changed is never left out.
  func decodable(_ texts: ByteStrings) -> [Int32: AddedToken] {
    tokens.mapValues { token in
      AddedToken(
        id: token.id, content: token.content, isSingleWord: token.isSingleWord,
        stripsLeft: token.stripsLeft, stripsRight: token.stripsRight,
        isNormalized: token.isNormalized,
        isSpecial: token.isSpecial && texts[Int(token.id)] == Array(token.content.utf8))
    }
  }

  func finder(isNormalized: Bool, _ texts: ByteStrings) -> AddedTokenFinder {
    let some = tokens.values.filter { $0.isNormalized == isNormalized }.sorted { $0.id < $1.id }
    return AddedTokenFinder(some.map { ($0, texts[Int($0.id)]) })
  }
}
