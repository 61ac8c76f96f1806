import DescentCompute

/// A method that evaluates the loss itself, several times a step: L-BFGS.
///
/// ``ClosureOptimizer`` runs it, alone or inside an ``Optimizer`` whose steps are given an
/// evaluation. It has no update of blocks.
public protocol ClosureRule: Rule {}

extension ClosureRule {
  /// Its state belongs to the ``ClosureOptimizer``.
  public func slots(for parameter: ParameterInfo) -> [Slot] { [] }
  /// Never called: an optimizer runs the method as a whole.
  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory
  ) { preconditionFailure("\(Self.name) has no update of blocks: its steps need an evaluation") }
}
