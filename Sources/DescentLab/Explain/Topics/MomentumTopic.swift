import Descent

enum MomentumTopic: Topic {
  static let name = "momentum"
  static let title = "Momentum"
  static let summary =
    "Why plain gradient descent zigzags in a ravine, and what momentum does to it."
  static let aliases = ["gradient-descent", "heavy-ball", "ravine"]
  static let rules: [any Rule.Type] = [SGD.self, LARS.self]

  static func explanation() throws -> Explanation {
    let (η, μ) = (0.018, 0.9)
    let ravine = Bowl(curvatures: [1, 100])
    let start = [10.0, 1.0]
    func walk(_ rule: SGD) throws -> Walk {
      try Walk(rule, from: start, steps: 600, ravine.gradient)
    }
    let plain = try walk(SGD(learningRate: η))
    let ball = try walk(SGD(learningRate: η, momentum: μ))
    let safe = try walk(SGD(learningRate: η * (1 - μ), momentum: μ))
    let steps = [plain, ball, safe].map { ravine.steps(of: $0, below: 1e-6) ?? 0 }
    return Explanation(
      question: """
        Why does plain gradient descent zigzag through a narrow valley, and how does momentum help?
        """,
      answer: """
        The learning rate is limited by the steepest direction, so the flat directions crawl \
        while the steep one jumps from wall to wall. Momentum keeps a running sum of gradients: \
        what points the same way every time adds up, what changes its sign cancels. In the ravine \
        below it needs \(steps[1]) steps where plain descent needs \(steps[0]).
        """,
      formula: """
        g ← ∇f(w)
        no momentum:  w ← w − η·g
        heavy-ball:   b ← μ·b + g;          w ← w − η·b
        average:      b ← μ·b + (1−μ)·g;    w ← w − η·b
        """,
      letters: """
        w: the weights; g: the gradient of the loss f; η: the learning rate (lr); μ: the \
        momentum, usually 0.9, written β elsewhere; b: the buffer, one number for each weight, 0 \
        at the start. heavy-ball is the form of Polyak's paper and of PyTorch, named after a ball \
        that rolls on; average is that of many texts.
        """,
      demonstrations: [
        inRavine(plain, ball, η: η), try sums(μ), try conversion(η, μ, ravine, from: start),
      ],
      exercises: [exercise(ravine, [plain, ball, safe], η: η, μ: μ)],
      mistakes: try mistakes(η, μ, steps),
      advice: """
        Set momentum to 0.9 with the optimizer sgd. For a rate that was tuned without momentum, \
        or for the average form, lr·(1−momentum), a tenth, is the safe equivalent; try higher \
        ones from there. descent lr-find finds a rate for the recipe at hand.
        """,
      recipe: """
        optimizer:
          name: sgd
          lr: 0.05
          momentum: 0.9
        """,
      reference: """
        Polyak: Some methods of speeding up the convergence of iteration methods, 1964. \
        Sutskever, Martens, Dahl, Hinton: On the importance of initialization and momentum in \
        deep learning, 2013. Goh: Why Momentum Really Works, Distill, 2017.
        """)
  }

  /// The path in the ravine, by coordinate.
  private static func inRavine(_ plain: Walk, _ ball: Walk, η: Double) -> Section {
    func chart(_ title: String, _ coordinate: Int, steps: Int) -> LineChart {
      LineChart(
        title: title, x: Axis("step"), y: Axis(["x", "y"][coordinate]),
        series: [("no momentum", plain), ("momentum 0.9", ball)].map { name, walk in
          Series(name, points(Array(walk.coordinate(coordinate).prefix(steps + 1))))
        })
    }
    return Section(
      "What happens in a ravine",
      [
        .paragraph(
          """
          The loss is f(x, y) = ½(x² + 100·y²): across the ravine (y) it is a hundred times as \
          steep as along it (x). Both start at x = 10, y = 1 and use η = \(short(η)).
          """),
        .figures([
          Figure(
            [chart("along the ravine", 0, steps: 60)],
            caption: "Without momentum, x creeps; with it, x gathers speed and overshoots a little."
          ),
          Figure(
            [chart("across the ravine", 1, steps: 30)],
            caption: """
              Without momentum, y jumps to the other wall at every step; with it the swings are \
              slower, and at this η they last longer.
              """),
        ]),
      ])
  }

  /// What the buffer holds when gradients agree and when they alternate.
  private static func sums(_ μ: Double) throws -> Section {
    var table = Table(
      [
        .number("step", "after step"),
        .number("agreeing", "gradients 1, 1, 1, ...", .significant(5)),
        .number("alternating", "gradients 1, −1, 1, ...", .significant(5)),
      ], key: "buffer", caption: "the buffer b of heavy-ball, μ = \(short(μ))")
    let steps = 100
    let rule = SGD(learningRate: 1, momentum: μ)
    let same = try Walk(rule, from: [0], steps: steps) { _, _ in [1] }.state("momentum_buffer")
    let flip = try Walk(rule, from: [0], steps: steps) { t, _ in [t % 2 == 1 ? 1 : -1] }
      .state("momentum_buffer")
    for step in [1, 2, 3, 10, 30, steps] {
      table.append(.ordinal(step), .number(same[step - 1]), .number(flip[step - 1]))
    }
    return Section(
      "What adds up and what cancels",
      [
        .table(table),
        .facts([
          Fact(
            "gradients that agree end up as", .number(same[steps - 1]), key: "gain_agreeing",
            unit: "gradients: 1/(1−μ)", style: .significant(4)),
          Fact(
            "gradients that alternate end up as", .number(abs(flip[steps - 1])),
            key: "gain_alternating", unit: "gradients: 1/(1+μ)", style: .significant(4)),
        ]),
      ])
  }

  /// How rates convert between the forms.
  private static func conversion(
    _ η: Double, _ μ: Double, _ ravine: Bowl, from start: [Double]
  ) throws -> Section {
    func walk(_ rate: Double, dampening: Double = 0, _ form: SGD.MomentumForm) throws -> Walk {
      try Walk(
        SGD(learningRate: rate, momentum: μ, dampening: dampening, momentumForm: form),
        from: start, steps: 60, ravine.gradient)
    }
    let ball = try walk(η, .heavyBall)
    let average = try walk(η / (1 - μ), .average)
    let same = try walk(η, .average)
    let damped = try walk(η / (1 - μ), dampening: μ, .heavyBall)
    var table = Table(
      [
        .init("form"), .number("lr"), .number("first_step", "first step along x", .significant(4)),
        .number("distance", "largest distance from heavy-ball", .significant(2)),
      ], key: "forms")
    for (name, rate, walk) in [
      ("heavy-ball", η, ball), ("average", η / (1 - μ), average), ("average, same lr", η, same),
      ("heavy-ball, dampening=0.9", η / (1 - μ), damped),
    ] {
      table.append(
        .text(name), .number(rate), .number(walk.weights[1][0] - start[0]),
        .number(walk.distance(to: ball).withoutRounding(beside: start[0])))
    }
    return Section(
      "Two ways to write it, and how the learning rate converts",
      [
        .paragraph(
          """
          PyTorch adds the whole gradient to the buffer; many texts add (1−μ) of it, which makes \
          b an average. The average takes the same steps at η/(1−μ), here \(short(η / (1 - μ))), \
          and steps ten times shorter at the same η. PyTorch's dampening multiplies each new \
          gradient by 1 − dampening: dampening=μ is the average form, except that the first \
          gradient is not damped.
          """),
        .table(table),
      ])
  }

  private static func exercise(
    _ ravine: Bowl, _ walks: [Walk], η: Double, μ: Double
  ) -> Explanation.Exercise {
    let (flat, steep) = (ravine.curvatures[0], ravine.curvatures[1])
    var table = Table(
      [
        .init("quantity", ""), .number("plain", "no momentum"),
        .number("momentum", "momentum 0.9"), .number("safe", "momentum 0.9, η/10"),
      ], key: "comparison")
    func row(_ quantity: String, _ value: (Walk) -> Double) {
      table.append([.text(quantity)] + walks.map { .number(value($0)) })
    }
    row("y after 1 step") { $0.weights[1][1] }
    row("x after 20 steps") { $0.weights[20][0] }
    row("loss after 100 steps") { ravine.loss($0.weights[100]) }
    for level in [1e-3, 1e-6] {
      let steps = walks.map { walk in
        ravine.steps(of: walk, below: level).map(Table.Cell.ordinal) ?? .nothing
      }
      table.append([.text("steps to \(short(level)) of the first loss")] + steps)
    }
    return .init(
      """
      Why does SGD oscillate in a long, narrow valley, and what does momentum with μ = 0.9 (often \
      called β) change?
      """,
      [
        .paragraph(
          """
          A step multiplies y by 1 − 100·η = \(short(1 - steep * η)): the sign changes every \
          time, so y jumps from wall to wall. Above η = 2/100 = \(short(2 / steep)) it would fly \
          apart. The same η multiplies x by 1 − η = \(short(1 - flat * η)), so \
          \(short(100 * flat * η)) % of the distance is gone with each step. No η is good for \
          both.
          """),
        .paragraph(
          """
          With μ = 0.9 the gradients along the ravine agree and add up to \(short(1 / (1 - μ))) \
          of them, so x moves as if η were ten times as large. Those across it change their sign \
          and count \(short(1 / (1 + μ), 2)) of one. Past gradients together weigh μ/(1−μ) = \
          \(short(μ / (1 - μ))) times as much as the present one. Momentum does not end the \
          oscillation, but the steepest direction now tolerates η up to 2(1+μ)/100 = \
          \(short(2 * (1 + μ) / steep)) instead of \(short(2 / steep)).
          """),
        .table(table),
      ])
  }

  private static func mistakes(
    _ η: Double, _ μ: Double, _ steps: [Int]
  ) throws -> [Explanation.Mistake] {
    let average = try Walk(
      SGD(learningRate: η, momentum: μ, momentumForm: .average), from: [0], steps: 100
    ) { _, _ in [1] }
    let largest = average.state("momentum_buffer").max() ?? 0
    return [
      .init(
        """
        Often written: b ← β·b + (1−β)·g, and it accelerates as long as the direction stays the \
        same.
        """,
        but: """
          With the factor 1−β the buffer is an average: fed with gradients of 1 it reaches \
          \(short(largest, 5)) after 100 steps and never more than 1. The gain of \
          \(short(1 / (1 - μ))) comes with the sum, or with a learning rate divided by 1−β.
          """),
      .init(
        "Often done: turning momentum on and keeping the learning rate of plain SGD.",
        but: """
          With μ = \(short(μ)) that is \(short(1 / (1 - μ))) times the rate in every direction \
          that stays the same, and noise counts for more, too. η·(1−μ) is the safe equivalent: in \
          the ravine above it takes \(steps[2]) steps, plain descent \(steps[0]). The gain comes \
          from the larger rate that momentum tolerates where steepness sets the limit, as it does \
          there: with η itself \(steps[1]) steps. So begin at η·(1−μ) and go up.
          """),
      .init(
        "Often said: momentum doubles the memory.",
        but: """
          It adds one number for each weight, 4 bytes in float32, to the weights, their gradients \
          and the activations that training holds in any case.
          """),
    ]
  }
}
