import DescentCompute
import DescentFiles
import Foundation

/// The tokens of texts in a file, so that they need neither be made again nor fit into memory.
///
/// ```
/// byte 0    "descent-tokens-1", which says what the file is
///      16   UInt32: the bytes of a token, 2 or 4       20  UInt32: CRC-32C of all behind byte 64
///      24   UInt64: the number of tokens               32  UInt64: the number of documents
///      40   UInt64: the bytes of the description       48  zeros
///      60   UInt32: CRC-32C of the 60 bytes before
///      64   the tokens; two UInt64 for each document, its tokens and those of its prompt; the
///           description as JSON
/// ```
/// All numbers are little-endian. The file appears whole or not at all.
struct TokenCache {
  let path: String
  /// What the tokens follow from: the files, the tokenizer, the end of documents.
  let fingerprint: String

  static let (magic, headerSize) = (Array("descent-tokens-1".utf8), 64)

  /// What stands at the end of the file.
  struct Description: Codable {
    var fingerprint: String
    /// The texts to train on, and those to validate on where they are others.
    var parts: [Part] = []
    /// Nil for one of a file of its own.
    var tokenizer: Tokenizer?

    struct Part: Codable {
      var tokens: Int
      var documents: Int
      var counts: TextCounts
    }
  }

  /// What a file holds.
  enum Content {
    case tokens([TextPart], Tokenizer?)
    /// There is no such file, or an empty one.
    case none
    /// It is to be made anew, for this reason.
    case unusable(String)
  }

  /// Reads the file.
  ///
  /// - Parameter vocabulary: the size of the vocabulary, where the file does not say the tokenizer.
  /// - Throws: ``DataError`` for a file that is something else, and must not be replaced.
  func read(vocabulary: Int?) throws(DataError) -> Content {
    let file: MappedFile
    do throws(FileError) {
      let input = try InputFile(path: path)
      if input.count == 0 { return .none }
      file = try MappedFile(input)
    } catch {
      if case .missing = error { return .none }
      throw .unreadable(path: path, reason: error.reason)
    }
    let bytes = Bytes(file: file)
    guard bytes.starts(with: Self.magic) else {
      throw .malformed(
        path: path, expected: "tokens for data.cache",
        found: "something else, which is left as it is; name another file")
    }
    let damaged = Content.unusable("was damaged")
    guard let header = bytes.header,
      let description = try? JSONDecoder().decode(
        Description.self, from: Data(bytes[header.description]))
    else { return damaged }
    if description.fingerprint != fingerprint {
      return .unusable("was made from other texts or by another tokenizer")
    }
    guard bytes.checksum == header.checksum,
      let size = description.tokenizer?.vocabularySize ?? vocabulary
    else { return damaged }
    var (token, document, parts) = (0, 0, [TextPart]())
    let tokens = TokenSequence(
      TokenFile(
        file: file, offset: Self.headerSize, width: header.width, count: header.tokens))
    for part in description.parts {
      guard part.tokens > 0, part.documents > 0, part.tokens <= header.tokens - token,
        part.documents <= header.documents - document
      else { return damaged }
      let documents = bytes.documents(header, document..<document + part.documents)
      guard let documents, documents.reduce(0, { $0 + $1.count }) == part.tokens else {
        return damaged
      }
      let own = tokens.part(token..<token + part.tokens)
      var isKnown = true
      own.forEachToken { if $0 < 0 || $0 >= size { isKnown = false } }
      if !isKnown { return damaged }
      parts.append(TextPart(tokens: own, documents: documents, counts: part.counts))
      (token, document) = (token + part.tokens, document + part.documents)
    }
    return parts.isEmpty ? damaged : .tokens(parts, description.tokenizer)
  }

  /// The bytes of such a file.
  private struct Bytes {
    let file: MappedFile

    struct Header {
      let width: Int
      let checksum: UInt32
      let (tokens, documents): (Int, Int)
      let table: Int
      let description: Range<Int>
    }

    subscript(_ range: Range<Int>) -> [UInt8] {
      let start = unsafe file.address(of: range.lowerBound, bytes: range.count)
      return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: range.count))
    }

    func starts(with bytes: [UInt8]) -> Bool {
      file.count >= bytes.count && self[0..<bytes.count] == bytes
    }

    func number<N: FixedWidthInteger>(at offset: Int, as: N.Type) -> N {
      let place = unsafe file.address(of: offset, bytes: MemoryLayout<N>.size)
      return N(littleEndian: unsafe place.loadUnaligned(as: N.self))
    }

    /// Nil where the file is not whole.
    var header: Header? {
      guard file.count >= headerSize else { return nil }
      let start = self[0..<60]
      guard CRC32C(of: unsafe start.span.bytes).value == number(at: 60, as: UInt32.self) else {
        return nil
      }
      let width = Int(number(at: 16, as: UInt32.self))
      let counts = [24, 32, 40].map { Int(exactly: number(at: $0, as: UInt64.self)) ?? .max }
      guard width == 2 || width == 4 else { return nil }
      var (place, ends) = (headerSize, [Int]())
      for (count, size) in zip(counts, [width, 16, 1]) {
        guard count <= (file.count - place) / size else { return nil }
        place += count * size
        ends.append(place)
      }
      guard place == file.count else { return nil }
      return Header(
        width: width, checksum: number(at: 20, as: UInt32.self), tokens: counts[0],
        documents: counts[1], table: ends[0], description: ends[1]..<ends[2])
    }

    /// That of all behind the header.
    var checksum: UInt32 {
      var checksum = CRC32C()
      for start in stride(from: headerSize, to: file.count, by: 1 << 24) {
        let count = min(1 << 24, file.count - start)
        let address = unsafe file.address(of: start, bytes: count)
        checksum.update(unsafe UnsafeRawBufferPointer(start: address, count: count).bytes)
      }
      return checksum.value
    }

    /// Some documents; nil for numbers that cannot be.
    func documents(_ header: Header, _ range: Range<Int>) -> [TextDocument]? {
      var (all, total) = ([TextDocument](), 0)
      all.reserveCapacity(range.count)
      for index in range {
        let place = header.table + 16 * index
        guard let count = Int(exactly: number(at: place, as: UInt64.self)),
          let prompt = Int(exactly: number(at: place + 8, as: UInt64.self)),
          prompt <= count, count <= header.tokens - total
        else { return nil }
        total += count
        all.append(TextDocument(count: count, prompt: prompt))
      }
      return all
    }
  }
}

/// Writes a ``TokenCache``.
final class TokenCacheWriter {
  private var file: OutputFile
  private let path: String
  private let width: Int
  private var offset = TokenCache.headerSize
  private var checksum = CRC32C()
  private var tokens = 0
  private var buffer: [UInt8] = []

  /// Begins the file.
  ///
  /// - Throws: ``DataError/unsuitable(_:)`` where no file can be written there.
  init(_ path: String, vocabulary: Int) throws(DataError) {
    (self.path, width) = (path, vocabulary <= 1 << 16 ? 2 : 4)
    do throws(FileError) { file = try OutputFile(path: path) } catch {
      throw Self.failure(path, error)
    }
  }

  private static func failure(_ path: String, _ error: FileError) -> DataError {
    .unsuitable(
      "the tokens cannot be written to \(path): \(error.reason); name another file as data.cache")
  }

  /// Adds tokens.
  func append(_ more: [Int32]) throws(DataError) {
    tokens += more.count
    buffer.reserveCapacity(buffer.count + more.count * width)
    for token in more {
      let bits = UInt32(bitPattern: token)
      buffer.append(UInt8(truncatingIfNeeded: bits))
      buffer.append(UInt8(truncatingIfNeeded: bits >> 8))
      if width == 4 {
        buffer.append(UInt8(truncatingIfNeeded: bits >> 16))
        buffer.append(UInt8(truncatingIfNeeded: bits >> 24))
      }
    }
    if buffer.count >= 1 << 20 { try flush() }
  }

  private func flush() throws(DataError) {
    checksum.update(unsafe buffer.span.bytes)
    try write(buffer, at: offset)
    offset += buffer.count
    buffer.removeAll(keepingCapacity: true)
  }

  private func write(_ bytes: [UInt8], at offset: Int) throws(DataError) {
    do throws(FileError) { try file.write(unsafe bytes.span.bytes, at: offset) } catch {
      throw Self.failure(path, error)
    }
  }

  /// Ends the file, which then stands under its name.
  func finish(_ documents: [TextDocument], _ description: TokenCache.Description) throws(DataError)
  {
    for document in documents {
      buffer += Self.bytes(UInt64(document.count)) + Self.bytes(UInt64(document.prompt))
      if buffer.count >= 1 << 20 { try flush() }
    }
    // A vocabulary and counts can always be written.
    let encoder = JSONEncoder()
    // The same texts make the same file.
    encoder.outputFormatting = .sortedKeys
    let text = (try? encoder.encode(description)) ?? Data()
    buffer += text
    try flush()
    var header = TokenCache.magic
    header += Self.bytes(UInt32(width)) + Self.bytes(checksum.value)
    for count in [tokens, documents.count, text.count, 0] { header += Self.bytes(UInt64(count)) }
    header += Self.bytes(UInt32(0))
    header += Self.bytes(CRC32C(of: unsafe header.span.bytes).value)
    try write(header, at: 0)
    do throws(FileError) { try file.commit() } catch { throw Self.failure(path, error) }
  }

  private static func bytes(_ number: some FixedWidthInteger) -> [UInt8] {
    (0..<number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }
}
