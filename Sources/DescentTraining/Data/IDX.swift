import DescentCompute

/// The file format of MNIST and its successors: big-endian, plain or packed by gzip.
///
///     2 bytes      0
///     1 byte       element type: 08 UInt8, 09 Int8, 0B Int16, 0C Int32, 0D Float, 0E Double
///     1 byte       rank
///     4 bytes each the dimensions, outermost first
///     the elements, row-major
public enum IDX {
  /// Loads images and their labels. Bytes are scaled from 0 ... 255 to 0 ... 1; elements of other
  /// types are taken as they are. Images of rank 2 become shape [1, height, width]; other
  /// examples keep their shape. There are as many classes as the largest label asks for.
  ///
  /// Throws `.missingFile`, `.unreadable`, and `.malformed` for a file that is cut short, is no
  /// IDX file, or does not fit the other, for elements that are not finite, and for labels that are
  /// no classes.
  public static func load(images imagePath: String, labels labelPath: String) throws(DataError)
    -> ClassificationDataset
  {
    let images = try Array(path: imagePath)
    let labels = try Array(path: labelPath)
    if images.shape.isEmpty {
      throw DataError.malformed(
        path: imagePath, expected: "examples, of rank 1 or more", found: "rank 0")
    }
    if labels.shape.count != 1 {
      throw DataError.malformed(
        path: labelPath, expected: "labels, of rank 1", found: "rank \(labels.shape.count)")
    }
    if images.shape[0] != labels.shape[0] {
      throw DataError.malformed(
        path: labelPath, expected: "\(images.shape[0]) labels, as many as images in \(imagePath)",
        found: "\(labels.shape[0])")
    }
    if images.elements.isEmpty {
      throw DataError.malformed(
        path: imagePath, expected: "examples",
        found: images.shape[0] == 0 ? "none" : "some of shape \(images.shape.dropFirst())")
    }
    if let i = images.elements.firstIndex(where: { !$0.isFinite }) {
      let (example, element) = i.quotientAndRemainder(
        dividingBy: images.elements.count / images.shape[0])
      throw DataError.malformed(
        path: imagePath, expected: "finite numbers",
        found: "\(images.elements[i]) at index \(element) of example \(example)")
    }
    // Each class has scores for each example, and weights.
    let limit = max(1 << 16, min(images.shape[0], 1 << 24))
    var (classes, largest): ([Int32], Int32) = ([], 0)
    for (i, value) in labels.elements.enumerated() {
      guard let label = Int(exactly: value), label >= 0 else {
        throw DataError.malformed(
          path: labelPath, expected: "labels that are whole numbers, 0 or above",
          found: "\(value) at index \(i)")
      }
      guard label < limit else {
        let size = Amount.bytes(4 * (Double(label) + 1) * Double(images.shape[0]))
        throw DataError.malformed(
          path: labelPath,
          expected: "labels below \(Amount.count(limit)), the numbers of the classes",
          found:
            "\(label) at index \(i), which would make as many classes: \(size) for their scores")
      }
      classes.append(Int32(label))
      largest = max(largest, Int32(label))
    }
    let shape = Swift.Array(images.shape.dropFirst())
    let dataset = try ClassificationDataset(
      features: images.elements,
      shape: shape.count == 2 ? [1] + shape : shape.isEmpty ? [1] : shape,
      labels: classes, classes: Int(largest) + 1)
    return images.isBytes ? dataset.scaled(by: 1 / 255) : dataset
  }

  /// The content of one file.
  private struct Array {
    var shape: [Int] = []
    var elements: [Float] = []
    var isBytes = false

    init(path: String) throws(DataError) {
      // Bytes become floats.
      let bytes = try DataFile.read(path, memoryPerByte: 5)
      func malformed(_ expected: String, _ found: String) -> DataError {
        .malformed(path: path, expected: expected, found: found)
      }
      if bytes.count < 4 {
        throw malformed("the four bytes that begin an IDX file", "\(bytes.count) bytes")
      }
      let type = ElementType(rawValue: bytes[2])
      guard bytes[0] == 0, bytes[1] == 0, let type else {
        let found = bytes[..<4].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        throw malformed(
          "an IDX file, which begins with 00 00, an element type 08 … 0e and the rank",
          found.joined(separator: " "))
      }
      let rank = Int(bytes[3])
      let start = 4 + 4 * rank
      if bytes.count < start {
        throw malformed("\(start) bytes before the elements of rank \(rank)", "\(bytes.count)")
      }
      shape = (0..<rank).map { Int(bytes.bigEndian(at: 4 + 4 * $0, count: 4)) }
      var size = type.byteCount
      for dimension in shape {
        let (product, overflow) = size.multipliedReportingOverflow(by: dimension)
        if overflow { throw malformed("dimensions whose product is not too large", "\(shape)") }
        size = product
      }
      if bytes.count - start != size {
        throw malformed(
          "\(size) bytes of elements for the dimensions \(shape)", "\(bytes.count - start)")
      }
      isBytes = type == .uint8
      elements = type.floats(bytes, from: start)
    }
  }

  private enum ElementType: UInt8 {
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
