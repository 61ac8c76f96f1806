// A layer with weights of its own, and a few steps that train it.
import Descent
import DescentNN

/// y = x + γ ⊙ relu(W·x + b): a residual branch that begins small.
final class ScaledBranch: Module {
  let linear: Linear
  let scale: Parameter

  init(width: Int, random: inout RandomStream) {
    linear = Linear(inputs: width, outputs: width, random: &random)
    scale = Parameter(Tensor(repeating: 0.1, shape: [width]), role: .norm)
  }

  /// The names are those in files, groups and reports: `linear.weight`, `linear.bias`, `scale`.
  var members: [Member] { [.module("linear", linear), .parameter("scale", scale)] }

  /// A parameter is taken by `context.use`, so that it can be frozen, rounded and given a gradient.
  func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
    x + context.use(scale) * context.relu(linear(x, context), of: self)
  }
}

var random = RandomStream(seed: 1)
let layer = ScaledBranch(width: 4, random: &random)
let x = Tensor.random([16, 4], normal: 1, &random)
let optimizer = try Optimizer(AdamW(learningRate: 0.05), model: layer)
for step in 1...100 {
  let tape = Tape()
  let loss = (layer(x, tape.context()) - 2 * x.relu()).squared().mean()
  tape.gradients(of: loss)
  _ = try optimizer.step(layer.parameters)
  if step % 50 == 0 { print(step, loss.scalar) }
}
print(layer.scale.value)
