/// What an `Event` of TensorBoard says, as far as it is of numbers.
///
/// | message | fields |
/// |---|---|
/// | Event | 1 wall_time, 2 step, 3 file_version, 5 summary, 7 session_log |
/// | Summary | 1 value |
/// | Summary.Value | 1 tag, 2 simple_value, 5 histo, 8 tensor, 9 metadata |
/// | TensorProto | 1 dtype, 2 tensor_shape, 4 tensor_content, 5 float_val, 6 double_val, 7 int_val, 10 int64_val, 11 bool_val, 13 half_val |
/// | HistogramProto | 1 min, 2 max, 6 bucket_limit, 7 bucket |
package struct EventMessage {
  /// When it was written, in seconds since 1970.
  package private(set) var wallTime = 0.0
  /// The step that it is of.
  package private(set) var step = 0
  /// Whether the program began here: what was logged at this step or later is void.
  package private(set) var isStart = false
  /// Where its summaries lie, one after another.
  package private(set) var summaries: Range<Int>?
  /// Whether it is no message.
  package private(set) var isBroken = false

  package init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var fields = ProtobufFields(range)
    while let (number, value) = fields.next(bytes) {
      switch (number, value) {
      case (1, .fixed64(let bits)): wallTime = Double(bitPattern: bits)
      case (2, .varint(let step)): self.step = Int(Int64(bitPattern: step))
      case (5, .bytes(let range)): summaries = range
      case (7, .bytes(let range)): isStart = Self.isStart(bytes, range)
      default: break
      }
    }
    isBroken = fields.isBroken
  }

  private static func isStart(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    var fields = ProtobufFields(range)
    while let (number, value) = fields.next(bytes) {
      if number == 1, case .varint(1) = value { return true }
    }
    return false
  }

  /// One of the values that an event gives.
  package enum Content {
    case number(Double)
    /// Bins: their edges, one more than their counts.
    case histogram(edges: [Double], counts: [Double])
    /// A picture, a text, a graph.
    case other
  }

  /// Calls `body` with each value's tag and content.
  @inline(__always)
  package func values(
    _ bytes: Span<UInt8>, _ body: (_ tag: Range<Int>, Content) -> Void
  ) {
    guard let summaries else { return }
    var fields = ProtobufFields(summaries)
    while let (number, value) = fields.next(bytes) {
      guard number == 1, case .bytes(let range) = value else { continue }
      guard let (tag, content) = Self.value(bytes, range) else { continue }
      body(tag, content)
    }
  }

  @inline(__always)
  private static func value(
    _ bytes: Span<UInt8>, _ range: Range<Int>
  ) -> (tag: Range<Int>, content: Content)? {
    var fields = ProtobufFields(range)
    var (tag, content) = (range.lowerBound..<range.lowerBound, Content.other)
    var (tensor, metadata): (Range<Int>?, Range<Int>?)
    while let (number, value) = fields.next(bytes) {
      switch (number, value) {
      case (1, .bytes(let range)): tag = range
      case (2, .fixed32(let bits)): content = .number(Double(Float(bitPattern: bits)))
      case (5, .bytes(let range)): content = histogram(bytes, range)
      case (8, .bytes(let range)): tensor = range
      case (9, .bytes(let range)): metadata = range
      default: break
      }
    }
    if tag.isEmpty { return nil }
    if let tensor {
      content = EventTensor(bytes, tensor).content(bytes, of: plugin(bytes, metadata))
    }
    return (tag, content)
  }

  /// SummaryMetadata: 1 plugin_data, in which 1 is plugin_name.
  private static func plugin(_ bytes: Span<UInt8>, _ range: Range<Int>?) -> String {
    guard let range else { return "" }
    var fields = ProtobufFields(range)
    while let (number, value) = fields.next(bytes) {
      guard number == 1, case .bytes(let data) = value else { continue }
      var inner = ProtobufFields(data)
      while let (number, value) = inner.next(bytes) {
        if number == 1, case .bytes(let name) = value {
          return String(decoding: name.map { bytes[$0] }, as: UTF8.self)
        }
      }
    }
    return ""
  }

  private static func histogram(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Content {
    var fields = ProtobufFields(range)
    var (least, limits, counts): (Double?, [Double], [Double]) = (nil, [], [])
    while let (number, value) = fields.next(bytes) {
      switch (number, value) {
      case (1, .fixed64(let bits)): least = Double(bitPattern: bits)
      case (6, .bytes(let range)): limits += EventTensor.doubles(bytes, range)
      case (7, .bytes(let range)): counts += EventTensor.doubles(bytes, range)
      case (6, .fixed64(let bits)): limits.append(Double(bitPattern: bits))
      case (7, .fixed64(let bits)): counts.append(Double(bitPattern: bits))
      default: break
      }
    }
    guard let first = limits.first, limits.count == counts.count else { return .other }
    return .histogram(edges: [min(least ?? first, first)] + limits, counts: counts)
  }
}

/// A `TensorProto`, as far as numbers and histograms are kept in it.
struct EventTensor {
  private var type: UInt64 = 1
  private var dimensions: [UInt64] = []
  private var content: Range<Int>?
  private var numbers: [Double] = []

  /// What a type takes in `tensor_content`: DT_FLOAT, DT_DOUBLE, DT_INT32, DT_INT64, DT_BOOL,
  /// DT_BFLOAT16, DT_HALF.
  private static let sizes: [UInt64: Int] = [1: 4, 2: 8, 3: 4, 9: 8, 10: 1, 14: 2, 19: 2]

  init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    var fields = ProtobufFields(range)
    while let (number, value) = fields.next(bytes) {
      switch (number, value) {
      case (1, .varint(let type)): self.type = type
      case (2, .bytes(let shape)): dimensions = Self.dimensions(bytes, shape)
      case (4, .bytes(let range)): content = range
      case (5, .fixed32(let bits)): numbers.append(Double(Float(bitPattern: bits)))
      case (5, .bytes(let range)): numbers += Self.floats(bytes, range)
      case (6, .fixed64(let bits)): numbers.append(Double(bitPattern: bits))
      case (6, .bytes(let range)): numbers += Self.doubles(bytes, range)
      case (7, .varint(let n)), (10, .varint(let n)), (11, .varint(let n)):
        numbers.append(Double(Int64(bitPattern: n)))
      case (7, .bytes(let range)), (10, .bytes(let range)), (11, .bytes(let range)):
        numbers += Self.varints(bytes, range).map { Double(Int64(bitPattern: $0)) }
      case (13, .varint(let bits)): numbers.append(Self.half(bits, type))
      case (13, .bytes(let range)):
        let type = type
        numbers += Self.varints(bytes, range).map { Self.half($0, type) }
      default: break
      }
    }
  }

  /// The number or the histogram that it is.
  func content(_ bytes: Span<UInt8>, of plugin: String) -> EventMessage.Content {
    var numbers = numbers
    if numbers.isEmpty, let content, let size = Self.sizes[type] {
      numbers = stride(from: content.lowerBound, through: content.upperBound - size, by: size).map {
        number(EventRecord.integer(bytes, at: $0, count: size))
      }
    }
    if plugin == "histograms", dimensions.count == 2, dimensions[1] == 3, !numbers.isEmpty,
      numbers.count % 3 == 0
    {
      let rows = stride(from: 0, to: numbers.count, by: 3)
      return .histogram(
        edges: rows.map { numbers[$0] } + [numbers[numbers.count - 2]],
        counts: rows.map { numbers[$0 + 2] })
    }
    guard numbers.count == 1, dimensions.allSatisfy({ $0 == 1 }) else { return .other }
    return .number(numbers[0])
  }

  private func number(_ bits: UInt64) -> Double {
    switch type {
    case 1: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case 2: Double(bitPattern: bits)
    case 3: Double(Int32(truncatingIfNeeded: bits))
    case 9: Double(Int64(bitPattern: bits))
    case 10: bits == 0 ? 0 : 1
    default: Self.half(bits, type)
    }
  }

  /// A bfloat16 or a float16.
  private static func half(_ bits: UInt64, _ type: UInt64) -> Double {
    if type == 14 { return Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits) << 16)) }
    let sign: Double = bits & 0x8000 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(bits >> 10 & 0x1F), Double(bits & 0x3FF))
    if exponent == 0x1F { return fraction == 0 ? sign * .infinity : .nan }
    if exponent == 0 { return sign * fraction * 0x1p-24 }
    return sign * (1 + fraction / 1024)
      * Double(sign: .plus, exponent: exponent - 15, significand: 1)
  }

  private static func dimensions(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt64] {
    var (fields, sizes) = (ProtobufFields(range), [UInt64]())
    while let (number, value) = fields.next(bytes) {
      guard number == 2, case .bytes(let dimension) = value else { continue }
      var (inner, size) = (ProtobufFields(dimension), UInt64(0))
      while let (number, value) = inner.next(bytes) {
        if number == 1, case .varint(let n) = value { size = n }
      }
      sizes.append(size)
    }
    return sizes
  }

  static func doubles(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [Double] {
    stride(from: range.lowerBound, through: range.upperBound - 8, by: 8).map {
      Double(bitPattern: EventRecord.integer(bytes, at: $0, count: 8))
    }
  }

  private static func floats(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [Double] {
    stride(from: range.lowerBound, through: range.upperBound - 4, by: 4).map {
      let bits = UInt32(truncatingIfNeeded: EventRecord.integer(bytes, at: $0, count: 4))
      return Double(Float(bitPattern: bits))
    }
  }

  private static func varints(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt64] {
    var (fields, numbers) = (ProtobufFields(range), [UInt64]())
    while let number = fields.varint(bytes) { numbers.append(number) }
    return numbers
  }
}
