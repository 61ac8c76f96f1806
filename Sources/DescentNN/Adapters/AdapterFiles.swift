internal import DescentCompute
internal import DescentFiles
internal import Foundation
internal import Safetensors

/// The layouts in which adapters are kept.
public enum AdapterLayout: String, Sendable, CaseIterable {
  /// PEFT's: a folder with `adapter_config.json` and `adapter_model.safetensors`.
  case peft
  /// kohya's: one safetensors file, whose names are paths with `_` for `.`, and an alpha for each layer.
  case kohya
}

extension Module {
  /// Writes the adapters of this model.
  ///
  /// - Parameters:
  ///   - folder: where; for ``AdapterLayout/kohya`` the file in it is `adapter.safetensors`. It is made
  ///     where it is not there.
  ///   - configuration: what they were made by.
  ///   - base: the model that they belong to, as others are to find it.
  /// - Throws: `SafetensorsError` and `FileError` for what cannot be written.
  public func saveAdapters(
    to folder: String, _ layout: AdapterLayout, _ configuration: LoRA.Configuration,
    base: String? = nil
  ) throws {
    let url = URL(fileURLWithPath: folder)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    func file(_ name: String) -> String { url.appendingPathComponent(name).relativePath }
    var configuration = configuration
    if let rank = adapters.first?.adapter.forOriginalWeight.a.shape[0], rank != configuration.rank {
      let root = configuration.isRankStabilized ? Double(rank).squareRoot() : Double(rank)
      (configuration.alpha, configuration.rank) = (configuration.scale * root, rank)
    }
    var tensors: [(name: String, Tensor)] = []
    for adapted in adapters {
      let name = storedPath(of: adapted.name)
      let (a, b) = adapted.adapter.forOriginalWeight
      switch layout {
      case .peft:
        let prefix = PEFT.prefix + name + "."
        tensors += [(prefix + LoRA.names.a, a), (prefix + LoRA.names.b, b)]
      case .kohya:
        let prefix = Kohya.prefix + name.replacing(".", with: "_")
        let alpha = adapted.adapter.scale * Float(a.shape[0])
        tensors += [
          (prefix + ".lora_down.weight", a), (prefix + ".lora_up.weight", b),
          (prefix + ".alpha", Tensor(alpha)),
        ]
      }
    }
    switch layout {
    case .peft:
      let layers = adapters.map {
        PEFT.Layer(
          path: storedPath(of: $0.name), rank: $0.adapter.forOriginalWeight.a.shape[0],
          scale: $0.adapter.scale)
      }
      let text = PEFT.configuration(configuration, layers: layers, base: base)
      try Self.write(tensors, to: file("adapter_model.safetensors"), ["format": "pt"])
      try OutputFile.write(text, to: file("adapter_config.json"))
    case .kohya:
      try Self.write(
        tensors, to: file("adapter.safetensors"),
        [
          "ss_network_module": "networks.lora", "ss_network_dim": "\(configuration.rank)",
          "ss_network_alpha": "\(configuration.alpha)",
        ])
    }
  }

  private static func write(
    _ tensors: [(name: String, Tensor)], to path: String, _ metadata: [String: String]
  ) throws {
    var writer = try SafetensorsWriter(
      path: path, tensors: tensors.map { ($0.name, .f32, $0.1.shape) }, metadata: metadata)
    for (name, tensor) in tensors {
      try tensor.withSpan { try writer.append($0, to: name) }
    }
    try writer.finish()
  }

  /// Freezes the model, and gives its layers the adapters of a folder in PEFT's layout, or of a file in
  /// kohya's.
  ///
  /// - Returns: what they were made by, as far as the files say it.
  /// - Throws: ``AdapterError`` for files that are missing, ask for what is not supported, or belong to
  ///   another model; `SafetensorsError`. Then nothing was changed.
  @discardableResult
  public func loadAdapters(from path: String) throws -> LoRA.Configuration {
    let (found, configuration) =
      try Self.kohyaFile(path).map { try Kohya.read($0) } ?? PEFT.read(path)
    var layers: [String: Linear] = [:]
    for (name, layer) in linearLayers {
      let stored = storedPath(of: name)
      layers[stored] = layer
      layers[stored.replacing(".", with: "_")] = layer
    }
    var made: [(Linear, LoRA)] = []
    for part in found.sorted(by: { $0.layer < $1.layer }) {
      guard let layer = layers[part.layer] else {
        throw AdapterError.otherModel(
          path: path, problem: "it has weights for \(part.layer), which this model has not")
      }
      let (outputs, inputs) = (layer.weight.value.shape[0], layer.weight.value.shape[1])
      guard part.a.rank == 2, part.b.rank == 2, part.a.shape[1] == inputs,
        part.b.shape[0] == outputs, part.a.shape[0] == part.b.shape[1]
      else {
        throw AdapterError.otherModel(
          path: path,
          problem: "its matrices for \(part.layer) have the shapes \(part.a.shape) and "
            + "\(part.b.shape), and the layer goes from \(inputs) to \(outputs) features")
      }
      guard part.a.elements.largestMagnitude.isFinite, part.b.elements.largestMagnitude.isFinite
      else {
        throw AdapterError.malformed(
          path: path, problem: "\(part.layer) has a number that is NaN or infinite")
      }
      made.append(
        (
          layer,
          LoRA(
            a: part.a, b: part.b, scale: part.scale, dropout: Float(configuration.dropout))
        ))
    }
    if made.isEmpty { throw AdapterError.malformed(path: path, problem: "it has no adapter") }
    freeze()
    for (layer, adapter) in made { layer.adapter = adapter }
    assignNames()
    return configuration
  }

  /// The file in kohya's layout that a path means; nil for a folder in PEFT's.
  private static func kohyaFile(_ path: String) -> String? {
    var isFolder = ObjCBool(false)
    let exists = unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    if !(exists && isFolder.boolValue) { return path.hasSuffix(".safetensors") ? path : nil }
    let file = URL(fileURLWithPath: path).appendingPathComponent("adapter.safetensors")
    return FileManager.default.fileExists(atPath: file.path) ? file.relativePath : nil
  }

  /// The path of a layer in Hugging Face's model.
  private func storedPath(of name: String) -> String {
    guard let model = self as? any CausalLanguageModel,
      let family = ModelFamilies.family(of: model)
    else { return name }
    return family.stored(name).name
  }
}

/// The adapter of a layer in a file.
private struct StoredAdapter {
  let layer: String
  let a: Tensor
  let b: Tensor
  let scale: Float
}

extension SafetensorsFile {
  fileprivate func tensor(_ name: String) throws -> Tensor {
    Tensor(shape: try entry(name).shape, scalars: try floats(of: name))
  }

  /// The layers that have a tensor whose name begins with `prefix` and ends with `ending`.
  fileprivate func layers(_ prefix: String, _ ending: String) -> [String] {
    names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(ending) }
      .map { String($0.dropFirst(prefix.count).dropLast(ending.count)) }
  }
}

// MARK: - PEFT

private enum PEFT {
  static let prefix = "base_model.model."

  /// A layer that has an adapter.
  struct Layer {
    let path: String
    let rank: Int
    let scale: Float
  }

  static func configuration(
    _ c: LoRA.Configuration, layers: [Layer], base: String?
  ) -> String {
    // Ranks and alphas of single layers, where they are others.
    var (ranks, alphas): ([String: ConfigurationValue], [String: ConfigurationValue]) = ([:], [:])
    for layer in layers {
      let rank = Double(layer.rank)
      let alpha = Double(layer.scale) * (c.isRankStabilized ? rank.squareRoot() : rank)
      if layer.rank != c.rank { ranks[layer.path] = .integer(layer.rank) }
      if abs(alpha - c.alpha) > 1e-6 * abs(c.alpha) { alphas[layer.path] = number(alpha) }
    }
    let layers = layers.map(\.path)
    let targets: ConfigurationValue
    if let names = c.targets?.names, c.targets != .allLinear {
      targets = .list(names.map { .text($0) })
    } else if c.targets == .allLinear {
      targets = .text(AdapterTargets.allLinear.description)
    } else if c.targets != nil {
      // A pattern may match other modules there than linear layers.
      targets = .list(layers.map { .text($0) })
    } else {
      let ends = Set(layers.map { $0.split(separator: ".").last.map(String.init) ?? $0 })
      targets = .list(ends.sorted().map { .text($0) })
    }
    // PiSSA's and orthogonal beginnings lie in the saved matrices.
    let values: [String: ConfigurationValue] = [
      "peft_type": .text("LORA"), "task_type": .text("CAUSAL_LM"), "r": .integer(c.rank),
      "lora_alpha": number(c.alpha), "rank_pattern": .object(ranks),
      "alpha_pattern": .object(alphas),
      "lora_dropout": .number(c.dropout), "use_rslora": .flag(c.isRankStabilized),
      "use_dora": .flag(false), "bias": .text("none"), "target_modules": targets,
      "fan_in_fan_out": .flag(layers.contains { $0.hasSuffix("c_attn") }),
      "init_lora_weights": .flag(true), "inference_mode": .flag(true),
      "base_model_name_or_path": base.map { .text($0) } ?? .null,
    ]
    return ModelConfiguration(path: "", values: values).text()
  }

  private static func number(_ x: Double) -> ConfigurationValue {
    Int(exactly: x).map { .integer($0) } ?? .number(x)
  }

  static func read(_ folder: String) throws -> ([StoredAdapter], LoRA.Configuration) {
    let url = URL(fileURLWithPath: folder)
    func path(_ name: String) -> String { url.appendingPathComponent(name).relativePath }
    for name in ["adapter_config.json", "adapter_model.safetensors"]
    where !FileManager.default.fileExists(atPath: path(name)) {
      throw AdapterError.missing(
        path: path(name),
        advice: "an adapter's folder has an adapter_config.json and an adapter_model.safetensors")
    }
    let (c, read) = try configuration(path("adapter_config.json"))
    let patterns = (
      ranks: try read.section("rank_pattern")?.values ?? [:],
      alphas: try read.section("alpha_pattern")?.values ?? [:]
    )
    let file = try SafetensorsFile(path: path("adapter_model.safetensors"))
    let layers = file.layers(prefix, "." + LoRA.names.a)
    let known = Set(
      layers.flatMap { ["\(prefix)\($0).\(LoRA.names.a)", "\(prefix)\($0).\(LoRA.names.b)"] })
    if let other = file.names.first(where: { !known.contains($0) }) {
      throw AdapterError.malformed(
        path: file.path, problem: "it has \(other), and only LoRA's two matrices are supported")
    }
    if let targets = c.targets {
      let meant = Set(targets.matches(layers, head: nil))
      if let other = layers.first(where: { !meant.contains($0) }) {
        throw AdapterError.malformed(
          path: file.path, problem: "it has \(other), which its target_modules leave out")
      }
    }
    return (
      try layers.map { layer in
        let a = try file.tensor("\(prefix)\(layer).\(LoRA.names.a)")
        let alpha = try value(patterns.alphas, of: layer, read.path) ?? c.alpha
        let rank = Double(a.shape.first ?? 1)
        let said = try value(patterns.ranks, of: layer, read.path) ?? Double(c.rank)
        guard said == rank else {
          throw AdapterError.malformed(
            path: read.path,
            problem: "it gives \(layer) the rank \(Int(said)), and its matrices have \(Int(rank))")
        }
        return StoredAdapter(
          layer: layer, a: a, b: try file.tensor("\(prefix)\(layer).\(LoRA.names.b)"),
          scale: Float(alpha / (c.isRankStabilized ? rank.squareRoot() : rank)))
      }, c
    )
  }

  private static func configuration(
    _ path: String
  ) throws -> (LoRA.Configuration, ModelConfiguration) {
    do throws(PretrainedError) {
      let read = try ModelConfiguration(contentsOf: path)
      try read.require("peft_type", .text("LORA"))
      try read.require("bias", .text("none"))
      try read.require("use_dora", .flag(false))
      try read.require("lora_bias", .flag(false))
      try read.require("use_qalora", .flag(false))
      for key in [
        "modules_to_save", "layer_replication", "trainable_token_indices", "layers_to_transform",
        "exclude_modules", "target_parameters",
      ] {
        try read.require(key, .null)
      }
      var c = LoRA.Configuration()
      guard let rank = try read.integer("r"), let alpha = try read.number("lora_alpha") else {
        throw read.wrong("it has no “r” or no “lora_alpha”")
      }
      guard (1...1 << 20).contains(rank) else { throw read.wrong("its rank r is \(rank)") }
      (c.rank, c.alpha) = (rank, alpha)
      c.isRankStabilized = try read.flag("use_rslora", or: false)
      c.dropout = min(max(try read.number("lora_dropout", or: 0), 0), 0.999)
      if let names = try? read.texts("target_modules") {
        c.targets = AdapterTargets(names: names)
      } else if let pattern = try read.text("target_modules") {
        c.targets = AdapterTargets(pattern)
      }
      return (c, read)
    } catch {
      let text = "\(error)"
      let problem =
        text.hasPrefix(path) ? text.dropFirst(path.count).drop { ": ".contains($0) } : text[...]
      throw AdapterError.malformed(path: path, problem: String(problem.dropLast()))
    }
  }

  /// What a pattern says of a layer: a part of its path, or a regular expression for the end of it.
  private static func value(
    _ patterns: [String: ConfigurationValue], of layer: String, _ path: String
  ) throws -> Double? {
    for (pattern, value) in patterns.sorted(by: { $0.key < $1.key }) {
      let isMeant =
        layer == pattern || layer.hasSuffix("." + pattern)
        || (try? Regex("(.*\\.)?(\(pattern))$")).flatMap { layer.wholeMatch(of: $0) } != nil
      guard isMeant else { continue }
      switch value {
      case .integer(let integer): return Double(integer)
      case .number(let number): return number
      default:
        throw AdapterError.malformed(
          path: path, problem: "it gives \(pattern) the value \(value), which is no number")
      }
    }
    return nil
  }
}

// MARK: - kohya

private enum Kohya {
  /// Language models are text encoders to kohya's scripts.
  static let prefix = "lora_te_"

  static func read(_ path: String) throws -> ([StoredAdapter], LoRA.Configuration) {
    guard FileManager.default.fileExists(atPath: path) else {
      throw AdapterError.missing(path: path, advice: "give the adapter's safetensors file")
    }
    let file = try SafetensorsFile(path: path)
    let ending = ".lora_down.weight"
    var c = LoRA.Configuration()
    let layers = file.layers("lora_", ending)
    let known = Set(
      layers.flatMap { name in
        [ending, ".lora_up.weight", ".alpha"].map { "lora_" + name + $0 }
      })
    if let other = file.names.first(where: { !known.contains($0) }) {
      throw AdapterError.malformed(
        path: path,
        problem: "it has \(other), and only lora_down, lora_up and alpha of a layer are supported")
    }
    let adapters = try layers.map { name in
      let a = try file.tensor("lora_" + name + ending)
      let alphaName = "lora_" + name + ".alpha"
      let rank = a.shape.first ?? 1
      let alphas = file.contains(alphaName) ? try file.floats(of: alphaName) : []
      guard alphas.count <= 1 else {
        throw AdapterError.malformed(
          path: path, problem: "\(alphaName) has \(alphas.count) numbers, and a layer has one alpha"
        )
      }
      let alpha = alphas.first
      (c.rank, c.alpha) = (max(1, rank), Double(alpha ?? Float(rank)))
      // Before the path stands which part of a pipeline is meant: te, te1, unet.
      let layer = name.split(separator: "_", maxSplits: 1).last.map(String.init) ?? name
      return StoredAdapter(
        layer: layer, a: a, b: try file.tensor("lora_" + name + ".lora_up.weight"),
        scale: (alpha ?? Float(rank)) / Float(max(1, rank)))
    }
    return (adapters, c)
  }
}
