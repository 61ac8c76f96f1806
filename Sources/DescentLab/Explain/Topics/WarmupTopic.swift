import Descent

enum WarmupTopic: Topic {
  static let name = "warmup"
  static let title = "Warmup, and what loss curves say of the learning rate"
  static let summary =
    "Why the loss may jump up in the first steps, and what a slow start does to it."
  static let aliases = ["lr", "learning-rate", "linear-warmup", "loss-curve"]
  static let schedules: [any Schedule.Type] = [LinearWarmup.self]

  /// A learning rate that is too high for the first steps alone.
  private static let rate = 0.2

  static func explanation() throws -> Explanation {
    let steps = 100
    func run(_ rate: Double, warmup: Int = 0, steps: Int = steps) throws -> SmallRun {
      try SmallRun(
        ["optimizer.lr=\(rate)", "schedule.name=warmup", "schedule.warmup=\(warmup)"],
        steps: steps)
    }
    let (cold, warm) = (try run(rate), try run(rate, warmup: 40))
    return Explanation(
      question:
        "Why does the loss sometimes shoot up in the first steps, and why does warmup help?",
      answer: """
        Adam's first steps are its longest: with little to average, every weight moves by almost \
        exactly η, all of them in the direction of one batch's gradient. At a high learning rate \
        that throws the network off before it has learned anything. Warmup makes those steps \
        short: the rate rises from near 0 to its full value.
        """,
      formula: LinearWarmup.about.formula,
      letters: """
        η: the learning rate; t: the steps taken so far, so the first step uses t = 0; W: the \
        length of the warmup. Two conventions: the first step uses η/W (one) or 0 (zero).
        """,
      demonstrations: [firstSteps(cold, warm), moves(cold), try rates(run)],
      exercises: [exercise(cold, warm)],
      mistakes: try mistakes(),
      advice: """
        Warm up over 1 to 5 % of the run; with adam's betas 0.9, 0.999 at least some hundred \
        steps in a long run. If the loss jumps at the start, make the warmup longer before you \
        lower the rate. Most schedules have a warmup of their own.
        """,
      recipe: """
        optimizer:
          name: adamw
          lr: 1e-3
        schedule:
          name: cosine
          warmup: 100
        """,
      reference: """
        Goyal et al.: Accurate, Large Minibatch SGD, 2017, arXiv:1706.02677. Liu et al.: On the \
        Variance of the Adaptive Learning Rate and Beyond, 2020, arXiv:1908.03265. Kalra, \
        Barkeshli: Why Warmup the Learning Rate?, 2024, arXiv:2406.09405.
        """)
  }

  private static func firstSteps(_ cold: SmallRun, _ warm: SmallRun) -> Section {
    Section(
      "The first steps of a real run",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "training loss of a small network on digits, adamw, lr \(rate)",
                x: Axis("step"), y: Axis("loss", .logarithmic),
                series: [
                  Series("no warmup", points(cold.smoothLosses(over: 3), from: 1)),
                  Series("warmup over 40 steps", points(warm.smoothLosses(over: 3), from: 1)),
                ])
            ], caption: "The same weights and the same batches; from step 11 on means over 3 steps."
          )
        ]),
        .facts([
          Fact("first loss", .number(cold.losses[0]), key: "first_loss"),
          Fact(
            "largest loss without warmup", .number(cold.losses.max() ?? 0), key: "largest_cold"),
          Fact("largest loss with it", .number(warm.losses.max() ?? 0), key: "largest_warm"),
        ]),
      ])
  }

  private static func moves(_ cold: SmallRun) -> Section {
    let lengths = cold.moves.map { $0 / rate }
    return Section(
      "How far the weights move",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "root mean square of a step, in units of η", x: Axis("step"),
                y: Axis("length / η"), series: [Series("no warmup", points(lengths, from: 1))])
            ],
            caption: """
              The first step moves all weights that have a gradient by η; later gradients \
              disagree, and steps are shorter.
              """)
        ]),
        .facts([
          Fact("step 1", .number(lengths[0]), key: "move_first", unit: "η"),
          Fact(
            "step \(lengths.count)", .number(lengths[lengths.count - 1]), key: "move_later",
            unit: "η"),
        ]),
      ])
  }

  /// Loss curves by learning rate.
  private static func rates(_ run: (Double, Int, Int) throws -> SmallRun) throws -> Section {
    let rates = [1e-5, 3e-3, 1]
    let names = ["too low", "about right", "too high"]
    let runs = try rates.map { try run($0, 0, 150) }
    var table = Table(
      [
        .init("verdict", ""), .number("lr"), .number("first", "first loss"),
        .number("last", "mean of the last 20"), .number("largest", "largest"),
      ], key: "rates")
    for (index, run) in runs.enumerated() {
      let last = run.losses.suffix(20)
      table.append(
        .text(names[index]), .number(rates[index]), .number(run.losses.first ?? 0),
        .number(last.mean), .number(run.losses.max() ?? 0))
    }
    return Section(
      "Reading a loss curve",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "training loss by learning rate", x: Axis("step"),
                y: Axis("loss", .logarithmic),
                series: zip(runs, zip(names, rates)).map { run, label in
                  Series(
                    "\(label.0): lr \(short(label.1))", points(run.smoothLosses(over: 5), from: 1))
                })
            ], caption: "adamw without warmup; from step 11 on means over 5 steps.")
        ]),
        .table(table),
        .list([
          "Too low: the loss falls in a straight, slow line. Multiply the rate by 3 to 10.",
          "About right: it falls fast, then bends.",
          "Too high: it jumps up, then stays high and restless, or is no number in the end. Divide by 3 to 10.",
          "High only at the start: it jumps up and comes back. Lengthen the warmup.",
        ]),
      ])
  }

  private static func exercise(_ cold: SmallRun, _ warm: SmallRun) -> Explanation.Exercise {
    let peak = cold.losses.indices.max { cold.losses[$0] < cold.losses[$1] } ?? 0
    let back = cold.losses.indices.dropFirst(peak).first { cold.losses[$0] < cold.losses[0] }
    return .init(
      "The loss rises sharply in the first steps and then begins to fall. Why, and what to do?",
      [
        .paragraph(
          """
          The learning rate is too high for the first steps, not for the rest. Above, without \
          warmup, the loss rises from \(short(cold.losses[0])) to \(short(cold.losses[peak])) at \
          step \
          \(peak + 1)\(back.map { " and is below its start again at step \($0 + 1)" } ?? ""). \
          With 40 steps of warmup and the same rate it never exceeds \
          \(short(warm.losses.max() ?? 0)).
          """),
        .list([
          "First lengthen the warmup: double it, up to 5 % of the run.",
          """
          If the jump is still there, lower the rate; clip.norm 1, a limit on gradients (topic \
          clipping), limits the damage of single batches.
          """,
          "Look at adam's betas: 0.95 for the second makes it forget the first gradients in 20 steps, not 1000.",
          "If the loss comes back higher than it was, the jump has cost something: start again rather than wait.",
        ]),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let (one, zero) = (LinearWarmup(warmup: 100), LinearWarmup(warmup: 100, warmupStart: .zero))
    return [
      .init(
        "Often written: warmup is needed because m and v start at 0.",
        but: """
          The bias correction settles that. What remains is that v is an average of very few \
          squares: it says little about the gradients to come, and all weights step at once.
          """),
      .init(
        "Often written: warmup is needed because LayerNorm's statistics are not accurate at first.",
        but: """
          LayerNorm and RMSNorm keep no statistics: they normalize each example by itself. Only \
          BatchNorm averages over steps, and training does not use those averages.
          """),
      .init(
        "Often overlooked: the first step of some warmups does nothing.",
        but: """
          At Hugging Face the first of 100 steps has the rate \
          \(short(zero.value(at: 0, base: 1)))·η; here it is \
          \(short(one.value(at: 0, base: 1)))·η, unless warmup_start is zero.
          """),
      .init(
        "Often done: calling the scheduler once per epoch.",
        but: """
          A warmup of 100 then lasts 100 epochs, and the run is over before the full rate is \
          reached. Warmup counts optimizer steps; descent schedule --recipe FILE prints the true \
          curve.
          """),
      .init(
        "Often done: warming up Prodigy or Schedule-Free as if they were AdamW.",
        but: """
          Both come later in the course. Prodigy finds its own rate, from a tiny one up, which is \
          a warmup of its own. Schedule-Free has a setting warmup_steps and wants no schedule \
          around it.
          """),
    ]
  }
}
