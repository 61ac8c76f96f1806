import DescentFiles

/// A tensor as the header of a safetensors file describes it.
public struct SafetensorsEntry: Sendable, Equatable {
  /// The tensor's name.
  public let name: String
  /// The type of its elements.
  public let dtype: SafetensorsDType
  /// Its dimensions, outermost first; empty for a scalar.
  public let shape: [Int]
  /// Where its bytes lie, counted from the start of the data behind the header.
  public let byteRange: Range<Int>
  /// The number of elements: the product of the dimensions.
  public var count: Int { byteRange.count / dtype.byteCount }
}

/// The header of a safetensors file:
///
///     8 bytes   N, the header's length, little-endian
///     N bytes   JSON: {"__metadata__": {...}, name: {"dtype", "shape", "data_offsets"}, ...}
///     the data  all tensors, row-major, little-endian, with no gap between them
struct SafetensorsHeader {
  static let metadataKey = "__metadata__"
  /// The limit of the reference implementation.
  static let maximumLength = 100_000_000

  var metadata: [String: String] = [:]
  /// In the order of the data.
  var entries: [SafetensorsEntry] = []
}

// MARK: - Reading

extension SafetensorsHeader {
  /// Parses and checks a header whose data section has `dataCount` bytes.
  init(json text: [UInt8], dataCount: Int) throws(SafetensorsDefect) {
    if text.first != UInt8(ascii: "{") {
      throw SafetensorsDefect.header("it does not begin with “{”", byte: 0)
    }
    do {
      var parser = JSONParser(text: text)
      // One entry after another: a header may be large.
      try parser.members(depth: 0) { parser, name in
        if name == Self.metadataKey {
          metadata = try Self.metadata(&parser)
        } else {
          entries.append(try Self.entry(name, parser.value(depth: 1)))
        }
      }
      try parser.end()
    } catch let error as SafetensorsDefect {
      throw error
    } catch JSONFailure.duplicateKey(let key, let depth, let byte) {
      throw depth == 0
        ? SafetensorsDefect.duplicateName(key)
        : SafetensorsDefect.header("the key \(quoted(key)) occurs twice", byte: byte)
    } catch JSONFailure.syntax(let problem, let byte) {
      throw SafetensorsDefect.header(problem, byte: byte)
    } catch { throw SafetensorsDefect.header("\(error)", byte: 0) }
    // The header may list tensors in any order; the data must be without gaps in one of them.
    entries = entries.enumerated().sorted { a, b in
      (a.element.byteRange.lowerBound, a.element.byteRange.upperBound, a.offset)
        < (b.element.byteRange.lowerBound, b.element.byteRange.upperBound, b.offset)
    }.map(\.element)
    try checkRanges(dataCount: dataCount)
  }

  private static func metadata(_ parser: inout JSONParser) throws -> [String: String] {
    guard parser.begins(with: "{") else {
      throw SafetensorsDefect.entry(tensor: metadataKey, "it is not an object")
    }
    var metadata: [String: String] = [:]
    try parser.members(depth: 1) { parser, key in
      guard parser.begins(with: "\"") else {
        throw SafetensorsDefect.entry(
          tensor: metadataKey, "the value of \(quoted(key)) is not a string")
      }
      metadata[key] = try parser.string()
    }
    return metadata
  }

  private static func entry(_ name: String, _ value: JSON) throws(SafetensorsDefect)
    -> SafetensorsEntry
  {
    guard case .object(let members) = value else {
      throw SafetensorsDefect.entry(tensor: name, "it is not an object")
    }
    var dtype: SafetensorsDType?
    var shape: [Int]?
    var offsets: [Int]?
    for (key, value) in members {
      switch (key, value) {
      case ("dtype", .string(let text)):
        dtype = SafetensorsDType(rawValue: text)
        if dtype == nil { throw SafetensorsDefect.unknownDType(tensor: name, text) }
      case ("shape", .array(let elements)): shape = try integers(elements, key, name)
      case ("data_offsets", .array(let elements)): offsets = try integers(elements, key, name)
      case ("dtype", _), ("shape", _), ("data_offsets", _):
        throw SafetensorsDefect.entry(tensor: name, "“\(key)” has the wrong type")
      default: break  // the reference ignores keys that it does not know
      }
    }
    guard let dtype else { throw SafetensorsDefect.entry(tensor: name, "“dtype” is missing") }
    guard let shape else { throw SafetensorsDefect.entry(tensor: name, "“shape” is missing") }
    guard let offsets else {
      throw SafetensorsDefect.entry(tensor: name, "“data_offsets” is missing")
    }
    if let negative = shape.first(where: { $0 < 0 }) {
      throw SafetensorsDefect.negativeDimension(tensor: name, negative)
    }
    guard offsets.count == 2, 0 <= offsets[0], offsets[0] <= offsets[1] else {
      throw SafetensorsDefect.entry(
        tensor: name, "“data_offsets” is not a start and an end, but \(excerpt("\(offsets)"))")
    }
    guard let needed = dtype.byteCount(of: shape) else {
      throw SafetensorsDefect.overflow(tensor: name)
    }
    let range = offsets[0]..<offsets[1]
    if needed != range.count {
      throw SafetensorsDefect.sizeMismatch(tensor: name, needed: needed, found: range.count)
    }
    return SafetensorsEntry(name: name, dtype: dtype, shape: shape, byteRange: range)
  }

  private static func integers(_ elements: [JSON], _ key: String, _ name: String)
    throws(SafetensorsDefect) -> [Int]
  {
    var integers: [Int] = []
    for element in elements {
      guard case .number(let text) = element else {
        throw SafetensorsDefect.entry(tensor: name, "“\(key)” holds something other than integers")
      }
      guard let integer = Int(text) else {
        let isInteger = text.allSatisfy { $0 == "-" || $0.isNumber }
        if isInteger { throw SafetensorsDefect.overflow(tensor: name) }
        throw SafetensorsDefect.entry(
          tensor: name, "“\(key)” holds \(excerpt(text)), which is no integer")
      }
      integers.append(integer)
    }
    return integers
  }

  /// Every byte of the data belongs to exactly one tensor.
  private func checkRanges(dataCount: Int) throws(SafetensorsDefect) {
    var end = 0
    for entry in entries {
      let range = entry.byteRange
      if range.upperBound > dataCount {
        throw SafetensorsDefect.beyondEnd(
          tensor: entry.name, end: range.upperBound, available: dataCount)
      }
      if range.lowerBound < end {
        throw SafetensorsDefect.overlap(
          tensor: entry.name, start: range.lowerBound, previousEnd: end)
      }
      if range.lowerBound > end {
        throw SafetensorsDefect.gap(tensor: entry.name, start: range.lowerBound, previousEnd: end)
      }
      end = range.upperBound
    }
    if end < dataCount { throw SafetensorsDefect.trailingBytes(dataCount - end) }
  }
}

extension SafetensorsDefect: Error {}

extension SafetensorsDType {
  /// The bytes of a tensor of this type; nil where the product overflows.
  ///
  /// As in the reference, the product is taken from left to right: a dimension of zero does not
  /// excuse an overflow before it.
  func byteCount(of shape: [Int]) -> Int? {
    var product = byteCount
    for dimension in shape {
      let (partial, overflow) = product.multipliedReportingOverflow(by: dimension)
      if overflow { return nil }
      product = partial
    }
    return product
  }
}

// MARK: - Writing

extension SafetensorsHeader {
  /// Lays tensors out in the order of the reference implementation: wide element types first, so
  /// that all are aligned, and by name among equals.
  init(
    laying tensors: [(name: String, dtype: SafetensorsDType, shape: [Int])],
    metadata: [String: String]
  ) throws(SafetensorsError) {
    self.metadata = metadata
    let order = SafetensorsDType.allCases
    let sorted = tensors.sorted { a, b in
      a.dtype == b.dtype
        ? a.name.utf8.lexicographicallyPrecedes(b.name.utf8)
        : order.firstIndex(of: a.dtype)! > order.firstIndex(of: b.dtype)!
    }
    var end = 0
    var names: Set<String> = []
    for (name, dtype, shape) in sorted {
      if name == Self.metadataKey {
        throw SafetensorsError.invalidTensor(name: name, reason: "the format reserves this name")
      }
      if !names.insert(name).inserted {
        throw SafetensorsError.invalidTensor(name: name, reason: "the name is given twice")
      }
      if let negative = shape.first(where: { $0 < 0 }) {
        throw SafetensorsError.invalidTensor(
          name: name, reason: "its shape \(shape) has the negative dimension \(negative)")
      }
      guard let count = dtype.byteCount(of: shape), count <= Int.max - end else {
        throw SafetensorsError.invalidTensor(name: name, reason: "its shape \(shape) is too large")
      }
      entries.append(
        SafetensorsEntry(name: name, dtype: dtype, shape: shape, byteRange: end..<end + count))
      end += count
    }
  }

  /// The bytes before the data: the length and the JSON, filled up with spaces to a multiple of 8.
  func encoded() -> [UInt8] {
    var members: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }
        .map { "\(JSON.quoted($0.key)):\(JSON.quoted($0.value))" }
      members.append("\"\(Self.metadataKey)\":{\(pairs.joined(separator: ","))}")
    }
    for entry in entries {
      let shape = entry.shape.map(String.init).joined(separator: ",")
      let range = entry.byteRange
      members.append(
        "\(JSON.quoted(entry.name)):{\"dtype\":\"\(entry.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(range.lowerBound),\(range.upperBound)]}")
    }
    var json = Array("{\(members.joined(separator: ","))}".utf8)
    while json.count % 8 != 0 { json.append(UInt8(ascii: " ")) }
    let length = UInt64(json.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) } + json
  }
}
