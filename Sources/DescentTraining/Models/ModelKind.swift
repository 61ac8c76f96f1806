import Descent
import DescentNN

/// The `model` section of a recipe: which model, and how large. The type's name is the recipe's
/// `model.kind`, its settings are the section's other keys.
///
/// A new kind is one file in `Models`, and its line in ``ModelKinds/all``. Most kinds are a
/// ``LanguageModelKind`` or a ``PredictorKind``, which bring the task; a kind with a task of its
/// own makes it in ``makeTask(_:seed:)``.
public protocol ModelKind: Configurable {
  /// What it is trained on.
  associatedtype Dataset: Sendable
  /// The forms of data that it learns.
  static var learns: [DataForm<Dataset>] { get }
  /// Whether an evaluation has an accuracy beside the loss.
  static var reportsAccuracy: Bool { get }
  /// What it takes to train it on `data`, at least; nil is not checked.
  func size(for data: Dataset) -> ModelSize?
  /// Makes the model, its weights drawn by `seed`, and binds it to its data.
  ///
  /// - Throws: `ModelError`, ``DataError`` or ``RecipeError`` where the two do not go together.
  func makeTask(_ data: Dataset, seed: UInt64) throws -> any TrainingTask
  /// What continues texts with the newest weights of a run; nil for a model that writes none.
  ///
  /// - Parameter recipe: that of the run.
  func languageModel(in run: RunDirectory, of recipe: Recipe) throws -> LanguageModel?
  /// Whether its task is an ``ImageMaking``.
  static var makesImages: Bool { get }
  /// Whether its parts have losses of their own, which rise and fall against each other.
  static var hasSeveralLosses: Bool { get }
  /// The metric that says how good it is, where a lower training loss does not; nil where it does.
  static var betterThanLoss: String? { get }
  /// Data to train on, with what they leave open and the model decides.
  func completing(_ data: any DataKind) -> any DataKind
  /// What tells the frozen weights that stand in files, and so in no checkpoint, apart from others; nil
  /// where there are none.
  func fileFingerprint() throws -> String?
  /// The same with paths that hold wherever the run is used from.
  func located() -> Self
  /// The same model where nothing trains its weights, so that they may stay in a file.
  func frozen() -> Self
}

extension ModelKind {
  /// Not known.
  public func size(for data: Dataset) -> ModelSize? { nil }

  /// None.
  public func languageModel(
    in run: RunDirectory, of recipe: Recipe
  ) throws -> LanguageModel? { nil }
  /// False.
  public static var makesImages: Bool { false }
  /// False.
  public static var hasSeveralLosses: Bool { false }
  /// None.
  public static var betterThanLoss: String? { nil }
  /// As they are.
  public func completing(_ data: any DataKind) -> any DataKind { data }
  /// None.
  public func fileFingerprint() throws -> String? { nil }
  /// As it is.
  public func located() -> Self { self }
  /// As it is.
  public func frozen() -> Self { self }

  /// Whether it learns data of this form.
  public static func learns<Other>(_ form: DataForm<Other>) -> Bool {
    (form as? DataForm<Dataset>).map(learns.contains) ?? false
  }

  /// Whether it learns data of this kind.
  public static func learns<Data: DataKind>(_ data: Data.Type) -> Bool { learns(data.form) }
}

/// All kinds of models, by name.
public enum ModelKinds {
  /// Every kind.
  public static let all: [any ModelKind.Type] = [
    GPTModel.self, HuggingFaceModel.self, MLPModel.self, CNNModel.self, ViTModel.self,
    GANModel.self, DiffusionModel.self, PPOModel.self,
  ]

  /// The names of those that learn data of this form.
  public static func names<Dataset>(learning form: DataForm<Dataset>) -> [String] {
    all.filter { $0.learns(form) }.map { $0.name }
  }
}

extension Setting {
  /// `recompute`: which of the model's `parts` keep only their input for the backward pass.
  static func recompute(_ path: SettingPath<Root, Recomputation>, _ parts: String) -> Setting {
    .parsed(
      "recompute", path, "none, layers, or the megabytes that activations may take",
      "\(parts) that keep only their input")
  }
}
