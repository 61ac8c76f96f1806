import DescentFiles

/// Tokens in memory or in a file, in two bytes each where that is enough.
public struct TokenSequence: Sendable, RandomAccessCollection, ExpressibleByArrayLiteral {
  private enum Storage: Sendable {
    case narrow([UInt16])
    case wide([UInt32])
    case file(TokenFile)
  }

  private var storage: Storage
  private let range: Range<Int>

  /// Tokens in memory.
  public init(_ tokens: [Int32]) {
    range = 0..<tokens.count
    storage =
      tokens.allSatisfy { UInt16(exactly: $0) != nil }
      ? .narrow(tokens.map { UInt16(truncatingIfNeeded: $0) })
      : .wide(tokens.map { UInt32(bitPattern: $0) })
  }

  public init(arrayLiteral tokens: Int32...) { self.init(tokens) }

  init(_ tokens: TokenMemory) {
    range = 0..<tokens.count
    storage = tokens.isNarrow ? .narrow(tokens.narrow) : .wide(tokens.wide)
  }

  init(_ file: TokenFile) { (storage, range) = (.file(file), 0..<file.count) }

  private init(_ storage: Storage, _ range: Range<Int>) {
    (self.storage, self.range) = (storage, range)
  }

  public var startIndex: Int { 0 }
  public var endIndex: Int { range.count }

  /// One token.
  public subscript(_ index: Int) -> Int32 {
    precondition(index >= 0 && index < range.count)
    let index = range.lowerBound + index
    return switch storage {
    case .narrow(let tokens): Int32(tokens[index])
    case .wide(let tokens): Int32(bitPattern: tokens[index])
    case .file(let file): file[index]
    }
  }

  /// Some of the tokens by themselves, counted from 0 again; nothing is copied.
  public func part(_ part: Range<Int>) -> TokenSequence {
    precondition(part.lowerBound >= 0 && part.upperBound <= range.count)
    let start = range.lowerBound
    return TokenSequence(storage, start + part.lowerBound..<start + part.upperBound)
  }

  /// Some of the tokens as an array.
  public func array(_ part: Range<Int>) -> [Int32] {
    precondition(part.lowerBound >= 0 && part.upperBound <= range.count)
    let all = range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound
    return switch storage {
    case .narrow(let tokens): tokens[all].map { Int32($0) }
    case .wide(let tokens): tokens[all].map { Int32(bitPattern: $0) }
    case .file(let file): all.map { file[$0] }
    }
  }

  /// Calls `body` with every token in order.
  func forEachToken(_ body: (Int32) -> Void) {
    for start in stride(from: 0, to: count, by: 1 << 16) {
      for token in array(start..<Swift.min(start + 1 << 16, count)) { body(token) }
    }
  }
}

extension TokenSequence: Equatable {
  /// Whether the tokens are the same, wherever they lie.
  public static func == (a: TokenSequence, b: TokenSequence) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0 == $1 }
  }
}

/// Tokens that come one after another and stay in memory.
struct TokenMemory {
  let isNarrow: Bool
  fileprivate var narrow: [UInt16] = []
  fileprivate var wide: [UInt32] = []

  /// Of a vocabulary of so many tokens.
  init(vocabulary: Int) { isNarrow = vocabulary <= 1 << 16 }

  var count: Int { isNarrow ? narrow.count : wide.count }
  var bytes: Int { count * (isNarrow ? 2 : 4) }

  mutating func append(_ tokens: [Int32]) {
    if isNarrow {
      for token in tokens { narrow.append(UInt16(truncatingIfNeeded: token)) }
    } else {
      for token in tokens { wide.append(UInt32(bitPattern: token)) }
    }
  }
}

/// Tokens that lie in a mapped file: little-endian numbers of two or four bytes.
struct TokenFile: Sendable {
  let file: MappedFile
  /// The byte of the first.
  let offset: Int
  /// The bytes of each.
  let width: Int
  let count: Int

  subscript(_ index: Int) -> Int32 {
    let place = unsafe file.address(of: offset + index * width, bytes: width)
    if width == 2 {
      return Int32(UInt16(littleEndian: unsafe place.loadUnaligned(as: UInt16.self)))
    }
    return Int32(bitPattern: UInt32(littleEndian: unsafe place.loadUnaligned(as: UInt32.self)))
  }
}
