import DescentTraining
import Foundation
import Testing

/// The bytes of an IDX file.
private func idx(_ type: UInt8, _ shape: [Int], _ elements: [UInt8]) -> [UInt8] {
  let dimensions = shape.flatMap { n in
    (0..<4).map { UInt8(truncatingIfNeeded: n >> (24 - 8 * $0)) }
  }
  return [0, 0, type, UInt8(shape.count)] + dimensions + elements
}

private let images = idx(0x08, [2, 2, 3], [0, 255, 51, 1, 2, 3, 4, 5, 6, 7, 8, 9])
private let labels = idx(0x08, [2], [1, 0])

@Suite struct IDXTests {
  let files = try! TemporaryFiles()

  @Test(arguments: [false, true]) func `images and labels are read`(_ isPacked: Bool) throws {
    var imagePath = try files.write(images, to: "images")
    var labelPath = try files.write(labels, to: "labels")
    if isPacked {
      imagePath = try files.pack(imagePath)
      labelPath = try files.pack(labelPath)
    }
    let dataset = try IDX.load(images: imagePath, labels: labelPath)
    #expect(dataset.count == 2 && dataset.shape == [1, 2, 3] && dataset.classes == 2)
    #expect(dataset.labels == [1, 0])
    #expect(dataset.features[..<2] == [0, 1] && abs(dataset.features[2] - 0.2) < 1e-7)
  }

  @Test(
    arguments: [
      (0x09, [1, 0xFF], [1, -1]),
      (0x0B, [1, 2, 0xFF, 0xFE], [258, -2]),
      (0x0C, [0, 1, 0, 0, 0xFF, 0xFF, 0xFF, 0xFD], [65536, -3]),
      (0x0D, [0x3F, 0x80, 0, 0, 0xC0, 0x20, 0, 0], [1, -2.5]),
      (0x0E, [0x3F, 0xF0, 0, 0, 0, 0, 0, 0, 0xC0, 4, 0, 0, 0, 0, 0, 0], [1, -2.5]),
    ] as [(UInt8, [UInt8], [Float])])
  func `other element types are taken as they are`(
    _ type: UInt8, _ bytes: [UInt8], _ expected: [Float]
  ) throws {
    let dataset = try IDX.load(
      images: files.write(idx(type, [2, 1], bytes), to: "images"),
      labels: files.write(labels, to: "labels"))
    #expect(dataset.features == expected && dataset.shape == [1])
  }

  struct Bad: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var images: [UInt8] = DescentTrainingTests.images
    var labels: [UInt8] = DescentTrainingTests.labels
    let file: String
    let expected: String
    let found: String

    init(
      _ description: String, images: [UInt8]? = nil, labels: [UInt8]? = nil, _ file: String,
      _ expected: String, _ found: String
    ) {
      testDescription = description
      if let images { self.images = images }
      if let labels { self.labels = labels }
      (self.file, self.expected, self.found) = (file, expected, found)
    }
  }

  private static let magic =
    "an IDX file, which begins with 00 00, an element type 08 … 0e and the rank"

  @Test(arguments: [
    Bad("empty", images: [], "images", "the four bytes that begin an IDX file", "0 bytes"),
    Bad("wrong magic", images: [0x89, 0x50, 0x4E, 0x47], "images", magic, "89 50 4e 47"),
    Bad("unknown type", labels: [0, 0, 0x0A, 1, 0, 0, 0, 0], "labels", magic, "00 00 0a 01"),
    Bad(
      "truncated dimensions", images: Array(images[..<15]), "images",
      "16 bytes before the elements of rank 3", "15"),
    Bad(
      "truncated elements", images: images.dropLast(), "images",
      "12 bytes of elements for the dimensions [2, 2, 3]", "11"),
    Bad(
      "too many elements", images: images + [0], "images",
      "12 bytes of elements for the dimensions [2, 2, 3]", "13"),
    Bad(
      "dimensions overflow", images: idx(0x0E, [0xFFFF_FFFF, 0xFFFF_FFFF, 2], []), "images",
      "dimensions whose product is not too large", "[4294967295, 4294967295, 2]"),
    Bad("scalar", images: idx(0x08, [], [1]), "images", "examples, of rank 1 or more", "rank 0"),
    Bad(
      "labels of rank 2", labels: idx(0x08, [2, 1], [1, 0]), "labels", "labels, of rank 1", "rank 2"
    ),
    Bad(
      "a label beyond classes", labels: idx(0x0C, [2], [0, 0, 0, 1, 0x77, 0x35, 0x94, 0]), "labels",
      "labels below 65,536, the numbers of the classes",
      "2000000000 at index 1, which would make as many classes: 16 GB for their scores"),
    Bad(
      "not a number",
      images: idx(0x0D, [2, 1, 2], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7F, 0xC0, 0, 0]),
      "images", "finite numbers", "nan at index 1 of example 1"),
    Bad(
      "beyond floats",
      images: idx(0x0E, [2], [UInt8](repeating: 0, count: 8) + [0x7F, 0xE0, 0, 0, 0, 0, 0, 0]),
      "images", "finite numbers", "inf at index 0 of example 1"),
    Bad(
      "nothing in the examples", images: idx(0x08, [2, 0, 3], []), "images", "examples",
      "some of shape [0, 3]"),
    Bad(
      "negative label", labels: idx(0x09, [2], [0, 0xFF]), "labels",
      "labels that are whole numbers, 0 or above", "-1.0 at index 1"),
    Bad(
      "no examples", images: idx(0x08, [0, 2, 3], []), labels: idx(0x08, [0], []), "images",
      "examples", "none"),
  ])
  func `bad files are refused`(_ bad: Bad) throws {
    let imagePath = try files.write(bad.images, to: "images")
    let labelPath = try files.write(bad.labels, to: "labels")
    let error = #expect(throws: DataError.self) {
      try IDX.load(images: imagePath, labels: labelPath)
    }
    #expect(
      error
        == .malformed(path: files.path(bad.file), expected: bad.expected, found: bad.found))
  }

  @Test func `other files are validated on`() throws {
    var data = IDXData()
    data.images = try files.write(images, to: "images")
    data.labels = try files.write(labels, to: "labels")
    data.testImages = try files.write(idx(0x08, [1, 2, 3], [9, 8, 7, 6, 5, 4]), to: "test-images")
    data.testLabels = try files.write(idx(0x08, [1], [4]), to: "test-labels")
    let parts = try data.load(seed: 0).classified
    #expect(parts.training.count == 2 && parts.validation.labels == [4])
    #expect(parts.training.classes == 5 && parts.validation.classes == 5)
    data.testImages = try files.write(idx(0x08, [1, 2], [9, 8]), to: "other")
    let error = #expect(throws: DataError.self) { try data.load(seed: 0) }
    #expect(
      "\(try #require(error))".contains("other: expected examples of shape [1, 2, 3], as in "))
  }

  @Test func `what is made to fill the memory is not unpacked`() throws {
    let bomb = try files.pack(files.write([UInt8](repeating: 0, count: 40 << 20), to: "bomb"))
    let error = #expect(throws: DataError.self) { try IDX.load(images: bomb, labels: bomb) }
    #expect(
      "\(try #require(error))".hasSuffix(
        "when it is unpacked, found more; if that is right, unpack it first."))
  }

  @Test func `counts that differ name both files`() throws {
    let imagePath = try files.write(images, to: "images")
    let labelPath = try files.write(idx(0x08, [3], [1, 0, 1]), to: "labels")
    let error = #expect(throws: DataError.self) {
      try IDX.load(images: imagePath, labels: labelPath)
    }
    #expect(
      error.map { "\($0)" }
        == "\(labelPath): expected 2 labels, as many as images in \(imagePath), found 3.")
  }

  @Test func `a truncated gzip file is refused`() throws {
    let packed = try files.pack(files.write(images + [UInt8](repeating: 7, count: 9), to: "images"))
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: packed)))
    let path = try files.write(Array(bytes.dropLast(9)), to: "cut.gz")
    let error = #expect(throws: DataError.self) {
      try IDX.load(images: path, labels: files.write(labels, to: "labels"))
    }
    guard case .malformed(path, nil, "a whole gzip file", let found) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(found.contains("unexpected end of file"))
  }

  @Test func `a missing file is told from a bad one`() throws {
    let missing = files.path("none")
    let error = #expect(throws: DataError.self) { try IDX.load(images: missing, labels: missing) }
    #expect(error == .missingFile(path: missing) && error?.isMissingFile == true)
    let folder = #expect(throws: DataError.self) {
      try IDX.load(images: files.folder, labels: missing)
    }
    #expect(folder == .unreadable(path: files.folder, reason: "it is a folder"))
  }

  // MARK: A folder

  private static let four = [
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
  ]

  /// Writes MNIST's four files, of which those to validate on have one image.
  private func writeFour(as name: (String) -> String = { $0 }) throws {
    let one = (idx(0x08, [1, 2, 3], [9, 8, 7, 6, 5, 4]), idx(0x08, [1], [1]))
    for (file, bytes) in zip(Self.four, [images, labels, one.0, one.1]) {
      _ = try files.write(bytes, to: name(file))
    }
  }

  private func folder(_ changes: [String] = []) throws -> ClassificationDataset.Split {
    let yaml = """
      {steps: 1, model: {kind: mlp}, data: {kind: idx, path: "\(files.folder)"},
      optimizer: {name: sgd}}
      """
    guard
      case .classes(let split) = try Recipe(yaml: yaml, overrides: changes).data
        .load(seed: 1) as? LabelledData
    else { throw CocoaError(.featureUnsupported) }
    return split
  }

  @Test(
    "MNIST's folder is enough, with its names or those of unpacked files, packed or not",
    arguments: [false, true], [false, true])
  func folders(_ isDotted: Bool, _ isPacked: Bool) throws {
    func name(_ file: String) -> String {
      isDotted ? file.replacing("-idx", with: ".idx") : file
    }
    try writeFour(as: name)
    if isPacked { for file in Self.four { _ = try files.pack(files.path(name(file))) } }
    let data = try folder()
    #expect(data.training.count == 2 && data.training.labels == [1, 0])
    #expect(data.validation.count == 1 && data.validation.labels == [1])
  }

  @Test("files that are given by name take the place of the folder's") func byName() throws {
    try writeFour()
    let changes = [
      "data.test_images=\(files.path(Self.four[0]))",
      "data.test_labels=\(files.path(Self.four[1]))",
    ]
    #expect(try folder(changes).validation.count == 2)
  }

  @Test("each of the four that is missing is named, and what else is no folder of them")
  func missing() throws {
    for missing in Self.four {
      try writeFour()
      try FileManager.default.removeItem(atPath: files.path(missing))
      let error = #expect(throws: DataError.self) { _ = try folder() }
      #expect(error?.isMissingFile == true)
      #expect(
        error?.description.hasPrefix(
          "there is no file \(files.path(missing)); data.path takes a folder")
          == true, "\(error?.description ?? "")")
    }
    for (path, part) in [
      (
        files.path("nowhere"), "there is no file \(files.path("nowhere")); data.path takes a folder"
      ),
      (files.path(Self.four[0]), "expected a folder with train-images-idx3-ubyte"),
    ] {
      let error = #expect(throws: DataError.self) { _ = try folder(["data.path=\(path)"]) }
      #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
    }
  }
}
