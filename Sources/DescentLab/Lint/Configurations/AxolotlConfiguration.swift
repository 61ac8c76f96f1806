import Descent
import DescentTraining

/// axolotl's configurations, which become `TrainingArguments`.
enum AxolotlConfiguration: ForeignTool {
  static let name = "axolotl"
  static let formats = "YAML"
  static let version = "axolotl of July 2026"

  static let marks = words(
    """
    base_model micro_batch_size num_epochs sequence_len sample_packing adapter lora_r lora_alpha
    lora_target_linear datasets dataset_prepared_path val_set_size optimizer lr_scheduler
    learning_rate warmup_ratio warmup_steps gradient_accumulation_steps cosine_min_lr_ratio
    cosine_constant_lr_ratio pad_to_sequence_len load_in_4bit load_in_8bit chat_template
    evals_per_epoch saves_per_epoch flash_attention weight_decay bf16 output_dir special_tokens
    train_on_inputs
    """)

  /// axolotl reads numbers out of texts.
  static func textPolicy(_ keys: Set<String>) -> ForeignKeys.TextPolicy { .converted }

  /// Optimizers that axolotl makes itself.
  private static let own = words(
    """
    optimi_adamw ao_adamw_4bit ao_adamw_8bit ao_adamw_fp8 adopt_adamw came_pytorch muon dion sinkgd
    flash_adamw flash_adam flash_sgd flash_sgdw flash_lion q_galore_adamw8bit
    """)

  static func translate(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    draft.isLanguageModel = true
    (draft.facts.isTransformer, draft.facts.isFineTuning) = (true, !keys.has("pretraining_dataset"))
    let adapter = keys.text("adapter") ?? ""
    draft.facts.isLowRank = !adapter.isEmpty
    draft.severalDevices = ["fsdp", "fsdp_config", "deepspeed"].first { keys.has($0) }
    setLength(&keys, &draft)
    setPrecision(&keys, &draft)
    draft.recipe.set("seed", keys.integer("seed") ?? 42)
    draft.name("seed", "seed", keys)
    if !keys.has("learning_rate") {
      keys.refuse("learning_rate is missing, which axolotl asks for")
    }
    let name = keys.text("optimizer") ?? ""
    if own.contains(name) {
      setOwnOptimizer(name, &keys, &draft)
    } else {
      HuggingFaceOptimizer.set(nameKey: "optimizer", &keys, &draft)
    }
    HuggingFaceArguments.setClipping(&keys, &draft)
    setSchedule(&keys, &draft)
    addRemarks(&keys, &draft)
  }

  private static func setOwnOptimizer(
    _ name: String, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) {
    let rule =
      name == "muon"
      ? "muon" : name == "flash_lion" ? "lion" : name == "flash_sgd" ? "sgd" : "adamw"
    draft.setOptimizer(rule)
    draft.name("optimizer.name", "optimizer", keys)
    draft.recipe.set("optimizer.lr", keys.number("learning_rate") ?? 5e-5)
    draft.name("optimizer.lr", "learning_rate", keys)
    draft.recipe.set("optimizer.weight_decay", keys.number("weight_decay") ?? 0)
    draft.name("optimizer.weight_decay", "weight_decay", keys)
    if name.contains("8bit") { draft.recipe.set("optimizer.state", "int8") }
    if rule == "adamw", keys.has("adam_beta1") || keys.has("adam_beta2") {
      let betas = (keys.number("adam_beta1") ?? 0.9, keys.number("adam_beta2") ?? 0.999)
      draft.recipe.set("optimizer.betas", "[\(betas.0), \(betas.1)]")
      draft.name("optimizer.betas", "adam_beta1, adam_beta2", given: "\(betas.0),\(betas.1)")
    }
    let same = ["muon", "flash_lion", "flash_sgd", "flash_adamw", "optimi_adamw", "ao_adamw_8bit"]
    if !same.contains(name) {
      draft.remarks.append(
        "optimizer=\(name) has no equivalent here: the recipe has AdamW in its place, and warnings "
          + "are those of AdamW.")
    }
  }

  // MARK: Length

  private static func setLength(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    draft.perDevice = keys.integer("micro_batch_size", least: 1) ?? 1
    draft.name("batch", "micro_batch_size", keys)
    draft.accumulate = keys.integer("gradient_accumulation_steps", least: 1) ?? 1
    draft.name("accumulate", "gradient_accumulation_steps", keys)
    if let whole = keys.integer("batch_size", least: 1) {
      if keys.has("gradient_accumulation_steps") {
        keys.refuse("Give batch_size or gradient_accumulation_steps, not both")
      } else {
        draft.accumulate = max(1, whole / draft.perDevice)
        draft.silent.append(
          "batch_size=\(whole) makes gradient_accumulation_steps=\(draft.accumulate), of "
            + "\(draft.perDevice) examples each, on every device.")
      }
    }
    let epochs = keys.number("num_epochs", isAbove: true) ?? 1
    if !keys.has("num_epochs") { draft.silent.append("The run takes 1 epoch (num_epochs=1).") }
    let limit = keys.integer("max_steps").flatMap { $0 > 0 ? $0 : nil }
    draft.name("steps", limit == nil ? "num_epochs" : "max_steps", keys)
    let isPacked = keys.flag("sample_packing") ?? false
    if isPacked {
      draft.silent.append(
        "Samples are packed into sequences of sequence_len tokens: a batch counts sequences, and "
          + "several examples are in each.")
    }
    var steps = limit
    var perEpoch: Int?
    if let examples = draft.examples, !isPacked {
      // What is held out for validation is not trained on.
      let held = keys.number("val_set_size") ?? 0
      let trained = held >= 1 ? Double(examples) - held : Double(examples) * (1 - held)
      let count = max(1, trained.rounded(.down))
      let batch = Double(draft.batch.times(draft.accumulate))
      perEpoch = max(1, Int((count / batch).rounded(.up)))
      let whole = max(1, Int(min(1e12, (count * epochs / batch).rounded(.up))))
      steps = limit ?? whole
      if held > 0 {
        draft.silent.append(
          "val_set_size=\(short(held, 6)) holds examples out: \(grouped(Int(count))) of "
            + "\(grouped(examples)) are trained on.")
      }
    }
    draft.setLength(
      steps: steps, stepsPerEpoch: perEpoch, epochs: epochs,
      warmup: keys.number("warmup_steps"))
    if limit != nil, keys.has("num_epochs") {
      draft.ignore(
        "num_epochs", because: "it is ignored: max_steps=\(limit ?? 0) overrides it", keys)
    }
    if isPacked, limit == nil {
      draft.unknown.append(
        "How many steps the run takes: samples are packed by their lengths, which only the data say. "
          + "axolotl prints total_num_steps; set max_steps to it to see the true curve.")
      HuggingFaceArguments.addUnknownRanks(&draft)
    } else {
      HuggingFaceArguments.addUnknowns(&draft, epochs: epochs)
    }
  }

  private static func setPrecision(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let bf16 = keys.text("bf16") ?? keys.text("bfloat16") ?? "false"
    let fp16 = keys.text("fp16") ?? keys.text("float16") ?? "false"
    if bf16 == "auto" {
      draft.silent.append("bf16=auto is bf16 where the device has it, else fp16.")
    }
    if bf16 != "false" {
      draft.recipe.set("precision", "bf16")
    } else if fp16 != "false" {
      draft.recipe.set("precision", "fp16")
    }
    draft.name("precision", bf16 != "false" ? "bf16" : "fp16", keys)
  }

  // MARK: Schedule

  private static func setSchedule(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let type = keys.text("lr_scheduler") ?? "cosine"
    if !keys.has("lr_scheduler") {
      draft.silent.append("The learning rate falls as a cosine (lr_scheduler=cosine).")
    }
    draft.name("schedule.name", "lr_scheduler", keys)
    let (warmup, key) = warmup(&keys, &draft)
    draft.name("schedule.warmup", key, keys)
    let floor = keys.number("cosine_min_lr_ratio") ?? 0
    let flat = keys.number("cosine_constant_lr_ratio") ?? 0
    for (name, x) in [("cosine_min_lr_ratio", floor), ("cosine_constant_lr_ratio", flat)]
    where x > 1 { keys.refuse("\(name)=\(short(x, 6)) must be from 0 to 1") }
    draft.name("schedule.floor_ratio", "cosine_min_lr_ratio", keys)
    let steps = draft.curveSteps
    let kwargs = keys.section("lr_scheduler_kwargs").map { ($0.key, $0.value.written) }
    if keys.has("jagged_restart_steps") {
      draft.difference =
        "jagged_restart_steps lets the rate begin again every "
        + "\(keys.written("jagged_restart_steps") ?? "few") steps, which the curve does not show"
    }
    if warmup > steps { return draft.setEndlessWarmup(warmup, key) }
    func set(_ name: String, _ settings: [(name: String, text: String)]) {
      draft.setSchedule(name, settings, from: &keys, kwargs: "lr_scheduler_kwargs", peak: nil)
    }
    switch type {
    case "one_cycle":
      set(
        "OneCycleLR",
        [("pct_start", "\(Double(warmup) / Double(steps))"), ("total_steps", "\(steps)")].filter {
          own in !kwargs.contains { $0.0 == own.0 }
        } + kwargs)
      draft.silent.append(
        "one_cycle also moves the momentum, beta1 here, between 0.95 and 0.85 against the rate.")
    case "rex":
      // RexLR begins at its second value, so that nothing is at 0.
      if warmup > 1 {
        set(
          "sequence",
          [
            ("parts", "[warmup(warmup=\(warmup)),rex(total=\(max(1, steps - warmup)))]"),
            ("milestones", "[\(warmup - 1)]"),
          ])
      } else {
        set("rex", [])
        draft.difference = "axolotl's rex runs a step ahead of this curve"
      }
    case "cosine" where keys.flag("lr_quadratic_warmup") ?? false:
      // (t/W)² is a linear warmup times another.
      set(
        "product",
        [
          (
            "parts",
            "[cosine(warmup=\(warmup),warmup_start=zero),warmup(warmup=\(warmup),warmup_start=zero)]"
          )
        ])
    case "cosine" where floor > 0 && flat > 0:
      let end = Int(Double(steps) * min(1, flat))
      if end <= warmup {
        keys.refuse("cosine_constant_lr_ratio=\(short(flat, 6)) ends before the warmup does")
      }
      set(
        "cosine",
        [
          ("warmup", "\(warmup)"), ("warmup_start", "zero"), ("total", "\(max(1, warmup, end))"),
          ("floor_ratio", "\(min(1, floor))"),
        ])
    case "cosine" where floor > 0:
      set(
        "cosine",
        [
          ("warmup", "\(warmup)"), ("warmup_start", "zero"),
          ("floor_ratio", "\(min(1, floor))"),
        ])
    default:
      return HuggingFaceArguments.setCurve(
        type, warmup: warmup, warmupKey: key, kwargs, kwargs: "lr_scheduler_kwargs", &keys, &draft)
    }
    if flat > 0, floor == 0 {
      draft.ignore(
        "cosine_constant_lr_ratio", because: "it does nothing without cosine_min_lr_ratio",
        fix: "set cosine_min_lr_ratio, or leave it out", keys)
    }
  }

  /// The steps of the warmup, as axolotl counts them.
  private static func warmup(
    _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) -> (steps: Int, key: String) {
    let ratio = keys.number("warmup_ratio")
    var steps: Int
    var key = "warmup_steps"
    let total = Double(draft.curveSteps)
    if let given = keys.number("warmup_steps") {
      if given > 0, (ratio ?? 0) > 0 {
        keys.refuse("Give warmup_steps or warmup_ratio, not both")
      }
      steps =
        given > 0 && given < 1
        ? HuggingFaceArguments.ceiling(given, of: draft.curveSteps)
        : Int(min(given, 1e12))
    } else if let ratio {
      if ratio > 1 { keys.refuse("warmup_ratio=\(short(ratio, 6)) must be from 0 to 1") }
      (steps, key) = (Int(min(1, ratio) * total), "warmup_ratio")
    } else {
      steps = min(100, Int(0.03 * total))
      draft.silent.append(
        "The warmup takes 3 % of the run, at most 100 steps: \(counted(steps, "step")) of "
          + "\(grouped(draft.curveSteps)).")
    }
    if steps == 1 {
      steps = 2
      draft.silent.append("A warmup of 1 step is made 2.")
    }
    return (steps, key)
  }

  private static func addRemarks(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    draft.silent.append("Keys that axolotl does not know are ignored without a word.")
    let renamed = [
      "noisy_embedding_alpha": "neftune_noise_alpha", "dpo_beta": "rl_beta",
      "evaluation_strategy": "eval_strategy",
    ]
    for (old, now) in renamed.sorted(by: { $0.key < $1.key }) where keys.has(old) {
      draft.remarks.append("\(old) is old; it is \(now) now.")
    }
    for key in ["max_packed_sequence_len", "rope_scaling", "s2_attention", "rpo_alpha"]
    where keys.has(key) { keys.refuse("\(key) is gone from axolotl; leave it out") }
    for key in ["embedding_lr", "loraplus_lr_ratio", "lr_groups"] where keys.has(key) {
      draft.recipe.head.append(
        "\(key) gives some parameters a rate of their own: to set it, add a group under "
          + "optimizer.groups.")
    }
    if let alpha = keys.number("lora_alpha"), let rank = keys.number("lora_r") {
      draft.addScale(alpha, rank, "lora_alpha/lora_r")
    }
    if keys.has("deepspeed") {
      draft.remarks.append(
        "DeepSpeed's own configuration is not read here; an optimizer or a schedule in it takes the "
          + "place of those of this file.")
    }
  }
}
