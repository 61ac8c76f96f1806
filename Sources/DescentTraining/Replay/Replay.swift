public import Descent
import Safetensors

/// Applies an optimizer to a recorded sequence of gradients: how anyone checks a port.
///
/// The recording holds `param/<name>` (the initial weights), `grad/<t>/<name>` for t = 1...T (a
/// gradient that is missing at some t was not given), and `hessian/<t>/<name>` for rules that fold
/// in a curvature estimate after step t. The result holds `param/<t>/<name>` for every t and, as
/// they are after the last step, `state/<slot>/<name>`. All numbers are finite, in the one and in the
/// other.
public struct Replay {
  /// Each takes about 60 bytes of a header, which may have 100 MB.
  private static let mostTensors = 1_700_000

  private let plan: OptimizerPlan
  private let recording: Recording
  /// T
  public var steps: Int { recording.steps }

  /// Opens a recording and checks that it is one.
  ///
  /// - Parameter plan: its schedules become as long as the recording; its groups stay out, as in the
  ///   references.
  /// - Throws: ``RecipeError`` for a plan that needs more than a recording holds; ``DataError`` when
  ///   tensors are missing, misnamed, or of another type or shape than they should be;
  ///   `SafetensorsError`.
  public init(_ plan: OptimizerPlan, recording path: String) throws {
    let followers = plan.schedules.filter { $0.schedule is any MetricSchedule }
    let problems =
      plan.conflicts(with: [FeatureUse(.recording, "a recording")]).map(\.description)
      + followers.map {
        "schedule \(type(of: $0.schedule).name) follows a metric, which a recording does not hold; "
          + "choose another"
      }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    self.plan = plan
    recording = try Recording(path: path)
  }

  /// Runs the recording through an optimizer and writes the result, step by step; on an error nothing
  /// is left of it.
  ///
  /// - Returns: the formats that optimizer state was kept in, and why.
  /// - Throws: `OptimizerError` for a plan that cannot be, and for estimates of a curvature that the
  ///   rule does not take; ``DataError`` when a weight, a gradient or the state is not finite, in the
  ///   recording or after a step; `SafetensorsError` when the result cannot be written.
  @discardableResult
  public func run(to path: String) throws -> [RunFacts.StateUse] {
    var plan = plan
    plan.groups = []
    plan.fitSchedules(totalSteps: steps)
    let parameters = recording.parameters
    let (tensors, overflows) = steps.multipliedReportingOverflow(by: parameters.count)
    if overflows || tensors > Self.mostTensors {
      throw DataError.unsuitable(
        "\(recording.path): \(parameters.count) tensors after each of \(steps) steps are more than "
          + "the \(Self.mostTensors) that a safetensors file can list")
    }
    let optimizer = try Optimizer<Float>(plan, parameters: parameters, needs: .byCaller)
    var weights = try recording.weights()
    var writer = try SafetensorsWriter(
      path: path,
      tensors: (1...steps).flatMap { step in
        parameters.map { (name(step, $0), .f32, $0.shape) }
      } + optimizer.state.map { (name($0.slot, $0.parameter), .f32, $0.shape) })
    for step in 1...steps {
      let report = try optimizer.step(&weights, gradients: try recording.values(.gradient, step))
      try refuseNonFinite(report.outcome, .gradient, step)
      if recording.hasCurvature(step) {
        let estimates = try recording.values(.curvature, step)
        try refuseNonFinite(optimizer.foldCurvature(estimates), .curvature, step)
      }
      for (parameter, values) in zip(parameters, weights) {
        try refuseNonFinite(values, "the weights \(parameter.name) are", after: step)
        try writer.append(values.span, to: name(step, parameter))
      }
    }
    for state in optimizer.state {
      try refuseNonFinite(
        state.values, "the state \(state.slot) of \(state.parameter) is", after: steps)
      try writer.append(state.values.span, to: name(state.slot, state.parameter))
    }
    try writer.finish()
    return RunFacts.StateUse.all(optimizer.stateSlots)
  }

  private func name(_ step: Int, _ parameter: ParameterInfo) -> String {
    "param/\(step)/\(parameter.name)"
  }

  private func name(_ slot: String, _ parameter: String) -> String { "state/\(slot)/\(parameter)" }

  // MARK: What is not finite

  private func refuseNonFinite(
    _ outcome: StepReport.Outcome, _ kind: Recording.Kind, _ step: Int
  ) throws(DataError) {
    guard case .refused(let culprit) = outcome else { return }
    throw .unsuitable(
      "\(recording.path): \(kind.rawValue)/\(step)/\(culprit.parameter) is \(culprit.value) at "
        + "element \(culprit.element); a recording must be finite")
  }

  private func refuseNonFinite(
    _ values: [Float], _ what: String, after step: Int
  ) throws(DataError) {
    guard let (index, value) = values.firstNonFinite else { return }
    throw .unsuitable(
      "\(recording.path): after step \(step) \(what) \(value) at element \(index), and nothing was "
        + "written; the gradients or the hyperparameters of \(plan.ruleName) are too extreme "
        + "for float32")
  }
}
