import Descent

/// `data.kind: digits`: the UCI handwritten digits that come with the package.
public struct DigitsData: DataKind {
  /// The share of the examples that is kept for validation.
  public var validationFraction = 0.2
  /// The digits that are learned; all by default. Models keep room for all ten.
  public var classes = Array(0..<10)
  /// Whether the digits that are learned are dark on a light ground, which those that are left out are
  /// not: something new for a model that knows them all.
  public var isInverted = false

  public init() {}

  public static let name = "digits"
  public static let settings: [Setting<DigitsData>] = [
    .validationFraction(\.validationFraction),
    .integers("classes", \.classes, .closed(0, 9), "digits that are learned"),
    .flag("inverted", \.isInverted, "learn them dark on a light ground"),
  ]
  public static let form = DataForm.images

  public func validate() throws(SettingError) {
    if classes.isEmpty {
      throw .contradiction("classes is empty: name at least one digit, such as classes=[3]")
    }
    if let twice = classes.indices.first(where: { classes[..<$0].contains(classes[$0]) }) {
      throw .contradiction("classes has the digit \(classes[twice]) twice: name it once")
    }
  }

  /// The parts are drawn before classes are left out: with the same seed, runs on some of the digits
  /// validate on none that a run on all has trained on.
  public func load(seed: UInt64) throws -> LabelledData {
    let split = try Self.images().split(validationFraction: validationFraction, seed: seed)
    let kept = split.keeping(Set(classes))
    guard isInverted else { return .classes(kept) }
    var inverted = ClassificationDataset.Split(
      training: kept.training.inverted(), validation: kept.validation.inverted())
    inverted.leftOut = kept.leftOut
    return .classes(inverted)
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
