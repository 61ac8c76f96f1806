import Descent
import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

@Suite("The loss of PPO") struct PPOTests {
  @Test("advantages by hand: an end, a cut, and an open end") func advantagesByHand() {
    // Each δ is 1 + 0.5·next − value; an episode ends by itself after the second step, is cut off
    // after the fourth.
    let found = AdvantageEstimator(discount: 0.5, lambda: 0.5).advantages(
      rewards: [1, 1, 1, 1, 1], values: [1, 2, 0, 2, 1], next: [2, 0, 2, 4, 2],
      isLast: [false, true, false, true, false])
    // δ = 1, −1, 2, 1, 1; A₀ = 1 − ¼, A₂ = 2 + ¼
    #expect(found == [0.75, -1, 2.25, 1, 1])
  }

  @Test("advantages are those of the reference", arguments: 0..<3)
  func advantages(_ number: Int) throws {
    func numbers(_ key: String) throws -> [Double] {
      try ReinforcementVectors.numbers("gae/\(number)/\(key)")
    }
    let constants = try numbers("constants")
    let found = AdvantageEstimator(discount: constants[0], lambda: constants[1]).advantages(
      rewards: try numbers("rewards"), values: try numbers("values"), next: try numbers("next"),
      isLast: try numbers("last").map { $0 == 1 })
    for (a, b) in zip(found, try numbers("advantages")) { #expect(abs(a - b) < 1e-12) }
  }

  private func loss(_ number: Int) throws -> ClippedSurrogate {
    let c = try ReinforcementVectors.numbers("ppo/\(number)/constants")
    return ClippedSurrogate(
      clip: c[0], valueWeight: c[1], entropyWeight: c[2], clipsValues: c[3] == 1,
      normalizesAdvantages: c[4] == 1)
  }

  private func steps(_ number: Int) throws -> ClippedSurrogate.Steps {
    func floats(_ key: String) throws -> [Float] {
      try ReinforcementVectors.floats("ppo/\(number)/\(key)")
    }
    return ClippedSurrogate.Steps(
      actions: try floats("actions").map { Int($0) },
      logProbabilities: try floats("log_probabilities"), values: try floats("old_values"),
      advantages: try floats("advantages"), returns: try floats("returns"))
  }

  private func gradients(
    _ loss: ClippedSurrogate, _ steps: ClippedSurrogate.Steps, _ logits: Tensor, _ values: Tensor
  ) -> (loss: Float, terms: ClippedSurrogate.Terms, logits: [Float], values: [Float]) {
    let tape = Tape()
    let (x, v) = (Parameter(logits, role: .other), Parameter(values, role: .other))
    let context = tape.context(training: true, seed: 0)
    let (total, terms) = loss(logits: context.use(x), values: context.use(v), steps)
    tape.gradients(of: total)
    return (total.scalar, terms, x.gradient?.scalars ?? [], v.gradient?.scalars ?? [])
  }

  @Test("value and derivatives are those of PyTorch", arguments: 0..<3)
  func reference(_ number: Int) throws {
    func numbers(_ key: String) throws -> [Double] {
      try ReinforcementVectors.numbers("ppo/\(number)/\(key)")
    }
    let (logits, values) = (
      try ReinforcementVectors.floats("ppo/\(number)/logits"),
      try ReinforcementVectors.floats("ppo/\(number)/values")
    )
    let found = gradients(
      try loss(number), try steps(number),
      Tensor(shape: [values.count, logits.count / values.count], scalars: logits), Tensor(values))
    #expect(abs(Double(found.loss) - (try numbers("loss")[0])) < 1e-6)
    for (term, key) in [
      (found.terms.policy, "policy"), (found.terms.value, "value"),
      (found.terms.entropy, "entropy"), (found.terms.divergence, "kl"),
      (found.terms.clipped, "clipped"),
    ] { #expect(abs(term - (try numbers(key)[0])) < 1e-6, "\(key)") }
    for (a, b) in zip(found.logits, try numbers("dlogits")) { #expect(abs(Double(a) - b) < 1e-7) }
    for (a, b) in zip(found.values, try numbers("dvalues")) { #expect(abs(Double(a) - b) < 1e-7) }
    #expect(try numbers("clipped")[0] > 0.1)
  }

  @Test("derivatives are the differences of the loss", arguments: 0..<3)
  func differences(_ number: Int) throws {
    let (loss, steps) = (try loss(number), try steps(number))
    let logits = try ReinforcementVectors.floats("ppo/\(number)/logits")
    let values = try ReinforcementVectors.floats("ppo/\(number)/values")
    let shape = [values.count, logits.count / values.count]
    func total(_ x: [Float], _ v: [Float]) -> Double {
      // The parts are in float64, where the loss itself is rounded.
      let terms = loss(logits: Tensor(shape: shape, scalars: x), values: Tensor(v), steps).terms
      return terms.policy + loss.valueWeight * terms.value - loss.entropyWeight * terms.entropy
    }
    let found = gradients(
      loss, steps, Tensor(shape: shape, scalars: logits), Tensor(values))
    let h: Float = 0x1p-12
    func check(_ slopes: [Float], _ at: [Float], _ value: ([Float]) -> Double) {
      for i in at.indices {
        var (low, high) = (at, at)
        (low[i], high[i]) = (at[i] - h, at[i] + h)
        let slope = (value(high) - value(low)) / Double(high[i] - low[i])
        #expect(abs(Double(slopes[i]) - slope) < 2e-5, "\(i)")
      }
    }
    check(found.logits, logits) { total($0, values) }
    check(found.values, values) { total(logits, $0) }
  }

  /// One step with two actions that are equally likely now; before, the one taken had 0.5 / ratio.
  private func slope(ratio: Double, advantage: Float, clip: Double) -> Float {
    let steps = ClippedSurrogate.Steps(
      actions: [0], logProbabilities: [Float(log(0.5 / ratio))], values: [0],
      advantages: [advantage], returns: [0])
    let loss = ClippedSurrogate(
      clip: clip, valueWeight: 0, entropyWeight: 0, normalizesAdvantages: false)
    return gradients(loss, steps, .zeros([1, 2]), .zeros([1])).logits[0]
  }

  @Test(
    "beyond the clip range an action gets no gradient, and only in the direction that is beyond",
    arguments: [
      // −A·ρ·(1 − π) where it is free
      (1, 2, -1), (1, -2, 1), (1.19, 1, -0.595), (1.21, 1, 0), (1.21, -1, 0.605), (0.81, -1, 0.405),
      (0.79, -1, 0), (0.79, 1, -0.395),
    ])
  func clipped(_ ratio: Double, _ advantage: Double, _ expected: Double) {
    let found = slope(ratio: ratio, advantage: Float(advantage), clip: 0.2)
    #expect(abs(Double(found) - expected) < 1e-6)
  }

  @Test("at the boundary itself it still has one", arguments: [1.0, -1])
  func boundary(_ advantage: Double) {
    // A probability that was a quarter and is a half: ρ = 2 as exactly as exp allows.
    let steps = ClippedSurrogate.Steps(
      actions: [0], logProbabilities: [0], values: [0], advantages: [Float(advantage)],
      returns: [0])
    let ratio = exp(0 - log(2.0))
    let loss = ClippedSurrogate(
      clip: 1 - ratio, valueWeight: 0, entropyWeight: 0, normalizesAdvantages: false)
    let found = gradients(loss, steps, .zeros([1, 2]), .zeros([1])).logits[0]
    #expect(abs(found + Float(advantage * ratio / 2)) < 1e-6 && found != 0)
  }

  @Test("scores that are not numbers make a loss that is none") func notFinite() {
    let steps = ClippedSurrogate.Steps(
      actions: [0, 1], logProbabilities: [-0.7, -0.7], values: [0, 0], advantages: [1, -1],
      returns: [0, 0])
    let loss = ClippedSurrogate(clip: 0.2, valueWeight: 1, entropyWeight: 0.1)
    for bad in [Float.nan, .infinity] {
      let logits = Tensor(shape: [2, 2], scalars: [bad, 0, 0, 0])
      #expect(!loss(logits: logits, values: .zeros([2]), steps).loss.scalar.isFinite)
      #expect(!loss(logits: .zeros([2, 2]), values: Tensor([bad, 0]), steps).loss.scalar.isFinite)
    }
  }

  @Test(
    "weights begin at right angles, of the length that is asked for",
    arguments: [
      ([6, 4], 1.5), ([4, 6], 1), ([2, 64], 0.01), ([1, 8], 1),
    ] as [([Int], Float)])
  func orthogonal(_ shape: [Int], _ gain: Float) {
    var random = RandomStream(seed: 5)
    let w = Tensor.random(shape, orthogonal: gain, &random)
    let product = shape[0] <= shape[1] ? w.matmul(w.transposed()) : w.transposed().matmul(w)
    let size = min(shape[0], shape[1])
    for i in 0..<size {
      for j in 0..<size {
        #expect(abs(product[at: i, j] - (i == j ? gain * gain : 0)) < 1e-5 * gain)
      }
    }
  }
}
