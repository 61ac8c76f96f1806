import Descent
import DescentCompute

enum MixedPrecisionTopic: Topic {
  static let name = "mixed-precision"
  static let title = "Mixed precision"
  static let summary =
    "What 16 bits cannot hold: small gradients in float16, small updates in bfloat16."
  static let aliases = [
    "precision", "bf16", "fp16", "bfloat16", "float16", "loss-scale", "amp", "kahan", "rounding",
    "stochastic-rounding", "lost-updates", "autocast", "underflow", "overflow",
  ]

  static func explanation() throws -> Explanation {
    let rounding = try updates()
    return Explanation(
      question: "What gets lost in 16 bits, and what is done about it?",
      answer: """
        float16 has too little range: gradients below 3e-8 become 0, and numbers above 65,504 \
        become infinite. A loss scale moves gradients into its range. bfloat16 has the range of \
        float32 but two to three digits: an update of less than some 1/256 of a weight is lost \
        when the weight is stored in it. So weights stay in float32 beside it, or are rounded at \
        random, or their rounding errors are kept.
        """,
      formula: """
        loss scale:  g ← ∇(scale·f)(w) / scale
                     overflow: skip the step, scale ← scale·backoff_factor
                     growth_interval steps without: scale ← scale·growth_factor
        kahan:       k ← k + Δw    w′ = w + k    k ← k + (w − w′)    all rounded
        """,
      letters: """
        f: the loss; w: a weight as it is stored, w′: the next one; Δw: the update that the \
        optimizer wants; k: what rounding has kept back so far.
        """,
      demonstrations: [formats(), gradients(), scaler(), rounding.section],
      mistakes: mistakes(rounding.nearest),
      advice: """
        Set precision to bf16; it needs no loss scale. Keep the weights in float32 (the default) \
        while memory allows; if not, store them in bf16 with rounding stochastic or kahan. \
        descent compare-precision RECIPE trains both ways and says whether they differ.
        """,
      recipe: """
        precision: bf16
        weights:
          format: bf16
          rounding: stochastic
        """,
      reference: """
        Micikevicius et al.: Mixed Precision Training, 2018, arXiv:1710.03740. Kalamkar et al.: A \
        Study of BFLOAT16 for Deep Learning Training, 2019, arXiv:1905.12322. Zamirai et al.: \
        Revisiting BFloat16 Training, 2020, arXiv:2010.06192.
        """)
  }

  /// The least number above 0 whose nearest in a format is not 0.
  private static func smallest(_ format: NumberFormat) -> Double {
    var x: Float = 1
    while format.nearest(to: x / 2) > 0 { x /= 2 }
    return Double(x)
  }

  private static func formats() -> Section {
    var table = Table(
      [
        .init("format"), .number("largest"),
        .number("smallest", "smallest above 0", .significant(2)),
        .number("next", "1 and the next number", .significant(9)),
        .number("pi", "π becomes", .significant(8)),
      ], key: "formats")
    for format in NumberFormat.allCases {
      let next = 1 + 2 * format.unitRoundoff
      table.append(
        .text(format.rawValue), .number(Double(format.largest)), .number(smallest(format)),
        .number(next), .number(Double(format.nearest(to: Float(Double.pi)))))
    }
    return Section("Three formats", [.table(table)])
  }

  private static func gradients() -> Section {
    let scale = LossScaler().scale
    var table = Table(
      [
        .number("gradient"), .number("bare", "in float16"),
        .number("scaled", "scaled, in float16, unscaled"),
        .number("bfloat16", "in bfloat16"),
      ], key: "gradients", caption: "the loss scale is \(grouped(Int(scale)))")
    for g: Float in [1e-3, 1e-5, 1e-7, 1e-8, 1e-10] {
      table.append(
        .number(Double(g)), .number(Double(NumberFormat.float16.nearest(to: g))),
        .number(Double(NumberFormat.float16.nearest(to: g * scale) / scale)),
        .number(Double(NumberFormat.bfloat16.nearest(to: g))))
    }
    return Section("Small gradients", [.table(table)])
  }

  /// The loss scale over steps whose largest gradient is known.
  private static func scaler() -> Section {
    var scaler = LossScaler()
    scaler.growthInterval = 50
    var scales: [Double] = []
    var skipped = 0
    for step in 0..<400 {
      scales.append(Double(scaler.scale))
      let largest: Float = step < 200 ? 3 : 0.3
      let overflowed = NumberFormat.float16.nearest(to: largest * scaler.scale).isInfinite
      if overflowed { skipped += 1 }
      scaler.update(overflowed: overflowed)
    }
    return Section(
      "The loss scale finds its place",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "loss scale", x: Axis("step"), y: Axis("scale", .logarithmic),
                series: [Series("scale", points(scales))],
                marks: [Mark("gradients become smaller", .x(200))])
            ],
            caption: """
              The largest gradient is 3 for 200 steps, then 0.3. The scale halves where float16 \
              overflows and doubles after 50 good steps (2,000 unless it is set).
              """)
        ]),
        .facts([
          Fact("steps that were skipped", .count(skipped), key: "skipped", unit: "of 400"),
          Fact("scale at the end", .number(scales[399]), key: "last_scale", style: .significant(7)),
        ]),
      ])
  }

  /// A weight of 1 that is to grow by 0.001 a thousand times.
  private static func updates() throws -> (section: Section, nearest: Double) {
    let (steps, count) = (1000, 64)
    var table = Table(
      [
        .init("storage"), .number("weight", "weight after 1,000 steps", .significant(4)),
        .number("lost", "updates lost", .percent(0)),
        .number("bytes", "bytes a weight", .significant(2)),
      ], key: "updates")
    var lines: [Series] = []
    var nearest = 0.0
    let ways: [(name: String, weights: WeightStorage, bytes: Double)] =
      [("float32, or a float32 master", .float32, 4)]
      + [(.nearest, 2), (.stochastic, 2), (.kahan, 4)].map {
        (rounding: WeightStorage.Rounding, bytes: Double) in
        ("bf16, \(rounding.rawValue)", .bfloat16(rounding), bytes)
      }
    for way in ways {
      let optimizer = try Optimizer<Float>(
        OptimizerPlan(SGD(learningRate: 1e-3), groups: [], weights: way.weights),
        parameters: [ParameterInfo("w", shape: [count])])
      var w = [[Float](repeating: 1, count: count)]
      func mean() -> Double { w[0].reduce(0) { $0 + Double($1) } / Double(count) }
      var path = [mean()]
      var (lost, all) = (0, 0)
      for _ in 0..<steps {
        let report = try optimizer.step(&w, gradients: [[Float](repeating: -1, count: count)])
        lost += report.lostUpdates?.lost ?? 0
        all += report.lostUpdates?.updates ?? 0
        path.append(mean())
      }
      if way.weights.rounding == .nearest, way.weights.format == .bf16 { nearest = mean() }
      table.append(
        .text(way.name), .number(mean()),
        .number(all == 0 ? 0 : Double(lost) / Double(all)), .number(way.bytes))
      lines.append(Series(way.name, points(path), lines.isEmpty ? .broad : .plain))
    }
    let section = Section(
      "Small updates of bfloat16 weights",
      [
        .paragraph(
          """
          A weight of 1 is to grow by 0.001 at each of 1,000 steps, to 2. Between 1 and 2 the \
          numbers of bfloat16 are 1/128 = 0.0078 apart: a single update is too small to reach the \
          next one.
          """),
        .figures([
          Figure([
            LineChart(
              title: "the weight, mean of \(count)", x: Axis("step"), y: Axis("weight"),
              series: lines)
          ])
        ]),
        .table(table),
      ])
    return (section, nearest)
  }

  private static func mistakes(_ nearest: Double) -> [Explanation.Mistake] {
    let third = 1 / Float(3)
    return [
      .init(
        "Often said: bfloat16 is the better float16.",
        but: """
          It has the range, float16 has the digits: 1/3 becomes \
          \(short(Double(NumberFormat.bfloat16.nearest(to: third)), 6)) in bfloat16 and \
          \(short(Double(NumberFormat.float16.nearest(to: third)), 6)) in float16.
          """),
      .init(
        "Often done: a loss scale with bfloat16.",
        but: """
          It changes nothing there: the exponents are those of float32, and a factor that is a \
          power of two moves no digit.
          """),
      .init(
        "Often assumed: if the loss falls, weights in pure bfloat16 are fine.",
        but: """
          Large updates arrive and small ones do not, so all looks well at first and stalls when \
          the learning rate falls. Above, a weight that should reach 2 is at \(short(nearest)) \
          after 1,000 steps. The metric lost_share says how many are lost.
          """),
      .init(
        "Often assumed: mixed precision halves the memory of training.",
        but: """
          Activations and the copies of weights that are computed with take half. The float32 \
          weights and the optimizer's state, 12 bytes a weight with Adam, stay.
          """),
    ]
  }
}
