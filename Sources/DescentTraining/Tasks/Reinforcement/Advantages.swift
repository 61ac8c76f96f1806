/// What actions were worth beyond what was expected, by generalized advantage estimation:
///
/// ```
/// δₜ = rₜ + γ·V(sₜ₊₁) − V(sₜ)            V(sₜ₊₁) is 0 where the episode has ended by itself
/// Aₜ = δₜ + γ·λ·Aₜ₊₁                     Aₜ₊₁ is 0 where an episode is over, however it ended
/// ```
/// An episode that was cut off might have gone on, so its last state keeps its value (Pardo et al., 2018,
/// arXiv:1712.00378). Schulman et al., 2015, arXiv:1506.02438.
package struct AdvantageEstimator: Sendable {
  /// γ
  package var discount: Double
  /// λ
  package var lambda: Double

  package init(discount: Double, lambda: Double) {
    (self.discount, self.lambda) = (discount, lambda)
  }

  /// The advantages of the steps of one environment, in their order.
  ///
  /// - Parameters:
  ///   - rewards: rₜ
  ///   - values: V(sₜ)
  ///   - next: V(sₜ₊₁); 0 where the episode has ended by itself.
  ///   - isLast: where an episode is over.
  package func advantages(
    rewards: [Double], values: [Double], next: [Double], isLast: [Bool]
  ) -> [Double] {
    var advantages = [Double](repeating: 0, count: rewards.count)
    var following = 0.0
    for t in rewards.indices.reversed() {
      let surprise = rewards[t] + discount * next[t] - values[t]
      following = surprise + (isLast[t] ? 0 : discount * lambda * following)
      advantages[t] = following
    }
    return advantages
  }
}
