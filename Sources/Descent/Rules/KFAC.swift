/// K-FAC: gradients of fully connected layers and convolutions, multiplied by the inverse of a
/// Kronecker-factored Fisher matrix, then SGD with momentum.
///
/// ```
/// A ← ρ·A + (1−ρ)·aᵀa/N;  G ← ρ·G + (1−ρ)·gᵀg/N        both from I
/// eigen:    V = Q_G·[(Q_Gᵀ·∇W·Q_A)/(ℓ_G·ℓ_Aᵀ + γ)]·Q_Aᵀ
/// inverse:  V = (G + γ·I)⁻¹·∇W·(A + γ·I)⁻¹
/// ν = min(1, √(κ/|Σ η²·V⊙∇W|))                         over all layers
/// b ← μ·b + (1−τ)·(ν·V + λ·w);  w ← w − η·b            other parameters: ∇w for ν·V
/// ```
/// a are a layer's inputs with a column of ones for the bias, or a convolution's patches divided by
/// its number of positions S; g are the loss's gradients for its outputs, divided by S likewise.
///
/// An optimizer has only gradients, so the rule needs a ``Preconditioner`` that sees the layers:
/// DescentNN's `KFACPreconditioner`.
///
/// State: 4 bytes a parameter in float32, and 16·(a² + g²) bytes a layer of a inputs and g outputs.
public struct KFAC: ElementwiseRule {
  /// How the damped inverse is taken; the two dampings differ.
  public enum Inversion: String, CaseIterable, Sendable {
    /// γ is added to the products of the eigenvalues.
    case eigen
    /// γ is added to each factor.
    case inverse
  }

  /// η, μ, τ and λ: what moves the weights along the preconditioned gradients.
  public var sgd = SGD(learningRate: 0.1, momentum: 0.9)
  /// The damping γ.
  public var damping = 0.001
  /// ρ: the decay of the factors.
  public var factorDecay = 0.95
  /// κ: bounds the change of the predictions; nil never clips.
  public var klClip: Double? = 0.001
  /// Steps from one update of the factors to the next.
  public var factorUpdateSteps = 1
  /// Steps from one decomposition to the next.
  public var inverseUpdateSteps = 1
  /// How the damped inverse is taken.
  public var computeMethod = Inversion.eigen

  public init() {}

  /// K-FAC with the given hyperparameters.
  public init(
    learningRate: Double, momentum: Double = Self.defaults.sgd.momentum,
    weightDecay: Double = Self.defaults.sgd.weightDecay, damping: Double = Self.defaults.damping,
    klClip: Double? = Self.defaults.klClip,
    factorUpdateSteps: Int = Self.defaults.factorUpdateSteps,
    inverseUpdateSteps: Int = Self.defaults.inverseUpdateSteps,
    computeMethod: Inversion = Self.defaults.computeMethod
  ) {
    sgd = SGD(learningRate: learningRate, momentum: momentum, weightDecay: weightDecay)
    (self.damping, self.klClip, self.computeMethod) = (damping, klClip, computeMethod)
    (self.factorUpdateSteps, self.inverseUpdateSteps) = (factorUpdateSteps, inverseUpdateSteps)
  }

  public static let name = "kfac"

  public static let settings: [Setting<KFAC>] = [
    .learningRate(\.sgd.learningRate, source: "kfac-pytorch"),
    .momentum(\.sgd.momentum, source: "ours"),
    .number(
      "dampening", \.sgd.dampening, .closed(0, 1), "τ: a step enters the buffer times 1−τ",
      source: "torch"),
    .coupledDecay(\.sgd.weightDecay),
    .flag("nesterov", \.sgd.nesterov, "Nesterov momentum in PyTorch's form", source: "torch"),
    .number(
      "damping", \.damping, .above(0), "γ: added before inverting", source: "kfac-pytorch"),
    .number(
      "factor_decay", \.factorDecay, .halfOpen(0, 1), "ρ: decay of the factors",
      source: "kfac-pytorch"),
    .optionalNumber(
      "kl_clip", \.klClip, .above(0), "κ: bounds the change of the predictions; none: no bound",
      source: "kfac-pytorch"),
    .integer(
      "factor_update_steps", \.factorUpdateSteps, .atLeast(1), "steps between factor updates",
      source: "kfac-pytorch"),
    .integer(
      "inv_update_steps", \.inverseUpdateSteps, .atLeast(1), "steps between decompositions",
      source: "kfac-pytorch"),
    .choice(
      "compute_method", \.computeMethod, "how the damped inverse is taken",
      source: "kfac-pytorch"),
  ]

  public static let about = About(
    summary: "SGD along gradients preconditioned with each layer's Kronecker-factored curvature.",
    formula: """
      A ← ρ·A + (1−ρ)·aᵀa/N;  G ← ρ·G + (1−ρ)·gᵀg/N        both from I
      eigen:    V = Q_G·[(Q_Gᵀ·∇W·Q_A)/(ℓ_G·ℓ_Aᵀ + γ)]·Q_Aᵀ
      inverse:  V = (G + γ·I)⁻¹·∇W·(A + γ·I)⁻¹
      ν = min(1, √(κ/|Σ η²·V⊙∇W|))                         over all layers
      b ← μ·b + (1−τ)·(ν·V + λ·w);  w ← w − η·b            other parameters: ∇w for ν·V
      """,
    differences: """
      gpauloski/kfac-pytorch's, with the empirical Fisher of the training labels. Micro-batches \
      add up as one large batch would. Dilated convolutions are covered; those with groups get \
      plain gradients. The η of the clip follows the schedule. momentum 0.9 is ours: the package \
      leaves SGD to the user. A decomposition that fails leaves the last one in use and is reported.
      """,
    guidance: """
      For networks of linear layers and convolutions: lr 0.03, and for small batches damping 0.03 \
      to 0.1, where 0.001 overfits within an epoch or two; inv_update_steps of 10 to 100, since a \
      decomposition costs the cube of a layer's width.
      """,
    reference: """
      Martens, Grosse: Optimizing Neural Networks with Kronecker-factored Approximate Curvature, \
      2015, arXiv:1503.05671; Grosse, Martens, 2016, arXiv:1602.01407 (convolutions)
      """,
    outsideState: """
      A and G of each linear layer or convolution and their decompositions, float64, with the bias \
      as one more input
      """)

  public var needs: Needs { .layers }

  public var learningRate: Double { sgd.learningRate }

  public func slots(for parameter: ParameterInfo) -> [Slot] { sgd.slots(for: parameter) }

  /// A and G of each layer, and their decompositions: float64.
  public func outsideBytes(for parameters: [ParameterInfo]) -> Int {
    Self.layers(of: parameters).reduce(0) { $0 + 16 * ($1.a * $1.a + $1.g * $1.g) }
  }

  /// What the layers saw in a step, all preconditioned gradients in both precisions, the new decomposition of a
  /// layer beside its old one, and what the largest takes to be made or used.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int {
    let layers = Self.layers(of: parameters)
    let seen = layers.reduce(0) { $0 + 4 * ($1.a * $1.a + $1.g * $1.g) + 12 * $1.a * $1.g }
    let work = layers.reduce(0) {
      max($0, 24 * $1.a * $1.a, 24 * $1.g * $1.g, 8 * ($1.a * $1.a + $1.g * $1.g))
    }
    return seen + work + passingBytes(for: parameters)
  }

  /// The new decomposition of a layer beside its old one, and its gradient.
  public func passingBytes(for parameters: [ParameterInfo]) -> Int {
    Self.layers(of: parameters).reduce(0) {
      max($0, 8 * ($1.a * $1.a + $1.g * $1.g + $1.a * $1.g))
    }
  }

  /// The lengths of A and G of the layers that are watched: those of linear maps and convolutions,
  /// where a trainable bias counts as one more input.
  private static func layers(of parameters: [ParameterInfo]) -> [(a: Int, g: Int)] {
    let biases = Set(parameters.filter { $0.trainable && $0.role == .bias }.map(\.name))
    return parameters.compactMap { parameter in
      guard parameter.trainable, parameter.shape.count > 1, parameter.role != .embedding,
        let outputs = parameter.shape.first, outputs > 0
      else { return nil }
      let bias = parameter.name.split(separator: ".").dropLast().joined(separator: ".") + ".bias"
      return (parameter.count / outputs + (biases.contains(bias) ? 1 : 0), outputs)
    }
  }

  public func validate() throws(SettingError) { try sgd.validate() }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) { sgd.update(block, step) }
}
