import DescentCompute

/// A method that evaluates the loss itself, several times a step: L-BFGS.
///
/// ``ClosureOptimizer`` runs it, alone or inside an ``Optimizer`` whose steps are given an
/// evaluation. It has no update of blocks.
public protocol ClosureRule: Rule {}

extension ClosureRule {
  /// What it cannot honour: it treats all parameters as one vector, and its line search needs the
  /// gradients as they are.
  public func objections(
    groups: [ParameterGroup], clip: Clipping, gradient: GradientTools
  ) -> [OptimizerError] {
    let objections = groups.filter { !$0.settings.isEmpty }.map { group in
      OptimizerError.cannotHonour(
        rule: Self.name, what: "hyperparameters of the group '\(group.name)'",
        advice: "all parameters are one vector: leave the groups out")
    }
    let changes =
      clip.changes.map { "clip.\($0.name)=\($0.value)" }
      + gradient.changes.map { "gradient.\($0.name)=\($0.value)" }
    return objections
      + changes.map {
        .cannotHonour(
          rule: Self.name, what: $0,
          advice: "its line search needs the gradients as they are: leave it out")
      }
  }
  /// Its state belongs to the ``ClosureOptimizer``.
  public func slots(for parameter: ParameterInfo) -> [Slot] { [] }
  /// Never called: an optimizer runs the method as a whole.
  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory
  ) { preconditionFailure("\(Self.name) has no update of blocks: its steps need an evaluation") }
}
