/// A number that runs write down over their steps: what it is, and what tools call it.
public struct Metric: Sendable, Equatable {
  /// Its name in a ``RunLog``; of a family, what stands before the slash.
  public let key: String
  /// What it is, as the title of a figure.
  public let title: String
  /// What it is measured in; empty for pure numbers.
  public let unit: String
  /// Whether its axis is best logarithmic: it spans powers of ten.
  public let isLogarithmic: Bool
  /// Whether there may be one for each of several things: `key/member`.
  public let isFamily: Bool
  /// What it can be at all; all numbers where nothing is known.
  public let range: ClosedRange<Double>
  /// How to read it, in a sentence or two; empty for what everybody knows.
  public let meaning: String
  /// What tools call it, without what says that it is of the training: lower case, words joined by
  /// `_`. The first of them that a log has is taken.
  public let aliases: [String]
  /// What tools call averages of it, which are taken only where there is nothing else.
  public let averages: [String]

  init(
    _ key: String, _ title: String, unit: String = "", log: Bool = false, family: Bool = false,
    range: ClosedRange<Double> = anything, meaning: String = "", _ aliases: [String] = [],
    averages: [String] = []
  ) {
    (self.key, self.title, self.unit, isLogarithmic) = (key, title, unit, log)
    (isFamily, self.range, self.meaning) = (family, range, meaning)
    (self.aliases, self.averages) = (aliases, averages)
  }

  private static let anything = -Double.infinity...Double.infinity
  /// Of norms, times, sizes.
  static let notNegative = 0...Double.infinity
  /// Of shares.
  static let share = 0...1.0

  /// The part of an interval that can be, where all of the `values` that it was made from can be.
  package func clipped(
    _ interval: (low: Double, high: Double)?, of values: [Double]
  ) -> (low: Double, high: Double)? {
    guard let interval, values.allSatisfy(range.contains) else { return interval }
    let (least, most) = (range.lowerBound, range.upperBound)
    return (min(max(interval.low, least), most), min(max(interval.high, least), most))
  }

  /// All that have a name of their own in logs of other tools, too, in the order in which they are
  /// best shown.
  public static let all = [
    Metric(
      "loss", "Training loss", unit: "nats", range: notNegative,
      [
        "step_loss", "loss_step", "loss/current", "loss/train_step", "loss/step", "current_loss",
        "batch_loss", "loss_batch", "lm_loss", "total_loss", "loss_total", "loss/total",
        "loss/loss",
        "loss/lm", "reduced_train_loss", "losses/total", "cross_entropy_loss", "ce_loss",
        "nll_loss", "loss_value",
        "train_loss_value", "objective", "loss_sum", "sum_loss", "overall_loss", "combined_loss",
      ],
      averages: [
        "loss/average", "loss/avg", "avg_loss", "loss_avg", "average_loss", "loss_average",
        "mean_loss", "loss_mean", "loss/mean", "smooth_loss", "smooth_loss/train_step",
        "smoothed_loss", "running_loss", "loss_ema", "ema_loss", "loss_epoch", "epoch_loss",
        "loss/epoch_average", "loss/epoch", "loss_epoch_avg",
      ]),
    Metric(
      "smoothed_loss", "Training loss, averaged by the tool", unit: "nats", range: notNegative),
    Metric(
      "val_loss", "Validation loss", unit: "nats", family: true, range: notNegative,
      ["loss/validation_step/total_average", "loss/validation_step"]),
    Metric("val_loss_raw", "Validation loss without the average", unit: "nats", range: notNegative),
    Metric(
      "accuracy", "Training accuracy", range: share,
      ["acc", "top1", "acc1", "top_1_accuracy", "accuracy_top1"],
      averages: ["accuracy_epoch", "acc_epoch"]),
    Metric("val_accuracy", "Validation accuracy", range: share),
    Metric(
      "val_rmse", "Root of the mean squared validation error", range: notNegative,
      ["val_root_mean_squared_error"]),
    Metric(
      "val_mae", "Mean absolute validation error", range: notNegative, ["val_mean_absolute_error"]),
    Metric(
      "val_r2", "Validation R²", range: -Double.infinity...1,
      meaning: "1 for exact predictions, 0 for what always says the mean.", ["val_r2_score"]),
    Metric(
      "episode_return", "Mean return of the last training episodes",
      ["ep_rew_mean", "episodic_return"]),
    Metric("val_return", "Mean return of the evaluation"),
    Metric(
      "policy_loss", "Policy's loss",
      meaning:
        "Below 0 where the policy takes more of what was better than expected.",
      ["policy_gradient_loss"]),
    Metric(
      "value_loss", "Value's loss", range: notNegative,
      meaning: "How far the value function is from the returns."),
    Metric(
      "entropy", "Policy's entropy", unit: "nats", range: notNegative,
      meaning: "How undecided the policy is: 0 where it always takes the same action."),
    Metric(
      "kl", "Policy's divergence from the rollout's", unit: "nats", range: notNegative,
      meaning: "How far the policy has moved from the one that collected the steps.", ["approx_kl"]),
    Metric(
      "clip_fraction", "Share of actions beyond the clip range", range: share,
      meaning:
        "Actions whose probability has moved beyond the clip range no longer count.",
      ["clipfrac"]),
    Metric("perplexity", "Training perplexity", log: true, range: 1...Double.infinity, ["ppl"]),
    Metric("val_perplexity", "Validation perplexity", log: true, range: 1...Double.infinity),
    Metric(
      "lr", "Effective learning rate", family: true, range: notNegative,
      [
        "lr/d*eff_lr", "lr/d_eff_lr", "lr/d*lr", "lr/d_lr", "d*lr", "d_times_lr", "effective_lr",
        "effective_learning_rate", "eff_lr", "lr_eff", "learning_rate", "lr/lr", "learning_rate/lr",
        "learningrate", "lr_rate", "current_lr", "step_lr", "lr_step",
        "sched_lr",
      ]),
    Metric(
      "base_lr", "Learning rate before it is multiplied by d", family: true, range: notNegative),
    Metric(
      "d", "Prodigy's estimate d", log: true, family: true, range: notNegative,
      meaning: "The step size that the rule has found so far; lr multiplies it.",
      [
        "prodigy_d", "prodigy/d", "d_estimate", "dadapt_d", "optimizer_d", "d_value", "d_hat",
        "dhat", "estimated_d", "d_est",
      ]),
    Metric(
      "d_numerator", "Numerator of d", log: true, family: true,
      meaning: "d grows to this over the denominator, where that is more."),
    Metric(
      "d_denominator", "Denominator of d", log: true, family: true, range: notNegative,
      meaning: "What the numerator is divided by for an estimate of d.", ["d_denom"]),
    Metric(
      "relative_step", "Adafactor's relative step", log: true, family: true, range: notNegative,
      meaning: "ρ: steps have this times the size of the weights they change."),
    Metric(
      "schedule_free_weight", "Schedule-Free's averaging weight c", log: true, family: true,
      range: share,
      meaning: "How much the newest point counts in the average; 1/t at a constant rate."),
    Metric(
      "kl_scale", "K-FAC's scale ν", range: share,
      meaning:
        "Preconditioned gradients are multiplied by it, so that no step is too far."
    ),
    Metric(
      "grad_norm", "Gradient norm", log: true, family: true, range: notNegative,
      [
        "gradient_norm", "grad_norm_total", "total_grad_norm", "grad_norm/total",
        "global_grad_norm",
        "gradnorm", "gnorm", "grad_2.0_norm_total", "grad_2_norm_total", "grad_2.0_norm",
        "grad_l2_norm", "gradient_norm/total", "norm/grad_norm", "norm/avg_grad_norm",
        "grad_global_norm", "global_gradient_norm", "grad_norm_before_clip",
        "grads_norm", "gradients_norm", "norm_grad", "grad_norm_pre_clip", "pre_clip_grad_norm",
        "preclip_grad_norm", "grad_norm_unclipped", "unclipped_grad_norm", "grad_norm_raw",
        "raw_grad_norm", "total_norm", "grad_norm_2", "grad_norm_l2", "gradient_norm_total",
      ]),
    Metric(
      "clip_norm", "Clip threshold", log: true,
      [
        "max_grad_norm", "grad_clip", "grad_clip_norm", "gradient_clip_val", "gradient_clip_norm",
        "clip_threshold", "gradient_clipping", "clip_grad_norm", "clip_grad", "grad_clip_threshold",
        "max_norm", "clip_value", "clip_max_norm", "grad_clip_value", "clipping_threshold",
        "max_gradient_norm", "gradient_clip", "clip_at",
      ]),
    Metric(
      "clipped", "Clipped steps", range: share,
      [
        "is_clipped", "grad_clipped", "gradient_clipped", "was_clipped", "grads_clipped",
        "clip_hit",
      ]),
    Metric("applied", "Applied steps", range: share),
    Metric(
      "skipped", "Skipped steps",
      [
        "skipped_step", "step_skipped", "overflow", "is_skipped", "found_inf", "skipped_iter",
        "skipped_steps", "steps_skipped", "skip", "num_skipped", "overflows", "num_overflows",
        "inf_grads", "inf_grad", "nan_grads", "grad_overflow", "has_inf", "found_infs",
      ]),
    Metric(
      "loss_scale", "Loss scale", log: true, range: notNegative,
      meaning: "What the loss is multiplied by for the backward pass in float16.",
      [
        "grad_scale", "scaler_scale", "amp_scale", "loss_scaling", "gradient_scale", "grad_scaler",
        "scaler/scale", "amp/scale", "scale", "scaler", "fp16_scale", "loss_scaler", "lossscale",
      ]),
    Metric("lost_updates", "Updates lost to rounding", range: notNegative),
    Metric(
      "lost_share", "Share of updates lost to rounding", range: share,
      meaning:
        "Updates smaller than half a unit in the last place of 16-bit weights change nothing.",
      [
        "lost_fraction", "lost_frac", "frac_lost", "fraction_lost", "share_lost",
        "lost_update_share", "lost_updates_share", "unchanged_share", "unchanged_fraction",
        "frac_unchanged", "fraction_unchanged", "rounded_away", "update_lost_share",
        "zero_update_share",
      ]),
    Metric(
      "update_ratio", "Update to weight ratio", log: true, family: true, range: notNegative,
      ["update_to_weight_ratio", "update_weight_ratio", "update_to_weight"]),
    Metric(
      "weight_norm", "Weight norm", log: true, family: true, range: notNegative,
      ["param_norm", "params_norm", "parameter_norm", "weights_norm", "p_norm"]),
    Metric(
      "step_size", "Root mean square of the update", log: true, family: true, range: notNegative),
    Metric("distance", "Distance from the beginning", log: true, family: true, range: notNegative),
    Metric(
      "snr", "Signal-to-noise ratio of the gradient", log: true, family: true, range: notNegative,
      meaning:
        "Far above 1, gradients agree from batch to batch; below 1, most of a gradient is noise."),
    Metric(
      "norm_test", "Norm test", log: true, family: true, range: notNegative,
      meaning:
        "The share of noise in the squared norm of the gradient. Above 1, a larger batch would take "
        + "better steps."),
    Metric(
      "noise_scale", "Gradient noise scale", unit: "examples", log: true, range: notNegative,
      meaning:
        "Batches much smaller than this are mostly noise; much larger ones bring little (McCandlish "
        + "et al., 2018)."),
    Metric("instrument_seconds", "Time of the instruments", unit: "s", range: notNegative),
    Metric(
      "alpha", "Share of the first-order gain that came true",
      meaning:
        "1: the loss fell as the gradient promised. 0.5: as far as the valley's floor. Below 0: the "
        + "step made the loss worse."),
    Metric(
      "curvature", "Largest curvature", log: true,
      meaning: "Plain gradient descent is stable while this times the learning rate stays below 2."),
    Metric("dead_units", "Share of dead units", family: true, range: share),
    Metric(
      "seconds", "Time of a step", unit: "s", range: notNegative,
      [
        "step_time", "time_per_step", "seconds_per_step", "sec_per_step", "iter_time",
        "step_seconds",
        "iteration_time", "step_time_s", "seconds_per_iter", "perf/step_time", "time/step",
      ]),
    Metric(
      "items_per_second", "Throughput", unit: "items/s", range: notNegative,
      [
        "tokens_per_second", "samples_per_second", "tokens_per_sec", "samples_per_sec",
        "images_per_second", "images_per_sec", "examples_per_second", "examples_per_sec",
        "throughput", "tok/s", "tok_s", "tps", "tokens/sec", "tokens/s", "samples/s",
        "tokens_per_second_per_gpu", "it/s_items",
      ]),
    Metric("activation_bytes", "Memory of activations", unit: "bytes", range: notNegative),
    Metric(
      "memory_bytes", "Memory", unit: "bytes", range: notNegative,
      ["peak_memory_bytes", "max_memory_bytes", "memory/bytes", "gpu_memory_bytes"]),
    Metric("epoch", "Passes over the data", ["epochs", "num_epochs"]),
  ]

  /// What a name of a ``RunLog`` stands for. One that is not known is its own title; of a family the
  /// title names the member.
  public static func of(_ key: String) -> Metric {
    if let metric = byKey[key] { return metric }
    let base = key.prefix { $0 != "/" }
    guard base.count < key.count, let family = byKey[String(base)], family.isFamily else {
      return Metric(key, key)
    }
    let member = key.dropFirst(base.count + 1)
    return Metric(
      key, "\(family.title), \(member)", unit: family.unit, log: family.isLogarithmic,
      range: family.range, meaning: family.meaning)
  }

  /// Those that say yes or no: true and false are numbers for them alone.
  static let flags: Set = ["clipped", "applied", "skipped"]

  private static let byKey = Dictionary(uniqueKeysWithValues: (all + own).map { ($0.key, $0) })
}
