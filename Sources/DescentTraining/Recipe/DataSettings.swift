import Descent

/// `data`: what to learn.
public protocol DataSettings: Configurable {}

/// `data.kind: text`: any text file, or the package's own Swift sources.
public struct TextSettings: DataSettings {
  /// The file; nil learns the package's own sources.
  public var path: String?
  public var tokenizer = Tokenizer.Kind.character
  /// The share of the text, its end, that is kept for validation.
  public var validationFraction = 0.1

  public init() {}

  public static let name = "text"
  public static let settings: [Setting<TextSettings>] = [
    .optionalText("path", \.path, "a text file; none: the package's own Swift sources"),
    .choice("tokenizer", \.tokenizer, "one token a character, or one a byte"),
    .number(
      "validation_fraction", \.validationFraction, .open(0, 1), "share kept for validation"),
  ]
}

/// `data.kind: digits`: the UCI handwritten digits that come with the package.
public struct DigitsSettings: DataSettings {
  /// The share of the examples that is kept for validation.
  public var validationFraction = 0.2

  public init() {}

  public static let name = "digits"
  public static let settings: [Setting<DigitsSettings>] = [
    .number(
      "validation_fraction", \.validationFraction, .open(0, 1), "share kept for validation")
  ]
}

/// `data.kind: idx`: images and labels in MNIST's files, plain or packed by gzip.
public struct IDXSettings: DataSettings {
  public var images: String?
  public var labels: String?
  public var validationFraction = 0.1

  public init() {}

  public static let name = "idx"
  public static let settings: [Setting<IDXSettings>] = [
    .optionalText("images", \.images, "the file of images"),
    .optionalText("labels", \.labels, "the file of labels"),
    .number(
      "validation_fraction", \.validationFraction, .open(0, 1), "share kept for validation"),
  ]

  public func validate() throws(SettingError) {
    if images == nil { throw .contradiction("images is missing: give the file of images") }
    if labels == nil { throw .contradiction("labels is missing: give the file of labels") }
  }
}

/// `data.kind: csv`: a table of numbers with a column of classes.
public struct CSVSettings: DataSettings {
  public var path: String?
  /// The column of classes: its name, or its number from 0; negative counts from the end.
  public var label: String? = "-1"
  public var validationFraction = 0.1

  public init() {}

  public static let name = "csv"
  public static let settings: [Setting<CSVSettings>] = [
    .optionalText("path", \.path, "the table"),
    .optionalText("label", \.label, "column of classes: name, or number from 0 (-1: the last)"),
    .number(
      "validation_fraction", \.validationFraction, .open(0, 1), "share kept for validation"),
  ]

  public func validate() throws(SettingError) {
    if path == nil { throw .contradiction("path is missing: give the table's file") }
  }
}

/// The kinds of data, by name.
let dataKinds: [any DataSettings.Type] = [
  TextSettings.self, DigitsSettings.self, IDXSettings.self, CSVSettings.self,
]
