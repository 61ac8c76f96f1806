import Descent
import DescentTraining

/// The optimizers of OneTrainer.
enum OneTrainerOptimizer {
  private static func rule(of name: String) -> (name: String, isSmall: Bool)? {
    switch name {
    case "ADAMW", "ADAMW_ADV": ("adamw", false)
    case "ADAMW_8BIT": ("adamw", true)
    case "ADAM": ("adam", false)
    case "ADAM_8BIT": ("adam", true)
    case "LION", "LION_ADV": ("lion", false)
    case "LION_8BIT": ("lion", true)
    case "SGD": ("sgd", false)
    case "SGD_8BIT": ("sgd", true)
    case "RMSPROP": ("rmsprop", false)
    case "RMSPROP_8BIT": ("rmsprop", true)
    case "ADAGRAD": ("adagrad", false)
    case "ADAGRAD_8BIT": ("adagrad", true)
    case "LAMB": ("lamb", false)
    case "LAMB_8BIT": ("lamb", true)
    case "LARS": ("lars", false)
    case "PRODIGY", "PRODIGY_ADV": ("prodigy", false)
    case "DADAPT_ADAM": ("dadapt-adam", false)
    case "ADAFACTOR": ("adafactor", false)
    case "SCHEDULE_FREE_ADAMW": ("schedule-free-adamw", false)
    case "SCHEDULE_FREE_SGD": ("schedule-free-sgd", false)
    case "MUON", "MUON_ADV": ("muon", false)
    default: nil
    }
  }

  /// Sets the optimizer.
  ///
  /// - Returns: whether it is one without a schedule.
  static func set(
    _ own: inout ForeignKeys, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) -> Bool {
    let name = own.text("optimizer") ?? "ADAMW"
    if !own.has("optimizer") {
      draft.silent.append("The optimizer is AdamW (optimizer.optimizer=ADAMW).")
    }
    draft.name("optimizer.name", "optimizer.optimizer", given: own.written("optimizer"))
    let known = rule(of: name)
    let rule = known?.name ?? "adamw"
    if known == nil {
      draft.remarks.append(
        "optimizer.optimizer=\(name) has no equivalent here: the recipe has AdamW in its place, and "
          + "warnings are those of AdamW.")
    }
    draft.setOptimizer(rule)
    if known?.isSmall ?? false {
      draft.recipe.set("optimizer.state", "int8")
      draft.name("optimizer.state", "optimizer.optimizer", given: name)
    }
    setRate(&keys, &draft)
    if known != nil { setSettings(rule, name, &own, &draft) }
    if rule == "prodigy" || rule == "dadapt-adam" {
      let rate = keys.number("learning_rate") ?? 3e-6
      if rate <= 0.1 {
        draft.remarks.append(
          "\(name) estimates its own rate and multiplies it by learning_rate=\(short(rate, 6)): leave "
            + "that at 1.")
      }
    }
    return name.hasPrefix("SCHEDULE_FREE") || name == "PRODIGY_PLUS_SCHEDULE_FREE"
  }

  private static func setRate(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    var rate = keys.number("learning_rate") ?? 3e-6
    draft.name("optimizer.lr", "learning_rate", keys)
    if !keys.has("learning_rate") {
      draft.silent.append("The learning rate is 3e-6 (learning_rate=3e-6).")
    }
    let scaler = keys.text("learning_rate_scaler") ?? "NONE"
    let factor: Int? =
      switch scaler {
      case "NONE": 1
      case "BATCH": draft.perDevice
      case "GLOBAL_BATCH": draft.batch
      case "GRADIENT_ACCUMULATION": draft.accumulate
      case "BOTH": draft.perDevice.times(draft.accumulate)
      case "GLOBAL_BOTH": draft.batch.times(draft.accumulate)
      default: nil
      }
    if let factor, factor > 1 {
      let scaled = rate * Double(factor).squareRoot()
      draft.silent.append(
        "learning_rate_scaler=\(scaler) multiplies the learning rate by the root of \(factor): "
          + "\(short(rate, 6)) becomes \(short(scaled, 4)).")
      rate = scaled
    } else if factor == nil {
      keys.refuse(
        "learning_rate_scaler=\(scaler) is not known", at: "learning_rate_scaler",
        fix: "learning_rate_scaler=NONE")
    }
    draft.recipe.set("optimizer.lr", rate)
  }

  private static func setSettings(
    _ rule: String, _ name: String, _ own: inout ForeignKeys, _ draft: inout ForeignDraft
  ) {
    func key(_ mine: String, _ theirs: String) {
      draft.name("optimizer.\(mine)", "optimizer.\(theirs)", given: own.written(theirs))
    }
    let valid = Rules.all.first { $0.name == rule }.map(OptimizerSettings.names) ?? []
    if valid.contains("betas") {
      let second = rule == "lion" && name == "LION" ? 0.99 : 0.999
      let betas = (own.number("beta1") ?? 0.9, own.number("beta2") ?? second)
      draft.recipe.set("optimizer.betas", "[\(betas.0), \(betas.1)]")
      draft.names["optimizer.betas"] = "optimizer.beta1, optimizer.beta2"
      if own.has("beta1") || own.has("beta2") {
        draft.given["optimizer.betas"] = "\(betas.0),\(betas.1)"
      }
    }
    if valid.contains("weight_decay") {
      let usual = rule == "adamw" || rule == "schedule-free-adamw" ? 0.01 : 0
      let decay = own.number("weight_decay") ?? usual
      draft.recipe.set("optimizer.weight_decay", decay)
      key("weight_decay", "weight_decay")
      if !own.has("weight_decay"), decay > 0 {
        draft.silent.append("Weight decay is 0.01 (optimizer.weight_decay=0.01).")
      }
    }
    if rule == "adafactor" {
      let eps = (own.number("eps") ?? 1e-30, own.number("eps2") ?? 1e-3)
      draft.recipe.set("optimizer.eps", "[\(eps.0), \(eps.1)]")
      for (flag, usual) in [
        ("scale_parameter", false), ("relative_step", false),
        ("warmup_init", false),
      ] {
        draft.recipe.set("optimizer.\(flag)", own.flag(flag) ?? usual)
        key(flag, flag)
      }
      if own.flag("relative_step") ?? false {
        draft.recipe.set("optimizer.lr", "null", "found by Adafactor itself")
        draft.silent.append(
          "Adafactor finds its own rate (relative_step): learning_rate is unused.")
      }
    } else if valid.contains("eps"), let eps = own.number("eps") {
      draft.recipe.set("optimizer.eps", eps)
      key("eps", "eps")
    }
    for name in [
      "momentum", "dampening", "alpha", "d0", "d_coef", "slice_p", "clip_threshold", "r",
      "weight_lr_power",
    ]
    where valid.contains(name) {
      if let x = own.number(name) {
        draft.recipe.set("optimizer.\(name)", x)
        key(name, name)
      }
    }
    for name in ["nesterov", "centered", "amsgrad", "use_bias_correction", "safeguard_warmup"]
    where valid.contains(name) {
      if let on = own.flag(name) {
        draft.recipe.set("optimizer.\(name)", on)
        key(name, name)
      }
    }
    if rule == "prodigy" {
      let decouples = own.flag("decouple") ?? false
      draft.recipe.set("optimizer.decouple", decouples)
      key("decouple", "decouple")
      if !own.has("decouple"), (own.number("weight_decay") ?? 0) > 0 {
        draft.silent.append(
          "Prodigy's weight decay joins the gradient (optimizer.decouple=false in a file without it)."
        )
      }
    }
  }
}
