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
  ///
  /// - Throws: ``RecipeError`` for a rule that draws answers from the model's predictions, where the
  ///   task cannot; and what the task throws.
  mutating func fit(batchesOf task: any TrainingTask) throws {
    guard plan.rule.needs.includes(anyOf: .curvature) else { return }
    let batches = MicroBatches(task, run).range(ofStep: 0).count
    let batch = try task.batch(0, size: run.batch)
    if plan.rule.needs.contains(.sampledGradients), batch.sampledLoss == nil {
      throw RecipeError(problems: [
        "optimizer.name=\(plan.ruleName) draws answers from the model's predictions, which this task "
          + "cannot: give its batches a sampledLoss, or set optimizer.name=sophia-h"
      ])
    }
    plan.fit(labels: batch.weight.times(batches))
  }
}
