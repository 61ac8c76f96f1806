internal import DescentCompute
internal import DescentFiles
internal import Foundation
internal import Safetensors

/// A model in Hugging Face's layout: a folder with a `config.json` and its weights as
/// `model.safetensors`, or as shards with a `model.safetensors.index.json`.
///
/// Opening it reads the configuration and the headers of the weights alone.
///
/// ```swift
/// let pretrained = try PretrainedModel("SmolLM2-135M")
/// let model = try pretrained.load()
/// ```
/// Llama, Mistral, Qwen2, Qwen3, SmolLM and GPT-2 are read: see `ModelFamily`.
public struct PretrainedModel: Sendable {
  /// The folder.
  public let path: String
  /// The `model_type` of the configuration.
  public let type: String
  let configuration: ModelConfiguration
  private let files: [SafetensorsFile]

  /// How the weights of a model come into memory.
  public enum Storage: Sendable {
    /// As float32 in memory of its own: to be trained.
    case copied
    /// Matrices as they lie in the file, which is mapped into memory and only read, in the 16 or 32 bits
    /// that they have there; the model's parameters are frozen.
    case mapped
  }

  /// Opens a folder.
  ///
  /// - Throws: ``PretrainedError``, `SafetensorsError`.
  public init(_ path: String) throws {
    self.path = path
    func file(_ name: String) -> String {
      URL(fileURLWithPath: path).appendingPathComponent(name).relativePath
    }
    configuration = try ModelConfiguration(contentsOf: file("config.json"))
    _ = try ModelFamilies.family(of: configuration)
    type = try configuration.text("model_type") ?? ""
    let (whole, index) = (file("model.safetensors"), file("model.safetensors.index.json"))
    let exists = FileManager.default.fileExists(atPath:)
    if exists(whole) {
      files = [try SafetensorsFile(path: whole)]
    } else if exists(index) {
      files = try SafetensorsIndex(path: index).shards
    } else {
      throw PretrainedError.missing(
        path: whole,
        advice: "the weights are needed as safetensors, in one file or as shards with an index")
    }
  }

  /// The tokens that end a text, as the configuration or the `generation_config.json` beside it says.
  public var endTokens: [Int32] {
    let generation = try? ModelConfiguration(
      contentsOf: URL(fileURLWithPath: path).appendingPathComponent("generation_config.json")
        .relativePath)
    switch generation?.values["eos_token_id"] ?? configuration.values["eos_token_id"] {
    case .integer(let token): return Int32(exactly: token).map { [$0] } ?? []
    case .list(let tokens):
      return tokens.compactMap { if case .integer(let id) = $0 { Int32(exactly: id) } else { nil } }
    default: return []
    }
  }

  /// The most positions of a sequence, as the configuration says; nil where it does not.
  public var positions: Int? {
    (try? configuration.integer("max_position_embeddings") ?? configuration.integer("n_positions"))
      ?? nil
  }

  /// The number of weights, as the files have them.
  public var weights: Int { files.reduce(0) { $0 + $1.entries.reduce(0) { $0 + $1.count } } }

  /// What tells these weights apart from others: a checksum of names, shapes and the first bytes of each
  /// tensor.
  ///
  /// - Throws: errors of reading.
  public func fingerprint() throws -> String {
    var checksum = CRC32C(of: configuration.text())
    for file in files {
      for entry in file.entries {
        let text = Array("\(entry.name) \(entry.dtype) \(entry.shape)".utf8)
        checksum.update(unsafe text.span.bytes)
        var start = [UInt8](repeating: 0, count: min(4096, entry.byteRange.count))
        var memory = start.mutableSpan
        var bytes = unsafe memory.mutableBytes
        try file.read(entry.name, into: &bytes)
        checksum.update(unsafe start.span.bytes)
      }
    }
    return checksum.text
  }

  /// The model with its weights.
  ///
  /// - Throws: ``PretrainedError`` for a configuration that is not supported and for tensors that are
  ///   missing or have other shapes; `SafetensorsError`.
  public func load(_ storage: Storage = .copied) throws -> any CausalLanguageModel {
    let family = try ModelFamilies.family(of: configuration)
    return try load(family, storage)
  }

  private func load<Family: ModelFamily>(
    _: Family.Type, _ storage: Storage
  ) throws -> any CausalLanguageModel {
    var random = RandomStream(seed: 0)
    let model = try Parameter.unset { try Family.model(configuration, random: &random) }
    for (name, parameter) in model.namedParameters {
      try load(parameter, Family.stored(name), storage)
    }
    try requireSharedHead(model)
    return model
  }

  /// That a model without an output matrix has none in the file that differs from its embedding.
  private func requireSharedHead(_ model: any CausalLanguageModel) throws {
    let (head, table) = ("lm_head.weight", "embed_tokens.weight")
    guard !model.namedParameters.contains(where: { $0.name == head }),
      let (file, entry) = try? find(head), entry.name == head
    else { return }
    let names = [table, "model." + table, "wte.weight", "transformer.wte.weight"]
    for name in names {
      guard let (other, same) = try? find(name), same.name == name else { continue }
      if try file.bytes(of: head) != other.bytes(of: name) {
        throw PretrainedError.unsupported(
          path: configuration.path, key: "tie_word_embeddings", value: "true",
          supported: "the file has an lm_head of its own: set it to false to use it")
      }
      return
    }
  }

  private func load(_ parameter: Parameter, _ stored: StoredName, _ storage: Storage) throws {
    let (file, entry) = try find(stored.name)
    let shape = parameter.value.shape
    let expected = stored.isTransposed ? shape.reversed() : shape
    guard entry.shape == expected else {
      throw PretrainedError.wrongShape(
        entry.name, path: file.path, expected: expected, found: entry.shape)
    }
    guard let format = entry.dtype.format else {
      guard entry.dtype == .f64 else {
        throw PretrainedError.wrongType(
          entry.name, path: file.path, found: entry.dtype.rawValue)
      }
      let tensor = Tensor(shape: entry.shape, scalars: try file.floats(of: entry.name))
      parameter.value = stored.isTransposed ? tensor.transposed() : tensor
      return
    }
    let tensor = try file.mapped(entry.name)
    let mapped = TensorStorage(
      count: entry.count, format: format, in: tensor.file, at: tensor.offset)
    switch storage {
    case .copied:
      mapped.widen(0..<entry.count, into: parameter.value.mutableElements())
      if stored.isTransposed {
        parameter.value = Tensor(shape: entry.shape, scalars: parameter.value.scalars).transposed()
      }
      guard mapped.areFinite else {
        throw PretrainedError.notFinite(entry.name, path: file.path)
      }
    case .mapped:
      parameter.isTrainable = false
      guard mapped.areFinite else {
        throw PretrainedError.notFinite(entry.name, path: file.path)
      }
      if shape.count < 2 {
        // What is small is read by other operations than products.
        mapped.widen(0..<entry.count, into: parameter.value.mutableElements())
      } else {
        parameter.value = Tensor(
          shape: shape,
          storage: stored.isTransposed
            ? mapped.transposed(rows: entry.shape[0], columns: entry.shape[1]) : mapped)
      }
      parameter.standsInFile = true
    }
  }

  private func find(_ name: String) throws -> (SafetensorsFile, SafetensorsEntry) {
    // Some files of GPT-2 and bare models leave the first part of the names out.
    let short = name.split(separator: ".").dropFirst().joined(separator: ".")
    for candidate in [name, short] {
      for file in files where file.contains(candidate) {
        return (file, try file.entry(candidate))
      }
    }
    throw PretrainedError.missingTensor(name, path: files.first?.path ?? path)
  }
}

extension SafetensorsDType {
  /// The format of numbers that tensors can hold; nil for others.
  fileprivate var format: NumberFormat? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }
}
