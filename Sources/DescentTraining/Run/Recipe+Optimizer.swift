import Descent
import DescentNN

extension Recipe {
  /// The optimizer that the recipe asks for.
  ///
  /// - Parameter preconditioner: K-FAC's view of the layers, for rules that need it.
  func makeOptimizer(
    for model: any Module, _ preconditioner: KFACPreconditioner?
  ) throws(RecipeError) -> Optimizer<Float> {
    do throws(OptimizerError) {
      return try Optimizer<Float>(
        plan, model: model, needs: preconditioner.map { .preconditioner($0) } ?? .byCaller)
    } catch { throw RecipeError(problems: error.sentences) }
  }

  /// Takes the parameters of frozen groups off the tape.
  func freeze(_ model: any Module) throws(RecipeError) {
    do throws(OptimizerError) {
      for (parameter, isTrained) in zip(model.parameters, try plan.trained(model.parameterInfos)) {
        parameter.isTrainable = isTrained
      }
    } catch { throw RecipeError(problems: error.sentences) }
  }

  /// Fills in what a rule leaves open and follows from the batches of a step.
  mutating func fit(batchesOf task: any TrainingTask) {
    guard plan.rule.needs.includes(anyOf: .curvature) else { return }
    let batches = MicroBatches(task, run).range(ofStep: 0).count
    plan.fit(labels: task.batch(0, size: run.batch).weight.times(batches))
  }
}
