import Descent
import DescentCompute

enum CosineTopic: Topic {
  static let name = "cosine"
  static let title = "Decay of the learning rate: cosine and its relatives"
  static let summary = "Why the learning rate should fall, and what it is at each step of a cosine."
  static let aliases = ["schedule", "schedules", "cosine-annealing", "lr-decay", "annealing"]
  static let schedules = Schedules.all

  static func explanation() throws -> Explanation {
    let finals = try finals()
    return Explanation(
      question: "Why should the learning rate fall, and what does a cosine do at which step?",
      answer: """
        Batches are noisy, and a step of η moves the weights by η times the noise, too. A high \
        rate travels fast but cannot settle; a low one settles but does not get there. A falling \
        rate does one after the other: the noisy bowl below ends at a loss of \
        \(short(finals.cosine)) with a cosine and of \(short(finals.constant)) at the best \
        constant rate.
        """,
      formula: Cosine.about.formula,
      letters: """
        η: the learning rate (lr); t: the steps taken so far; W: the warmup; T: the length of the \
        run, warmup included; u: how much of the decay is over, from 0 to 1; c: 0.5, half a wave; \
        floor: the rate at the end, 0 or a share of η (floor_ratio).
        """,
      demonstrations: [finals.section, try shapes()],
      exercises: [try exercise()],
      mistakes: try mistakes(),
      advice: """
        Take cosine with a warmup of 1 to 5 % and floor_ratio 0.1, or linear to 0: both are hard \
        to beat. Leave total open and it is the length of the run. If you do not know how long \
        the run will be, take wsd, which holds the rate and falls at the end.
        """,
      recipe: """
        steps: 2000
        optimizer:
          name: adamw
          lr: 2e-4
        schedule:
          name: cosine
          warmup: 40
          floor_ratio: 0.1
        """,
      reference: """
        Loshchilov, Hutter: SGDR: Stochastic Gradient Descent with Warm Restarts, 2017, \
        arXiv:1608.03983. Defazio et al.: Optimal Linear Decay Learning Rate Schedules, 2023, \
        arXiv:2310.07831.
        """)
  }

  /// Descent in a bowl with noise, by schedule.
  private static func finals() throws -> (section: Section, constant: Double, cosine: Double) {
    let (steps, count) = (600, 60)
    // Curvatures from 1 down to 0.02; every direction has the same share of the first loss.
    let bowl = Bowl(curvatures: (0..<count).map { 1 / (1 + Double($0 % 50)) })
    func losses(_ schedule: (any Schedule)?, _ rate: Double) throws -> [Double] {
      var random = RandomStream(seed: 7)
      let walk = try Walk(
        OptimizerPlan(SGD(learningRate: rate), schedules: schedule.map { [("lr", $0)] } ?? []),
        from: bowl.curvatures.map { 2 / $0.squareRoot() }, steps: steps
      ) { t, w in bowl.gradient(t, w).map { $0 + 0.3 * Double(random.normal()) } }
      return bowl.losses(walk)
    }
    let runs: [(String, [Double])] = [
      ("constant 0.5", try losses(nil, 0.5)), ("constant 0.2", try losses(nil, 0.2)),
      ("constant 0.02", try losses(nil, 0.02)),
      ("cosine from 0.5", try losses(Cosine(total: steps), 0.5)),
      ("linear from 0.5", try losses(LinearDecay(total: steps), 0.5)),
    ]
    var table = Table(
      [
        .init("schedule"), .number("middle", "loss at step \(steps / 2)"),
        .number("last", "mean of the last 20"),
      ], key: "noisy_bowl")
    var last: [Double] = []
    for (name, losses) in runs {
      last.append(losses.suffix(20).mean)
      table.append(.text(name), .number(losses[steps / 2]), .number(last[last.count - 1]))
    }
    let section = Section(
      "Descent with noisy gradients",
      [
        .paragraph(
          """
          A bowl of \(count) directions, some steep, some flat; each gradient has noise of \
          standard deviation 0.3. The optimizer is sgd; 0.2 is about the best constant rate.
          """),
        .figures([
          Figure([
            LineChart(
              title: "loss", x: Axis("step"), y: Axis("loss", .logarithmic),
              series: runs.map { Series($0, points($1)) })
          ])
        ]),
        .table(table),
      ])
    return (section, last[1], last[3])
  }

  /// The curves of schedules.
  private static func shapes() throws -> Section {
    let total = 1000
    let schedules: [(String, any Schedule)] = [
      ("cosine", Cosine(warmup: 50, total: total)),
      ("linear", LinearDecay(warmup: 50, total: total)),
      ("cosine, floor_ratio 0.1", Cosine(warmup: 50, total: total, floorRatio: 0.1)),
    ]
    var table = Table(
      [
        .init("schedule"), .number("quarter", "at 1/4", .percent(0)),
        .number("half", "at 1/2", .percent(0)), .number("three_quarters", "at 3/4", .percent(0)),
        .number("mean", "mean over the run", .percent(1)),
      ], key: "shapes", caption: "the rate as a share of η; 1,000 steps, 50 of them warmup")
    for (name, schedule) in schedules {
      let values = (0..<total).map { schedule.value(at: $0, base: 1) }
      table.append(
        .text(name), .number(values[total / 4]), .number(values[total / 2]),
        .number(values[3 * total / 4]), .number(values.mean))
    }
    return Section(
      "The curves",
      [
        .figures([
          Figure([
            LineChart(
              title: "learning rate", x: Axis("step"), y: Axis("rate / η"),
              series: schedules.map { name, schedule in
                Series(
                  name,
                  points(
                    stride(from: 0, through: total, by: 10).map {
                      schedule.value(at: $0, base: 1)
                    }
                  ).map { Point(10 * $0.x, $0.y) })
              })
          ])
        ]),
        .table(table),
      ])
  }

  private static func exercise() throws -> Explanation.Exercise {
    let (peak, total) = (2e-4, 100_000)
    let own = Cosine(warmup: 2000, total: total, floor: 2e-5)
    let zero = Cosine(warmup: 2000, total: total, floor: 2e-5, warmupStart: .zero)
    var table = Table(
      [
        .number("step", "steps taken"), .number("lr", "lr", .significant(5)),
        .number("lr_from_zero", "with warmup_start: zero", .significant(5)),
      ], key: "values")
    for step in [0, 1000, 2000, 50_000, total - 1, total] {
      table.append(
        .count(step), .number(own.value(at: step, base: peak)),
        .number(zero.value(at: step, base: peak)))
    }
    let u = Double(50_000 - 2000) / Double(total - 2000)
    return .init(
      """
      100,000 steps, 2,000 of them warmup, then a cosine from 2e-4 down to 2e-5. What is the rate \
      after 0, 1,000, 2,000, 50,000 and 100,000 steps?
      """,
      [
        .table(table),
        .paragraph(
          """
          After 50,000 steps 48,000 of the 98,000 steps of decay are over: u = \(short(u, 4)), \
          not 0.5, since the warmup counts. lr = 2e-5 + 1.8e-4 · ½(1 + cos(π·u)) = \
          \(short(own.value(at: 50_000, base: peak), 5)). Two conventions differ in the warmup: \
          the first step has 1/2000 of the rate here and 0 at Hugging Face. The last step of the \
          run is number 100,000 and uses the rate after 99,999; the floor is reached just after \
          it.
          """),
        .preformatted(
          """
          descent schedule cosine --set lr=2e-4 --set warmup=2000 \\
            --set floor=2e-5 --total 100000 --at 0,1000,2000,50000,100000
          """),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let torch = try Schedules.make("CosineAnnealingLR", [("T_max", "100")])
    let (bare, warm) = (Cosine(total: 25_000), Cosine(warmup: 1000, total: 25_000))
    return [
      .init(
        "Often assumed: past its end a cosine stays at the floor.",
        but: """
          PyTorch's CosineAnnealingLR(T_max=100) has \(short(torch.value(at: 100, base: 1))) of \
          the rate after 100 steps, \(short(torch.value(at: 150, base: 1))) after 150 and \
          \(short(torch.value(at: 200, base: 1))) after 200: it rises again. Descent's cosine \
          stays at its floor.
          """),
      .init(
        "Often written: Llama 2 was trained for 2,000,000 steps with 2,000 steps of warmup.",
        but: """
          It saw 2 trillion tokens in batches of 4 million, which is \(grouped(Int(2e12 / 4e6))) \
          steps. The warmup of 2,000 steps and the floor of a tenth of the peak are as written.
          """),
      .init(
        "Often done: giving the curve another length than the run.",
        but: """
          A cosine for 10,000 steps in a run of 5,000 ends at half the rate and never settles; in \
          a run of 20,000 the second half stands still. Leave total open, or let descent lint \
          look at the recipe.
          """),
      .init(
        "Often done: calling the scheduler once per epoch with lengths in steps.",
        but: """
          In 50 epochs of 500 steps it is then asked 50 times, not 25,000 times. A cosine without \
          warmup ends at \(percent(bare.value(at: 49, base: 1), 0)) of the peak, it has hardly \
          fallen; one with 1,000 steps of warmup at \(percent(warm.value(at: 49, base: 1), 0)), \
          it has hardly risen.
          """),
    ]
  }
}
