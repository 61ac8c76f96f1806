import Descent
import DescentCompute
import Foundation

enum EightBitStateTopic: Topic {
  static let name = "8-bit-state"
  static let title = "Optimizer state in 8 bits"
  static let summary =
    "How Adam's averages fit into one byte each, what that costs, and why evenly spaced codes fail."
  static let aliases = [
    "int8", "8-bit", "adamw8bit", "adam8bit", "bitsandbytes", "quantization", "state",
    "state-minimum", "state-exempt",
  ]

  static func explanation() throws -> Explanation {
    let count = 4096
    let full = try bytes(StateStorage(.float32), count)
    let small = try bytes(StateStorage(.int8), count)
    let spikes = try spike()
    return Explanation(
      question: "How can Adam's averages m and v be kept in one byte each, and what does it cost?",
      answer: """
        Between steps each number is kept as one of 256 values, times a scale that it shares with \
        255 neighbours. The step itself is computed in float32. What matters is where the 256 \
        values lie: v spans many powers of ten, so they must be dense near 0. The state of AdamW \
        then takes \(short(small)) bytes a weight instead of \(short(full)). With evenly spaced \
        values small v's become 0, and the division by √v throws weights far away: \
        \(short(spikes.linear)) instead of \(short(spikes.exact)) in the example below.
        """,
      formula: """
        scale = max |x|          of 256 neighbours
        code  = the position of the value q nearest to x/scale
        x     ≈ q[code]·scale
        each step:  decode m and v,  AdamW's step in float32,  encode m and v
        """,
      letters: """
        x: an element of m or v; q: the 256 values, ascending, up to 1: from −1, or just above \
        it, for m and from 0 for v. A block of 256 elements takes 256 bytes and 4 for its scale.
        """,
      demonstrations: [
        codes, try roundTrip(), spikes.section, try blocks(), try sizes(full, small),
      ],
      mistakes: mistakes(full, small),
      advice: """
        Set state to int8 when AdamW's state does not fit. Embeddings and parameters with fewer \
        than 4,096 elements keep float32, since rare rows and short vectors have numbers unlike \
        their neighbours'; state_exempt and state_minimum change that. bfloat16 is the simpler \
        choice where 4 bytes a weight are few enough.
        """,
      recipe: """
        optimizer:
          name: adamw
          lr: 1e-3
          state: int8
          state_minimum: 4096
        """,
      reference: """
        Dettmers, Lewis, Shleifer, Zettlemoyer: 8-bit Optimizers via Block-wise Quantization, \
        2022, arXiv:2110.02861. Dettmers: 8-Bit Approximations for Parallelism in Deep Learning, \
        2015, arXiv:1511.04561.
        """)
  }

  // MARK: Codes

  /// 256 values in equal distances.
  private static let linear = (0...255).map { Float($0) / 255 }
  private static let linearSigned = (-127...127).map { Float($0) / 127 }

  /// The nearest of ascending values.
  private static func nearest(_ x: Float, in values: [Float]) -> Float {
    var (low, high) = (0, values.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if values[middle] <= x { low = middle } else { high = middle }
    }
    return x - values[low] <= values[high] - x ? values[low] : values[high]
  }

  private static var maps: [(name: String, values: [Float])] {
    [
      ("evenly spaced", linear), ("dynamic (bitsandbytes)", DynamicMap.unsigned),
      ("tapered (Descent)", TaperedMap.unsigned),
    ]
  }

  private static var codes: Section {
    let exponents = (0...160).map { -8 + Double($0) / 20 }
    // The largest relative error within a small stretch.
    func error(_ values: [Float], _ exponent: Double) -> Double {
      (0..<12).map { i in
        let x = Float(pow(10, min(0, exponent + Double(i) / 240)))
        return Double(abs(nearest(x, in: values) - x) / x)
      }.max() ?? 0
    }
    var table = Table(
      [.number("x", "x / scale")]
        + maps.enumerated().map { .number(["linear", "dynamic", "tapered"][$0], $1.name) },
      key: "codes", caption: "the nearest value, for numbers that are never negative")
    for exponent in [0, -1, -2, -3, -4, -5, -6, -7, -8] {
      let x = Float(0.7 * pow(10, Double(exponent)))
      table.append(
        [.number(Double(x))] + maps.map { .number(Double(nearest(x, in: $0.values))) })
    }
    return Section(
      "Where the 256 values lie",
      [
        .figures([
          Figure(
            [
              LineChart(
                title: "relative error of a value of v", x: Axis("x / scale", .logarithmic),
                y: Axis("error / x", .logarithmic),
                series: maps.map { map in
                  Series(map.name, exponents.map { Point(pow(10, $0), error(map.values, $0)) })
                })
            ],
            caption:
              "An error of 1 means that the value became 0, or is wrong by as much as it is large."
          )
        ]),
        .table(table),
        .paragraph(
          """
          Evenly spaced values have 0 for everything below 1/510 of the largest. The dynamic map \
          has \(decade(-1)) values between 0.1 and 1, \(decade(-2)) in the next power of ten, \
          \(decade(-3)) in the one after, and ends at \(short(Double(DynamicMap.unsigned[1]))). \
          The tapered map goes on to \(short(Double(TaperedMap.unsigned[1]))), and what is \
          smaller still, but not 0, becomes that.
          """),
      ])
  }

  /// The largest relative error of the tapered map from a share of the scale up to the scale.
  private static func worst(from least: Double) -> Double {
    (0...2000).map { i in
      let x = Float(pow(least, Double(i) / 2000))
      return Double(abs(nearest(x, in: TaperedMap.unsigned) - x) / x)
    }.max() ?? 0
  }

  /// How many values of the dynamic map lie in a power of ten below 1.
  private static func decade(_ exponent: Double) -> Int {
    DynamicMap.unsigned.count {
      Double($0) > pow(10, exponent) && Double($0) < pow(10, exponent + 1)
    }
  }

  private static func roundTrip() throws -> Section {
    var random = RandomStream(seed: 7)
    let blocks = 16
    let m = (0..<256 * blocks).map { _ in random.normal() }
    let v = m.map { $0 * $0 }
    func error(_ x: [Float], _ values: [Float]) -> Double {
      var (wrong, all) = (0.0, 0.0)
      for block in 0..<blocks {
        let part = x[block * 256..<(block + 1) * 256]
        let scale = part.map(abs).max() ?? 1
        for x in part {
          let error = Double(nearest(x / scale, in: values) * scale - x)
          wrong += error * error
          all += Double(x * x)
        }
      }
      return (wrong / all).squareRoot()
    }
    var table = Table(
      [
        .init("map"), .number("m", "error of m", .percent(2)),
        .number("v", "error of v", .percent(2)),
      ],
      key: "round_trip",
      caption: "root mean square of the error, relative to that of the numbers")
    for (name, signed, unsigned) in [
      ("evenly spaced", linearSigned, linear),
      ("dynamic (bitsandbytes)", DynamicMap.signed, DynamicMap.unsigned),
      ("tapered (Descent)", TaperedMap.signed, TaperedMap.unsigned),
    ] {
      table.append(.text(name), .number(error(m, signed)), .number(error(v, unsigned)))
    }
    return Section(
      "A round trip of ordinary numbers",
      [
        .paragraph(
          """
          Normally distributed m, and v = m², in blocks of 256. By this measure even spacing is \
          fine: large numbers dominate it. What it does to small ones shows only in the division \
          by √v.
          """),
        .table(table),
      ])
  }

  // MARK: The spike

  /// The elements that share a scale.
  private static let block = 256

  /// Noise of 0.01, and at step 1 a gradient of 100 for the first weight of the first blocks.
  private static func gradients(_ count: Int, spikes: Int, steps: Int) -> [[Float]] {
    var random = RandomStream(seed: 8)
    return (1...steps).map { t in
      (0..<count).map { i in
        t == 1 && i % block == 0 && i / block < spikes ? 100 : 0.01 * random.normal()
      }
    }
  }

  /// The weights after the steps of AdamW with η = 0.001.
  private static func train(
    _ state: StateStorage, count: Int, spikes: Int, steps: Int
  ) throws -> [Float] {
    var state = state
    state.minimum = 1
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(AdamW(learningRate: 1e-3, weightDecay: 0), groups: [], state: state),
      parameters: [ParameterInfo("w", shape: [count])])
    var w = [[Float](repeating: 0, count: count)]
    for g in gradients(count, spikes: spikes, steps: steps) {
      _ = try optimizer.step(&w, gradients: [g])
    }
    return w[0]
  }

  /// The same with evenly spaced codes, which no optimizer here has.
  private static func trainLinear(count: Int, spikes: Int, steps: Int) -> [Float] {
    var w = [Float](repeating: 0, count: count)
    var (m, v) = (w, w)
    func coded(_ x: [Float], _ values: [Float]) -> [Float] {
      stride(from: 0, to: count, by: block).flatMap { start in
        let part = x[start..<start + block]
        let scale = part.map(abs).max() ?? 0
        return scale == 0 ? Array(part) : part.map { nearest($0 / scale, in: values) * scale }
      }
    }
    for (t, g) in gradients(count, spikes: spikes, steps: steps).enumerated() {
      let (c1, c2) = (1 - pow(0.9, Float(t + 1)), (1 - pow(0.999, Float(t + 1))).squareRoot())
      for i in 0..<count {
        m[i] += 0.1 * (g[i] - m[i])
        v[i] += 0.001 * (g[i] * g[i] - v[i])
        w[i] -= 1e-3 / c1 * m[i] / (v[i].squareRoot() / c2 + 1e-8)
      }
      (m, v) = (coded(m, linearSigned), coded(v, linear))
    }
    return w
  }

  private static func spike() throws -> (section: Section, exact: Double, linear: Double) {
    let (spikes, steps) = (8, 50)
    let count = spikes * block
    /// The weights without a spike of their own.
    func others(_ w: [Float]) -> [Double] {
      w.indices.filter { $0 % block != 0 }.map { Double(w[$0]) }
    }
    func furthest(_ w: [Float]) -> Double { others(w).map(abs).max() ?? 0 }
    var nearestCodes = StateStorage(.int8)
    nearestCodes.codes = .nearest
    let right = try train(StateStorage(.float32), count: count, spikes: spikes, steps: steps)
    func size(_ w: [Double]) -> Double { w.reduce(0) { $0 + $1 * $1 }.squareRoot() }
    func error(_ w: [Float]) -> Double {
      size(zip(others(w), others(right)).map { $0 - $1 }) / size(others(right))
    }
    let even = trainLinear(count: count, spikes: spikes, steps: steps)
    let tapered = try train(StateStorage(.int8), count: count, spikes: spikes, steps: steps)
    let (exact, linear) = (furthest(right), furthest(even))
    var table = Table(
      [
        .init("state"), .number("furthest", "largest move of the others"),
        .number("share", "of float32's"), .number("error", "error", .percent(0)),
      ], key: "spike",
      caption: "error: the length of the difference from float32, relative to that of the moves")
    for (name, w) in [
      ("float32", right),
      ("int8, tapered (Descent)", tapered),
      (
        "int8, dynamic (bitsandbytes)",
        try train(nearestCodes, count: count, spikes: spikes, steps: steps)
      ),
      ("evenly spaced", even),
    ] {
      table.append(
        .text(name), .number(furthest(w)), .number(furthest(w) / exact), .number(error(w)))
    }
    let section = Section(
      "The spike",
      [
        .paragraph(
          """
          \(spikes) blocks of \(block) weights, each with a scale. At step 1 one weight of each \
          block has a gradient of 100; all other gradients, then and later, are about 0.01. Its v \
          is 10⁸ times the others'. After \(steps) steps of AdamW with η = 0.001 the other \
          weights should have moved by at most \(short(exact)).
          """),
        .table(table),
        .paragraph(
          """
          Evenly spaced codes make v of the others 0 at every step, so √v is only what the last \
          gradient left, and where that is small the step is enormous. The dynamic map cannot say \
          how small v is: it keeps it at its least value, or at 0, and steps are too short or too \
          long by much. The tapered map still tells the others' v from 0 and from each other, if \
          coarsely: their weights end within \(percent(error(tapered), 0)) of float32's.
          """),
      ])
    return (section, exact, linear)
  }

  private static func blocks() throws -> Section {
    let (count, steps) = (1024, 100)
    var nearestCodes = StateStorage(.int8)
    nearestCodes.codes = .nearest
    let (exact, coded) = (
      try train(StateStorage(.float32), count: count, spikes: 1, steps: steps),
      try train(nearestCodes, count: count, spikes: 1, steps: steps)
    )
    func error(_ range: Range<Int>) -> Double {
      Double(range.map { abs(exact[$0] - coded[$0]) }.max() ?? 0)
    }
    return Section(
      "Why blocks",
      [
        .paragraph(
          """
          The same spike in one of four blocks, with the dynamic map. Each block has its scale, \
          so the other three do not notice. How far weights are from float32's after \(steps) \
          steps, where none has moved by more than \
          \(short(Double(exact.dropFirst().map(abs).max() ?? 0))):
          """),
        .facts([
          Fact(
            "largest error of a weight in the block of the spike", .number(error(1..<256)),
            key: "error_inside"),
          Fact("in the other three blocks", .number(error(256..<1024)), key: "error_outside"),
        ]),
      ])
  }

  // MARK: Bytes

  /// Bytes of AdamW's state for each weight of a matrix.
  private static func bytes(_ state: StateStorage, _ side: Int) throws -> Double {
    let rows = 64
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(AdamW(learningRate: 1e-3), groups: [], state: state),
      parameters: [ParameterInfo("w", shape: [rows, side])])
    return Double(optimizer.stateBytes) / Double(rows * side)
  }

  private static func sizes(_ full: Double, _ small: Double) throws -> Section {
    let bf16 = try bytes(StateStorage(.bfloat16), 4096)
    var table = Table(
      [
        .init("state"), .number("state_bytes", "bytes a weight", .significant(5)),
        .number("with_weights", "with weights", .significant(4)),
        .number("with_gradients", "and gradients", .significant(4)),
      ], key: "sizes", caption: "AdamW; weights and gradients in float32, 4 bytes each")
    for (name, bytes) in [("float32", full), ("bfloat16", bf16), ("int8", small)] {
      table.append(.text(name), .number(bytes), .number(bytes + 4), .number(bytes + 8))
    }
    return Section("How much it saves", [.table(table)])
  }

  private static func mistakes(_ full: Double, _ small: Double) -> [Explanation.Mistake] {
    [
      .init(
        "Often written: memory falls from 3 times the weights to 1.75 times.",
        but: """
          Weights and state fall from 3 to \(short((4 + small) / 4, 3)) times the weights. Count \
          the gradients, and it is from 4 to \(short((8 + small) / 4, 3)). Activations come on \
          top and do not change.
          """),
      .init(
        "Often written: the optimizer computes in 8 bits.",
        but: """
          Only what is kept between steps has 8 bits. Every block is decoded to float32, updated, \
          and encoded again; weights and gradients are untouched.
          """),
      .init(
        "Often written: there is no loss at all.",
        but: """
          A v down to a hundredth of the largest of its block is off by at most \
          \(percent(worst(from: 1e-2), 1)), which Adam's step, divided by the root, does not \
          mind; at a thousandth it is \(percent(worst(from: 1e-3), 0)), at a hundred-thousandth \
          \(percent(worst(from: 1e-5), 0)), and below \(short(Double(TaperedMap.unsigned[1]))) of \
          the largest nothing is told apart. The spike shows what comes of that, and that the map \
          decides.
          """),
      .init(
        "Often expected: all of the state shrinks.",
        but: """
          Embeddings, small tensors and arrays that must be exact (the first weights that Prodigy \
          measures distances from, the point z that Schedule-Free steps from; see their topics) \
          stay in float32. descent groups lists what became of each.
          """),
    ]
  }
}
