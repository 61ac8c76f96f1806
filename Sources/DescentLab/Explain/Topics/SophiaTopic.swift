import Descent
import DescentCompute
import Foundation

enum SophiaTopic: Topic {
  static let name = "sophia"
  static let title = "Sophia"
  static let summary =
    "How Sophia divides by the curvature, why it clips every step, and where the estimate comes from."
  static let aliases = ["rho", "hessian", "second-order", "curvature"]
  static let rules: [any Rule.Type] = [SophiaG.self, SophiaH.self]

  static func explanation() throws -> Explanation {
    Explanation(
      question: """
        Newton's method divides the gradient by the curvature. How does Sophia do that for a \
        large network without going astray?
        """,
      answer: """
        It keeps one curvature h for each weight, estimates it anew only every ten steps, and \
        divides the averaged gradient by it. Where the quotient is larger than 1, because the \
        curvature is small, stale or wrong, the step is cut to ±η. So flat directions get Lion's \
        steps, steep ones shorter steps that fit their curvature. The estimate is the squared \
        gradient for labels that the model itself draws, not for those of the data.
        """,
      formula: """
        m ← β₁·m + (1−β₁)·g
        w ← w·(1 − η·λ)
        w ← w − η·sign(m)·min(1, |m|/(ρ·B·h + 10⁻¹⁵))
        after steps k, 2k, …:  h ← β₂·h + (1−β₂)·ĝ²
        """,
      letters: """
        w: the weights; g: the gradient; m: its average; ĝ: the gradient for labels that are \
        sampled from the model; h: the average of ĝ²; B: the number of examples or tokens behind \
        ĝ, so that B·ĝ² estimates the curvature; ρ: how much of it counts (rho, 0.04); η: the \
        learning rate, and the longest step; λ: weight decay; k = 10 (hess_interval). sophia-h \
        estimates the Hessian's diagonal as z ⊙ (∇²f·z) with random signs z, for losses without \
        labels.
        """,
      demonstrations: [try clipping(), try paths(), try estimator()],
      mistakes: try mistakes(),
      advice: """
        For language models: a learning rate a little below AdamW's, rho between 0.03 and 0.05, \
        clip.norm 1. If nearly all elements are clipped it is Lion; raise rho until some are not. \
        Descent makes the estimates by itself, every hess_interval steps.
        """,
      recipe: """
        optimizer:
          name: sophia-g
          lr: 3e-4
          rho: 0.04
          hess_interval: 10
          weight_decay: 0.1
        clip:
          norm: 1
        """,
      reference: """
        Liu, Li, Hall, Liang, Ma: Sophia: A Scalable Stochastic Second-order Optimizer for \
        Language Model Pre-training, 2023, arXiv:2305.14342.
        """)
  }

  /// Sophia-G in a bowl whose curvatures it is told exactly.
  private static func walk(
    _ rule: SophiaG, _ bowl: Bowl, from start: [Double], steps: Int
  ) throws -> Walk {
    try Walk(
      rule, from: start, steps: steps,
      needs: .curvature { _, _ in [bowl.curvatures.map { $0.squareRoot() }] }, bowl.gradient)
  }

  /// A rule whose h is the last estimate and whose m is the last gradient, so that a step can be seen.
  private static func bare(_ η: Double) -> SophiaG {
    SophiaG(
      learningRate: η, betas: (0, 0), rho: 1, weightDecay: 0, batchSize: 1, hessianInterval: 1)
  }

  private static func clipping() throws -> Section {
    let bowl = Bowl(curvatures: [0.001, 1, 100])
    let η = 0.1
    var table = Table(
      [
        .number("curvature", "curvature h"), .number("w"), .number("gradient", "g = h·w"),
        .number("quotient", "g/h"), .number("step", "step"), .number("sgd", "SGD's, η·g"),
      ], key: "clipping", caption: "one step at η = \(short(η)), with ρ·B = 1 and the exact h")
    for w in [2, 0.5] {
      let start = [w, w, w]
      // The first step knows no h yet; the second starts where it ended.
      let walk = try walk(bare(η), bowl, from: start, steps: 1)
      let begun = zip(start, zip(walk.weights[1], start)).map { $0 + ($1.1 - $1.0) }
      let second = try self.walk(bare(η), bowl, from: begun, steps: 2)
      let from = second.weights[1]
      for i in 0..<3 {
        let step = from[i] - second.weights[2][i]
        let g = bowl.curvatures[i] * from[i]
        table.append(
          .number(bowl.curvatures[i]), .number(from[i]), .number(g), .number(from[i]),
          .number(step), .number(η * g))
      }
    }
    return Section(
      "One step",
      [
        .paragraph(
          """
          g/h is the way to the minimum, whatever the curvature: Newton's step. Sophia goes η of \
          that way, and at most η. Plain descent's steps differ by the factor of 100,000 between \
          the curvatures.
          """),
        .table(table),
      ])
  }

  private static func paths() throws -> Section {
    let bowl = Bowl(curvatures: [1, 1000])
    let start = [5.03, 4.97]
    let steps = 300
    var sophia = SophiaG(
      learningRate: 0.05, betas: (0.9, 0.9), rho: 1, weightDecay: 0, batchSize: 1)
    sophia.hessianInterval = 10
    let walks: [(String, Walk)] = [
      (
        "sgd, lr 0.0019",
        try Walk(SGD(learningRate: 0.0019), from: start, steps: steps, bowl.gradient)
      ),
      (
        "adam, lr 0.05",
        try Walk(Adam(learningRate: 0.05), from: start, steps: steps, bowl.gradient)
      ),
      (
        "lion, lr 0.05",
        try Walk(Lion(learningRate: 0.05), from: start, steps: steps, bowl.gradient)
      ),
      ("sophia-g, lr 0.05", try walk(sophia, bowl, from: start, steps: steps)),
    ]
    var table = Table(
      [.init("optimizer"), .number("x", "|x| at the end"), .number("y", "|y| at the end")],
      key: "paths")
    for (name, walk) in walks {
      table.append(
        .text(name), .number(abs(walk.weights[steps][0])), .number(abs(walk.weights[steps][1])))
    }
    return Section(
      "A narrow ravine",
      [
        .paragraph(
          """
          f(x, y) = ½(x² + 1000·y²) from about (5, 5). Every ten steps Sophia is told the exact \
          curvatures, 1 and 1000, as h, with ρ·B = 1.
          """),
        .figures([
          Figure(
            [
              LineChart(
                title: "loss", x: Axis("step"), y: Axis("loss", .logarithmic),
                series: walks.map { Series($0.0, points(bowl.losses($0.1))) })
            ],
            caption: """
              Sophia begins with steps of η, like Lion, and ends with steps that shrink in \
              proportion to the distance, in both directions alike.
              """)
        ]),
        .table(table),
      ])
  }

  /// The curvature of a logistic loss, by three roads.
  private static func estimator() throws -> Section {
    // As many weights as runs: each draws labels of its own.
    let (steps, runs) = (5000, 16)
    var table = Table(
      [
        .number("p", "p"), .number("hessian", "curvature"),
        .number("sampled", "ĝ², sampled labels"), .number("data", "g², label of the data"),
      ], key: "estimator",
      caption: "one example with two classes; p: that of the right label; ĝ = p − label")
    for p in [0.5, 0.9, 0.99] {
      var random = RandomStream(seed: 12)
      var rule = bare(1e-12)
      // h as the mean over the last two thousand estimates or so.
      rule.beta2 = 0.9995
      let start = [Double](repeating: 0, count: runs)
      let walk = try Walk(
        rule, from: start, steps: steps,
        needs: .curvature { _, _ in [start.map { _ in p - (Double(random.uniform()) < p ? 1 : 0) }]
        }
      ) { _, _ in start.map { _ in p - 1 } }
      let h = (walk.states.last?["hessian"] ?? []).mean / (1 - pow(0.9995, Double(steps)))
      table.append(
        .number(p), .number(p * (1 - p)), .number(h), .number((1 - p) * (1 - p)))
    }
    return Section(
      "Why the labels are sampled",
      [
        .paragraph(
          """
          For a model that predicts the right label with probability p the curvature of the loss, \
          in the score that the model gives, is p·(1−p). Drawing a label from the model's own \
          prediction and squaring its gradient gives that on average. The training gradient, \
          squared, gives (1−p)², which is much too small once the model is good, and then the \
          steps are too long.
          """),
        .table(table),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let bowl = Bowl(curvatures: [1])
    let first = try walk(
      SophiaG(learningRate: 0.01, weightDecay: 0, batchSize: 1), bowl, from: [1], steps: 10)
    let lengths = first.stepLengths
    return [
      .init(
        "Often done: h from the squared training gradients.",
        but: """
          That is Adam's v without its root, not a curvature. ĝ must come from labels drawn from \
          the model's own predictions, or from sophia-h's products with the Hessian.
          """),
      .init(
        "Often overlooked: bs.",
        but: """
          ĝ is the gradient of a mean over B tokens, so ĝ² is B times too small, and ρ·B·h makes \
          up for it. With a wrong B, rho means something else. Left out, Descent takes the run's \
          own number.
          """),
      .init(
        "Often assumed: it is second order from the first step.",
        but: """
          Until the first estimate h is 0 and every step is η·sign(m): each of the first \
          \(lengths.count) here is \(short(lengths.max() ?? 0)) long at η = 0.01.
          """),
      .init(
        "Often written: Sophia needs the Hessian matrix.",
        but: """
          Only its diagonal, one number for each weight, and an estimate of it at the price of \
          one more gradient every k steps. With k = 10 a run takes about a tenth more time.
          """),
    ]
  }
}
