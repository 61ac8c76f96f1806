import Descent
import DescentCompute

enum RMSpropTopic: Topic {
  static let name = "rmsprop"
  static let title = "RMSprop, and AdaGrad before it"
  static let summary = "Why each weight gets a step size of its own, and why it has to forget."
  static let aliases = ["adaptive"]
  static let rules: [any Rule.Type] = [AdaGrad.self, RMSprop.self, Adadelta.self, Rprop.self]

  static func explanation() throws -> Explanation {
    Explanation(
      question: """
        How can one learning rate suit weights whose gradients differ a thousandfold, and why \
        does AdaGrad stop where RMSprop goes on?
        """,
      answer: """
        Both divide each weight's gradient by a measure of its own size, so a step is about η \
        long for every weight. AdaGrad divides by the root of the sum of all squares, which only \
        grows, so its steps shrink as 1/√t. RMSprop divides by the root of a running average, \
        which forgets: its steps stay as long as the gradients stay alike.
        """,
      formula: """
        AdaGrad:  s ← s + g²
                  w ← w − η·g/(√s + ε)
        RMSprop:  v ← α·v + (1−α)·g²
                  w ← w − η·g/(√v + ε)
        """,
      letters: """
        w: the weights; g: the gradient; η: the learning rate; s: the sum of squares; v: the \
        average of squares, both for each weight and 0 at the start; α: what is kept of the \
        average at each step, written ρ, γ or β elsewhere; ε: keeps the division finite.
        """,
      demonstrations: [try sizes(), try lengths(), try noise()],
      mistakes: try mistakes(),
      advice: """
        It is at home in recurrent networks and reinforcement learning; elsewhere take adamw, \
        which is RMSprop with momentum and a correction of the first steps. Give a few steps of \
        warmup: RMSprop has no such correction.
        """,
      recipe: """
        optimizer:
          name: rmsprop
          lr: 1e-3
          alpha: 0.99
        schedule:
          name: warmup
          warmup: 100
        """,
      reference: """
        Duchi, Hazan, Singer: Adaptive Subgradient Methods for Online Learning and Stochastic \
        Optimization, 2011 (AdaGrad). Tieleman, Hinton: Lecture 6.5, Neural Networks for Machine \
        Learning, 2012 (RMSprop).
        """)
  }

  /// Weights with gradients of different sizes.
  private static func sizes() throws -> Section {
    let gradients = [100, 1, 0.01]
    let steps = 500
    func moved(_ rule: some Rule) throws -> [Double] {
      try Walk(rule, from: [0, 0, 0], steps: steps) { _, _ in gradients }.weights[steps].map(abs)
    }
    let rules: [(String, [Double])] = [
      ("sgd", try moved(SGD(learningRate: 0.01))),
      ("adagrad", try moved(AdaGrad(learningRate: 0.01))),
      ("rmsprop", try moved(RMSprop(learningRate: 0.01))),
    ]
    var table = Table(
      [
        .init("optimizer"), .number("large", "g = 100"), .number("middle", "g = 1"),
        .number("small", "g = 0.01"),
      ], key: "moved",
      caption: "how far each weight has moved after \(steps) steps at η = 0.01")
    for (name, moved) in rules { table.append([.text(name)] + moved.map(Table.Cell.number)) }
    return Section("Three weights with gradients of different sizes", [.table(table)])
  }

  /// Step lengths over time at constant gradients.
  private static func lengths() throws -> Section {
    let steps = 1000
    func lengths(_ rule: some Rule) throws -> [Double] {
      try Walk(rule, from: [0], steps: steps) { _, _ in [1] }.stepLengths
    }
    let adagrad = try lengths(AdaGrad(learningRate: 1))
    let rmsprop = try lengths(RMSprop(learningRate: 1))
    var table = Table(
      [.number("step"), .number("adagrad", "AdaGrad"), .number("rmsprop", "RMSprop")],
      key: "lengths", caption: "the length of a step, in units of η, where every gradient is 1")
    for step in [1, 10, 100, steps] {
      table.append(.ordinal(step), .number(adagrad[step - 1]), .number(rmsprop[step - 1]))
    }
    let chart = LineChart(
      title: "length of a step", x: Axis("step", .logarithmic), y: Axis("length / η", .logarithmic),
      series: [
        Series("AdaGrad", points(adagrad, from: 1)), Series("RMSprop", points(rmsprop, from: 1)),
      ])
    return Section(
      "AdaGrad runs out, RMSprop starts too fast",
      [
        .table(table),
        .figures([Figure([chart])]),
        .paragraph(
          """
          AdaGrad's step number t is η/√t long. RMSprop's first step is 1/√(1−α) = \
          \(short(rmsprop[0])) times η, because its average begins at 0 and has taken in 1 % of a \
          square; the topic bias-correction is about that.
          """),
      ])
  }

  /// What noise does to the step.
  private static func noise() throws -> Section {
    // As many weights as runs: each has noise of its own.
    let (steps, runs) = (1000, 64)
    var table = Table(
      [
        .number("noise", "noise of g"), .number("mean_step", "mean step / η", .fixed(2)),
        .number("expected", "1/√(1 + noise²)", .fixed(2)),
      ], key: "noise", caption: "gradients of mean 1 with noise of a given standard deviation")
    for σ in [0, 1, 3, 10.0] {
      var random = RandomStream(seed: 1)
      let start = [Double](repeating: 0, count: runs)
      let walk = try Walk(RMSprop(learningRate: 1), from: start, steps: steps) { _, w in
        w.map { _ in 1 + σ * Double(random.normal()) }
      }
      let skipped = 500
      let mean =
        (walk.weights[skipped].mean - walk.weights[steps].mean) / Double(steps - skipped)
      table.append(.number(σ), .number(mean), .number(1 / (1 + σ * σ).squareRoot()))
    }
    return Section(
      "Noise shortens the step",
      [
        .paragraph(
          """
          v holds the mean of g², which is the square of the mean plus the variance of the noise. \
          A weight whose gradient is mostly noise therefore makes little progress, whatever η \
          says.
          """),
        .table(table),
      ])
  }

  private static func mistakes() throws -> [Explanation.Mistake] {
    let first = try [0.9, 0.99, 0.999].map { α in
      abs(
        try Walk(RMSprop(learningRate: 1, alpha: α), from: [0], steps: 1) { _, _ in [1] }
          .weights[1][0])
    }
    return [
      .init(
        "Often written: RMSprop's decay is usually 0.999.",
        but: """
          0.9 in Hinton's lecture, 0.99 in PyTorch and here; 0.999 is the β₂ of Adam, which \
          corrects its first steps. Without a correction they are \(short(first[0])), \
          \(short(first[1])) and \(short(first[2])) times η long for 0.9, 0.99 and 0.999.
          """),
      .init(
        "Often said: it gives small gradients large steps.",
        but: """
          It gives them the same steps as large ones: a gradient enters as g/√v, so multiplying a \
          loss by 1000 changes nothing (as long as ε is small beside √v).
          """),
      .init(
        "Often overlooked: where ε stands.",
        but: """
          Here and in PyTorch it is added to the root, in TensorFlow to v under the root. Where \
          gradients stay around 1e-8 and ε is 1e-8, the divisor is 2e-8 in one and 1e-4 in the \
          other.
          """),
    ]
  }
}
