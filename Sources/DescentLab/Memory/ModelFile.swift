import Descent
import DescentTraining
import Foundation
import Safetensors

extension MemorySubject {
  /// A model in a safetensors file, in several that an index lists, or in a folder with one of them.
  /// Only headers are read.
  ///
  /// - Throws: ``SafetensorsError`` for what is not there or whose header lies, ``DataError`` for a file
  ///   without weights.
  public init(file path: String, batch: TokenBatch? = nil) throws {
    let file = try Self.modelFile(path)
    let isIndex = file.hasSuffix(".json")
    let files =
      isIndex ? try SafetensorsIndex(path: file).shards : [try SafetensorsFile(path: file)]
    let (all, shards) = (files.flatMap(\.entries), files.count)
    let (weights, left) = Self.weights(all)
    guard !weights.isEmpty else {
      throw DataError.unsuitable("\(file) holds no weights: none of its tensors are floating-point")
    }
    let parameters = weights.map {
      ParameterInfo($0.name, shape: $0.shape, role: Self.role(of: $0))
    }
    let bytes = all.reduce(0) { $0 + $1.byteRange.count }
    let formats = Dictionary(grouping: weights, by: \.dtype).mapValues {
      $0.reduce(0) { $0 + $1.count }
    }.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
    var notes = [
      "\(shards > 1 ? "\(counted(shards, "file")) with" : "The file holds") "
        + "\(counted(weights.count, "tensor")) of weights as "
        + listed(formats.map(\.key.rawValue))
        + ", \(DescentLab.bytes(bytes)); rows are for training "
        + "in the formats that they name, whatever the file's."
    ]
    if !left.isEmpty {
      notes.append(
        "Not counted as weights: \(counted(left.count, "tensor")) of whole numbers, running "
          + "statistics or optimizer state (\(few(left.map(\.name).sorted()))).")
    }
    self.init(
      file.split(separator: "/").last.map(String.init) ?? file, parameters,
      .arithmetic(.init(TransformerShape(parameters), batch)), notes: notes)
  }

  /// Whether a path is that of a model rather than of a recipe.
  public static func isModel(_ path: String) -> Bool {
    if path.hasSuffix(".safetensors") || path.hasSuffix(".json") { return true }
    return folderFiles.contains { FileManager.default.fileExists(atPath: "\(path)/\($0)") }
  }

  private static let folderFiles = ["model.safetensors.index.json", "model.safetensors"]

  private static func modelFile(_ path: String) throws -> String {
    var isFolder: ObjCBool = false
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
      isFolder.boolValue
    else { return path }
    let files = folderFiles.map { "\(path)/\($0)" }
    return files.first { FileManager.default.fileExists(atPath: $0) } ?? path
  }

  /// Weights, and what is none: whole numbers, running statistics, the state in a checkpoint.
  private static func weights(
    _ all: [SafetensorsEntry]
  ) -> (weights: [SafetensorsEntry], left: [SafetensorsEntry]) {
    let isCheckpoint = all.contains { $0.name.hasPrefix("state/step/") }
    let state = [
      "state/", "memory/", "training/", "average/", "preconditioner/", "spike/", "loss_scale/",
    ]
    func isWeight(_ entry: SafetensorsEntry) -> Bool {
      if isCheckpoint, state.contains(where: { entry.name.hasPrefix($0) }) { return false }
      if entry.name.hasSuffix("running_mean") || entry.name.hasSuffix("running_var") {
        return false
      }
      return switch entry.dtype {
      case .f64, .f32, .f16, .bf16, .f8e4m3, .f8e5m2: entry.count > 0
      case .bool, .u8, .i8, .i16, .u16, .i32, .u32, .i64, .u64: false
      }
    }
    return (all.filter(isWeight), all.filter { !isWeight($0) })
  }

  /// What a tensor is for, by its name and its axes.
  private static func role(of entry: SafetensorsEntry) -> ParameterRole {
    let name = entry.name.lowercased()
    func says(_ words: String...) -> Bool { words.contains { name.contains($0) } }
    if name.hasSuffix("bias") { return .bias }
    if entry.shape.count < 2 { return says("norm", "ln_", ".ln", "bn") ? .norm : .other }
    if says("embed", "wte", "wpe", "embd", "shared.weight") { return .embedding }
    if says("lm_head", "head.weight", "classifier.weight", "score.weight")
      || name == "output.weight" || name == "fc.weight"
    {
      return .head
    }
    return entry.shape.count > 2 ? .convolution : .matrix
  }
}

/// The sizes of a transformer.
public struct TransformerShape: Sendable, Equatable {
  /// Blocks.
  public let layers: Int
  /// The numbers that stand for a token between blocks.
  public let width: Int
  /// Tokens that there are.
  public let vocabulary: Int

  init(layers: Int, width: Int, vocabulary: Int) {
    (self.layers, self.width, self.vocabulary) = (layers, width, vocabulary)
  }

  /// As tensors show them.
  ///
  /// - Returns: nil for what does not look like a transformer.
  package init?(_ parameters: [ParameterInfo]) {
    // `model.layers.12.mlp.weight`, `h.3.attn.weight`: the first number of a name is its block; one
    // further on may be an expert.
    var numbers: [Substring: Set<Int>] = [:]
    for parameter in parameters {
      let parts = parameter.name.split(separator: ".")
      if let index = parts.dropFirst().firstIndex(where: { Int($0) != nil }),
        let number = Int(parts[index])
      {
        numbers[parts[index - 1], default: []].insert(number)
      }
    }
    guard let layers = numbers.values.map(\.count).max(),
      let embedding = parameters.first(where: { $0.role == .embedding && $0.shape.count == 2 })
    else { return nil }
    (self.layers, vocabulary, width) = (layers, embedding.shape[0], embedding.shape[1])
  }
}
