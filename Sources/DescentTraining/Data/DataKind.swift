import Descent

/// What data are like: a model that learns this form can learn them.
///
/// `Dataset` is the type in which a model gets them. Data of another form need a line of their own:
///
///     extension DataForm<Recordings> { static var sound: Self { Self("sound") } }
public struct DataForm<Dataset: Sendable>: Sendable, Equatable {
  /// What the data are, as a phrase: `images`, `a table`.
  public let name: String

  /// A form with a name of its own.
  public init(_ name: String) { self.name = name }
}

extension DataForm<TextDataset> {
  /// A text, as tokens.
  public static var text: Self { Self("text") }
}

extension DataForm<LabelledData> {
  /// Images in classes, each of shape [channels, height, width].
  public static var images: Self { Self("images") }
  /// Rows of numbers, in classes or with a number each.
  public static var table: Self { Self("a table") }
}

/// The `data` section of a recipe: which data, and where they are. The type's name is the recipe's
/// `data.kind`, its settings are the section's other keys.
///
/// A new kind is one file in `Data`, and its line in ``DataKinds/all``.
public protocol DataKind: Configurable {
  /// What is loaded.
  associatedtype Dataset: Sendable
  /// Its form, which decides what models can learn it.
  static var form: DataForm<Dataset> { get }
  /// Loads the data.
  ///
  /// - Parameter seed: what chance follows, where the split into training and validation parts is
  ///   drawn: the same seed gives the same parts.
  /// - Throws: ``DataError`` for missing or bad files.
  func load(seed: UInt64) throws -> Dataset
}

/// All kinds of data, by name.
public enum DataKinds {
  /// Every kind.
  public static let all: [any DataKind.Type] = [
    TextData.self, DigitsData.self, IDXData.self, CSVData.self, ModularData.self,
    EnvironmentData.self,
  ]

  /// The names of those that `model` can learn.
  public static func names<Model: ModelKind>(learnedBy model: Model.Type) -> [String] {
    func fits<Data: DataKind>(_ data: Data.Type) -> Bool { model.learns(data) }
    return all.filter { fits($0) }.map { $0.name }
  }
}

extension Setting {
  /// `validation_fraction`: the share of the data that is kept for validation.
  static func validationFraction(_ path: SettingPath<Root, Double>) -> Setting {
    .number("validation_fraction", path, .open(0, 1), "share kept for validation")
  }
}
