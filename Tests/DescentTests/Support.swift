import Descent

/// Some numbers without pattern, the same in each run.
func noise(_ count: Int, seed: UInt64) -> [Float] {
  var random = RandomStream(seed: seed)
  return (0..<count).map { _ in random.normal() }
}

/// Settings as one line: `lr=0.1 betas=0.9,0.99`.
func settings(_ text: String) -> [SettingText] {
  text.split(separator: " ").map { item in
    let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts[0]), String(parts[1]))
  }
}

/// A rule by its name and settings in one line.
func makeRule(_ name: String, _ text: String = "") throws -> any Rule {
  func make<R: Rule>(_: R.Type) throws -> any Rule { try R(settings(text)) }
  return try make(Rules.named(name))
}

/// A plan by its sections and groups, each one line.
func makePlan(
  _ sections: [String: String], groups: [String]? = nil
) throws(OptimizerError) -> OptimizerPlan {
  try OptimizerPlan(
    OptimizerPlan.Texts(sections.mapValues(settings), groups: groups?.map(settings)))
}

/// Names of the settings of a rule.
func settingNames(_ rule: any Rule.Type) -> Set<String> {
  func names<R: Rule>(_: R.Type) -> [String] { R.settings.map(\.name) }
  return Set(names(rule))
}

extension OptimizerPlan {
  /// The weights after each of `steps` steps; `gradient` gets the step, the parameter, the element
  /// and the weight. Rules that take estimates of the curvature get the gradients of the next step.
  func path<S: Scalar>(
    _ parameters: [ParameterInfo], from start: [[S]], steps: Int,
    gradient: (_ t: Int, _ p: Int, _ i: Int, _ w: S) -> S
  ) throws -> (weights: [[[S]]], optimizer: Optimizer<S>) {
    let optimizer = try Optimizer<S>(self, parameters: parameters, needs: .byCaller)
    func gradients(_ t: Int, _ weights: [[S]]) -> [[S]] {
      weights.enumerated().map { p, w in w.enumerated().map { gradient(t, p, $0, $1) } }
    }
    var weights = start
    let path = try (1...steps).map { t in
      let report = try optimizer.step(&weights, gradients: gradients(t, weights))
      guard report.applied else { throw Refused(outcome: report.outcome) }
      if optimizer.curvatureIsDue {
        _ = try optimizer.foldCurvature(gradients(t + 1, weights))
      }
      return weights
    }
    return (path, optimizer)
  }

  struct Refused: Error { let outcome: StepReport.Outcome }
}

extension Array where Element: BitwiseCopyable {
  /// A copy of the elements that stays until the tests end.
  var mutableView: MutableView<Element> {
    let base = UnsafeMutablePointer<Element>.allocate(capacity: Swift.max(count, 1))
    unsafe base.initialize(from: self, count: count)
    return unsafe MutableView(base, count: count)
  }
}
