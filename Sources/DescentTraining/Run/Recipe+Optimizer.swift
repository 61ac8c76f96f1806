import Descent
import DescentNN

extension Recipe {
  /// The optimizer that the recipe asks for.
  ///
  /// - Parameter preconditioner: K-FAC's view of the layers, for rules that need it.
  func makeOptimizer(
    for model: any Module, _ preconditioner: KFACPreconditioner?
  ) throws(RecipeError) -> Optimizer<Float> {
    let infos = model.parameterInfos
    do throws(OptimizerError) {
      var groups = optimizer.groups ?? [.vectorsWithoutDecay]
      if let decay = optimizer.layers.decay {
        groups = try ParameterGroup.layerwise(decay, groups, infos, optimizer.rule)
      }
      return try Optimizer<Float>(
        optimizer.rule, parameters: infos, groups: groups, state: optimizer.state,
        schedules: allSchedules, clip: clip, gradient: gradient,
        weights: weights.storage(seed: UInt64(run.seed)),
        supply: preconditioner.map { .preconditioner($0) } ?? .byCaller)
    } catch { throw RecipeError(problems: ["\(error)"]) }
  }

  /// Fills in what a rule leaves open and follows from the batches of a step.
  mutating func fit(batchesOf task: any TrainingTask) {
    guard var rule = optimizer.rule as? any CurvatureRule else { return }
    rule.fit(labels: task.batch(0, size: run.batch).weight * run.accumulate)
    optimizer.rule = rule
  }
}
