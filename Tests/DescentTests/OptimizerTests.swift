import Descent
import DescentCompute
import Testing

@Suite("Optimizer") struct OptimizerTests {
  private let two = [ParameterInfo("a", shape: [3]), ParameterInfo("b", shape: [2])]

  @Test("a step of plain gradient descent, by mental arithmetic") func plainStep() throws {
    let optimizer = try Optimizer<Float>(SGD(learningRate: 0.5), parameters: two)
    var weights: [[Float]] = [[1, 2, 3], [4, 5]]
    let report = try optimizer.step(&weights, gradients: [[2, 0, -2], [0, 4]])
    #expect(weights == [[0, 2, 4], [4, 3]])
    #expect(report.applied && report.step == 1 && !report.clipped)
    #expect(report.gradientNorm == 24.0.squareRoot())
    #expect(report.effectiveLearningRate == 0.5)
  }

  @Test("a missing gradient leaves weights and state alone; zeros do not") func missingGradient()
    throws
  {
    let optimizer = try Optimizer<Float>(SGD(learningRate: 1, momentum: 0.5), parameters: two)
    var weights: [[Float]] = [[0, 0, 0], [0, 0]]
    _ = try optimizer.step(&weights, gradients: [[1, 1, 1], [1, 1]])
    _ = try optimizer.step(&weights, gradients: [nil, [0, 0]])
    #expect(weights == [[-1, -1, -1], [-1.5, -1.5]])
    #expect(optimizer.state.map(\.values) == [[1, 1, 1], [0.5, 0.5]])
  }

  @Test("a frozen parameter has no state and never moves") func frozen() throws {
    let optimizer = try Optimizer<Float>(
      AdamW(learningRate: 1),
      parameters: [ParameterInfo("w", shape: [2, 2], trainable: false), two[0]])
    var weights: [[Float]] = [[1, 2, 3, 4], [1, 1, 1]]
    _ = try optimizer.step(&weights, gradients: [[1, 1, 1, 1], [1, 1, 1]])
    #expect(weights[0] == [1, 2, 3, 4] && weights[1] != [1, 1, 1])
    #expect(optimizer.stateBytes == 2 * 3 * 4)
  }

  // MARK: The guard

  @Test(
    "a gradient that is not finite is refused and named",
    arguments: [Float.nan, .infinity, -.infinity])
  func refusesNonFinite(_ bad: Float) throws {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(AdamW(learningRate: 0.1), clip: Clipping(norm: 1)), parameters: two)
    var weights: [[Float]] = [[1, 2, 3], [4, 5]]
    _ = try optimizer.step(&weights, gradients: [[1, 1, 1], [1, 1]])
    let (before, state) = (weights, optimizer.state.map(\.values))
    let report = try optimizer.step(&weights, gradients: [[1, 1, 1], [1, bad]])
    guard case .refused(let culprit) = report.outcome else {
      Issue.record("the step was applied")
      return
    }
    #expect(culprit.parameter == "b" && culprit.element == 1)
    #expect(report.step == 1 && optimizer.appliedSteps == 1)
    #expect(weights == before && optimizer.state.map(\.values) == state)
  }

  @Test("finite gradients whose squares overflow float32 are clipped, not lost") func hugeGradient()
    throws
  {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(SGD(learningRate: 1), clip: Clipping(norm: 1)), parameters: two)
    var weights: [[Float]] = [[0, 0, 0], [0, 0]]
    let report = try optimizer.step(&weights, gradients: [[3e30, 0, 0], [0, 4e30]])
    #expect(report.applied && report.clipped)
    #expect(abs(weights[0][0] + 0.6) < 1e-6 && abs(weights[1][1] + 0.8) < 1e-6)
  }

  // MARK: Clipping

  @Test("clipping scales by max/(norm + 1e-6) over all parameters, as PyTorch") func clips() throws
  {
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(SGD(learningRate: 1), clip: Clipping(norm: 1)), parameters: two)
    var weights: [[Double]] = [[0, 0, 0], [0, 0]]
    let report = try optimizer.step(&weights, gradients: [[3, 0, 0], [0, 4]])
    #expect(report.gradientNorm == 5 && report.clipCoefficient == 1 / (5 + 1e-6))
    let coefficient = 1 / (5 + 1e-6)
    #expect(weights == [[-3 * coefficient, 0, 0], [0, -4 * coefficient]])
  }

  // MARK: Schedules

  @Test("a schedule drives the learning rate by applied steps alone") func scheduled() throws {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(SGD(learningRate: 1), schedules: [("lr", LinearWarmup(warmup: 4))]),
      parameters: [two[1]])
    var weights: [[Float]] = [[0, 0]]
    var rates: [Double] = []
    for gradient: [Float] in [[1, 1], [.nan, 1], [1, 1], [1, 1]] {
      rates.append(try optimizer.step(&weights, gradients: [gradient]).effectiveLearningRate)
    }
    // The refused step does not count.
    #expect(rates == [0.25, 0.25, 0.5, 0.75])
    #expect(weights == [[-1.5, -1.5]])
  }

  @Test("any number can be scheduled, and nothing else") func schedulable() throws {
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(
        AdamW(learningRate: 0, weightDecay: 1), groups: [],
        schedules: [("weight_decay", LinearDecay(total: 10)), ("betas", Constant())]),
      parameters: [ParameterInfo("w", shape: [1])])
    var weights = [[1.0]]
    for _ in 0..<5 { _ = try optimizer.step(&weights, gradients: [[1]]) }
    // The fifth step used what the schedule gives after four.
    #expect(optimizer.settings(ofGroup: 0).contains { $0 == ("weight_decay", .number(0.6)) })
    #expect(throws: OptimizerError.self) {
      try Optimizer<Double>(
        OptimizerPlan(AdamW(), schedules: [("amsgrad", Constant())]), parameters: two)
    }
  }

  // MARK: Bad input

  @Test(
    "contradictions and out-of-range values are refused by name",
    arguments: [
      (SGD(learningRate: 0.1, nesterov: true), "nesterov"),
      (SGD(learningRate: -1), "lr=-1"),
      (SGD(learningRate: .nan), "lr="),
      (SGD(learningRate: 0.1, momentum: 1), "momentum=1"),
    ])
  func badRule(_ rule: SGD, _ part: String) {
    let error = #expect(throws: OptimizerError.self) {
      try Optimizer<Float>(rule, parameters: two)
    }
    #expect("\(error!)".contains(part), "\(error!)")
  }

  @Test("repeated names and a clip threshold that is not positive are refused") func badSetup() {
    #expect(throws: OptimizerError.duplicateParameter("a")) {
      try Optimizer<Float>(SGD(), parameters: [two[0], two[0]])
    }
    for norm in [0, -1, Double.nan] {
      #expect(throws: OptimizerError.self) {
        try Optimizer<Float>(OptimizerPlan(SGD(), clip: Clipping(norm: norm)), parameters: two)
      }
    }
  }

  @Test(
    "a known norm gives the same step, to the bit, and the same refusal", arguments: [nil, 0.5])
  func knownNorm(limit: Double?) throws {
    var plan = OptimizerPlan(AdamW(learningRate: 0.1), groups: [])
    plan.clip.norm = limit
    let parameters = [ParameterInfo("w", shape: [700])]
    func step(
      _ optimizer: Optimizer<Float>, _ w: inout [Float], _ g: [Float], _ norm: Double?
    ) throws -> StepReport {
      try w.withMutableView { w in
        try g.withView { g in
          try optimizer.step([ParameterMemory(weights: w, gradient: g)], knownNorm: norm)
        }
      }
    }
    let (one, other) = (
      try Optimizer<Float>(plan, parameters: parameters),
      try Optimizer<Float>(plan, parameters: parameters)
    )
    var (w, v) = (noise(700, seed: 7), noise(700, seed: 7))
    for t in 1...3 {
      let g = noise(700, seed: UInt64(t))
      let measured = try step(one, &w, g, nil)
      let known = try step(other, &v, g, measured.gradientNorm)
      #expect(known == measured && w == v)
    }
    var g = noise(700, seed: 4)
    g[99] = .nan
    let refused = try step(other, &v, g, .nan)
    #expect(!refused.applied && w == v)
  }
}

@Suite("Parameter groups") struct ParameterGroupTests {
  private let parameters = [
    ParameterInfo("h.0.weight", shape: [2, 2], role: .matrix),
    ParameterInfo("h.0.bias", shape: [2], role: .bias),
    ParameterInfo("wte.weight", shape: [3, 2], role: .embedding),
  ]

  @Test("vectors have no decay by default") func customary() throws {
    let optimizer = try Optimizer<Float>(
      AdamW(learningRate: 0.1, weightDecay: 0.5), parameters: parameters)
    #expect(optimizer.groups.map(\.name) == ["no_decay", "default"])
    #expect(optimizer.groupOf == [1, 0, 1])
    var weights: [[Float]] = [[1, 1, 1, 1], [1, 1], [1, 1, 1, 1, 1, 1]]
    _ = try optimizer.step(&weights, gradients: weights.map { $0.map { _ in 0 } })
    #expect(weights[1] == [1, 1] && weights[0][0] < 1)
  }

  @Test("a rule without decay keeps all in one group") func noDecay() throws {
    #expect(try Optimizer<Float>(SGD(), parameters: parameters).groups.map(\.name) == ["default"])
  }

  @Test("the first match wins, by name, rank or role") func firstMatch() throws {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(
        SGD(learningRate: 1),
        groups: [
          ParameterGroup(
            "tables", ParameterMatch(roles: [.embedding]), settings: [("lr", "0.25")]),
          ParameterGroup(
            "weights", ParameterMatch(names: ["*.weight"]), settings: [("lr", "0.5")]),
        ]), parameters: parameters)
    #expect(optimizer.groupOf == [1, 2, 0])
    var weights: [[Float]] = [[0, 0, 0, 0], [0, 0], [0, 0, 0, 0, 0, 0]]
    _ = try optimizer.step(&weights, gradients: weights.map { $0.map { _ in 1 } })
    #expect(weights.map { $0[0] } == [-0.5, -1, -0.25])
  }

  @Test("a group that takes nothing, or asks what the rule lacks, is refused by name")
  func badGroups() {
    for (group, part) in [
      (ParameterGroup("typo", ParameterMatch(names: ["*.wieght"])), "typo"),
      (
        ParameterGroup("g", ParameterMatch(), settings: [("beta", "1")]),
        "parameter group 'g': sgd has no setting 'beta'"
      ),
    ] {
      let error = #expect(throws: OptimizerError.self) {
        try Optimizer<Float>(OptimizerPlan(SGD(), groups: [group]), parameters: parameters)
      }
      #expect("\(error!)".contains(part), "\(error!)")
    }
  }

  @Test(
    "patterns",
    arguments: [
      ("*", "anything", true), ("*.bias", "h.0.bias", true), ("*.bias", "h.0.bias.x", false),
      ("h.?.bias", "h.3.bias", true), ("h.?.bias", "h.12.bias", false), ("", "x", false),
      ("h.*.w*", "h.0.attn.weight", true),
    ])
  func patterns(_ pattern: String, _ name: String, _ matches: Bool) {
    let match = ParameterMatch(names: [pattern])
    #expect(match.matches(ParameterInfo(name, shape: [])) == matches)
  }
}
