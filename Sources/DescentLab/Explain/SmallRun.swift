import Descent
import DescentNN
import DescentTraining

/// A small network in training, in memory alone: what explanations show of real runs.
///
/// By default a perceptron reads the digits that come with the package, 32 of them a step.
struct SmallRun {
  /// The loss of each step, before its update.
  private(set) var losses: [Double] = []
  /// The norm of all gradients at each step, before clipping.
  private(set) var norms: [Double] = []
  /// What clipping multiplied the gradients by.
  private(set) var coefficients: [Double] = []
  /// The root mean square of what each step changed in the weights.
  private(set) var moves: [Double] = []
  /// The weights after the last step, by parameter.
  private(set) var weights: [String: [Float]] = [:]
  /// The optimizer's state after the last step, by slot and parameter: `exp_avg/layers.0.weight`.
  private(set) var state: [String: [Float]] = [:]

  /// What trains unless it is changed.
  static let recipe = """
    batch: 32
    model: {kind: mlp, hidden: [32]}
    data: {kind: digits}
    optimizer: {name: adamw, lr: 1e-3}
    """

  /// Trains from weights that are the same every time.
  ///
  /// - Parameters:
  ///   - changes: of the recipe, as `optimizer.lr=3e-4`.
  ///   - steps: how many to take; ends before where the loss is no number.
  ///   - change: may change the gradients of step t = 1, 2, ... by a factor.
  init(_ changes: [String], steps: Int, gradientFactor change: (_ t: Int) -> Double = { _ in 1 })
    throws
  {
    var recipe = try Recipe(
      yaml: Self.recipe, overrides: ["steps=\(steps)"] + changes)
    try recipe.fit(steps: steps)
    let task = try recipe.makeTask()
    let model = task.model
    let parameters = model.parameters
    let preconditioner =
      recipe.plan.rule.needs.contains(.layers) ? KFACPreconditioner(model) : nil
    let optimizer = try Optimizer<Float>(
      recipe.plan, model: model, needs: preconditioner.map { .preconditioner($0) } ?? .none)
    func copy() -> [[Float]] { parameters.memory.map(\.weights.reading.array) }
    var before = copy()
    for step in 0..<steps {
      let batch = try task.batch(step, size: recipe.run.batch)
      let tape = Tape()
      let loss = batch.loss(
        tape.context(training: true, seed: UInt64(step), observer: preconditioner))
      let value = Double(loss.scalar)
      tape.gradients(of: loss)
      let report = try optimizer.step(parameters.memory, unscale: change(step + 1))
      losses.append(value)
      guard report.applied else { break }
      let after = copy()
      let squares = zip(before.joined(), after.joined()).reduce(0.0) { sum, pair in
        let change = Double(pair.1 - pair.0)
        return sum + change * change
      }
      moves.append((squares / Double(model.parameterCount)).squareRoot())
      norms.append(report.gradientNorm)
      coefficients.append(report.clipCoefficient)
      before = after
    }
    for (info, values) in zip(model.parameterInfos, before) { weights[info.name] = values }
    for array in optimizer.state { state["\(array.slot)/\(array.parameter)"] = array.values }
  }

  /// The mean loss of steps around each, which noise moves less; the first ten are as they were,
  /// since a jump at the start is what a figure may be about.
  func smoothLosses(over width: Int) -> [Double] {
    let raw = 10
    return losses.indices.map { index in
      index < raw
        ? losses[index]
        : losses[max(raw, index - width / 2)..<min(losses.count, index + width / 2 + 1)].mean
    }
  }
}
