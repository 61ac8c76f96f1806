import DescentCompute
import DescentNN
import Foundation

/// The loss of proximal policy optimization over the steps of a minibatch:
///
/// ```
/// L = mean(max(−A·ρ, −A·clamp(ρ, 1 − ε, 1 + ε)))           ρ = π(a|s) / π_old(a|s)
///   + c·mean(½·max((V − R)², (V_old + clamp(V − V_old, ±ε) − R)²))
///   − β·mean(H(π(·|s)))
/// ```
/// A is brought to mean 0 and deviation 1 over the minibatch. Schulman et al., 2017, arXiv:1707.06347;
/// with the details of Huang et al. (2022).
package struct ClippedSurrogate: Sendable {
  /// ε
  package var clip: Double
  /// c
  package var valueWeight: Double
  /// β
  package var entropyWeight: Double
  /// Whether values that move further than ε from the old ones get no gradient.
  package var clipsValues = true
  /// Whether A is normalized.
  package var normalizesAdvantages = true

  package init(
    clip: Double, valueWeight: Double, entropyWeight: Double, clipsValues: Bool = true,
    normalizesAdvantages: Bool = true
  ) {
    (self.clip, self.valueWeight, self.entropyWeight) = (clip, valueWeight, entropyWeight)
    (self.clipsValues, self.normalizesAdvantages) = (clipsValues, normalizesAdvantages)
  }

  /// What is known of the steps of a minibatch.
  package struct Steps: Sendable {
    /// a
    package var actions: [Int] = []
    /// log π_old(a|s)
    package var logProbabilities: [Float] = []
    /// V_old
    package var values: [Float] = []
    /// A
    package var advantages: [Float] = []
    /// R, what was earned: A + V_old
    package var returns: [Float] = []

    package init(
      actions: [Int], logProbabilities: [Float], values: [Float], advantages: [Float],
      returns: [Float]
    ) {
      (self.actions, self.logProbabilities) = (actions, logProbabilities)
      (self.values, self.advantages, self.returns) = (values, advantages, returns)
    }
  }

  /// The parts of the loss, means over the steps.
  package struct Terms: Sendable, Equatable {
    package var policy = 0.0
    package var value = 0.0
    package var entropy = 0.0
    /// An estimate of KL(π_old ‖ π) that is never negative: mean(ρ − 1 − log ρ) (Schulman, 2020).
    package var divergence = 0.0
    /// The share of steps with |ρ − 1| > ε.
    package var clipped = 0.0
  }

  /// The loss, and its parts.
  ///
  /// - Parameters:
  ///   - logits: of the actions, of shape [steps, actions].
  ///   - values: V, of shape [steps].
  package func callAsFunction(
    logits: Tensor, values: Tensor, _ steps: Steps
  ) -> (loss: Tensor, terms: Terms) {
    let (count, actions) = (logits.shape[0], logits.shape[1])
    let advantages = normalizesAdvantages ? Self.normalized(steps.advantages) : steps.advantages
    let share = 1 / Double(max(count, 1))
    var terms = Terms()
    // The derivatives follow from what the loss computes anyway.
    var logitSlopes = [Float](repeating: 0, count: count * actions)
    var valueSlopes = [Float](repeating: 0, count: count)
    logits.withSpan { logits in
      values.withSpan { values in
        var logs = [Double](repeating: 0, count: actions)
        for i in 0..<count {
          let row = i * actions
          var largest = -Double.infinity
          for j in 0..<actions { largest = max(largest, Double(logits[row + j])) }
          var sum = 0.0
          for j in 0..<actions { sum += exp(Double(logits[row + j]) - largest) }
          let logSum = largest + log(sum)
          var entropy = 0.0
          for j in 0..<actions {
            logs[j] = Double(logits[row + j]) - logSum
            entropy -= exp(logs[j]) * logs[j]
          }
          let taken = steps.actions[i]
          let logRatio = logs[taken] - Double(steps.logProbabilities[i])
          let (ratio, advantage) = (exp(logRatio), Double(advantages[i]))
          let bounded = min(max(ratio, 1 - clip), 1 + clip)
          let isFree = -advantage * ratio >= -advantage * bounded
          terms.policy -= share * advantage * (isFree ? ratio : bounded)
          terms.entropy += share * entropy
          terms.divergence += share * (ratio - 1 - logRatio)
          terms.clipped += abs(ratio - 1) > clip ? share : 0

          // ∂(−A·ρ)/∂log π(a), and ∂H/∂xⱼ = −πⱼ·(log πⱼ + H)
          let slope = isFree ? -advantage * ratio : 0
          for j in 0..<actions {
            let p = exp(logs[j])
            let surrogate = slope * ((j == taken ? 1 : 0) - p)
            logitSlopes[row + j] = Float(
              share * (surrogate + entropyWeight * p * (logs[j] + entropy)))
          }

          let (now, old) = (Double(values[i]), Double(steps.values[i]))
          let error = now - Double(steps.returns[i])
          let kept = old + min(max(now - old, -clip), clip) - Double(steps.returns[i])
          let isKept = clipsValues && abs(now - old) > clip && kept * kept > error * error
          terms.value += share * 0.5 * (isKept ? kept * kept : error * error)
          // Where the bounded value is the worse one, moving V changes nothing.
          valueSlopes[i] = isKept ? 0 : Float(share * valueWeight * error)
        }
      }
    }
    let total = terms.policy + valueWeight * terms.value - entropyWeight * terms.entropy
    let loss = Tensor(Float(total)).withDerivative(
      from: logits, values, in: .float32
    ) { dy, inputs in
      let scale = dy.scalar
      for (index, slopes) in [logitSlopes, valueSlopes].enumerated() where inputs.needs(index) {
        inputs.accumulate(into: index) { dx in
          for i in dx.indices { dx[i] += scale * slopes[i] }
        }
      }
    }
    return (loss, terms)
  }

  /// (A − mean) / deviation; 0 for a single one.
  static func normalized(_ values: [Float]) -> [Float] {
    let count = Double(values.count)
    let mean = values.reduce(0) { $0 + Double($1) } / max(count, 1)
    let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    let deviation = (squares / max(count - 1, 1)).squareRoot()
    return values.map { Float((Double($0) - mean) / (deviation + 1e-8)) }
  }
}
