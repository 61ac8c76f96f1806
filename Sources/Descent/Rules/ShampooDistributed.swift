import Foundation

/// Shampoo as it is used at scale: tensors cut into blocks, averaged statistics, inverse roots
/// every few steps, and steps as long as those of a simpler rule (grafting).
///
/// ```
/// l2:         G ← G + λ·W
/// Lᵢ ← β₂·Lᵢ + (1−β₂)·G₍ᵢ₎·G₍ᵢ₎ᵀ            from 0;  β₂ = 1:  Lᵢ ← Lᵢ + G₍ᵢ₎·G₍ᵢ₎ᵀ
/// Xᵢ = (Lᵢ/(1−β₂ᵗ) + ε·I)^(−1/2k)           at step s, then every f steps;  before it I
/// F = (β₃·M + (1−β₃)·G)/(1−β₃·β₁ᵗ⁻¹);  M ← β₁·M + (1−β₁)·G
/// P = F ×₁ X₁ … ×ₖ Xₖ
/// grafting:   P ← P·‖D‖/(‖P‖ + 10⁻¹⁶), before step s  P = D
///             sgd: D = F;  others: D = F/(√V + ε), V an average or a sum of G²
/// decoupled:  P ← P + λ·W
/// momentum:   B ← μ·B + (1−τ)·P;  P ← B, with nesterov (1−τ)·P + μ·B
/// W ← W − η·P
/// ```
/// A tensor's axes are merged, from the last, while their product stays within
/// `max_preconditioner_dim`, and longer axes are cut; each block stands for itself, and k is its
/// number of axes. Small matrices become vectors, whose exponent is −1/2. Without bias correction
/// the divisors 1−β₂ᵗ and 1−β₃·β₁ᵗ⁻¹ are 1.
///
/// State in float32: 8·Σ dᵢ² bytes a block, and 4 bytes a parameter for each of M (β₁ above 0),
/// grafting (but sgd's) and momentum.
public struct ShampooDistributed: StepCountingRule {
  /// The rule whose step length is taken.
  public enum Grafting: String, CaseIterable, Sendable {
    /// That of P itself.
    case none
    /// V is not used.
    case sgd
    /// V is the sum of G².
    case adagrad
    /// V is an average of G².
    case rmsprop
    /// V is an average of G², corrected for its start at zero.
    case adam
  }

  /// Where weight decay acts.
  public enum DecayKind: String, CaseIterable, Sendable {
    /// On the step: P ← P + λ·W.
    case decoupled
    /// On the gradient.
    case l2
  }

  /// The learning rate η.
  public var learningRate = 1e-2
  /// β₁: the decay of the average of G.
  public var beta1 = 0.9
  /// β₂: the decay of the statistics; 1 sums them.
  public var beta2 = 1.0
  /// β₃: the weight of M in F; below 0 stands for β₁.
  public var beta3 = -1.0
  /// ε of the inverse roots.
  public var epsilon = 1e-12
  /// λ: weight decay.
  public var weightDecay = 0.0
  /// Where λ acts.
  public var decayKind = DecayKind.decoupled
  /// The longest axis of a block.
  public var longestAxis = 256
  /// f: steps from one computation of the inverse roots to the next; nil is 1 for blocks whose axes
  /// have at most 256 elements, and 10 for longer ones. Without grafting, older roots multiply what they
  /// have not seen by up to ε^(−1/2k), a thousand for a side of a matrix.
  public var rootInterval: Int?
  /// s: the step of the first inverse roots; −1 stands for f.
  public var rootStart = -1
  /// Whether averages are corrected for their start at zero.
  public var correctsBias = true
  /// The exponent of the inverse roots; nil is 1/2k.
  public var exponent: Double?
  /// The rule whose step length is taken.
  public var grafting = Grafting.none
  /// The decay of V; nil is 0.99 for rmsprop and 0.999 for adam.
  public var graftingBeta2: Double?
  /// ε of grafting.
  public var graftingEpsilon = 1e-10
  /// μ: the momentum of the step; 0 keeps no buffer.
  public var momentum = 0.0
  /// τ: the step enters the buffer times 1−τ.
  public var dampening = 0.0
  /// Whether that momentum is Nesterov's.
  public var nesterov = false

  private let cuts = TensorCuts()

  public init() {}

  /// Distributed Shampoo with the given hyperparameters.
  public init(
    learningRate: Double, betas: (Double, Double) = (Self.defaults.beta1, Self.defaults.beta2),
    epsilon: Double = Self.defaults.epsilon, weightDecay: Double = Self.defaults.weightDecay,
    longestAxis: Int = Self.defaults.longestAxis, rootInterval: Int? = Self.defaults.rootInterval,
    grafting: Grafting = Self.defaults.grafting
  ) {
    (self.learningRate, self.epsilon, self.weightDecay) = (learningRate, epsilon, weightDecay)
    (beta1, beta2) = betas
    (self.longestAxis, self.rootInterval) = (longestAxis, rootInterval)
    self.grafting = grafting
  }

  public static let name = "shampoo-distributed"

  private static let source = "facebookresearch/optimizers"

  public static let settings: [Setting<ShampooDistributed>] = [
    .learningRate(\.learningRate, source: source),
    .numbers(
      "betas", [\.beta1, \.beta2], .closed(0, 1),
      "β₁ of the gradient's average, β₂ of the statistics; β₂ = 1 sums", source: source),
    .number(
      "beta3", \.beta3, .halfOpen(-1, 1), "β₃: the weight of M in F; below 0: β₁",
      source: source),
    .number("epsilon", \.epsilon, .above(0), "ε of the inverse roots, absolute", source: source),
    .number("weight_decay", \.weightDecay, .atLeast(0), "λ: weight decay", source: source),
    .choice("weight_decay_type", \.decayKind, "where λ acts", source: source),
    .integer(
      "max_preconditioner_dim", \.longestAxis, .atLeast(1), "the longest axis of a block",
      source: "ours"),
    .optionalInteger(
      "precondition_frequency", \.rootInterval, .atLeast(1),
      "take inverse roots every f steps; none: 1 for axes of at most 256, 10 for longer ones",
      source: "ours"),
    .integer(
      "start_preconditioning_step", \.rootStart, .atLeast(-1),
      "s, the step of the first inverse roots, at least f; -1: f", source: source),
    .flag("use_bias_correction", \.correctsBias, "correct averages from zero", source: source),
    .optionalNumber(
      "inverse_exponent_override", \.exponent, .above(0),
      "exponent of the inverse roots; none: 1/2k",
      source: source),
    .choice("grafting", \.grafting, "the rule whose step length is taken", source: source),
    .optionalNumber(
      "grafting_beta2", \.graftingBeta2, .open(0, 1),
      "decay of grafting's V; none: 0.99 for rmsprop, 0.999 for adam",
      source: source),
    .number(
      "grafting_epsilon", \.graftingEpsilon, .atLeast(0), "ε of grafting", source: source),
    .number("momentum", \.momentum, .halfOpen(0, 1), "μ: momentum of the step", source: source),
    .number(
      "dampening", \.dampening, .halfOpen(0, 1), "τ: the step enters the buffer times 1−τ",
      source: source),
    .flag("nesterov", \.nesterov, "Nesterov momentum", source: source),
  ]

  public static let about = About(
    summary: "Shampoo in blocks, with averaged statistics and grafting: the form used at scale.",
    formula: """
      l2:         G ← G + λ·W
      Lᵢ ← β₂·Lᵢ + (1−β₂)·G₍ᵢ₎·G₍ᵢ₎ᵀ            from 0;  β₂ = 1:  Lᵢ ← Lᵢ + G₍ᵢ₎·G₍ᵢ₎ᵀ
      Xᵢ = (Lᵢ/(1−β₂ᵗ) + ε·I)^(−1/2k)           at step s, then every f steps;  before it I
      F = (β₃·M + (1−β₃)·G)/(1−β₃·β₁ᵗ⁻¹);  M ← β₁·M + (1−β₁)·G
      P = F ×₁ X₁ … ×ₖ Xₖ
      grafting:   P ← P·‖D‖/(‖P‖ + 10⁻¹⁶), before step s  P = D
                  sgd: D = F;  others: D = F/(√V + ε), V an average or a sum of G²
      decoupled:  P ← P + λ·W
      momentum:   B ← μ·B + (1−τ)·P;  P ← B, with nesterov (1−τ)·P + μ·B
      W ← W − η·P
      """,
    differences: """
      facebookresearch/optimizers, with its merging and cutting of axes: a matrix of at most \
      max_preconditioner_dim elements is treated as a vector. Roots are taken in double \
      precision; a decomposition that fails keeps the last root and is counted, block by block, \
      in the slot `decomposition_failures`. As there, t counts the steps of the run, also where a \
      tensor's gradients begin later. The decay kinds corrected and independent are not \
      offered, nor is the averaging of iterates. Its max_preconditioner_dim is 1024 by default, and \
      decomposing matrices of 1024 in every step takes long.
      """,
    guidance: """
      Take grafting=adam with the learning rate and decay of a tuned AdamW, betas 0.9,0.99, \
      precondition_frequency 10 to 100, and max_preconditioner_dim as large as the decompositions \
      can be afforded. Without grafting leave precondition_frequency at 1: older roots multiply \
      what they have not seen by up to epsilon^(−1/2k), and training may break down. epsilon is \
      absolute: where gradients are small, 1e-12 may be large.
      """,
    reference: """
      Shi et al.: A Distributed Data-Parallel PyTorch Implementation of the Distributed Shampoo \
      Optimizer, 2023, arXiv:2309.06497; Anil et al.: Scalable Second Order Optimization for Deep \
      Learning, 2020, arXiv:2002.09018
      """)

  public func validate() throws(SettingError) {
    if beta1 == 1 { throw .contradiction("betas must have β₁ below 1") }
    if beta2 == 0 { throw .contradiction("betas must have β₂ above 0") }
    let rootInterval = rootInterval ?? 1
    if rootStart == 0 || (rootStart > 0 && rootStart < rootInterval) {
      throw .contradiction(
        "start_preconditioning_step=\(rootStart) must be -1 or at least "
          + "precondition_frequency=\(rootInterval)")
    }
  }

  // MARK: State

  private static let m = Slot("filtered_grad")
  private static let graft = Slot("grafting_exp_avg_sq", .nonnegative)
  private static let b = Slot("momentum_buffer")
  private static let failures = Slot("decomposition_failures")
  /// Lᵢ of a block
  private static func factor(_ block: Int, _ axis: Int) -> Slot {
    Slot("block_\(block).factor_matrices.\(axis)")
  }
  /// Xᵢ of a block
  private static func root(_ block: Int, _ axis: Int) -> Slot {
    Slot("block_\(block).inv_factor_matrices.\(axis)")
  }

  /// Lᵢ and Xᵢ of a block with so many axes, which follow each other after the failures.
  private static func statistics<S: Scalar>(
    _ tensor: Block<S>, _ block: Int, _ axis: Int, of axes: Int
  ) -> (factor: MutableView<S>, root: MutableView<S>) {
    let place = 2 * (block * axes + axis)
    return (tensor.slot(1 + place, after: failures), tensor.slot(2 + place, after: failures))
  }

  /// Whether grafting has a second moment.
  private var graftsBySecondMoment: Bool { grafting != .none && grafting != .sgd }

  public func slots(for parameter: ParameterInfo) -> [Slot] {
    let cut = cuts.cut(parameter.shape, longestAxis: longestAxis)
    var slots: [Slot] = beta1 > 0 ? [Self.m] : []
    if graftsBySecondMoment { slots.append(Self.graft) }
    if momentum > 0 { slots.append(Self.b) }
    slots.append(Self.failures.with(shape: [cut.blocks.count]))
    for (number, block) in cut.blocks.enumerated() {
      for (axis, d) in block.lengths.enumerated() {
        slots += [Self.factor(number, axis), Self.root(number, axis)].map {
          $0.with(shape: [d, d])
        }
      }
    }
    return slots
  }

  // MARK: Update

  public var needs: Needs { .wholeTensors }

  /// Four copies of the largest block in each thread, and the decompositions of its axes.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int {
    parameters.largestUpdates { tensor, isShared in
      let blocks = cuts.cut(tensor.shape, longestAxis: longestAxis).blocks
      // Of several blocks each thread has one at a time.
      let isAlone = blocks.count == 1
      let memory = blocks.map {
        $0.lengths.decomposed(besides: 16 * $0.count, isShared: isShared && isAlone)
      }
      if isAlone { return memory[0] }
      let largest = memory.reduce(0) { max($0, $1[0]) }
      return UpdateMemory(repeating: largest, count: min(blocks.count, Machine.threads))
    }
  }

  public func update<S: Scalar>(
    _ tensor: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: StepCount
  ) {
    let cut = cuts.cut(tensor.shape, longestAxis: longestAxis)
    let t = Int(variables.steps)
    func run(_ number: Int) { update(cut, number, tensor, t, isFirst: step.t == 1) }
    // A lone block leaves the threads to its matrix products.
    if cut.blocks.count == 1 { run(0) } else { ThreadPool.shared.run(cut.blocks.count, run) }
  }

  /// The update of one block, by its number.
  private func update<S: Scalar>(
    _ cut: TensorCut, _ number: Int, _ tensor: Block<S>, _ t: Int, isFirst: Bool
  ) {
    let block = cut.blocks[number]
    let (shape, count) = (block.lengths, block.count)
    let interval = rootInterval ?? (shape.allSatisfy { $0 <= 256 } ? 1 : 10)
    let start = max(rootStart, interval)
    let λ = S(weightDecay)
    withScratch(S.self, 4 * count) { scratch in
      // G and F share a row, one after the other.
      let (g, graft) = (scratch.row(0, count), scratch.row(1, count))
      var (p, spare) = (scratch.row(2, count), scratch.row(3, count))
      let l2 = decayKind == .l2 ? λ : 0
      cut.forEach(block) { i, k in g[i] = tensor.g[k] + l2 * tensor.w[k] }
      if isFirst {
        for (axis, d) in shape.enumerated() {
          TensorAlgebra.setDiagonal(
            d, to: 1, Self.statistics(tensor, number, axis, of: shape.count).root)
        }
      }
      updateRoots(shape, g, tensor, number, t, start, interval)
      let second = secondMoment(cut, block, g, graft, tensor, t)
      if beta1 > 0 { filter(cut, block, g, tensor[Self.m], t) }

      for i in 0..<count { p[i] = g[i] }
      if second { for i in 0..<count { graft[i] = g[i] / graft[i] } }
      let length = grafting == .none ? 0 : TensorAlgebra.norm(second ? graft : g, count)
      if grafting != .none && t < start {
        if second { for i in 0..<count { p[i] = graft[i] } }
      } else {
        for axis in shape.indices {
          TensorAlgebra.multiply(
            axis: axis, of: p, shape,
            by: Self.statistics(tensor, number, axis, of: shape.count).root, into: spare)
          swap(&p, &spare)
        }
        if grafting != .none {
          let scale = S(length / (TensorAlgebra.norm(p, count) + 1e-16))
          for i in 0..<count { p[i] *= scale }
        }
      }
      apply(cut, block, p, tensor)
    }
  }

  /// L and, when it is time, X.
  private func updateRoots<S: Scalar>(
    _ shape: [Int], _ g: MutableView<S>, _ tensor: Block<S>, _ number: Int, _ t: Int, _ start: Int,
    _ interval: Int
  ) {
    let averages = beta2 < 1
    let correction = averages && correctsBias ? 1 - pow(beta2, Double(t)) : 1
    let exponent = exponent ?? 1 / (2 * Double(shape.count))
    for axis in shape.indices {
      TensorAlgebra.addGram(
        axis: axis, of: g, shape, alpha: averages ? S(1 - beta2) : 1, beta: S(beta2),
        to: Self.statistics(tensor, number, axis, of: shape.count).factor)
    }
    guard t == start || (t > start && t % interval == 0) else { return }
    tensor[Self.failures][number] += S(
      TensorAlgebra.decomposeEach(shape) { axis throws(LinearAlgebraError) in
        let (factor, root) = Self.statistics(tensor, number, axis, of: shape.count)
        try TensorAlgebra.withDoubles(of: factor) { a throws(LinearAlgebraError) in
          for i in a.indices { a[i] /= correction }
          try SymmetricEigen.inverseRoot(
            a, rows: shape[axis], exponent: exponent, epsilon: epsilon)
          for i in a.indices where !S(a[i]).isFinite { throw .notFinite }
          TensorAlgebra.store(a, in: root)
        }
      })
  }

  /// Leaves grafting's denominators in `denominator`; false when it has none.
  private func secondMoment<S: Scalar>(
    _ cut: TensorCut, _ block: TensorCut.Piece, _ g: MutableView<S>, _ denominator: MutableView<S>,
    _ tensor: Block<S>, _ t: Int
  ) -> Bool {
    guard graftsBySecondMoment else { return false }
    let v = tensor[Self.graft]
    let β = graftingBeta2 ?? (grafting == .adam ? 0.999 : 0.99)
    let (kept, taken) = grafting == .adagrad ? (1, 1) : (S(β), S(1 - β))
    let c = S(grafting == .adam ? 1 / (1 - pow(β, Double(t))).squareRoot() : 1)
    let ε = S(graftingEpsilon)
    cut.forEach(block) { i, k in
      v[k] = kept * v[k] + taken * (g[i] * g[i])
      denominator[i] = v[k].root * c + ε
    }
    return true
  }

  /// Turns G into F, and updates M.
  private func filter<S: Scalar>(
    _ cut: TensorCut, _ block: TensorCut.Piece, _ g: MutableView<S>, _ m: MutableView<S>, _ t: Int
  ) {
    let β3 = beta3 < 0 ? beta1 : beta3
    let c = S(correctsBias ? 1 / (1 - β3 * pow(beta1, Double(t - 1))) : 1)
    let (α1, α3) = (S(1 - beta1), S(1 - β3))
    cut.forEach(block) { i, k in
      let (old, new) = (m[k], g[i])
      g[i] = (old + α3 * (new - old)) * c
      m[k] = old + α1 * (new - old)
    }
  }

  /// Decay, momentum, and the step of the weights.
  private func apply<S: Scalar>(
    _ cut: TensorCut, _ block: TensorCut.Piece, _ p: MutableView<S>, _ tensor: Block<S>
  ) {
    let w = tensor.w
    let (η, μ, taken) = (S(learningRate), S(momentum), S(1 - dampening))
    let λ = S(decayKind == .decoupled ? weightDecay : 0)
    if momentum == 0 {
      cut.forEach(block) { i, k in w[k] -= η * (p[i] + λ * w[k]) }
    } else {
      let b = tensor[Self.b]
      cut.forEach(block) { i, k in
        let step = p[i] + λ * w[k]
        b[k] = μ * b[k] + taken * step
        w[k] -= η * (nesterov ? taken * step + μ * b[k] : b[k])
      }
    }
  }
}
