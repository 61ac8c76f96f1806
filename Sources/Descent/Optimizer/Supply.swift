import DescentCompute

/// What an ``Optimizer`` is given besides gradients. Most rules need nothing; an optimizer with a
/// rule that does is refused without it.
///
/// ```swift
/// let optimizer = try Optimizer<Float>(
///   SophiaG(learningRate: 1e-3, batchSize: 64), parameters: [ParameterInfo("w", shape: [2])],
///   supply: .curvature { step, weights in
///     [gradientForSampledLabels(weights[0], step)]
///   })
/// ```
public enum Supply<S: Scalar> {
  /// Nothing.
  case nothing
  /// Estimates of the curvature for a ``CurvatureRule``, after every step that is due one: a
  /// function of the applied steps and of the weights, which returns an array for each parameter,
  /// or nil for one without an estimate. What an estimate is, ``CurvatureRule/estimator`` says.
  case curvature((_ step: Int, _ weights: [[S]]) -> [[S]?])
  /// What changes gradients before the rule sees them; a ``LayerRule`` needs it.
  case preconditioner(any Preconditioner<S>)
  /// Whoever steps gives what the rule needs: ``Optimizer/foldCurvature(_:)`` when
  /// ``Optimizer/curvatureIsDue``, preconditioned gradients for a ``LayerRule``, and for a
  /// ``ClosureRule`` steps with an evaluation.
  case byCaller

  /// Throws when `rule` needs another supply.
  func check(for rule: some Rule) throws(OptimizerError) {
    let name = type(of: rule).name
    switch self {
    case .byCaller: return
    case .curvature:
      guard rule is any CurvatureRule else { throw .takesNoCurvature(rule: name) }
    case .nothing, .preconditioner:
      if let curved = rule as? any CurvatureRule {
        throw .lacksCurvature(rule: name, estimator: type(of: curved).estimator)
      }
      if rule is any ClosureRule { throw .lacksEvaluation(rule: name) }
      if rule is any LayerRule, case .nothing = self { throw .lacksPreconditioner(rule: name) }
    }
  }
}
