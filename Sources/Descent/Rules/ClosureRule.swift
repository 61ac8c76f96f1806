import DescentCompute

/// A method that evaluates the loss itself, several times a step: L-BFGS.
///
/// ``ClosureOptimizer`` runs it, alone or inside an ``Optimizer`` whose steps are given an
/// evaluation. It has no update of blocks.
public protocol ClosureRule: Rule {}

extension ClosureRule {
  /// What it cannot honour: it treats all parameters as one vector, and its line search needs the
  /// gradients as they are.
  public func objections(groups: [ParameterGroup], clipNorm: Double?) -> [OptimizerError] {
    var objections = groups.filter { !$0.settings.isEmpty }.map { group in
      OptimizerError.cannotHonour(
        rule: Self.name, what: "hyperparameters of the group '\(group.name)'",
        advice: "all parameters are one vector: leave the groups out")
    }
    if let clipNorm {
      objections.append(
        .cannotHonour(
          rule: Self.name, what: "clip.norm=\(clipNorm)",
          advice: "its line search needs the gradients as they are: set clip.norm=none"))
    }
    return objections
  }
  /// Its state belongs to the ``ClosureOptimizer``.
  public func slots(for parameter: ParameterInfo) -> [Slot] { [] }
  /// Never called: an optimizer runs the method as a whole.
  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory
  ) { preconditionFailure("\(Self.name) has no update of blocks: its steps need an evaluation") }
}
