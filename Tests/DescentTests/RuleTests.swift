import Descent
import DescentCompute
import Foundation
import Testing

/// What vectors of reference runs cannot reach: identities, exact small cases, refused options.
@Suite("Rules") struct RuleTests {
  /// Weights after each of `steps` steps of gradients that are the same for every rule.
  private func path<R: Rule>(
    _ rule: R, steps: Int = 8, shape: [Int] = [3, 5], start: [Double]? = nil,
    gradient: (Int, Int, Double) -> Double = { t, i, w in 0.3 * w + sin(Double(t * (i + 1))) }
  ) throws -> [[Double]] {
    let info = ParameterInfo("w", shape: shape)
    let optimizer = try Optimizer<Double>(OptimizerPlan(rule, groups: []), parameters: [info])
    var weights = [start ?? (0..<info.count).map { cos(Double($0)) }]
    return (1...steps).map { t in
      let g = weights[0].enumerated().map { gradient(t, $0, $1) }
      #expect(optimizer.step(&weights, gradients: [g]).applied)
      return weights[0]
    }
  }

  private func expectEqual(
    _ a: [[Double]], _ b: [[Double]], within tolerance: Double = 1e-12,
    _ location: SourceLocation = #_sourceLocation
  ) {
    let worst = zip(a.joined(), b.joined()).map { abs($0 - $1) }.max() ?? .infinity
    #expect(worst <= tolerance, "apart by \(worst)", sourceLocation: location)
  }

  // MARK: Identities

  @Test("RAdam's first five steps are bias-corrected momentum, the sixth is not") func radam()
    throws
  {
    // Bias-corrected momentum from Adam: with ε far above √v the denominator is ε.
    let momentum = try path(
      Adam(learningRate: 0.1 * 1e12, epsilon: 1e12), steps: 6)
    let radam = try path(RAdam(learningRate: 0.1), steps: 6)
    expectEqual(Array(radam.prefix(5)), Array(momentum.prefix(5)), within: 1e-10)
    #expect(abs(radam[5][0] - momentum[5][0]) > 1e-3)
  }

  @Test("NAdam without momentum is Adam without momentum") func nadam() throws {
    expectEqual(
      try path(NAdam(learningRate: 0.1, betas: (0, 0.99))),
      try path(Adam(learningRate: 0.1, betas: (0, 0.99))))
  }

  @Test("NAdam's P is the product of the momentums used, though β₁ is scheduled")
  func nadamScheduled() throws {
    let parameters = [ParameterInfo("w", shape: [2])]
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(
        NAdam(learningRate: 0.1, betas: (0.8, 0.8)), schedules: [("betas", LinearDecay(total: 10))]),
      parameters: parameters)
    var weights = [[1.0, 2.0]]
    for _ in 0..<3 { _ = optimizer.step(&weights, gradients: [[1, -1]]) }
    var expected = 1.0
    for t in 1...3 {
      let beta1 = 0.8 * (1 - Double(t - 1) / 10)
      expected *= beta1 * (1 - 0.5 * pow(0.96, Double(t) * 4e-3))
    }
    let product = optimizer.state.first { $0.slot == "mu_product" }!.values[0]
    #expect(abs(product - expected) < 1e-15)
  }

  @Test("Lion's first step is the sign, whatever the gradient's size; zeros stay") func lionSign()
    throws
  {
    let optimizer = try Optimizer<Float>(
      Lion(learningRate: 0.5), parameters: [ParameterInfo("w", shape: [4])])
    var weights: [[Float]] = [[1, 1, 1, 1]]
    _ = optimizer.step(&weights, gradients: [[1e-30, -1e30, 0, 3]])
    #expect(weights == [[0.5, 1.5, 1, 0.5]])
  }

  @Test("cautious Lion is Lion while every element agrees") func lionAgreeing() throws {
    func gradient(_ t: Int, _ i: Int, _ w: Double) -> Double { Double(1 + (t + i) % 3) }
    for cautiousDecay in [false, true] {
      // From 20 down, no weight changes sign: the masked decay acts everywhere too.
      let start = Array(repeating: 20.0, count: 15)
      let lion = Lion(learningRate: 0.1, weightDecay: 0.5)
      var cautious = lion
      (cautious.cautiousFactor, cautious.cautiousWeightDecay) = (0, cautiousDecay)
      expectEqual(
        try path(lion, start: start, gradient: gradient),
        try path(cautious, start: start, gradient: gradient))
    }
  }

  @Test("cautious Lion, by mental arithmetic") func lionCautious() throws {
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(
        Lion(
          learningRate: 0.5, weightDecay: 0.5, cautiousFactor: 0, cautiousWeightDecay: true),
        groups: []), parameters: [ParameterInfo("w", shape: [4])])
    var weights = [[1.0, -1, 1, -1]]
    _ = optimizer.step(&weights, gradients: [[100, 100, 100, 100]])
    // All agree: a step of −½ each, and decay ¾ only where it shrinks the weight.
    #expect(weights == [[0.25, -1.5, 0.25, -1.5]])
    _ = optimizer.step(&weights, gradients: [[1, 1, -1, -1]])
    // m = 1 still outweighs g: two of four agree, so their steps are twice as long.
    #expect(weights == [[-0.8125, -2.5, 0.25, -1.5]])
  }

  @Test("Lion's decoupled decay divides by the first lr, not by the scheduled one") func lionDecay()
    throws
  {
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(
        Lion(learningRate: 0.5, weightDecay: 0.25, decoupledWeightDecay: true), groups: [],
        schedules: [("lr", LinearDecay(total: 2))]), parameters: [ParameterInfo("w", shape: [1])])
    var weights = [[8.0]]
    for _ in 0..<2 { _ = optimizer.step(&weights, gradients: [[0]]) }
    #expect(weights == [[8 * (1 - 0.25) * (1 - 0.125)]])
  }

  @Test("LAMB's and LARS's ratio is 1 for weights of zero") func zeroWeights() throws {
    let zeros = Array(repeating: 0.0, count: 15)
    expectEqual(
      try path(LAMB(learningRate: 0.1), steps: 1, start: zeros),
      try path(Adam(learningRate: 0.1, epsilon: 1e-6), steps: 1, start: zeros))
    expectEqual(
      try path(LARS(learningRate: 0.1), steps: 1, start: zeros),
      try path(SGD(learningRate: 0.1), steps: 1, start: zeros))
  }

  @Test("a step of LAMB is η times the length of the weights") func lambLength() throws {
    let start = [3.0, 0, 4.0]
    let end = try path(LAMB(learningRate: 0.1), steps: 1, shape: [3], start: start)[0]
    let changes = zip(start, end).map { $0 - $1 }
    let length = changes.map { $0 * $0 }.reduce(0, +).squareRoot()
    #expect(abs(length - 0.5) < 1e-12)
  }

  @Test("Adamax without decay of u is momentum over the largest gradient") func adamax() throws {
    // g = 4, then 2: u stays 4 for β₂ = 1⁻, m̂ is their weighted mean.
    let steps = try path(
      Adamax(learningRate: 1, betas: (0, 0.5), epsilon: 0), steps: 2, shape: [1], start: [0],
      gradient: { t, _, _ in t == 1 ? 4 : 1 })
    // The second step divides 1 by max(½·4, 1).
    #expect(steps == [[-1], [-1.5]])
  }

  @Test("Rprop rests where the sign changes and then starts again") func rprop() throws {
    let signs = [1.0, 1, -1, -1, -1]
    let steps = try path(
      Rprop(learningRate: 1, etas: (0.5, 2)), steps: 5, shape: [1], start: [0],
      gradient: { t, _, _ in signs[t - 1] })
    #expect(steps == [[-1], [-3], [-3], [-2], [0]])
  }

  @Test("ASGD averages from t₀ on, and a new lr acts a step late") func asgd() throws {
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(
        ASGD(learningRate: 1, lambda: 0, averagingStart: 2), groups: [],
        schedules: [("lr", LinearDecay(total: 4))]), parameters: [ParameterInfo("w", shape: [1])])
    var weights = [[0.0]]
    var path: [Double] = []
    for _ in 0..<4 {
      _ = optimizer.step(&weights, gradients: [[-1]])
      path.append(weights[0][0])
    }
    #expect(path == [1, 2, 2.75, 3.25])
    #expect(optimizer.state.first { $0.slot == "ax" }!.values == [3.25])
    _ = optimizer.step(&weights, gradients: [[-1]])
    #expect(optimizer.state.first { $0.slot == "ax" }!.values == [(3.25 + weights[0][0]) / 2])
  }

  @Test("D-Adaptation and Prodigy do nothing for gradients of zero") func nothingToEstimate() throws
  {
    let start = (0..<15).map { cos(Double($0)) }
    let zero = { (_: Int, _: Int, _: Double) in 0.0 }
    #expect(
      try path(
        DAdaptAdam(learningRate: 1, weightDecay: 0.5, decouple: true), steps: 2,
        start: start, gradient: zero
      ).last == start)
  }

  // MARK: Schedule-Free

  @Test("Schedule-Free's result is the average of z, and the stored weights come back to the bit")
  func scheduleFree() throws {
    let optimizer = try Optimizer<Double>(
      ScheduleFreeSGD(learningRate: 0.5), parameters: [ParameterInfo("w", shape: [1])])
    var weights = [[0.0]]
    var z = [0.0]
    for _ in 0..<4 {
      _ = optimizer.step(&weights, gradients: [[-1]])
      z.append(z.last! + 0.5)
    }
    let x = optimizer.evaluationWeights(of: weights)[0][0]
    #expect(abs(x - z.dropFirst().reduce(0, +) / 4) < 1e-14)
    #expect(abs(weights[0][0] - (0.1 * z.last! + 0.9 * x)) < 1e-14)
  }

  @Test("a parameter without a gradient so far is evaluated as it is") func scheduleFreeUntouched()
    throws
  {
    let optimizer = try Optimizer<Float>(
      ScheduleFreeAdamW(),
      parameters: [ParameterInfo("a", shape: [1]), ParameterInfo("b", shape: [1])])
    var weights: [[Float]] = [[1], [2]]
    _ = optimizer.step(&weights, gradients: [[1], nil])
    #expect(optimizer.evaluationWeights(of: weights)[1] == [2])
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
          p == 1 && t < 3 ? 0 : Double(p + 1) * w + sin(Double(t * (i + 1) + p))
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
        _ = optimizer.step(&weights, gradients: g)
        _ = second.step(&w2, gradients: [g[1]])
        _ = first.step(&w1, gradients: [g[0], g[2]])
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

  // MARK: Sophia

  @Test("estimates are folded in: squared by Sophia-G, with their sign by Sophia-H") func fold()
    throws
  {
    for (rule, expected) in [
      (SophiaG(learningRate: 0.1, betas: (0.9, 0.75)) as any Rule, [1.0, 0.25]),
      (SophiaH(learningRate: 0.1, betas: (0.9, 0.75)), [0.5, -0.25]),
    ] {
      let optimizer = try open(rule)
      var weights = [[1.0, 1.0]]
      _ = optimizer.step(&weights, gradients: [[1, 1]])
      #expect(try optimizer.foldCurvature([[2, -1]]) == .applied)
      #expect(optimizer.state.first { $0.slot == "hessian" }!.values == expected)
      #expect(optimizer.appliedSteps == 1)
    }
  }

  @Test("an estimate that is not finite, or that nobody takes, is refused") func refusesFold()
    throws
  {
    let optimizer = try open(SophiaG())
    var weights = [[1.0, 1.0]]
    _ = optimizer.step(&weights, gradients: [[1, 1]])
    guard case .refused(let culprit) = try optimizer.foldCurvature([[1, .nan]]) else {
      Issue.record("folded")
      return
    }
    #expect(culprit.element == 1)
    #expect(optimizer.state.first { $0.slot == "hessian" }!.values == [0, 0])
    #expect(throws: OptimizerError.takesNoCurvature(rule: "adamw")) {
      try open(AdamW()).foldCurvature([[1, 1]])
    }
  }

  private func open(_ rule: any Rule) throws -> Optimizer<Double> {
    func make(_ rule: some Rule) throws -> Optimizer<Double> {
      try Optimizer(
        OptimizerPlan(rule, groups: []), parameters: [ParameterInfo("w", shape: [2])],
        needs: .byCaller)
    }
    return try make(rule)
  }

  @Test("a closure is asked for estimates when they are due, with the weights of then")
  func curvatureClosure() throws {
    for (rule, due) in [
      (SophiaG(learningRate: 0.1, hessianInterval: 3) as any Rule, [3, 6]),
      (SophiaH(learningRate: 0.1, updateInterval: 3), [1, 4, 7]),
    ] {
      func run(_ rule: some Rule) throws {
        let asked = Asked()
        let optimizer = try Optimizer<Double>(
          rule, parameters: [ParameterInfo("w", shape: [1])],
          needs: .curvature { step, weights in
            asked.steps.append(step)
            asked.weights.append(weights[0][0])
            return [[step == due[1] ? .nan : 2]]
          })
        var weights = [[1.0]]
        var seen: [Double] = []
        for step in 1...7 {
          let report = optimizer.step(&weights, gradients: [[1]])
          #expect((report.curvature != nil) == due.contains(step))
          if let outcome = report.curvature {
            #expect((outcome == .applied) == (step != due[1]))
            seen.append(weights[0][0])
          }
        }
        #expect(asked.steps == due && asked.weights == seen)
      }
      try run(rule)
    }
  }

  private final class Asked {
    var steps: [Int] = []
    var weights: [Double] = []
  }

  @Test("a rule is refused without what it needs, and with what it does not take")
  func supplies() throws {
    let parameters = [ParameterInfo("w", shape: [2])]
    func error(_ rule: some Rule, _ needs: ProvidedNeeds<Float>) -> OptimizerError? {
      #expect(throws: OptimizerError.self) {
        try Optimizer<Float>(rule, parameters: parameters, needs: needs)
      }
    }
    #expect(
      error(SophiaG(), .none)
        == .lacksCurvature(rule: "sophia-g", need: .sampledGradients))
    #expect(
      error(SophiaH(), .none) == .lacksCurvature(rule: "sophia-h", need: .hessianDiagonal))
    #expect(error(KFAC(), .none) == .lacksPreconditioner(rule: "kfac"))
    #expect(error(LBFGS(), .none) == .lacksEvaluation(rule: "lbfgs"))
    #expect(error(AdamW(), .curvature { _, _ in [] }) == .takesNoCurvature(rule: "adamw"))
    let sentences = try [
      #require(error(SophiaG(), .none)), #require(error(SophiaH(), .none)),
      #require(error(KFAC(), .none)), #require(error(LBFGS(), .none)),
    ].map(\.description)
    for (sentence, part) in zip(
      sentences,
      [
        "labels sampled", "random vector", "sees the model's layers",
        "give each step an evaluation",
      ])
    { #expect(sentence.contains(part)) }
  }

  @Test("Sophia-G's B is that of the estimates where it was left open") func batchSize() {
    var rule = SophiaG()
    rule.fit(labels: 640)
    #expect(rule.batchSize == 640)
    rule = SophiaG(learningRate: 1, batchSize: 7)
    rule.fit(labels: 640)
    #expect(rule.batchSize == 7)
  }

  // MARK: Adafactor

  @Test("batches of matrices are so many matrices", arguments: [3, 700])
  func adafactorBatches(_ width: Int) throws {
    // The RMS is the whole tensor's, so equal matrices must move alike, and as one alone.
    let height = 40
    let one = (0..<height * width).map { 1 + 0.5 * cos(Double($0)) }
    func gradient(_ t: Int, _ i: Int, _ w: Double) -> Double {
      w + sin(Double(t * (i % (height * width) + 1)))
    }
    let alone = try path(
      AdafactorTorch(), steps: 3, shape: [height, width], start: one, gradient: gradient)
    let both = try path(
      AdafactorTorch(), steps: 3, shape: [2, height, width], start: one + one, gradient: gradient)
    expectEqual(both, alone.map { $0 + $0 })
  }

  @Test("a matrix of rank one is divided out: every step has one length") func adafactorRankOne()
    throws
  {
    let steps = try path(
      Adafactor(learningRate: 0.1), steps: 1, shape: [2, 3], start: Array(repeating: 0, count: 6),
      gradient: { _, i, _ in Double((i / 3 + 1) * (i % 3 + 1)) })
    for w in steps[0] { #expect(abs(w + 0.1) < 1e-12) }
  }

  @Test("the state of a matrix is its rows and columns") func adafactorState() throws {
    let optimizer = try Optimizer<Float>(
      Adafactor(), parameters: [ParameterInfo("w", shape: [512, 256])])
    #expect(optimizer.stateBytes == 4 * (512 + 256))
  }

  // MARK: Threads

  @Test(
    "the same bits for any number of threads",
    arguments: [
      NAdam(learningRate: 0.1) as any Rule, ASGD(learningRate: 0.1), LAMB(learningRate: 0.1),
      LARS(learningRate: 1), Lion(learningRate: 0.1, cautiousFactor: 0), DAdaptAdam(),
      ScheduleFreeAdamW(), Adafactor(), AdafactorTorch(),
    ])
  func threads(_ rule: any Rule) throws {
    let parameters = [
      ParameterInfo("matrix", shape: [211, 397]), ParameterInfo("kernels", shape: [32, 50, 3, 3]),
      ParameterInfo("vector", shape: [20_003]),
    ]
    func train(_ threads: Int) throws -> [[UInt32]] {
      ThreadPool.shared.setThreads(threads)
      func make(_ rule: some Rule) throws -> Optimizer<Float> {
        try Optimizer(rule, parameters: parameters)
      }
      let optimizer = try make(rule)
      var weights = parameters.enumerated().map { noise($1.count, seed: UInt64($0)) }
      for step in 0..<3 {
        let gradients = parameters.enumerated().map { index, parameter in
          noise(parameter.count, seed: UInt64(100 * step + index + 10))
        }
        #expect(optimizer.step(&weights, gradients: gradients).applied)
      }
      return weights.map { $0.map(\.bitPattern) }
    }
    defer { ThreadPool.shared.setThreads(2) }
    let one = try train(1)
    for threads in [2, 5] { #expect(try train(threads) == one, "\(threads) threads") }
  }

  // MARK: Refused options

  @Test(
    "contradictions and values out of range are refused in a sentence that names them",
    arguments: [
      ("adafactor", "lr=0.001", "lr=0.001 contradicts relative_step=true"),
      ("adafactor", "relative_step=false", "relative_step=false needs lr"),
      ("adafactor", "lr=1 relative_step=false warmup_init=true", "warmup_init=true needs"),
      ("adafactor-torch", "eps=0.1,none", "eps must end in a number"),
      ("adafactor-torch", "eps=0.1", "eps=0.1 cannot be read"),
      ("adafactor-torch", "d=0.5", "d=0.5 is out of range"),
      ("lars", "nesterov=true", "variant=pytorch_optimizer"),
      ("lamb", "variant=apexx", "variant=apexx cannot be read"),
      ("lamb", "use_nvlamb=true", "use_nvlamb has no meaning for variant=paper"),
      ("lamb", "max_coeff=2 variant=apex", "max_coeff has no meaning for variant=apex"),
      ("lamb", "bias_correction=false", "set variant to apex or deepspeed"),
      ("lamb", "variant=deepspeed max_coeff=0.1 min_coeff=0.2", "min_coeff=0.2 is above"),
      ("lion", "lr=0", "lr=0 is out of range"),
      ("lion", "cautious_factor=1.5", "cautious_factor=1.5 is out of range"),
      ("rprop", "etas=1.2,0.5", "etas must be"),
      ("rprop", "step_sizes=1,0.1", "step_sizes must"),
      ("schedule-free-adamw", "betas=0,0.9", "betas must begin above 0"),
      ("schedule-free-sgd", "momentum=0", "momentum=0 is out of range"),
      ("sophia-g", "bs=0", "bs=0 is out of range"),
      ("sophia-g", "hess_interval=0", "hess_interval=0 is out of range"),
      ("sophia-h", "update_interval=0", "update_interval=0 is out of range"),
      ("kfac", "damping=0", "damping=0 is out of range"),
      ("kfac", "kl_clip=0", "kl_clip=0 is out of range"),
      ("kfac", "compute_method=eigan", "did you mean 'eigen'?"),
      ("kfac", "nesterov=true momentum=0", "nesterov=true needs momentum"),
      ("radam", "beta=0.9", "did you mean 'betas'?"),
      ("dadapt-adam", "d0=0", "d0=0 is out of range"),
    ])
  func refused(_ rule: String, _ options: String, _ part: String) throws {
    let changes = options.split(separator: " ").map { option in
      let parts = option.split(separator: "=", maxSplits: 1)
      return (name: String(parts[0]), text: String(parts[1]))
    }
    let type = try Rules.named(rule)
    func make<R: Rule>(_: R.Type) throws { _ = try R(changes) }
    let error = #expect(throws: SettingErrors.self) { try make(type) }
    #expect("\(error!)".contains(part), "\(error!)")
  }

  @Test("no schedule can drive an lr that is none") func scheduleOfNone() throws {
    let parameters = [ParameterInfo("w", shape: [2, 2])]
    #expect(throws: OptimizerError.scheduleOfNone(setting: "lr", rule: "adafactor")) {
      try Optimizer<Float>(
        OptimizerPlan(Adafactor(), schedules: [("lr", LinearDecay(total: 10))]),
        parameters: parameters)
    }
    // With an lr of its own it can be driven.
    _ = try Optimizer<Float>(
      OptimizerPlan(Adafactor(learningRate: 0.1), schedules: [("lr", LinearDecay(total: 10))]),
      parameters: parameters)
  }

  @Test("every rule describes itself, and every default passes its own checks") func described()
    throws
  {
    for type in Rules.all {
      func check<R: Rule>(_: R.Type) throws {
        #expect(!R.about.summary.isEmpty && !R.about.formula.isEmpty && !R.about.reference.isEmpty)
        for setting in R.settings { #expect(!setting.meaning.isEmpty && !setting.source.isEmpty) }
        #expect(throws: Never.self) { try R().check() }
      }
      try check(type)
    }
  }
}
