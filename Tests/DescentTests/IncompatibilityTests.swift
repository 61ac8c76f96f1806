import Descent
import Testing

@Suite("What cannot be combined") struct IncompatibilityTests {
  /// A plan, what a run uses besides, and the two features that get in each other's way.
  struct Case: CustomTestStringConvertible, Sendable {
    let first: Feature
    let second: Feature
    let sections: [String: String]
    let groups: [String]
    let run: [Feature]
    /// The beginning of the sentence.
    let sentence: String
    var testDescription: String { sentence }

    init(
      _ first: Feature, _ second: Feature, _ optimizer: String,
      with sections: [String: String] = [:],
      groups: [String] = [], run: [Feature] = [], _ sentence: String
    ) {
      (self.first, self.second, self.groups, self.run) = (first, second, groups, run)
      self.sections = sections.merging(["optimizer": "name=\(optimizer)"]) { $1 }
      self.sentence = sentence
    }

    static let all = [
      // Plans alone.
      Case(
        .evaluations, .ruleOfGroup, "adamw", groups: ["match=a optimizer=lbfgs"],
        "lbfgs cannot be combined with parameters that have another rule: it moves all"),
      Case(
        .evaluations, .groupSettings, "lbfgs", groups: ["name=g lr=0.1"],
        "lbfgs cannot be combined with hyperparameters of the group 'g': it moves all"),
      Case(
        .evaluations, .groupSettings, "lbfgs", groups: ["name=g optimizer=sgd"],
        "lbfgs cannot be combined with a rule of the group 'g': "),
      Case(
        .evaluations, .groupSettings, "lbfgs", groups: ["name=g schedule=cosine"],
        "lbfgs cannot be combined with schedules of the group 'g': "),
      Case(
        .evaluations, .groupSettings, "lbfgs layer_decay=0.5",
        "lbfgs cannot be combined with optimizer.layer_decay=0.5: "),
      Case(
        .evaluations, .clipping, "lbfgs", with: ["clip": "norm=1"],
        "lbfgs cannot be combined with clip.norm=1: its line search needs"),
      Case(
        .evaluations, .gradientTools, "lbfgs", with: ["gradient": "centralize=true"],
        "lbfgs cannot be combined with gradient.centralize=true: "),
      Case(
        .evaluations, .compressedState, "lbfgs state=int8",
        "lbfgs cannot be combined with state=int8: its history needs full precision; set"),
      Case(
        .evaluations, .weights16, "lbfgs", with: ["weights": "format=bf16"],
        "lbfgs cannot be combined with weights.format=bf16: "),
      Case(
        .layers, .ruleOfGroup, "adamw", groups: ["match=a optimizer=kfac"],
        "kfac cannot be combined with parameters that have another rule: "),
      Case(
        .exactState, .compressedState, "rmsprop centered=true state=bfloat16",
        "rmsprop cannot be combined with state=bfloat16: centered=true takes"),
      Case(
        .exactState, .compressedState, "rmsprop centered=true", groups: ["state=int8"],
        "rmsprop cannot be combined with state=int8: "),
      Case(
        .exactState, .compressedState, "adamw",
        groups: ["match=a optimizer=rmsprop centered=true state=int8"],
        "rmsprop cannot be combined with state=int8: "),
      Case(
        .exactState, .compressedState, "rmsprop", groups: ["match=a centered=true state=int8"],
        "rmsprop cannot be combined with state=int8: "),
      // Plans in a run.
      Case(.evaluations, .lossScale, "lbfgs", run: [.lossScale], "lbfgs cannot be combined with"),
      Case(.evaluations, .gradientRelease, "lbfgs", run: [.gradientRelease], "lbfgs cannot be"),
      Case(.evaluations, .movingAverage, "lbfgs", run: [.movingAverage], "lbfgs cannot be"),
      Case(.evaluations, .recording, "lbfgs", run: [.recording], "lbfgs cannot be combined with"),
      Case(.evaluations, .severalLosses, "lbfgs", run: [.severalLosses], "lbfgs cannot be"),
      Case(.layers, .lossScale, "kfac", run: [.lossScale], "kfac cannot be combined with"),
      Case(.layers, .gradientRelease, "kfac", run: [.gradientRelease], "kfac cannot be"),
      Case(.layers, .recording, "kfac", run: [.recording], "kfac cannot be combined with"),
      Case(.curvature, .lossScale, "sophia-g", run: [.lossScale], "sophia-g cannot be combined"),
      Case(.curvature, .lossScale, "sophia-h", run: [.lossScale], "sophia-h cannot be combined"),
      Case(.globalSums, .gradientRelease, "prodigy", run: [.gradientRelease], "prodigy cannot be"),
      Case(
        .globalSums, .gradientRelease, "sgd", groups: ["match=a optimizer=dadapt-adam"],
        run: [.gradientRelease], "dadapt-adam cannot be combined with"),
      Case(
        .evaluatesElsewhere, .movingAverage, "sgd momentum=0.9 momentum_form=look-ahead",
        run: [.movingAverage], "sgd cannot be combined with"),
      Case(
        .evaluatesElsewhere, .movingAverage, "schedule-free-adamw", run: [.movingAverage],
        "schedule-free-adamw cannot be combined with"),
      Case(
        .evaluatesElsewhere, .movingAverage, "adamw",
        groups: ["match=a optimizer=sgd momentum=0.9 momentum_form=look-ahead"],
        run: [.movingAverage], "sgd cannot be combined with"),
      Case(
        .weights16, .movingAverage, "adamw", with: ["weights": "format=bf16"],
        run: [.movingAverage],
        "weights.format=bf16 cannot be combined with"),
      Case(
        .weights16, .otherPrecision, "adamw", with: ["weights": "format=bf16 rounding=master"],
        run: [.otherPrecision], "weights.format=bf16 cannot be combined with"),
      Case(
        .gradientRelease, .otherClipping, "adamw", with: ["clip": "norm=1 value=2"],
        run: [.gradientRelease], "gradient release cannot be combined with clip.value=2: only"),
      Case(
        .gradientRelease, .gradientTools, "adamw", with: ["gradient": "noise=0.1"],
        run: [.gradientRelease], "gradient release cannot be combined with gradient.noise=0.1: "),
      Case(
        .gradientRelease, .accumulation, "adamw", run: [.gradientRelease, .accumulation],
        "gradient release cannot be combined with accumulated gradients: a released"),
      Case(
        .gradientRelease, .lossScale, "adamw", run: [.gradientRelease, .lossScale],
        "gradient release cannot be combined with fp16 with its loss scale: an overflow"),
      Case(
        .gradientRelease, .skipping, "adamw", run: [.gradientRelease, .skipping],
        "gradient release cannot be combined with skipped steps: updates that were made"),
    ]
  }

  @Test("each pair is refused by name, and for nothing else", arguments: Case.all)
  func refused(_ test: Case) throws {
    func errors(_ run: [Feature]) -> [OptimizerError] {
      do throws(OptimizerError) {
        let plan = try makePlan(test.sections, groups: test.groups)
        return plan.conflicts(with: run.map { FeatureUse($0, $0.rawValue) })
      } catch { return error.all }
    }
    let conflicts = errors(test.run)
    let row = try #require(
      Incompatibility.all.first { $0.first == test.first && $0.second == test.second })
    #expect(conflicts.count == 1, "\(conflicts)")
    #expect(conflicts.first?.description.hasPrefix(test.sentence) == true, "\(conflicts)")
    #expect(conflicts.first?.description.hasSuffix("; \(row.advice)") == true, "\(conflicts)")
    // What only a run asks for is what is in the way.
    if !test.run.isEmpty { #expect(errors([]).isEmpty) }
  }

  @Test(
    "what concerns other parameters is not in the way",
    arguments: [
      ("adamw state=int8", "match=a optimizer=rmsprop centered=true state=float32"),
      ("rmsprop centered=true", "match=a optimizer=adamw state=int8"),
      ("kfac", "match=a optimizer=adamw lr=0.1"), ("lbfgs", "match=a frozen=true"),
    ])
  func allowed(_ optimizer: String, _ group: String) throws {
    _ = try makePlan(["optimizer": "name=\(optimizer)"], groups: [group])
  }

  @Test("every row of the table has a case, and stands there once") func complete() {
    let cases = Set(Case.all.map { [$0.first, $0.second] })
    let rows = Incompatibility.all.map { [$0.first, $0.second] }
    #expect(Set(rows) == cases && Set(rows).count == rows.count)
    for row in Incompatibility.all { #expect(!row.reason.isEmpty && !row.advice.isEmpty) }
  }

  @Test("a released gradient is refused to an optimizer that cannot have it") func release() throws
  {
    func error(_ name: String, clip: String = "") throws -> String {
      let plan = try makePlan(["optimizer": "name=\(name)", "clip": clip])
      let optimizer = try Optimizer<Float>(
        plan, parameters: [ParameterInfo("w", shape: [2])], needs: .byCaller)
      return "\(try #require(throws: OptimizerError.self) { try GradientRelease(optimizer) })"
    }
    #expect(try error("kfac").hasPrefix("kfac cannot be combined with release_gradients=true: "))
    #expect(try error("adamw", clip: "value=1").contains("clip.value=1"))
  }

  @Test("what a feature cannot be combined with is found from either side") func sides() {
    let pairs = Feature.allCases.flatMap { one in
      Incompatibility.with(one).map { Set([one, $0.other]) }
    }
    #expect(pairs.count == 2 * Incompatibility.all.count && Set(pairs).count * 2 == pairs.count)
  }
}
