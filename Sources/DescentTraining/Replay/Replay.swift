import Descent
import Safetensors

/// Applies an optimizer to a recorded sequence of gradients: how anyone checks a port.
///
/// The recording holds `param/<name>` (the initial weights), `grad/<t>/<name>` for t = 1...T (a
/// gradient that is missing at some t was not given), and `hessian/<t>/<name>` for rules that fold
/// in a curvature estimate after step t. The result holds `param/<t>/<name>` for every t and, as
/// they are after the last step, `state/<slot>/<name>`.
public struct Replay {
  private let plan: OptimizerPlan
  private let input: SafetensorsFile
  private let parameters: [ParameterInfo]
  /// T
  public let steps: Int

  /// Opens a recording and checks that it is one.
  ///
  /// - Parameter plan: its schedules become as long as the recording; its groups stay out, as in the
  ///   references.
  /// - Throws: ``RecipeError`` for a plan that needs more than a recording holds; ``DataError`` when
  ///   tensors are missing, misnamed or of another shape than their parameter; `SafetensorsError`.
  public init(_ plan: OptimizerPlan, recording path: String) throws {
    self.plan = plan
    let followers = plan.schedules.filter { $0.schedule is any MetricSchedule }
    let problems =
      plan.conflicts(with: [FeatureUse(.recording, "a recording")]).map(\.description)
      + followers.map {
        "schedule \(type(of: $0.schedule).name) follows a metric, which a recording does not hold; "
          + "choose another"
      }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    input = try SafetensorsFile(path: path)
    var parameters: [ParameterInfo] = []
    for entry in input.entries where entry.name.hasPrefix("param/") {
      parameters.append(ParameterInfo(String(entry.name.dropFirst(6)), shape: entry.shape))
    }
    self.parameters = parameters
    if parameters.isEmpty {
      throw DataError.malformed(
        path: path, expected: "initial weights called param/<name>", found: "none")
    }
    var last = 0
    for entry in input.entries where !entry.name.hasPrefix("param/") {
      let parts = entry.name.split(separator: "/", maxSplits: 2).map(String.init)
      guard parts.count == 3, ["grad", "hessian"].contains(parts[0]), let step = Int(parts[1]),
        step > 0
      else {
        throw DataError.malformed(
          path: path,
          expected: "tensors called param/<name>, grad/<t>/<name> or hessian/<t>/<name>",
          found: "one called \(entry.name)")
      }
      guard let parameter = parameters.first(where: { $0.name == parts[2] }) else {
        throw DataError.malformed(
          path: path, expected: "param/\(parts[2]), the weights that \(entry.name) belongs to",
          found: "none")
      }
      guard parameter.shape == entry.shape else {
        throw DataError.malformed(
          path: path, expected: "\(entry.name) to have the shape \(parameter.shape) of its weights",
          found: "\(entry.shape)")
      }
      last = max(last, step)
    }
    steps = last
    if last == 0 {
      throw DataError.malformed(
        path: path, expected: "gradients called grad/<t>/<name>", found: "none")
    }
  }

  /// Runs the recording through an optimizer and writes the result; nothing is written on an error.
  ///
  /// - Throws: `OptimizerError` for a plan that cannot be; ``DataError`` when a weight or a gradient
  ///   is not finite; `SafetensorsError` when the result cannot be written.
  public func run(to path: String) throws {
    var plan = plan
    plan.groups = []
    plan.fitSchedules(totalSteps: steps)
    let optimizer = try Optimizer<Float>(plan, parameters: parameters, needs: .byCaller)
    var weights = try parameters.map { try input.floats(of: "param/" + $0.name) }
    for (parameter, values) in zip(parameters, weights) {
      if let i = values.firstIndex(where: { !$0.isFinite }) {
        throw notFinite("param/\(parameter.name)", i, Double(values[i]))
      }
    }
    var results: [SafetensorsTensor] = []
    for step in 1...steps {
      let report = try optimizer.step(&weights, gradients: try tensors("grad", step))
      try refuseNonFinite(report.outcome, "grad", step)
      let estimates = try tensors("hessian", step)
      if estimates.contains(where: { $0 != nil }) {
        try refuseNonFinite(optimizer.foldCurvature(estimates), "hessian", step)
      }
      for (parameter, values) in zip(parameters, weights) {
        results.append(
          SafetensorsTensor(
            "param/\(step)/\(parameter.name)", shape: parameter.shape, floats: values))
      }
    }
    for state in optimizer.state {
      results.append(
        SafetensorsTensor(
          "state/\(state.slot)/\(state.parameter)", shape: state.shape, floats: state.values))
    }
    try SafetensorsFile.write(results, to: path)
  }

  private func refuseNonFinite(
    _ outcome: StepReport.Outcome, _ kind: String, _ step: Int
  ) throws(DataError) {
    guard case .refused(let culprit) = outcome else { return }
    throw notFinite("\(kind)/\(step)/\(culprit.parameter)", culprit.element, culprit.value)
  }

  private func notFinite(_ tensor: String, _ element: Int, _ value: Double) -> DataError {
    .unsuitable(
      "\(input.path): \(tensor) is \(value) at element \(element); a recording must be finite")
  }

  private func tensors(_ kind: String, _ step: Int) throws -> [[Float]?] {
    try parameters.map { parameter in
      let name = "\(kind)/\(step)/\(parameter.name)"
      return input.contains(name) ? try input.floats(of: name) : nil
    }
  }
}
