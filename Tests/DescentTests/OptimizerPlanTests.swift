import Descent
import Testing

@Suite("Plans") struct OptimizerPlanTests {
  /// Texts, and how every line begins with which they are refused, in order.
  struct Mistakes: CustomTestStringConvertible, Sendable {
    let sections: [String: String]
    let groups: [String]?
    let sentences: [String]
    var testDescription: String { sentences.joined(separator: " | ") }

    init(_ sections: [String: String], groups: [String]? = nil, _ sentences: String...) {
      (self.sections, self.groups, self.sentences) = (sections, groups, sentences)
    }

    static let all = [
      Mistakes([:], "optimizer.name is missing: give one of sgd, adagrad,"),
      Mistakes(
        ["optimizer": "name=adamx lr=x"],
        "optimizer.name=adamx does not exist; did you mean 'adam'?"),
      Mistakes(
        ["optimizer": "name=adamw lr=-1 betas=0.9 wd=1"],
        "optimizer.lr=-1 is out of range: optimizer.lr must be at least 0",
        "optimizer.betas=0.9 cannot be read: optimizer.betas takes 2 numbers",
        "adamw has no setting 'optimizer.wd'; "),
      Mistakes(
        ["optimizer": "name=sgd nesterov=true state=int4 layer_decay=2"],
        "optimizer: nesterov=true needs momentum above 0 and dampening=0",
        "optimizer.state=int4 cannot be read: optimizer.state takes one of float32,",
        "optimizer.layer_decay=2 is out of range: "),
      Mistakes(
        [
          "optimizer": "name=sgd", "clip": "norm=0", "gradient": "noise=-1", "weights": "format=f4",
        ],
        "clip.norm=0 is out of range: clip.norm must be above 0",
        "gradient.noise=-1 is out of range: ", "weights.format=f4 cannot be read: "),
      Mistakes(
        [
          "optimizer": "name=sgd", "schedule": "total=5", "schedules.momentum": "name=step gamma=0",
        ],
        "schedule.name is missing: give one of constant,",
        "schedules.momentum.gamma=0 is out of range: schedules.momentum.gamma must be above 0"),
      Mistakes(
        [
          "optimizer": "name=sgd", "schedules.nesterov": "name=linear", "schedule": "name=onecycle",
        ],
        "'nesterov' of sgd cannot be scheduled; these can: lr, momentum, dampening, weight_decay"),
      Mistakes(
        ["optimizer": "name=adagrad", "schedule": "name=onecycle", "schedules.eps": "name=cosin"],
        "schedules.eps: there is no schedule 'cosin'; did you mean 'cosine'?",
        "onecycle cycles the momentum, and adagrad has neither betas nor momentum: "),
      Mistakes(
        ["optimizer": "name=sgd"],
        groups: ["match=a optimizer=adafactor schedule=linear"],
        "'lr' of adafactor is none, so nothing can change it: give it a value first"),
      // What a schedule starts from and where it ends.
      Mistakes(
        ["optimizer": "name=sgd lr=5e-5", "schedule": "name=cosine floor=1e-4"],
        "schedule: floor=0.0001 lies above lr=5e-05, which the schedule starts from: lower it, set "
      ),
      Mistakes(
        ["optimizer": "name=sgd lr=0.1", "schedule": "name=cosine total=10 cycles=1e308"],
        "schedule: cosine makes lr NaN by step 1: one of its numbers is too large"),
      Mistakes(
        ["optimizer": "name=sgd lr=0.1", "schedule": "name=exponential gamma=1e200"],
        "schedule: exponential makes lr infinite by step 3: one of its numbers is too large"),
      Mistakes(
        ["optimizer": "name=sgd lr=0.1", "schedule": "name=CosineAnnealingLR eta_min=0.01"],
        groups: ["name=g match=a lr=0.001", "name=h match=b lr=0.01", "match=c frozen=true lr=0"],
        "parameter group 'g': schedule: eta_min=0.01 lies above lr=0.001, "),
      Mistakes(
        ["optimizer": "name=sgd lr=2", "schedule": "name=greedy"],
        "schedule: max_lr=1 lies below lr=2, which the schedule starts from: raise it, or lower lr"),
      Mistakes(
        ["optimizer": "name=sgd lr=0.01", "schedule": "name=plateau min_lr=0.1"],
        "schedule: min_lr=0.1 lies above lr=0.01, "),
      Mistakes(
        ["optimizer": "name=sgd lr=0.01", "schedule": "name=cyclic base_lr=0.1 max_lr=0.05"],
        "schedule: base_lr=0.1 is above max_lr=0.05"),
      Mistakes(
        [
          "optimizer": "name=sgd lr=0.01 momentum=0.1",
          "schedule": "name=product parts=[warmup(warmup=2),polynomial(floor=0.1)]",
          "schedules.momentum": "name=linear floor=0.5",
        ],
        "schedule: floor=0.1 lies above lr=0.01, ",
        "schedules.momentum: floor=0.5 lies above momentum=0.1, "),
      Mistakes(
        ["optimizer": "name=adamw", "clipp": "norm=1", "zzz": ""],
        "there is no section 'clipp'; did you mean 'clip'?",
        "there is no section 'zzz'; there are: optimizer, schedule,"),
      // Groups, whatever else is wrong.
      Mistakes(
        ["optimizer": "name=sgd lr=fast"],
        groups: ["rank=x role=matrx frozen=maybe", "name=g lr=-1 betas=1 state=int9"],
        "optimizer.lr=fast cannot be read: ",
        "parameter group 'group 1': rank=x cannot be read: rank takes a number of axes such as 1,",
        "parameter group 'group 1': role=matrx cannot be read: role takes some of matrix,",
        "parameter group 'group 1': frozen=maybe cannot be read: frozen takes true or false",
        "parameter group 'g': lr=-1 is out of range: lr must be at least 0",
        "parameter group 'g': sgd has no setting 'betas'; ",
        "parameter group 'g': state=int9 cannot be read: state takes one of float32,"),
      Mistakes(
        ["optimizer": "name=sgd"],
        groups: [
          "name=g schedule=linear(warmup=-1) schedules.momentum=cosin", "name=h schedule=linear(",
          "name=i schedules.lamb=linear",
        ],
        "parameter group 'g': schedule.warmup=-1 is out of range: schedule.warmup must be at least",
        "parameter group 'g': schedules.momentum: there is no schedule 'cosin'; did you mean",
        "parameter group 'h': schedule=linear( cannot be read: schedule takes a schedule such as",
        "'lamb' of sgd cannot be scheduled; "),
      Mistakes(
        ["optimizer": "name=zzz"],
        groups: ["name=g optimizer=muon betas=1", "name=h lr=x", "name=i optimizer=adamm lr=x"],
        "optimizer.name=zzz does not exist; there are: sgd,",
        "parameter group 'i': optimizer=adamm does not exist; did you mean 'adam'?",
        "parameter group 'g': muon has no setting 'betas'; "),
      Mistakes(
        ["optimizer": "name=rmsprop centered=true state=int8", "clip": "norm=-1"],
        groups: ["name=g momentum=2"], "clip.norm=-1 is out of range: ",
        "parameter group 'g': momentum=2 is out of range: momentum must be at least 0 and below 1",
        "rmsprop cannot be combined with state=int8: centered=true takes √(v − a²),"),
    ]
  }

  @Test(
    "every mistake of texts is reported at once, without any parameters", arguments: Mistakes.all)
  func mistakes(_ test: Mistakes) throws {
    let error = try #require(throws: OptimizerError.self) {
      try makePlan(test.sections, groups: test.groups)
    }
    let lines = error.description.split(separator: "\n")
    #expect(lines.count == test.sentences.count, "\(error)")
    for (given, expected) in zip(lines, test.sentences) {
      #expect(given.hasPrefix(expected), "\(given)")
    }
  }

  @Test("a plan made in Swift is checked likewise, and an optimizer asks for the check")
  func swift()
    throws
  {
    let plan = OptimizerPlan(
      SGD(learningRate: -1),
      groups: [ParameterGroup("g", ParameterMatch(), settings: [("momentum", "2")])],
      schedules: [("lamb", Constant())], clip: Clipping(norm: 0))
    let expected = [
      "lr=-1 is out of range: lr must be at least 0", "clip.norm=0 is out of range: ",
      "parameter group 'g': momentum=2 is out of range: ", "'lamb' of sgd cannot be scheduled; ",
    ]
    for make in [
      { try plan.check() },
      { _ = try Optimizer<Float>(plan, parameters: [ParameterInfo("w", shape: [2])]) },
    ] as [() throws -> Void] {
      let error = try #require(throws: OptimizerError.self) { try make() }
      #expect(error.all.count == expected.count, "\(error)")
      for (given, expected) in zip(error.all, expected) {
        #expect(given.description.hasPrefix(expected), "\(given)")
      }
    }
    #expect(throws: Never.self) { try OptimizerPlan(AdamW()).check() }
  }

  @Test("all groups that take no parameter are named") func emptyGroups() throws {
    let plan = try makePlan(
      ["optimizer": "name=sgd"], groups: ["name=a match=x*", "name=b match=w", "name=c match=w"])
    let error = try #require(throws: OptimizerError.self) {
      try Optimizer<Float>(plan, parameters: [ParameterInfo("w", shape: [2])])
    }
    #expect(
      error.all.map(\.description).map { String($0.prefix(19)) }
        == ["parameter group 'a'", "parameter group 'c'"])
  }

  // MARK: Printing

  private static let printed: [(sections: [String: String], groups: [String]?)] = [
    (["optimizer": "name=sgd"], nil), (["optimizer": "name=adamw weight_decay=0.1"], nil),
    (
      [
        "optimizer":
          "name=prodigy betas=0.8,0.9 d_max=inf state=int8 state_exempt=none layer_decay=0.5",
        "schedule": "name=sequence parts=[warmup(warmup=3),cosine(floor_ratio=0.1)] milestones=3",
        "schedules.weight_decay": "name=linear floor_ratio=0.01", "clip": "norm=1 norm_type=inf",
        "gradient": "centralize=true noise=0.3", "weights": "format=bf16 rounding=kahan",
      ],
      [
        "name=a match=h.*,x rank=2+ role=matrix,head optimizer=muon lr=0.02",
        "name=b rank=0-1 frozen=true",
        "name=c rank=3 lr=0.5 schedule=step(step_size=2) schedules.betas[0]=constant state=float32",
      ]
    ),
  ]

  @Test("a plan prints itself, and what it prints reads back", arguments: printed.indices)
  func prints(_ index: Int) throws {
    let (sections, groups) = Self.printed[index]
    let plan = try makePlan(sections, groups: groups)
    let again = try OptimizerPlan(plan.texts)
    #expect(
      again.description == plan.description && again.texts.sections.keys == plan.texts.sections.keys
    )
    // Every given value is in it, under its name and in its line.
    let lines = plan.description.split(separator: "\n")
    for (section, text) in sections {
      let line = try #require(lines.first { $0.hasPrefix(section + ": ") })
      for (name, value) in settings(text) {
        #expect(line.contains(" \(name)=\(value.filter { !"[]".contains($0) })") || name == "parts")
      }
    }
    #expect(lines.filter { $0.hasPrefix("group: ") }.count == groups?.count ?? index)
  }

  @Test("hyperparameters that a group's own rule was given in Swift are printed too") func ownRule()
    throws
  {
    let group = ParameterGroup(
      "g", ParameterMatch(ranks: 2...2), rule: Muon(learningRate: 0.02, momentum: 0.8),
      settings: [("momentum", "0.7")])
    let plan = OptimizerPlan(AdamW(), groups: [group])
    #expect(
      plan.description.contains("\ngroup: name=g rank=2 optimizer=muon lr=0.02 momentum=0.7\n"))
    #expect(try OptimizerPlan(plan.texts).description == plan.description)
  }

  // MARK: Rules of groups

  @Test("a rule of a group's own is declared by the group: Lion's first η is the group's")
  func firstRate() throws {
    func end(_ plan: OptimizerPlan) throws -> [[Double]] {
      let zero = { (_: Int, _: Int, _: Int, _: Double) in 0.0 }
      return try plan.path([ParameterInfo("w", shape: [1])], from: [[8]], steps: 1, gradient: zero)
        .weights[0]
    }
    let options = "lr=0.5 weight_decay=0.25 decoupled_weight_decay=true"
    let alone = try end(makePlan(["optimizer": "name=lion \(options)"], groups: []))
    #expect(alone == [[6]])
    let own = ["match=w optimizer=lion \(options)"]
    #expect(try end(makePlan(["optimizer": "name=sgd"], groups: own)) == alone)
    // A group of the plan's rule changes η, not the η that the rule was declared with.
    let changed = try makePlan(
      ["optimizer": "name=lion \(options)"], groups: ["match=w lr=1 weight_decay=0.25"])
    #expect(try end(changed) == [[4]])
  }

  /// Notes the rules that it is asked to serve.
  private final class Witness: Preconditioner {
    var seen: [any Rule] = []
    func precondition(
      _ memory: [ParameterMemory<Float>], of parameters: [ParameterInfo],
      for rule: any Rule, scale: Double, learningRate: (Int) -> Double
    ) -> (memory: [ParameterMemory<Float>], report: PreconditionerReport) {
      seen.append(rule)
      return (memory, PreconditionerReport())
    }
    func discard() {}
    let stateBytes = 0
    func archive(_ archive: StateArchive) throws(StateMismatch) {}
  }

  @Test("a preconditioner serves the plan's rule, whatever rules the groups have") func served()
    throws
  {
    let plan = try makePlan(
      ["optimizer": "name=kfac damping=0.25", "schedules.damping": "name=exponential gamma=0.5"],
      groups: ["match=a optimizer=adamw"])
    let witness = Witness()
    let optimizer = try Optimizer<Float>(
      plan, parameters: [ParameterInfo("a", shape: [2]), ParameterInfo("b", shape: [2])],
      needs: .preconditioner(witness))
    var weights: [[Float]] = [[1, 1], [1, 1]]
    for _ in 0..<2 { _ = try optimizer.step(&weights, gradients: [[1, 1], [1, 1]]) }
    #expect(witness.seen.map { ($0 as? KFAC)?.damping } == [0.25, 0.125])
  }

  @Test("a function is asked for the steps of the run alone") func functions() throws {
    let rates = [0.5, 0.25]
    let lambda = Lambda { t, _ in rates[t] }
    var product = ScheduleProduct()
    product.parts = [lambda, Constant()]
    for schedule in [lambda, product] as [any Schedule] {
      let plan = OptimizerPlan(
        SGD(learningRate: 1), groups: [], schedules: [("lr", schedule)])
      let optimizer = try Optimizer<Double>(plan, parameters: [ParameterInfo("w", shape: [1])])
      var w = [[1.0]]
      _ = try optimizer.step(&w, gradients: [[1]])
      _ = try optimizer.step(&w, gradients: [[1]])
      #expect(w == [[0.25]])
    }
  }
}
