internal import DescentCompute

/// GPT-2, whose linear maps are stored as [inputs, outputs].
enum GPT2Family: ModelFamily {
  static let types = ["gpt2"]

  static func model(
    _ configuration: ModelConfiguration, random: inout RandomStream
  ) throws -> GPT {
    let c = configuration
    for key in ["add_cross_attention", "scale_attn_by_inverse_layer_idx"] {
      try c.require(key, .flag(false))
    }
    try c.require("scale_attn_weights", .flag(true))
    try c.require("tie_word_embeddings", .flag(true))
    let activation = try c.text("activation_function") ?? "gelu_new"
    let approximate = ["gelu_new", "gelu_pytorch_tanh", "gelu_fast"]
    guard activation == "gelu" || approximate.contains(activation) else {
      throw PretrainedError.unsupported(
        path: c.path, key: "activation_function", value: activation,
        supported: "those that are: gelu, \(approximate.joined(separator: ", "))")
    }
    var sizes = GPT.Configuration(
      layers: try c.size("n_layer", or: 12), heads: try c.size("n_head", or: 12),
      width: try c.size("n_embd", or: 768), context: try c.size("n_positions", or: 1024),
      vocabulary: try c.size("vocab_size", or: 50257),
      dropout: Float(try c.number("resid_pdrop", or: 0.1)), bias: true)
    sizes.approximatesGELU = activation != "gelu"
    sizes.inner = try c.integer("n_inner").map { _ in try c.size("n_inner") }
    sizes.normEpsilon = Float(try c.number("layer_norm_epsilon", or: 1e-5))
    return try make(configuration) { () throws(ModelError) in try GPT(sizes, random: &random) }
  }

  static func configuration(of model: GPT) -> [String: ConfigurationValue]? {
    let c = model.configuration
    let dropout = ConfigurationValue.number(Double(c.dropout))
    return [
      "model_type": .text("gpt2"), "architectures": .list([.text("GPT2LMHeadModel")]),
      "n_layer": .integer(c.layers), "n_head": .integer(c.heads), "n_embd": .integer(c.width),
      "n_positions": .integer(c.context), "vocab_size": .integer(c.vocabulary),
      "n_inner": c.inner.map { .integer($0) } ?? .null,
      "activation_function": .text(c.approximatesGELU ? "gelu_new" : "gelu"),
      "layer_norm_epsilon": .number(Double(c.normEpsilon)),
      "resid_pdrop": dropout, "embd_pdrop": dropout, "attn_pdrop": dropout,
      "tie_word_embeddings": .flag(true), "bos_token_id": .null, "eos_token_id": .null,
    ]
  }

  /// The biases of a model that has none.
  static func zeros(of model: GPT) -> [(name: String, shape: [Int])] {
    guard !model.configuration.bias else { return [] }
    let maps = model.namedModules.compactMap { name, module -> (name: String, shape: [Int])? in
      switch module {
      case let layer as Linear: (name, [layer.weight.value.shape[0]])
      case let layer as LayerNorm: (name, layer.weight.value.shape)
      default: nil
      }
    }
    return maps.map { ("transformer.\($0.name).bias", $0.shape) }
  }

  static func stored(_ name: String) -> StoredName {
    let maps = ["c_attn.weight", "c_proj.weight", "c_fc.weight"]
    return StoredName(
      name: "transformer." + name, isTransposed: maps.contains { name.hasSuffix($0) })
  }
}
