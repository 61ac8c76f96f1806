import Safetensors

/// The elements of stored tensors of any type, as doubles: exact but for integers beyond 2⁵³.
enum StoredNumbers {
  /// The most that are read at once.
  static let room = 1024

  /// Calls `body` with the elements of a range, at most ``room`` at a time, as they follow one another.
  static func read(
    _ bytes: RawSpan, _ dtype: SafetensorsDType, _ range: Range<Int>,
    _ body: (ArraySlice<Double>) -> Void
  ) {
    var values = [Double](repeating: 0, count: min(room, range.count))
    var start = range.lowerBound
    while start < range.upperBound {
      let count = min(room, range.upperBound - start)
      let size = dtype.byteCount
      let part = bytes.extracting(start * size..<(start + count) * size)
      decode(part, dtype, into: &values, count)
      body(values[..<count])
      start += count
    }
  }

  private static func decode(
    _ bytes: RawSpan, _ dtype: SafetensorsDType, into values: inout [Double], _ count: Int
  ) {
    func each<Stored: BitwiseCopyable>(_: Stored.Type, _ body: (Stored) -> Double) {
      for i in 0..<count {
        values[i] = body(
          unsafe bytes.unsafeLoadUnaligned(
            fromUncheckedByteOffset: i * MemoryLayout<Stored>.stride, as: Stored.self))
      }
    }
    switch dtype {
    case .f32: each(Float.self) { Double($0) }
    case .f64: each(Double.self) { $0 }
    case .bf16: each(UInt16.self) { Double(Float(bitPattern: UInt32($0) << 16)) }
    case .f16: each(UInt16.self) { small($0, exponentBits: 5, fractionBits: 10) }
    case .f8e5m2: each(UInt8.self) { small(UInt16($0), exponentBits: 5, fractionBits: 2) }
    case .f8e4m3:
      // It has no infinity: the largest exponent holds numbers, and NaN where all bits are set.
      each(UInt8.self) {
        $0 & 0x7f == 0x7f
          ? .nan : small(UInt16($0), exponentBits: 4, fractionBits: 3, hasInfinity: false)
      }
    case .bool, .u8: each(UInt8.self) { Double($0) }
    case .i8: each(Int8.self) { Double($0) }
    case .u16: each(UInt16.self) { Double($0) }
    case .i16: each(Int16.self) { Double($0) }
    case .u32: each(UInt32.self) { Double($0) }
    case .i32: each(Int32.self) { Double($0) }
    case .u64: each(UInt64.self) { Double($0) }
    case .i64: each(Int64.self) { Double($0) }
    }
  }

  /// A float of few bits.
  private static func small(
    _ bits: UInt16, exponentBits: Int, fractionBits: Int, hasInfinity: Bool = true
  ) -> Double {
    let fraction = Int(bits) & (1 << fractionBits - 1)
    let exponent = Int(bits) >> fractionBits & (1 << exponentBits - 1)
    let isNegative = Int(bits) >> (exponentBits + fractionBits) & 1 == 1
    let bias = 1 << (exponentBits - 1) - 1
    let sign = isNegative ? -1.0 : 1
    if hasInfinity, exponent == 1 << exponentBits - 1 {
      return fraction == 0 ? sign * .infinity : .nan
    }
    let significand =
      Double(fraction) / Double(1 << fractionBits) + (exponent == 0 ? 0 : 1)
    return sign * significand
      * Double(sign: .plus, exponent: max(exponent, 1) - bias, significand: 1)
  }
}
