import Descent
import DescentCompute
import Foundation

enum MuonTopic: Topic {
  static let name = "muon"
  static let title = "Muon"
  static let summary =
    "Why steps whose directions are all alike help, and how five products replace a decomposition."
  static let aliases = ["newton-schulz", "orthogonalization"]
  static let rules: [any Rule.Type] = [Muon.self]

  private static let (rows, columns) = (8, 6)

  static func explanation() throws -> Explanation {
    let values = try singularValues()
    return Explanation(
      question: "What does it mean that Muon's steps are orthogonal, and why does that help?",
      answer: """
        The gradient of a matrix is long in a few directions and short in most. Muon keeps the \
        directions of its momentum and makes their lengths nearly equal, so that rare directions \
        are learned as fast as common ones. It needs no decomposition: five rounds of matrix \
        products bring singular values between \(short(values.before.min() ?? 0)) and \
        \(short(values.before.max() ?? 0)) to between \(short(values.after.min() ?? 0, 2)) and \
        \(short(values.after.max() ?? 0, 2)). It is for hidden matrices; everything else is \
        trained by AdamW.
        """,
      formula: """
        m ← m + (1−μ)·(g − m)
        u = m;  nesterov:  u = g + μ·(m − g)
        X = u/max(‖u‖, ε)
        five times:  A = X·Xᵀ;  X ← a·X + (b·A + c·A²)·X
        w ← w·(1 − η·λ) − η·s·X
        """,
      letters: """
        w: a matrix with p rows and q columns; g: its gradient; m: the average of g; μ = 0.95; a, \
        b, c = 3.4445, −4.7750, 2.0315: a polynomial that pushes singular values toward 1; s: a \
        factor for the shape, √max(1, p/q), or 0.2·√max(p, q) for steps as large as AdamW's \
        (match_rms_adamw); η, λ: rate and decay.
        """,
      demonstrations: [values.section, rounds, try lengths()],
      mistakes: try mistakes(),
      advice: """
        For transformers. Either lr 0.02 with the original factor, or AdamW's learning rate with \
        adjust_lr_fn match_rms_adamw. Embeddings, the output head, norms and biases go to AdamW \
        by themselves, with adamw_lr; a schedule of lr does not drive adamw_lr, so schedule both.
        """,
      recipe: """
        optimizer:
          name: muon
          lr: 1e-3
          adjust_lr_fn: match_rms_adamw
          weight_decay: 0.1
          adamw_lr: 1e-3
        """,
      reference: """
        Jordan et al.: Muon: An optimizer for hidden layers in neural networks, 2024. Liu et al.: \
        Muon is Scalable for LLM Training, 2025, arXiv:2502.16982.
        """)
  }

  private static func gradient() -> Matrix {
    var random = RandomStream(seed: 15)
    // Three strong directions and noise.
    var G = Matrix(rows, columns, (0..<rows * columns).map { _ in 0.05 * Double(random.normal()) })
    for size in [3.0, 1, 0.3] {
      let (u, v) = (
        (0..<rows).map { _ in Double(random.normal()) },
        (0..<columns).map { _ in Double(random.normal()) }
      )
      for i in 0..<rows { for j in 0..<columns { G[i, j] += size * u[i] * v[j] / 7 } }
    }
    return G
  }

  private static func step(_ rule: some Rule) throws -> Matrix {
    let G = gradient()
    let walk = try Walk(
      rule, from: [Double](repeating: 0, count: G.elements.count), shape: [rows, columns], steps: 1
    ) { _, _ in G.elements }
    // A step is taken off the weights.
    return Matrix(rows, columns, walk.weights[1].map { -$0 })
  }

  private static func muon(_ η: Double) -> Muon {
    Muon(learningRate: η, weightDecay: 0, adjustment: .spectralUnclamped)
  }

  private static func singularValues() throws -> (
    section: Section, before: [Double], after: [Double]
  ) {
    // √(p/q) is taken out again.
    let scale = (Double(rows) / Double(columns)).squareRoot()
    let G = gradient()
    let before = try G.singularValues()
    let adam = try G.lengths(of: step(Adam(learningRate: 1)))
    let after = try G.lengths(of: step(muon(1))).map { $0 / scale }
    var table = Table(
      [
        .number("position", ""), .number("gradient"), .number("adam", "adam's step / η"),
        .number("muon", "muon's step / η·s"),
      ], key: "singular_values",
      caption: """
        an \(rows)×\(columns) matrix: the singular values of the gradient, and how far steps go \
        in the same directions
        """)
    for i in 0..<columns {
      table.append(.ordinal(i + 1), .number(before[i]), .number(adam[i]), .number(after[i]))
    }
    let section = Section(
      "One step",
      [
        .paragraph(
          """
          Singular values are the lengths of a matrix in its own directions. The gradient has \
          three strong directions and noise. Each row is one direction: Adam goes far in the \
          strong ones and hardly at all in most of the others, Muon nearly as far in all.
          """),
        .table(table),
      ])
    return (section, before, after)
  }

  /// What a round makes of a singular value.
  private static func next(_ x: Double) -> Double {
    let rule = Muon()
    return x * (rule.coefficientA + x * x * (rule.coefficientB + x * x * rule.coefficientC))
  }

  /// What so many rounds make of it.
  private static func after(_ rounds: Int, _ x: Double) -> Double {
    (0..<rounds).reduce(x) { x, _ in next(x) }
  }

  /// What the iteration does to a singular value.
  private static var rounds: Section {
    let shares = (0...160).map { pow(10, -4 + Double($0) / 40) }
    var table = Table(
      [.number("start", "at first")] + (1...5).map { .number("round_\($0)", "round \($0)") },
      key: "rounds", caption: "a singular value, as a share of ‖u‖")
    for x in [0.9, 0.3, 0.1, 0.01, 0.001] {
      table.append([.number(x)] + (1...5).map { .number(after($0, x)) })
    }
    return Section(
      "Five rounds",
      [
        .paragraph(
          """
          Each round takes a singular value x to a·x + b·x³ + c·x⁵. Small values grow by a factor \
          of 3.4 a round; those near 1 move about between 0.7 and 1.2 and never settle, which \
          does no harm.
          """),
        .figures([
          Figure(
            [
              LineChart(
                title: "a singular value after rounds",
                x: Axis("at first, as a share of ‖u‖", .logarithmic),
                y: Axis("afterwards"),
                series: [1, 3, 5].map { count in
                  Series(
                    count == 1 ? "1 round" : "\(count) rounds",
                    shares.map { Point($0, after(count, $0)) })
                })
            ], caption: "With each round smaller values arrive near 1.")
        ]),
        .table(table),
      ])
  }

  private static func lengths() throws -> Section {
    var table = Table(
      [
        .init("shape", alignment: .right), .number("original"),
        .number("match", "match_rms_adamw"),
      ], key: "lengths", caption: "root mean square of a step, in units of η")
    for shape in [[64, 64], [128, 32], [32, 128]] {
      var random = RandomStream(seed: 16)
      let g = (0..<shape[0] * shape[1]).map { _ in Double(random.normal()) }
      func size(_ adjustment: Muon.LearningRateAdjustment) throws -> Double {
        let walk = try Walk(
          Muon(learningRate: 1, weightDecay: 0, adjustment: adjustment),
          from: g.map { _ in 0 }, shape: shape, steps: 1
        ) { _, _ in g }
        return (walk.weights[1].reduce(0) { $0 + $1 * $1 } / Double(g.count)).squareRoot()
      }
      table.append(
        .shape(shape), .number(try size(.original)), .number(try size(.matchRMSAdamW)))
    }
    return Section(
      "How long a step is",
      [
        .paragraph(
          """
          A matrix with equal singular values has small elements: the larger the matrix, the \
          smaller. match_rms_adamw makes up for that, so that a step has nearly 0.2·η in each \
          element for all shapes, as AdamW's has in practice.
          """),
        .table(table),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let adamw = ["embedding", "head", "norm", "bias"]
    return [
      .init(
        "Often done: Muon for all parameters.",
        but: """
          Only hidden matrices have the structure. Descent gives what has the role \
          \(adamw.joined(separator: ", ")), and vectors and scalars, to AdamW; descent groups \
          lists which is which.
          """),
      .init(
        "Often written: the iteration makes the step orthogonal.",
        but: """
          Nearly: singular values end between about 0.7 and 1.2, and those that begin below two \
          thousandths of ‖u‖ have not arrived after five rounds: a thousandth ends at \
          \(short(after(5, 1e-3), 2)), a ten-thousandth at \(short(after(5, 1e-4), 2)). More \
          rounds do not make it exact; these coefficients are chosen for speed.
          """),
      .init(
        "Often done: taking AdamW's learning rate with the original factor.",
        but: """
          The steps then depend on the shape (see above). Either a rate of its own, around 0.02, \
          or match_rms_adamw.
          """),
      .init(
        "Often said: it is an approximation of Adam.",
        but: """
          It is nearer to Shampoo: with L and R from the present gradient alone, \
          L^(−1/4)·G·R^(−1/4) is exactly the matrix that Muon's iteration approaches.
          """),
    ]
  }
}
