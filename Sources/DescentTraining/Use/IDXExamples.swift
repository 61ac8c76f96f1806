import Descent

/// The images of an IDX file, some at a time, as the examples of a run.
struct IDXExamples {
  private let source: DataStream
  private let header: IDXHeader
  private let format: ExampleFormat
  /// The examples that were taken.
  private var taken = 0

  /// All examples that there are.
  var count: Int { header.shape[0] }

  /// Whether bytes begin an IDX file; no table begins so.
  static func areBegun(by bytes: [UInt8]) -> Bool { bytes.starts(with: [0, 0]) }

  /// The images behind `source`.
  ///
  /// Throws `.malformed` for a file that is no IDX file or holds other examples.
  init(_ source: DataStream, _ format: ExampleFormat) throws(DataError) {
    let start = try source.peek(4)
    let rank = start.count == 4 ? Int(start[3]) : 0
    header = try IDXHeader(try source.read(IDXHeader.byteCount(rank: rank)), source.name)
    (self.source, self.format) = (source, format)
    if let size = source.size { try header.requireSize(size, source.name) }
    let shape = header.shape.isEmpty ? [] : IDX.exampleShape(header.shape)
    if shape != format.shape {
      throw .malformed(
        path: source.name, expected: "examples of shape \(format.shape), which the run has learned",
        found: shape.isEmpty ? "a single number" : "\(shape)")
    }
  }

  /// The features of the next examples, at most `limit`; nil at the end.
  mutating func next(_ limit: Int) throws(DataError) -> [Float]? {
    let count = min(limit, count - taken)
    if count == 0 {
      let rest = try source.read(1)
      if rest.isEmpty { return nil }
      throw .malformed(
        path: source.name, expected: "the end after \(self.count) examples", found: "more bytes")
    }
    let size = format.exampleSize
    let wanted = count * size * header.element.byteCount
    let bytes = try source.read(wanted)
    if bytes.count < wanted {
      throw .malformed(
        path: source.name, expected: "\(self.count) examples",
        found: "the end after \(taken + bytes.count / (size * header.element.byteCount))")
    }
    var features = header.element.floats(bytes, from: 0)
    for i in features.indices {
      func malformed(_ expected: String) -> DataError {
        let (example, element) = i.quotientAndRemainder(dividingBy: size)
        return .malformed(
          path: source.name, expected: expected,
          found:
            "\(SettingValue.number(Double(features[i]))) at index \(element) of example \(taken + example)"
        )
      }
      if !features[i].isFinite { throw malformed("finite numbers") }
      guard header.element == .uint8 else { continue }
      if let largest = format.largest, features[i] > largest {
        throw malformed("pixels from 0 to \(Int(largest)), as in what the run has learned")
      }
      features[i] *= format.scale
    }
    taken += count
    return features
  }
}

extension ExampleFormat {
  /// The number in a file that stands for 1, where the numbers are parts of one: 255 for bytes.
  var largest: Float? { scale == 1 ? nil : (1 / scale).rounded() }
}
