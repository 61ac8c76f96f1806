import Descent
import Testing

@Suite("Estimates of the curvature") struct CurvatureRuleTests {
  private func open(
    _ name: String, _ text: String = "", count: Int = 2, needs: ProvidedNeeds<Double> = .byCaller
  ) throws -> Optimizer<Double> {
    try Optimizer(
      OptimizerPlan(makeRule(name, text), groups: []),
      parameters: [ParameterInfo("w", shape: [count])], needs: needs)
  }

  private func hessian(_ optimizer: Optimizer<Double>) -> [Double]? {
    optimizer.state.first { $0.slot == "hessian" }?.values
  }

  @Test(
    "estimates are folded in: squared by Sophia-G, with their sign by Sophia-H",
    arguments: [("sophia-g", [1.0, 0.25]), ("sophia-h", [0.5, -0.25])])
  func fold(_ name: String, _ expected: [Double]) throws {
    let optimizer = try open(name, "lr=0.1 betas=0.9,0.75")
    var weights = [[1.0, 1.0]]
    _ = try optimizer.step(&weights, gradients: [[1, 1]])
    #expect(try optimizer.foldCurvature([[2, -1]]) == .applied)
    #expect(hessian(optimizer) == expected && optimizer.appliedSteps == 1)
  }

  @Test("an estimate that is not finite, or that nobody takes, is refused") func refused() throws {
    let optimizer = try open("sophia-g")
    var weights = [[1.0, 1.0]]
    _ = try optimizer.step(&weights, gradients: [[1, 1]])
    guard case .refused(let culprit) = try optimizer.foldCurvature([[1, .nan]]) else {
      Issue.record("folded")
      return
    }
    #expect(culprit.element == 1 && hessian(optimizer) == [0, 0])
    #expect(throws: OptimizerError.takesNoCurvature(rule: "adamw")) {
      try open("adamw").foldCurvature([[1, 1]])
    }
  }

  private final class Asked {
    var steps: [Int] = []
    var weights: [Double] = []
  }

  @Test(
    "a closure is asked for estimates when they are due, with the weights of then",
    arguments: [
      ("sophia-g", "hess_interval=3", [3, 6]), ("sophia-h", "update_interval=3", [1, 4, 7]),
    ])
  func closure(_ name: String, _ options: String, _ due: [Int]) throws {
    let asked = Asked()
    let optimizer = try open(
      name, "lr=0.1 \(options)", count: 1,
      needs: .curvature { step, weights in
        asked.steps.append(step)
        asked.weights.append(weights[0][0])
        return [[step == due[1] ? .nan : 2]]
      })
    var weights = [[1.0]]
    var seen: [Double] = []
    for step in 1...7 {
      let report = try optimizer.step(&weights, gradients: [[1]])
      #expect((report.curvature != nil) == due.contains(step))
      if let outcome = report.curvature {
        #expect((outcome == .applied) == (step != due[1]))
        seen.append(weights[0][0])
      }
    }
    #expect(asked.steps == due && asked.weights == seen)
  }

  @Test(
    "a rule is refused without what it needs",
    arguments: [
      (
        "sophia-g", OptimizerError.lacksCurvature(rule: "sophia-g", need: .sampledGradients),
        "labels sampled"
      ),
      ("sophia-h", .lacksCurvature(rule: "sophia-h", need: .hessianDiagonal), "random vector"),
      ("kfac", .lacksPreconditioner(rule: "kfac"), "sees the model's layers"),
      ("lbfgs", .lacksEvaluation(rule: "lbfgs"), "call step(_:evaluate:)"),
    ])
  func needs(_ name: String, _ expected: OptimizerError, _ part: String) throws {
    let error = #expect(throws: expected) { try open(name, needs: .none) }
    #expect(error?.description.contains(part) == true)
  }

  @Test("and with what it does not take") func takesNone() throws {
    #expect(throws: OptimizerError.takesNoCurvature(rule: "adamw")) {
      try open("adamw", needs: .curvature { _, _ in [] })
    }
  }

  @Test("Sophia-G's B is that of the estimates where it was left open", arguments: [nil, 7])
  func batchSize(_ given: Int?) {
    var rule = SophiaG(learningRate: 1, batchSize: given)
    rule.fit(labels: 640)
    #expect(rule.batchSize == given ?? 640)
  }
}
