import Descent

/// The `TrainingArguments` of Hugging Face's Trainer, as JSON or YAML, alone or among the keys of TRL
/// and LLaMA-Factory.
enum HuggingFaceArguments: ForeignTool {
  static let name = "Hugging Face TrainingArguments"
  static let formats = "JSON or YAML"
  static let version = "transformers 5.23"

  static let marks = words(
    """
    per_device_train_batch_size gradient_accumulation_steps num_train_epochs learning_rate
    lr_scheduler_type lr_scheduler_kwargs warmup_ratio warmup_steps weight_decay adam_beta1
    adam_beta2 adam_epsilon max_grad_norm optim optim_args max_steps output_dir logging_steps
    save_steps bf16 fp16 per_device_eval_batch_size
    """)

  static func textPolicy(_ keys: Set<String>) -> ForeignKeys.TextPolicy {
    // LLaMA-Factory and TRL read numbers out of texts.
    isLlamaFactory(keys) || isTRL(keys)
      ? .converted
      : .fails(
        "is a text to transformers, which hands it on as one, and the optimizer fails; write it as "
          + "a number, with a point before the exponent: 1.0e-4")
  }

  /// Its parser takes no key of which no part of the script knows.
  static func ignoresUnknownKeys(_ keys: Set<String>) -> Bool { false }

  private static func isLlamaFactory(_ keys: Set<String>) -> Bool {
    keys.contains("finetuning_type") || keys.contains("stage") && keys.contains("template")
  }

  private static func isTRL(_ keys: Set<String>) -> Bool {
    !isLlamaFactory(keys)
      && (keys.contains("use_peft") || keys.contains("dataset_name")
        || keys.contains("max_length") || keys.contains("loss_type")
        || keys.contains("dataset_mixture") || keys.contains("dataset_mixer")
        || keys.contains("max_seq_length") && !keys.contains("task_name"))
  }

  static func translate(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let all = Set(keys.names)
    if isLlamaFactory(all) { draft.flavour = "LLaMA-Factory (Hugging Face TrainingArguments)" }
    if isTRL(all) { draft.flavour = "TRL (Hugging Face TrainingArguments)" }
    draft.isLanguageModel = true
    draft.facts.isTransformer = true
    if all.contains("model_name_or_path") || all.contains("adapter_name_or_path") {
      draft.facts.isFineTuning = keys.written("stage") != "pt"
    }
    if let kind = keys.written("finetuning_type") { draft.facts.isLowRank = kind == "lora" }
    if let usesAdapters = keys.flag("use_peft") { draft.facts.isLowRank = usesAdapters }

    draft.severalDevices = ["fsdp", "deepspeed"].first { key in
      guard keys.has(key), let text = keys.written(key) else { return false }
      return !["", "false", "[]"].contains(text)
    }
    setLength(&keys, &draft)
    setPrecision(&keys, &draft)
    draft.recipe.set("seed", keys.integer("seed") ?? 42)
    draft.name("seed", "seed", keys)
    if !keys.has("seed") { draft.silent.append("The seed is 42: every run has the same one.") }
    HuggingFaceOptimizer.set(nameKey: "optim", &keys, &draft)
    setClipping(&keys, &draft)
    setSchedule(&keys, &draft)
    addAdapters(&keys, &draft)
    HuggingFaceChecks.check(&keys)
    addRemarks(&keys, &draft)
  }

  private static func addAdapters(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    guard draft.facts.isLowRank == true else { return }
    let isTheirs = draft.flavour?.hasPrefix("LLaMA") == true
    let key = isTheirs ? "lora_rank" : "lora_r"
    let rank = keys.number(key, least: 1) ?? (isTheirs ? 8 : 16)
    let alpha = keys.number("lora_alpha") ?? (isTheirs ? 2 * rank : 32)
    let isRoot = keys.flag("use_rslora") ?? false
    draft.addScale(alpha, rank, "lora_alpha/\(isRoot ? "√" : "")\(key)", isRoot: isRoot)
  }

  // MARK: Length

  private static func setLength(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let old = "per_gpu_train_batch_size"
    let batchKey =
      !keys.has("per_device_train_batch_size") && keys.has(old)
      ? old : "per_device_train_batch_size"
    draft.perDevice = max(1, keys.integer(batchKey, least: 1) ?? 8)
    draft.name("batch", batchKey, keys)
    if !keys.has(batchKey) {
      draft.silent.append("A micro-batch has 8 examples on each device (\(batchKey)=8).")
    }
    draft.accumulate = keys.integer("gradient_accumulation_steps", least: 1) ?? 1
    draft.name("accumulate", "gradient_accumulation_steps", keys)
    if draft.accumulate > 1 {
      draft.silent.append(
        "Language models average the loss over all tokens of a step, of its "
          + "\(draft.accumulate) micro-batches and of all devices (average_tokens_across_devices), "
          + "instead of averaging the averages of micro-batches.")
    }
    let epochs = keys.number("num_train_epochs", least: nil) ?? 3
    if epochs <= 0 { keys.refuse("num_train_epochs=\(short(epochs, 6)) trains nothing") }
    let maxSteps = keys.integer("max_steps", least: nil) ?? -1
    if maxSteps == 0 { keys.refuse("max_steps=0 trains nothing; leave it out, or write -1") }
    let dropsLast = keys.flag("dataloader_drop_last") ?? false
    var perEpoch: Int?
    if let examples = draft.examples {
      let batches = batches(
        examples, draft.perDevice, ranks: draft.ranks, dropsLast: dropsLast)
      perEpoch = max(1, (batches - 1) / draft.accumulate + 1)
      if batches % draft.accumulate != 0, maxSteps <= 0 {
        draft.remarks.append(
          "The \(grouped(batches)) micro-batches of an epoch are no multiple of "
            + "gradient_accumulation_steps=\(draft.accumulate): its last step takes what remains, "
            + "\(batches % draft.accumulate). Transformers 4.48 counted a step "
            + "less an epoch and ended the run that much sooner.")
      }
    }
    var steps = maxSteps > 0 ? maxSteps : nil
    draft.name("steps", steps == nil ? "num_train_epochs" : "max_steps", keys)
    if steps == nil, let perEpoch {
      steps = Int(min(1e12, (max(0, epochs) * Double(perEpoch)).rounded(.up)))
    }
    let warmup = keys.raw("warmup_steps").flatMap { value in
      if case .number(let x, _) = value { x } else { nil }
    }
    draft.setLength(
      steps: steps, stepsPerEpoch: perEpoch, epochs: maxSteps > 0 ? nil : max(0, epochs),
      warmup: warmup)
    if maxSteps > 0, keys.has("num_train_epochs") {
      draft.ignore(
        "num_train_epochs", because: "it is ignored: max_steps=\(maxSteps) overrides it", keys)
    }
    if maxSteps <= 0, !keys.has("num_train_epochs") {
      draft.silent.append("The run takes 3 epochs (num_train_epochs=3).")
    }
    addUnknowns(&draft, epochs: epochs)
  }

  /// What follows from neither file nor options.
  static func addUnknowns(_ draft: inout ForeignDraft, epochs: Double) {
    if draft.steps == nil {
      draft.unknown.append(
        "How many steps the run takes: the file says \(short(epochs, 6)) "
          + "epoch\(epochs == 1 ? "" : "s"), but not how many examples there are. Give --examples N."
      )
    }
    addUnknownRanks(&draft)
  }

  static func addUnknownRanks(_ draft: inout ForeignDraft) {
    if draft.hasRanks { return }
    draft.unknown.append(
      draft.severalDevices.map {
        "On how many devices it trains: \($0) is meant for several, and the figures here are those of "
          + "one. Give --ranks N."
      }
        ?? "On how many devices it trains: 1 is taken here, and each more makes the batch of a step "
        + "larger. Give --ranks N.")
  }

  /// The micro-batches that one process sees in an epoch: short ones are trained, and each process
  /// has as many as the others.
  static func batches(_ examples: Int, _ perDevice: Int, ranks: Int, dropsLast: Bool) -> Int {
    if dropsLast { return max(1, examples / perDevice / ranks) }
    let batches = (max(1, examples) - 1) / perDevice + 1
    return (batches - 1) / ranks + 1
  }

  private static func setPrecision(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let (bf16, fp16) = (keys.flag("bf16") ?? false, keys.flag("fp16") ?? false)
    if bf16, fp16 { keys.refuse("bf16 and fp16 cannot both be true; leave out fp16") }
    if !bf16, !fp16 { return }
    draft.recipe.set("precision", bf16 ? "bf16" : "fp16")
    draft.name("precision", bf16 ? "bf16" : "fp16", keys)
    let which = bf16 ? "bf16" : "fp16"
    draft.silent.append(
      "\(which)=true computes in \(which) by autocast, and no more: weights and optimizer state keep "
        + "the type that the model was loaded in. Since transformers 5 that is the type of the "
        + "checkpoint, often bf16, and then small updates are lost; dtype=float32 at loading keeps "
        + "a full copy.")
  }

  // MARK: Clipping and schedule

  static func setClipping(
    _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) {
    let norm = keys.number("max_grad_norm") ?? 1
    draft.name("clip.norm", "max_grad_norm", keys)
    draft.spellings["clip.norm=none"] = "max_grad_norm=0"
    if norm > 0 { draft.recipe.set("clip.norm", norm) }
    if !keys.has("max_grad_norm") {
      draft.silent.append("Gradients are clipped to a norm of 1 (max_grad_norm=1.0).")
    }
  }

  private static func setSchedule(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let type = keys.text("lr_scheduler_type") ?? "linear"
    if !keys.has("lr_scheduler_type") {
      draft.silent.append(
        "The learning rate falls in a straight line to 0 (lr_scheduler_type=linear).")
    }
    draft.name("schedule.name", "lr_scheduler_type", keys)
    let steps = draft.curveSteps
    let given = keys.number("warmup_steps") ?? 0
    let ratio = keys.number("warmup_ratio") ?? 0
    if ratio > 1 { keys.refuse("warmup_ratio=\(short(ratio, 6)) must be from 0 to 1") }
    // Below 1, the number is a share of the run.
    var warmup = given >= 1 ? Int(min(given, 1e12)) : ceiling(given, of: steps)
    var key = "warmup_steps"
    if keys.has("warmup_ratio") {
      if given == 0 { (warmup, key) = (ceiling(min(1, ratio), of: steps), "warmup_ratio") }
      keys.refuse(
        "warmup_ratio is a key of transformers 4, which 5.23 refuses", at: "warmup_ratio",
        fix: given > 0 ? "leave it out" : "warmup_steps=\(short(ratio, 6)) (means the same there)")
    }
    if given > 0, given < 1 {
      draft.silent.append(
        "warmup_steps=\(short(given, 6)) lies below 1, so it is a share of the run: "
          + "\(counted(warmup, "step")) of \(grouped(steps)). Transformers 4 took it "
          + "for a number of steps, so for none."
      )
    }
    draft.name("schedule.warmup", key, keys)
    let settings = keys.section("lr_scheduler_kwargs").map { ($0.key, $0.value.written) }
    setCurve(
      type, warmup: warmup, warmupKey: key, settings, kwargs: "lr_scheduler_kwargs", &keys, &draft)
  }

  /// ⌈share·steps⌉, as Python computes it.
  static func ceiling(_ share: Double, of steps: Int) -> Int {
    Int((Double(steps) * share).rounded(.up))
  }

  /// The curve that transformers calls `type`.
  static func setCurve(
    _ type: String, warmup: Int, warmupKey: String, _ settings: [(name: String, text: String)],
    kwargs: String, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) {
    let names =
      ScheduleAlias.all.filter { $0.library == "Hugging Face" }.map(\.name)
      + [CosineWarmupWithMinimum.name]
    guard names.contains(type) else {
      let nearest = nearestName(to: type, among: names).map { "; did you mean \($0)?" } ?? ""
      keys.refuse(
        "There is no schedule \(type) in transformers\(nearest)",
        at: draft.names["schedule.name"])
      draft.recipe.set("schedule.name", "constant")
      return
    }
    if let key = draft.names["schedule.name"] {
      draft.spellings["schedule.name=warmup"] = "\(key)=constant_with_warmup"
      draft.spellings["schedule=none"] = "\(key)=constant"
    }
    // Fixes are in steps.
    if ["warmup_ratio", "lr_warmup"].contains(warmupKey) {
      draft.spellings["schedule.warmup"] =
        warmupKey == "lr_warmup" ? "lr_warmup_steps" : "warmup_steps"
    }
    let follows = ["reduce_lr_on_plateau", "greedy"].contains(type)
    if follows {
      draft.recipe.set("evaluate.every", max(1, draft.facts.stepsPerEpoch ?? draft.curveSteps / 10))
      draft.remarks.append(
        "\(type) follows the evaluations, so its curve is only known once it has run.")
    }
    if warmup > 0, follows || type == "constant" {
      draft.ignore(
        warmupKey, because: "it is ignored: the schedule \(type) has no warmup",
        fix: type == "constant"
          ? "\(draft.names["schedule.name"] ?? "schedule")=constant_with_warmup, or leave out "
            + warmupKey
          : "leave it out", keys)
    }
    if warmup > draft.curveSteps, !follows, type != "constant" {
      return draft.setEndlessWarmup(warmup, warmupKey)
    }
    let peak = draft.recipe.value(of: "optimizer.lr").flatMap(Double.init)
    draft.setSchedule(
      type, follows ? settings : [("num_warmup_steps", "\(warmup)")] + settings, from: &keys,
      kwargs: kwargs, peak: peak)
  }

  // MARK: Remarks

  private static func addRemarks(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let scripts = Set(HuggingFaceKeys.scripts)
    let others = keys.names.filter(scripts.contains)
    if draft.flavour == nil, !others.isEmpty {
      draft.remarks.append(
        "\(few(others)) \(others.count == 1 ? "is a key" : "are keys") of a script around the Trainer: "
          + "TrainingArguments alone refuses \(others.count == 1 ? "it" : "them").")
    }
    if keys.has("max_seq_length"), draft.flavour?.hasPrefix("TRL") == true {
      draft.remarks.append(
        "max_seq_length is max_length in TRL since 0.16, and 0.20 refuses the old name.")
    }
    if keys.has("gradient_checkpointing") {
      draft.remarks.append("gradient_checkpointing is called activation_checkpointing now.")
    }
    if keys.has("deepspeed") {
      draft.remarks.append(
        "DeepSpeed's own configuration is not read here; an optimizer or a schedule in it takes the "
          + "place of those of this file.")
    }
    if keys.flag("auto_find_batch_size") ?? false {
      draft.remarks.append(
        "auto_find_batch_size lowers the batch when memory runs out, and with it the examples in a "
          + "step: the run is then longer, and its rate too high for the batch.")
    }
  }
}
