import Descent

/// `data.kind: idx`: images and labels in MNIST's files, plain or packed by gzip.
public struct IDXData: DataKind {
  /// The file of images.
  public var images: String?
  /// The file of labels.
  public var labels: String?
  /// The share of the examples that is kept for validation.
  public var validationFraction = 0.1

  public init() {}

  public static let name = "idx"
  public static let settings: [Setting<IDXData>] = [
    .optionalText("images", \.images, "the file of images"),
    .optionalText("labels", \.labels, "the file of labels"),
    .validationFraction(\.validationFraction),
  ]
  public static let form = DataForm.images

  private var files: (images: String, labels: String) {
    get throws(SettingError) {
      guard let images else { throw .contradiction("images is missing: give the file of images") }
      guard let labels else { throw .contradiction("labels is missing: give the file of labels") }
      return (images, labels)
    }
  }

  public func validate() throws(SettingError) { _ = try files }

  public func load(seed: UInt64) throws -> ClassificationDataset.Split {
    let files = try files
    return try IDX.load(images: files.images, labels: files.labels)
      .split(validationFraction: validationFraction, seed: seed)
  }
}
