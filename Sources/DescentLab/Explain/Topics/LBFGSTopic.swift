import Descent
import DescentCompute
import Foundation

enum LBFGSTopic: Topic {
  static let name = "l-bfgs"
  static let title = "L-BFGS"
  static let summary =
    "How curvature is learned from past steps, and why noise makes that fail."
  static let aliases = ["bfgs", "quasi-newton", "line-search"]
  static let rules: [any Rule.Type] = [LBFGS.self]

  /// Rosenbrock's valley, with its minimum at (1, 1).
  private static func loss(_ w: [Double]) -> Double {
    let (a, b) = (1 - w[0], w[1] - w[0] * w[0])
    return a * a + 100 * b * b
  }

  private static func gradient(_ w: [Double]) -> [Double] {
    let b = w[1] - w[0] * w[0]
    return [-2 * (1 - w[0]) - 400 * w[0] * b, 200 * b]
  }

  private static let start = [-1.2, 1.0]

  /// The least loss after each evaluation, and the loss where it ends.
  private static func lbfgs(
    history: Int, evaluations: Int, noise σ: Double = 0, seed: UInt64 = 17, from start: [Double],
    _ loss: ([Double]) -> Double, _ gradient: ([Double]) -> [Double]
  ) throws -> (best: [Double], last: Double) {
    var rule = LBFGS(learningRate: 1, iterations: evaluations, historySize: history)
    rule.largestEvaluations = evaluations
    let optimizer = try LBFGSOptimizer<Double>(
      rule, parameters: [ParameterInfo("w", shape: [start.count])])
    var random = RandomStream(seed: seed)
    var w = [start]
    var best: [Double] = []
    _ = try optimizer.step(&w) { w in
      let noise = w[0].map { _ in σ * Double(random.normal()) }
      best.append(min(best.last ?? .infinity, loss(w[0])))
      return (
        loss(w[0]) + zip(noise, w[0]).reduce(0) { $0 + $1.0 * $1.1 },
        [zip(gradient(w[0]), noise).map { $0 + $1 }]
      )
    }
    return (best, loss(w[0]))
  }

  /// The least loss after each evaluation in the valley.
  private static func inValley(history: Int) throws -> [Double] {
    try lbfgs(history: history, evaluations: 400, from: start, loss, gradient).best
  }

  static func explanation() throws -> Explanation {
    let quick = try inValley(history: 10)
    let needed = (quick.firstIndex { $0 < 1e-8 } ?? 0) + 1
    return Explanation(
      question:
        "How can an optimizer know the curvature if it only sees gradients, and why is it not used for networks?",
      answer: """
        Two gradients at two points tell how the gradient changes along the way between them: \
        that is curvature. L-BFGS keeps the last few such pairs and builds Newton-like steps of \
        them, and a line search finds how far to go. Rosenbrock's valley takes it \(needed) \
        evaluations. With mini-batches, though, two gradients differ because their examples do, \
        and that noise passes for curvature.
        """,
      formula: """
        y = g − g₋;  s = t·d
        yᵀs > 10⁻¹⁰:  the pair is kept;  H = yᵀs/yᵀy
        d = −(two-loop recursion over the pairs)·g, from H·I
        w ← w + t·d
        """,
      letters: """
        w: all weights as one vector; g, g₋: the gradient now and at the point before; s: the \
        last move; d: the direction; t: how far, from a line search that meets the strong Wolfe \
        conditions, or η; H: a first guess of the inverse curvature; the recursion: a product \
        with the inverse Hessian that the pairs suggest.
        """,
      demonstrations: [try valley(), try noisy()],
      mistakes: try mistakes(),
      advice: """
        For small models on the whole data set: a batch as large as the training part, no \
        schedule, no clipping, no groups. A step is max_iter iterations with several evaluations \
        each; history_size pairs take two numbers each for every weight.
        """,
      recipe: """
        batch: 1438                # the whole training part of the digits
        model: {kind: mlp, hidden: [32]}
        data: {kind: digits}
        optimizer:
          name: lbfgs
          max_iter: 20
          history_size: 10
        """,
      reference: """
        Liu, Nocedal: On the limited memory BFGS method for large scale optimization, 1989. \
        Nocedal, Wright: Numerical Optimization, 2006, chapters 3 and 7.
        """)
  }

  private static func valley() throws -> Section {
    let evaluations = 400
    let lines: [(String, [Double])] = [
      ("l-bfgs, 10 pairs", try inValley(history: 10)),
      ("l-bfgs, 1 pair", try inValley(history: 1)),
      ("adam, lr 0.1", try other(Adam(learningRate: 0.1), evaluations)),
      ("sgd, momentum 0.9", try other(SGD(learningRate: 5e-4, momentum: 0.9), evaluations)),
    ]
    var table = Table(
      [
        .init("optimizer"), .number("needed", "evaluations to 1e-8"),
        .number("last", "loss after \(evaluations)"),
      ], key: "valley", caption: "each evaluation gives a loss and a gradient")
    for (name, losses) in lines {
      table.append(
        .text(name), losses.firstIndex { $0 < 1e-8 }.map { .ordinal($0 + 1) } ?? .nothing,
        .number(losses.last ?? 0))
    }
    return Section(
      "A curved valley",
      [
        .figures([
          Figure([
            LineChart(
              title: "Rosenbrock's function from (−1.2, 1)", x: Axis("evaluations"),
              y: Axis("loss", .logarithmic),
              series: lines.map { Series($0.0, points($0.1.map { max($0, 1e-20) })) })
          ])
        ]),
        .table(table),
        .paragraph(
          """
          In two dimensions a single pair says nearly all, and older ones, from other places of \
          the valley, do not help. With more directions they do:
          """),
        .table(try pairs()),
      ])
  }

  /// What more pairs are good for.
  private static func pairs() throws -> Table {
    let count = 50
    let bowl = Bowl(
      curvatures: (0..<count).map { pow(1000, Double($0) / Double(count - 1)) })
    var table = Table(
      [.number("pairs", "pairs kept"), .number("needed", "evaluations to 1e-8 of the first loss")],
      key: "pairs", caption: "a bowl of \(count) directions, curvatures from 1 to 1000")
    for history in [1, 3, 10, 30] {
      let start = [Double](repeating: 1, count: count)
      let best = try lbfgs(
        history: history, evaluations: 1000, from: start, bowl.loss
      ) { bowl.gradient(0, $0) }.best
      let needed = best.firstIndex { $0 < 1e-8 * bowl.loss(start) }
      table.append(.ordinal(history), needed.map { .ordinal($0 + 1) } ?? .nothing)
    }
    return table
  }

  private static func other(_ rule: some Rule, _ steps: Int) throws -> [Double] {
    try Walk(rule, from: start, steps: steps - 1) { _, w in gradient(w) }.weights.map(loss)
  }

  private static func noisy() throws -> Section {
    let bowl = Bowl(curvatures: [1, 10, 100])
    let (evaluations, runs) = (300, 25)
    var table = Table(
      [
        .number("noise", "noise of g"), .number("lbfgs", "l-bfgs"), .number("adam", "adam, cosine"),
      ], key: "noisy",
      caption: """
        loss after \(evaluations) evaluations in a bowl, from (1, 1, 1): the median of \(runs) runs
        """)
    for σ in [0, 0.01, 0.1, 1] {
      let own = try (1...runs).map { seed in
        try lbfgs(
          history: 10, evaluations: evaluations, noise: σ, seed: UInt64(seed), from: [1, 1, 1],
          bowl.loss
        ) { bowl.gradient(0, $0) }.last
      }
      // Adam treats each weight by itself: all of its runs are one.
      let all = Bowl(curvatures: (0..<runs).flatMap { _ in bowl.curvatures })
      var random = RandomStream(seed: 18)
      let adam = try Walk(
        OptimizerPlan(Adam(learningRate: 0.1), schedules: [("lr", Cosine(total: evaluations))]),
        from: all.curvatures.map { _ in 1 }, steps: evaluations
      ) { t, w in all.gradient(t, w).map { $0 + σ * Double(random.normal()) } }
      let ends = (0..<runs).map { run in
        bowl.loss(Array(adam.weights[evaluations][3 * run..<3 * run + 3]))
      }
      table.append(
        .number(σ), .number(middle(own).withoutRounding()), .number(middle(ends).withoutRounding()))
    }
    return Section(
      "What noise does",
      [
        .paragraph(
          """
          The same method in a simple bowl, where each evaluation draws its own noise, as a \
          mini-batch does. Without noise it is exact after a few evaluations; with a little it is \
          worse than Adam.
          """),
        .table(table),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    [
      .init(
        "Often written: it needs about as much memory as Adam.",
        but: """
          With h pairs it keeps 2h + 2 numbers for each weight: with 100 pairs, the default, \
          \(short(Double(stateBytes(LBFGS(), [1000])) / 4000)) times the weights, where Adam \
          keeps 2 times.
          """),
      .init(
        "Often done: mini-batches.",
        but: """
          y then holds the difference of two batches. Use the whole data set, or another optimizer.
          """),
      .init(
        "Often compared: by steps.",
        but: """
          A step of L-BFGS is up to 20 iterations with one or more evaluations each. Count \
          evaluations, as above.
          """),
      .init(
        "Often left off: the line search.",
        but: """
          In PyTorch it is off unless asked for; a step of full length can then overshoot. Here \
          strong_wolfe is the default.
          """),
    ]
  }
}
