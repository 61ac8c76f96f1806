import Descent
public import DescentCompute
public import DescentNN

/// A policy and a value function: two perceptrons with tanh that share nothing.
///
/// Weights are orthogonal, times √2 in the hidden layers, 0.01 in the policy's last, so that all actions
/// are about equally likely at first, and 1 in the value's last; biases are 0. Huang et al.: The 37
/// implementation details of proximal policy optimization (2022).
public final class ActorCritic: Module {
  /// The layers from an observation to the logits of the actions.
  public let policy: [Linear]
  /// The layers from an observation to the return that is expected from there.
  public let value: [Linear]

  /// A network with random weights.
  ///
  /// - Parameters:
  ///   - inputs: the numbers of an observation.
  ///   - hidden: the widths of the hidden layers of each of the two; may be empty.
  ///   - actions: how many actions there are.
  /// - Throws: `ModelError` when a size is below 1.
  public init(
    inputs: Int, hidden: [Int], actions: Int, random: inout RandomStream
  ) throws(ModelError) {
    try ModelError.requirePositive(
      [("observation", inputs), ("actions", actions)] + hidden.map { ("hidden width", $0) })
    func layers(_ outputs: Int, gain: Float) -> [Linear] {
      let sizes = [inputs] + hidden + [outputs]
      return zip(sizes, sizes.dropFirst()).enumerated().map { index, size in
        let isLast = index == hidden.count
        return Linear(
          inputs: size.0, outputs: size.1, role: isLast ? .head : .matrix,
          orthogonal: isLast ? gain : Float(2).squareRoot(), random: &random)
      }
    }
    policy = layers(actions, gain: 0.01)
    value = layers(1, gain: 1)
    assignNames()
  }

  /// The layers by number, `policy.0` and so on.
  public var members: [Member] {
    policy.enumerated().map { .module("policy.\($0)", $1) }
      + value.enumerated().map { .module("value.\($0)", $1) }
  }

  /// Observations of shape [batch, inputs] → the logits of the actions [batch, actions].
  public func logits(_ observations: Tensor, _ context: Context) -> Tensor {
    Self.run(policy, observations, context)
  }

  /// Observations of shape [batch, inputs] → the returns that are expected from there [batch].
  public func values(_ observations: Tensor, _ context: Context) -> Tensor {
    Self.run(value, observations, context).reshaped([-1])
  }

  private static func run(_ layers: [Linear], _ x: Tensor, _ context: Context) -> Tensor {
    var y = x
    for (index, layer) in layers.enumerated() {
      y = layer(y, context)
      if index < layers.count - 1 { y = y.tanh() }
    }
    return y
  }
}
