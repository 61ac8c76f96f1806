/// What else happens to gradients before the update.
///
/// ```
/// centralize:  gᵢ ← gᵢ − mean(gᵢ)            for each row i of a tensor of two axes or more
/// noise:       g ← g + σ·N(0, 1),  σ² = noise/(1+t)^noise_gamma    after clipping; t steps are done
/// ```
///
/// Either keeps a second copy of the gradients. The noise is a pure function of the seed, the step
/// and the place of the element.
///
/// Yong et al.: Gradient Centralization, 2020, arXiv:2004.01461; Neelakantan et al.: Adding Gradient
/// Noise Improves Learning for Very Deep Networks, 2015, arXiv:1511.06807.
public struct GradientTools: Configurable, Equatable {
  /// Whether the mean of each row is taken off.
  public var centralize = false
  /// η of the noise's variance; nil adds none.
  public var noise: Double?
  /// γ, how fast the variance falls.
  public var noiseDecay = 0.55
  /// Seeds the noise.
  public var noiseSeed = 0

  public init() {}

  public static let name = "gradient"
  public static let settings: [Setting<GradientTools>] = [
    .flag("centralize", \.centralize, "take off the mean of each row of a matrix", source: "ours"),
    .optionalNumber(
      "noise", \.noise, .above(0),
      "variance of the noise at the first step (0.01, 0.3 or 1 in the paper)",
      source: "ours"),
    .number(
      "noise_gamma", \.noiseDecay, .atLeast(0), "γ: how fast the variance falls", source: "paper"),
    .integer("noise_seed", \.noiseSeed, .atLeast(0), "seeds the noise", source: "ours"),
  ]

  /// Whether elements change.
  var changesElements: Bool { centralize || noise != nil }
}
