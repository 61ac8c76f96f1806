import Descent
import DescentTraining

/// The optimizers of Hugging Face's Trainer, which axolotl hands on to it.
enum HuggingFaceOptimizer {
  /// Every name that transformers 5.23 has.
  static let names = HuggingFaceArguments.words(
    """
    adamw_torch adamw_torch_fused adamw_torch_xla adamw_torch_npu_fused adafactor
    adamw_anyprecision adamw_torch_4bit adamw_torch_8bit ademamix sgd adagrad adamw_bnb_8bit
    adamw_8bit ademamix_8bit lion_8bit lion_32bit paged_adamw_32bit paged_adamw_8bit
    paged_ademamix_32bit paged_ademamix_8bit paged_lion_32bit paged_lion_8bit rmsprop rmsprop_bnb
    rmsprop_bnb_8bit rmsprop_bnb_32bit galore_adamw galore_adamw_8bit galore_adafactor
    galore_adamw_layerwise galore_adamw_8bit_layerwise galore_adafactor_layerwise lomo adalomo
    grokadamw schedule_free_radam schedule_free_adamw schedule_free_sgd apollo_adamw
    apollo_adamw_layerwise stable_adamw
    """)

  /// Sets the optimizer.
  static func set(
    nameKey: String, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft,
    defaultName: String = "adamw_torch_fused"
  ) {
    var name = keys.text(nameKey) ?? defaultName
    if keys.flag("adafactor") ?? false { name = "adafactor" }
    draft.name("optimizer.name", nameKey, keys)
    if !keys.has(nameKey) {
      draft.silent.append("The optimizer is AdamW (\(nameKey)=\(defaultName)).")
    }
    let gone = ["adamw_hf": "adamw_torch", "adamw_apex_fused": "adamw_torch_fused"]
    if let now = gone[name] {
      keys.refuse(
        "\(nameKey)=\(name) is gone from transformers 5", at: nameKey, fix: "\(nameKey)=\(now)")
    } else if !names.contains(name) {
      let nearest = nearestName(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
      keys.refuse("There is no optimizer \(name) in transformers\(nearest)", at: nameKey)
    }
    let args = keys.assignments("optim_args", separator: ",")
    let rate = keys.number("learning_rate") ?? 5e-5
    if !keys.has("learning_rate") {
      draft.silent.append("The learning rate is 5e-5 (learning_rate=5e-5).")
    }
    let decay = keys.number("weight_decay") ?? 0
    let betas = (keys.number("adam_beta1") ?? 0.9, keys.number("adam_beta2") ?? 0.999)
    let epsilon = keys.number("adam_epsilon") ?? 1e-8
    draft.setOptimizer(rule(of: name))
    draft.recipe.set("optimizer.lr", rate)
    draft.name("optimizer.lr", "learning_rate", keys)
    draft.recipe.set("optimizer.weight_decay", decay)
    draft.name("optimizer.weight_decay", "weight_decay", keys)
    let rule = rule(of: name)
    if ["adamw", "lion", "schedule-free-adamw"].contains(rule) {
      draft.recipe.set("optimizer.betas", "[\(betas.0), \(betas.1)]")
      draft.names["optimizer.betas"] = "adam_beta1, adam_beta2"
      if keys.has("adam_beta1") || keys.has("adam_beta2") {
        draft.given["optimizer.betas"] = "\(betas.0),\(betas.1)"
      }
    }
    if ["adamw", "schedule-free-adamw"].contains(rule) {
      draft.recipe.set("optimizer.eps", epsilon)
      draft.name("optimizer.eps", "adam_epsilon", keys)
    }
    if name.contains("8bit") {
      draft.recipe.set("optimizer.state", "int8")
      draft.names["optimizer.state"] = nameKey
      draft.given["optimizer.state"] = name
      if name != "adamw_torch_8bit" {
        draft.silent.append(
          "State in 8 bits leaves out embeddings and tensors of fewer than 4,096 elements, which keep "
            + "32.")
      }
    }
    addSilent(name, rule, nameKey, decay, keys, &draft)
    set(args, rule, &keys, &draft)
  }

  /// The rule here; AdamW where there is none.
  private static func rule(of name: String) -> String {
    switch name {
    case "adafactor": "adafactor"
    case "sgd": "sgd"
    case "adagrad": "adagrad"
    case let x where x.hasPrefix("rmsprop"): "rmsprop"
    case let x where x.contains("lion"): "lion"
    case "schedule_free_adamw": "schedule-free-adamw"
    case "schedule_free_sgd": "schedule-free-sgd"
    default: "adamw"
    }
  }

  private static func addSilent(
    _ name: String, _ rule: String, _ nameKey: String, _ decay: Double, _ keys: ForeignKeys,
    _ draft: inout ForeignDraft
  ) {
    if decay > 0 {
      draft.silent.append(
        "Weight decay leaves out biases and normalization layers, by their names; embeddings are "
          + "decayed.")
    } else if !keys.has("weight_decay"), rule == "adamw" {
      draft.silent.append(
        "There is no weight decay (weight_decay=0.0); torch's own AdamW has 0.01.")
    }
    switch rule {
    case "adafactor":
      draft.recipe.set("optimizer.scale_parameter", false)
      draft.recipe.set("optimizer.relative_step", false)
      draft.silent.append(
        "Adafactor is made with scale_parameter=False and relative_step=False: it takes "
          + "learning_rate as it is, and neither finds its own nor scales it by the weights.")
    case "lion" where !keys.has("adam_beta2"):
      draft.silent.append(
        "Lion is given adam_beta1 and adam_beta2, 0.9 and 0.999, in place of its own 0.9 and 0.99; "
          + "set adam_beta2: 0.99.")
    case "schedule-free-adamw", "schedule-free-sgd":
      if keys.written("lr_scheduler_type").map({ $0 != "constant" }) ?? true {
        draft.silent.append(
          "A schedule-free optimizer still follows lr_scheduler_type "
            + "(\(keys.written("lr_scheduler_type") ?? "linear")); set it to constant.")
      }
    default: break
    }
    let others = ["ademamix", "galore", "lomo", "apollo", "grokadamw", "stable_adamw", "radam"]
    if let other = others.first(where: { name.contains($0) }) {
      draft.remarks.append(
        "\(nameKey)=\(name) has no equivalent here (\(other)): the recipe has AdamW in its place, "
          + "and warnings are those of AdamW.")
    }
    if name == "adamw_torch_4bit" {
      draft.recipe.set("optimizer.state", "int8", "4 bits there")
    }
  }

  private static func set(
    _ args: [(key: String, text: String)], _ rule: String, _ keys: inout ForeignKeys,
    _ draft: inout ForeignDraft
  ) {
    let taken = [
      "sgd": ["momentum", "dampening", "weight_decay", "nesterov"],
      "rmsprop": ["momentum", "alpha", "eps", "weight_decay", "centered"],
      "adagrad": ["lr_decay", "weight_decay", "eps"],
      "schedule-free-adamw": ["weight_lr_power", "r"],
      "schedule-free-sgd": ["weight_lr_power", "r"],
    ]
    for (key, text) in args {
      guard taken[rule]?.contains(key) ?? false else {
        if rule == "adamw" || rule == "lion" || rule == "adafactor" {
          draft.ignored.append(
            (
              "optim_args: \(key.onOneLine)=\(text.onOneLine)",
              "it is not read for this optimizer, whose settings are adam_beta1, adam_beta2, "
                + "adam_epsilon and weight_decay", "leave it out"
            ))
        }
        continue
      }
      guard OptimizerSettings.isValue(text) else {
        keys.refuse(
          "optim_args: \(key) takes no value \(text.onOneLine)", at: "optim_args",
          fix: "write a number, true or false")
        continue
      }
      draft.recipe.set("optimizer.\(key)", text.lowercased() == "true" ? "true" : text)
      draft.name("optimizer.\(key)", "optim_args: \(key)", given: text)
    }
    if rule == "schedule-free-adamw", let warmup = keys.number("warmup_steps"), warmup >= 1 {
      draft.recipe.set("optimizer.warmup_steps", Int(min(warmup, 1e12)))
    }
  }
}

extension ForeignDraft {
  /// Sets the rule and forgets what an earlier one had.
  mutating func setOptimizer(_ rule: String) { recipe.set("optimizer.name", rule) }
}
