import Descent
import DescentCompute

enum LoRATopic: Topic {
  static let name = "lora"
  static let title = "LoRA and its scale"
  static let summary = "What rank and alpha mean, and why alpha acts like a learning rate."
  static let aliases = ["alpha", "rank", "adapter", "low-rank", "rslora", "peft"]

  static func explanation() throws -> Explanation {
    let (size, rank) = (4096, 16)
    let (full, low) = (size * size, 2 * size * rank)
    return Explanation(
      question:
        "What do rank and alpha do to training, and why must the learning rate follow them?",
      answer: """
        LoRA leaves the weights W as they are and learns a difference of low rank, (α/r)·B·A. The \
        factor α/r multiplies what a step does to the weights, so alpha acts like a learning \
        rate: with Adam, twice the alpha makes the first step change them twice as much, and a \
        whole run at four times the alpha is the same as one at twice the rate from an A twice as \
        wide. Raising the rank at a fixed alpha makes steps shorter. Prodigy, which finds its own \
        rate, answers a larger alpha with a smaller d.
        """,
      formula: """
        W′ = W + s·B·A        s = α/r, or α/√r (rsLoRA)
        ∇B = s·G·Aᵀ           ∇A = s·Bᵀ·G           G = ∇f(W′)
        """,
      letters: """
        W: n×m weights, frozen; B: n×r, 0 at the start; A: r×m, random at the start; r: the rank; \
        α: alpha; s: the scale; G: the gradient that W itself would have.
        """,
      demonstrations: [
        Section(
          "How much is trained",
          [
            .facts([
              Fact("weights of a 4096×4096 matrix", .count(full), key: "full"),
              Fact("trained at rank 16", .count(low), key: "trained"),
              Fact(
                "as a share", .number(Double(low) / Double(full)), key: "share", style: .percent(2)),
              Fact("AdamW's state, full", .bytes(8 * full), key: "state_full"),
              Fact("AdamW's state, rank 16", .bytes(8 * low), key: "state_lora"),
            ])
          ]),
        try firstStep(), try paths(), try prodigy(),
      ],
      mistakes: try mistakes(),
      advice: """
        Settle on a rank and an alpha (α = r or 2r is customary), then tune the learning rate and \
        leave alpha alone. If the rank has to change, keep α/√r. descent train llm-lora trains \
        adapters; descent lint reads the configurations of other tools and says what their scale \
        amounts to.
        """,
      recipe: "",
      reference: """
        Hu et al.: LoRA: Low-Rank Adaptation of Large Language Models, 2021, arXiv:2106.09685. \
        Kalajdzievski: A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA, 2023, \
        arXiv:2312.03732.
        """)
  }

  /// A matrix that should change by a difference of rank 2, learned by an adapter: f = ½‖s·B·A − D‖².
  private struct Problem {
    let (n, rank, scale): (Int, Int, Double)
    let target: [Double]
    /// B, then A.
    let start: [Double]

    init(n: Int = 16, rank: Int, scale: Double, seed: UInt64 = 5) {
      (self.n, self.rank, self.scale) = (n, rank, scale)
      var random = RandomStream(seed: seed)
      func normal(_ count: Int) -> [Double] { (0..<count).map { _ in Double(random.normal()) } }
      let (left, right) = (normal(n * 2), normal(2 * n))
      target = (0..<n * n).map { i in
        0.1 * (0..<2).reduce(0) { $0 + left[i / n * 2 + $1] * right[$1 * n + i % n] }
      }
      // As wide as Kaiming's initialization makes it: uniform within ±1/√m.
      start =
        [Double](repeating: 0, count: n * rank)
        + (0..<rank * n).map { _ in (2 * Double(random.uniform()) - 1) / Double(n).squareRoot() }
    }

    /// s·B·A
    func difference(_ w: [Double]) -> [Double] {
      let (B, A) = (w[..<(n * rank)], Array(w[(n * rank)...]))
      return (0..<n * n).map { i in
        scale * (0..<rank).reduce(0) { $0 + B[i / n * rank + $1] * A[$1 * n + i % n] }
      }
    }

    func loss(_ w: [Double]) -> Double {
      zip(difference(w), target).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) / 2 }
    }

    func gradient(_ t: Int, _ w: [Double]) -> [Double] {
      let G = zip(difference(w), target).map { $0 - $1 }
      let (B, A) = (Array(w[..<(n * rank)]), Array(w[(n * rank)...]))
      let ofB = (0..<n * rank).map { i in
        scale * (0..<n).reduce(0) { $0 + G[i / rank * n + $1] * A[i % rank * n + $1] }
      }
      let ofA = (0..<rank * n).map { i in
        scale * (0..<n).reduce(0) { $0 + B[$1 * rank + i / n] * G[$1 * n + i % n] }
      }
      return ofB + ofA
    }

    /// The root mean square of s·B·A.
    func size(_ w: [Double]) -> Double {
      let d = difference(w)
      return (d.reduce(0) { $0 + $1 * $1 } / Double(d.count)).squareRoot()
    }
  }

  /// The size of s·B·A after the first step.
  private static func change(_ rank: Int, _ alpha: Double) throws -> Double {
    try (1...seeds).map { seed in
      let problem = Problem(rank: rank, scale: alpha / Double(rank), seed: seed)
      let walk = try Walk(
        AdamW(learningRate: 1e-3, weightDecay: 0), from: problem.start, steps: 1,
        problem.gradient)
      return problem.size(walk.weights[1])
    }.mean
  }

  /// How many problems and starts a mean is over.
  private static let seeds: UInt64 = 16

  /// What the first step does to the weights, by alpha and rank.
  private static func firstStep() throws -> Section {
    var table = Table(
      [
        .number("rank", "r"), .number("alpha", "α"), .number("scale", "α/r"),
        .number("rs_scale", "α/√r"),
        .number("change", "size of s·B·A after step 1", .significant(3)),
      ], key: "first_step", caption: "adamw, lr 0.001; a 16×16 matrix, means of \(seeds) starts")
    for (rank, alpha) in [(4, 8.0), (4, 16), (16, 16), (16, 32)] {
      table.append(
        .ordinal(rank), .number(alpha), .number(alpha / Double(rank)),
        .number(alpha / Double(rank).squareRoot()), .number(try change(rank, alpha)))
    }
    return Section(
      "The first step",
      [
        .paragraph(
          """
          B is 0 at the start, so A has no gradient yet and Adam moves each element of B by η. \
          What that does to the weights grows with alpha: twice the alpha, twice the change. \
          Across ranks it goes with α/√r, since the r columns of B add up like random numbers: \
          that is rsLoRA's reason.
          """),
        .table(table),
      ])
  }

  /// Loss curves by alpha and rate.
  private static func paths() throws -> Section {
    let steps = 150
    var lines: [Series] = []
    var table = Table(
      [
        .number("alpha", "α"), .number("lr"), .init("start", "A at the start"),
        .number("last", "loss after \(steps) steps"),
      ], key: "alpha_and_rate", caption: "rank 4, adamw")
    for (alpha, rate, width) in [(4.0, 4e-3, 1.0), (16, 4e-3, 1), (4, 8e-3, 2)] {
      let problem = Problem(rank: 4, scale: alpha / 4)
      let walk = try Walk(
        AdamW(learningRate: rate, epsilon: 1e-12, weightDecay: 0),
        from: problem.start.map { width * $0 }, steps: steps, problem.gradient)
      let losses = walk.weights.map(problem.loss)
      let start = width == 1 ? "" : ", A twice as wide"
      lines.append(
        Series(
          "α = \(short(alpha)), lr \(short(rate))\(start)", points(losses),
          width == 1 ? .plain : .dashed))
      table.append(
        .number(alpha), .number(rate), .text(width == 1 ? "as usual" : "twice as wide"),
        .number(losses[steps]))
    }
    return Section(
      "Alpha and the learning rate",
      [
        .paragraph(
          """
          Four times the scale can be moved into B and A, a factor of two each. To Adam, which \
          does not see the size of gradients, that is the same as twice the learning rate, from \
          an A twice as wide: the last two rows agree.
          """),
        .figures([
          Figure([
            LineChart(
              title: "loss of a matrix that learns a difference of rank 2", x: Axis("step"),
              y: Axis("loss", .logarithmic), series: lines)
          ])
        ]),
        .table(table),
      ])
  }

  /// Prodigy's own rate, by alpha.
  private static func prodigy() throws -> Section {
    let steps = 200
    var lines: [Series] = []
    var table = Table(
      [.number("alpha", "α"), .number("d", "d at the end"), .number("product", "d·α/r")],
      key: "prodigy", caption: "rank 4, prodigy, lr 1")
    for alpha in [1.0, 4, 16] {
      let problem = Problem(rank: 4, scale: alpha / 4)
      let walk = try Walk(Prodigy(), from: problem.start, steps: steps, problem.gradient)
      let d = walk.metrics.compactMap { $0["d"] }
      lines.append(Series("α = \(short(alpha))", points(d, from: 1)))
      table.append(.number(alpha), .number(d.last ?? 0), .number((d.last ?? 0) * alpha / 4))
    }
    return Section(
      "Prodigy answers alpha",
      [
        .paragraph(
          """
          Runs with Prodigy log a learning rate that rises to different heights for different \
          alphas. It is d, the distance that the weights of the adapter have to go: the larger \
          the scale, the shorter that way.
          """),
        .figures([
          Figure([
            LineChart(
              title: "Prodigy's d", x: Axis("step"), y: Axis("d", .logarithmic), series: lines)
          ])
        ]),
        .table(table),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let problem = Problem(rank: 4, scale: 1)
    let zeros = try Walk(
      AdamW(learningRate: 1e-2, weightDecay: 0), from: problem.start.map { _ in 0 }, steps: 50,
      problem.gradient)
    return [
      .init(
        "Often said: a larger alpha makes a stronger adapter.",
        but: """
          It makes larger steps. B and A can make up for any scale; what differs is how fast they \
          get there, and whether the steps are too large.
          """),
      .init(
        "Often done: raising the rank and leaving alpha alone.",
        but: """
          At alpha 16 the scale falls from \(short(16.0 / 4)) at rank 4 to \(short(16.0 / 16)) at \
          rank 16, and the first step (see above) changes the weights \
          \(short(try change(16, 16) / change(4, 16), 2)) times as much: the run is slower for a \
          reason that has nothing to do with rank.
          """),
      .init(
        "Often asked: why not start both A and B at 0?",
        but: """
          Then neither has a gradient: after 50 steps the largest weight of such an adapter is \
          \(short(zeros.weights[50].map(abs).max() ?? 0)). With B alone at 0, training starts \
          from the model as it is and can leave it.
          """),
      .init(
        "Often assumed: weight decay pulls a LoRA run toward small weights.",
        but: "It shrinks A and B, so it pulls toward the model that was there before, W.",
      ),
    ]
  }
}
