// The architecture page's example: a whole rule, and it at work.
import Descent

/// SignSGD: steps of one length.
///
/// ```
/// w ← w − η·sign(g)
/// ```
public struct SignSGD: ElementwiseRule {
  public var learningRate = 1e-3
  public init() {}
  public static let name = "sign-sgd"
  public static let settings: [Setting<SignSGD>] = [
    .number("lr", \.learningRate, .atLeast(0), "learning rate η", source: "paper")
  ]
  public static let about = About(
    summary: "Steps of one length.", formula: "w ← w − η·sign(g)",
    reference: "Bernstein et al., 2018, arXiv:1802.04434")
  public func slots(for parameter: ParameterInfo) -> [Slot] { [] }
  public func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
    let (w, g, η) = (block.w, block.g, S(learningRate))
    for i in block.indices { w[i] -= g[i] > 0 ? η : g[i] < 0 ? -η : 0 }
  }
}

let optimizer = try Optimizer<Float>(SignSGD(), parameters: [ParameterInfo("w", shape: [3])])
var weights: [[Float]] = [[1, 2, 3]]
_ = try optimizer.step(&weights, gradients: [[5, 0, -5]])
print(weights)
