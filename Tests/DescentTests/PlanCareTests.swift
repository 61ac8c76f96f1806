import Descent
import Testing

/// What a plan sees to so that nobody is surprised.
@Suite("Care of plans") struct PlanCareTests {
  static let parameters = [
    ParameterInfo("h.w", shape: [2, 2], role: .matrix),
    ParameterInfo("h.bias", shape: [2], role: .bias),
    ParameterInfo("norm", shape: [2], role: .norm),
    ParameterInfo("head", shape: [3, 2], role: .head),
  ]

  /// Groups, and the weight decay of each parameter.
  struct Decay: Sendable, CustomTestStringConvertible {
    let groups: [String]?
    let optimizer: String
    let decay: [Double]
    let names: [String]
    var testDescription: String { groups?.joined(separator: " | ") ?? "no groups" }

    init(
      _ groups: [String]?, _ decay: [Double], _ names: String...,
      optimizer: String = "name=adamw weight_decay=0.1"
    ) {
      (self.groups, self.optimizer, self.decay, self.names) = (groups, optimizer, decay, names)
    }
  }

  @Test(
    "weight decay stays off for scalars and vectors until a group says so",
    arguments: [
      Decay(nil, [0.1, 0, 0, 0.1], "no_decay", "default"),
      Decay([], [0.1, 0.1, 0.1, 0.1], "default"),
      Decay(["name=b match=*.bias lr=1e-3"], [0.1, 0, 0, 0.1], "b", "no_decay", "default"),
      Decay(["name=h match=h.*"], [0.1, 0, 0, 0.1], "h.no_decay", "h", "no_decay", "default"),
      Decay(["name=h match=h.* weight_decay=0.5"], [0.5, 0.5, 0, 0.1], "h", "no_decay", "default"),
      Decay(["name=v rank=0-1 weight_decay=0.2"], [0.1, 0.2, 0.2, 0.1], "v", "default"),
      Decay(["name=v rank=1 lr=1"], [0.1, 0, 0, 0.1], "v", "default"),
      Decay(
        ["name=m match=h.* optimizer=muon", "name=f role=norm frozen=true"], [0.1, 0, 0.1, 0.1],
        "m.no_decay", "m", "f", "default"),
      Decay(
        ["name=no_decay match=head lr=1"], [0.1, 0, 0, 0.1], "no_decay", "default.no_decay",
        "default"),
      Decay(
        ["name=a match=*"], [0, 0, 0, 0], "a", "default", optimizer: "name=adamw weight_decay=0"),
    ])
  func decay(_ example: Decay) throws {
    let plan = try makePlan(["optimizer": example.optimizer], groups: example.groups)
    let optimizer = try Optimizer<Float>(plan, parameters: Self.parameters)
    #expect(optimizer.groups.map(\.name) == example.names)
    let decay = optimizer.groupOf.map { group in
      optimizer.settings(ofGroup: group).first { $0.name == "weight_decay" }?.value
    }
    #expect(decay == example.decay.map { .number($0) })
    #expect(optimizer.overlaps.isEmpty)
  }

  @Test("a schedule of weight decay leaves it off where it is off") func scheduledDecay() throws {
    let plan = try makePlan(
      [
        "optimizer": "name=adamw weight_decay=0.1",
        "schedules.weight_decay": "name=linear floor=0.05 total=2",
      ])
    let optimizer = try Optimizer<Float>(
      plan, parameters: [Self.parameters[0], Self.parameters[2]])
    var weights: [[Float]] = [[1, 1, 1, 1], [1, 1]]
    for _ in 0..<3 { _ = try optimizer.step(&weights, gradients: [[0, 0, 0, 0], [0, 0]]) }
    #expect(weights[1] == [1, 1] && weights[0][0] < 1)
  }

  @Test(
    "a rule whose lr is none keeps its own steps, and the schedule is set aside",
    arguments: [
      "name=cosine", "name=onecycle", "name=plateau", "name=warmup warmup=3",
    ])
  func setAside(_ schedule: String) throws {
    let plan = try makePlan(["optimizer": "name=adafactor", "schedule": schedule])
    #expect(
      plan.warnings.count == 1
        && plan.warnings[0].hasPrefix("lr of adafactor is none, so the schedule "))
    let alone = try makePlan(["optimizer": "name=adafactor"])
    #expect(alone.warnings.isEmpty)
    var ends: [[[Float]]] = []
    for plan in [plan, alone] {
      let optimizer = try Optimizer<Float>(plan, parameters: [Self.parameters[0]])
      var weights: [[Float]] = [[1, 2, 3, 4]]
      for _ in 0..<3 { _ = try optimizer.step(&weights, gradients: [[1, -1, 2, 0.5]]) }
      ends.append(weights)
    }
    #expect(ends[0] == ends[1] && ends[0][0] != [1, 2, 3, 4])
    // In a group it is the plan's schedule that is set aside, there alone.
    let mixed = try makePlan(
      ["optimizer": "name=sgd", "schedule": "name=linear total=4"],
      groups: ["name=g match=h.* optimizer=adafactor"])
    #expect(
      mixed.warnings == [
        "lr of adafactor of group 'g' is none, so the schedule linear is set aside; give lr a value to use it"
      ])
  }

  @Test("max_lr takes the place of lr, which is said") func ownPeak() throws {
    let plan = try makePlan(
      ["optimizer": "name=adamw lr=0.01", "schedule": "name=OneCycleLR max_lr=0.1 total_steps=9"],
      groups: ["name=g match=head lr=0.1"])
    #expect(
      plan.warnings == [
        "max_lr=0.1 of onecycle takes the place of lr=0.01; leave out max_lr to use lr"
      ])
  }

  @Test("what settings owe to a schedule is not held against them") func scheduledMomentum() throws
  {
    let texts = ["optimizer": "name=sgd nesterov=true"]
    #expect(throws: OptimizerError.self) { try makePlan(texts) }
    for (section, schedule) in [
      ("schedules.momentum", "name=LinearLR"), ("schedule", "name=onecycle total_steps=5"),
    ] {
      var texts = texts
      texts[section] = schedule
      try makePlan(texts).check()
      _ = try Optimizer<Float>(makePlan(texts), parameters: Self.parameters)
    }
  }

  @Test("nothing left to be trained is refused") func frozen() throws {
    let all = Self.parameters.map { ParameterInfo($0.name, shape: $0.shape, trainable: false) }
    #expect(throws: OptimizerError.everythingFrozen) {
      try Optimizer<Float>(SGD(), parameters: all)
    }
    let plan = try makePlan(["optimizer": "name=adamw"], groups: ["match=* frozen=true"])
    #expect(throws: OptimizerError.everythingFrozen) {
      try Optimizer<Float>(plan, parameters: Self.parameters)
    }
  }

  @Test("rates by layer are round where decimals are") func layers() throws {
    let plan = try makePlan(["optimizer": "name=sgd lr=1e-3 layer_decay=0.8"])
    let names = ["h.0.w", "h.1.w", "h.2.w", "h.99999999999.w"]
    let optimizer = try Optimizer<Float>(
      plan, parameters: names.map { ParameterInfo($0, shape: [2, 2]) })
    #expect(
      optimizer.groups.dropLast().map { $0.settings.last?.text } == [
        "0.000512", "0.00064", "0.0008", "0.001",
      ])
  }

  // MARK: Patterns and nested texts

  @Test("patterns match, in time that no pattern makes long") func patterns() {
    func matches(_ pattern: String, _ name: String) -> Bool {
      ParameterMatch(names: [pattern]).matches(ParameterInfo(name, shape: []))
    }
    for (pattern, name, expected) in [
      ("*", "", true), ("", "", true), ("?", "", false), ("a*c", "abc", true),
      ("a*c", "abcd", false),
      ("*.bias", "h.0.bias", true), ("h.?.w", "h.1.w", true), ("h.?.w", "h.12.w", false),
      ("*a*b", "xaxxbab", true), ("**", "x", true), ("a**", "a", true), ("b", "ab", false),
    ] {
      #expect(matches(pattern, name) == expected, "\(pattern) \(name)")
    }
    let clock = ContinuousClock()
    let taken = clock.measure {
      #expect(
        !matches(String(repeating: "*a", count: 5000) + "*b", String(repeating: "a", count: 20_000))
      )
      #expect(!matches(String(repeating: "*", count: 16) + "b", String(repeating: "a", count: 200)))
    }
    #expect(taken < .seconds(10))
  }

  /// What is repeated on either side of a text, and how often.
  struct Bomb: Sendable {
    let (before, middle, after): (String, String, String)
    let count: Int

    init(_ parts: (String, String, String), _ count: Int) {
      ((before, middle, after), self.count) = (parts, count)
    }
    var text: String {
      String(repeating: before, count: count) + middle + String(repeating: after, count: count)
    }
  }

  @Test(
    "nested or endless texts are refused at once",
    arguments: [
      Bomb(("sequence(parts=[", "constant", "])"), 400),
      Bomb(("product(parts=[", "linear", "])"), 20_000), Bomb(("(", "", ""), 1_000_000),
      Bomb(("[", "", "]"), 500_000), Bomb(("x", "", ""), 1_000_000),
      Bomb((" ", "", ""), 1_000_000), Bomb(("constant,", "", ""), 200_000),
    ])
  func bombs(_ bomb: Bomb) {
    let text = bomb.text
    let taken = ContinuousClock().measure {
      let error = #expect(throws: SettingErrors.self) {
        try Schedules.make("product", [("parts", text)])
      }
      #expect(error.map { "\($0)".utf8.count < 2000 } == true)
    }
    #expect(taken < .seconds(10), "\(taken)")
  }

  @Test("a long list is one value after another") func longList() throws {
    let count = 200_000
    let schedule = try Schedules.make(
      "multistep",
      [("milestones", (1...count).map(String.init).joined(separator: ", ")), ("gamma", "0.5")])
    #expect(schedule.settles == count && schedule.value(at: 3, base: 1) == 0.125)
    for text in ["8 9", "1,,2", "1,", "3;4"] {
      #expect(throws: SettingErrors.self, "\(text)") {
        try Schedules.make("multistep", [("milestones", text)])
      }
    }
  }
}
