import Descent
import DescentCompute

enum ShampooTopic: Topic {
  static let name = "shampoo"
  static let title = "Shampoo and SOAP"
  static let summary =
    "What an optimizer gains that sees rows and columns together, and what it costs."
  static let aliases = ["preconditioner"]
  static let rules: [any Rule.Type] = [Shampoo.self, ShampooDistributed.self, SOAP.self]

  static func explanation() throws -> Explanation {
    Explanation(
      question:
        "Adam has a step length for each weight. What does it miss, and what does Shampoo do about it?",
      answer: """
        Adam treats every weight by itself, so it cannot see that weights belong together: a \
        steep direction that is a mixture of several rows stays steep. Shampoo keeps two matrices \
        for each matrix of weights, which rows and which columns have moved together, and divides \
        the gradient by roots of both. Steep and flat mixtures then get steps of the same size. \
        The price is these matrices and their roots.
        """,
      formula: """
        L ← L + G·Gᵀ              rows with rows
        R ← R + Gᵀ·G              columns with columns
        W ← W − η·L^(−1/4)·G·R^(−1/4)
        """,
      letters: """
        W: an n×m matrix of weights; G: its gradient; L: n×n, from ε·I; R: m×m, from ε·I; η: the \
        learning rate. A tensor of k axes has k such matrices and the exponent −1/(2k); a vector \
        one, with −1/2.
        """,
      demonstrations: [
        try oneStep(), try bowls(), try shrinking(), try grafting(), costs,
      ],
      mistakes: try mistakes(),
      advice: """
        shampoo is the original, to study. To train, take shampoo-distributed with grafting: \
        adam, where Adam's learning rates fit, or soap: Adam in the basis of the eigenvectors of \
        L and R, which renews that basis only every 10 steps. Renew roots every 10 to 100 steps \
        (precondition_frequency); axes longer than max_preconditioner_dim are cut into blocks.
        """,
      recipe: """
        optimizer:
          name: shampoo-distributed
          lr: 1e-3
          betas: [0.9, 0.99]
          grafting: adam
          precondition_frequency: 10
          max_preconditioner_dim: 1024
        """,
      reference: """
        Gupta, Koren, Singer: Shampoo: Preconditioned Stochastic Tensor Optimization, 2018, \
        arXiv:1802.09568. Shi et al.: A Distributed Data-Parallel PyTorch Implementation of the \
        Distributed Shampoo Optimizer, 2023, arXiv:2309.06497. Vyas et al.: SOAP, 2024, \
        arXiv:2409.11321.
        """)
  }

  /// A gradient whose parts have sizes from 1 down to 0.01.
  private static let side = 4
  private static func gradient() throws -> Matrix {
    var random = RandomStream(seed: 13)
    func basis() throws -> Matrix {
      let noise = Matrix(side, side, (0..<side * side).map { _ in Double(random.normal()) })
      return try SymmetricEigen(noise * noise.transposed).rows
    }
    return try basis() * .diagonal([1, 0.3, 0.1, 0.03]) * basis()
  }

  private static func oneStep() throws -> Section {
    let G = try gradient()
    func step(_ rule: some Rule) throws -> [Double] {
      let walk = try Walk(
        rule, from: [Double](repeating: 0, count: side * side), shape: [side, side], steps: 1
      ) { _, _ in G.elements }
      return try Matrix(side, side, walk.weights[1]).singularValues()
    }
    var table = Table(
      [.init("matrix")] + (1...side).map { .number("value_\($0)", "\($0)") }, key: "one_step",
      caption: "singular values, how long each matrix is in its own directions, the largest first")
    table.append([.text("gradient")] + (try G.singularValues()).map(Table.Cell.number))
    table.append(
      [.text("adam's step / η")] + (try step(Adam(learningRate: 1))).map(Table.Cell.number))
    table.append(
      [.text("shampoo's step / η")]
        + (try step(Shampoo(learningRate: 1, epsilon: 1e-12))).map(Table.Cell.number))
    return Section(
      "The first step",
      [
        .paragraph(
          """
          Taken apart into its own directions, a gradient has long and short parts. Adam makes \
          all elements alike and leaves the directions unequal. Shampoo's first step makes the \
          directions alike: with G = U·S·Vᵀ it is U·Vᵀ.
          """),
        .table(table),
      ])
  }

  /// The best of a few rates: how far the loss has fallen, in the mean over bowls, and the losses on
  /// the way.
  private static func best(
    _ bowls: [MatrixBowl], steps: Int, _ rates: [Double], _ rule: (Double) -> any Rule
  ) throws -> [Double] {
    try rates.map { rate in
      let plan = OptimizerPlan(rule(rate), schedules: [("lr", Cosine(total: steps))])
      let paths = try bowls.map { bowl in
        let walk = try Walk(
          plan, from: bowl.start, shape: [bowl.side, bowl.side], steps: steps, bowl.gradient)
        return walk.weights.map { bowl.loss($0) / bowl.loss(bowl.start) }
      }
      return (0...steps).map { t in paths.map { $0[t] }.mean }
    }.min { $0[steps] < $1[steps] } ?? []
  }

  private static func bowls() throws -> Section {
    let (steps, starts) = (100, 4)
    func bowls(rotated: Bool) throws -> [MatrixBowl] {
      try (1...starts).map {
        try MatrixBowl(condition: 30, rotated: rotated, seed: UInt64($0))
      }
    }
    let (straight, mixed) = (try bowls(rotated: false), try bowls(rotated: true))
    var table = Table(
      [
        .init("optimizer"), .number("straight", "along rows and columns"),
        .number("mixed", "mixed"),
      ], key: "bowls",
      caption: """
        loss after \(steps) steps, as a share of the first: the mean of \(starts) starts and \
        mixtures; the best of four rates, with a cosine
        """)
    let rates = [0.03, 0.1, 0.3, 1]
    let rules: [(String, (Double) -> any Rule)] = [
      ("sgd, momentum 0.9", { SGD(learningRate: $0, momentum: 0.9) }),
      ("adam", { Adam(learningRate: $0, betas: (0.9, 0.99)) }),
      (
        "shampoo-distributed, grafting adam",
        {
          ShampooDistributed(
            learningRate: $0, betas: (0.9, 0.99), longestAxis: 6, grafting: .adam)
        }
      ),
      ("soap", { SOAP(learningRate: $0, betas: (0.9, 0.99), weightDecay: 0, basisInterval: 1) }),
    ]
    var lines: [Series] = []
    for (name, rule) in rules {
      let (even, tilted) = (
        try best(straight, steps: steps, rates, rule), try best(mixed, steps: steps, rates, rule)
      )
      table.append(.text(name), .number(even[steps]), .number(tilted[steps]))
      lines.append(Series(name, points(tilted)))
    }
    return Section(
      "Steep directions that are mixtures",
      [
        .paragraph(
          """
          Two bowls for a 6×6 matrix with the same curvatures, up to 900 times apart. In the \
          first the steep directions are single weights, in the second mixtures of them. SGD does \
          not see the difference. Adam does: nearly all that it gains in the first it loses in \
          the second.
          """),
        .figures([
          Figure(
            [
              LineChart(
                title: "loss in the mixed bowls", x: Axis("step"), y: Axis("loss", .logarithmic),
                series: lines)
            ], caption: "Shampoo and SOAP find the mixtures; SGD and Adam do not.")
        ]),
        .table(table),
      ])
  }

  private static func shrinking() throws -> Section {
    let G = try gradient()
    func lengths(_ rule: some Rule) throws -> [Double] {
      let walk = try Walk(
        rule, from: [Double](repeating: 0, count: side * side), shape: [side, side], steps: 100
      ) { _, _ in G.elements }
      return zip(walk.weights, walk.weights.dropFirst()).map { a, b in
        zip(a, b).reduce(0) { $0 + ($1.1 - $1.0) * ($1.1 - $1.0) }.squareRoot()
      }
    }
    let (original, average) = (
      try lengths(Shampoo(learningRate: 1, epsilon: 1e-12)),
      try lengths(
        ShampooDistributed(learningRate: 1, betas: (0.9, 0.99), longestAxis: side))
    )
    var table = Table(
      [
        .number("step"), .number("original", "shampoo"),
        .number("average", "shampoo-distributed, β₂ 0.99"),
      ], key: "lengths", caption: "the length of a step, in units of η, where G stays the same")
    for step in [1, 4, 25, 100] {
      table.append(.ordinal(step), .number(original[step - 1]), .number(average[step - 1]))
    }
    return Section(
      "Sums and averages",
      [
        .paragraph(
          """
          The original adds up all gradients, so its steps shrink as 1/√t, as AdaGrad's do. \
          Averages with β₂ below 1 do not.
          """),
        .table(table),
      ])
  }

  private static func grafting() throws -> Section {
    let G = try gradient()
    func norm(_ rule: some Rule, _ factor: Double) throws -> Double {
      let walk = try Walk(
        rule, from: [Double](repeating: 0, count: side * side), shape: [side, side], steps: 1
      ) { _, _ in G.elements.map { factor * $0 } }
      return walk.weights[1].reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
    func distributed(_ grafting: ShampooDistributed.Grafting) -> ShampooDistributed {
      ShampooDistributed(
        learningRate: 1e-3, betas: (0.9, 1), longestAxis: side, grafting: grafting)
    }
    var table = Table(
      [.init("optimizer"), .number("length", "length of the first step")], key: "grafting",
      caption: "the same gradient, lr 0.001")
    table.append(.text("adam"), .number(try norm(Adam(learningRate: 1e-3), 1)))
    table.append(.text("shampoo-distributed"), .number(try norm(distributed(.none), 1)))
    table.append(
      .text("shampoo-distributed, grafting adam"), .number(try norm(distributed(.adam), 1)))
    table.append(
      .text("shampoo-distributed, grafting sgd"), .number(try norm(distributed(.sgd), 1)))
    return Section(
      "Grafting: whose length a step has",
      [
        .paragraph(
          """
          Shampoo's direction is good, but the length of its steps is nothing that one is used \
          to. Grafting takes the direction from Shampoo and the length from another optimizer, \
          whose learning rate then fits.
          """),
        .table(table),
      ])
  }

  private static var costs: Section {
    var table = Table(
      [
        .init("shape", alignment: .right), .number("adam"), .number("shampoo"),
        .number("soap"), .number("full", "one matrix over all weights"),
      ], key: "costs", caption: "state in float32")
    for shape in [[1024, 1024], [4096, 1024], [4096, 4096]] {
      let count = shape.reduce(1, *)
      table.append(
        .shape(shape), .bytes(stateBytes(Adam(learningRate: 1), shape)),
        .bytes(stateBytes(Shampoo(), shape)), .bytes(stateBytes(SOAP(), shape)),
        .bytes(4 * count * count))
    }
    return Section("What it costs", [.table(table)])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let G = try gradient()
    // The wrong exponent, −1/2 on both sides.
    let (L, R) = (G * G.transposed, G.transposed * G)
    let wrong = try
      (L.inverseRoot(exponent: 0.5, epsilon: 1e-12) * G
      * R.inverseRoot(exponent: 0.5, epsilon: 1e-12)).singularValues()
    return [
      .init(
        "Often written: the exponent for a matrix is −1/2.",
        but: """
          −1/4 on each side, which is −1/2 in all. With −1/2 on each side small parts of the \
          gradient become the largest of the step: \
          \(wrong.map { short($0) }.joined(separator: ", ")) instead of 1, 1, 1, 1.
          """),
      .init(
        "Often tested: with a gradient like the identity.",
        but: """
          There every exponent gives the same direction, and a wrong root passes. Take gradients \
          with parts of different sizes, and matrices that are not square.
          """),
      .init(
        "Often overlooked: the roots start at 0.",
        but: """
          In the original form with preconditioning_compute_steps = n the first n − 1 steps do \
          not move anything. shampoo-distributed steps with the plain gradient until the first \
          root, or with grafting as the other optimizer would.
          """),
      .init(
        "Often said: it is a second-order method.",
        but: """
          It sees first derivatives only. L and R are sums of products of gradients, which \
          resemble the curvature as Adam's v does.
          """),
    ]
  }
}
