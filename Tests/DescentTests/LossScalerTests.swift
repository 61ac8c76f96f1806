import Descent
import Safetensors
import Testing

@Suite("Loss scale") struct LossScalerTests {
  @Test("scale, skipped steps and weights are those of PyTorch's GradScaler") func equalsPyTorch()
    throws
  {
    let file = try Trajectory.open("grad-scaler")
    let gradients = try file.floats(of: "gradients")
    let scales = try file.floats(of: "scale")
    let successes = try file.integers(of: "successes", as: Int32.self)
    let expected = try file.floats(of: "weights")
    let steps = gradients.count / 4
    var scaler = try LossScaler([
      ("init_scale", "1024"), ("growth_factor", "3"), ("backoff_factor", "0.25"),
      ("growth_interval", "3"),
    ])
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(
        AdamW(learningRate: 0.05, weightDecay: 0.1), groups: [], clip: Clipping(norm: 1.5)),
      parameters: [ParameterInfo("w", shape: [4])])
    var weights = [Array(expected[0..<4])]
    var applied = 0
    for t in 0...steps {
      #expect(scaler.scale == scales[t] && scaler.successes == Int(successes[t]), "step \(t)")
      for (w, e) in zip(weights[0], expected[4 * t..<4 * t + 4]) {
        #expect(abs(w - e) <= 2e-6 * (1 + abs(e)), "step \(t): \(w), not \(e)")
      }
      if t == steps { break }
      let g = gradients[4 * t..<4 * t + 4]
      let report = try optimizer.step(
        &weights, gradients: [g.map { $0 * scaler.scale }], unscale: scaler.inverse)
      scaler.update(overflowed: !report.applied)
      #expect(report.applied == g.allSatisfy(\.isFinite))
      applied += report.applied ? 1 : 0
      // Neither the schedule nor the bias correction of a skipped step advances.
      #expect(report.step == applied)
      if report.applied {
        let norm = g.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(report.gradientNorm - norm) < 1e-6 * norm, "the norm is that without the scale")
      }
    }
    #expect(applied == 17)
  }

  @Test("the scale never grows beyond float32, and is restored") func limits() throws {
    var scaler = try LossScaler([("init_scale", "3e38"), ("growth_interval", "1")])
    scaler.update(overflowed: false)
    #expect(scaler.scale == 3e38 && scaler.successes == 0)
    scaler.update(overflowed: true)
    #expect(scaler.scale == 1.5e38)
    var other = LossScaler()
    try SavedState(of: scaler).restore(&other)
    #expect(other.scale == 1.5e38 && other.successes == scaler.successes)
  }

  @Test(
    "settings out of range are refused",
    arguments: [
      ("init_scale", "0"), ("growth_factor", "0.5"), ("backoff_factor", "1"),
      ("growth_interval", "0"), ("scale", "2"),
    ])
  func refused(_ name: String, _ text: String) {
    #expect(throws: SettingErrors.self) { try LossScaler([(name, text)]) }
  }
}
