import Descent

/// `data.kind: idx`: images and labels in MNIST's files, plain or packed by gzip.
public struct IDXData: DataKind {
  /// A folder with MNIST's four files; those that are given by name take their place.
  public var path: String?
  /// The file of images.
  public var images: String?
  /// The file of labels.
  public var labels: String?
  /// The file of images to validate on; nil keeps a share of the others.
  public var testImages: String?
  /// The file of their labels.
  public var testLabels: String?
  /// The share of the examples that is kept for validation, without files for it.
  public var validationFraction = 0.1

  public init() {}

  public static let name = "idx"
  public static let settings: [Setting<IDXData>] = [
    .optionalText(
      "path", \.path, "a folder with MNIST's four files, plain or .gz, in the place of the others"),
    .optionalText("images", \.images, "the file of images"),
    .optionalText("labels", \.labels, "the file of labels"),
    .optionalText(
      "test_images", \.testImages, "the file of images to validate on; none: a share of the others"),
    .optionalText("test_labels", \.testLabels, "the file of their labels"),
    .validationFraction(\.validationFraction),
  ]
  public static let form = DataForm.images

  /// A file of images, and that of their labels.
  typealias Files = (images: String, labels: String)

  /// The files to train on, and those to validate on.
  ///
  /// - Throws: ``DataError`` for a folder that is not there or has not all of them.
  func files() throws -> (training: Files, test: Files?) {
    var whole = self
    if let path {
      let folder = try IDXFolder(path)
      whole.images = images ?? folder.images
      whole.labels = labels ?? folder.labels
      whole.testImages = testImages ?? folder.testImages
      whole.testLabels = testLabels ?? folder.testLabels
    }
    return (try whole.trainingFiles, try whole.testFiles)
  }

  private var trainingFiles: Files {
    get throws(SettingError) {
      switch (images, labels) {
      case (let images?, let labels?): return (images, labels)
      case (nil, nil):
        throw .contradiction(
          "path is missing: give the folder with MNIST's four files, as in --set data.path=FOLDER, "
            + "or images and labels")
      case (nil, _?): throw .contradiction("images is missing: give the file of images")
      case (_?, nil): throw .contradiction("labels is missing: give the file of labels")
      }
    }
  }

  private var testFiles: Files? {
    get throws(SettingError) {
      switch (testImages, testLabels) {
      case (let images?, let labels?): return (images, labels)
      case (nil, nil): return nil
      case (_?, nil):
        throw .contradiction("test_labels is missing: give the labels of test_images")
      case (nil, _?):
        throw .contradiction("test_images is missing: give the images of test_labels")
      }
    }
  }

  public func validate() throws(SettingError) {
    // What is in a folder shows when it is read.
    if path == nil { _ = (try trainingFiles, try testFiles) }
  }

  public func load(seed: UInt64) throws -> LabelledData {
    let (files, testFiles) = try files()
    var images = try IDX.load(images: files.images, labels: files.labels)
    try images.requireClasses(in: files.labels)
    guard let testFiles else {
      return .classes(try images.split(validationFraction: validationFraction, seed: seed))
    }
    var test = try IDX.load(images: testFiles.images, labels: testFiles.labels)
    if test.shape != images.shape {
      throw DataError.malformed(
        path: testFiles.images,
        expected: "examples of shape \(images.shape), as in \(files.images)",
        found: "\(test.shape)")
    }
    let classes = max(images.classes, test.classes)
    images.classes = classes
    test.classes = classes
    return .classes(.init(training: images, validation: test))
  }
}
