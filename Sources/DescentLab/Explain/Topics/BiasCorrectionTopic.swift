import Descent
import DescentCompute
import Foundation

enum BiasCorrectionTopic: Topic {
  static let name = "bias-correction"
  static let title = "Adam and its bias correction"
  static let summary = "Why Adam divides its averages by 1−βᵗ, and what happens without it."
  static let aliases = ["ema", "moments", "bias", "beta", "beta1", "beta2"]
  static let rules: [any Rule.Type] = [Adam.self, NAdam.self, RAdam.self, Adamax.self]

  static func explanation() throws -> Explanation {
    let long = 3000
    let corrected = try lengths(Adam(learningRate: 1), steps: long)
    let bare = try lengths(Adam(learningRate: 1, biasCorrection: false), steps: long)
    let peak = bare.enumerated().max { $0.element < $1.element } ?? (0, 0)
    return Explanation(
      question: "Why does Adam divide its averages by 1−βᵗ, and does it matter?",
      answer: """
        The averages m and v start at 0, so at first they hold only a part of an average: after t \
        steps their weights add up to 1−βᵗ, not to 1. Dividing by that makes them true averages \
        from the first step on. Without it m is too small, but √v is smaller still: the first \
        step is \(short(bare[0])) times too long, step \(peak.offset + 1) even \
        \(short(peak.element)) times, and it takes thousands of steps until the difference is \
        gone.
        """,
      formula: Adam.about.formula,
      letters: """
        w: the weights; g: the gradient; η: the learning rate; m: the average of g; v: the \
        average of g²; β₁, β₂: what they keep at each step, 0.9 and 0.999 (betas); t: the number \
        of the step, from 1; λ: weight decay, here 0; ε: keeps the division finite. Lines that \
        begin with a word are settings, none of which is on here: coupled is weight decay by way \
        of the gradient, decoupled that of adamw (the next topic), amsgrad keeps the largest v so \
        far.
        """,
      demonstrations: [try averages(), stepLengths(corrected, bare), try window(), try realRun()],
      exercises: [try stepOneAndHundred(), try gradientOfFive()],
      mistakes: try mistakes(bare, peak: (peak.offset + 1, peak.element)),
      advice: """
        Leave it on. To see what it does, switch it off in adam or adamw and compare two runs. \
        Where a library has none (MLX leaves it off unless asked), warm the learning rate up over \
        a few times 1/(1−β₂) steps.
        """,
      recipe: """
        optimizer:
          name: adam
          lr: 1e-3
          betas: [0.9, 0.999]
          bias_correction: false    # to see what happens; true unless it is set
        """,
      reference: "Kingma, Ba: Adam: A Method for Stochastic Optimization, 2015, arXiv:1412.6980.")
  }

  /// How long each step is where every gradient is 1.
  private static func lengths(_ rule: Adam, steps: Int) throws -> [Double] {
    try Walk(rule, from: [0], steps: steps) { _, _ in [1] }.stepLengths
  }

  /// The averages of a noisy gradient, as they are and corrected.
  private static func averages() throws -> Section {
    let steps = 60
    var random = RandomStream(seed: 3)
    let noisy = (0..<steps).map { _ in 1 + 0.3 * Double(random.normal()) }
    let walk = try Walk(Adam(learningRate: 1e-3), from: [0], steps: steps) { t, _ in [noisy[t - 1]]
    }
    let m = walk.state("exp_avg")
    let corrected = m.enumerated().map { $1 / (1 - pow(0.9, Double($0 + 1))) }
    return Section(
      "The average of a gradient around 1",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "the average of noisy gradients, β₁ = 0.9", x: Axis("step"),
                y: Axis("value"),
                series: [
                  Series("gradient", points(noisy, from: 1), .faint),
                  Series("m, biased towards 0", points(m, from: 1)),
                  Series("m/(1−β₁ᵗ), corrected", points(corrected, from: 1)),
                ])
            ],
            caption:
              "The corrected average is near 1 from the first step; m takes some 30 to get there."
          )
        ])
      ])
  }

  private static func stepLengths(_ corrected: [Double], _ bare: [Double]) -> Section {
    var table = Table(
      [.number("step"), .number("corrected"), .number("uncorrected", "without correction")],
      key: "step_lengths", caption: "the length of a step, in units of η, where every gradient is 1"
    )
    for step in [1, 2, 10, 100, 1000, 3000] {
      table.append(.ordinal(step), .number(corrected[step - 1]), .number(bare[step - 1]))
    }
    return Section(
      "The length of a step",
      [
        .figures([
          Figure([
            LineChart(
              title: "length of a step", x: Axis("step", .logarithmic), y: Axis("length / η"),
              series: [
                Series("corrected", points(corrected, from: 1)),
                Series("without correction", points(bare, from: 1)),
              ])
          ])
        ]),
        .table(table),
      ])
  }

  /// How far back an average looks.
  private static func window() throws -> Section {
    var table = Table(
      [
        .number("beta", "β"), .number("window", "1/(1−β) steps"),
        .number("share", "share of the last so many", .percent(1)),
        .number("half", "half forgotten after", .significant(3)),
      ], key: "windows")
    for β in [0.9, 0.95, 0.99, 0.999] {
      let window = (1 / (1 - β)).rounded()
      // Of ones after many zeros: the average is the weight of the ones.
      let walk = try Walk(
        Adam(learningRate: 0, betas: (0, β)), from: [0], steps: 4 * Int(window)
      ) { t, _ in [t <= 3 * Int(window) ? 0 : 1] }
      let share = walk.state("exp_avg_sq").last ?? 0
      table.append(
        .number(β), .count(Int(window)), .number(share), .number(log(0.5) / log(β)))
    }
    return Section(
      "How far back an average looks",
      [
        .paragraph(
          """
          An average with β looks back about 1/(1−β) steps: they carry some 63 % of its weight. \
          Until that many steps are taken, the correction matters.
          """),
        .table(table),
      ])
  }

  private static func realRun() throws -> Section {
    let steps = 120
    func run(_ correction: Bool) throws -> SmallRun {
      try SmallRun(
        [
          "optimizer.name=adam", "optimizer.lr=0.05", "optimizer.bias_correction=\(correction)",
        ], steps: steps
      )
    }
    let (on, off) = (try run(true), try run(false))
    return Section(
      "In a real run",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "training loss of a small network on digits, lr 0.05", x: Axis("step"),
                y: Axis("loss", .logarithmic),
                series: [
                  Series("corrected", points(on.smoothLosses(over: 5), from: 1)),
                  Series("without correction", points(off.smoothLosses(over: 5), from: 1)),
                ])
            ],
            caption: "Same weights, same data, same rate; from step 11 on means over 5 steps.")
        ]),
        .facts([
          Fact("the first loss", .number(on.losses[0]), key: "first_loss"),
          Fact(
            "the largest, corrected", .number(on.losses.max() ?? 0), key: "largest_corrected"),
          Fact(
            "the largest, without correction", .number(off.losses.max() ?? 0),
            key: "largest_uncorrected"),
        ]),
      ])
  }

  private static func stepOneAndHundred() throws -> Explanation.Exercise {
    let walk = try Walk(Adam(learningRate: 1e-3), from: [0], steps: 100) { _, _ in [1] }
    let (m, v) = (walk.state("exp_avg"), walk.state("exp_avg_sq"))
    var table = Table(
      [
        .number("step"), .number("m", "m / g", .significant(6)),
        .number("m_hat", "corrected", .significant(6)),
        .number("m_factor", "factor", .significant(6)),
        .number("v", "v / g²", .significant(6)), .number("v_hat", "corrected", .significant(6)),
        .number("v_factor", "factor", .significant(6)),
      ], key: "moments")
    for step in [1, 100] {
      let t = Double(step)
      let (a, b) = (1 - pow(0.9, t), 1 - pow(0.999, t))
      table.append(
        .ordinal(step), .number(m[step - 1]), .number(m[step - 1] / a), .number(1 / a),
        .number(v[step - 1]), .number(v[step - 1] / b), .number(1 / b))
    }
    return .init(
      """
      With β₁ = 0.9 and β₂ = 0.999, how much does the correction change m and v at step 1? And at \
      step 100?
      """,
      [
        .table(table),
        .paragraph(
          """
          With a steady gradient g, step 1 makes m ten times and v a thousand times larger. At \
          step 100 m is right to a few parts in 100,000, but v still holds only \
          \(percent(v[99], 1)) of its value and is multiplied by \
          \(short(1 / (1 - pow(0.999, 100)), 4)).
          """),
      ])
  }

  private static func gradientOfFive() throws -> Explanation.Exercise {
    let walk = try Walk(Adam(learningRate: 1e-3), from: [0], steps: 1) { _, _ in [5] }
    let (m, v) = (walk.state("exp_avg")[0], walk.state("exp_avg_sq")[0])
    return .init(
      "The first gradient is 5. What are m and v, and how long is the first step?",
      [
        .paragraph(
          """
          m = 0.1·5 = \(short(m)) and v = 0.001·25 = \(short(v)). Corrected: m/0.1 = \
          \(short(m / (1 - 0.9))) and √(v/0.001) = \(short((v / (1 - 0.999)).squareRoot())). \
          Their ratio is 1, so the first step is η long, here \(short(-walk.weights[1][0])), \
          whatever the gradient is.
          """)
      ])
  }

  private static func mistakes(
    _ bare: [Double], peak: (step: Int, length: Double)
  ) throws -> [Explanation.Mistake] {
    let steps = 10
    // With a gradient of 1 the average is the sum of its weights.
    let sums = try Walk(Adam(learningRate: 0), from: [0], steps: steps) { _, _ in [1] }
      .state("exp_avg")
    // With a gradient at one step only it is that step's weight.
    let weights = try (1...3).map { at in
      try Walk(Adam(learningRate: 0), from: [0], steps: 3) { t, _ in [t == at ? 1 : 0] }
        .state("exp_avg")[2]
    }
    let shorter = try lengths(
      Adam(learningRate: 1, betas: (0.9, 0.95), biasCorrection: false), steps: 1)[0]
    return [
      .init(
        "Often written: with β = 0.9 the weights add up to 0.1, 0.19 and 0.65 at steps 1, 2 and 3.",
        but: """
          At step 3 the weights are \(weights.map { short($0) }.joined(separator: ", ")), and \
          their sum is 1 − 0.9³ = \(short(sums[2])). \(short(sums[9])) is the sum at step 10.
          """),
      .init(
        "Often written: without the correction m is too small, so the first steps are too short.",
        but: """
          The step is m/√v, and √v is too small by more. With betas 0.9, 0.999 the first step is \
          \(short(bare[0])) times too long. With 0.9, 0.95 it is too short after all: \
          \(short(shorter)) of what it should be. It depends on whether 1−β₁ is larger than \
          √(1−β₂).
          """),
      .init(
        "Often said: the correction matters for the first ten steps.",
        but: """
          For m. v takes a hundred times as long: uncorrected steps are longest at step \
          \(peak.step), and still \(short(bare[999])) times too long at step 1000.
          """),
      .init(
        "Often said: a moving average that starts at 0 can never be a true average.",
        but: """
          Divided by 1−βᵗ it is one at every step: its weights, \
          \(weights.map { short($0 / sums[2]) }.joined(separator: ", ")) at step 3, add up to \
          \(short(weights.reduce(0, +) / sums[2])).
          """),
    ]
  }
}
