import Descent
import DescentTraining

/// OneTrainer's configurations and presets.
enum OneTrainerConfiguration: ForeignTool {
  static let name = "OneTrainer"
  static let formats = "JSON"
  static let version = "OneTrainer of August 2026"

  static let marks = words(
    """
    __version training_method model_type base_model_name learning_rate_scheduler
    learning_rate_warmup_steps learning_rate_cycles learning_rate_min_factor learning_rate_scaler
    train_dtype clip_grad_norm workspace_dir lora_rank lora_alpha output_model_destination
    concept_file_name layer_filter_preset epochs batch_size gradient_accumulation_steps
    learning_rate ema ema_decay optimizer_defaults output_model_format
    """)

  static func textPolicy(_ keys: Set<String>) -> ForeignKeys.TextPolicy { .converted }

  static func translate(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let entries = keys.section("optimizer")
    var own = ForeignKeys(entries, .converted)
    checkVersion(&keys, &draft)
    let method = keys.text("training_method") ?? "FINE_TUNE"
    draft.facts.isFineTuning = true
    draft.facts.isLowRank = method == "LORA"
    let model = keys.text("model_type") ?? ""
    let diffusionTransformers = [
      "FLUX", "STABLE_DIFFUSION_3", "PIXART", "CHROMA", "SANA", "HUNYUAN", "HI_DREAM", "QWEN",
    ]
    if diffusionTransformers.contains(where: { model.hasPrefix($0) }) {
      draft.facts.isTransformer = true
    }
    if keys.flag("multi_gpu") ?? false { draft.severalDevices = "multi_gpu" }
    setLength(&keys, &draft)
    let isFree = OneTrainerOptimizer.set(&own, &keys, &draft)
    setPrecision(method, own, &keys, &draft)
    setClipping(&keys, &draft)
    setSchedule(isFree: isFree, own, &keys, &draft)
    if method == "LORA" {
      let (rank, alpha) = (keys.number("lora_rank") ?? 16, keys.number("lora_alpha") ?? 1)
      if !keys.has("lora_alpha") {
        draft.silent.append("The alpha is 1 (lora_alpha=1): the rate has to be higher for it.")
      }
      draft.addScale(alpha, rank, "lora_alpha/lora_rank")
    } else {
      draft.recipe.set("optimizer.groups", "[]", "decay on everything, norms and biases too")
      if draft.recipe.value(of: "optimizer.weight_decay").flatMap(Double.init) ?? 0 > 0 {
        draft.silent.append("Weight decay falls on norms and biases too: nothing is left out.")
      }
    }
    for part in ["unet", "transformer", "prior", "text_encoder", "text_encoder_2"] {
      for entry in keys.section(part) where entry.key == "learning_rate" && !entry.value.isNull {
        draft.recipe.head.append(
          "\(part).learning_rate is \(entry.value.written.onOneLine): to set it, add a group under "
            + "optimizer.groups.")
      }
    }
    for problem in own.refusals {
      keys.refuse(
        "optimizer.\(problem.sentence)", at: "optimizer.\(problem.key ?? "")",
        fix: problem.fix(problem.key ?? ""))
    }
    let unread = own.names.filter {
      !OneTrainerKeys.optimizer.contains($0) && $0 != "__version"
    }
    for key in unread {
      let near = nearestName(to: key, among: OneTrainerKeys.optimizer)
      draft.remarks.append(
        "optimizer.\(key) is not a key of OneTrainer and is ignored"
          + (near.map { "; did you mean \($0)?" } ?? "."))
    }
  }

  private static func checkVersion(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    guard let version = keys.integer("__version") else { return }
    let old = converted.filter { version <= $0.through && keys.names.contains($0.key) }.map(\.key)
    draft.converted = Set(old)
    if version > 11 {
      draft.remarks.append(
        "The file is of version \(version) of OneTrainer's configurations, newer than 11, the last "
          + "that is known here: keys may mean something else.")
    } else if version < 11 {
      let rest = old.filter { $0 != "weight_dtype" }
      draft.remarks.append(
        "The file is of version \(version) of OneTrainer's configurations. OneTrainer converts it "
          + "to version 11 when it loads it"
          + (rest.isEmpty
            ? "; here it is read as version 11." : ", \(few(rest)) too, which is not read here."))
    }
  }

  /// Keys of older versions that OneTrainer converts, and the last version that they belong to.
  private static let converted: [(key: String, through: Int)] =
    [
      ("min_snr_gamma", 2), ("lora_layers", 7), ("lora_layer_preset", 7),
      ("lora_layers_regex", 7), ("weight_dtype", 9), ("gradient_checkpointing", 10),
      ("enable_async_offloading", 10), ("enable_activation_offloading", 10),
      ("layer_offload_fraction", 10),
    ]
    + words(
      """
      train_unet train_unet_epochs unet_learning_rate unet_weight_dtype train_prior
      train_prior_epochs prior_learning_rate prior_weight_dtype prior_model_name
      train_text_encoder train_text_encoder_epochs text_encoder_learning_rate
      text_encoder_weight_dtype train_text_encoder_2 train_text_encoder_2_epochs
      text_encoder_2_learning_rate text_encoder_2_weight_dtype vae_model_name vae_weight_dtype
      effnet_encoder_model_name effnet_encoder_weight_dtype decoder_model_name
      decoder_weight_dtype decoder_text_encoder_weight_dtype decoder_vqgan_weight_dtype
      embedding_model_names token_count initial_embedding_text
      """
    ).map { ($0, 1) }

  /// The format of the weights of a part; up to version 9 one for all parts without their own.
  private static func weights(of part: String, _ keys: inout ForeignKeys) -> String {
    let own = keys.section(part).first { $0.key == "weight_dtype" }?.value.written
    let version = keys.integer("__version") ?? 11
    let common = version <= 9 ? keys.text("weight_dtype") : nil
    return (own == "NONE" ? nil : own) ?? common ?? "FLOAT_32"
  }

  // MARK: Length

  private static func setLength(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    draft.perDevice = keys.integer("batch_size", least: 1) ?? 1
    draft.accumulate = keys.integer("gradient_accumulation_steps", least: 1) ?? 1
    draft.name("batch", "batch_size", keys)
    draft.name("accumulate", "gradient_accumulation_steps", keys)
    let epochs = keys.integer("epochs", least: 1) ?? 100
    if !keys.has("epochs") { draft.silent.append("The run takes 100 epochs (epochs=100).") }
    draft.name("steps", "epochs", keys)
    var (steps, perEpoch): (Int?, Int?)
    if let examples = draft.examples {
      let batches = examples / draft.batch
      if batches == 0 {
        keys.refuse(
          "\(counted(examples, "image")) do not fill one batch of \(draft.batch): OneTrainer drops "
            + "what does not, so that nothing is left")
      }
      steps = max(1, batches.times(epochs) / draft.accumulate)
      perEpoch = max(1, batches / draft.accumulate)
      let left = examples % draft.batch
      draft.remarks.append(
        "Steps are counted as if all images were in one bucket"
          + (left > 0 ? "; the \(left) that do not fill a batch are left out in each epoch" : "")
          + ". With several resolutions, what does not fill a batch of each is left out.")
    }
    draft.setLength(
      steps: steps, stepsPerEpoch: perEpoch, epochs: Double(epochs),
      warmup: (keys.number("learning_rate_warmup_steps", least: nil) ?? 200)
        / Double(draft.accumulate))
    HuggingFaceArguments.addUnknowns(&draft, epochs: Double(epochs))
  }

  private static func setPrecision(
    _ method: String, _ own: ForeignKeys, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) {
    let type = keys.text("train_dtype") ?? "FLOAT_16"
    if !keys.has("train_dtype") {
      draft.silent.append("The model computes in fp16 (train_dtype=FLOAT_16).")
    }
    switch type {
    case "FLOAT_16": draft.recipe.set("precision", "fp16")
    case "BFLOAT_16": draft.recipe.set("precision", "bf16")
    case "FLOAT_32", "TFLOAT_32", "NONE": break
    default: draft.remarks.append("train_dtype=\(type) has no equivalent here.")
    }
    draft.name("precision", "train_dtype", keys)
    guard method == "FINE_TUNE" else { return }
    let part = keys.has("transformer") ? "transformer" : keys.has("prior") ? "prior" : "unet"
    let weights = weights(of: part, &keys)
    var copy = own
    let isStochastic = copy.flag("stochastic_rounding") ?? true
    guard weights == "BFLOAT_16" else { return }
    draft.recipe.set("precision", "bf16")
    draft.recipe.set("weights.format", "bf16")
    draft.recipe.set("weights.rounding", isStochastic ? "stochastic" : "nearest")
    draft.recipe.set("optimizer.state", "bfloat16")
    draft.name("weights.format", "\(part).weight_dtype", given: weights)
    draft.name(
      "weights.rounding", "optimizer.stochastic_rounding", given: own.written("stochastic_rounding")
    )
    draft.names["optimizer.state"] = "\(part).weight_dtype"
    draft.spellings["optimizer.state=float32"] = "\(part).weight_dtype=FLOAT_32"
    draft.spellings["weights.rounding=stochastic"] = "optimizer.stochastic_rounding=true"
    draft.facts.updateFormat = isStochastic ? .float32 : .bfloat16
    if !own.has("stochastic_rounding") {
      draft.silent.append(
        "bf16 weights are rounded at random (optimizer.stochastic_rounding=true), for the optimizers "
          + "that can.")
    }
  }

  private static func setClipping(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) {
    let norm = keys.number("clip_grad_norm", isAbove: false)
    draft.name("clip.norm", "clip_grad_norm", keys)
    draft.spellings["clip.norm=none"] = "clip_grad_norm=null"
    // Only null turns it off.
    let isOff = keys.names.contains("clip_grad_norm") && !keys.has("clip_grad_norm")
    if isOff { return }
    if norm == 0 {
      keys.refuse("clip_grad_norm=0 sets every gradient to 0; null turns it off")
    }
    draft.recipe.set("clip.norm", norm.flatMap { $0 > 0 ? $0 : nil } ?? 1)
    if !keys.has("clip_grad_norm") {
      draft.silent.append("Gradients are clipped to a norm of 1 (clip_grad_norm=1.0).")
    }
  }

  // MARK: Schedule

  private static func setSchedule(
    isFree: Bool, _ own: ForeignKeys, _ keys: inout ForeignKeys, _ draft: inout ForeignDraft
  ) {
    let type = keys.text("learning_rate_scheduler") ?? "CONSTANT"
    draft.name("schedule.name", "learning_rate_scheduler", keys)
    if !keys.has("learning_rate_scheduler") {
      draft.silent.append("The learning rate stays the same (learning_rate_scheduler=CONSTANT).")
    }
    let known = [
      "CONSTANT", "LINEAR", "COSINE", "COSINE_WITH_RESTARTS", "COSINE_WITH_HARD_RESTARTS", "REX",
      "ADAFACTOR", "CUSTOM",
    ]
    if !known.contains(type) {
      keys.refuse(
        "learning_rate_scheduler=\(type) is none of \(listed(known))")
    }
    if isFree {
      draft.recipe.set("schedule.name", "constant")
      draft.silent.append(
        "A schedule-free optimizer has no schedule and no warmup here: learning_rate_scheduler and "
          + "learning_rate_warmup_steps are ignored.")
      if type != "CONSTANT" {
        draft.ignore(
          "learning_rate_scheduler",
          because: "it is ignored: a schedule-free optimizer has no schedule",
          fix: "learning_rate_scheduler=CONSTANT", keys)
      }
      return
    }
    if type == "ADAFACTOR" || draft.recipe.value(of: "optimizer.lr") == "null" {
      return draft.recipe.set("schedule.name", "constant")
    }
    let warmup = warmup(&keys, &draft)
    let cycles = keys.number("learning_rate_cycles", isAbove: true) ?? 1
    let floor = keys.number("learning_rate_min_factor") ?? 0
    if warmup > draft.curveSteps {
      return draft.setEndlessWarmup(warmup, "learning_rate_warmup_steps")
    }
    var settings: [(name: String, text: String)] = []
    if warmup > 0 { settings += [("warmup", "\(warmup)"), ("warmup_start", "zero")] }
    if floor > 0 { settings.append(("floor_ratio", SettingValue.number(floor).description)) }
    draft.name("schedule.warmup", "learning_rate_warmup_steps", keys)
    draft.name("schedule.floor_ratio", "learning_rate_min_factor", keys)
    draft.name("schedule.cycles", "learning_rate_cycles", keys)
    draft.spellings["schedule=none"] = "learning_rate_scheduler=CONSTANT"
    let name: String
    switch type {
    case "LINEAR": name = "linear"
    case "COSINE": name = "cosine"
    case "COSINE_WITH_RESTARTS":
      // Whole waves, which rise as they fall.
      name = "cosine"
      settings.append(("cycles", "\(cycles)"))
      draft.silent.append(
        "COSINE_WITH_RESTARTS does not restart: it rises again as slowly as it fell, "
          + "\(times(Int(min(max(1, cycles), 1e6)))). "
          + "COSINE_WITH_HARD_RESTARTS jumps back to the top.")
    case "COSINE_WITH_HARD_RESTARTS":
      name = "restarts"
      settings.append(("cycles", "\(cycles)"))
    case "REX": name = "rex"
    default:
      name = warmup > 0 ? "warmup" : "constant"
      settings = warmup > 0 ? Array(settings.prefix(2)) : []
      if type == "CUSTOM" {
        draft.difference =
          "a custom schedule is not known here; the curve is that of a constant rate"
      }
    }
    draft.setSchedule(
      name, settings, from: &keys, kwargs: "learning_rate_scheduler", peak: nil)
  }

  private static func warmup(_ keys: inout ForeignKeys, _ draft: inout ForeignDraft) -> Int {
    let key = "learning_rate_warmup_steps"
    let given = keys.number(key, least: nil) ?? 200
    if given > 1 {
      let steps = Int(min(1e12, given / Double(draft.accumulate)))
      if draft.accumulate > 1 {
        draft.silent.append(
          "\(key)=\(short(given, 6)) counts batches, not steps of the optimizer: with accumulation "
            + "the warmup takes \(counted(steps, "step")).")
      } else if !keys.has(key) {
        draft.silent.append("The warmup takes 200 steps (\(key)=200).")
      }
      return steps
    }
    if given > 0 {
      let steps = Int(given * Double(draft.curveSteps))
      draft.silent.append(
        "\(key)=\(short(given, 6)) is a share of the run, as is all from 0 to 1: "
          + "\(counted(steps, "step")) of \(grouped(draft.curveSteps)).")
      return steps
    }
    return 0
  }
}
