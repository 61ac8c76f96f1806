/// What stands before the elements of an IDX file: see ``IDX``.
struct IDXHeader {
  /// What an element is.
  let element: IDX.ElementType
  /// The dimensions, outermost first.
  let shape: [Int]
  /// The bytes of the header.
  let byteCount: Int
  /// The bytes of all elements.
  let elementBytes: Int

  /// The header that `bytes` begin with.
  ///
  /// Throws `.malformed` for what is no IDX file.
  init(_ bytes: [UInt8], _ path: String) throws(DataError) {
    func malformed(_ expected: String, _ found: String) -> DataError {
      .malformed(path: path, expected: expected, found: found)
    }
    if bytes.count < 4 {
      throw malformed("the four bytes that begin an IDX file", "\(bytes.count) bytes")
    }
    let type = IDX.ElementType(rawValue: bytes[2])
    guard bytes[0] == 0, bytes[1] == 0, let type else {
      let found = bytes[..<4].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
      throw malformed(
        "an IDX file, which begins with 00 00, an element type 08 … 0e and the rank",
        found.joined(separator: " "))
    }
    let rank = Int(bytes[3])
    byteCount = Self.byteCount(rank: rank)
    if bytes.count < byteCount {
      throw malformed("\(byteCount) bytes before the elements of rank \(rank)", "\(bytes.count)")
    }
    shape = (0..<rank).map { Int(bytes.bigEndian(at: 4 + 4 * $0, count: 4)) }
    var size = type.byteCount
    for dimension in shape {
      let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
      if overflow { throw malformed("dimensions whose product is not too large", "\(shape)") }
      size = product
    }
    (element, elementBytes) = (type, size)
  }

  /// The bytes of the header of an array.
  static func byteCount(rank: Int) -> Int { 4 + 4 * rank }

  /// Checks the size of the whole file.
  func requireSize(_ bytes: Int, _ path: String) throws(DataError) {
    if bytes - byteCount == elementBytes { return }
    throw .malformed(
      path: path, expected: "\(elementBytes) bytes of elements for the dimensions \(shape)",
      found: "\(bytes - byteCount)")
  }
}

extension IDX {
  enum ElementType: UInt8 {
    case uint8 = 0x08
    case int8 = 0x09
    case int16 = 0x0B
    case int32 = 0x0C
    case float = 0x0D
    case double = 0x0E

    var byteCount: Int {
      switch self {
      case .uint8, .int8: 1
      case .int16: 2
      case .int32, .float: 4
      case .double: 8
      }
    }

    func floats(_ bytes: [UInt8], from start: Int) -> [Float] {
      if self == .uint8 { return bytes[start...].map { Float($0) } }
      return stride(from: start, to: bytes.count, by: byteCount).map { at in
        let bits = bytes.bigEndian(at: at, count: byteCount)
        return switch self {
        case .uint8: Float(bits)
        case .int8: Float(Int8(truncatingIfNeeded: bits))
        case .int16: Float(Int16(truncatingIfNeeded: bits))
        case .int32: Float(Int32(truncatingIfNeeded: bits))
        case .float: Float(bitPattern: UInt32(truncatingIfNeeded: bits))
        case .double: Float(Double(bitPattern: bits))
        }
      }
    }
  }
}

extension [UInt8] {
  fileprivate func bigEndian(at start: Int, count: Int) -> UInt64 {
    var value: UInt64 = 0
    for i in start..<start + count { value = value << 8 | UInt64(self[i]) }
    return value
  }
}
