import DescentCompute
import DescentTokenizers
import Synchronization

/// A document as tokens, its end included.
struct TextDocument: Sendable, Equatable {
  /// Its tokens.
  var count = 0
  /// How many of them, the first, are a prompt.
  var prompt = 0
}

/// What was found while texts became tokens.
struct TextCounts: Sendable, Equatable, Codable {
  /// Whether the documents are prompts with completions.
  var areExamples = false
  /// Documents without text, which are left out.
  var empty = 0
  /// Examples whose completion begins within a token.
  var merged = 0
}

/// How texts become tokens: documents one after another, a few megabytes at a time on all threads.
struct TextEncoding {
  let tokenizer: Tokenizer
  /// What stands behind each document, where they stand for themselves.
  let end: DocumentEnd?
  /// What a text consists of, where it holds what the tokenizer cannot write.
  var expected = "text that the tokenizer can write"
  /// The bytes that become tokens by themselves, about.
  var pieceSize = 4 << 20

  /// Something that becomes tokens without what stands around it.
  private enum Job: Sendable {
    case piece(TextCutter.Piece)
    case end
    case record(TextRecord)
  }

  private struct Encoded: Sendable {
    var tokens: [Int32] = []
    var prompt = 0
    var isMerged = false
  }

  /// Encodes all of `files`, and hands the tokens to `sink` in order.
  ///
  /// Throws what reading and `sink` throw, and `.malformed` with the place of what the tokenizer
  /// cannot write.
  func encode(
    _ files: TextFiles, into sink: ([Int32]) throws(DataError) -> Void
  ) throws(DataError) -> (documents: [TextDocument], counts: TextCounts) {
    var (documents, counts) = ([TextDocument](), TextCounts())
    var (document, tail) = (TextDocument(), [Int32]())
    let ending = files.areDocuments ? end?.tokens ?? [] : []
    func add(_ tokens: [Int32]) throws(DataError) {
      if tokens.isEmpty { return }
      document.count += tokens.count
      tail = (tail + tokens.suffix(ending.count)).suffix(ending.count)
      try sink(tokens)
    }
    func finish() throws(DataError) {
      if document.count == 0 {
        counts.empty += 1
      } else {
        // A text may have its end already.
        if tail != ending || ending.isEmpty { try add(ending) }
        documents.append(document)
      }
      (document, tail) = (TextDocument(), [])
    }
    var (jobs, bytes): ([(job: Job, place: TextReader.Place)], Int) = ([], 0)
    func flush() throws(DataError) {
      for (index, result) in try encoded(jobs).enumerated() {
        switch jobs[index].job {
        case .piece: try add(result.tokens)
        case .end: try finish()
        case .record(.text):
          try add(result.tokens)
          try finish()
        case .record(.example):
          counts.areExamples = true
          if result.isMerged { counts.merged += 1 }
          document.prompt = result.prompt
          // An empty completion is one: the end.
          try add(result.tokens)
          try finish()
        }
      }
      (jobs, bytes) = ([], 0)
    }
    func take(_ job: Job, _ size: Int, _ place: TextReader.Place) throws(DataError) {
      jobs.append((job, place))
      bytes += size
      if bytes >= pieceSize.times(ThreadPool.shared.threads) { try flush() }
    }
    var cutter: TextCutter?
    if case .subword(let tokenizer) = tokenizer { cutter = TextCutter(tokenizer, size: pieceSize) }
    var place = TextReader.Place(path: files.path, line: 1)
    var line: Int?
    /// Takes a piece that the cutter has made, which begins at `line`.
    func take(_ piece: TextCutter.Piece) throws(DataError) {
      let start = line ?? place.line
      try take(
        .piece(piece), piece.text.count, TextReader.Place(path: place.path, line: start))
      line = start + piece.text.count { $0 == UInt8(ascii: "\n") }
    }
    try TextReader(files: files, needsUTF8: tokenizer != .byte).forEach {
      (part) throws(DataError) in
      switch part {
      case .piece(let text, let from):
        if line == nil { place = from }
        if cutter == nil {
          try take(.piece(TextCutter.Piece(context: [], text: text)), text.count, from)
        } else {
          if line == nil { line = from.line }
          if let piece = cutter?.append(text) { try take(piece) }
        }
      case .end:
        if let piece = cutter?.finish() { try take(piece) }
        line = nil
        try take(.end, 0, place)
      case .record(let record, let place):
        let size =
          switch record {
          case .text(let text): text.count
          case .example(let prompt, let completion): prompt.count + completion.count
          }
        try take(.record(record), size, place)
      }
    }
    try flush()
    if documents.isEmpty {
      throw .malformed(path: files.path, expected: "text", found: "none: every document is empty")
    }
    return (documents, counts)
  }

  private func encoded(
    _ jobs: [(job: Job, place: TextReader.Place)]
  ) throws(DataError) -> [Encoded] {
    let results = Mutex([Result<Encoded, DataError>?](repeating: nil, count: jobs.count))
    ThreadPool.shared.run(jobs.count) { index in
      let result = Result { () throws(DataError) in try encoded(jobs[index].job) }
      results.withLock { $0[index] = result }
    }
    var all: [Encoded] = []
    all.reserveCapacity(jobs.count)
    for (index, result) in results.withLock({ $0 }).enumerated() {
      guard let result else { continue }
      do throws(DataError) { all.append(try result.get()) } catch {
        throw located(error, jobs[index].job, jobs[index].place)
      }
    }
    return all
  }

  private func encoded(_ job: Job) throws(DataError) -> Encoded {
    switch job {
    case .end: return Encoded()
    case .piece(let piece):
      guard case .subword(let tokenizer) = tokenizer else {
        return Encoded(tokens: try tokens(piece.text))
      }
      do throws(TokenizerError) { return Encoded(tokens: try piece.tokens(by: tokenizer)) } catch {
        throw DataError(error)
      }
    case .record(.text(let text)): return Encoded(tokens: try tokens(text))
    case .record(.example(let prompt, let completion)):
      let (all, start) = (try tokens(prompt + completion), try tokens(prompt))
      // A token with the end of the prompt and the beginning of the completion is to be learned.
      var common = 0
      while common < min(all.count, start.count), all[common] == start[common] { common += 1 }
      return Encoded(tokens: all, prompt: common, isMerged: common < start.count)
    }
  }

  private func tokens(_ text: [UInt8]) throws(DataError) -> [Int32] {
    switch tokenizer {
    case .byte: return text.map { Int32($0) }
    case .character: return try tokenizer.encode(String(decoding: text, as: UTF8.self))
    case .subword(let tokenizer):
      do throws(TokenizerError) { return try tokenizer.tokens(of: text) } catch {
        throw DataError(error)
      }
    }
  }

  /// Says where it is that a text cannot be written.
  private func located(
    _ error: DataError, _ job: Job, _ place: TextReader.Place
  ) -> DataError {
    guard case .unsuitable(let reason) = error else { return error }
    var line = place.line
    if case .piece(let piece) = job {
      let lines = piece.text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      line += lines.firstIndex { (try? tokens(Array($0))) == nil } ?? 0
    }
    return .malformed(
      path: place.path, location: .init(line: line), expected: expected,
      found: "another: \(reason)")
  }
}

extension CharacterVocabulary {
  /// The scalars of files.
  static func of(_ files: [TextFiles]) throws(DataError) -> CharacterVocabulary {
    var seen = [Bool](repeating: false, count: 0x110000)
    func add(_ text: [UInt8]) {
      var index = 0
      while index < text.count {
        let byte = text[index]
        if byte < 0x80 {
          seen[Int(byte)] = true
          index += 1
          continue
        }
        // What comes here is UTF-8.
        let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
        var scalar = Int(byte) & (0x7F >> length)
        for next in text[(index + 1)..<min(index + length, text.count)] {
          scalar = scalar << 6 | Int(next & 0x3F)
        }
        seen[min(scalar, 0x10FFFF)] = true
        index += length
      }
    }
    for files in files {
      // What ends a document.
      if files.areDocuments { add([UInt8(ascii: "\n")]) }
      try TextReader(files: files, needsUTF8: true).forEach { (part) throws(DataError) in
        switch part {
        case .piece(let text, _), .record(.text(let text), _): add(text)
        case .record(.example(let prompt, let completion), _):
          add(prompt)
          add(completion)
        case .end: break
        }
      }
    }
    var text = String.UnicodeScalarView()
    for (scalar, isThere) in seen.enumerated() where isThere {
      if let scalar = Unicode.Scalar(UInt32(scalar)) { text.append(scalar) }
    }
    return CharacterVocabulary(of: String(text))
  }
}
