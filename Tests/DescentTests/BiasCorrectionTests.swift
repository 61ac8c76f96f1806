import Descent
import Foundation
import Testing

/// `bias_correction` of Adam and AdamW.
@Suite("Adam's bias correction") struct BiasCorrectionTests {
  struct Case: CustomTestStringConvertible, Sendable {
    let rule: String
    let settings: String
    var testDescription: String { "\(rule) \(settings)" }

    static let all = [
      Case(rule: "adam", settings: "lr=0.1 betas=0.9,0.999 eps=1e-8"),
      Case(rule: "adam", settings: "lr=0.1 betas=0.8,0.95 eps=0.01 weight_decay=0.2"),
      Case(rule: "adam", settings: "lr=0.1 betas=0.9,0.99 eps=1e-8 amsgrad=true"),
      Case(rule: "adamw", settings: "lr=0.1 betas=0.9,0.95 eps=1e-8 weight_decay=0.2"),
    ]
  }

  private static let info = ParameterInfo("w", shape: [5])
  private static let start = [1, -2, 0.5, 3, 0]

  /// Gradients with and without a change of sign, large and small.
  private static func gradient(_ t: Int, _ i: Int, _ w: Double) -> Double {
    [0.3, 2, 1e-3, -5, 0.01][i] * (i % 2 == 0 ? 1 : cos(Double(t * (i + 1)))) + 0.05 * w
  }

  private static func path<S: Scalar>(
    _ rule: String, _ settings: String, steps: Int = 60, of: S.Type
  ) throws -> (weights: [[S]], optimizer: Optimizer<S>) {
    let (weights, optimizer) = try OptimizerPlan(makeRule(rule, settings), groups: [])
      .path([info], from: [start.map { S($0) }], steps: steps) { t, _, i, w in
        S(gradient(t, i, Double(w)))
      }
    return (weights.map { $0[0] }, optimizer)
  }

  @Test(
    "without it, as MLX does by default: w − η·m/(√v + ε), written by hand", arguments: Case.all)
  func uncorrected(_ test: Case) throws {
    let values = Dictionary(
      uniqueKeysWithValues: settings(test.settings).map { ($0.name, $0.text) })
    func number(_ name: String) -> Double { values[name].flatMap(Double.init) ?? 0 }
    let betas = values["betas", default: ""].split(separator: ",").compactMap { Double($0) }
    let (η, ε, λ) = (number("lr"), number("eps"), number("weight_decay"))
    let (path, _) = try Self.path(
      test.rule, test.settings + " bias_correction=false", of: Double.self)
    var w = Self.start
    var (m, v, x) = ([0.0, 0, 0, 0, 0], [0.0, 0, 0, 0, 0], [0.0, 0, 0, 0, 0])
    for t in 1...60 {
      for i in w.indices {
        var g = Self.gradient(t, i, w[i])
        if test.rule == "adam" { g += λ * w[i] } else { w[i] *= 1 - η * λ }
        m[i] = betas[0] * m[i] + (1 - betas[0]) * g
        v[i] = betas[1] * v[i] + (1 - betas[1]) * g * g
        x[i] = max(x[i], v[i])
        let divisor = values["amsgrad"] == "true" ? x[i] : v[i]
        w[i] -= η * m[i] / (divisor.squareRoot() + ε)
      }
      for (ours, expected) in zip(path[t - 1], w) {
        #expect(abs(ours - expected) < 1e-12 * (1 + abs(expected)), "step \(t)")
      }
    }
  }

  @Test("the first step is (1−β₁)/√(1−β₂) as long; corrected it is η, whatever the gradient")
  func firstStep() throws {
    func first(_ settings: String) throws -> Double {
      let walk = try Self.path("adam", "lr=1 eps=0 \(settings)", steps: 1, of: Double.self)
      return abs(walk.weights[0][0] - Self.start[0])
    }
    #expect(abs(try first("bias_correction=true") - 1) < 1e-15)
    #expect(abs(try first("bias_correction=false") - 0.1 / 0.001.squareRoot()) < 1e-14)
    let short = try first("betas=0.9,0.95 bias_correction=false")
    #expect(abs(short - 0.1 / 0.05.squareRoot()) < 1e-14)
  }

  @Test("written out, the default changes no bit", arguments: Case.all)
  func defaultBits(_ test: Case) throws {
    let plain = try Self.path(test.rule, test.settings, of: Float.self)
    let written = try Self.path(test.rule, test.settings + " bias_correction=true", of: Float.self)
    #expect(plain.weights == written.weights)
    let without = try Self.path(test.rule, test.settings + " bias_correction=false", of: Float.self)
    #expect(plain.weights != without.weights)
    #expect(plain.optimizer.state.map(\.slot) == without.optimizer.state.map(\.slot))
  }

  @Test(
    "state in 16 and in 8 bits is close to float32's without it, too",
    arguments: [StateStorage.Format.bfloat16, .int8])
  func storages(_ format: StateStorage.Format) throws {
    let info = ParameterInfo("w", shape: [64, 128])
    func path(_ format: StateStorage.Format) throws -> [Float] {
      var state = StateStorage()
      (state.format, state.minimum) = (format, 1)
      return try OptimizerPlan(
        Adam(learningRate: 0.01, biasCorrection: false), groups: [], state: state
      ).path([info], from: [noise(info.count, seed: 1)], steps: 20) { t, _, i, _ in
        Float(1 + 0.3 * sin(Double(t * (i % 7 + 1))))
      }.weights[19][0]
    }
    let (exact, stored) = (try path(.float32), try path(format))
    let start = noise(info.count, seed: 1)
    // Of a way of about a tenth of a unit a step, some percent.
    let worst = zip(exact, stored).map { abs($0 - $1) }.max()!
    let way = zip(exact, start).map { abs($0 - $1) }.max()!
    #expect(worst > 0 && worst < 0.05 * way, "\(worst) of \(way)")
  }
}
