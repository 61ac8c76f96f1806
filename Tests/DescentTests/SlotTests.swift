import Descent
import Testing

/// A rule that asks for a slot that it never declared.
private struct Forgetful: ElementwiseRule {
  var learningRate = 1.0
  static let name = "forgetful"
  static let settings: [Setting<Forgetful>] = []
  static let about = About(summary: "", formula: "", reference: "")
  func slots(for parameter: ParameterInfo) -> [Slot] { [Slot("declared")] }
  func update<S: Scalar>(_ block: Block<S>, _ step: Step) { block[Slot("other")][0] = 1 }
}

@Suite("Slots") struct SlotTests {
  /// A number of a rule that a schedule can switch on, with the rule's other settings.
  struct Number: CustomTestStringConvertible, Sendable {
    let rule: String
    let options: String
    /// `momentum`, or `betas[0]` for one of several.
    let setting: String
    /// The setting with this number at 0, and with it on.
    let (off, on): (String, String)
    /// What it is when it is on.
    let value: Double
    var testDescription: String { "\(rule) \(options) \(setting)" }

    /// Every schedulable number of every rule that may be 0 and does more than to set the start of
    /// a slot.
    static let all: [Number] =
      (Rules.all.map { ($0.name, "") } + [
        ("rmsprop", "centered=true"), ("sgd", "dampening=0.5"), ("prodigy", "slice_p=3"),
        ("shampoo-distributed", "grafting=adam nesterov=true"), ("adam", "amsgrad=true"),
      ]).flatMap { name, options in numbers(of: name, options) }

    private static func numbers(of name: String, _ options: String) -> [Number] {
      guard let rule = try? makeRule(name, options), !rule.needs.contains(.evaluations) else {
        return []
      }
      return rule.resolved.flatMap { setting, value -> [Number] in
        let list: [Double] =
          switch value {
          case .number(let x): [x]
          case .numbers(let list): list
          default: []
          }
        return list.indices.compactMap { index in
          let scheduled = list.count == 1 ? setting : "\(setting)[\(index)]"
          let on = list[index] == 0 ? 0.5 : list[index]
          func text(_ x: Double) -> String {
            var list = list
            list[index] = x
            return "\(setting)=\(SettingValue.numbers(list))"
          }
          let plan = OptimizerPlan(rule, schedules: [(scheduled, Constant())])
          // Without bounds a number of 0 may make the rule diverge.
          guard plan.problems.isEmpty,
            !kinds(of: rule)[setting, default: ""].contains("any finite"),
            let off = try? makeRule(name, "\(options) \(text(0))"),
            let whole = try? makeRule(name, "\(options) \(text(on))"),
            starts(off).allSatisfy({ starts(whole)[$0] == $1 })
          else { return nil }
          return Number(
            rule: name, options: options, setting: scheduled, off: text(0), on: text(on), value: on)
        }
      }
    }

    private static func kinds(of rule: any Rule) -> [String: String] {
      func kinds<R: Rule>(_: R) -> [String: String] {
        Dictionary(uniqueKeysWithValues: R.settings.map { ($0.name, $0.kind) })
      }
      return kinds(rule)
    }

    /// The value before the first step of each slot of a matrix.
    private static func starts(_ rule: any Rule) -> [String: Double] {
      let slots = rule.slots(for: ParameterInfo("w", shape: [4, 6], role: .matrix))
      return Dictionary(slots.map { ($0.name, $0.initial) }, uniquingKeysWith: { a, _ in a })
    }

    init(rule: String, options: String, setting: String, off: String, on: String, value: Double) {
      (self.rule, self.options, self.setting) = (rule, options, setting)
      (self.off, self.on, self.value) = (off, on, value)
    }
  }

  private static let parameters = [
    ParameterInfo("matrix", shape: [4, 6], role: .matrix), ParameterInfo("vector", shape: [9]),
  ]

  private func path(
    _ plan: OptimizerPlan, steps: Int
  ) throws -> (weights: [[[Double]]], optimizer: Optimizer<Double>) {
    let start = Self.parameters.map { noise($0.count, seed: UInt64($0.count)).map(Double.init) }
    return try plan.path(Self.parameters, from: start, steps: steps) { t, p, i, w in
      w / 4 + Double(noise(1, seed: UInt64(t * 1000 + p * 100 + i))[0])
    }
  }

  @Test("the table has what makes state come and go") func table() {
    let names = Set(Number.all.map { "\($0.rule) \($0.setting)" })
    let expected = [
      "sgd momentum", "kfac momentum", "rmsprop momentum", "prodigy betas[0]",
      "shampoo-distributed momentum", "shampoo-distributed betas[0]",
    ]
    #expect(names.isSuperset(of: expected) && names.count > 60)
  }

  @Test(
    "a number that a schedule switches on late has its state from the start", arguments: Number.all)
  func late(_ number: Number) throws {
    let schedule = Lambda { [value = number.value] t, _ in t < 3 ? 0 : value }
    func run(_ text: String) throws -> (weights: [[[Double]]], optimizer: Optimizer<Double>) {
      try path(
        OptimizerPlan(
          makeRule(number.rule, "\(number.options) \(text)"), groups: [],
          schedules: [(number.setting, schedule)]), steps: 6)
    }
    let (late, optimizer) = try run(number.off)
    let (whole, other) = try run(number.on)
    #expect(late == whole)
    #expect(optimizer.state.map(\.slot) == other.state.map(\.slot))
    #expect(optimizer.state.map(\.values) == other.state.map(\.values))
    #expect(late.allSatisfy { $0.allSatisfy { $0.allSatisfy(\.isFinite) } })
  }

  @Test("a sequence that switches momentum on at step 100") func sequence() throws {
    let text = "name=sequence parts=[constant,linear(floor=0.9)] milestones=[100]"
    var plan = try makePlan(["optimizer": "name=sgd lr=0.01", "schedules.momentum": text])
    plan.fitSchedules(totalSteps: 120)
    let (weights, optimizer) = try path(plan, steps: 120)
    // 0, then in 20 steps to 0.9, of a rule that has its buffer from the start.
    let same = Lambda { t, _ in t < 100 ? 0 : 0.9 + (0 - 0.9) * (1 - Double(t - 100) / 20) }
    let (expected, _) = try path(
      OptimizerPlan(SGD(learningRate: 0.01, momentum: 0.9), schedules: [("momentum", same)]),
      steps: 120)
    #expect(weights == expected)
    #expect(optimizer.state.map(\.slot) == ["momentum_buffer", "momentum_buffer"])
    let (plain, _) = try path(OptimizerPlan(SGD(learningRate: 0.01)), steps: 120)
    #expect(weights[100] == plain[100] && weights[102] != plain[102])
  }

  @Test("a slot that was not declared is refused, not mistaken for another array") func absent()
    async
  {
    await #expect(processExitsWith: .failure) {
      let optimizer = try Optimizer<Float>(
        Forgetful(), parameters: [ParameterInfo("w", shape: [2])])
      var weights: [[Float]] = [[1, 2]]
      _ = try optimizer.step(&weights, gradients: [[1, 1]])
    }
  }
}
