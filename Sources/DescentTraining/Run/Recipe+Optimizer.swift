import Descent
import DescentCompute
package import DescentNN

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

  /// Refuses an optimizer whose state the memory cannot hold, before anything of it is made. (What any optimizer
  /// needs, ``requireMemory(for:_:)`` knows without a model; not the matrices that some keep for each axis.)
  ///
  /// - Throws: the bytes that it would need, and what has them.
  package func requireMemory(
    forOptimizerOf model: any Module, _ memory: Int = Machine.memory
  ) throws(RecipeError) {
    let parameters = model.parameterInfos
    let needed: OptimizerMemory
    do throws(OptimizerError) { needed = try plan.memory(for: parameters) } catch {
      throw RecipeError(problems: error.sentences)
    }
    let weights = 4 * parameters.reduce(0) { $0 + $1.count }
    // A history fills as steps are taken, and the run may end before.
    let history = plan.rule.needs.contains(.evaluations) ? needed.outsideBytes : 0
    let state = needed.stateBytes - history
    let bytes = Double(weights) + Double(state) + Double(needed.workingBytes)
    guard bytes > Double(memory) else { return }
    throw RecipeError(problems: [
      "the run would need at least \(Amount.bytes(bytes)) of memory, and there are "
        + "\(Amount.bytes(Double(memory))): \(Amount.bytes(Double(state))) for the state of "
        + "\(plan.ruleName) and \(Amount.bytes(Double(needed.workingBytes))) for the work of its update; "
        + "choose smaller sizes, or an optimizer with less state: descent memory compares them"
    ])
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
