internal import DescentCompute
internal import Foundation

/// Llama and the models made like it, whose parameters carry the same names here.
enum LlamaFamily: ModelFamily {
  static let types = ["llama", "mistral", "qwen2", "qwen3"]

  static func model(
    _ configuration: ModelConfiguration, random: inout RandomStream
  ) throws -> Llama {
    let c = configuration
    let type = try c.text("model_type") ?? ""
    let activation = try c.text("hidden_act") ?? "silu"
    guard ["silu", "swish"].contains(activation) else {
      throw PretrainedError.unsupported(
        path: c.path, key: "hidden_act", value: activation, supported: "silu is")
    }
    try c.require("pretraining_tp", .integer(1))
    let (width, heads) = (try c.size("hidden_size"), try c.size("num_attention_heads"))
    let (layers, context) = (
      try c.size("num_hidden_layers"), try c.size("max_position_embeddings", or: 2048)
    )
    var attention = GroupedAttention.Configuration(
      width: width, heads: heads, groups: try c.size("num_key_value_heads", or: heads),
      headSize: try c.size("head_dim", or: type == "qwen3" ? 128 : max(1, width / heads)))
    let bias = try c.flag("attention_bias", or: false)
    switch type {
    case "qwen2": attention.bias = true
    case "qwen3": (attention.bias, attention.outputBias) = (bias, bias)
    case "llama": (attention.bias, attention.outputBias) = (bias, bias)
    default: break
    }
    let epsilon = Float(try c.number("rms_norm_eps", or: 1e-6))
    if type == "qwen3" { attention.normEpsilon = epsilon }
    attention.dropout = Float(try c.number("attention_dropout", or: 0))
    let (positions, reach) = try positions(c, headSize: attention.headSize, context: context)
    var sizes = Llama.Configuration(
      layers: layers, attention: attention, inner: try c.size("intermediate_size"),
      context: reach, vocabulary: try c.size("vocab_size"), positions: positions)
    sizes.normEpsilon = epsilon
    sizes.feedForwardBias = type == "llama" ? try c.flag("mlp_bias", or: false) : false
    sizes.isTied = try c.flag("tie_word_embeddings", or: false)
    sizes.windows = try windows(c, type, layers)
    sizes.deviation = Float(try c.number("initializer_range", or: 0.02))
    return try make(configuration) { () throws(ModelError) in try Llama(sizes, random: &random) }
  }

  /// The positions, and the longest sequence.
  private static func positions(
    _ c: ModelConfiguration, headSize: Int, context: Int
  ) throws -> (RotaryPositions, context: Int) {
    // One section since the fifth version of transformers, two keys before.
    let section = try c.section("rope_parameters") ?? c.section("rope_scaling")
    let base = try section?.number("rope_theta") ?? c.number("rope_theta", or: 10_000)
    try section?.require("partial_rotary_factor", .number(1))
    let kind = try section?.text("rope_type") ?? section?.text("type") ?? "default"
    func positions(_ scaling: RotaryPositions.Scaling) -> RotaryPositions {
      RotaryPositions(headSize: headSize, base: base, scaling: scaling)
    }
    guard let section, kind != "default" else { return (positions(.none), context) }
    let original = try section.integer("original_max_position_embeddings") ?? context
    func factor() throws -> Double {
      guard let factor = try section.number("factor"), factor >= 1 else {
        throw c.wrong("the scaling of positions, “\(kind)”, has no factor of at least 1")
      }
      return factor
    }
    func reach(_ context: Int, _ factor: Double) -> Int {
      max(context, Int(min(Double(original) * factor, 1e9)))
    }
    switch kind {
    case "linear":
      return (positions(.linear(factor: try factor())), context)
    case "dynamic":
      let factor = try factor()
      return (positions(.dynamic(factor: factor, context: context)), reach(context, factor))
    case "yarn":
      let factor = try section.number("factor") ?? Double(context) / Double(original)
      let attention = try section.number("attention_factor") ?? attentionFactor(section, factor)
      return (
        positions(
          .yarn(
            factor: factor, context: original, fast: try section.number("beta_fast", or: 32),
            slow: try section.number("beta_slow", or: 1), attention: attention,
            truncates: try section.flag("truncate", or: true))),
        reach(context, factor)
      )
    case "llama3":
      return (
        positions(
          .llama3(
            factor: try factor(), context: original,
            low: try section.number("low_freq_factor", or: 1),
            high: try section.number("high_freq_factor", or: 4))),
        context
      )
    default:
      throw PretrainedError.unsupported(
        path: c.path, key: "rope_type", value: kind,
        supported: "those that are: default, linear, dynamic, yarn, llama3")
    }
  }

  private static func attentionFactor(
    _ section: ModelConfiguration, _ factor: Double
  ) throws -> Double {
    func growth(_ weight: Double) -> Double { factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1 }
    guard let one = try section.number("mscale"), let all = try section.number("mscale_all_dim"),
      one != 0, all != 0
    else { return growth(1) }
    return growth(one) / growth(all)
  }

  private static func windows(
    _ c: ModelConfiguration, _ type: String, _ layers: Int
  ) throws -> [Int?] {
    let window = try c.integer("sliding_window").map { _ in try c.size("sliding_window") }
    if type == "mistral" { return [Int?](repeating: window, count: layers) }
    let kinds = try c.texts("layer_types")
    if let kinds {
      guard kinds.count == layers else {
        throw c.wrong("“layer_types” has \(kinds.count) items for \(layers) layers")
      }
      let known = ["full_attention", "sliding_attention"]
      if let other = kinds.first(where: { !known.contains($0) }) {
        throw c.wrong(
          "“layer_types” has “\(other)”, which is neither of \(known.joined(separator: ", "))")
      }
    }
    guard type != "llama", try c.flag("use_sliding_window", or: false) else {
      return [Int?](repeating: nil, count: layers)
    }
    if let kinds {
      return kinds.map { $0 == "sliding_attention" ? window : nil }
    }
    let first = try c.integer("max_window_layers") ?? 28
    return (0..<layers).map { $0 >= first ? window : nil }
  }

  static func configuration(of model: Llama) -> [String: ConfigurationValue]? {
    let c = model.configuration
    guard let type = type(of: c) else { return nil }
    let architectures = [
      "llama": "LlamaForCausalLM", "mistral": "MistralForCausalLM", "qwen2": "Qwen2ForCausalLM",
      "qwen3": "Qwen3ForCausalLM",
    ]
    var values: [String: ConfigurationValue] = [
      "model_type": .text(type), "architectures": .list([.text(architectures[type] ?? "")]),
      "hidden_size": .integer(c.attention.width), "num_hidden_layers": .integer(c.layers),
      "num_attention_heads": .integer(c.attention.heads),
      "num_key_value_heads": .integer(c.attention.groups),
      "head_dim": .integer(c.attention.headSize), "intermediate_size": .integer(c.inner),
      "max_position_embeddings": .integer(c.positions.trainedContext ?? c.context),
      "vocab_size": .integer(c.vocabulary), "rms_norm_eps": .number(Double(c.normEpsilon)),
      "hidden_act": .text("silu"), "attention_dropout": .number(Double(c.attention.dropout)),
      "tie_word_embeddings": .flag(c.isTied), "bos_token_id": .null, "eos_token_id": .null,
      "rope_parameters": .object(parameters(of: c.positions)),
    ]
    if type != "qwen2", type != "mistral" { values["attention_bias"] = .flag(c.attention.bias) }
    if type == "llama" { values["mlp_bias"] = .flag(c.feedForwardBias) }
    let window = c.windows.compactMap(\.self).first
    values["sliding_window"] = window.map { .integer($0) } ?? .null
    if type.hasPrefix("qwen") {
      values["use_sliding_window"] = .flag(window != nil)
      values["layer_types"] = .list(
        c.windows.map { .text($0 == nil ? "full_attention" : "sliding_attention") })
    }
    return values
  }

  /// The type that has what a model has; nil where none has all of it.
  private static func type(of c: Llama.Configuration) -> String? {
    let windows = Set(c.windows)
    let hasBias = (c.attention.bias, c.attention.outputBias)
    guard windows.compactMap(\.self).count <= 1 else { return nil }
    if c.attention.normEpsilon != nil {
      return c.attention.normEpsilon == c.normEpsilon && hasBias.0 == hasBias.1
        && !c.feedForwardBias ? "qwen3" : nil
    }
    switch hasBias {
    case (true, false): return c.feedForwardBias ? nil : "qwen2"
    case (false, true): return nil
    default:
      if windows == [nil] { return "llama" }
      return windows.count == 1 && !hasBias.0 && !c.feedForwardBias ? "mistral" : nil
    }
  }

  private static func parameters(of p: RotaryPositions) -> [String: ConfigurationValue] {
    func section(
      _ kind: String, _ numbers: [String: Double] = [:], context: Int? = nil
    ) -> [String: ConfigurationValue] {
      var values = numbers.mapValues { ConfigurationValue.number($0) }
      values["rope_type"] = .text(kind)
      values["rope_theta"] = .number(p.base)
      values["original_max_position_embeddings"] = context.map { .integer($0) }
      return values
    }
    switch p.scaling {
    case .none: return section("default")
    case .linear(let factor): return section("linear", ["factor": factor])
    case .dynamic(let factor, _): return section("dynamic", ["factor": factor])
    case .yarn(let factor, let context, let fast, let slow, let attention, let truncates):
      var values = section(
        "yarn",
        [
          "factor": factor, "beta_fast": fast, "beta_slow": slow, "attention_factor": attention,
        ], context: context)
      values["truncate"] = .flag(truncates)
      return values
    case .llama3(let factor, let context, let low, let high):
      return section(
        "llama3", ["factor": factor, "low_freq_factor": low, "high_freq_factor": high],
        context: context)
    }
  }

  static func stored(_ name: String) -> StoredName { StoredName(name: name) }
}
