import Descent
import Foundation
import Testing

/// What metrics say of rules that set something themselves.
@Suite("Metrics of rules") struct RuleMetricTests {
  private static let parameters = [
    ParameterInfo("a", shape: [3, 2], role: .matrix), ParameterInfo("b", shape: [4], role: .bias),
  ]

  /// The metrics after some steps on fixed gradients, and the weights before the last.
  private func metrics(
    _ rule: any Rule, steps: Int, groups: [ParameterGroup]? = nil
  ) throws -> (metrics: [String: Double], before: [[Double]], gradients: [[Double]]) {
    var plan = OptimizerPlan(rule)
    plan.groups = groups
    let optimizer = try Optimizer<Double>(plan, parameters: Self.parameters)
    var weights = [[0.5, -1, 2, 0.25, 1, -0.5], [1, 2, -1, 0.5]]
    let gradients = [[0.1, 0.2, -0.3, 0.1, 0.05, 0.2], [0.3, -0.1, 0.2, 0.1]]
    var before = weights
    for _ in 0..<steps {
      before = weights
      _ = try optimizer.step(&weights, gradients: gradients)
    }
    let names = optimizer.metrics.map(\.name)
    #expect(Set(names).count == names.count && !names.contains("step"), "\(names)")
    return (Dictionary(uniqueKeysWithValues: optimizer.metrics), before, gradients)
  }

  @Test("d is the quotient of what it is made from") func estimates() throws {
    var prodigy = Prodigy()
    prodigy.dCoefficient = 0.5
    let found = try metrics(prodigy, steps: 30).metrics
    let r = try #require(found["d_numerator"])
    let s = try #require(found["d_denominator"])
    #expect(r > 0 && s > 0)
    #expect(try #require(found["d_hat_max"]) >= 0.5 * r / s * (1 - 1e-12))
    #expect(try #require(found["d"]) > prodigy.initialD)

    let adapt = try metrics(DAdaptAdam(), steps: 30).metrics
    let numerator = try #require(adapt["d_numerator"])
    let estimate = numerator / (adapt["d_denominator"] ?? .nan)
    let d = try #require(adapt["d"])
    #expect(d >= estimate * (1 - 1e-12) && d > 1e-6)

    let group = ParameterGroup("first", ParameterMatch(names: ["a"]))
    prodigy.separatesGroups = true
    let apart = try metrics(prodigy, steps: 3, groups: [group]).metrics
    for name in ["d", "d_numerator", "d_denominator"] {
      #expect(
        apart["\(name).first"] != nil && apart["\(name).default"] != nil && apart[name] == nil)
    }
  }

  @Test("Adafactor's relative step is min(1e-2, 1/√t)", arguments: [1, 20])
  func relativeStep(_ steps: Int) throws {
    let expected = min(1e-2, 1 / Double(steps).squareRoot())
    #expect(try metrics(Adafactor(), steps: steps).metrics["relative_step"] == expected)
    var warm = Adafactor()
    warm.warmupInit = true
    #expect(try metrics(warm, steps: steps).metrics["relative_step"] == 1e-6 * Double(steps))
    #expect(try metrics(Adafactor(learningRate: 1e-3), steps: 2).metrics["relative_step"] == nil)
  }

  @Test("a constant rate gives each step of Schedule-Free the same weight", arguments: [1, 2, 7])
  func averageWeight(_ steps: Int) throws {
    for rule in [ScheduleFreeAdamW(), ScheduleFreeSGD()] as [any Rule] {
      let c = try #require(try metrics(rule, steps: steps).metrics["schedule_free_weight"])
      #expect(abs(c - 1 / Double(steps)) < 1e-12)
    }
  }

  private func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  @Test("the trust ratios are those of the formula") func trustRatios() throws {
    var lars = LARS()
    lars.weightDecay = 0
    let found = try metrics(lars, steps: 3)
    let ratios = zip(found.before, found.gradients).map {
      lars.trustCoefficient * norm($0) / norm($1)
    }.sorted()
    let expected = [
      ("trust_ratio_min", ratios[0]), ("trust_ratio_median", (ratios[0] + ratios[1]) / 2),
      ("trust_ratio_max", ratios[1]),
    ]
    for (name, ratio) in expected {
      let value = try #require(found.metrics[name])
      #expect(abs(value - ratio) < 1e-12, "\(name)")
    }
    // LAMB's first direction has elements of ±1, nearly.
    var lamb = LAMB()
    lamb.weightDecay = 0
    let first = try metrics(lamb, steps: 1)
    let lengths = first.before.map { norm($0) / Double($0.count).squareRoot() }
    let most = try #require(first.metrics["trust_ratio_max"])
    let longest = try #require(lengths.max())
    #expect(abs(most - longest) < 1e-4)
  }

  @Test(
    "no rule has a metric twice, or one with the name of another",
    arguments: Rules.all.map { $0.name })
  func names(_ name: String) throws {
    let type = try Rules.named(name)
    let rule: any Rule = type.init()
    guard rule.needs.isDisjoint(with: [.evaluations, .layers, .hessianDiagonal]) else { return }
    let taken: Set = ["step", "loss", "lr", "grad_norm", "clipped", "applied", "seconds"]
    guard let found = try? metrics(rule, steps: 2).metrics else { return }
    #expect(taken.isDisjoint(with: found.keys), "\(found.keys)")
  }
}
