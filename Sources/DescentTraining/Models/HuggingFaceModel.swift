import Descent
import DescentNN
import Foundation

/// `model.kind: huggingface`: a language model in Hugging Face's layout, with its weights.
public struct HuggingFaceModel: LanguageModelKind {
  /// The folder with `config.json`, the weights and `tokenizer.json`.
  public var from: String?
  /// Which blocks keep only their input and run again in the backward pass.
  public var recompute = Recomputation.none
  /// Whether the weights stay in the files, since only adapters are trained.
  var isFrozen = false

  public init() {}

  public static let name = "huggingface"
  public static let settings: [Setting<HuggingFaceModel>] = [
    .optionalText(
      "from", \.from, "the folder with config.json, model.safetensors and tokenizer.json"),
    .recompute(\.recompute, "blocks"),
  ]

  public func validate() throws(SettingError) {
    if from == nil {
      throw .contradiction("from is missing: give the folder of the model")
    }
  }

  /// 256 tokens, or as many as the model takes, unless `data.context` says otherwise.
  public var context: Int { min(256, (try? pretrained().positions) ?? 256) }

  /// What the folder says.
  func pretrained() throws -> PretrainedModel { try PretrainedModel(from ?? "") }

  /// A text takes the model's own tokenizer, unless it names one.
  public func completing(_ data: any DataKind) -> any DataKind {
    guard var text = data as? TextData else { return data }
    text.modelFolder = from
    return text
  }

  public func located() -> HuggingFaceModel {
    var copy = self
    copy.from = from.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
    return copy
  }

  public func frozen() -> HuggingFaceModel {
    var copy = self
    copy.isFrozen = true
    return copy
  }

  public var endTokens: Set<Int32> { Set((try? pretrained().endTokens) ?? []) }

  public func fileFingerprint() throws -> String? {
    isFrozen ? try pretrained().fingerprint() : nil
  }

  public func size(vocabulary: Int) -> ModelSize {
    // What is wrong with the folder is said when the model is made.
    let weights = (try? Double(pretrained().weights)) ?? 0
    // What is mapped takes no memory that the system could not have back.
    let own = isFrozen ? 0 : weights
    return ModelSize(weights: own, tensors: 100, example: 0, outputs: 0, kept: 0)
  }

  public func makeModel(
    vocabulary: Int, random: inout RandomStream
  ) throws -> any CausalLanguageModel {
    let pretrained = try pretrained()
    let model = try pretrained.load(isFrozen ? .mapped : .copied)
    guard vocabulary <= model.vocabulary else {
      throw DataError.unsuitable(
        "the tokenizer has \(vocabulary) tokens, and the model \(pretrained.path) knows "
          + "\(model.vocabulary); use the model's own")
    }
    (model as? any RecomputingModule)?.recomputation = recompute
    return model
  }
}
