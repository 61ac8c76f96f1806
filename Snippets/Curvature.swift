// K-FAC watches a model's layers; Sophia-G asks for gradients of sampled labels; L-BFGS evaluates.
import Descent
import DescentNN

var random = RandomStream(seed: 1)
let x = Tensor.random([64, 4], uniform: -1..<1, &random)
let labels = IndexTensor((0..<64).map { Int32(x.scalars[4 * $0] < x.scalars[4 * $0 + 1] ? 0 : 1) })

func makeModel() throws -> MLPClassifier {
  var random = RandomStream(seed: 2)
  return try MLPClassifier(inputs: 4, hidden: [8], classes: 2, activation: .tanh, random: &random)
}

/// Leaves the gradients in the model's parameters.
func backward(_ model: MLPClassifier, observer: (any LayerObserver)? = nil) -> Double {
  let tape = Tape()
  let loss = model(x, tape.context(observer: observer)).crossEntropy(labels)
  tape.gradients(of: loss)
  return Double(loss.scalar)
}

let first = try makeModel()
let preconditioner = KFACPreconditioner(first)
let kfac = try Optimizer(
  KFAC(learningRate: 0.1), model: first, needs: .preconditioner(preconditioner))
for _ in 1...50 {
  _ = backward(first, observer: preconditioner)
  _ = try kfac.step(first.parameters)
}
print("kfac", backward(first))

let second = try makeModel()
let sophia = try Optimizer(
  SophiaG(learningRate: 0.01, batchSize: 64), model: second,
  needs: .gaussNewtonBartlett(of: second) { step, context in second(x, context) })
for _ in 1...50 {
  _ = backward(second)
  _ = try sophia.step(second.parameters)
}
print("sophia-g", backward(second))

let third = try makeModel()
let lbfgs = try Optimizer(LBFGS(), model: third, needs: .byCaller)
let report = try lbfgs.step(third.parameters) { backward(third) }
print("lbfgs", backward(third), report.closure!.exit)
