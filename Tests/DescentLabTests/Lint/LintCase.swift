import DescentLab
import DescentTraining

/// A recipe that a rule of lint warns of, and the next one to it that it lets pass.
struct LintCase: Sendable, CustomStringConvertible {
  let rule: String
  let recipe: String
  let failing: [String]
  let passing: [String]
  /// What the place of the warning is.
  let place: String

  init(
    _ rule: String, _ recipe: String, _ failing: String, passes passing: String, at place: String
  ) {
    (self.rule, self.recipe, self.place) = (rule, recipe, place)
    self.failing = Self.split(failing)
    self.passing = Self.split(passing)
  }

  private static func split(_ text: String) -> [String] {
    text.split(separator: " ; ").map { String($0).trimmingPrefix(" ").description }
  }

  var description: String { "\(rule): \(recipe) \(failing.joined(separator: " "))" }

  var yaml: String { BuiltInRecipes.yaml(recipe) ?? "" }

  static let all: [LintCase] = [
    // Weight decay.
    .init(
      "decay_off", "gpt", "optimizer.weight_decay=0", passes: "optimizer.weight_decay=0.01",
      at: "optimizer.weight_decay=0"),
    .init(
      "decay_off", "gpt", "optimizer.name=lion",
      passes: "optimizer.name=lion ; optimizer.weight_decay=0.5", at: "optimizer.weight_decay=0"),
    .init(
      "decay_on_norms", "gpt", "optimizer.groups=none", passes: "optimizer.groups=",
      at: "optimizer.groups=[]"),
    .init(
      "decay_on_norms", "gpt", "optimizer.groups=[{match: '*', weight_decay: 0.2}]",
      passes: "optimizer.groups=[{role: matrix, weight_decay: 0.2}]",
      at: "optimizer.groups[1].weight_decay=0.2"),
    .init(
      "decay_on_norms", "digits-cnn", "optimizer.groups=[{rank: 0-1, weight_decay: 0.2}]",
      passes: "optimizer.groups=[{rank: 0-1, weight_decay: 0}]",
      at: "optimizer.groups[1].weight_decay=0.2"),
    .init(
      "decay_on_norms", "digits-cnn",
      "schedules.weight_decay.name=linear ; optimizer.groups=[{rank: 0-1, weight_decay: 0.2}]",
      passes:
        "schedules.weight_decay.name=linear ; optimizer.groups=[{rank: 0-1, weight_decay: 0}]",
      at: "optimizer.groups[1].weight_decay=0.2"),
    .init(
      "coupled_decay", "digits-cnn", "optimizer.name=adam ; optimizer.weight_decay=0.01",
      passes:
        "optimizer.name=adam ; optimizer.weight_decay=0.01 ; optimizer.decoupled_weight_decay=true",
      at: "optimizer.weight_decay=0.01"),
    // The beginning.
    .init(
      "no_warmup", "gpt", "schedule.warmup=0", passes: "schedule.warmup=0 ; optimizer.lr=2e-4",
      at: "optimizer.lr=1e-3"),
    .init(
      "no_warmup", "gpt", "schedule.warmup=2", passes: "schedule.warmup=20",
      at: "optimizer.lr=1e-3"),
    .init(
      "no_warmup", "digits-cnn", "schedule=none", passes: "schedule=none ; optimizer.lr=1e-3",
      at: "optimizer.lr=3e-3"),
    .init(
      "no_clipping", "gpt", "clip.norm=none", passes: "clip.norm=none ; clip.value=0.5",
      at: "clip.norm=none"),
    .init(
      "warmup_too_long", "gpt", "steps=100", passes: "steps=1000", at: "schedule.warmup=100"),
    .init(
      "warmup_too_long", "gpt", "steps=150", passes: "steps=1000", at: "schedule.warmup=100"),
    .init(
      "warmup_too_long", "gpt", "steps=50 ; schedule.total=200", passes: "steps=1000",
      at: "schedule.warmup=100"),
    // Rules that are not AdamW.
    .init(
      "prodigy_clipping", "gpt", "optimizer.name=prodigy",
      passes: "optimizer.name=prodigy ; clip=none", at: "clip.norm=1"),
    .init(
      "prodigy_warmup", "gpt", "optimizer.name=prodigy ; clip=none",
      passes: "optimizer.name=prodigy ; clip=none ; optimizer.safeguard_warmup=true",
      at: "optimizer.safeguard_warmup=false"),
    .init(
      "schedule_free_schedule", "gpt", "optimizer.name=schedule-free-adamw",
      passes:
        "optimizer.name=schedule-free-adamw ; schedule=none ; optimizer.warmup_steps=100",
      at: "schedule.name=cosine"),
    .init(
      "adafactor_modes", "gpt",
      "optimizer.name=adafactor ; optimizer.lr=1e-3 ; optimizer.relative_step=false",
      passes:
        "optimizer.name=adafactor ; optimizer.lr=1e-3 ; optimizer.relative_step=false ; optimizer.scale_parameter=false",
      at: "optimizer.scale_parameter=true"),
    .init(
      "adafactor_modes", "gpt", "optimizer.name=adafactor ; optimizer.lr=1e-3 ; schedule=none",
      passes: "optimizer.name=adafactor ; schedule=none", at: "optimizer.lr=1e-3"),
    .init(
      "adafactor_modes", "gpt",
      "optimizer.name=adafactor ; optimizer.lr=1e-3 ; optimizer.relative_step=false ; optimizer.warmup_init=true ; optimizer.scale_parameter=false",
      passes: "optimizer.name=adafactor ; optimizer.warmup_init=true ; schedule=none",
      at: "optimizer.warmup_init=true"),
    .init(
      "foreign_rate", "gpt", "from=runs/gpt-1 ; optimizer.lr=0.05", passes: "from=runs/gpt-1",
      at: "optimizer.lr=0.05"),
    .init(
      "foreign_rate", "gpt", "optimizer.name=lion ; optimizer.lr=1e-3 ; optimizer.weight_decay=0.1",
      passes: "optimizer.name=lion ; optimizer.lr=2e-4 ; optimizer.weight_decay=0.5",
      at: "optimizer.lr=1e-3"),
    .init(
      "foreign_rate", "gpt", "optimizer.name=prodigy ; optimizer.lr=1e-3",
      passes: "optimizer.name=prodigy ; optimizer.lr=1", at: "optimizer.lr=1e-3"),
    .init(
      "foreign_rate", "digits-mlp", "optimizer.name=dadapt-adam ; optimizer.lr=3e-4",
      passes: "optimizer.name=dadapt-adam", at: "optimizer.lr=3e-4"),
    .init(
      "foreign_rate", "gpt", "optimizer.name=muon ; optimizer.lr=1e-3",
      passes: "optimizer.name=muon ; optimizer.lr=0.02", at: "optimizer.lr=1e-3"),
    .init(
      "foreign_rate", "digits-mlp", "optimizer.lr=1e-4", passes: "optimizer.lr=0.02",
      at: "optimizer.lr=1e-4"),
    .init(
      "foreign_rate", "digits-mlp", "optimizer.weight_decay=0.1",
      passes: "optimizer.weight_decay=1e-3", at: "optimizer.weight_decay=0.1"),
    .init(
      "foreign_rate", "gpt", "optimizer.lr=0.1", passes: "optimizer.lr=2e-3",
      at: "optimizer.lr=0.1"),
    .init(
      "foreign_rate", "digits-mlp", "optimizer.name=schedule-free-sgd ; optimizer.lr=1e-3",
      passes: "optimizer.name=schedule-free-sgd", at: "optimizer.lr=1e-3"),
    // Lengths.
    .init(
      "schedule_per_epoch", "digits-cnn", "schedule.total=12 ; schedule.warmup=0",
      passes: "schedule.total=276", at: "schedule.total=12"),
    .init(
      "schedule_per_epoch", "digits-cnn", "schedule.total=12", passes: "schedule.warmup=30",
      at: "schedule.total=12"),
    .init(
      "schedule_per_epoch", "digits-mlp", "schedule.name=step ; schedule.step_size=10",
      passes: "schedule.name=step ; schedule.step_size=450", at: "schedule.step_size=10"),
    .init(
      "schedule_per_epoch", "digits-mlp", "schedule.name=ExponentialLR ; schedule.gamma=0.95",
      passes: "schedule.name=ExponentialLR ; schedule.gamma=0.999", at: "schedule.gamma=0.95"),
    .init(
      "schedule_per_epoch", "digits-mlp", "schedule.name=CosineAnnealingLR ; schedule.T_max=30",
      passes: "schedule.name=CosineAnnealingLR", at: "schedule.T_max=30"),
    .init(
      "schedule_per_epoch", "digits-mlp", "schedule.warmup=2", passes: "schedule.warmup=60",
      at: "schedule.warmup=2"),
    .init(
      "accumulation_totals", "gpt", "accumulate=4 ; schedule.total=8000 ; schedule.warmup=400",
      passes: "accumulate=4", at: "schedule.total=8000"),
    .init(
      "accumulation_totals", "digits-cnn", "accumulate=16",
      passes: "accumulate=16 ; schedule.warmup=2", at: "schedule.warmup=20"),
    .init(
      "schedule_ends_early", "gpt", "schedule.total=1500", passes: "schedule.total=2000",
      at: "schedule.total=1500"),
    .init(
      "schedule_ends_late", "gpt", "schedule.total=3000", passes: "schedule.total=none",
      at: "schedule.total=3000"),
    .init(
      "rises_above_base", "gpt", "schedule.name=exponential ; schedule.gamma=1.001",
      passes: "schedule.name=exponential ; schedule.gamma=0.999", at: "schedule.gamma=1.001"),
    .init(
      "rises_above_base", "gpt", "schedule.floor=0.01", passes: "schedule.floor=1e-5",
      at: "schedule.floor=0.01"),
    .init(
      "set_aside", "gpt", "schedule.name=onecycle ; schedule.max_lr=2e-3",
      passes: "schedule.name=onecycle", at: "optimizer.lr=1e-3"),
    .init(
      "set_aside", "gpt",
      "optimizer.name=adam ; optimizer.lr=1e-3 ; schedule.name=onecycle ; schedule.max_lr=2e-3",
      passes: "optimizer.name=adam ; schedule.name=onecycle ; schedule.max_lr=2e-3",
      at: "optimizer.lr=1e-3"),
    // Formats.
    .init(
      "weights_stuck", "gpt", "precision=bf16 ; weights.format=bf16 ; weights.rounding=nearest",
      passes: "precision=bf16 ; weights.format=bf16 ; weights.rounding=kahan",
      at: "weights.rounding=nearest"),
    .init(
      "weights_stuck", "digits-mlp",
      "precision=bf16 ; weights.format=bf16 ; weights.rounding=nearest ; optimizer.lr=5e-4",
      passes: "precision=bf16 ; weights.format=bf16", at: "weights.rounding=nearest"),
    .init(
      "coarse_state", "gpt", "optimizer.state=bfloat16 ; optimizer.betas=0.9,0.999",
      passes: "optimizer.state=bfloat16", at: "optimizer.betas=0.9,0.999"),
    .init(
      "coarse_state", "gpt", "optimizer.eps=1e-50", passes: "optimizer.eps=1e-12",
      at: "optimizer.eps=1e-50"),
    .init(
      "int8_embeddings", "gpt", "optimizer.state=int8 ; optimizer.state_exempt=head",
      passes: "optimizer.state=int8", at: "optimizer.state_exempt=head"),
    .init(
      "int8_unused", "digits-mlp",
      "optimizer.state=int8 ; model.hidden=16",
      passes: "optimizer.state=int8", at: "optimizer.state=int8"),
    // Batches.
    .init(
      "batch_scaling", "digits-mlp", "batch=1024", passes: "batch=64", at: "optimizer.lr=0.05"),
    .init(
      "batch_scaling", "gpt", "batch=24 ; accumulate=20",
      passes: "batch=24 ; accumulate=20 ; optimizer.lr=5e-3", at: "optimizer.lr=1e-3"),
  ]
}
