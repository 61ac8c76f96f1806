import DescentCompute

/// Stochastic gradient descent, with momentum in its three written forms and Nesterov's in two.
///
/// ```
/// g ← ∇f(w) + λ·w
/// no momentum:  w ← w − η·g
/// heavy-ball:   b ← μ·b + (1−τ)·g, at t = 1 b ← g;  w ← w − η·b
///   nesterov:   w ← w − η·(g + μ·b)
/// average:      b ← μ·b + (1−μ)·g;                  w ← w − η·b
/// look-ahead:   v ← μ·v − η·g, g at w + μ·v;        w ← w + v
/// ```
/// State: none for μ = 0, else 4 bytes a parameter.
public struct SGD: ElementwiseRule {
  /// How momentum is written.
  public enum MomentumForm: String, CaseIterable, Sendable {
    /// PyTorch's: the buffer sums gradients; its first value is the first gradient.
    case heavyBall = "heavy-ball"
    /// The exponential average: steps are (1−μ) times as long as heavy ball's at the same η.
    case average
    /// Nesterov's as first written: the gradient is taken at w + μ·v, which is what the stored
    /// weights are while training; evaluate with ``Optimizer/withEvaluationWeights(_:_:)``.
    case lookAhead = "look-ahead"
  }

  /// The learning rate η.
  public var learningRate = 1e-3
  /// The momentum μ; 0 keeps no buffer.
  public var momentum = 0.0
  /// τ: the gradient enters the buffer times 1−τ.
  public var dampening = 0.0
  /// λ: λ·w is added to the gradient.
  public var weightDecay = 0.0
  /// Whether momentum is Nesterov's, in PyTorch's form.
  public var nesterov = false
  /// How momentum is written.
  public var momentumForm = MomentumForm.heavyBall
  /// Whether to ascend instead of descend.
  public var maximize = false

  public init() {}

  /// SGD with the given hyperparameters.
  public init(
    learningRate: Double, momentum: Double = Self.defaults.momentum,
    dampening: Double = Self.defaults.dampening, weightDecay: Double = Self.defaults.weightDecay,
    nesterov: Bool = Self.defaults.nesterov,
    momentumForm: MomentumForm = Self.defaults.momentumForm, maximize: Bool = Self.defaults.maximize
  ) {
    (self.learningRate, self.momentum, self.dampening) = (learningRate, momentum, dampening)
    (self.weightDecay, self.nesterov) = (weightDecay, nesterov)
    (self.momentumForm, self.maximize) = (momentumForm, maximize)
  }

  public static let name = "sgd"

  public static let settings: [Setting<SGD>] = [
    .learningRate(\.learningRate),
    .momentum(\.momentum),
    .number(
      "dampening", \.dampening, .closed(0, 1), "τ: the gradient enters the buffer times 1−τ",
      source: "torch"),
    .coupledDecay(\.weightDecay),
    .flag("nesterov", \.nesterov, "Nesterov momentum in PyTorch's form", source: "torch"),
    .choice(
      "momentum_form", \.momentumForm, "how momentum is written; heavy-ball is PyTorch's",
      source: "torch"),
    .maximize(\.maximize),
  ]

  public static let about = About(
    summary: "Stochastic gradient descent with momentum or Nesterov momentum.",
    formula: """
      g ← ∇f(w) + λ·w
      no momentum:  w ← w − η·g
      heavy-ball:   b ← μ·b + (1−τ)·g, at t = 1 b ← g;  w ← w − η·b
        nesterov:   w ← w − η·(g + μ·b)
      average:      b ← μ·b + (1−μ)·g;                  w ← w − η·b
      look-ahead:   v ← μ·v − η·g, g at w + μ·v;        w ← w + v
      """,
    differences: """
      heavy-ball is PyTorch's, with its undamped first step. average takes the steps of heavy-ball \
      with η·(1−μ). With look-ahead the stored weights are w + μ·v, where the gradient must be \
      taken; for constant η they follow PyTorch's nesterov.
      """,
    guidance: """
      The baseline for convolutional networks: momentum 0.9, nesterov, lr 0.1 at batch 128 with \
      a schedule. A learning rate tuned for average is multiplied by 1−μ for heavy-ball.
      """,
    reference: """
      Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in deep \
      learning, 2013
      """)

  private static let b = Slot("momentum_buffer")

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    momentum == 0 ? [] : [Self.b]
  }

  public func validate() throws(SettingError) {
    if nesterov, momentum == 0 || dampening != 0 {
      throw .contradiction("nesterov=true needs momentum above 0 and dampening=0")
    }
    if momentumForm != .heavyBall, nesterov || dampening != 0 {
      throw .contradiction(
        "momentum_form=\(momentumForm.rawValue) takes neither nesterov=true nor dampening")
    }
    if momentumForm != .heavyBall, momentum == 0 {
      throw .contradiction("momentum_form=\(momentumForm.rawValue) needs momentum above 0")
    }
  }

  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let (w, g) = (block.w, block.g)
    let (η, μ, λ) = (S(learningRate), S(momentum), S(weightDecay))
    if momentum == 0 {
      if let block = block.forKernels {
        return Kernels.sgd(
          .plain, g: block.g, w: block.w, η: Float(η), μ: 0, λ: Float(λ), kept: 0, taken: 0)
      }
      for i in block.indices { w[i] -= η * (g[i] + λ * w[i]) }
      return
    }
    switch momentumForm {
    case .heavyBall:
      // The first step takes the gradient whole: b ← g.
      let (kept, taken) = step.t == 1 ? (0, 1) : (μ, S(1 - dampening))
      if let block = block.forKernels {
        let b = block.kept(Self.b)
        return Kernels.sgd(
          nesterov ? .nesterov(b: b) : .momentum(b: b), g: block.g, w: block.w, η: Float(η),
          μ: Float(μ), λ: Float(λ), kept: Float(kept), taken: Float(taken))
      }
      let b = block[Self.b]
      if nesterov {
        for i in block.indices {
          let gi = g[i] + λ * w[i]
          b[i] = kept * b[i] + taken * gi
          w[i] -= η * (gi + μ * b[i])
        }
      } else {
        for i in block.indices {
          b[i] = kept * b[i] + taken * (g[i] + λ * w[i])
          w[i] -= η * b[i]
        }
      }
    case .average:
      let b = block[Self.b]
      let taken = S(1 - momentum)
      for i in block.indices {
        b[i] += taken * (g[i] + λ * w[i] - b[i])
        w[i] -= η * b[i]
      }
    case .lookAhead:
      // The stored weights are y = w + μ·v: step back to w, move, and look ahead again.
      let b = block[Self.b]
      for i in block.indices {
        let old = b[i]
        let v = μ * old - η * (g[i] + λ * w[i])
        b[i] = v
        w[i] += v + μ * (v - old)
      }
    }
  }

  public var evaluatesElsewhere: Bool { momentumForm == .lookAhead }

  public func evaluationWeights<S: Scalar>(_ block: Block<S>, _ variables: NoVariables) {
    let (w, v, μ) = (block.w, block[Self.b], S(momentum))
    for i in block.indices { w[i] -= μ * v[i] }
  }
}
