/// The scalar that begins at `index` of a valid UTF-8 text, and how many bytes it takes.
@inline(__always)
func scalar(in text: Span<UInt8>, at index: Int) -> (value: UInt32, length: Int) {
  let first = UInt32(text[index])
  if first < 0x80 { return (first, 1) }
  func rest(_ offset: Int) -> UInt32 { UInt32(text[index + offset]) & 0x3F }
  if first < 0xE0 { return ((first & 0x1F) << 6 | rest(1), 2) }
  if first < 0xF0 { return ((first & 0x0F) << 12 | rest(1) << 6 | rest(2), 3) }
  return ((first & 0x07) << 18 | rest(1) << 12 | rest(2) << 6 | rest(3), 4)
}

/// Where the scalar begins that ends before `index`, which is above 0.
@inline(__always)
func startOfScalar(in text: Span<UInt8>, before index: Int) -> Int {
  var start = index - 1
  while start > 0, text[start] & 0xC0 == 0x80 { start -= 1 }
  return start
}

/// How many bytes a scalar takes whose first byte is `byte`.
@inline(__always)
func scalarLength(_ byte: UInt8) -> Int {
  byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
}

extension [UInt8] {
  /// Adds a scalar as UTF-8.
  mutating func append(scalar value: UInt32) {
    switch value {
    case 0..<0x80: append(UInt8(value))
    case 0x80..<0x800:
      append(UInt8(0xC0 | value >> 6))
      append(UInt8(0x80 | value & 0x3F))
    case 0x800..<0x10000:
      append(UInt8(0xE0 | value >> 12))
      append(UInt8(0x80 | value >> 6 & 0x3F))
      append(UInt8(0x80 | value & 0x3F))
    default:
      append(UInt8(0xF0 | value >> 18))
      append(UInt8(0x80 | value >> 12 & 0x3F))
      append(UInt8(0x80 | value >> 6 & 0x3F))
      append(UInt8(0x80 | value & 0x3F))
    }
  }

  /// Adds the bytes of a text.
  mutating func append(_ text: Span<UInt8>) {
    for index in text.indices { append(text[index]) }
  }

  /// Whether no byte is above 127.
  var isASCII: Bool { allSatisfy { $0 < 0x80 } }

  /// The scalars of valid UTF-8.
  var scalars: [UInt32] {
    var (result, index): ([UInt32], Int) = ([], 0)
    while index < count {
      let (value, length) = scalar(in: span, at: index)
      result.append(value)
      index += length
    }
    return result
  }
}
