import Descent

enum MemoryTopic: Topic {
  static let name = "memory"
  static let title = "What training takes in memory"
  static let summary =
    "Weights, gradients, state, activations: the arithmetic, for a model of 7 billion parameters."
  static let aliases = ["vram", "7b", "zero", "offload", "sharding", "ram"]

  private static let parameters = 7_000_000_000
  /// What the matrices of a model of that size are like.
  private static let shape = [4096, 4096]

  /// Bytes of state for each weight.
  private static func perWeight(_ rule: some Rule, _ format: StateStorage.Format = .float32)
    -> Double
  {
    Double(stateBytes(rule, shape, format)) / Double(shape.reduce(1, *))
  }

  /// The bytes of all weights at so many each.
  private static func total(_ bytesPerWeight: Double) -> Int {
    Int((bytesPerWeight * Double(parameters)).rounded())
  }

  private static let sgd = SGD(learningRate: 0.1)
  private static let momentum = SGD(learningRate: 0.1, momentum: 0.9)
  private static let adamw = AdamW(learningRate: 1e-3)

  static func explanation() throws -> Explanation {
    let state = perWeight(adamw)
    return Explanation(
      question: "How much memory does it take to train a model, and what can be saved where?",
      answer: """
        Each weight takes 4 bytes in float32, its gradient 4 more, and the optimizer's state what \
        the optimizer keeps: nothing for plain SGD, \(short(state)) bytes for AdamW. For 7 \
        billion weights that is \(bytes(total(4))), \(bytes(total(4))) and \
        \(bytes(total(state))): \(bytes(total(8 + state))) before the first activation. What an \
        optimizer keeps is the largest part, and the one that can be chosen.
        """,
      formula: """
        memory = weights + gradients + state + activations
        weights    parameters · 4 bytes (float32), 2 (16 bits)
        gradients  parameters · 4, or 2
        state      parameters · bytes of the optimizer (below)
        """,
      letters: """
        GB are 10⁹ bytes. Activations depend on the model, the batch and the context, not on the \
        optimizer: about layers · batch · context · width · 34 bytes for a transformer in 16 \
        bits, some 17 numbers, and on top the scores of attention where they are kept. Only what \
        is trained has gradients and state.
        """,
      demonstrations: [optimizers, formats, sharding],
      exercises: [exercise, adapters],
      mistakes: mistakes,
      advice: """
        descent memory does this arithmetic for a number of parameters, a recipe or a model file, \
        for every optimizer and format, and lists what fits. In order of what they cost in \
        quality: state in bfloat16 or int8, Adafactor, weights in bfloat16 with stochastic \
        rounding, LoRA. Against activations: a smaller batch with accumulate, recomputation.
        """,
      recipe: """
        optimizer:
          name: adamw
          lr: 1e-3
          state: int8
        batch: 8
        accumulate: 8
        """,
      reference: """
        Rajbhandari, Rasley, Ruwase, He: ZeRO: Memory Optimizations Toward Training Trillion \
        Parameter Models, 2020, arXiv:1910.02054. Korthikanti et al.: Reducing Activation \
        Recomputation in Large Transformer Models, 2022, arXiv:2205.05198.
        """)
  }

  private static var optimizers: Section {
    let rules: [(String, any Rule)] = [
      ("sgd", sgd), ("adafactor", Adafactor()), ("sgd, momentum 0.9", momentum),
      ("lion", Lion(learningRate: 1e-4)), ("muon", Muon(learningRate: 1e-3)), ("adamw", adamw),
      ("schedule-free-adamw", ScheduleFreeAdamW(learningRate: 1e-3)),
      ("sophia-g", SophiaG(learningRate: 1e-4)), ("prodigy", Prodigy()),
      ("shampoo", Shampoo()), ("soap", SOAP()),
    ]
    var table = Table(
      [
        .init("optimizer"), .number("bytes", "bytes a weight", .significant(4)),
        .number("float32"), .number("bfloat16"), .number("int8"),
      ], key: "optimizers",
      caption:
        "state alone, for 7 billion weights in matrices of 4096×4096, by the format of the state")
    for (name, rule) in rules {
      func row(_ rule: some Rule) {
        let hasFormats = !rule.slots(for: ParameterInfo("w", shape: shape)).isEmpty
        table.append(
          .text(name), .number(perWeight(rule)), .bytes(total(perWeight(rule))),
          hasFormats ? .bytes(total(perWeight(rule, .bfloat16))) : .nothing,
          hasFormats ? .bytes(total(perWeight(rule, .int8))) : .nothing)
      }
      row(rule)
    }
    return Section("By optimizer", [.table(table)])
  }

  /// Bytes a weight of ways to train with AdamW.
  private static let ways: [(name: String, weights: Double, gradients: Double, state: Double)] = [
    ("float32", 4, 4, perWeight(adamw)),
    ("16-bit copies, float32 weights", 6, 2, perWeight(adamw)),
    ("weights in bf16, stochastic rounding", 2, 2, perWeight(adamw)),
    ("the same, state in bfloat16", 2, 2, perWeight(adamw, .bfloat16)),
    ("the same, state in int8", 2, 2, perWeight(adamw, .int8)),
  ]

  private static var formats: Section {
    var table = Table(
      [
        .init("way"), .number("weights"), .number("gradients"), .number("state"), .number("sum"),
      ], key: "formats", caption: "AdamW, 7 billion weights, without activations")
    for way in ways {
      table.append(
        .text(way.name), .bytes(total(way.weights)), .bytes(total(way.gradients)),
        .bytes(total(way.state)), .bytes(total(way.weights + way.gradients + way.state)))
    }
    return Section("By format", [.table(table)])
  }

  private static var sharding: Section {
    let (w, g, s) = (4.0, 4.0, perWeight(adamw))
    let ranks = 8.0
    var table = Table(
      [.init("stage"), .init("divided"), .number("bytes", "on each device")], key: "sharding",
      caption: "float32 AdamW on 8 devices")
    for (stage, what, each) in [
      ("none", "nothing", w + g + s), ("ZeRO 1", "state", w + g + s / ranks),
      ("ZeRO 2", "state, gradients", w + (g + s) / ranks),
      ("ZeRO 3", "state, gradients, weights", (w + g + s) / ranks),
    ] {
      table.append(.text(stage), .text(what), .bytes(total(each)))
    }
    return Section(
      "Several devices",
      [
        .paragraph(
          """
          Devices that train together each hold a copy of everything, unless each keeps only its \
          share and asks the others for the rest; offloading moves state to the host's memory \
          instead, at the price of copies at every step.
          """),
        .table(table),
      ])
  }

  private static var exercise: Explanation.Exercise {
    var table = Table(
      [
        .init("optimizer"), .number("state", "optimizer state"),
        .number("with_weights", "with weights"), .number("with_gradients", "and gradients"),
      ], key: "seven_billion")
    func add(_ name: String, _ rule: some Rule) {
      let bytes = perWeight(rule)
      table.append(
        .text(name), .bytes(total(bytes)), .bytes(total(bytes + 4)), .bytes(total(bytes + 8)))
    }
    add("sgd", sgd)
    add("sgd, momentum 0.9", momentum)
    add("adamw", adamw)
    return .init(
      """
      A model of 7 billion parameters is trained in float32. How much optimizer state do SGD and \
      AdamW need?
      """,
      [
        .paragraph(
          """
          SGD keeps none, SGD with momentum one number for each weight, AdamW two, m and v: 7·10⁹ \
          · 8 bytes = \(bytes(total(perWeight(adamw)))). Figures of 28 GB for SGD and 84 GB for \
          AdamW are those with the weights; with gradients, which must be somewhere too, it is 56 \
          and 112.
          """),
        .table(table),
      ])
  }

  private static var adapters: Explanation.Exercise {
    // Rank 16 on a 4096×4096 matrix trains 2·16·4096 weights.
    let share = 2 * 16 / 4096.0
    let trained = share * (4 + 4 + perWeight(adamw))
    return .init(
      "The same model with LoRA of rank 16 on all of its matrices, the frozen weights in 16 bits?",
      [
        .paragraph(
          """
          \(percent(share, 2)) of the weights are trained and take 16 bytes each: \
          \(bytes(total(trained))). The frozen ones take 2 each: \(bytes(total(2))). Together \
          \(bytes(total(2 + trained))), plus activations, which LoRA hardly makes smaller.
          """)
      ])
  }

  private static var mistakes: [Explanation.Mistake] {
    [
      .init(
        "Often written: AdamW takes 3 times the weights.",
        but: """
          Weights, m and v do. With the gradients it is 4 times, \(bytes(total(16))) here. They \
          can be let go only where updates happen during the backward pass (release_gradients).
          """),
      .init(
        "Often written: training in 16 bits halves the memory.",
        but: """
          With float32 weights kept beside the 16-bit copies, weights, gradients and state take \
          \(bytes(total(16))), as before. Only activations are halved.
          """),
      .init(
        "Often expected: 8-bit AdamW makes training fit in a quarter.",
        but: """
          State falls from \(bytes(total(8))) to \(bytes(total(perWeight(adamw, .int8)))). In \
          float32 the sum falls from \(bytes(total(16))) to \
          \(bytes(total(8 + perWeight(adamw, .int8)))).
          """),
      .init(
        "Often forgotten: the peak is not the mean.",
        but: """
          Loading can hold the weights twice, the first step creates the state, saving may copy \
          it. A run that fits at step 1 can fail at its first checkpoint.
          """),
    ]
  }
}
