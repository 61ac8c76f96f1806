/// What stands before the body of a request of HTTP/1.1.
package struct RequestHead: Equatable, Sendable {
  let method: String
  /// What is asked for, as it was sent.
  package let target: String
  /// Whether the connection may carry another request after this one.
  package let isPersistent: Bool
  /// The fields, with names in small letters.
  private let fields: [Field]

  struct Field: Equatable, Sendable {
    let name: String
    let value: String
  }

  /// The first value of a field.
  package subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  /// The head whose lines these are, without their ends.
  ///
  /// Strict, as nobody who means well sends anything else, and what is read in two ways is read by
  /// someone in the wrong one.
  init(lines: [Substring]) throws(RequestFault) {
    let parts = (lines.first ?? "").split(separator: " ", omittingEmptySubsequences: false)
    guard parts.count == 3, Self.isToken(parts[0]), parts[2].count == 8,
      parts[2].hasPrefix("HTTP/"), parts[2].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
    else { throw .malformed("The first line is no request of HTTP.") }
    guard parts[2].hasPrefix("HTTP/1.") else { throw .version }
    guard !parts[1].isEmpty, parts[1].utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw .malformed("The address cannot be read.")
    }
    guard lines.count <= 100 else { throw .fieldsTooLong }
    let fields = try lines.dropFirst().map { line throws(RequestFault) in try Self.field(line) }
    func values(_ name: String) -> [String] { fields.filter { $0.name == name }.map(\.value) }

    let hosts = values("host")
    let isOld = parts[2] == "HTTP/1.0"
    guard hosts.count == 1 || isOld && hosts.isEmpty, hosts.allSatisfy(Self.isHost) else {
      throw .malformed("A request has one Host.")
    }
    let lengths = values("content-length")
    let isChunked = !values("transfer-encoding").isEmpty
    guard lengths.count <= 1, lengths.allSatisfy(Self.isNumber), lengths.isEmpty || !isChunked
    else { throw .malformed("The length of the body is not clear.") }
    // What a body says is of no interest: the connection ends before it.
    let hasBody = isChunked || lengths.contains { $0.contains { $0 != "0" } }
    let asksToClose = values("connection").contains { value in
      value.lowercased().split { $0 == "," || $0 == " " || $0 == "\t" }.contains("close")
    }
    (method, target) = (String(parts[0]), String(parts[1]))
    isPersistent = !isOld && !hasBody && !asksToClose
    self.fields = fields
  }

  private static func field(_ line: Substring) throws(RequestFault) -> Field {
    guard let colon = line.firstIndex(of: ":"), isToken(line[..<colon]) else {
      throw .malformed("A field of the request has no name.")
    }
    guard line.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
      throw .malformed("A field of the request has control characters.")
    }
    var value = line[line.index(after: colon)...]
    while let first = value.first, first == " " || first == "\t" { value.removeFirst() }
    while let last = value.last, last == " " || last == "\t" { value.removeLast() }
    return Field(name: line[..<colon].lowercased(), value: String(value))
  }

  private static func isToken(_ text: Substring) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        byte > 0x20 && byte < 0x7F && !"\"(),/:;<=>?@[\\]{}".utf8.contains(byte)
      }
  }

  private static func isNumber(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
  }

  /// Whether it is a name or an address, perhaps with a port; it may be empty.
  private static func isHost(_ text: String) -> Bool {
    var rest = Substring(text)
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return false }
      guard rest[..<end].dropFirst().allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else {
        return false
      }
      rest = rest[rest.index(after: end)...]
    } else {
      rest = rest.drop { $0.isASCII && ($0.isLetter || $0.isNumber || "-._~%".contains($0)) }
    }
    return rest.isEmpty
      || rest.first == ":" && rest.dropFirst().allSatisfy { $0.isASCII && $0.isNumber }
  }
}

/// Why a request is not answered with a page.
package struct RequestFault: Error, Equatable {
  package let status: Int
  let sentence: String

  static func malformed(_ sentence: String) -> RequestFault {
    .init(status: 400, sentence: sentence)
  }
  static let tooSlow = RequestFault(status: 408, sentence: "The request took too long to arrive.")
  static let targetTooLong = RequestFault(status: 414, sentence: "The address is too long.")
  static let fieldsTooLong = RequestFault(
    status: 431, sentence: "The request has more beside its address than a page needs.")
  static let version = RequestFault(status: 505, sentence: "Pages are sent with HTTP/1.1.")
}

/// Takes the heads of requests out of the bytes of a connection.
package struct RequestReader {
  /// The bytes that a head may have.
  static let most = 16 << 10

  private var bytes: [UInt8] = []
  /// How many of them hold no end of a head.
  private var searched = 0

  package init() {}

  /// Whether a request has begun.
  package var hasBegun: Bool { !bytes.isEmpty }

  /// Takes what was received.
  package mutating func append(_ more: [UInt8]) {
    bytes += more
    // Empty lines before a request count for nothing.
    guard searched == 0 else { return }
    let isEmpty = { (byte: UInt8) in byte == 0x0D || byte == 0x0A }
    if let first = bytes.first, isEmpty(first) { bytes = Array(bytes.drop(while: isEmpty)) }
  }

  /// The next request; nil where more is to be received.
  package mutating func next() throws(RequestFault) -> RequestHead? {
    guard let end = end(), end <= Self.most else {
      guard bytes.count > Self.most else { return nil }
      throw bytes.prefix(Self.most).contains(0x0A) ? .fieldsTooLong : .targetTooLong
    }
    let head = bytes[..<end]
    bytes.removeFirst(end)
    searched = 0
    append([])
    guard !head.contains(0) else { throw .malformed("The request has control characters.") }
    var lines = String(decoding: head, as: UTF8.self).unicodeScalars.split(
      separator: "\n", omittingEmptySubsequences: false
    ).map { line in Substring(line.last == "\r" ? line.dropLast() : line) }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return try RequestHead(lines: lines)
  }

  /// Where the first head ends: after an empty line.
  private mutating func end() -> Int? {
    var index = max(0, searched - 3)
    while index < bytes.count {
      if bytes[index] == 0x0A {
        let rest = bytes[(index + 1)...]
        if rest.first == 0x0A { return index + 2 }
        if rest.starts(with: [0x0D, 0x0A]) { return index + 3 }
      }
      index += 1
    }
    searched = bytes.count
    return nil
  }
}
