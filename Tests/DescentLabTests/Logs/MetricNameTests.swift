import DescentLab
import Testing

/// What names of columns and tags stand for.
@Suite struct MetricNameTests {
  static let names: [(name: String, key: String)] = [
    ("loss", "loss"), ("Loss", "loss"), ("train_loss", "loss"), ("train/loss", "loss"),
    ("Training Loss", "loss"), ("training-loss", "loss"), ("Loss/train", "loss"),
    ("loss_train", "loss"), ("loss/current", "loss"), ("loss/train_step", "loss"),
    ("step_loss", "loss"), ("train_loss_step", "loss"), ("lm loss", "loss"), ("/loss/", "loss"),
    ("loss/average", "loss"), ("smooth loss/train_step", "loss"),
    ("smooth_loss/train_step", "loss"),
    ("train_loss_epoch", "loss"), ("loss/epoch_average", "loss"), ("metrics/loss", "loss"),
    ("val_loss", "val_loss"), ("eval_loss", "val_loss"), ("eval/loss", "val_loss"),
    ("validation loss", "val_loss"), ("validation/loss", "val_loss"), ("valid_loss", "val_loss"),
    ("Loss/val", "val_loss"), ("loss_val", "val_loss"), ("test_loss", "val_loss"),
    ("test/loss", "val_loss"), ("dev_loss", "val_loss"), ("val_loss_epoch", "val_loss"),
    ("loss/validation/step_average", "val_loss"), ("loss/validation/epoch_average", "val_loss"),
    ("loss/validation/step_current", "val_loss"),
    ("loss/validation_step/total_average", "val_loss"),
    ("loss/validation_step/Cats", "val_loss/Cats"), ("eval/loss_raw", "val_loss_raw"),
    ("acc", "accuracy"), ("train_acc", "accuracy"), ("val_acc", "val_accuracy"),
    ("eval_accuracy", "val_accuracy"), ("val/top1", "val_accuracy"),
    ("Accuracy/test", "val_accuracy"),
    ("ppl", "perplexity"), ("eval_perplexity", "val_perplexity"),
    ("lr", "lr"), ("LR", "lr"), ("learning_rate", "lr"), ("Learning Rate", "lr"),
    ("learning-rate", "lr"), ("train/learning_rate", "lr"), ("train_lr", "lr"), ("lr-AdamW", "lr"),
    ("lr-AdamW/pg1", "lr/pg1"), ("lr/unet", "lr/unet"), ("lr/text encoder", "lr/text encoder"),
    ("lr.Decay", "lr/Decay"), ("train/lr/a.b", "lr/a.b"), ("lr/d*lr", "lr"),
    ("lr/d*lr/unet", "lr/unet"), ("lr/d_lr/unet", "lr/unet"), ("optim/lr", "lr"),
    ("lr/pg0", "lr/pg0"), ("train_inner/gnorm", "grad_norm"), ("train_inner/loss", "loss"),
    ("held_out/loss", "val_loss"), ("max_norm", "clip_norm"), ("clip_value", "clip_norm"),
    ("scaler/scale", "loss_scale"), ("inf_grads", "skipped"), ("d_hat", "d"), ("trainLoss", "loss"),
    ("gradNorm", "grad_norm"), ("learningRate", "lr"),
    ("valLoss", "val_loss"), ("Train/ClipNorm", "clip_norm"), ("losses/loss", "loss"),
    ("batch/gradient_norm", "grad_norm"),
    ("d", "d"), ("train/d", "d"), ("d/unet", "d/unet"), ("prodigy_d", "d"), ("prodigy/d", "d"),
    ("grad_norm", "grad_norm"), ("grad-norm", "grad_norm"), ("Grad Norm", "grad_norm"),
    ("gradient_norm", "grad_norm"), ("train/grad_norm", "grad_norm"), ("gnorm", "grad_norm"),
    ("grad_norm/h.0.w", "grad_norm/h.0.w"), ("grad_2.0_norm_total", "grad_norm"),
    ("max_grad_norm", "clip_norm"), ("clip_norm", "clip_norm"), ("clipped", "clipped"),
    ("loss_scale", "loss_scale"), ("grad_scale", "loss_scale"), ("skipped", "skipped"),
    ("lost_share", "lost_share"), ("update_ratio/wte.weight", "update_ratio/wte.weight"),
    ("weight_norm/w", "weight_norm/w"), ("params-norm", "weight_norm"),
    ("step_time", "seconds"), ("samples_per_second", "items_per_second"),
    ("tokens_per_sec", "items_per_second"), ("train/tokens/sec", "items_per_second"),
    ("epoch", "epoch"), ("train/epoch", "epoch"), ("snr/w", "snr/w"),
    ("dead_units/0", "dead_units/0"),
  ]

  @Test(arguments: names) func known(_ name: String, _ key: String) {
    #expect(MetricName(name).key == key)
  }

  @Test(arguments: [
    "", "/", "loss/x", "val/lr", "eval_samples_per_second", "eval_runtime", "train/box_loss", "mfu",
    "rewards/chosen", "lr_scheduler", "lr-Foo", "max_norm/keys_scaled", "d2", "lossy", "trainloss2",
  ])
  func unknown(_ name: String) { #expect(MetricName(name).key == nil) }

  @Test(arguments: [
    // Of two names for one metric, the better first.
    ("loss", "loss/average"), ("loss/current", "loss/average"),
    ("train_loss_step", "train_loss_epoch"),
    ("lr/d*lr/x", "lr/x"), ("lr/d*eff_lr/x", "lr/d*lr/x"), ("eval_loss", "test_loss"),
    ("loss/validation/epoch_average", "loss/validation/step_current"), ("lr", "lr-AdamW"),
  ])
  func preferred(_ better: String, _ worse: String) {
    #expect(MetricName(better).key == MetricName(worse).key)
    #expect(MetricName(better).rank < MetricName(worse).rank)
  }

  @Test func aliasesAreUnambiguous() {
    var owners: [String: String] = [:]
    // One that is the average of another is taken for it where that is not there.
    for metric in Metric.all where metric.key != "smoothed_loss" {
      for alias in [metric.key] + metric.aliases + metric.averages {
        #expect(owners[alias] == nil, "\(alias) is of \(owners[alias] ?? "") and of \(metric.key)")
        owners[alias] = metric.key
        #expect(MetricName(alias).key == metric.key)
        #expect(alias == alias.lowercased() && !alias.contains("-") && !alias.contains(" "))
      }
    }
  }

  @Test func titles() {
    #expect(Metric.of("lr").title == "Effective learning rate")
    #expect(Metric.of("lr/unet").title == "Effective learning rate, unet")
    #expect(Metric.of("d/unet").isLogarithmic)
    #expect(Metric.of("mine/x").title == "mine/x")
    #expect(Metric.of("loss/x").title == "loss/x")
  }
}
