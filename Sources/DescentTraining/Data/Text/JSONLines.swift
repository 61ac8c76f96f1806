import DescentFiles

/// A line of a JSONL file.
enum TextRecord: Equatable, Sendable {
  /// `{"text": "..."}`
  case text([UInt8])
  /// `{"prompt": "...", "completion": "..."}`
  case example(prompt: [UInt8], completion: [UInt8])

  private enum Key: String, CaseIterable { case text, prompt, completion }

  private struct Defect: Error {
    let found: String
  }

  static let expected = "an object with “text”, or with “prompt” and “completion”"

  /// Reads a line; nil for an empty one. Keys that have no meaning here are passed over.
  ///
  /// Throws `.malformed` with the place.
  init?(line: [UInt8], path: String, number: Int) throws(DataError) {
    guard line.contains(where: { $0 > 0x20 }) else { return nil }
    do {
      self = try Self.read(line)
    } catch {
      let found =
        switch error {
        case let error as Defect: error.found
        case JSONFailure.syntax(let problem, let byte):
          "a line that is not JSON: \(problem), at byte \(byte + 1)"
        case JSONFailure.duplicateKey(let key, _, _): "“\(key)” twice"
        default: "another line"
        }
      throw .malformed(
        path: path, location: .init(line: number), expected: Self.expected, found: found)
    }
  }

  private static func read(_ line: [UInt8]) throws -> TextRecord {
    var parser = JSONParser(text: line)
    if !parser.begins(with: "{") {
      // Whatever is not JSON at all is told so.
      try parser.skipValue(depth: 0)
      try parser.end()
      throw Defect(found: "JSON that is no object")
    }
    var (values, others): ([Key: [UInt8]], [String]) = ([:], [])
    try parser.members(depth: 0) { parser, name in
      guard let key = Key(rawValue: name) else {
        if others.count < 4 { others.append(name) }
        return try parser.skipValue(depth: 1)
      }
      guard parser.begins(with: "\"") else {
        try parser.skipValue(depth: 1)
        throw Defect(found: "a value of “\(name)” that is no string")
      }
      var bytes: [UInt8] = []
      try parser.string(into: &bytes)
      if String(validating: bytes, as: UTF8.self) == nil {
        throw Defect(found: "a value of “\(name)” that is not UTF-8")
      }
      values[key] = bytes
    }
    try parser.end()
    switch (values[.text], values[.prompt], values[.completion]) {
    case (let text?, nil, nil): return .text(text)
    case (nil, let prompt?, let completion?):
      return .example(prompt: prompt, completion: completion)
    case (.some, _, _): throw Defect(found: "both “text” and another of them")
    case (nil, .some, nil): throw Defect(found: "“prompt” alone")
    case (nil, nil, .some): throw Defect(found: "“completion” alone")
    case (nil, nil, nil):
      throw Defect(
        found: others.isEmpty
          ? "an object without keys"
          : "only " + others.map { "“\($0)”" }.joined(separator: ", "))
    }
  }
}

extension JSONParser {
  /// Passes over the next value without keeping it.
  mutating func skipValue(depth: Int) throws {
    if depth > Self.maximumDepth { throw failure("values are nested too deep") }
    if begins(with: "{") {
      try members(depth: depth) { parser, _ in try parser.skipValue(depth: depth + 1) }
    } else if begins(with: "[") {
      try elements { parser in try parser.skipValue(depth: depth + 1) }
    } else {
      _ = try value(depth: depth)
    }
  }
}

/// The lines of a file, without what ends them.
struct Lines {
  private let stream: DataStream
  private var buffer: [UInt8] = []
  private var position = 0
  private var isAtEnd = false
  /// The number of the line that came last, from 1.
  private(set) var number = 0

  /// A line above this is no line of text; it would have to be in memory at once.
  static let limit = 1 << 28

  init(_ stream: DataStream) { self.stream = stream }

  /// The next line, nil at the end.
  ///
  /// Throws what reading throws, and `.malformed` for a line that never ends.
  mutating func next() throws(DataError) -> [UInt8]? {
    var searched = position
    while true {
      if let end = buffer[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { position = end + 1 }
        return take(to: end)
      }
      searched = buffer.count - position
      if isAtEnd {
        if searched == 0 { return nil }
        defer { position = buffer.count }
        return take(to: buffer.count)
      }
      if searched > Self.limit {
        throw .malformed(
          path: stream.name, location: .init(line: number + 1),
          expected: "lines of at most \(Self.limit >> 20) MiB", found: "a longer one")
      }
      buffer.removeSubrange(..<position)
      position = 0
      let more = try stream.read(1 << 20)
      isAtEnd = more.isEmpty
      buffer += more
    }
  }

  private mutating func take(to end: Int) -> [UInt8] {
    number += 1
    let line = Array(buffer[position..<end])
    // Some editors of tables write a byte order mark.
    return number == 1 && line.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(line.dropFirst(3)) : line
  }
}
