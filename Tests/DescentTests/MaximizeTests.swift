import Descent
import Testing

@Suite("Maximizing") struct MaximizeTests {
  private static let parameters = [
    ParameterInfo("a", shape: [6, 8], role: .matrix), ParameterInfo("b", shape: [7]),
    ParameterInfo("c", shape: [3, 5]),
  ]

  /// A plan in texts, and the parameters that it maximizes over.
  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let optimizer: String
    let group: String?
    let up: Set<Int>

    init(_ name: String, _ optimizer: String, group: String? = nil, up: Set<Int>) {
      (testDescription, self.optimizer, self.group, self.up) = (name, optimizer, group, up)
    }

    static let groups = [
      Case("no group", "name=adamw maximize=true", up: [0, 1, 2]),
      Case(
        "the first of two groups", "name=sgd momentum=0.9", group: "match=a maximize=true",
        up: [0]),
      Case(
        "the second of two groups", "name=adamw maximize=true", group: "match=a maximize=false",
        up: [1, 2]),
      Case(
        "a rule of the group's own", "name=adamw", group: "match=b optimizer=rmsprop maximize=true",
        up: [1]),
      Case(
        "beside a rule of a group's own", "name=nadam maximize=true",
        group: "match=a,b optimizer=adagrad", up: [2]),
    ]

    /// Every rule with the setting, with weight decay and momentum where it has them.
    static let rules = Rules.all.filter { settingNames($0).contains("maximize") }.map { rule in
      let options = ["weight_decay=0.1", "momentum=0.9"].filter {
        settingNames(rule).contains(String($0.prefix { $0 != "=" }))
      }
      return Case(
        rule.name, (["name=\(rule.name)", "maximize=true"] + options).joined(separator: " "),
        up: [0, 1, 2])
    }
  }

  /// Weights and state after some steps.
  private func result<S: Scalar>(_ test: Case, maximizing: Bool, _: S.Type) throws -> [[S]] {
    func text(_ settings: String) -> String {
      maximizing ? settings : settings.replacing("maximize=true", with: "maximize=false")
    }
    let plan = try makePlan(
      ["optimizer": text(test.optimizer)], groups: test.group.map { [text($0)] } ?? [])
    let start = Self.parameters.map { noise($0.count, seed: UInt64($0.count)).map { S($0) } }
    func gradient(_ t: Int, _ p: Int, _ i: Int, _ w: S) -> S {
      let g = w / 2 + S(noise(1, seed: UInt64(t * 1000 + p * 100 + i))[0])
      return !maximizing && test.up.contains(p) ? -g : g
    }
    if plan.rule.needs.contains(.evaluations) {
      return try evaluated(plan, start, sign: maximizing ? 1 : -1)
    }
    let (path, optimizer) = try plan.path(
      Self.parameters, from: start, steps: 5, gradient: gradient)
    return path[4] + optimizer.state.map(\.values)
  }

  /// The same for a rule that evaluates the loss: −|w − 1|², or its negative.
  private func evaluated<S: Scalar>(
    _ plan: OptimizerPlan, _ start: [[S]], sign: S
  ) throws -> [[S]] {
    let optimizer = try Optimizer<S>(plan, parameters: Self.parameters, needs: .byCaller)
    var (w, g) = (start.flatMap(\.self), start.flatMap(\.self))
    try w.withMutableView { w in
      try g.withMutableView { g in
        var offset = 0
        let memory = Self.parameters.map { parameter in
          let range = offset..<offset + parameter.count
          offset = range.upperBound
          return ParameterMemory(weights: w[range], gradient: g[range].reading)
        }
        for _ in 0..<3 {
          _ = try optimizer.step(memory) {
            var loss = 0.0
            for i in w.indices {
              let k = S(i + 1) / 10
              loss -= Double(sign * k * (w[i] - 1) * (w[i] - 1))
              g[i] = -sign * 2 * k * (w[i] - 1)
            }
            return loss
          }
        }
      }
    }
    return [w]
  }

  @Test(
    "a group that maximizes moves as one that minimizes the negative, to the bit; others do not",
    arguments: Case.groups + Case.rules)
  func negative(_ test: Case) throws {
    func check<S: Scalar>(_ scalar: S.Type) throws {
      let up = try result(test, maximizing: true, scalar)
      #expect(try up == result(test, maximizing: false, scalar))
      #expect(up.allSatisfy { $0.allSatisfy(\.isFinite) })
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test("every rule of torch's has the setting") func present() {
    #expect(Case.rules.count >= 12)
  }
}
