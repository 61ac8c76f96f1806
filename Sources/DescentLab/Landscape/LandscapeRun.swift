import Descent
import DescentCompute
import DescentTraining
import Foundation

/// An optimizer on a landscape: what it is made of, and the path that it took.
public struct LandscapeRun: Sendable {
  /// A place in the plane.
  public typealias Place = LandscapeFunction.Place

  /// What the user called it.
  public let label: String
  /// The plan that it followed, its rate filled in.
  let plan: OptimizerPlan
  /// Where it was: the start, and the place after each step. Of rules that average their iterates, the
  /// average.
  public let places: [Place]
  /// f there, without noise.
  public let values: [Double]
  /// The first step that was refused since its gradient was not finite: the run stays where it was.
  public let refused: Int?

  /// The learning rate that its rule is set to; nil where it has none.
  public var rate: Double? {
    plan.rule.resolved.first { $0.name == "lr" }.flatMap { Double("\($0.value)") }
  }

  /// The plan of an optimizer on a landscape.
  ///
  /// - Throws: all that is wrong with it, each sentence beginning with its text.
  static func plan(
    _ optimizer: RaceOptimizer, _ landscape: Landscape
  ) throws(RecipeError) -> (plan: OptimizerPlan, ignoresRate: Bool) {
    let rule = optimizer.rule
    func problems(_ sentences: [String]) -> RecipeError {
      RecipeError(problems: sentences.map { "\(optimizer.label): \($0)" })
    }
    if rule == KFAC.name {
      throw problems([
        "it changes gradients by what the layers of a network saw, and a function of two numbers has "
          + "no layers; shampoo, soap and lbfgs use curvature here"
      ])
    }
    var sections: [String: [SettingText]] = ["optimizer": [("name", rule)]]
    for assignment in optimizer.assignments {
      let key = String(assignment.prefix { $0 != "=" })
      let text = String(assignment.dropFirst(key.count + 1))
      if key == "schedule" || key.hasPrefix("schedules."), key.count(where: { $0 == "." }) < 2 {
        if ["none", "null"].contains(text) { continue }
        if let parts = SettingSection.list(text), let part = parts.first, parts.count == 1 {
          sections[key, default: []] += [("name", part.name)] + part.texts
          continue
        }
      }
      guard let dot = key.lastIndex(of: ".") else {
        throw problems(["'\(quotable(key))' is no setting of an optimizer"])
      }
      sections[String(key[..<dot]), default: []].append(
        (String(key[key.index(after: dot)...]), text))
    }
    let ownsRate = LandscapeRates.isOwn(rule)
    var ignoresRate = false
    if !optimizer.fixes("lr") {
      let known = LandscapeRates.rate(of: rule, on: landscape.function, from: landscape.start)
      if let rate = ownsRate ? known : landscape.rate ?? known {
        sections["optimizer"]?.append(("lr", "\(rate)"))
      }
      ignoresRate = ownsRate && landscape.rate != nil
    }
    // Each step is one iteration, so that its path is seen, with as many evaluations as its line search
    // may make.
    if rule == LBFGS.name, !optimizer.fixes("max_iter") {
      sections["optimizer"]?.append(("max_iter", "1"))
      if !optimizer.fixes("max_eval") { sections["optimizer"]?.append(("max_eval", "25")) }
    }
    var plan: OptimizerPlan
    do throws(OptimizerError) {
      plan = try OptimizerPlan(OptimizerPlan.Texts(sections))
      plan.groups = []
      plan.fit(labels: 1)
      plan.fitSchedules(totalSteps: landscape.steps)
      try plan.check()
    } catch { throw problems(error.sentences) }
    if let follower = plan.schedules.first(where: { $0.schedule is any MetricSchedule }) {
      throw problems([
        "the schedule of \(follower.setting) follows a validation loss, and a landscape has none; "
          + "choose another"
      ])
    }
    return (plan, ignoresRate)
  }

  /// Runs an optimizer from `start`.
  ///
  /// - Throws: what is wrong with the plan that only shows when an optimizer is made of it.
  init(
    _ label: String, _ plan: OptimizerPlan, _ landscape: Landscape, from start: Place
  ) throws(OptimizerError) {
    // Compressed state and weights need float32.
    let isFloat = plan.state.format != .float32 || plan.weights.format != .float32
    let path =
      isFloat
      ? try Self.path(Float.self, plan, landscape, start)
      : try Self.path(Double.self, plan, landscape, start)
    (self.label, self.plan, places, refused) = (label, plan, path.places, path.refused)
    values = path.places.map(landscape.function.value)
  }

  /// How a rule sees the point: a vector of two, or a matrix of one row for those that turn matrices.
  static func shape(for rule: String) -> [Int] {
    [Muon.name, SOAP.name].contains(rule) ? [1, 2] : [2]
  }

  private static func path<S: Scalar>(
    _: S.Type, _ plan: OptimizerPlan, _ landscape: Landscape, _ start: Place
  ) throws(OptimizerError) -> (places: [Place], refused: Int?) {
    let (f, rule) = (landscape.function, plan.rule)
    let point = ParameterInfo("point", shape: shape(for: plan.ruleName), role: .other)
    func place(_ w: [S]) -> Place { [Double(w[0]), Double(w[1])] }
    let needs: ProvidedNeeds<S>
    if rule.needs.contains(.sampledGradients) {
      // Its square, with one label, is the diagonal.
      needs = .curvature { _, w in
        let h = f.hessian(place(w[0]))
        return [[h.xx, h.yy].map { S(max(0, $0).squareRoot()) }]
      }
    } else if rule.needs.contains(.hessianDiagonal) {
      needs = .curvature { _, w in
        let h = f.hessian(place(w[0]))
        return [[S(h.xx), S(h.yy)]]
      }
    } else {
      needs = .byCaller
    }
    let optimizer = try Optimizer<S>(plan, parameters: [point], needs: needs)
    var weights: [[S]] = [[S(start.x), S(start.y)]]
    var places = [place(weights[0])]
    places.reserveCapacity(landscape.steps + 1)
    var refused: Int?
    for step in 0..<landscape.steps {
      let noise = landscape.noise(step)
      if refused == nil {
        let applied: Bool
        if rule.needs.contains(.evaluations) {
          applied = try evaluated(optimizer, &weights[0], f, noise)
        } else {
          let g = f.gradient(place(weights[0])) + noise
          let report = try optimizer.step(&weights, gradients: [[S(g.x), S(g.y)]])
          if case .refused = report.outcome { applied = false } else { applied = true }
        }
        if !applied { refused = step + 1 }
      }
      places.append(place(try optimizer.evaluationWeights(of: weights)[0]))
    }
    return (places, refused)
  }

  /// A step of a rule that evaluates the loss: all its evaluations see the same noise, as those on one
  /// batch do.
  private static func evaluated<S: Scalar>(
    _ optimizer: Optimizer<S>, _ weights: inout [S], _ f: LandscapeFunction, _ noise: Place
  ) throws(OptimizerError) -> Bool {
    var gradient: [S] = [0, 0]
    let result = weights.withMutableView { w in
      gradient.withMutableView { g in
        Result {
          try optimizer.step([ParameterMemory(weights: w, gradient: g.reading)]) {
            let place: Place = [Double(w[0]), Double(w[1])]
            let slope = f.gradient(place) + noise
            (g[0], g[1]) = (S(slope.x), S(slope.y))
            return f.value(place) + (noise * place).sum()
          }
        }
      }
    }
    switch result {
    case .success(let report): return report.outcome != .unmoved(.nonFiniteStart)
    case .failure(let error as OptimizerError): throw error
    case .failure: return false
    }
  }
}
