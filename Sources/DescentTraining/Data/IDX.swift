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
    try requireLabels(labels, labelPath)
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
    let classes = try self.classes(labels, labelPath) { label, i throws(DataError) in
      guard label < limit else {
        let size = Amount.bytes(4 * (Double(label) + 1) * Double(images.shape[0]))
        throw DataError.malformed(
          path: labelPath,
          expected: "labels below \(Amount.count(limit)), the numbers of the classes",
          found:
            "\(label) at index \(i), which would make as many classes: \(size) for their scores")
      }
    }
    let largest = classes.max() ?? 0
    let dataset = try ClassificationDataset(
      features: images.elements,
      shape: exampleShape(images.shape),
      labels: classes, classes: Int(largest) + 1)
    return images.isBytes ? dataset.scaled(by: 1 / 255) : dataset
  }

  /// The labels of a file, all of them below `classes`.
  ///
  /// Throws as ``load(images:labels:)`` does.
  static func labels(_ path: String, classes: Int) throws(DataError) -> [Int32] {
    let labels = try Array(path: path)
    try requireLabels(labels, path)
    return try self.classes(labels, path) { label, i throws(DataError) in
      if label < classes { return }
      throw DataError.malformed(
        path: path, expected: "labels below \(classes), the classes that the run has learned",
        found: "\(label) at index \(i)")
    }
  }

  private static func requireLabels(_ labels: Array, _ path: String) throws(DataError) {
    if labels.shape.count != 1 {
      throw DataError.malformed(
        path: path, expected: "labels, of rank 1", found: "rank \(labels.shape.count)")
    }
  }

  /// Labels as the numbers of classes, each of which `check` has seen with its index.
  private static func classes(
    _ labels: Array, _ path: String, _ check: (Int, Int) throws(DataError) -> Void
  ) throws(DataError) -> [Int32] {
    var classes: [Int32] = []
    for (i, value) in labels.elements.enumerated() {
      guard let label = Int(exactly: value), label >= 0 else {
        throw DataError.malformed(
          path: path, expected: "labels that are whole numbers, 0 or above",
          found: "\(value) at index \(i)")
      }
      try check(label, i)
      classes.append(Int32(label))
    }
    return classes
  }

  /// The content of one file.
  private struct Array {
    let shape: [Int]
    let elements: [Float]
    let isBytes: Bool

    init(path: String) throws(DataError) {
      // Bytes become floats.
      let bytes = try DataFile.read(path, memoryPerByte: 5)
      let header = try IDXHeader(bytes, path)
      try header.requireSize(bytes.count, path)
      (shape, isBytes) = (header.shape, header.element == .uint8)
      elements = header.element.floats(bytes, from: header.byteCount)
    }
  }

  /// The shape of an example in a file of this shape: images of rank 2 have one channel.
  static func exampleShape(_ shape: [Int]) -> [Int] {
    let shape = Swift.Array(shape.dropFirst())
    return shape.count == 2 ? [1] + shape : shape.isEmpty ? [1] : shape
  }
}
