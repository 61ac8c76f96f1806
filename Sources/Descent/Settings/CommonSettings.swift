/// Settings that many rules share, declared once.
extension Setting {
  /// `lr`: η, at least 0.
  static func learningRate(
    _ path: SettingPath<Root, Double>, source: String = "torch"
  ) -> Setting {
    .number("lr", path, .atLeast(0), "learning rate η", source: source)
  }

  /// `betas`: β₁, β₂ in [0, 1).
  static func betas(
    _ beta1: SettingPath<Root, Double>,
    _ beta2: SettingPath<Root, Double>,
    _ meaning: String = "β₁, β₂: decay of the averages of g and g²", source: String = "torch"
  ) -> Setting {
    .numbers("betas", [beta1, beta2], .halfOpen(0, 1), meaning, source: source)
  }

  /// `eps`: ε, at least 0.
  static func epsilon(
    _ path: SettingPath<Root, Double>, source: String = "torch"
  ) -> Setting {
    .number("eps", path, .atLeast(0), "ε, added to the root", source: source)
  }

  /// `amsgrad`.
  static func amsgrad(_ path: SettingPath<Root, Bool>) -> Setting {
    .flag("amsgrad", path, "divide by the largest v so far", source: "torch")
  }

  /// `bias_correction` of Adam and AdamW.
  static func biasCorrection(_ path: SettingPath<Root, Bool>) -> Setting {
    .flag("bias_correction", path, "divide m and v by 1−β₁ᵗ and 1−β₂ᵗ", source: "paper")
  }

  /// `momentum`: μ in [0, 1).
  static func momentum(
    _ path: SettingPath<Root, Double>, source: String = "torch"
  ) -> Setting {
    .number("momentum", path, .halfOpen(0, 1), "momentum μ", source: source)
  }

  /// `weight_decay`, added to the gradient.
  static func coupledDecay(
    _ path: SettingPath<Root, Double>, source: String = "torch"
  ) -> Setting {
    .number(
      "weight_decay", path, .atLeast(0), "λ, coupled: λ·w is added to the gradient",
      source: source)
  }

  /// `weight_decay`, applied to the weights.
  static func decoupledDecay(
    _ path: SettingPath<Root, Double>, source: String = "torch"
  ) -> Setting {
    .number(
      "weight_decay", path, .atLeast(0), "λ, decoupled: shrinks the weights by η·λ a step",
      source: source)
  }

  /// `weight_decay` of either kind, which ``decoupled(_:name:source:)`` chooses.
  static func decay(_ path: SettingPath<Root, Double>, source: String = "torch") -> Setting {
    .number(
      "weight_decay", path, .atLeast(0),
      "λ: weight decay, added to the gradient unless it is decoupled", source: source)
  }

  /// The kind of that decay.
  static func decoupled(
    _ path: SettingPath<Root, Bool>, name: String = "decoupled_weight_decay",
    source: String = "torch"
  ) -> Setting {
    .flag(name, path, "λ shrinks the weights instead of joining the gradient", source: source)
  }

  /// `maximize`.
  static func maximize(_ path: SettingPath<Root, Bool>) -> Setting {
    .flag("maximize", path, "ascend instead of descend", source: "torch")
  }
}
