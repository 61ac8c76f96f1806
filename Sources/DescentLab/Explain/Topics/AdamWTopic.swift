import Descent
import Foundation

enum AdamWTopic: Topic {
  static let name = "adamw"
  static let title = "AdamW against Adam with L2"
  static let summary =
    "What it means that the adaptive rate bends weight decay, and how AdamW mends it."
  static let aliases = ["decay", "weight-decay", "l2", "decoupled-weight-decay"]
  static let rules: [any Rule.Type] = [AdamW.self, LAMB.self]

  static func explanation() throws -> Explanation {
    let (η, λ, steps) = (1e-3, 0.1, 1000)
    let meant = pow(1 - η * λ, Double(steps))
    return Explanation(
      question: "Why is weight decay in Adam not the same as L2, and why does AdamW do better?",
      answer: """
        L2 adds λ·w to the gradient. Adam divides every gradient by its own size √v, and so it \
        divides the decay: weights with large gradients hardly decay, weights with small ones \
        decay far too fast. AdamW takes the decay out of the gradient and shrinks all weights by \
        the same share, η·λ a step.
        """,
      formula: """
        Adam with L2:  g ← ∇f(w) + λ·w
        AdamW:         w ← w·(1 − η·λ)
        m ← β₁·m + (1−β₁)·g
        v ← β₂·v + (1−β₂)·g²
        w ← w − η · m/(1−β₁ᵗ) / (√v/√(1−β₂ᵗ) + ε)
        """,
      letters: """
        w: the weights; g: the gradient that enters the averages m and v; η: the learning rate; \
        λ: weight_decay; t: the number of the step. Each of the two has its own first line; the \
        rest is shared.
        """,
      demonstrations: [
        try bent(η, λ, steps, meant: meant), try realRun(), try order(),
      ],
      exercises: [try exercise(η, λ)],
      mistakes: try mistakes(η, λ),
      advice: """
        Take adamw with weight_decay 0.01 to 0.1. Biases and the weights of norms get none unless \
        you give them some: Descent leaves vectors out, as is customary. A weight forgets its \
        past in about 1/(lr·weight_decay) steps; keep that well above the length of a warmup.
        """,
      recipe: """
        optimizer:
          name: adamw
          lr: 1e-3
          weight_decay: 0.1
        """,
      reference: """
        Loshchilov, Hutter: Decoupled Weight Decay Regularization, 2019, arXiv:1711.05101.
        """)
  }

  /// Weights of 1 whose gradients are noise of different sizes.
  private static func bent(_ η: Double, _ λ: Double, _ steps: Int, meant: Double) throws -> Section
  {
    let sizes = [0.001, 0.01, 0.1, 1, 10]
    // The loss has no preference: its gradients alternate, so all that is left is decay. The first
    // step goes one way; the mean of a weight and of its mirror image is free of it.
    func paths(_ rule: some Rule) throws -> [[Double]] {
      let walk = try Walk(rule, from: (sizes + sizes).map { _ in 1 }, steps: steps) { t, _ in
        (sizes + sizes.map { -$0 }).map { t % 2 == 0 ? $0 : -$0 }
      }
      return sizes.indices.map { i in walk.weights.map { ($0[i] + $0[i + sizes.count]) / 2 } }
    }
    let bentPaths = try paths(Adam(learningRate: η, weightDecay: λ))
    let evenPaths = try paths(AdamW(learningRate: η, weightDecay: λ))
    let (l2, decoupled) = (bentPaths.map { $0[steps] }, evenPaths.map { $0[steps] })
    var table = Table(
      [
        .number("gradient", "size of the gradients"), .number("l2", "Adam with L2", .fixed(3)),
        .number("adamw", "AdamW", .fixed(3)),
      ], key: "left",
      caption:
        "what is left of a weight of 1 after \(grouped(steps)) steps, η = \(short(η)), λ = 0.1")
    for (index, size) in sizes.enumerated() {
      table.append(.number(size), .number(l2[index]), .number(decoupled[index]))
    }
    func thinned(_ path: [Double]) -> [Double] {
      stride(from: 0, through: steps, by: 10).map { path[$0] }
    }
    return Section(
      "Decay bent by the adaptive rate",
      [
        .paragraph(
          """
          Weights of 1, two for each size of gradient: these alternate between plus and minus, in \
          the one weight when in the other between minus and plus, so the loss wants nothing, and \
          in the mean of the two decay alone acts. It is meant to leave (1 − η·λ)^\(steps) = \
          \(short(meant, 4)) of each.
          """),
        .figures([
          Figure(
            [
              LineChart(
                title: "what decay leaves of a weight", x: Axis("step"), y: Axis("weight"),
                series: [
                  Series("AdamW, any gradients", points(thinned(evenPaths[2]), every: 10), .broad)
                ]
                  + sizes.indices.map {
                    Series(
                      "L2, gradients of \(short(sizes[$0]))",
                      points(thinned(bentPaths[$0]), every: 10))
                  })
            ], caption: "AdamW has one line for all; with L2 each size of gradient has its own.")
        ]),
        .table(table),
        .paragraph(
          """
          With L2 the first weight decays as if λ·w were its whole gradient, at nearly η a step, \
          and the last one hardly at all.
          """),
      ])
  }

  /// The same in a network: how much decay takes off weights, by the size of their gradients.
  private static func realRun() throws -> Section {
    let (steps, λ) = (300, 0.1)
    let tensor = "0.weight"
    func run(_ changes: String...) throws -> SmallRun {
      try SmallRun(["optimizer.lr=3e-3"] + changes, steps: steps)
    }
    let without = try run("optimizer.name=adam")
    let l2 = try run("optimizer.name=adam", "optimizer.weight_decay=\(λ)")
    let decoupled = try run("optimizer.name=adamw", "optimizer.weight_decay=\(λ)")
    guard let name = without.weights.keys.sorted().first(where: { $0.hasSuffix(tensor) }),
      let v = without.state["exp_avg_sq/\(name)"], let base = without.weights[name],
      let bent = l2.weights[name], let even = decoupled.weights[name]
    else { return Section("", []) }
    // Fifths of the weights, from the smallest gradients to the largest.
    let order = v.indices.sorted { v[$0] < v[$1] }
    let parts = (0..<5).map { part in
      order[(order.count * part / 5)..<(order.count * (part + 1) / 5)]
    }
    func size(_ w: [Float], _ part: ArraySlice<Int>) -> Double {
      part.reduce(0.0) { $0 + Double(abs(w[$1])) }
    }
    var table = Table(
      [
        .number("part", "fifth"), .number("gradient", "√v, median", .significant(2)),
        .number("l2", "Adam with L2", .percent(0)), .number("adamw", "AdamW", .percent(0)),
      ], key: "real_run",
      caption: "the mean size of weights, as a share of what it is without decay")
    for (index, part) in parts.enumerated() {
      table.append(
        .ordinal(index + 1),
        .number(Double(v[part[part.startIndex + part.count / 2]]).squareRoot()),
        .number(size(bent, part) / size(base, part)), .number(size(even, part) / size(base, part)))
    }
    let meant = pow(1 - 3e-3 * λ, Double(steps))
    return Section(
      "The same in a real run",
      [
        .paragraph(
          """
          A small network reads digits for \(steps) steps, three times from the same weights: \
          without decay, with L2, with AdamW (λ = 0.1, η = 0.003; decay alone would leave \
          \(percent(meant, 0))). The weights of its first layer are sorted by √v, the size of \
          their gradients.
          """),
        .table(table),
      ])
  }

  /// One step, in the three orders that people write.
  private static func order() throws -> Section {
    let (η, λ) = (0.1, 0.5)
    // At the first step m/(1−β₁) / √(v/(1−β₂)) is the sign of the gradient.
    let ours = try Walk(
      AdamW(learningRate: η, epsilon: 0, weightDecay: λ), from: [1], steps: 1
    ) { _, _ in [1] }.weights[1][0]
    let (w, u) = (1.0, 1.0)
    let old = w - η * u - η * λ * w
    let new = (w - η * u) * (1 - η * λ)
    return Section(
      "The order of decay",
      [
        .paragraph(
          """
          One step from w = 1 with η = 0.1, λ = 0.5 and an Adam step u of 1. Shrinking first, as \
          PyTorch and Descent do, or taking both off the old weight comes to the same. Shrinking \
          the new weight does not: it differs by η²·λ·u.
          """),
        .facts([
          Fact(
            "shrink first:      w·(1−ηλ) − η·u", .number(ours), key: "decay_first",
            style: .significant(6)),
          Fact(
            "both off the old:  w − η·u − ηλ·w", .number(old), key: "decay_of_old",
            style: .significant(6)),
          Fact(
            "shrink the new:    (w − η·u)·(1−ηλ)", .number(new), key: "decay_of_new",
            style: .significant(6)),
        ]),
      ])
  }

  private static func exercise(_ η: Double, _ λ: Double) throws -> Explanation.Exercise {
    let gradients = [0.01, 1, 100]
    // The part of a step that is owed to λ·w. So small a rate leaves w at 1 all the while.
    let tiny = 1e-4 * η
    func decay(_ rule: some Rule, _ plain: some Rule) throws -> [Double] {
      func last(_ rule: some Rule) throws -> [Double] {
        let walk = try Walk(rule, from: [1, 1, 1], steps: 200) { t, _ in
          gradients.map { t % 2 == 0 ? $0 : -$0 }
        }
        return zip(walk.weights[198], walk.weights[200]).map { ($0 - $1) / 2 }
      }
      return zip(try last(rule), try last(plain)).map { ($0 - $1) * η / tiny }
    }
    let l2 = try decay(Adam(learningRate: tiny, weightDecay: λ), Adam(learningRate: tiny))
    let decoupled = try decay(
      AdamW(learningRate: tiny, weightDecay: λ), AdamW(learningRate: tiny, weightDecay: 0))
    var table = Table(
      [
        .number("gradient", "size of g"), .number("l2", "Adam with L2", .significant(2)),
        .number("adamw", "AdamW", .significant(2)),
      ], key: "decay_per_step", caption: "what decay takes off a weight of 1 in one step")
    for index in gradients.indices {
      table.append(.number(gradients[index]), .number(l2[index]), .number(decoupled[index]))
    }
    return .init(
      """
      What exactly does “the adaptive rate bends the decay” mean, and why does AdamW do better on \
      transformers?
      """,
      [
        .paragraph(
          """
          Inside the gradient the decay of a step is about η·λ·w/√v: divided by the size of that \
          weight's gradients. v counts λ·w as well, so where the loss's own gradients are smaller \
          than that, √v is about λ·w and the decay about η, never more. Outside it is η·λ·w for \
          every weight.
          """),
        .table(table),
        .paragraph(
          """
          In a transformer the sizes of gradients differ by orders of magnitude: rows of rare \
          tokens in an embedding see almost none, the last layer sees large ones. L2 then wipes \
          out the one and does not hold the other; no λ is right for both. AdamW's λ means the \
          same everywhere.
          """),
      ])
  }

  private static func mistakes(_ η: Double, _ λ: Double) throws -> [Explanation.Mistake] {
    // With plain SGD both are the same.
    let bowl = Bowl(curvatures: [1])
    let coupled = try Walk(
      SGD(learningRate: 0.1, weightDecay: λ), from: [1], steps: 50, bowl.gradient)
    var w = 1.0
    for _ in 0..<50 { w = w * (1 - 0.1 * λ) - 0.1 * w }
    return [
      .init(
        "Often written: AdamW first takes Adam's step and then shrinks the new weight.",
        but: """
          PyTorch, optax and Descent shrink the weight as it was before the step (see above). The \
          difference is small, η²·λ a step, but two implementations that differ in it do not give \
          the same numbers.
          """),
      .init(
        "Often said: weight decay and L2 are two words for one thing.",
        but: """
          For plain SGD they are: after 50 steps in a bowl, w is \
          \(short(coupled.weights[50][0], 6)) with L2 and \(short(w, 6)) with decay. What tells \
          them apart is a step that is divided by the gradient's own size.
          """),
      .init(
        "Often assumed: weight_decay alone says how fast weights shrink.",
        but: """
          They shrink by lr·weight_decay a step, with the scheduled lr. At lr = 1e-3 and \
          weight_decay = 0.1 a weight loses its past in 1/(lr·weight_decay) = \
          \(grouped(Int((1 / (η * λ)).rounded()))) steps; at lr = 1e-5 in a hundred times as \
          many.
          """),
      .init(
        "Often overlooked: adam's weight_decay is L2, and adamw's is not 0 unless you say so.",
        but: """
          Here and in PyTorch adam begins at weight_decay \(short(Adam.defaults.weightDecay)), \
          adamw at \(short(AdamW.defaults.weightDecay)).
          """),
    ]
  }
}
