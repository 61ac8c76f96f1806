// State in another format, and as much of it as fits another model.
import Descent

let parameters = [ParameterInfo("body", shape: [64, 80]), ParameterInfo("head", shape: [10])]
func make(_ format: StateStorage.Format, _ parameters: [ParameterInfo]) throws -> Optimizer<Float> {
  try Optimizer(OptimizerPlan(AdamW(), state: StateStorage(format)), parameters: parameters)
}

let optimizer = try make(.float32, parameters)
var weights = parameters.map { [Float](repeating: 1, count: $0.count) }
_ = try optimizer.step(&weights, gradients: weights)

let small = try make(.int8, parameters)
try SavedState(of: optimizer).restoreConverting(small)
print(optimizer.stateBytes, small.stateBytes)

let other = try make(.float32, [parameters[0], ParameterInfo("head", shape: [20])])
print(try SavedState(of: optimizer).restoreMatches(other))
