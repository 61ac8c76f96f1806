import Descent
import DescentCompute

enum AdafactorTopic: Topic {
  static let name = "adafactor"
  static let title = "Adafactor"
  static let summary =
    "How rows and columns stand in for Adam's v, what that misses, and its two modes."
  static let aliases = ["factored", "sm3"]
  static let rules: [any Rule.Type] = [Adafactor.self, AdafactorTorch.self]

  static func explanation() throws -> Explanation {
    let side = 4096
    let (adam, own) = (
      stateBytes(AdamW(learningRate: 1e-3), [side, side]), stateBytes(Adafactor(), [side, side])
    )
    return Explanation(
      question:
        "How does Adafactor do without Adam's state, and where does its step length come from?",
      answer: """
        Instead of a v for every weight it keeps an average over each row and one over each \
        column of a matrix, and multiplies them; an m it does not keep at all. For a \
        \(side)×\(side) matrix that is \(bytes(own)) where Adam's v takes \(bytes(adam / 2)), and \
        m and v together \(bytes(adam)). That is exact where the size of gradients is a row's \
        factor times a column's, and wrong for single weights that differ from their row and \
        column. Unless it is given a learning rate, it takes steps of its own: 1/√t, times the \
        size of the weights.
        """,
      formula: """
        r ← β·r + (1−β)·mean(g² + ε₁) over a row
        c ← β·c + (1−β)·mean(g² + ε₁) over a column;   β = 1 − t^decay_rate
        u = g/√(r·c/mean(r))
        u ← α·u/max(1, RMS(u)/clip_threshold)
        w ← w − λ·α·w − u
        scale_parameter:  α = ρ·max(ε₂, RMS(w));     otherwise α = ρ
        relative_step:    ρ = min(10⁻², 1/√t);       otherwise ρ = lr
        """,
      letters: """
        w: a matrix of weights; g: its gradient; r, c: averages of g², one for each row and each \
        column; u: the step; RMS: the root mean square of a tensor; t: the step, from 1; β grows \
        with t (decay_rate −0.8), so no bias correction is needed; ε₁ = 10⁻³⁰, ε₂ = 10⁻³ (eps). \
        Vectors keep a v of their own.
        """,
      demonstrations: [try factoring(), try steps(), memory],
      exercises: [try contradiction()],
      mistakes: try mistakes(adam, own),
      advice: """
        Fine-tuning: give a learning rate and set relative_step and scale_parameter to false. \
        From scratch: leave lr out and take no schedule. It clips its own steps, so clip.norm is \
        not needed. If memory allows, AdamW with state int8 needs less care.
        """,
      recipe: """
        optimizer:
          name: adafactor
          lr: 1e-3
          relative_step: false
          scale_parameter: false
        schedule:
          name: cosine
          warmup: 100
        """,
      reference: """
        Shazeer, Stern: Adafactor: Adaptive Learning Rates with Sublinear Memory Cost, 2018, \
        arXiv:1804.04235.
        """)
  }

  // MARK: Factoring

  /// What the averages of rows and columns make of v after one step, from the rule's own state.
  private static func estimate(_ g: [Double], rows: Int, columns: Int) throws -> [Double] {
    let walk = try Walk(
      Adafactor(learningRate: 1e-3), from: [Double](repeating: 1, count: g.count),
      shape: [rows, columns], steps: 1
    ) { _, _ in g }
    let r = walk.states[0]["exp_avg_sq_row"] ?? []
    let c = walk.states[0]["exp_avg_sq_col"] ?? []
    let mean = r.reduce(0, +) / Double(r.count)
    return (0..<g.count).map { r[$0 / columns] * c[$0 % columns] / mean }
  }

  private static let side = 32

  /// How far the largest and the smallest √v′ lie from √v.
  private static func factors(_ g: [Double]) throws -> [Double] {
    try zip(estimate(g, rows: side, columns: side), g).map { ($0 / ($1 * $1)).squareRoot() }
  }

  /// Gradients that are 1, and 100 in one place.
  private static var outlier: [Double] { (0..<side * side).map { $0 == 0 ? 100 : 1 } }

  private static func factoring() throws -> Section {
    var random = RandomStream(seed: 9)
    let (rows, columns) = (
      (0..<side).map { _ in Double(random.uniform()) + 0.1 },
      (0..<side).map { _ in Double(random.uniform()) + 0.1 }
    )
    let product = (0..<side * side).map { rows[$0 / side] * columns[$0 % side] }
    let two = (0..<side * side).map { ($0 / side < side / 2) == ($0 % side < side / 2) ? 1 : 0.1 }
    var table = Table(
      [
        .init("gradient"), .number("least", "least √v′/√v"), .number("largest", "largest √v′/√v"),
      ], key: "factoring", caption: "a \(side)×\(side) matrix after one step: 64 numbers for 1,024")
    for (name, g) in [
      ("a row's factor times a column's", product), ("two blocks of 1, two of 0.1", two),
      ("1 everywhere, one of 100", outlier),
    ] {
      let factors = try factors(g)
      table.append(.text(name), .number(factors.min() ?? 0), .number(factors.max() ?? 0))
    }
    let spread = try factors(outlier)
    return Section(
      "What rows and columns can say",
      [
        .paragraph(
          """
          v′ = r·c/mean(r) has the right sum in every row and column. Whether it is right for \
          each weight depends on the gradient:
          """),
        .table(table),
        .paragraph(
          """
          One large gradient makes the steps of its whole row and column too short, by a factor \
          of \(short(spread[1])), and leaves the others too long, by \
          \(short(1 / spread[side + 1])). Adam would have told them apart. The limit on RMS(u) is \
          there for steps that are too long.
          """),
      ])
  }

  // MARK: Steps

  private static func lengths(_ rule: Adafactor, size: Double, steps: Int) throws -> [Double] {
    // Signs that change keep the weights where they are.
    try Walk(rule, from: [size, -size], steps: steps) { t, _ in
      t % 2 == 0 ? [1, -1] : [-1, 1]
    }.stepLengths
  }

  private static func steps() throws -> Section {
    let count = 1000
    var warm = Adafactor()
    warm.warmupInit = true
    let lines: [(name: String, title: String, rule: Adafactor, size: Double)] = [
      ("relative", "relative, RMS 1", Adafactor(), 1),
      ("small", "relative, RMS 0.02", Adafactor(), 0.02),
      ("warm", "with warmup_init, RMS 1", warm, 1),
      ("fixed", "lr 0.001", Adafactor(learningRate: 1e-3), 1),
    ]
    let all = try lines.map { try lengths($0.rule, size: $0.size, steps: count) }
    var table = Table(
      [.number("step")] + lines.map { .number($0.name, $0.title) }, key: "step_lengths",
      caption: "the length of a step where every gradient is as large")
    for step in [1, 10, 100, 1000] {
      table.append([.ordinal(step)] + all.map { .number($0[step - 1]) })
    }
    return Section(
      "How long a step is",
      [
        .paragraph(
          """
          With relative_step the rate is 0.01 for the first 10,000 steps, then 1/√t; with \
          warmup_init it starts at a millionth and needs those 10,000 steps to get there. With \
          scale_parameter it is multiplied by the size of the tensor's weights, so a step changes \
          a tensor by a percentage.
          """),
        .table(table),
      ])
  }

  // MARK: Memory

  private static var memory: Section {
    let shapes = [[4096, 4096], [4096, 11008], [32000, 4096], [4096]]
    var momentum = Adafactor()
    momentum.beta1 = 0.9
    var table = Table(
      [
        .init("shape", alignment: .right), .number("adamw", "AdamW"), .number("adafactor"),
        .number("momentum", "with beta1"),
      ], key: "memory")
    for shape in shapes {
      table.append(
        .shape(shape), .bytes(stateBytes(AdamW(learningRate: 1e-3), shape)),
        .bytes(stateBytes(Adafactor(), shape)), .bytes(stateBytes(momentum, shape)))
    }
    return Section("What it keeps", [.table(table)])
  }

  // MARK: Modes

  private static func contradiction() throws -> Explanation.Exercise {
    var rule = Adafactor()
    rule.externalLearningRate = 1e-3
    var message = ""
    do { try rule.check() } catch { message = "\(error)" }
    return .init(
      "Adafactor is given lr = 0.001 and nothing else. What happens?",
      [
        .paragraph(
          """
          It is refused, because relative_step is true unless it is set, and both would set the \
          length of a step. Descent says:
          """),
        .paragraph(message, key: "message"),
        .paragraph(
          """
          There are two modes. With a learning rate: lr, relative_step false, and a schedule if \
          you like. Without: no lr, relative_step true, no schedule, since there is nothing that \
          it could drive.
          """),
      ])
  }

  private static func mistakes(_ adam: Int, _ own: Int) throws -> [Explanation.Mistake] {
    let walk = try Walk(
      Adafactor(learningRate: 1e-3), from: [1, 1], steps: 2
    ) { t, _ in [t == 1 ? 1 : 0, 1] }
    let second = abs(walk.weights[2][0] - walk.weights[1][0])
    let weights = 4 * 4096 * 4096
    func times(_ bytes: Int) -> String { fixed(Double(bytes) / Double(weights), 1) }
    return [
      .init(
        "Often written: v ≈ r·cᵀ.",
        but: """
          The product has to be divided by mean(r). Without that it has the unit of g⁴ instead of \
          g²: with gradients of 0.01 it would be 10,000 times too small.
          """),
      .init(
        "Often written: training takes tens to hundreds of times less memory than with AdamW.",
        but: """
          The state does: \(grouped(adam / own)) times less for a 4096×4096 matrix. Weights and \
          gradients stay, so the sum falls from \(bytes(2 * weights + adam)) to \
          \(bytes(2 * weights + own)), by half.
          """),
      .init(
        "Often written: with Adafactor memory is about 1.5 times the weights.",
        but: """
          Without beta1 it keeps next to nothing: weights and state are \(times(weights + own)) \
          times the weights, with gradients \(times(2 * weights + own)) times. AdamW has \
          \(times(weights + adam)) and \(times(2 * weights + adam)), and bytes of activations \
          come on top of either.
          """),
      .init(
        "Often written: scaling the gradient gives something like momentum.",
        but: """
          Without beta1 there is none: a weight whose gradient is 0 in a step moves by \
          \(short(second)) in it. beta1 brings momentum, and with it 4 bytes a weight.
          """),
      .init(
        "Often done: warmup_init together with a warmup schedule.",
        but: """
          warmup_init is a warmup, of relative steps only. With a learning rate of your own use a \
          schedule; together with relative_step a schedule does nothing.
          """),
    ]
  }
}
