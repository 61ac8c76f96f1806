import Descent
import DescentTraining

/// The optimizers of kohya's scripts.
enum KohyaOptimizer {
  /// The rule here for a name in lower case, and whether its state has 8 bits; nil for what has no
  /// equivalent.
  private static func rule(of name: String) -> (name: String, isSmall: Bool)? {
    switch name {
    case "adamw", "pagedadamw", "pagedadamw32bit": ("adamw", false)
    case "adamw8bit", "pagedadamw8bit": ("adamw", true)
    case "adam": ("adam", false)
    case "lion": ("lion", false)
    case "lion8bit", "pagedlion8bit": ("lion", true)
    case "sgdnesterov", "sgd": ("sgd", false)
    case "sgdnesterov8bit": ("sgd", true)
    case "dadaptation", "dadaptadampreprint", "dadaptadam": ("dadapt-adam", false)
    case "prodigy", "prodigyopt.prodigy": ("prodigy", false)
    case "adafactor": ("adafactor", false)
    case "adamwschedulefree": ("schedule-free-adamw", false)
    case "sgdschedulefree": ("schedule-free-sgd", false)
    case "rmsprop": ("rmsprop", false)
    case "adagrad": ("adagrad", false)
    default: nil
    }
  }

  static let names = HuggingFaceArguments.words(
    """
    AdamW AdamW8bit PagedAdamW PagedAdamW8bit PagedAdamW32bit Lion Lion8bit PagedLion8bit
    SGDNesterov SGDNesterov8bit DAdaptation DAdaptAdamPreprint DAdaptAdaGrad DAdaptAdam DAdaptAdan
    DAdaptAdanIP DAdaptLion DAdaptSGD Prodigy Adafactor AdamWScheduleFree SGDScheduleFree
    RAdamScheduleFree
    """)

  /// Sets the optimizer.
  ///
  /// - Returns: whether it finds its own rate, so that no schedule is used.
  static func set(
    _ keys: inout ForeignKeys, _ draft: inout ForeignDraft, isAdapter: Bool
  ) -> Bool {
    let nameKey =
      !keys.has("optimizer_type") && keys.has("optimizer") ? "optimizer" : "optimizer_type"
    var name = keys.text(nameKey) ?? ""
    for (key, rule) in [("use_8bit_adam", "AdamW8bit"), ("use_lion_optimizer", "Lion")]
    where keys.flag(key) ?? false {
      if !name.isEmpty {
        keys.refuse(
          "\(key) and \(nameKey) cannot both be given", at: key, fix: "leave out \(key)")
      }
      draft.remarks.append("\(key) is old: write optimizer_type = \"\(rule)\".")
      name = rule
    }
    if name.isEmpty {
      name = "AdamW"
      draft.silent.append("The optimizer is AdamW (\(nameKey)=AdamW).")
    }
    draft.name("optimizer.name", nameKey, keys)
    let known = rule(of: name.lowercased())
    if known == nil {
      let isClass = name.contains(".")
      let near =
        isClass ? nil : nearestName(to: name, among: names).flatMap { $0 == name ? nil : $0 }
      draft.remarks.append(
        "\(nameKey)=\(name) has no equivalent here"
          + (near.map { " (did you mean \($0)?)" } ?? "")
          + ": the recipe has AdamW in its place, and warnings are those of AdamW.")
    }
    let rule = known?.name ?? "adamw"
    draft.setOptimizer(rule)
    if known?.isSmall ?? false {
      draft.recipe.set("optimizer.state", "int8")
      draft.name("optimizer.state", nameKey, given: name)
      draft.silent.append(
        "The optimizer's state is kept in 8 bits, except for tensors with fewer than 4,096 elements."
      )
    }
    let rate = setRate(rule, &keys, &draft)
    let args = keys.assignments("optimizer_args", separator: " ")
    if known != nil { set(args, rule, &keys, &draft) }
    func has(_ key: String) -> Bool { args.contains { $0.key == key } }
    switch rule {
    case "adamw" where !has("weight_decay"):
      draft.silent.append("Weight decay is 0.01, AdamW's own (optimizer_args: weight_decay).")
      draft.name("optimizer.weight_decay", "optimizer_args: weight_decay", given: nil)
    case "sgd" where name.lowercased().contains("nesterov"):
      draft.recipe.set("optimizer.nesterov", true)
      if !has("momentum") {
        draft.recipe.set("optimizer.momentum", 0.9)
        draft.silent.append("Momentum is 0.9 (optimizer_args: momentum).")
      }
    case "prodigy", "dadapt-adam":
      if rate <= 0.1 {
        draft.remarks.append(
          "\(name) estimates its own rate and multiplies it by learning_rate=\(short(rate, 6)): "
            + "leave that at 1.")
      }
      draft.silent.append("Of several learning rates, only the first counts for \(name).")
    case "adafactor": return setAdafactor(args, rate, &keys, &draft)
    case "schedule-free-adamw", "schedule-free-sgd":
      draft.recipe.set("schedule.name", "constant")
      return true
    default: break
    }
    return false
  }

  /// The rate of what is trained: that of the U-Net where there is one.
  private static func setRate(
    _ rule: String, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) -> Double {
    let common = keys.number("learning_rate")
    let unet = keys.number("unet_lr")
    if case .list = keys.raw("text_encoder_lr") {} else { _ = keys.number("text_encoder_lr") }
    let isTextOnly = keys.flag("network_train_text_encoder_only") ?? false
    let own = isTextOnly ? nil : unet
    let (rate, key) = own.map { ($0, "unet_lr") } ?? (common ?? 2e-6, "learning_rate")
    if common == nil, unet == nil {
      draft.silent.append("The learning rate is 2e-6 (learning_rate=2e-6), far too low for LoRA.")
    }
    draft.recipe.set("optimizer.lr", rate)
    draft.name("optimizer.lr", key, keys)
    return rate
  }

  /// Adafactor finds its own rate unless `relative_step=False`.
  private static func setAdafactor(
    _ args: [(key: String, text: String)], _ rate: Double, _ keys: inout ForeignKeys,
    _ draft: inout ForeignDraft
  ) -> Bool {
    func flag(_ key: String) -> Bool? {
      args.first { $0.key == key }.map { $0.text.lowercased() == "true" }
    }
    let isRelative = flag("relative_step") ?? true || flag("warmup_init") ?? false
    draft.name("optimizer.relative_step", "optimizer_args: relative_step", given: nil)
    draft.name("optimizer.scale_parameter", "optimizer_args: scale_parameter", given: nil)
    if isRelative {
      draft.recipe.set("optimizer.lr", "null", "found by Adafactor itself")
      draft.recipe.set("optimizer.relative_step", true)
      draft.recipe.set("schedule.name", "constant")
      draft.silent.append(
        "Adafactor finds its own rate, since relative_step is True unless optimizer_args say "
          + "otherwise: learning_rate=\(short(rate, 6)) is only the first value in the log, and "
          + "unet_lr and text_encoder_lr are thrown away.")
      if flag("relative_step") == false {
        draft.remarks.append(
          "relative_step=False is set back to True, since warmup_init=True needs it.")
      }
      return true
    }
    if (keys.number("max_grad_norm") ?? 1) != 0, !KohyaConfiguration.isFused(&keys) {
      draft.silent.append(
        "Gradients are clipped twice: by max_grad_norm, and by Adafactor's own clip_threshold.")
    }
    return false
  }

  private static func set(
    _ args: [(key: String, text: String)], _ rule: String, _ keys: inout ForeignKeys,
    _ draft: inout ForeignDraft
  ) {
    let known = Rules.all.first { $0.name == rule }.map(OptimizerSettings.names) ?? []
    for (key, text) in args {
      guard known.contains(key) else {
        draft.remarks.append("optimizer_args: \(key)=\(text) has no equivalent here.")
        continue
      }
      guard OptimizerSettings.isValue(text), OptimizerSettings.isLiteral(text) else {
        let python = ["true": "True", "false": "False", "none": "None"][text.lowercased()]
        keys.refuse(
          "optimizer_args: \(key)=\(text.onOneLine) is no value of Python", at: "optimizer_args",
          fix: python.map { "\(key)=\($0)" } ?? "write a number, True or False")
        continue
      }
      let value =
        switch text {
        case "True": "true"
        case "False": "false"
        case "None": "null"
        default: text.contains(",") ? "[\(text)]" : text
        }
      draft.recipe.set("optimizer.\(key)", value)
      draft.name("optimizer.\(key)", "optimizer_args: \(key)", given: text)
    }
  }
}

/// The names of a rule's settings.
enum OptimizerSettings {
  /// Whether a text is a word, a number or several numbers.
  static func isValue(_ text: String) -> Bool {
    text.utf8.count < 100 && text.wholeMatch(of: /[\w.+\-,]+/) != nil
  }

  /// Whether Python reads a text as a number, a truth value, nothing, or several numbers.
  static func isLiteral(_ text: String) -> Bool {
    text.split(separator: ",").allSatisfy {
      ["True", "False", "None"].contains($0)
        || $0.wholeMatch(of: /[-+]?([0-9_]+\.?[0-9_]*|\.[0-9]+)([eE][-+]?[0-9]+)?/) != nil
    }
  }

  static func names(of rule: any Rule.Type) -> [String] { rule.init().resolved.map(\.name) }
}
