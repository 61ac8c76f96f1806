import Descent
import DescentTraining

/// What `TrainingArguments` refuses before a run begins.
enum HuggingFaceChecks {
  /// What old keys are called now, with a value where they had it.
  private static let renamed = [
    "evaluation_strategy": "eval_strategy", "no_cuda": "use_cpu",
    "per_gpu_train_batch_size": "per_device_train_batch_size",
    "per_gpu_eval_batch_size": "per_device_eval_batch_size", "push_to_hub_token": "hub_token",
    "push_to_hub_model_id": "hub_model_id",
  ]
  private static let replaced = [
    "group_by_length": "train_sampling_strategy=group_by_length", "adafactor": "optim=adafactor",
  ]

  /// Notes what is refused.
  static func check(_ keys: inout ForeignKeys) {
    let old = Set(HuggingFaceKeys.four)
    for key in keys.names where old.contains(key) && key != "warmup_ratio" {
      let now = renamed[key].map { name in
        let isNo = keys.written(key) == "false" && key == "evaluation_strategy"
        return "\(name)\(keys.written(key).map { "=\(isNo ? "no" : $0)" } ?? "")"
      }
      let fix = (now ?? replaced[key]).map { "write \($0)" } ?? "leave it out"
      keys.refuse(
        "\(key) is a key of transformers 4, which 5.23 refuses", at: key, fix: fix)
    }
    let (evaluation, evaluationKey) = strategy(
      "eval_strategy", "evaluation_strategy", ["no", "steps", "epoch"], "no", &keys)
    let (saving, _) = strategy(
      "save_strategy", nil, ["no", "steps", "epoch", "best"], "steps", &keys)
    let (logging, _) = strategy(
      "logging_strategy", nil, ["no", "steps", "epoch"], "steps", &keys)
    let every = interval("logging_steps", 500, &keys)
    if logging == "steps", every == 0 {
      keys.refuse(
        "logging_steps=0 is refused where logging_strategy is steps", at: "logging_steps",
        fix: "logging_strategy=no")
    }
    let saveSteps = interval("save_steps", 500, &keys)
    let evalSteps = interval("eval_steps", every, &keys)
    if evaluation == "steps", evalSteps == 0 {
      keys.refuse(
        "\(evaluationKey)=steps needs eval_steps or logging_steps above 0", at: evaluationKey,
        fix: "eval_steps=500")
    }
    if keys.flag("load_best_model_at_end") ?? false, saving != "best" {
      if evaluation != saving {
        keys.refuse(
          "load_best_model_at_end needs the same strategy for evaluating and saving, but "
            + "\(evaluationKey) is \(evaluation) and save_strategy is \(saving)",
          at: "load_best_model_at_end",
          fix: evaluation == "no" ? "\(evaluationKey)=\(saving)" : "save_strategy=\(evaluation)")
      } else if evaluation == "steps", evalSteps > 0, !isMultiple(saveSteps, of: evalSteps) {
        let multiple = max(1, (saveSteps / evalSteps).rounded()) * evalSteps
        keys.refuse(
          "load_best_model_at_end needs save_steps to be a multiple of eval_steps, but "
            + "\(short(saveSteps, 6)) is none of \(short(evalSteps, 6))", at: "save_steps",
          fix: "save_steps=\(short(multiple, 6))")
      }
    }
    let isBest = saving == "best" && !(keys.flag("load_best_model_at_end") ?? false)
    if isBest, !keys.has("metric_for_best_model") {
      keys.refuse(
        "save_strategy=best needs metric_for_best_model", at: "save_strategy",
        fix: "metric_for_best_model=loss")
    }
    if keys.written("lr_scheduler_type") == "reduce_lr_on_plateau", evaluation == "no" {
      keys.refuse(
        "reduce_lr_on_plateau needs evaluations to follow", at: "lr_scheduler_type",
        fix: "\(evaluationKey)=epoch")
    }
    if keys.has("dataloader_prefetch_factor"), (keys.number("dataloader_num_workers") ?? 0) == 0 {
      keys.refuse(
        "dataloader_prefetch_factor needs dataloader_num_workers above 0",
        at: "dataloader_prefetch_factor", fix: "dataloader_num_workers=2, or leave it out")
    }
    if keys.flag("bf16_full_eval") ?? false, keys.flag("fp16_full_eval") ?? false {
      keys.refuse("bf16_full_eval and fp16_full_eval cannot both be true; leave out fp16_full_eval")
    }
  }

  /// When something is done, and the key that says so.
  private static func strategy(
    _ key: String, _ old: String?, _ allowed: [String], _ usual: String,
    _ keys: inout ForeignKeys
  ) -> (value: String, key: String) {
    let used = old.map { !keys.has(key) && keys.has($0) ? $0 : key } ?? key
    guard let text = keys.text(used) else { return (usual, used) }
    // YAML 1.1 makes a truth value of the word where it stands without quotation marks.
    if text == "false" { return ("no", used) }
    if !allowed.contains(text) {
      keys.refuse("\(used) is \(alternatives(allowed)), not \(text.onOneLine)", at: used)
    }
    return (text, used)
  }

  private static func alternatives(_ words: [String]) -> String {
    words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
  }

  /// Steps between two events; a share of the run below 1.
  private static func interval(
    _ key: String, _ usual: Double, _ keys: inout ForeignKeys
  ) -> Double {
    guard let x = keys.number(key) else { return usual }
    if x > 1, x != x.rounded() {
      keys.refuse(
        "\(key)=\(short(x, 6)) must be a whole number, or a share of the run below 1", at: key,
        fix: "\(key)=\(short(x.rounded(), 6))")
    }
    return x
  }

  /// As transformers has it: a share of the run is no multiple of a number of steps.
  private static func isMultiple(_ x: Double, of y: Double) -> Bool {
    if x.truncatingRemainder(dividingBy: y) == 0 { return true }
    guard x < 1, y < 1 else { return false }
    return (x * 1e6).truncatingRemainder(dividingBy: y * 1e6) == 0
  }
}
