import DescentCompute

/// An elementwise rule that also averages estimates of the Hessian's diagonal.
///
/// Every few steps, after the update, the trainer makes an estimate from a batch of its own and
/// hands it to ``Optimizer/foldCurvature(_:)``. A gradient's square is not such an estimate: which
/// one is meant, the rule's documentation says.
public protocol CurvatureRule: ElementwiseRule {
  /// Takes the estimate, which stands in the place of the block's gradient, into the state.
  func fold(_ estimate: Block<Float>, _ step: Step)
  func fold(_ estimate: Block<Double>, _ step: Step)
}
