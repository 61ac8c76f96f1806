import Descent
import Foundation

enum ClippingTopic: Topic {
  static let name = "clipping"
  static let title = "Gradient clipping"
  static let summary = "What a limit on gradients does to a bad batch, and how to choose it."
  static let aliases = ["clip", "gradient-clipping", "clip-norm", "clip-value", "norm", "spikes"]

  static func explanation() throws -> Explanation {
    let run = try SmallRun(["optimizer.lr=3e-3"], steps: 200)
    return Explanation(
      question: "What does a limit on the gradient protect from, and which limit is right?",
      answer: """
        One bad batch can have a gradient a hundred times as long as usual, and one step along it \
        can undo thousands. Clipping by norm shortens such a gradient to the limit and keeps its \
        direction; all others pass untouched. The right limit lies just above the norms that your \
        run has when all is well.
        """,
      formula: """
        norm:   g ← g·min(1, c/(N + 10⁻⁶))        N = ‖g‖ over all tensors
        value:  g ← min(max(g, −c), c)            each element by itself
        """,
      letters:
        "g: the gradient; c: the limit, clip.norm or clip.value; N: the norm of all gradients.",
      demonstrations: [try badBatch(), try adamAfterSpike(), norms(of: run), try direction()],
      mistakes: try mistakes(run),
      advice: """
        clip.norm 1 is customary for transformers. Better: train a while, look at the norms, \
        which descent report shows, and set clip.norm so that some 1 to 10 % of the steps are \
        clipped. If nearly all are, the limit is too tight, or the learning rate too high.
        """,
      recipe: """
        clip:
          norm: 1
        """,
      reference: """
        Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, 2013, \
        arXiv:1211.5063. Zhang et al.: Why Gradient Clipping Accelerates Training, 2020, \
        arXiv:1905.11881.
        """)
  }

  /// A run with one batch whose gradient is far too large.
  private static func badBatch() throws -> Section {
    let (steps, bad) = (160, 80)
    func run(_ changes: String...) throws -> SmallRun {
      try SmallRun(["optimizer.name=sgd", "optimizer.lr=0.1"] + changes, steps: steps) {
        $0 == bad ? 200 : 1
      }
    }
    let (open, clipped) = (try run(), try run("clip.norm=2"))
    func after(_ run: SmallRun) -> Double { run.losses.dropFirst(bad).max() ?? .nan }
    func last(_ run: SmallRun) -> Double { run.losses.suffix(20).mean }
    return Section(
      "One bad batch",
      [
        .paragraph(
          """
          A small network learns digits with sgd; at step \(bad) the gradient is 200 times as \
          long as it should be.
          """),
        .figures([
          Figure([
            LineChart(
              title: "training loss", x: Axis("step"), y: Axis("loss", .logarithmic),
              series: [
                Series("no clipping", points(open.losses, from: 1)),
                Series("clip.norm 2", points(clipped.losses, from: 1)),
              ])
          ])
        ]),
        .facts([
          Fact(
            "largest loss after it, no clipping", .number(after(open)), key: "largest_open"),
          Fact(
            "largest loss after it, clip.norm 2", .number(after(clipped)), key: "largest_clipped"),
          Fact("mean of the last 20, no clipping", .number(last(open)), key: "last_open"),
          Fact("mean of the last 20, clip.norm 2", .number(last(clipped)), key: "last_clipped"),
        ]),
      ])
  }

  /// What a spike does to Adam, whose steps are bounded in any case.
  private static func adamAfterSpike() throws -> Section {
    let (steps, bad) = (1200, 200)
    func lengths(_ clip: Double?) throws -> [Double] {
      try Walk(
        OptimizerPlan(Adam(learningRate: 1), clip: Clipping(norm: clip)), from: [0], steps: steps
      ) { t, _ in [t == bad ? 1000 : 1] }.stepLengths
    }
    let (open, clipped) = (try lengths(nil), try lengths(1.5))
    var table = Table(
      [
        .number("step"), .number("open", "no clipping", .significant(2)),
        .number("clipped", "clip.norm 1.5", .significant(2)),
      ], key: "adam_steps",
      caption: "the length of Adam's steps in units of η; all gradients are 1 but one")
    for step in [bad - 1, bad, bad + 1, bad + 100, bad + 1000] {
      table.append(.ordinal(step), .number(open[step - 1]), .number(clipped[step - 1]))
    }
    return Section(
      "Adam: the harm comes after the spike",
      [
        .paragraph(
          """
          Adam divides by √v, so even a gradient of 1000 makes a step of only \
          \(short(open[bad - 1], 2))·η. But v remembers it: with β₂ = 0.999 it fades over \
          thousands of steps, and all of them are short steps.
          """),
        .table(table),
        .figures([
          Figure([
            LineChart(
              title: "length of a step", x: Axis("step"), y: Axis("length / η", .logarithmic),
              series: [
                Series("no clipping", points(open, from: 1)),
                Series("clip.norm 1.5", points(clipped, from: 1)),
              ])
          ])
        ]),
      ])
  }

  /// The norms of a run, and what limits would do.
  private static func norms(of run: SmallRun) -> Section {
    let sorted = run.norms.sorted()
    func quantile(_ share: Double) -> Double { sorted[Int(share * Double(sorted.count - 1))] }
    var table = Table(
      [
        .number("limit", "clip.norm", .significant(2)),
        .number("clipped", "steps that it clips", .percent(0)),
      ], key: "limits")
    for limit in [quantile(0.5) / 4, quantile(0.5), quantile(0.95), 2 * (sorted.last ?? 1)] {
      let count = sorted.count { $0 > limit }
      table.append(.number(limit), .number(Double(count) / Double(sorted.count)))
    }
    return Section(
      "Choosing the limit",
      [
        .figures([
          Figure([
            LineChart(
              title: "norm of the gradient, adamw", x: Axis("step"), y: Axis("norm"),
              series: [Series("norm", points(run.norms, from: 1))],
              marks: [Mark("95 % lie below", .y(quantile(0.95)))])
          ])
        ]),
        .facts([
          Fact("median of the norms", .number(quantile(0.5)), key: "median_norm"),
          Fact("95 % lie below", .number(quantile(0.95)), key: "norm_95"),
        ]),
        .table(table),
      ])
  }

  /// Clipping by norm and by value.
  private static func direction() throws -> Section {
    let g = [0.3, 4.0]
    func clipped(_ clip: Clipping) throws -> [Double] {
      try Walk(OptimizerPlan(SGD(learningRate: 1), clip: clip), from: [0, 0], steps: 1) { _, _ in g
      }
      .weights[1].map { -$0 }
    }
    func angle(_ x: [Double]) -> Double { abs(atan2(x[1], x[0]) - atan2(g[1], g[0])) * 180 / .pi }
    var byValue = Clipping()
    byValue.value = 1
    let (norm, value) = (try clipped(Clipping(norm: 1)), try clipped(byValue))
    var table = Table(
      [
        .init("limit"), .number("g1", "g₁"), .number("g2", "g₂"),
        .number("angle", "turned by", unit: "degrees", .significant(2)),
      ], key: "direction")
    table.append("none", .number(g[0]), .number(g[1]), .number(0))
    table.append("clip.norm 1", .number(norm[0]), .number(norm[1]), .number(angle(norm)))
    table.append("clip.value 1", .number(value[0]), .number(value[1]), .number(angle(value)))
    return Section("Norm or value", [.table(table)])
  }

  private static func mistakes(_ run: SmallRun) throws -> [Explanation.Mistake] {
    func last(_ scale: Double) throws -> Double {
      let walk = try Walk(Adam(learningRate: 1), from: [0], steps: 50) { _, _ in [scale] }
      return walk.weights[49][0] - walk.weights[50][0]
    }
    let scale = Double(LossScaler().scale)
    let median = run.norms.sorted()[(run.norms.count - 1) / 2]
    return [
      .init(
        "Often said: a limit of 1 is right for every model.",
        but: """
          The norm covers all weights, so it grows with the model, and it depends on the loss. In \
          the small run above the median is \(short(median)); look at your own.
          """),
      .init(
        "Often said: with a tight limit Adam simply trains at a lower rate.",
        but: """
          Adam does not see the size of gradients: 50 steps into gradients of 1 its step is \
          \(short(try last(1)))·η, into gradients of 0.001 it is \(short(try last(0.001)))·η. If \
          every step is clipped to one length, what is lost is only the difference between large \
          and small gradients.
          """),
      .init(
        "Often done: clipping float16 gradients before they are unscaled.",
        but: """
          There the loss is multiplied by a large factor, the loss scale, so that small gradients \
          do not vanish in 16 bits (the next topic), and gradients are divided by it again, \
          unscaled, before the step. Until then they are \(grouped(Int(scale))) times too large \
          at the start, and a limit of 1 cuts every one of them. In PyTorch call scaler.unscale_ \
          first; Descent unscales before anything else.
          """),
      .init(
        "Often done: clipping by value, because it sounds like the same.",
        but: """
          It turns the gradient (see above), toward the corners of the space: small elements gain \
          on large ones.
          """),
    ]
  }
}
