import Descent
import DescentCompute

extension Recipe {
  /// Refuses a run that needs more memory than there is, before anything of it is made.
  ///
  /// - Parameters:
  ///   - size: what the model takes.
  ///   - memory: the bytes of memory that there are.
  /// - Throws: the bytes that it would need, and the keys that decide them.
  func requireMemory(for size: ModelSize, _ memory: Int) throws(RecipeError) {
    let (batch, accumulate) = (Double(run.batch), Double(run.accumulate))
    let modelKeys = Self.sizes(model.resolved).map { "model.\($0)" }
    // What is frozen needs no gradient, and it is not known yet what that is.
    let perExample = 2 * size.outputs + (mayFreeze ? 0 : size.kept)
    let parts: [(bytes: Double, purpose: String, keys: [String])] = [
      (
        size.modelBytes + 4 * size.weights * copiesOfWeights,
        "the model, its gradients and the optimizer's state", modelKeys
      ),
      (
        4 * batch * perExample, "the activations of a micro-batch",
        ["batch=\(run.batch)"] + modelKeys
      ),
      (
        4 * batch * accumulate * size.example, "the examples of a step",
        ["batch=\(run.batch)", "accumulate=\(run.accumulate)"]
      ),
    ]
    var problems: [String] = []
    let total = parts.reduce(0) { $0 + $1.bytes }
    if total > Double(memory) {
      let list = parts.filter { $0.bytes > total / 100 }.map {
        "\(Amount.bytes($0.bytes)) for \($0.purpose) (\($0.keys.joined(separator: ", ")))"
      }
      problems.append(
        "the run would need at least \(Amount.bytes(total)) of memory, and there are "
          + "\(Amount.bytes(Double(memory))): \(list.joined(separator: ", ")); choose smaller sizes"
      )
    }
    if problems.isEmpty, let batches = evaluate.batches {
      // Data that are in memory have no more batches than it holds.
      let bytes = 4 * Double(batches) * batch * size.example
      if bytes > Double(memory) {
        problems.append(
          "evaluate.batches=\(batches) asks for \(Amount.bytes(bytes)) of examples "
            + "(batch=\(run.batch)), and there are \(Amount.bytes(Double(memory))) of memory; leave "
            + "it out to evaluate all of them")
      }
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
  }

  /// Whether groups may leave some parameters as they are, or give them another rule.
  private var mayFreeze: Bool {
    (plan.groups ?? []).contains { $0.isFrozen || $0.rule != nil }
  }

  /// How many floats a weight takes in training beside itself, at least.
  private var copiesOfWeights: Double {
    if mayFreeze { return 0 }
    let matrix = ParameterInfo("matrix", shape: [256, 256], role: .matrix)
    let state = plan.rule.slots(for: matrix).reduce(0.0) { sum, slot in
      if slot.shape != nil { return sum }
      switch plan.state.format {
      case .float32: return sum + 1
      case .bfloat16: return sum + 0.5
      case .int8: return sum + 0.25
      }
    }
    let outside = Double(plan.rule.outsideBytes(for: [ParameterInfo("weight", shape: [1])])) / 4
    let gradients = run.releasesGradients ? 0.0 : 1
    // The guard keeps the last good weights.
    return gradients + 1 + state + outside + Double(average?.copies ?? 0)
  }

  /// The settings that are whole numbers: `width=128`.
  private static func sizes(_ resolved: [(name: String, value: SettingValue)]) -> [String] {
    resolved.compactMap { name, value in
      switch value {
      case .integer, .numbers: "\(name)=\(value)"
      default: nil
      }
    }
  }
}
