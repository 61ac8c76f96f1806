import Descent
import DescentCompute

enum ScheduleFreeTopic: Topic {
  static let name = "schedule-free"
  static let title = "Schedule-Free"
  static let summary =
    "How an average of the weights replaces a falling rate, and which of three points to keep."
  static let aliases = ["averaging"]
  static let rules: [any Rule.Type] = [ScheduleFreeSGD.self, ScheduleFreeAdamW.self, ASGD.self]

  /// As many bowls of two directions as runs, each with noise of its own: rules that treat every
  /// weight by itself do all runs at once.
  private static let runs = 100
  private static let bowl = Bowl(curvatures: (0..<runs).flatMap { _ in [1, 10] })
  private static let (steps, tail, η) = (2000, 200, 0.02)

  /// The mean loss of the runs.
  private static func loss(_ w: [Double]) -> Double { bowl.loss(w) / Double(runs) }

  /// SGD and its relatives in bowls with noisy gradients.
  private static func walk(
    _ rule: some Rule, schedule: (any Schedule)? = nil, steps: Int = steps
  ) throws -> Walk {
    var random = RandomStream(seed: 10)
    let plan = OptimizerPlan(rule, schedules: schedule.map { [("lr", $0)] } ?? [])
    return try Walk(plan, from: (0..<runs).flatMap { _ in [3, 1] }, steps: steps) { t, w in
      bowl.gradient(t, w).map { $0 + Double(random.normal()) }
    }
  }

  /// The mean of the last steps.
  private static func mean(_ losses: [Double]) -> Double { losses.suffix(tail).mean }

  /// The mean loss of the last steps.
  private static func last(_ walk: Walk) -> Double { mean(walk.evaluated.map(loss)) }

  static func explanation() throws -> Explanation {
    let free = try walk(ScheduleFreeSGD(learningRate: η))
    let cosine = try walk(SGD(learningRate: η), schedule: Cosine(total: steps))
    let both = try walk(ScheduleFreeSGD(learningRate: η), schedule: Cosine(total: steps))
    let (x, y, z) = losses(free)
    return Explanation(
      question: """
        A falling learning rate needs to know when training ends. How does Schedule-Free do \
        without one, and which weights does one keep?
        """,
      answer: """
        It keeps the rate up and averages the weights instead: averaging quiets noise as a small \
        rate would. There are three points: z takes the steps, x is the average of all z so far, \
        and y, between them, is where gradients are taken. x is the result: below, its loss is \
        \(short(mean(x))) where z has \(short(mean(z))). The weights that lie in memory during \
        training are y; whoever evaluates or saves those gets another model, here with \
        \(short(mean(y))).
        """,
      formula: """
        y = (1−β)·z + β·x            the gradient g is taken here
        z ← z − η·g
        x ← (1−c)·x + c·z            c = 1/k at a constant rate
        """,
      letters: """
        z: what steps; x: the average, to evaluate and to keep; y: where gradients are taken, and \
        what is stored; k: the step, from 1; c = η₊ᵖ/Σ η₊ᵖ: the weight of this step, with η₊ the \
        largest rate so far and p = 2 (weight_lr_power); β = 0.9 (the first of betas, or \
        momentum). schedule-free-adamw divides g by √v as AdamW does.
        """,
      demonstrations: [
        threePoints(free), try comparison(free, cosine, both), anytime(free, cosine), try weights(),
      ],
      exercises: [try equivalence()],
      mistakes: mistakes(free, both),
      advice: """
        Take no schedule; set warmup_steps instead, to 1 to 5 % of the run. lr may be 1 to 10 \
        times AdamW's. Descent evaluates, reports and saves x by itself, and training goes on \
        from y. Statistics of BatchNorm belong to y: collect them anew for x.
        """,
      recipe: """
        optimizer:
          name: schedule-free-adamw
          lr: 2.5e-3
          betas: [0.9, 0.999]
          warmup_steps: 100
        """,
      reference: """
        Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky: The Road Less Scheduled, 2024, \
        arXiv:2405.15682.
        """)
  }

  private static func losses(_ free: Walk) -> (x: [Double], y: [Double], z: [Double]) {
    (
      free.evaluated.map(loss), free.weights.map(loss),
      free.states.compactMap { $0["z"] }.map(loss)
    )
  }

  private static func threePoints(_ free: Walk) -> Section {
    let (x, y, z) = losses(free)
    func thinned(_ values: [Double]) -> [Point] {
      stride(from: 9, to: values.count, by: 10).map { i in
        Point(Double(i + 1), values[(i - 9)...i].reduce(0, +) / 10)
      }
    }
    return Section(
      "Three points in a noisy bowl",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "loss at the three points", x: Axis("step"),
                y: Axis("loss", .logarithmic),
                series: [
                  Series("z, what steps", thinned(z)), Series("y, what is stored", thinned(y)),
                  Series("x, the average", thinned(x)),
                ])
            ],
            caption:
              """
              f = ½(w₁² + 10·w₂²), gradients with noise of 1, η = \(short(η)); means of \(runs) \
              runs and over 10 steps.
              """
          )
        ]),
        .facts([
          Fact("loss at z, last \(tail) steps", .number(mean(z)), key: "loss_z"),
          Fact("at y", .number(mean(y)), key: "loss_y"),
          Fact("at x", .number(mean(x)), key: "loss_x"),
        ]),
      ])
  }

  private static func comparison(
    _ free: Walk, _ cosine: Walk, _ both: Walk
  ) throws -> Section {
    var table = Table(
      [.init("optimizer"), .number("last", "loss, last \(tail) steps")], key: "comparison",
      caption: "the mean of \(runs) runs")
    let rows: [(String, Walk)] = [
      ("sgd, constant rate", try walk(SGD(learningRate: η))),
      ("sgd, cosine to 0", cosine),
      ("schedule-free-sgd, x", free),
      (
        "schedule-free-sgd, rate 5 times as high, x",
        try walk(ScheduleFreeSGD(learningRate: 5 * η))
      ),
      ("schedule-free-sgd with a cosine, x", both),
    ]
    for (name, walk) in rows { table.append(.text(name), .number(last(walk))) }
    return Section(
      "Against a schedule",
      [
        .table(table),
        .paragraph(
          """
          In this bowl x ends at \(short(last(free) / last(cosine), 2)) times the loss of the \
          cosine, which knew the number of steps: the mean of all z still holds the first ones. \
          Without either, noise keeps the loss far higher. A rate five times as high makes little \
          difference to x.
          """),
      ])
  }

  private static func anytime(_ free: Walk, _ cosine: Walk) -> Section {
    let (free, cosine) = (free.evaluated.map(loss), cosine.evaluated.map(loss))
    var table = Table(
      [.number("step", "stopped after"), .number("cosine"), .number("free", "schedule-free, x")],
      key: "anytime",
      caption: """
        mean loss of the 100 steps before, where the run was planned for \(steps); the mean of \
        \(runs) runs
        """)
    for step in [500, 1000, 1500, 2000] {
      func mean(_ losses: [Double]) -> Double {
        losses[(step - 99)...step].mean
      }
      table.append(.ordinal(step), .number(mean(cosine)), .number(mean(free)))
    }
    return Section(
      "Stopping at any time",
      [
        .paragraph(
          """
          A cosine pays off at its end. The average needs no number of steps: it is worse at \
          first, while it still holds the way down, overtakes the cosine in the middle, and loses \
          to it only at the planned end.

          """),
        .table(table),
      ])
  }

  private static func weights() throws -> Section {
    func shares(_ rule: ScheduleFreeSGD, _ schedule: (any Schedule)? = nil) throws -> [Double] {
      try walk(rule, schedule: schedule, steps: 1000).metrics.compactMap {
        $0["schedule_free_weight"]
      }
    }
    let plain = try shares(ScheduleFreeSGD(learningRate: η))
    let warm = try shares(ScheduleFreeSGD(learningRate: η, warmupSteps: 100))
    let falling = try shares(ScheduleFreeSGD(learningRate: η), Cosine(total: 1000))
    var table = Table(
      [
        .number("step"), .number("plain", "no warmup"), .number("warm", "100 steps of warmup"),
        .number("falling", "under a cosine"),
      ], key: "weights", caption: "c, the weight of a step in the average when it is taken")
    for step in [1, 10, 100, 1000] {
      table.append(
        .ordinal(step), .number(plain[step - 1]), .number(warm[step - 1]),
        .number(falling[step - 1]))
    }
    return Section(
      "How the average is weighted",
      [
        .paragraph(
          """
          c = 1/k makes x the plain mean of all z. During warmup later steps count more, since η₊ \
          still rises. When a schedule lowers the rate, η₊ stays, and c with it.
          """),
        .table(table),
      ])
  }

  private static func equivalence() throws -> Explanation.Exercise {
    let count = 50
    let free = try walk(ScheduleFreeSGD(learningRate: η), steps: count)
    let zs = free.states.compactMap { $0["z"] }
    let means = zs[0].indices.map { i in zs.map { $0[i] }.mean }
    let difference = zip(means, free.evaluated[count]).map { abs($0 - $1) }.max() ?? 0
    return .init(
      "Only y and z are stored. Where is x?",
      [
        .paragraph(
          """
          It follows from them: y = (1−β)·z + β·x, so x = y + (1 − 1/β)·(z − y). After \(count) \
          steps at a constant rate it is the mean of the \(count) z's: the difference is \
          \(short(difference.withoutRounding())) but for rounding.
          """)
      ])
  }

  private static func mistakes(_ free: Walk, _ both: Walk) -> [Explanation.Mistake] {
    [
      .init(
        "Often done: saving or testing the weights as they lie in memory.",
        but: """
          They are y. The published package switches them with optimizer.eval() and \
          optimizer.train(), and forgetting the first is its most frequent mistake. Here \
          evaluations and checkpoints' results are x, always.
          """),
      .init(
        "Often done: a cosine on top, to be safe.",
        but: """
          It makes x worse: above it has a loss of \(short(last(free))) without a cosine and \
          \(short(last(both))) with one. c does not follow the schedule, so x still holds the way \
          down while ever shorter steps add less and less that is new. And the length of the run \
          has to be known after all, which is what Schedule-Free is there to avoid.
          """),
      .init(
        "Often written: β₁ = 0.9 is its momentum.",
        but: """
          There is no first moment. β says where between z (0) and x (1) the gradient is taken. \
          The effect resembles momentum, since y lags behind z.
          """),
      .init(
        "Often left out: warmup.",
        but: """
          The mean of all z's contains the first ones too. Steps during warmup count less, with \
          η₊². Use warmup_steps of the optimizer, not a schedule's.
          """),
    ]
  }
}
