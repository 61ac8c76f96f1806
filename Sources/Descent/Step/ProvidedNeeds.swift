/// What an ``Optimizer`` is given besides gradients, for the rules that need it. Most need nothing; an
/// optimizer with a rule whose needs are not provided is refused.
///
/// ```swift
/// let optimizer = try Optimizer<Float>(
///   SophiaG(learningRate: 1e-3, batchSize: 64), parameters: [ParameterInfo("w", shape: [2])],
///   needs: .curvature { step, weights in
///     [gradientForSampledLabels(weights[0], step)]
///   })
/// ```
public enum ProvidedNeeds<S: Scalar> {
  /// Nothing.
  case none
  /// Estimates of the curvature, after every step that is due one: a function of the applied steps
  /// and of the weights, which returns an array for each parameter, or nil for one without an
  /// estimate. What an estimate is, ``Needs/sampledGradients`` and ``Needs/hessianDiagonal`` say.
  case curvature((_ step: Int, _ weights: [[S]]) -> [[S]?])
  /// What changes gradients before the rule sees them.
  case preconditioner(any Preconditioner<S>)
  /// Whoever steps provides what the rule needs: ``Optimizer/foldCurvature(_:)-([[S]?])`` when
  /// ``Optimizer/curvatureIsDue``, preconditioned gradients, or steps with an evaluation.
  case byCaller

  /// Throws when `rule` needs something else.
  func check(for rule: some Rule) throws(OptimizerError) {
    let (name, needs) = (type(of: rule).name, rule.needs)
    switch self {
    case .byCaller: return
    case .curvature:
      guard needs.includes(anyOf: .curvature) else { throw .takesNoCurvature(rule: name) }
    case .none, .preconditioner:
      if needs.includes(anyOf: .curvature) {
        throw .lacksCurvature(rule: name, need: needs.intersection(.curvature))
      }
      if needs.contains(.evaluations) { throw .lacksEvaluation(rule: name) }
      if needs.contains(.layers), case .none = self { throw .lacksPreconditioner(rule: name) }
    }
  }

  /// What changes gradients, if something does.
  var preconditioner: (any Preconditioner<S>)? {
    if case .preconditioner(let preconditioner) = self { preconditioner } else { nil }
  }
}
