internal import Descent
public import DescentCompute

/// A linear layer and its path in the model.
public struct AdaptedLayer {
  /// The path, such as `model.layers.0.self_attn.q_proj`.
  public let name: String
  /// The layer.
  public let layer: Linear
  /// Its adapter.
  public let adapter: LoRA

  /// What the matrices of the adapter are called in the model.
  package var parameterNames: [String] {
    [LoRA.names.a, LoRA.names.b].map { "\(name).\($0)" }
  }
}

extension Module {
  /// The layers that have an adapter.
  public var adapters: [AdaptedLayer] {
    linearLayers.compactMap { name, layer in
      layer.adapter.map { AdaptedLayer(name: name, layer: layer, adapter: $0) }
    }
  }

  private static func lastParts(_ paths: [String]) -> [String] {
    paths.map { String($0.split(separator: ".").last ?? "") }.uniqued
  }

  var linearLayers: [(name: String, layer: Linear)] {
    namedModules.compactMap { name, module in (module as? Linear).map { (name, $0) } }
  }

  /// Freezes the model, and gives linear layers adapters that are trained in its place.
  ///
  /// - Parameters:
  ///   - configuration: which layers, and how adapters begin.
  ///   - random: what they are drawn with.
  /// - Throws: ``AdapterError`` when no layer is meant, and for an initialization that does not suit
  ///   them; then nothing was changed.
  public func addAdapters(
    _ configuration: LoRA.Configuration, random: inout RandomStream
  ) throws(AdapterError) {
    let layers = linearLayers
    let paths = layers.map(\.name)
    let head = layers.first { $0.layer.weight.role == .head }?.name
    let chosen: Set<String>
    if let targets = configuration.targets {
      chosen = Set(targets.matches(paths, head: head))
      let names = targets == .allLinear ? [] : targets.names ?? []
      for name in names where AdapterTargets(names: [name]).matches(paths, head: head).isEmpty {
        throw .nothingMatches(targets: name, layers: Self.lastParts(paths))
      }
    } else {
      let standard = AdapterTargets(names: ["q_proj", "v_proj"]).matches(paths, head: head)
      chosen = Set(
        standard.isEmpty ? AdapterTargets(names: ["c_attn"]).matches(paths, head: head) : standard)
    }
    guard !chosen.isEmpty else {
      throw .nothingMatches(
        targets: configuration.targets?.description ?? "q_proj,v_proj",
        layers: Self.lastParts(paths))
    }
    var made: [(Linear, LoRA.Beginning)] = []
    for (name, layer) in layers where chosen.contains(name) {
      made.append((layer, try configuration.begin(layer, name, &random)))
    }
    freeze()
    for (layer, beginning) in made {
      if let rest = beginning.rest {
        layer.weight.value = rest
        layer.weight.standsInFile = false
      }
      let adapter = LoRA(
        a: beginning.a, b: beginning.b, scale: Float(configuration.scale),
        dropout: Float(configuration.dropout))
      if beginning.rest != nil { adapter.start = (beginning.a, beginning.b) }
      layer.adapter = adapter
    }
    assignNames()
  }

  /// Adds what the adapters have learned to the weights of their layers, and takes the adapters away.
  ///
  /// Each merged layer is tried on a random input, whose result has to be the one with the adapter.
  ///
  /// - Throws: ``AdapterError/mergeDiffers(layer:difference:)``; then nothing was changed.
  public func mergeAdapters() throws(AdapterError) {
    var random = RandomStream(seed: 0)
    let adapters = adapters
    var merged: [Tensor] = []
    for adapted in adapters {
      let (layer, adapter) = (adapted.layer, adapted.adapter)
      let weight = layer.weight.value.widened + adapter.difference
      let probe = Tensor.random([4, weight.shape[1]], normal: 1, &random)
      let expected = adapter.added(
        to: probe.linear(layer.weight.value.widened), of: probe, .inference)
      let found = probe.linear(weight)
      let scale = expected.elements.largestMagnitude
      let difference = (found - expected).elements.largestMagnitude
      guard difference <= 1e-4 * scale || difference == 0 else {
        throw .mergeDiffers(layer: adapted.name, difference: difference / scale)
      }
      merged.append(weight)
    }
    for (adapted, weight) in zip(adapters, merged) {
      adapted.layer.weight.value = weight
      adapted.layer.weight.standsInFile = false
      adapted.layer.adapter = nil
    }
  }

  /// Takes what an adapter had added out of the weights again.
  ///
  /// - Parameter adapters: those that the model had before ``mergeAdapters()``.
  public func unmergeAdapters(_ adapters: [AdaptedLayer]) {
    for adapted in adapters {
      adapted.layer.weight.value = adapted.layer.weight.value.widened - adapted.adapter.difference
      adapted.layer.adapter = adapted.adapter
    }
    assignNames()
  }
}

extension LoRA {
  /// The first matrices of an adapter, and what is left of the weight where they are taken from it.
  struct Beginning {
    let a: Tensor
    let b: Tensor
    var rest: Tensor?
  }
}

extension LoRA.Configuration {
  fileprivate func begin(
    _ layer: Linear, _ name: String, _ random: inout RandomStream
  ) throws(AdapterError) -> LoRA.Beginning {
    let (outputs, inputs) = (layer.weight.value.shape[0], layer.weight.value.shape[1])
    guard rank <= max(inputs, outputs) else {
      throw .impossibleStart(
        layer: name,
        problem:
          "a rank of \(rank) is more than the layer itself has, from \(inputs) to \(outputs) "
          + "features")
    }
    switch initialization {
    case .kaiming:
      let bound = 1 / Float(inputs).root
      return LoRA.Beginning(
        a: .random([rank, inputs], uniform: -bound..<bound, &random), b: .zeros([outputs, rank]))
    case .normal:
      return LoRA.Beginning(
        a: .random([rank, inputs], normal: 1 / Float(rank), &random), b: .zeros([outputs, rank]))
    case .orthogonal:
      guard rank % 2 == 0 else {
        throw .impossibleStart(
          layer: name, problem: "init=orthogonal needs an even rank, and it is \(rank)")
      }
      return orthogonal(inputs, outputs, &random)
    case .pissa:
      guard rank <= min(inputs, outputs) else {
        throw .impossibleStart(
          layer: name,
          problem: "init=pissa needs a rank of at most \(min(inputs, outputs)), and it is \(rank)")
      }
      return principal(layer.weight.value.widened, &random)
    }
  }
}

extension Tensor {
  /// The same numbers as floats in memory of their own, where they lie in 16 bits.
  var widened: Tensor {
    storage.format == .float32 ? detached : copied()
  }
}

extension View<Float> {
  /// max |xᵢ|; NaN when one is.
  var largestMagnitude: Float { Kernels.maxMagnitude(self) }
}

extension [String] {
  /// Each once, in the order of the first.
  fileprivate var uniqued: [String] {
    var seen: Set<String> = []
    return filter { seen.insert($0).inserted }
  }
}
