import Descent
import DescentCompute

enum LionTopic: Topic {
  static let name = "lion"
  static let title = "Lion"
  static let summary = "What a step by signs does, why Lion has two betas, and which rate it wants."
  static let aliases = ["sign", "signsgd", "cautious-lion", "cautious"]
  static let rules: [any Rule.Type] = [Lion.self]

  static func explanation() throws -> Explanation {
    let lengths = try stepLengths()
    return Explanation(
      question:
        "What does Lion do with the size of a gradient, and which learning rate does it want?",
      answer: """
        It throws the size away: every weight moves by exactly η, up or down, at every step. The \
        sign is that of an average of gradients, made for this step from 90 % memory and 10 % of \
        the new gradient. Adam's steps become shorter where gradients disagree; Lion's do not. In \
        the run below Lion moves the weights \(short(lengths.ratio, 2)) times as far as AdamW at \
        the same rate, and more where gradients are noisier: hence the advice to make its rate 3 \
        to 10 times smaller. It keeps one number for each weight where AdamW keeps two.
        """,
      formula: """
        w ← w·(1 − η·λ)
        c = β₁·m + (1−β₁)·g
        w ← w − η·sign(c)
        m ← β₂·m + (1−β₂)·g
        """,
      letters: """
        w: the weights; g: the gradient; m: the average that is kept, 0 at the start; c: the \
        interpolation whose sign is taken, which is not kept; β₁ = 0.9, β₂ = 0.99 (betas); η: the \
        learning rate; λ: weight decay. The sign of 0 is 0.
        """,
      demonstrations: [try equalSteps(), try twoBetas(), lengths.section, try floor()],
      mistakes: try mistakes(),
      advice: """
        Divide AdamW's learning rate by 3 to 10 and multiply its weight_decay by the same number: \
        decay shrinks weights by η·λ a step, and that product should stay. Use a schedule that \
        ends near 0, and batches that are not small. cautious_factor multiplies the steps of \
        weights whose sign goes against the present gradient: 1 unless it is set, and 0 leaves \
        them out.
        """,
      recipe: """
        optimizer:
          name: lion
          lr: 1e-4                 # where AdamW has 3e-4 to 1e-3
          betas: [0.9, 0.99]
          weight_decay: 0.3        # where AdamW has 0.03 to 0.1
        schedule:
          name: cosine
          warmup: 100
        """,
      reference: """
        Chen et al.: Symbolic Discovery of Optimization Algorithms, 2023, arXiv:2302.06675. \
        Liang, Chen, Liu, Liu: Cautious Optimizers, 2024, arXiv:2411.16085.
        """)
  }

  /// Weights with gradients of different sizes.
  private static func equalSteps() throws -> Section {
    let (gradients, η) = ([100, 1, 0.01, 0], 1e-3)
    var table = Table(
      [
        .init("optimizer"), .number("large", "g = 100"), .number("middle", "g = 1"),
        .number("small", "g = 0.01"), .number("none", "g = 0"),
      ], key: "moved", caption: "how far each weight has moved after 10 steps at η = \(short(η))")
    func add(_ name: String, _ rule: some Rule) throws {
      let walk = try Walk(rule, from: [0, 0, 0, 0], steps: 10) { _, _ in gradients }
      table.append([.text(name)] + walk.weights[10].map { .number(abs($0)) })
    }
    try add("sgd", SGD(learningRate: η))
    try add("lion", Lion(learningRate: η))
    return Section("Every weight moves alike", [.table(table)])
  }

  /// The steps until the direction turns after the gradient has.
  private static func delay(_ betas: (Double, Double)) throws -> Int {
    let before = 1000
    let walk = try Walk(Lion(learningRate: 1, betas: betas), from: [0], steps: before + 200) {
      t, _ in
      [t <= before ? 1 : -1]
    }
    let w = walk.coordinate(0)
    return (0..<200).first { w[before + $0 + 1] > w[before + $0] } ?? 200
  }

  /// The share of steps that go down a slope that is hidden in noise.
  private static func share(_ betas: (Double, Double), noise σ: Double) throws -> Double {
    // As many weights as runs: each has noise of its own.
    let (steps, runs) = (1000, 32)
    var random = RandomStream(seed: 2)
    let start = [Double](repeating: 0, count: runs)
    let walk = try Walk(Lion(learningRate: 1, betas: betas), from: start, steps: steps) { _, w in
      w.map { _ in 1 + σ * Double(random.normal()) }
    }
    return (0..<runs).map { run in
      let w = walk.coordinate(run)
      return Double((200..<steps).count { w[$0 + 1] < w[$0] }) / Double(steps - 200)
    }.mean
  }

  private static func twoBetas() throws -> Section {
    var table = Table(
      [
        .init("betas", "β₁, β₂"), .number("delay", "steps until it turns"),
        .number("share", "steps downhill in noise", .percent(0)),
      ], key: "betas",
      caption: "the gradient changes from 1 to −1; then gradients of mean 1 with noise of 5")
    for betas in [(0.9, 0.99), (0.99, 0.99), (0.9, 0.9), (0, 0.99)] {
      table.append(
        .text("\(short(betas.0)), \(short(betas.1))"), .ordinal(try delay(betas)),
        .number(try share(betas, noise: 5)))
    }
    return Section(
      "Why two betas",
      [
        .paragraph(
          """
          m forgets slowly (β₂), which averages noise away. The step listens to the new gradient \
          more than m does (β₁), so it turns sooner. One β for both would have to choose: with \
          0.99 it is the sign of m itself, which turns later; with 0.9 it turns soon but follows \
          the noise.
          """),
        .table(table),
      ])
  }

  /// Step lengths in a real run.
  private static func stepLengths() throws -> (section: Section, ratio: Double) {
    let steps = 150
    func run(_ name: String, _ rate: Double) throws -> SmallRun {
      try SmallRun(
        ["optimizer.name=\(name)", "optimizer.lr=\(rate)", "optimizer.weight_decay=0"],
        steps: steps)
    }
    let (adamw, lion, low) = (
      try run("adamw", 1e-3), try run("lion", 1e-3), try run("lion", 2e-4)
    )
    func mean(_ run: SmallRun) -> Double { run.moves.suffix(50).mean }
    let runs = [
      ("adamw, lr 0.001", adamw, 1e-3), ("lion, lr 0.001", lion, 1e-3),
      ("lion, lr 0.0002", low, 2e-4),
    ]
    var table = Table(
      [
        .init("run"), .number("step", "size of a step"), .number("in_rates", "in units of η"),
        .number("last", "loss, last 20"),
      ], key: "run_lengths", caption: "root mean square of the change, steps 101 to 150")
    for (name, run, rate) in runs {
      table.append(
        .text(name), .number(mean(run)), .number(mean(run) / rate),
        .number(run.losses.suffix(20).mean))
    }
    let section = Section(
      "The learning rate in a real run",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "root mean square of a step", x: Axis("step"),
                y: Axis("length", .logarithmic),
                series: runs.map { Series($0.0, points($0.1.moves, from: 1)) })
            ],
            caption:
              "A small network on digits. AdamW's steps shrink as gradients begin to disagree. In a run as short as this long steps help."
          )
        ]),
        .table(table),
      ])
    return (section, mean(lion) / mean(adamw))
  }

  /// How near to a minimum it gets.
  private static func floor() throws -> Section {
    let bowl = Bowl(curvatures: [1, 100])
    var table = Table(
      [
        .init("optimizer"), .number("rate", "η"),
        .number("distance", "distance from the minimum, last 50 steps"),
      ], key: "floor", caption: "f(x, y) = ½(x² + 100·y²) from (1, 1), 2,000 steps")
    func add(_ name: String, _ rule: some Rule, _ rate: Double, schedule: (any Schedule)? = nil)
      throws
    {
      let plan = OptimizerPlan(rule, schedules: schedule.map { [("lr", $0)] } ?? [])
      let walk = try Walk(plan, from: [1, 1], steps: 2000, bowl.gradient)
      let distance =
        walk.weights.suffix(50).map { ($0[0] * $0[0] + $0[1] * $0[1]).squareRoot() }.mean
      table.append(.text(name), .number(rate), .number(distance))
    }
    try add("lion", Lion(learningRate: 1e-2), 1e-2)
    try add("lion", Lion(learningRate: 1e-3), 1e-3)
    try add("lion, cosine to 0", Lion(learningRate: 1e-2), 1e-2, schedule: Cosine(total: 2000))
    return Section(
      "It never comes to rest by itself",
      [
        .paragraph(
          """
          Near a minimum gradients are small, but the step is as long as ever: Lion circles the \
          minimum at a distance that is proportional to η. Only a falling learning rate brings it \
          closer.
          """),
        .table(table),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let (steps, runs) = (200, 64)
    func walk(_ betas: (Double, Double)) throws -> Walk {
      var random = RandomStream(seed: 4)
      let start = [Double](repeating: 0.05, count: runs)
      return try Walk(Lion(learningRate: 1e-3, betas: betas), from: start, steps: steps) { _, w in
        w.map { $0 + 0.2 * Double(random.normal()) }
      }
    }
    let (lion, ofM) = (try walk((0.9, 0.99)), try walk((0.99, 0.99)))
    let apart = (0..<runs).map { run in
      zip(lion.coordinate(run), ofM.coordinate(run)).map { abs($0 - $1) }.max() ?? 0
    }.mean
    let first = try Walk(Lion(learningRate: 1e-3), from: [0], steps: 1) { _, _ in [1e-6] }
    return [
      .init(
        "Often written: w ← w − η·sign(m).",
        but: """
          The sign is that of c = β₁·m + (1−β₁)·g, made from the m of the step before, and m is \
          updated afterwards with another β. On a noisy bowl with η = 0.001 the two get \
          \(short(apart, 2)) apart within \(steps) steps, \(short(apart / 1e-3, 2)) steps' worth, \
          in the mean of \(runs) runs.
          """),
      .init(
        "Often asked: what is β₂ for, without a second moment?",
        but: """
          Both betas belong to the first: β₁ mixes m and the gradient into the step, β₂ says how \
          slowly m forgets. Lion has no second moment; the sign takes its place.
          """),
      .init(
        "Often done: keeping AdamW's learning rate and decay.",
        but: """
          At the same rate its steps are several times as long, and they stay so to the end. \
          Lowering the rate alone weakens the decay: at a fifth of the rate it takes five times \
          the λ to keep η·λ.
          """),
      .init(
        "Often assumed: the first steps need a bias correction, as Adam's do.",
        but: """
          m is too small at first, but a sign does not mind: the first step is η long, here \
          \(short(abs(first.weights[1][0]))) for a gradient of 1e-6.
          """),
    ]
  }
}
