import Descent
import DescentTraining

/// The configurations of kohya's sd-scripts (`--config_file`), and of the GUI around them.
enum KohyaConfiguration: ForeignTool {
  static let name = "kohya sd-scripts"
  static let formats = "TOML; JSON of its GUI"
  static let version = "sd-scripts of February 2026"

  static let marks = words(
    """
    pretrained_model_name_or_path network_module network_dim network_alpha network_args
    optimizer_type optimizer_args train_batch_size max_train_steps max_train_epochs lr_scheduler
    lr_warmup_steps lr_scheduler_num_cycles lr_scheduler_power unet_lr text_encoder_lr
    learning_rate mixed_precision train_data_dir dataset_config cache_latents min_snr_gamma
    noise_offset save_model_as network_train_unet_only full_bf16 full_fp16 max_grad_norm
    gradient_accumulation_steps learning_rate_te1 learning_rate_te2 lr_warmup LoRA_type
    max_resolution output_name clip_skip xformers sdpa use_8bit_adam
    """)

  static func textPolicy(_ keys: Set<String>) -> ForeignKeys.TextPolicy {
    isGUI(keys)
      ? .converted
      : .fails(
        "is a text, which the scripts hand on as one, and training fails; write the number without "
          + "quotation marks")
  }

  private static func isGUI(_ keys: Set<String>) -> Bool {
    keys.contains("LoRA_type") || keys.contains("lr_warmup") || keys.contains("max_resolution")
  }

  /// All tables are one: the names of tables mean nothing.
  static func flattened(
    _ entries: [(key: String, value: ConfigurationValue)]
  ) -> [(key: String, value: ConfigurationValue)] {
    entries.flatMap { entry in entry.value.map ?? [entry] }
  }

  static func translate(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let all = Set(keys.names)
    if isGUI(all) { draft.flavour = "kohya_ss GUI (sd-scripts)" }
    let isAdapter =
      keys.has("network_module") || keys.has("network_dim") || keys.has("network_weights")
      || all.contains("LoRA_type")
    (draft.facts.isFineTuning, draft.facts.isLowRank) = (true, isAdapter)
    if let model = keys.written("network_module"), !model.hasPrefix("networks.lora") {
      draft.facts.isTransformer =
        ["flux", "sd3", "lumina", "hunyuan", "anima"].contains {
          model.contains($0)
        } ? true : nil
    }
    draft.severalDevices = ["deepspeed", "multi_gpu"].first { keys.flag($0) ?? false }
    setLength(&keys, &draft)
    setPrecision(&keys, &draft)
    if let seed = keys.integer("seed") { draft.recipe.set("seed", seed) }
    draft.name("seed", "seed", keys)
    if !keys.has("seed") {
      draft.silent.append("Every run has a different seed, since none is given (seed).")
    }
    let usesOwnRate = KohyaOptimizer.set(&keys, &draft, isAdapter: isAdapter)
    setClipping(&keys, &draft)
    checkFused(&keys, draft)
    if usesOwnRate {
      let isOff = ["constant", nil].contains(keys.written("lr_scheduler"))
      for (key, isSet) in [
        ("lr_scheduler", !isOff), ("lr_warmup_steps", keys.number("lr_warmup_steps") ?? 0 > 0),
      ] where isSet {
        draft.ignore(
          key, because: "it is ignored: the optimizer has its own steps in place of a schedule",
          keys)
      }
    } else {
      setSchedule(&keys, &draft)
    }
    addSilent(&keys, &draft, isAdapter: isAdapter)
  }

  // MARK: Length

  private static func setLength(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    draft.perDevice = max(1, keys.integer("train_batch_size", least: 1) ?? 1)
    draft.name("batch", "train_batch_size", keys)
    if !keys.has("train_batch_size"), !keys.has("dataset_config") {
      draft.silent.append("A micro-batch has 1 image (train_batch_size=1).")
    }
    draft.accumulate = max(1, keys.integer("gradient_accumulation_steps", least: 1) ?? 1)
    draft.name("accumulate", "gradient_accumulation_steps", keys)
    if keys.has("dataset_config") {
      draft.unknown.append(
        "The batch, where \(keys.written("dataset_config") ?? "the file of dataset_config") sets "
          + "batch_size: that file is not read, and its value comes before train_batch_size.")
    }
    // In the GUI, 0 leaves it out, and `epoch` is what the scripts call max_train_epochs.
    let isGUI = isGUI(Set(keys.names))
    var epochs = keys.integer("max_train_epochs").flatMap { isGUI && $0 == 0 ? nil : $0 }
    var epochKey = "max_train_epochs"
    var limit = keys.integer("max_train_steps").flatMap { isGUI && $0 == 0 ? nil : $0 }
    if isGUI, epochs == nil, limit == nil, let own = keys.integer("epoch", least: 1) {
      (epochs, epochKey) = (own, "epoch")
    }
    if epochs == 0 { keys.refuse("\(epochKey)=0 trains nothing") }
    if limit == 0 { keys.refuse("max_train_steps=0 trains nothing") }
    if epochs != nil, limit != nil {
      draft.ignore(
        "max_train_steps", because: "it is ignored: \(epochKey)=\(epochs ?? 0) overrides it", keys)
    }
    if epochs == nil, limit == nil {
      limit = 1600
      let seen = draft.examples.map {
        1600 * Double(draft.batch.times(draft.accumulate)) / Double($0)
      }
      draft.silent.append(
        "The run takes 1,600 steps (max_train_steps=1600)"
          + (seen.map {
            ": \(short($0, 2)) epochs of \(grouped(draft.examples ?? 0)) images"
              + ($0 < 1 ? ", so that most are never seen" : "")
          } ?? "") + ".")
    }
    var perEpoch: Int?
    if let examples = draft.examples {
      // ⌈batches / processes / accumulation⌉, where batches never mix resolutions.
      let batches = (max(1, examples) - 1) / draft.perDevice + 1
      perEpoch = (batches - 1) / draft.ranks.times(draft.accumulate) + 1
      draft.remarks.append(
        "Steps are counted as if all images were in one bucket; each further resolution adds up to a "
          + "batch an epoch. N are the images times their repeats.")
    }
    let steps = epochs == nil ? limit : perEpoch.map { $0.times(max(1, epochs ?? 1)) }
    draft.name("steps", epochs == nil ? "max_train_steps" : epochKey, keys)
    draft.setLength(
      steps: steps.map { min($0, 1_000_000_000_000) }, stepsPerEpoch: perEpoch,
      epochs: epochs.map(Double.init), warmup: nil)
    HuggingFaceArguments.addUnknowns(&draft, epochs: Double(epochs ?? 0))
  }

  private static func setPrecision(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let mixed = keys.text("mixed_precision") ?? "no"
    let (bf16, fp16) = (keys.flag("full_bf16") ?? false, keys.flag("full_fp16") ?? false)
    if !["no", "fp16", "bf16"].contains(mixed) {
      keys.refuse(
        "mixed_precision is no, fp16 or bf16, not \(mixed)", at: "mixed_precision",
        fix: "mixed_precision=bf16")
    }
    if bf16, mixed != "bf16" {
      keys.refuse(
        "full_bf16 needs mixed_precision=\"bf16\"", at: "full_bf16", fix: "mixed_precision=bf16")
    }
    if fp16, mixed != "fp16" {
      keys.refuse(
        "full_fp16 needs mixed_precision=\"fp16\"", at: "full_fp16", fix: "mixed_precision=fp16")
    }
    // Its own Adafactor rounds at random where it is run within the backward pass.
    let isStochastic = bf16 && isFused(&keys)
    if bf16 || fp16 {
      if !isStochastic { draft.facts.updateFormat = bf16 ? .bfloat16 : .float16 }
      let key = bf16 ? "full_bf16" : "full_fp16"
      if bf16 {
        draft.recipe.set("precision", "bf16")
        draft.recipe.set("weights.format", "bf16")
        draft.recipe.set("weights.rounding", isStochastic ? "stochastic" : "nearest")
        draft.recipe.set("optimizer.state", "bfloat16")
      } else {
        draft.recipe.set("precision", "fp16", "the weights and the state too; no equivalent")
      }
      draft.name("weights.format", key, keys)
      draft.names["optimizer.state"] = key
      draft.spellings["weights.rounding=stochastic"] = "leave out \(key)"
      draft.spellings["optimizer.state=float32"] = "leave out \(key)"
      draft.silent.append(
        "\(key) keeps the trained weights, their gradients and the optimizer state in 16 bits, with "
          + "no full copy"
          + (isStochastic
            ? "; fused_backward_pass rounds them at random, so that small updates count on average."
            : ": updates smaller than the spacing of the weights' numbers are lost."))
    } else if mixed == "bf16" || mixed == "fp16" {
      draft.recipe.set("precision", mixed)
      draft.silent.append(
        "mixed_precision=\(mixed) computes in \(mixed); the weights that are trained stay in 32 bits."
      )
    }
    draft.name("precision", "mixed_precision", keys)
  }

  private static func setClipping(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    if !isFused(&keys) { return HuggingFaceArguments.setClipping(&keys, &draft) }
    let norm = keys.number("max_grad_norm") ?? 1
    draft.name("clip.tensor_norm", "max_grad_norm", keys)
    if norm > 0 {
      draft.recipe.set("clip.tensor_norm", norm)
      draft.silent.append(
        "With fused_backward_pass each tensor's gradient is clipped by itself, to a norm of "
          + "\(short(norm, 6)) (max_grad_norm).")
    }
  }

  /// Whether the optimizer works within the backward pass; only Adafactor can, without accumulation.
  static func isFused(_ keys: inout ForeignKeys) -> Bool {
    keys.flag("fused_backward_pass") ?? false
  }

  private static func checkFused(_ keys: inout ForeignKeys, _ draft: ForeignDraft) {
    guard isFused(&keys) else { return }
    if draft.recipe.value(of: "optimizer.name") != "adafactor" {
      keys.refuse(
        "fused_backward_pass works only with Adafactor", at: "fused_backward_pass",
        fix: "optimizer_type=Adafactor, or leave it out")
    }
    if draft.accumulate > 1 {
      keys.refuse(
        "fused_backward_pass does not go with gradient_accumulation_steps=\(draft.accumulate)",
        at: "fused_backward_pass", fix: "gradient_accumulation_steps=1, or leave it out")
    }
  }

  // MARK: Schedule

  private static func setSchedule(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let type = keys.text("lr_scheduler") ?? "constant"
    draft.name("schedule.name", "lr_scheduler", keys)
    if !keys.has("lr_scheduler"), !keys.has("lr_scheduler_type") {
      draft.silent.append("The learning rate stays the same (lr_scheduler=constant).")
    }
    let extra = keys.assignments("lr_scheduler_args", separator: " ").map { ($0.key, $0.text) }
    let (warmup, warmupKey) = warmup(&keys, &draft)
    draft.name("schedule.warmup", warmupKey, keys)
    if let custom = keys.text("lr_scheduler_type") {
      return setCustom(custom, extra, &keys, &draft)
    }
    if type == "piecewise_constant" || type.hasPrefix("adafactor") {
      draft.recipe.set("schedule.name", "constant", "\(type) there")
      draft.difference = "\(type) has no equivalent here; the curve is that of a constant rate"
      return
    }
    if type == "constant", warmup > 0 {
      keys.refuse(
        "lr_scheduler=constant goes with no warmup, and stops with an error at "
          + "\(warmupKey)=\(keys.written(warmupKey) ?? "")", at: warmupKey,
        fix: "lr_scheduler=constant_with_warmup, or leave out \(warmupKey)")
    }
    let cycles = max(1, keys.integer("lr_scheduler_num_cycles", least: 1) ?? 1)
    let ratio = keys.number("lr_scheduler_min_lr_ratio")
    var settings: [(name: String, text: String)] = []
    switch type {
    case "cosine_with_restarts":
      settings = [("num_cycles", "\(cycles)")]
      draft.name("schedule.cycles", "lr_scheduler_num_cycles", keys)
    case "polynomial":
      settings = [("power", "\(keys.number("lr_scheduler_power", isAbove: true) ?? 1)")]
      draft.name("schedule.power", "lr_scheduler_power", keys)
    case "inverse_sqrt":
      if let scale = keys.integer("lr_scheduler_timescale", least: 1) {
        settings = [("timescale", "\(scale)")]
      }
    case "cosine_with_min_lr":
      settings = [("num_cycles", "\(Double(cycles) / 2)")]
      if let ratio { settings.append(("min_lr_rate", "\(ratio)")) }
      if ratio == nil, !extra.contains(where: { $0.0.hasPrefix("min_lr") }) {
        keys.refuse(
          "cosine_with_min_lr needs lr_scheduler_min_lr_ratio", at: "lr_scheduler",
          fix: "lr_scheduler_min_lr_ratio=0.1")
      }
      draft.name("schedule.floor_ratio", "lr_scheduler_min_lr_ratio", keys)
    case "warmup_stable_decay":
      let decay = share("lr_decay_steps", &keys, &draft)
      settings = [
        ("num_decay_steps", "\(decay)"),
        ("num_stable_steps", "\(max(0, draft.curveSteps - warmup - decay))"),
        ("num_cycles", "\(Double(cycles) / 2)"), ("min_lr_ratio", "\(ratio ?? 0)"),
      ]
      draft.name("schedule.decay", "lr_decay_steps", keys)
    default: break
    }
    addUnused(type, ratio, cycles, &keys, &draft)
    // A setting of lr_scheduler_args comes after those of keys of their own.
    settings.removeAll { own in extra.contains { $0.0 == own.name } }
    HuggingFaceArguments.setCurve(
      type, warmup: type == "constant" ? 0 : warmup, warmupKey: warmupKey, settings + extra,
      kwargs: "lr_scheduler_args", &keys, &draft)
  }

  /// Settings that the schedule does not have. The GUI writes all of them into every file.
  private static func addUnused(
    _ type: String, _ ratio: Double?, _ cycles: Int, _ keys: inout ForeignKeys,
    _ draft: inout ForeignDraft
  ) {
    func ignore(_ key: String, _ others: [String]) {
      draft.ignore(
        key, because: "it does nothing: the schedule \(type) does not read it",
        fix: "lr_scheduler=\(others[0]), or leave it out", keys)
    }
    let lowest = ["cosine_with_min_lr", "warmup_stable_decay"]
    if ratio ?? 0 > 0, !lowest.contains(type) { ignore("lr_scheduler_min_lr_ratio", lowest) }
    let several = ["cosine_with_restarts"] + lowest
    if cycles > 1, !several.contains(type) { ignore("lr_scheduler_num_cycles", several) }
    if isGUI(Set(keys.names)) { return }
    if keys.number("lr_scheduler_power", isAbove: true) ?? 1 != 1, type != "polynomial" {
      ignore("lr_scheduler_power", ["polynomial"])
    }
    for (key, own) in [
      ("lr_scheduler_timescale", "inverse_sqrt"), ("lr_decay_steps", "warmup_stable_decay"),
    ] where keys.has(key) && type != own { ignore(key, [own]) }
  }

  private static func setCustom(
    _ name: String, _ settings: [(name: String, text: String)], _ keys: inout ForeignKeys,
    _ draft: inout ForeignDraft
  ) {
    let short = name.split(separator: ".").last.map(String.init) ?? name
    guard ScheduleAlias.all.contains(where: { $0.name == short }) || Schedules.names.contains(short)
    else {
      draft.recipe.set("schedule.name", "constant", "\(name.onOneLine) there, which is not known")
      draft.difference = "\(name) is not known here; the curve is that of a constant rate"
      return
    }
    draft.setSchedule(short, settings, from: &keys, kwargs: "lr_scheduler_args", peak: nil)
  }

  /// The steps of the warmup; the GUI gives a percentage of the run.
  private static func warmup(
    _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) -> (steps: Int, key: String) {
    if keys.has("lr_warmup"), !keys.has("lr_warmup_steps") {
      let percentage = keys.number("lr_warmup") ?? 0
      return (Int((Double(draft.curveSteps) * min(100, percentage) / 100).rounded()), "lr_warmup")
    }
    return (share("lr_warmup_steps", &keys, &draft), "lr_warmup_steps")
  }

  /// Steps that are given as a number or as a share of the run.
  private static func share(
    _ key: String, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) -> Int {
    guard let x = keys.number(key), x > 0 else { return 0 }
    let isFraction = keys.written(key).map { $0.contains(".") || $0.contains("e") } ?? false
    if isFraction {
      if x >= 1 {
        keys.refuse(
          "\(key)=\(keys.written(key) ?? "") has a point, so that it is a share of the run, "
            + "\(short(x, 6)) times its length; write \(Int(min(x, 1e12))) for steps")
        return min(Int(min(x, 1e12)), draft.curveSteps)
      }
      let steps = Int(x * Double(draft.curveSteps.times(draft.ranks))) / draft.ranks
      draft.silent.append(
        "\(key)=\(short(x, 6)) is a share of the run: \(counted(steps, "step")) of "
          + "\(grouped(draft.curveSteps)).")
      return steps
    }
    let steps = Int(min(x, 1e12))
    if draft.ranks > 1 {
      // The schedule is stepped once for each process.
      draft.silent.append(
        "\(key)=\(steps) passes in \(counted((steps - 1) / draft.ranks + 1, "optimizer step")): the "
          + "schedule takes \(draft.ranks) of its steps, one for each process, at every step of the "
          + "optimizer. A share, such as 0.1, does not depend on that.")
      return (steps - 1) / draft.ranks + 1
    }
    return steps
  }

  // MARK: What is not said

  private static func addSilent(
    _ keys: inout ForeignKeys, _ draft: inout ForeignDraft, isAdapter: Bool
  ) {
    draft.silent.append("Keys that the scripts do not know are ignored without a word.")
    if isAdapter, !isGUI(Set(keys.names)) {
      let rank = keys.number("network_dim") ?? 4
      if !keys.has("network_dim") { draft.silent.append("The rank is 4 (network_dim=4).") }
      if !keys.has("network_alpha") {
        draft.silent.append("The alpha is 1 (network_alpha=1): the rate has to be higher for it.")
      }
      draft.addScale(
        keys.number("network_alpha") ?? 1, rank, "network_alpha/network_dim")
    } else if !isAdapter {
      // One group, without exceptions.
      draft.recipe.set("optimizer.groups", "[]", "decay on everything, norms and biases too")
      let rule = draft.recipe.value(of: "optimizer.name") ?? ""
      let usual = rule.contains("adamw") ? 0.01 : 0
      if draft.recipe.value(of: "optimizer.weight_decay").flatMap(Double.init) ?? usual > 0 {
        draft.silent.append("Weight decay falls on norms and biases too: nothing is left out.")
      }
    }
    for key in ["unet_lr", "text_encoder_lr"] where keys.has(key) {
      let rate = keys.written(key) ?? ""
      draft.recipe.head.append(
        "\(key) is \(rate.onOneLine): to set it, add a group under optimizer.groups."
      )
    }
    if keys.has("unet_lr"), keys.has("text_encoder_lr"), keys.has("learning_rate") {
      draft.ignore(
        "learning_rate", because: "it is unused: unet_lr and text_encoder_lr override it", keys)
    }
  }
}
