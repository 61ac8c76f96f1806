import DescentCompute
import DescentNN
import Foundation

/// How a network acts: observations through it, actions out of it.
struct PolicyPlay {
  let network: ActorCritic
  let inputs: Int

  /// An action, and log π(a|s).
  typealias Choice = (action: Int, logProbability: Float)

  /// What some observations look like to the network.
  func tensor(_ observations: [[Float]]) -> Tensor {
    Tensor(shape: [observations.count, inputs]) { x in
      for (row, observation) in observations.enumerated() {
        for (column, number) in observation.enumerated() { x[row * inputs + column] = number }
      }
    }
  }

  /// An action for each observation, drawn from the policy.
  func drawn(_ observations: Tensor, _ random: inout RandomStream) -> [Choice] {
    let logs = network.logits(observations, .inference).logSoftmax()
    let actions = logs.shape[1]
    return logs.withSpan { logs in
      (0..<observations.shape[0]).map { row in
        var left = random.uniform()
        var action = 0
        // The last takes what rounding leaves; so does any, where scores are not numbers.
        while action < actions - 1 {
          left -= exp(logs[row * actions + action])
          if left < 0 { break }
          action += 1
        }
        return (action, logs[row * actions + action])
      }
    }
  }

  /// The most likely action for each observation; nil where scores are not numbers.
  func greedy(_ observations: Tensor) -> [Int]? {
    let logits = network.logits(observations, .inference)
    guard logits.withSpan({ x in x.indices.allSatisfy { x[$0].isFinite } }) else { return nil }
    return logits.argmax().scalars.map(Int.init)
  }

  /// The return that is expected after each observation.
  func values(_ observations: Tensor) -> [Float] {
    network.values(observations, .inference).scalars
  }
}
