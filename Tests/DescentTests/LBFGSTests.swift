import Descent
import Foundation
import Safetensors
import Testing

/// The objectives of `References/lbfgs.py`.
enum Objective: String, Sendable {
  case rosenbrock
  case quadratic
  case negated = "quadratic-negated"

  /// The loss and its gradient.
  func callAsFunction(_ w: [Double]) -> (loss: Double, gradient: [Double]) {
    var (loss, gradient) = (0.0, [Double](repeating: 0, count: w.count))
    switch self {
    case .rosenbrock:
      for i in 0..<w.count - 1 {
        let (u, v) = (w[i + 1] - w[i] * w[i], 1 - w[i])
        loss += 100 * u * u + v * v
        gradient[i] += -400 * u * w[i] - 2 * v
        gradient[i + 1] += 200 * u
      }
    case .quadratic, .negated:
      let sign: Double = self == .quadratic ? 1 : -1
      for i in w.indices {
        let k = Double(i + 1)
        loss += sign * (k / 2 * w[i] * w[i] - sin(k) * w[i] + pow(w[i], 4) / 8)
        gradient[i] = sign * (k * w[i] - sin(k) + pow(w[i], 3) / 2)
      }
    }
    return (loss, gradient)
  }

  /// The same over two arrays.
  func evaluate(_ weights: [[Double]]) -> (loss: Double, gradients: [[Double]?]) {
    let (loss, gradient) = self(weights[0] + weights[1])
    let cut = weights[0].count
    return (loss, [Array(gradient[..<cut]), Array(gradient[cut...])])
  }
}

@Suite("L-BFGS") struct LBFGSTests {
  /// A case of the vectors' description.
  struct Case: Decodable, CustomTestStringConvertible, Sendable {
    let set: [String: Trajectory.SettingText]
    let objective: String
    let rtol: Double
    let steps: Int
    var name = ""
    var testDescription: String { name }
    enum CodingKeys: CodingKey { case set, objective, rtol, steps }

    static let all: [Case] = {
      let json = try! Trajectory.open("lbfgs").metadata["cases"]!
      let cases = try! JSONDecoder().decode([String: Case].self, from: Data(json.utf8))
      return cases.keys.sorted().map { name in
        var result = cases[name]!
        result.name = name
        return result
      }
    }()
  }

  @Test("follows PyTorch: weights, entry losses and evaluations", arguments: Case.all)
  func follows(_ test: Case) throws {
    let file = try Trajectory.open("lbfgs")
    let objective = try #require(Objective(rawValue: test.objective))
    let names = ["a", "b"]
    var weights = try names.map { try file.doubles(of: "\(test.name)/param/\($0)") }
    let optimizer = try LBFGSOptimizer<Double>(
      // PyTorch's default has no line search.
      LBFGS([("line_search_fn", "none")] + test.set.map { ($0.key, $0.value.text) }),
      parameters: zip(names, weights).map { ParameterInfo($0, shape: [$1.count]) })
    for step in 1...test.steps {
      let report = try optimizer.step(&weights, evaluate: objective.evaluate)
      let loss = try file.doubles(of: "\(test.name)/loss/\(step)")[0]
      #expect(abs(report.entryLoss - loss) <= test.rtol * (1 + abs(loss)), "step \(step)")
      let count = try file.integers(of: "\(test.name)/evaluations/\(step)", as: Int.self)[0]
      #expect(optimizer.evaluations == count, "step \(step)")
      for (name, values) in zip(names, weights) {
        let expected = try file.doubles(of: "\(test.name)/param/\(step)/\(name)")
        for (x, y) in zip(values, expected) {
          #expect(abs(x - y) <= test.rtol * (1 + abs(y)), "\(name) after step \(step)")
        }
      }
    }
  }

  private let one = [ParameterInfo("w", shape: [1])]

  @Test("a stationary start moves nothing and says so") func stationary() throws {
    let optimizer = try LBFGSOptimizer<Float>(LBFGS(), parameters: one)
    var weights: [[Float]] = [[3]]
    let report = try optimizer.step(&weights) { _ in (7, [[0]]) }
    #expect(weights == [[3]] && report.exit == .gradientTolerance)
    #expect(report.entryLoss == 7 && report.evaluations == 1 && report.iterations == 0)
  }

  @Test("a start that is not finite moves nothing", arguments: [Double.nan, .infinity])
  func badStart(_ bad: Double) throws {
    let optimizer = try LBFGSOptimizer<Double>(LBFGS(), parameters: one)
    var weights = [[3.0]]
    #expect(try optimizer.step(&weights) { _ in (bad, [[1]]) }.exit == .nonFiniteStart)
    #expect(try optimizer.step(&weights) { _ in (1, [[bad]]) }.exit == .nonFiniteStart)
    #expect(weights == [[3]])
  }

  /// w − log w, which has its minimum at 1 and is not defined below 0.
  private func logarithm(_ w: [[Double]]) -> (loss: Double, gradients: [[Double]?]) {
    (w[0][0] - log(w[0][0]), [[1 - 1 / w[0][0]]])
  }

  @Test("the line search turns back from where the loss is not defined") func shortens() throws {
    let optimizer = try LBFGSOptimizer<Double>(
      LBFGS(learningRate: 1e3, lineSearch: .strongWolfe), parameters: one)
    var weights = [[4.0]]
    for _ in 0..<3 { _ = try optimizer.step(&weights, evaluate: logarithm) }
    #expect(abs(weights[0][0] - 1) < 1e-6)
  }

  @Test("without a line search a bad trial is taken back", arguments: [1, 5])
  func takesBack(_ iterations: Int) throws {
    let optimizer = try LBFGSOptimizer<Double>(
      LBFGS(learningRate: 1e3, iterations: iterations, lineSearch: .none), parameters: one)
    var weights = [[4.0]]
    var report = try optimizer.step(&weights, evaluate: logarithm)
    // With one iteration, only the next step sees where the first went.
    if iterations == 1 { report = try optimizer.step(&weights, evaluate: logarithm) }
    #expect(report.exit == (iterations == 1 ? .nonFiniteStart : .nonFiniteTrial))
    #expect(weights == [[4]])
    // The history is forgotten: the next step goes down the gradient, 3/4 long, from there.
    optimizer.rule.learningRate = 0.5
    optimizer.rule.largestIterations = 1
    report = try optimizer.step(&weights, evaluate: logarithm)
    #expect(weights == [[3.625]] && report.exit == .iterations)
  }

  @Test("an error of the closure passes through, and the weights are the last accepted ones")
  func passesErrors() throws {
    struct Interruption: Error {}
    let optimizer = try LBFGSOptimizer<Double>(LBFGS(), parameters: one)
    var weights = [[4.0]]
    var calls = 0
    #expect(throws: Interruption.self) {
      try optimizer.step(&weights) { w in
        calls += 1
        if calls == 2 { throw Interruption() }
        return (w[0][0] * w[0][0], [[2 * w[0][0]]])
      }
    }
    #expect(weights == [[4]])
  }

  @Test("frozen parameters stay, missing gradients are zeros") func frozen() throws {
    let parameters = [
      ParameterInfo("frozen", shape: [1], trainable: false), ParameterInfo("w", shape: [2]),
      ParameterInfo("unused", shape: [1]),
    ]
    let optimizer = try LBFGSOptimizer<Double>(
      LBFGS(learningRate: 1, lineSearch: .strongWolfe), parameters: parameters)
    var weights = [[5.0], [1, -2], [6]]
    for _ in 0..<3 {
      _ = try optimizer.step(&weights) { w in
        (w[1][0] * w[1][0] + w[1][1] * w[1][1], [[1], w[1].map { 2 * $0 }, nil])
      }
    }
    #expect(weights[0] == [5] && weights[2] == [6])
    #expect(weights[1].allSatisfy { abs($0) < 1e-6 })
  }

  @Test("inside an optimizer: the same path, a schedule, and why a step ended") func inOptimizer()
    throws
  {
    let objective = Objective.rosenbrock
    let start = [-1.2, 1.0]
    let parameters = [ParameterInfo("a", shape: [1]), ParameterInfo("b", shape: [1])]
    let alone = try LBFGSOptimizer<Double>(LBFGS(), parameters: parameters)
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(LBFGS(), schedules: [("lr", LinearWarmup(warmup: 2))]), parameters: parameters,
      needs: .byCaller)
    var (w, expected) = (start, start.map { [$0] })
    var g = [0.0, 0]
    for step in 0..<3 {
      alone.rule.learningRate = step == 0 ? 0.5 : 1
      let other = try alone.step(&expected, evaluate: objective.evaluate)
      let report = try w.withMutableView { w in
        try g.withMutableView { g in
          let memory = (0..<2).map { i in
            ParameterMemory(weights: w.row(i, 1), gradient: g.row(i, 1).reading)
          }
          return try optimizer.step(memory) {
            let (loss, gradient) = objective([w[0], w[1]])
            for i in 0..<2 { g[i] = gradient[i] }
            return loss
          }
        }
      }
      #expect(w == expected.flatMap(\.self))
      #expect(report.closure == other && report.step == step + 1)
      #expect(report.effectiveLearningRate == (step == 0 ? 0.5 : 1))
    }
    #expect(optimizer.stateBytes == alone.stateBytes && optimizer.stateBytes > 0)
  }

  @Test("inside an optimizer: a start that is not finite moves nothing and does not count")
  func badStartInOptimizer() throws {
    let optimizer = try Optimizer<Double>(LBFGS(), parameters: one, needs: .byCaller)
    var (w, g) = ([3.0], [1.0])
    let report = try w.withMutableView { w in
      try g.withView { g in
        try optimizer.step([ParameterMemory(weights: w, gradient: g)]) { .nan }
      }
    }
    #expect(w == [3] && report.outcome == .unmoved(.nonFiniteStart) && optimizer.appliedSteps == 0)
  }

  @Test("clipping and groups are refused, which do not go with it") func refused() throws {
    let error = #expect(throws: OptimizerError.self) {
      try Optimizer<Double>(
        OptimizerPlan(LBFGS(), clip: Clipping(norm: 1)), parameters: one, needs: .byCaller)
    }
    #expect("\(error!)".contains("clip.norm=1"))
    let group = ParameterGroup("slow", ParameterMatch(), settings: [("lr", "0.1")])
    let other = #expect(throws: OptimizerError.self) {
      try Optimizer<Double>(
        OptimizerPlan(LBFGS(), groups: [group]), parameters: one, needs: .byCaller)
    }
    #expect("\(other!)".contains("group 'slow'"))
  }

  @Test(
    "a copy that was given the state goes on to the bit",
    arguments: LBFGS.LineSearch.allCases)
  func restored(_ search: LBFGS.LineSearch) throws {
    let parameters = [ParameterInfo("a", shape: [1]), ParameterInfo("b", shape: [1])]
    let rule = LBFGS(learningRate: 0.5, iterations: 3, historySize: 4, lineSearch: search)
    let first = try LBFGSOptimizer<Double>(rule, parameters: parameters)
    var weights = [[-1.2], [1.0]]
    for _ in 0..<2 { _ = try first.step(&weights, evaluate: Objective.quadratic.evaluate) }
    let second = try LBFGSOptimizer<Double>(rule, parameters: parameters)
    try SavedState(of: first).restore(second)
    #expect(SavedState(of: second) == SavedState(of: first))
    var copy = weights
    let a = try first.step(&weights, evaluate: Objective.quadratic.evaluate)
    let b = try second.step(&copy, evaluate: Objective.quadratic.evaluate)
    #expect(a == b && weights == copy && SavedState(of: first) == SavedState(of: second))
    #expect(first.evaluations == second.evaluations)
  }

  @Test("a state of another shape or of nobody is refused by name") func badState() throws {
    let optimizer = try LBFGSOptimizer<Double>(LBFGS(), parameters: one)
    let (saved, name) = (SavedState(of: optimizer), "state/d")
    func restore(adding tensor: StoredTensor?, without name: String? = nil) throws {
      var other = saved
      other.tensors.removeAll { $0.name == name }
      if let tensor { other.tensors.append(tensor) }
      try other.restore(optimizer)
    }
    let long = StoredTensor(name, .float64, shape: [2], bytes: Array(repeating: 0, count: 16))
    #expect(throws: StateMismatch.shape(name, saved: [2], present: [1])) {
      try restore(adding: long, without: name)
    }
    #expect(throws: StateMismatch.missing(name)) {
      try restore(adding: nil, without: name)
    }
    let strange = StoredTensor(
      "state/A/head", .float64, shape: [], bytes: Array(repeating: 0, count: 8))
    #expect(throws: StateMismatch.unexpected("state/A/head")) {
      try restore(adding: strange)
    }
  }

  @Test("a hyperparameter out of range is refused") func refuses() {
    var rule = LBFGS()
    rule.historySize = 0
    #expect(throws: OptimizerError.self) {
      try LBFGSOptimizer<Double>(rule, parameters: one)
    }
  }

  @Test("every exit has its sentence") func sentences() {
    let sentences = Set(ClosureReport.Exit.allCases.map(\.description))
    #expect(sentences.count == ClosureReport.Exit.allCases.count)
  }
}
