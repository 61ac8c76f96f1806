import Descent

/// `data.kind: digits`: the UCI handwritten digits that come with the package.
public struct DigitsData: DataKind {
  /// The share of the examples that is kept for validation.
  public var validationFraction = 0.2

  public init() {}

  public static let name = "digits"
  public static let settings: [Setting<DigitsData>] = [.validationFraction(\.validationFraction)]
  public static let form = DataForm.images

  public func load(seed: UInt64) throws -> LabelledData {
    .classes(try Self.images().split(validationFraction: validationFraction, seed: seed))
  }

  /// All 1,797 grey images, of shape [1, 8, 8] with pixels scaled to 0 ... 1, in 10 classes.
  ///
  /// Every pixel counts the ink of a block of 4 x 4 points of the scan, 0 ... 16. See the resource
  /// `digits/ATTRIBUTION.md` for the authors and the licence (CC BY 4.0).
  ///
  /// - Throws: `.missingFile` if the package's resource folder is not where the program is.
  public static func images() throws(DataError) -> ClassificationDataset {
    let path = try PackageResource.path("digits/digits.csv")
    let table = try CSV.load(path: path, label: .named("digit"))
    return try ClassificationDataset(
      features: table.features, shape: [1, 8, 8], labels: table.labels, classes: table.classes,
      classNames: table.classNames
    ).scaled(by: 1 / 16)
  }
}
