public import Descent

/// A section of recipes: its name, what it is about, and the kinds of things that it describes, whose
/// declared settings are its keys.
public struct RecipeSection: Sendable {
  /// The name in recipes.
  public let name: String
  /// What it is about, in a phrase.
  public let meaning: String
  /// The key that says which of ``kinds`` it describes; nil where there is one.
  public let selector: String?
  /// Whether it may be `none`.
  public let isOptional: Bool
  /// What it may describe.
  public let kinds: [any Configurable.Type]
  /// What has settings in it whatever it describes.
  public let common: [any Configurable.Type]
  /// One of its keys, with a value.
  public let example: SettingText

  init(
    _ name: String, _ meaning: String, selector: String? = nil, isOptional: Bool = false,
    _ kinds: [any Configurable.Type], common: [any Configurable.Type] = [], example: SettingText
  ) {
    (self.name, self.meaning, self.selector) = (name, meaning, selector)
    (self.isOptional, self.kinds, self.common) = (isOptional, kinds, common)
    self.example = example
  }

  /// Those that describe a run, in the order in which messages list them.
  public static let all: [RecipeSection] = [
    RecipeSection(
      "model", "what is trained", selector: "kind", ModelKinds.all, example: ("kind", "mlp")),
    RecipeSection(
      "data", "what it is trained on", selector: "kind", DataKinds.all,
      example: ("kind", "digits")),
    RecipeSection(
      "adapter", "small matrices that are trained in place of the model's weights",
      selector: "kind", isOptional: true, [LoRASettings.self], example: ("kind", "lora")),
    RecipeSection(
      "optimizer", "the rule, the format of its state, and the groups of parameters",
      selector: "name", Rules.all, common: [StateStorage.self, LayerwiseDecay.self],
      example: ("name", "adamw")),
    RecipeSection(
      "schedule", "the learning rate over the steps", selector: "name", isOptional: true,
      Schedules.all, example: ("name", "cosine")),
    RecipeSection(
      "schedules",
      "schedules of other hyperparameters, each in a section of its own, such as "
        + "schedules.weight_decay", isOptional: true, [],
      example: ("weight_decay", "{name: linear}")),
    RecipeSection(
      Clipping.name, "limits of the gradients", isOptional: true, [Clipping.self],
      example: ("norm", "1")),
    RecipeSection(
      GradientTools.name, "what else happens to gradients", isOptional: true,
      [GradientTools.self], example: ("noise", "0.01")),
    RecipeSection(
      WeightStorage.name, "how weights lie in memory", [WeightStorage.self],
      example: ("format", "bf16")),
    RecipeSection(
      "average", "an average of the weights that is evaluated and kept in place of them",
      selector: "name", isOptional: true, WeightAverages.all, example: ("name", "ema")),
    RecipeSection(
      LossScaler.name, "the scale of the loss where precision is fp16", [LossScaler.self],
      example: ("init_scale", "65536")),
    RecipeSection(
      EvaluateSettings.name, "when and on how much to validate", [EvaluateSettings.self],
      example: ("every", "100")),
    RecipeSection(
      CheckpointSettings.name, "when to write checkpoints, and how many to keep",
      [CheckpointSettings.self], example: ("every", "100")),
    RecipeSection(
      SpikeSettings.name, "what happens to updates that are much larger than usual",
      [SpikeSettings.self], example: ("factor", "10")),
    RecipeSection(
      InstrumentSettings.name, "what is measured beside the metrics", [InstrumentSettings.self],
      example: ("every", "100")),
    RecipeSection(
      LogSettings.name, "what a run writes beside its metrics", [LogSettings.self],
      example: ("tensorboard", "true")),
    RecipeSection(
      TargetSettings.name, "what the run is to reach; its end says whether it did",
      isOptional: true, [TargetSettings.self], example: ("at_most", "1.5")),
  ]

  /// The one that is no part of a run, but says how a short one differs.
  public static let quick = RecipeSection(
    "quick", "what --quick changes: any keys of the recipe", isOptional: true, [],
    example: ("steps", "100"))

  /// The section called `name`; that of a hyperparameter's schedule is called `schedules.<setting>`. nil
  /// where there is none.
  static func named(_ name: String) -> RecipeSection? {
    if name == quick.name { return quick }
    let own = name.hasPrefix("schedules.") ? "schedule" : name
    return all.first { $0.name == own }
  }
}
