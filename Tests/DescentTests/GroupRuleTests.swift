import Descent
import Foundation
import Testing

@Suite("Groups with rules of their own") struct GroupRuleTests {
  private static let parameters = [
    ParameterInfo("wte.weight", shape: [10, 6], role: .embedding),
    ParameterInfo("h.0.fc.weight", shape: [8, 6], role: .matrix),
    ParameterInfo("h.0.fc.bias", shape: [8], role: .bias),
    ParameterInfo("h.1.fc.weight", shape: [8, 8], role: .matrix),
    ParameterInfo("norm.weight", shape: [8], role: .norm),
    ParameterInfo("head.weight", shape: [4, 8], role: .head),
  ]

  private static func values(_ seed: UInt64) -> [[Float]] {
    parameters.enumerated().map { noise($1.count, seed: seed + UInt64($0)) }
  }

  /// Trains with a gradient that depends on the weights; returns the weights after some steps.
  private func train(
    _ optimizer: Optimizer<Float>, _ which: [Int] = Array(parameters.indices), steps: Int = 5
  ) throws -> [[Float]] {
    var weights = which.map { Self.values(1)[$0] }
    for step in 1...steps {
      let noises = Self.values(UInt64(100 * step))
      let gradients = zip(weights, which).map { w, i in zip(w, noises[i]).map { $0 / 2 + $1 } }
      #expect(try optimizer.step(&weights, gradients: gradients).applied)
    }
    return weights
  }

  @Test("two rules in one optimizer give what each gives alone, schedules and all") func together()
    throws
  {
    let hidden = ParameterMatch(roles: [.matrix])
    let schedules: [(setting: String, schedule: any Schedule)] = [
      ("lr", Cosine(warmup: 2, total: 10)),
      ("momentum", Lambda { t, base in base - 0.1 * Double(t) }),
    ]
    let both = try Optimizer<Float>(
      OptimizerPlan(
        AdamW(learningRate: 0.01, weightDecay: 0),
        groups: [ParameterGroup("hidden", hidden, rule: Muon(learningRate: 0.02))],
        schedules: schedules), parameters: Self.parameters)
    let result = try train(both)
    let (matrices, others) = ([1, 3], [0, 2, 4, 5])
    let muon = try Optimizer<Float>(
      OptimizerPlan(Muon(learningRate: 0.02), groups: [], schedules: schedules),
      parameters: matrices.map { Self.parameters[$0] })
    let adamW = try Optimizer<Float>(
      OptimizerPlan(
        AdamW(learningRate: 0.01, weightDecay: 0), groups: [], schedules: [schedules[0]]),
      parameters: others.map { Self.parameters[$0] })
    #expect(try matrices.map { result[$0] } == train(muon, matrices))
    #expect(try others.map { result[$0] } == train(adamW, others))
    #expect(both.stateBytes == muon.stateBytes + adamW.stateBytes)
    #expect(both.ruleName(ofGroup: 0) == "muon" && both.ruleName(ofGroup: 1) == "adamw")
    #expect(both.effectiveLearningRates.map(\.group) == ["hidden", "default"])
    #expect(
      zip(both.effectiveLearningRates, [0.02, 0.01]).allSatisfy {
        $0.value / $1 == both.effectiveLearningRates[0].value / 0.02
      })
    #expect(Set(both.state.map(\.slot)) == ["momentum_buffer", "exp_avg", "exp_avg_sq"])
  }

  @Test("the norm that is clipped is that of all groups together") func clipsTogether() throws {
    let group = ParameterGroup("bias", ParameterMatch(roles: [.bias]), rule: SGD(learningRate: 1))
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(SGD(learningRate: 1), groups: [group], clip: Clipping(norm: 1)),
      parameters: Self.parameters)
    var weights = Self.parameters.map { [Float](repeating: 0, count: $0.count) }
    let report = try optimizer.step(
      &weights, gradients: Self.parameters.map { [Float](repeating: 1, count: $0.count) })
    let count = Double(Self.parameters.reduce(0) { $0 + $1.count })
    #expect(abs(report.gradientNorm - count.squareRoot()) < 1e-12)
    #expect(weights.allSatisfy { $0.allSatisfy { abs($0 + Float(1 / count.squareRoot())) < 1e-6 } })
  }

  @Test("a frozen group keeps its weights, has no state and no part in the norm") func frozen()
    throws
  {
    var group = ParameterGroup("table", ParameterMatch(names: ["wte.*"]))
    group.isFrozen = true
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(AdamW(learningRate: 0.1), groups: [group]), parameters: Self.parameters)
    let before = Self.values(1)
    var weights = before
    let report = try optimizer.step(
      &weights, gradients: Self.parameters.map { [Float](repeating: 1, count: $0.count) })
    #expect(weights[0] == before[0] && weights[1] != before[1])
    #expect(!optimizer.stateSlots.contains { $0.parameter == "wte.weight" })
    let count = Self.parameters.dropFirst().reduce(0) { $0 + $1.count }
    #expect(abs(report.gradientNorm - Double(count).squareRoot()) < 1e-12)
  }

  @Test("who else asked for a parameter is listed") func overlaps() throws {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(
        SGD(),
        groups: [
          ParameterGroup("first", ParameterMatch(names: ["h.*"])),
          ParameterGroup("vectors", ParameterMatch(ranks: 0...1)),
        ]), parameters: Self.parameters)
    #expect(optimizer.overlaps.count == 1)
    #expect(optimizer.overlaps[0].parameter == "h.0.fc.bias")
    #expect(optimizer.overlaps[0].group == "first" && optimizer.overlaps[0].also == ["vectors"])
  }

  @Test("layer-wise decay: η·decay^(L + 1 − l)") func layerwise() throws {
    let rule = AdamW(learningRate: 1)
    let groups = try ParameterGroup.layerwise(
      0.5, [.vectorsWithoutDecay], Self.parameters, rule)
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, groups: groups), parameters: Self.parameters)
    func value(_ parameter: String, _ setting: String) -> SettingValue? {
      let index = Self.parameters.firstIndex { $0.name == parameter }!
      return optimizer.settings(ofGroup: optimizer.groupOf[index]).first { $0.name == setting }?
        .value
    }
    // Two layers, so that the head has 3.
    let rates = [
      ("wte.weight", 0.125), ("h.0.fc.weight", 0.25), ("h.0.fc.bias", 0.25),
      ("h.1.fc.weight", 0.5), ("norm.weight", 1), ("head.weight", 1),
    ]
    for (name, rate) in rates { #expect(value(name, "lr") == .number(rate), "\(name)") }
    #expect(value("h.0.fc.bias", "weight_decay") == .number(0))
    #expect(value("h.0.fc.weight", "weight_decay") == .number(0.01))
  }

  @Test("what a group cannot have is refused by name") func refused() throws {
    func error(_ group: ParameterGroup, _ rule: some Rule = AdamW()) -> String {
      do {
        _ = try Optimizer<Float>(OptimizerPlan(rule, groups: [group]), parameters: Self.parameters)
        return "accepted"
      } catch { return "\(error)" }
    }
    let all = ParameterMatch(names: ["h.*"])
    #expect(
      error(ParameterGroup("g", all, rule: LBFGS()))
        .hasPrefix("lbfgs cannot be combined with parameters that have another rule"))
    #expect(error(ParameterGroup("g", all, rule: SophiaG())).hasPrefix("sophia-g needs estimates"))
    #expect(
      error(ParameterGroup("g", all, rule: SGD(), settings: [("betas", "0.9,0.99")]))
        .contains("betas"))
    #expect(
      error(ParameterGroup("g", ParameterMatch(names: ["z*"]))).contains("matches no parameter"))
    var frozen = ParameterGroup("g", ParameterMatch())
    frozen.isFrozen = true
    #expect(
      error(frozen)
        == "every parameter is frozen, so nothing would be trained: leave at least one to be trained"
    )
    #expect(
      error(ParameterGroup("default", all)).hasPrefix("two parameter groups are called 'default'"))
  }

  @Test("layer-wise decay suits rules without weight decay", arguments: ["rprop", "shampoo"])
  func layerwiseWithoutWeightDecay(_ name: String) throws {
    var plan = OptimizerPlan(try #require(Rules.all.first { $0.name == name }).init())
    plan.layers.decay = 0.5
    let optimizer = try Optimizer<Float>(plan, parameters: Self.parameters)
    #expect(optimizer.groups.contains { $0.settings.contains { $0.name == "lr" } })
  }

  // MARK: A d for each group

  @Test(
    "with per_group, groups train as if each were alone", arguments: ["prodigy", "dadapt-adam"])
  func perGroup(_ name: String) throws {
    let parameters = [
      ParameterInfo("a", shape: [5]), ParameterInfo("b", shape: [3]),
      ParameterInfo("c", shape: [2]),
    ]
    // b is a group of its own, and has no gradient but zeros at first.
    let group = ParameterGroup("second", ParameterMatch(names: ["b"]), settings: [("lr", "0.5")])
    func gradients(_ weights: [[Double]], _ t: Int) -> [[Double]] {
      weights.enumerated().map { p, w in
        w.enumerated().map { i, w in
          let wave: Double = sin(Double(t * (i + 1) + p))
          return p == 1 && t < 3 ? 0 : Double(p + 1) * w + wave
        }
      }
    }
    func check<R: Rule>(_: R.Type) throws {
      func make(_ indices: [Int], _ groups: [ParameterGroup], _ text: String) throws
        -> Optimizer<Double>
      {
        try Optimizer(
          OptimizerPlan(R([("per_group", text), ("d0", "1e-3")]), groups: groups),
          parameters: indices.map { parameters[$0] })
      }
      let optimizer = try make([0, 1, 2], [group], "true")
      let (second, first) = (try make([1], [group], "false"), try make([0, 2], [], "false"))
      var weights = [[1.0, -1, 0.5, 2, -2], [0.3, -0.4, 0.5], [1, 1]]
      var (w2, w1) = ([weights[1]], [weights[0], weights[2]])
      for t in 1...12 {
        let g = gradients(weights, t)
        _ = try optimizer.step(&weights, gradients: g)
        _ = try second.step(&w2, gradients: [g[1]])
        _ = try first.step(&w1, gradients: [g[0], g[2]])
        #expect(weights == [w1[0], w2[0], w1[1]], "step \(t)")
      }
      let d = Dictionary(uniqueKeysWithValues: optimizer.diagnostics.map { ($0.name, $0.value) })
      #expect(d["d.second"] == second.diagnostics.first { $0.name == "d" }?.value)
      #expect(d["d.default"] == first.diagnostics.first { $0.name == "d" }?.value)
      #expect(d["d.second"] != d["d.default"] && d["d"] == nil)
      let rates = optimizer.effectiveLearningRates
      #expect(rates.map(\.group) == ["second", "default"])
      #expect(rates[0].value == 0.5 * d["d.second"]! && rates[1].value == d["d.default"]!)
      // Together they are one problem with one d.
      let together = try make([0, 1, 2], [group], "false")
      #expect(together.diagnostics.map(\.name).contains("d"))
    }
    try check(Rules.named(name))
  }
}
