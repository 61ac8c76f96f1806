import DescentCompute

/// An elementwise rule that also averages estimates of the Hessian's diagonal.
///
/// After some updates the rule is due an estimate, made with a batch of its own. The
/// ``Optimizer`` asks its ``Supply`` for it and refuses to be made without one. A gradient's square
/// is not such an estimate: ``estimator`` says which one is meant.
public protocol CurvatureRule: ElementwiseRule {
  /// What an estimate is.
  static var estimator: CurvatureEstimator { get }
  /// Whether an estimate is folded in after the update of step `step`, counted from 1.
  func takesEstimate(after step: Int) -> Bool
  /// Fills in what depends on how many labels an estimate's batch has, where it was left open.
  mutating func fit(labels: Int)
  /// Takes the estimate, which stands in the place of the block's gradient, into the state.
  func fold(_ estimate: Block<Float>, _ step: Step)
  func fold(_ estimate: Block<Double>, _ step: Step)
}

extension CurvatureRule {
  /// Nothing is open.
  public mutating func fit(labels: Int) {}
}

/// What a ``CurvatureRule`` is given.
public enum CurvatureEstimator: String, Sendable {
  /// ĝ: the gradient of the mean loss for labels sampled from the model's own predictions; the rule
  /// squares it.
  case gaussNewtonBartlett = "gauss-newton-bartlett"
  /// ĥ = z ⊙ (∇²f·z) for a random z of ±1.
  case hutchinson
}
