internal import DescentCompute

/// Models that share an architecture in Hugging Face's files: how their `config.json` is read, and what
/// their tensors are called.
protocol ModelFamily: Sendable {
  /// The values of `model_type` that it reads.
  static var types: [String] { get }
  /// What the model is made of.
  associatedtype Model: CausalLanguageModel
  /// Reads a configuration.
  static func model(
    _ configuration: ModelConfiguration, random: inout RandomStream
  ) throws -> Model
  /// A configuration from which ``model(_:random:)`` and Hugging Face make such a model; nil for one with
  /// options that no type has together.
  static func configuration(of model: Model) -> [String: ConfigurationValue]?
  /// Tensors that a file has beside the parameters of `model`, all of them zeros.
  static func zeros(of model: Model) -> [(name: String, shape: [Int])]
  /// What the parameter `name` of the model is called in a file.
  static func stored(_ name: String) -> StoredName
}

/// How a file has a parameter.
struct StoredName {
  /// Its name.
  let name: String
  /// Whether the file has the matrix the other way round.
  var isTransposed = false
}

extension ModelFamily {
  static func zeros(of model: Model) -> [(name: String, shape: [Int])] { [] }

  static func zeros(ofAny model: any CausalLanguageModel) -> [(name: String, shape: [Int])] {
    (model as? Model).map(zeros(of:)) ?? []
  }

  /// Makes a model whose sizes a file gives; what does not fit together is a fault of the file.
  static func make<Model>(
    _ configuration: ModelConfiguration, _ body: () throws(ModelError) -> Model
  ) throws -> Model {
    do throws(ModelError) { return try body() } catch {
      throw configuration.wrong("the sizes do not fit together: \(error.description.dropLast())")
    }
  }
}

/// All families.
enum ModelFamilies {
  static let all: [any ModelFamily.Type] = [GPT2Family.self, LlamaFamily.self]

  /// The family of a configuration.
  static func family(
    of configuration: ModelConfiguration
  ) throws(PretrainedError) -> any ModelFamily.Type {
    guard let type = try configuration.text("model_type") else {
      throw configuration.wrong("it has no “model_type”")
    }
    guard let family = all.first(where: { $0.types.contains(type) }) else {
      throw .unknownArchitecture(
        path: configuration.path, found: type, known: all.flatMap { $0.types })
    }
    return family
  }

  /// The family that a model belongs to, whoever made it.
  static func family(of model: any CausalLanguageModel) -> (any ModelFamily.Type)? {
    all.first { $0.makes(model) }
  }
}

extension ModelFamily {
  static func makes(_ model: any CausalLanguageModel) -> Bool { model is Model }

  static func configuration(
    ofAny model: any CausalLanguageModel
  ) -> [String: ConfigurationValue]? {
    (model as? Model).flatMap(configuration(of:))
  }
}
