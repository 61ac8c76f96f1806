// The README's example: one optimizer on weights that live anywhere.
import Descent

let plan = OptimizerPlan(
  AdamW(learningRate: 1e-2), schedules: [("lr", Cosine(warmup: 10, total: 100))],
  clip: Clipping(norm: 1))
let optimizer = try Optimizer<Float>(plan, parameters: [ParameterInfo("w", shape: [2])])

var weights: [[Float]] = [[1, 2]]
let report = try optimizer.step(&weights, gradients: [[0.5, -0.5]])
print(report.applied, report.gradientNorm, report.effectiveLearningRate, weights)
