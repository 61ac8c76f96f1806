import Descent
import Foundation
import Testing

@Suite("Schedules") struct ScheduleTests {
  /// A schedule and its values for the base 2.
  struct Case: Sendable, CustomTestStringConvertible {
    let schedule: any Schedule
    let values: [Int: Double]
    var testDescription: String { "\(type(of: schedule).name) \(schedule.resolved.map(\.value))" }

    init(_ schedule: any Schedule, _ values: [Int: Double]) {
      (self.schedule, self.values) = (schedule, values)
    }
  }

  /// A schedule in the form of `--set parts=`, as it is for a run of 12 steps.
  static func made(_ text: String) -> any Schedule {
    let section = SettingSection.list(text)![0]
    var schedule = try! Schedules.make(section.name, section.texts)
    schedule.fit(totalSteps: 12)
    return schedule
  }

  static let cases = [
    Case(Constant(), [0: 2, 1_000_000: 2]),
    Case(LinearWarmup(warmup: 4), [0: 0.5, 1: 1, 3: 2, 4: 2, 99: 2]),
    Case(LinearWarmup(warmup: 4, warmupStart: .zero), [0: 0, 1: 0.5, 4: 2]),
    Case(LinearDecay(total: 10), [0: 2, 5: 1, 10: 0, 11: 0]),
    Case(LinearDecay(warmup: 2, total: 10, floor: 1), [0: 1, 1: 2, 2: 2, 6: 1.5, 10: 1]),
    Case(LinearDecay(total: 10, floorRatio: 0.5), [0: 2, 5: 1.5, 10: 1]),
    Case(Cosine(total: 10), [0: 2, 5: 1, 10: 0, 1000: 0]),
    Case(Cosine(warmup: 5, total: 15, floor: 1), [0: 0.4, 4: 2, 5: 2, 10: 1.5, 15: 1]),
    Case(Cosine(total: nil), [0: 2, 7: 2]),
    Case(made("restarts(total=8,cycles=2)"), [0: 2, 2: 1, 4: 2, 6: 1, 8: 0, 9: 0]),
    Case(made("polynomial(total=10,power=2,floor=1)"), [0: 2, 5: 1.25, 10: 1, 11: 1]),
    Case(InverseSquareRoot(warmup: 4), [0: 0.5, 3: 2, 4: 2, 16: 1, 64: 0.5]),
    Case(InverseSquareRoot(warmup: 0), [0: 2, 30_000: 1]),
    Case(Noam(modelSize: 4, warmup: 16), [0: 1.0 / 64, 15: 0.25, 63: 0.125]),
    Case(
      made("wsd(warmup=2,total=10,decay=4,decay_shape=linear,floor=1)"),
      [0: 1.5, 1: 2, 5: 2, 6: 2, 7: 1.75, 8: 1.5, 10: 1, 99: 1]),
    Case(made("wsd(total=20,decay=4,stable=16,decay_shape=1-sqrt)"), [15: 2, 16: 2, 17: 1, 20: 0]),
    Case(made("wsd(warmup=4,warmup_shape=cosine,stable=4,decay=4)"), [1: 1, 3: 2, 10: 1, 12: 0]),
    Case(StepDecay(stepSize: 3, gamma: 0.5), [0: 2, 2: 2, 3: 1, 5: 1, 6: 0.5]),
    Case(MultiStepDecay(milestones: [3, 3, 5], gamma: 0.5), [2: 2, 3: 0.5, 5: 0.25]),
    Case(ExponentialDecay(gamma: 0.5), [0: 2, 1: 1, 4: 0.125]),
    Case(
      OneCycle(maxLearningRate: nil, totalSteps: 11), [0: 0.08, 10: 8e-6, 11: 8e-6, 500: 8e-6]),
    Case(made("cyclic(step_size_up=2,base_lr=1)"), [0: 1, 1: 1.5, 2: 2, 3: 1.5, 4: 1, 6: 2]),
    Case(
      ScheduleSequence([LinearWarmup(warmup: 2), Constant()], milestones: [3]),
      [0: 1, 1: 2, 2: 2, 3: 2]),
    Case(
      ScheduleSequence([Constant(), StepDecay(stepSize: 2, gamma: 0.5)], milestones: [5]),
      [4: 2, 5: 2, 6: 2, 7: 1]),
    Case(
      ScheduleProduct([LinearWarmup(warmup: 2), StepDecay(stepSize: 2, gamma: 0.5)]),
      [0: 1, 1: 2, 2: 1, 4: 0.5]),
    Case(
      made("CosineAnnealingWarmRestarts(T_0=2,T_mult=100000000000)"),
      [1: 1, 2: 2, 200_000_000_002: 2]),
    Case(Lambda { t, base in base / Double(t + 1) }, [0: 2, 3: 0.5]),
  ]

  @Test("values by mental arithmetic", arguments: cases)
  func values(_ example: Case) {
    for (step, expected) in example.values {
      let value = example.schedule.value(at: step, base: 2)
      #expect(abs(value - expected) < 1e-12, "step \(step): \(value), not \(expected)")
    }
  }

  @Test("warmup 2,000, then a cosine from 2e-4 to 2e-5 at 100,000") func exercise() {
    let schedule = Cosine(warmup: 2000, total: 100_000, floor: 2e-5, warmupStart: .zero)
    func formula(_ t: Double) -> Double {
      t < 2000 ? 2e-4 * t / 2000 : 2e-5 + 0.9e-4 * (1 + cos(.pi * (t - 2000) / 98000))
    }
    for step in [0, 1000, 2000, 50_000, 100_000] {
      #expect(abs(schedule.value(at: step, base: 2e-4) - formula(Double(step))) < 1e-18)
    }
  }

  @Test("the length of the run fills in an open end, and only that") func fits() {
    var (open, closed) = (Cosine(total: nil), Cosine(total: 7))
    open.fit(totalSteps: 100)
    closed.fit(totalSteps: 100)
    #expect(open.span.total == 100 && closed.span.total == 7)
  }

  @Test("what follows from the length of the run", arguments: Schedules.names)
  func lengths(_ name: String) throws {
    guard !["sequence", "product"].contains(name) else { return }
    var schedule = try Schedules.make(name)
    schedule.fit(totalSteps: 100)
    try schedule.validate()
    #expect(schedule.end == nil || schedule.end == 100)
    #expect(schedule.warnings(steps: 100).isEmpty || name == "noam")
    #expect((0..<200).allSatisfy { schedule.value(at: $0, base: 2).isFinite })
    // Written and read back it is the same curve.
    let again = try Schedules.make(name, SettingSection(schedule).texts)
    for t in [0, 1, 50, 99, 100, 150] {
      #expect(again.value(at: t, base: 2) == schedule.value(at: t, base: 2))
    }
    #expect(!type(of: schedule).about.summary.isEmpty && !type(of: schedule).about.formula.isEmpty)
  }

  @Test("parts of a sequence are as long as their turns") func turns() throws {
    var sequence = try Schedules.make(
      "sequence",
      [
        ("parts", "warmup, wsd(decay=20), product(parts=[linear,step(step_size=50,gamma=0.5)])"),
        ("milestones", "10,110"),
      ])
    sequence.fit(totalSteps: 210)
    let expected = [0: 0.1, 9: 1, 10: 1, 89: 1, 100: 0.5, 110: 1, 135: 0.75, 160: 0.25, 210: 0]
    for (t, value) in expected {
      #expect(abs(sequence.value(at: t, base: 1) - value) < 1e-12, "step \(t)")
    }
    #expect(sequence.end == 210 && sequence.warmupEnd == 10)
    let again = try Schedules.make("sequence", SettingSection(sequence).texts)
    #expect(again.resolved.map(\.value) == sequence.resolved.map(\.value))
  }

  @Test("a sequence hands on the momentum of the part whose turn it is") func sequenceMomentum()
    throws
  {
    let sequence = ScheduleSequence(
      [OneCycle(maxLearningRate: 1, totalSteps: 10), Constant()], milestones: [10])
    let momentum = try #require(sequence.momentum)
    #expect(momentum.value(at: 0, base: 0.7) == 0.95 && momentum.value(at: 10, base: 0.7) == 0.7)
  }

  @Test("a name that is shared is Hugging Face's when a parameter has its name there")
  func sharedNames() throws {
    let own = try Schedules.make("cosine", [("warmup", "10"), ("total", "100")])
    let theirs = try Schedules.make(
      "cosine", [("num_warmup_steps", "10"), ("num_training_steps", "100")])
    #expect(own.value(at: 0, base: 1) == 0.1 && theirs.value(at: 0, base: 1) == 0)
  }

  /// Settings of a schedule and a part of the sentence that refuses them.
  struct Refusal: Sendable {
    let name: String
    let settings: [(name: String, text: String)]
    let sentence: String
    init(_ name: String, _ settings: [(String, String)], _ sentence: String) {
      (self.name, self.sentence) = (name, sentence)
      self.settings = settings.map { (name: $0.0, text: $0.1) }
    }
  }

  static let refusals = [
    Refusal("cosin", [], "there is no schedule 'cosin'; did you mean 'cosine'?"),
    Refusal("StepLr", [], "did you mean 'StepLR'?"),
    Refusal("LambdaLR", [], "takes a function, which only code can give: use Lambda"),
    Refusal("cosine", [("warmup", "20"), ("total", "10")], "warmup=20 is longer than total=10"),
    Refusal(
      "cosine", [("floor", "1"), ("floor_ratio", "0.1")], "give floor or floor_ratio, not both"),
    Refusal("linear", [("total", "0")], "total=0 is out of range: total must be at least 1"),
    Refusal("linear", [("warmup", "-1")], "warmup=-1 is out of range"),
    Refusal("cosine", [("warmpu", "1")], "did you mean 'warmup'?"),
    Refusal(
      "cosine", [("num_warmup_steps", "20"), ("num_training_steps", "10")],
      "num_warmup_steps=20 is longer than num_training_steps=10"),
    Refusal("cosine", [("num_warmup_steps", "x")], "num_warmup_steps=x cannot be read"),
    Refusal(
      "cosine", [("num_warmup_steps", "1"), ("floor", "1")], "cosine has no setting 'floor'"),
    Refusal("polynomial", [("num_training_steps", "0")], "num_training_steps=0 is out of range"),
    Refusal("PolynomialLR", [("total_iters", "0")], "total_iters=0 is out of range"),
    Refusal("StepLR", [("step_size", "0")], "step_size=0 is out of range"),
    Refusal("OneCycleLR", [("total_steps", "0")], "total_steps=0 is out of range"),
    Refusal("OneCycleLR", [("pct_start", "1.5")], "pct_start=1.5 is out of range"),
    Refusal("onecycle", [("pct_start", "0.6"), ("three_phase", "true")], "must be at most 0.5"),
    Refusal("CosineAnnealingLR", [("T_max", "0")], "T_max=0 is out of range"),
    Refusal("LinearLR", [("start_factor", "2")], "start_factor=2 is out of range"),
    Refusal("multistep", [("milestones", "5,3")], "milestones must ascend: 3 comes after 5"),
    Refusal("wsd", [("warmup", "6"), ("decay", "6"), ("total", "10")], "are more than total=10"),
    Refusal("ReduceLROnPlateau", [("factor", "1")], "factor=1 is out of range"),
    Refusal("sequence", [], "parts is empty: give schedules, such as"),
    Refusal(
      "sequence", [("parts", "warmup,cosine")], "2 parts need 1 milestone, the steps at which"),
    Refusal(
      "sequence", [("parts", "warmup"), ("milestones", "5")], "1 part needs no milestones"),
    Refusal(
      "sequence", [("parts", "warmup,cosine,step"), ("milestones", "5,5")],
      "milestones must ascend: 5 comes after 5"),
    Refusal("sequence", [("parts", "warmup(")], "parts=warmup( cannot be read"),
    Refusal(
      "product", [("parts", "warmup,cosine(flor=1)")],
      "part 2 of parts, cosine: cosine has no setting"),
    Refusal("product", [("parts", "plateau")], "plateau follows a metric, so it cannot be part of"),
  ]

  @Test("a schedule that cannot be is refused with what to change", arguments: refusals)
  func refused(_ refusal: Refusal) {
    let error = #expect(throws: SettingErrors.self) {
      try Schedules.make(refusal.name, refusal.settings)
    }
    #expect("\(error!)".contains(refusal.sentence), "\(error!)")
  }

  @Test("a schedule that does not fit the run is warned of") func warnings() {
    let long = LinearWarmup(warmup: 200).warnings(steps: 100)
    #expect(long.count == 1 && long[0].contains("never reached"))
    #expect(
      Cosine(total: 60).warnings(steps: 100)[0].contains("the last 40 steps use its final value"))
    #expect(Cosine(total: 160).warnings(steps: 100)[0].contains("before cosine does at step 160"))
    #expect(Cosine(total: 100).warnings(steps: 100).isEmpty)
    #expect(Constant().warnings(steps: 100).isEmpty)
  }
}

@Suite("Edges of schedules") struct ScheduleEdgeTests {
  /// A name and settings, T being the end of the curve.
  struct Edge: Sendable, CustomTestStringConvertible {
    let name: String
    let settings: [SettingText]
    let total: Int
    var testDescription: String { "\(name) \(settings.map { "\($0.name)=\($0.text)" })" }
  }

  /// Every schedule that has an end, here and under other names: no warmup, one that is the whole run,
  /// one step, a floor of zero.
  static let edges: [Edge] = {
    var all: [Edge] = []
    for total in [1, 2, 5, 7] {
      for warmup in Set([0, 1, total - 1, total]).sorted() where warmup <= total {
        let own: [SettingText] = [("warmup", "\(warmup)"), ("total", "\(total)")]
        let theirs: [SettingText] = [
          ("num_warmup_steps", "\(warmup)"), ("num_training_steps", "\(total)"),
        ]
        for name in ["linear", "cosine", "restarts", "polynomial", "wsd"] {
          for floor in [[], [("floor", "0.01")], [("floor_ratio", "0.1")]] as [[SettingText]] {
            all.append(Edge(name: name, settings: own + floor, total: total))
          }
        }
        for name in ["linear", "cosine", "cosine_with_restarts", "polynomial"] {
          all.append(Edge(name: name, settings: theirs, total: total))
        }
        for name in ["cosine_with_min_lr", "cosine_warmup_with_min_lr"] {
          for floor in [("min_lr", "0.01"), ("min_lr_rate", "0")] as [SettingText] {
            all.append(Edge(name: name, settings: theirs + [floor], total: total))
          }
        }
      }
      for name in ["LinearLR", "PolynomialLR"] {
        let down: [SettingText] =
          name == "LinearLR" ? [("start_factor", "0.7"), ("end_factor", "0")] : []
        all.append(
          Edge(
            name: name, settings: down + [("total_iters", "\(total)") as SettingText], total: total)
        )
      }
      all.append(Edge(name: "onecycle", settings: [("total_steps", "\(total)")], total: total))
    }
    return all
  }()

  @Test("from the floor to the peak, and at rest past the end", arguments: edges)
  func edge(_ edge: Edge) throws {
    var schedule = try Schedules.make(edge.name, edge.settings)
    schedule.fit(totalSteps: edge.total)
    try schedule.validate()
    let (base, end) = (0.1, edge.total)
    let values = (0..<end + 10).map { schedule.value(at: $0, base: base) }
    #expect(values.allSatisfy { 0 <= $0 && $0 <= base * (1 + 1e-12) }, "\(values)")
    #expect(Set(values[end...]).count == 1, "\(values)")
    // What it rests at is the lowest value after the warmup.
    let low = try #require(values[end...].first)
    #expect(
      values[max(schedule.warmupEnd, 0)...].allSatisfy { $0 >= low * (1 - 1e-12) }, "\(values)")
    #expect(low <= base * 0.1 + 1e-15)
    if let settles = schedule.settles { #expect(settles <= end) }
  }

  @Test(
    "a curve that goes on in waves is not said to rest",
    arguments: [
      "CosineAnnealingLR(T_max=5)",
      "sequence(parts=[warmup(warmup=3),CosineAnnealingLR(T_max=5)],milestones=[3])",
      "product(parts=[CosineAnnealingLR(T_max=5),warmup(warmup=3)])",
      "product(parts=[cosine(total=5,floor_ratio=0.5),exponential(gamma=0.9)])",
      "cyclic(step_size_up=3)", "CosineAnnealingWarmRestarts(T_0=4)",
    ])
  func waves(_ text: String) throws {
    let section = try #require(SettingSection.list(text)?.first)
    let schedule = try Schedules.make(section.name, section.texts)
    #expect(schedule.settles == nil && schedule.warnings(steps: 12).isEmpty)
    let values = (6..<12).map { schedule.value(at: $0, base: 1) }
    #expect(Set(values).count > 1)
  }

  @Test("schedules made in Swift are checked as texts are") func swift() throws {
    var nested: any Schedule = Constant()
    for _ in 0..<400 { nested = ScheduleProduct([nested]) }
    for (schedule, sentence) in [
      (Cosine(warmup: 10, total: 2), "schedule: warmup=10 is longer than total=2"),
      (
        LinearDecay(total: -5),
        "schedule.total=-5 is out of range: schedule.total must be at least 1"
      ),
      (StepDecay(stepSize: 0), "schedule.step_size=0 is out of range"),
      (ExponentialDecay(gamma: .nan), "schedule.gamma=nan cannot be read"),
      (ScheduleSequence([], milestones: []), "schedule: parts is empty"),
      (
        ScheduleProduct([Lambda { _, base in base }, Cosine(warmup: 10, total: 2)]),
        "schedule: part 2 of parts, cosine: warmup=10 is longer than total=2"
      ),
      (nested, "schedule: product has more than 16 schedules within one another"),
    ] as [(any Schedule, String)] {
      let plan = OptimizerPlan(AdamW(), schedules: [("lr", schedule)])
      let error = #expect(throws: OptimizerError.self) { try plan.check() }
      #expect("\(error!)".hasPrefix(sentence), "\(error!)")
      #expect(throws: OptimizerError.self) {
        try Optimizer<Float>(plan, parameters: [ParameterInfo("w", shape: [2])])
      }
    }
    let whole = ScheduleProduct([Lambda { _, base in base }, Cosine(warmup: 1, total: 2)])
    try OptimizerPlan(AdamW(), schedules: [("lr", whole)]).check()
  }

  @Test("a negative learning rate is blamed on nobody else") func rate() {
    let error = #expect(throws: OptimizerError.self) {
      try Optimizer<Float>(AdamW(learningRate: -1), parameters: [ParameterInfo("w", shape: [2])])
    }
    #expect(error?.description == "lr=-1 is out of range: lr must be at least 0")
  }
}

@Suite("Schedules at work") struct ScheduledOptimizerTests {
  private func optimizer(
    _ rule: some Rule, groups: [ParameterGroup] = [],
    schedules: [(setting: String, schedule: any Schedule)]
  ) throws -> Optimizer<Double> {
    try Optimizer(
      OptimizerPlan(rule, groups: groups, schedules: schedules),
      parameters: [ParameterInfo("a", shape: [2]), ParameterInfo("b", shape: [2])])
  }

  /// Settings of a group after each of `steps` steps.
  private func settings(
    _ optimizer: Optimizer<Double>, group: Int = 0, _ name: String, steps: Int
  ) throws -> [SettingValue] {
    var weights = [[1.0, 2], [3, 4]]
    return try (0..<steps).map { _ in
      _ = try optimizer.step(&weights, gradients: [[0.1, 0.2], [0.3, 0.4]])
      return optimizer.settings(ofGroup: group).first { $0.name == name }!.value
    }
  }

  @Test("any number of any rule follows a schedule, one of several alone") func anySetting() throws
  {
    let optimizer = try optimizer(
      AdamW(),
      schedules: [
        ("weight_decay", LinearDecay(total: 4)), ("betas[1]", ExponentialDecay(gamma: 0.5)),
      ])
    #expect(
      try settings(optimizer, "weight_decay", steps: 4)
        == [0.01, 0.0075, 0.005, 0.0025].map { .number($0) })
    let again = try self.optimizer(
      AdamW(), schedules: [("betas[1]", ExponentialDecay(gamma: 0.5))])
    #expect(
      try settings(again, "betas", steps: 2) == [.numbers([0.9, 0.999]), .numbers([0.9, 0.4995])])
  }

  @Test("a group's own schedule takes precedence, with the group's own value as its base")
  func groups() throws {
    let group = ParameterGroup(
      "a", ParameterMatch(names: ["a"]), settings: [("lr", "8")],
      schedules: [("lr", ExponentialDecay(gamma: 0.5))])
    let make = {
      try self.optimizer(SGD(), groups: [group], schedules: [("lr", Constant())])
    }
    #expect(try settings(make(), group: 0, "lr", steps: 3) == [8, 4, 2].map { .number($0) })
    #expect(
      try settings(make(), group: 1, "lr", steps: 3) == Array(repeating: .number(1e-3), count: 3))
  }

  @Test("OneCycle cycles betas[0] or momentum, also from 0, or says that there is neither")
  func cycledMomentum() throws {
    let cycle = OneCycle(maxLearningRate: 0.1, totalSteps: 10)
    let adam = try optimizer(AdamW(), schedules: [("lr", cycle)])
    #expect(try settings(adam, "betas", steps: 1) == [.numbers([0.95, 0.999])])
    let sgd = try optimizer(SGD(), schedules: [("lr", cycle)])
    #expect(try settings(sgd, "momentum", steps: 1) == [.number(0.95)])
    #expect(sgd.state.map(\.slot).contains("momentum_buffer"))
    #expect(throws: OptimizerError.noMomentum(rule: "adagrad", schedule: "onecycle")) {
      try optimizer(AdaGrad(), schedules: [("lr", cycle)])
    }
  }

  @Test("what cannot be scheduled is said", arguments: ["amsgrad", "betas[2]", "betas[", "x", ""])
  func notSchedulable(_ name: String) {
    let error = #expect(throws: OptimizerError.self) {
      try optimizer(AdamW(), schedules: [(name, Constant())])
    }
    #expect("\(error!)".contains("cannot be scheduled; these can: lr, betas"), "\(error!)")
  }

  @Test("a schedule that follows a metric goes on from its saved state") func plateau() throws {
    let schedule = try Schedules.make("plateau", [("patience", "1"), ("factor", "0.5")])
    let (whole, second) = (
      try optimizer(SGD(), schedules: [("lr", schedule)]),
      try optimizer(SGD(), schedules: [("lr", schedule)])
    )
    for metric in [1.0, 1, 1] { whole.observe(metric: metric) }
    #expect(whole.scheduleStates[0]["lr"]?.changes == [-1])
    try SavedState(of: whole).restore(second)
    for optimizer in [whole, second] {
      for metric in [0.5, 0.6, 0.7] { optimizer.observe(metric: metric) }
      #expect(try settings(optimizer, "lr", steps: 1) == [.number(0.25e-3)])
    }
    whole.observe(metric: 9, mode: .max)
    #expect(whole.scheduleStates == second.scheduleStates)
    // The best that there can be is not a number that JSON has.
    whole.observe(metric: -.infinity)
    try SavedState(of: whole).restore(second)
    #expect(second.scheduleStates[0]["lr"]?.best == -.infinity)
  }

  @Test("the values of a run are those that the optimizer uses") func valuesOfARun() throws {
    let schedules: [(setting: String, schedule: any Schedule)] = [
      ("lr", OneCycle(maxLearningRate: 0.1, totalSteps: 5)),
      ("weight_decay", LinearDecay(total: 5)),
    ]
    let group = ParameterGroup("all", ParameterMatch(), settings: [("weight_decay", "0.5")])
    let values = try OptimizerPlan(AdamW(), groups: [group], schedules: schedules)
      .scheduledValues(of: group)
    #expect(values(at: 0).map(\.name) == ["lr", "betas", "weight_decay"])
    for name in ["lr", "betas", "weight_decay"] {
      let used = try settings(
        try optimizer(AdamW(), groups: [group], schedules: schedules), name, steps: 5)
      #expect((0..<5).map { t in values(at: t).first { $0.name == name }!.value } == used)
    }
  }
}
