import Descent
import DescentCompute
import Foundation
import Testing

@Suite("Gradient tools") struct GradientToolTests {
  private static let parameters = [
    ParameterInfo("matrix", shape: [3, 4], role: .matrix),
    ParameterInfo("kernels", shape: [2, 2, 2, 3], role: .convolution),
    ParameterInfo("bias", shape: [5], role: .bias), ParameterInfo("scale", shape: []),
    ParameterInfo("head", shape: [4, 3], role: .head),
  ]

  private static func values(_ seed: UInt64) -> [[Double]] {
    parameters.map { noise($0.count, seed: seed + UInt64($0.count)).map(Double.init) }
  }

  /// What comes to the rule: minus the move of plain gradient descent at η = 1.
  private func gradients(
    _ clip: Clipping, _ gradient: GradientTools = GradientTools(), weights: [[Double]],
    given: [[Double]?], steps: Int = 1
  ) throws -> (moved: [[Double]], report: StepReport) {
    let optimizer = try Optimizer<Double>(
      OptimizerPlan(SGD(learningRate: 1), clip: clip, gradient: gradient),
      parameters: Self.parameters)
    for _ in 1..<steps {
      var spent = weights
      _ = try optimizer.step(&spent, gradients: given)
    }
    var w = weights
    let report = try optimizer.step(&w, gradients: given)
    return (zip(weights, w).map { zip($0, $1).map { $0 - $1 } }, report)
  }

  private func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  /// The formula of ``Clipping`` and ``GradientTools``, as written.
  private func formula(
    _ clip: Clipping, centralize: Bool, weights: [[Double]], given: [[Double]?]
  ) -> [[Double]?] {
    var g = given
    for (p, parameter) in Self.parameters.enumerated() {
      guard var x = g[p] else { continue }
      let rows = parameter.shape.count >= 2 ? parameter.shape[0] : 1
      let length = x.count / rows
      for r in 0..<rows {
        let range = r * length..<(r + 1) * length
        if centralize, parameter.shape.count >= 2 {
          let mean = x[range].reduce(0, +) / Double(length)
          for i in range { x[i] -= mean }
        }
        if let c = clip.value { for i in range { x[i] = min(max(x[i], -c), c) } }
        if let λ = clip.adaptive, parameter.role != .head {
          let most = λ * max(norm(Array(weights[p][range])), clip.adaptiveFloor)
          let n = norm(Array(x[range]))
          if n >= most { for i in range { x[i] *= most / max(n, 1e-6) } }
        }
      }
      if let c = clip.tensorNorm {
        let factor = min(1, c / (norm(x) + 1e-6))
        x = x.map { $0 * factor }
      }
      g[p] = x
    }
    if let c = clip.norm {
      let all = g.flatMap { $0 ?? [] }
      let n = clip.normType == .euclidean ? norm(all) : all.map(abs).max() ?? 0
      let factor = min(1, c / (n + 1e-6))
      g = g.map { $0?.map { $0 * factor } }
    }
    return g
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var clip = Clipping()
    var centralize = false

    init(_ name: String, centralize: Bool = false, _ set: (inout Clipping) -> Void = { _ in }) {
      (testDescription, self.centralize) = (name, centralize)
      set(&clip)
    }

    static let all: [Case] = [
      Case("norm") { $0.norm = 0.7 },
      Case("inf norm") { ($0.norm, $0.normType) = (0.2, .maximum) },
      Case("value") { $0.value = 0.4 },
      Case("tensor norm") { $0.tensorNorm = 0.9 },
      Case("adaptive") { $0.adaptive = 0.1 },
      Case("adaptive, its floor") { ($0.adaptive, $0.adaptiveFloor) = (0.1, 5) },
      Case("centralized", centralize: true),
      Case("all of them", centralize: true) {
        ($0.value, $0.adaptive, $0.tensorNorm, $0.norm) = (0.8, 0.5, 0.6, 0.5)
      },
    ]
  }

  @Test("each tool, and all in their order, as the formula", arguments: Case.all)
  func formula(_ test: Case) throws {
    let (weights, all) = (Self.values(1), Self.values(2))
    var given: [[Double]?] = all
    given[2] = nil
    var tools = GradientTools()
    tools.centralize = test.centralize
    let (moved, report) = try gradients(test.clip, tools, weights: weights, given: given)
    let expected = formula(test.clip, centralize: test.centralize, weights: weights, given: given)
    for p in expected.indices {
      for (x, y) in zip(moved[p], expected[p] ?? Array(repeating: 0, count: moved[p].count)) {
        #expect(abs(x - y) <= 1e-12, "\(Self.parameters[p].name)")
      }
    }
    #expect(report.clipped == !test.clip.changes.isEmpty)
    let raw = given.flatMap { $0 ?? [] }
    let reported = test.clip.normType == .euclidean ? norm(raw) : raw.map(abs).max()!
    #expect(abs(report.gradientNorm - reported) <= 1e-12)
  }

  @Test("limits that nothing reaches change nothing and say so") func loose() throws {
    var clip = Clipping(norm: 1e6)
    (clip.value, clip.adaptive, clip.tensorNorm) = (1e6, 1e6, 1e6)
    let (weights, given) = (Self.values(1), Self.values(2))
    let (moved, report) = try gradients(clip, weights: weights, given: given)
    #expect(!report.clipped && report.clipCoefficient == 1)
    for (x, y) in zip(moved.flatMap(\.self), given.flatMap(\.self)) { #expect(abs(x - y) < 1e-12) }
  }

  @Test("noise has the stated variance, comes after clipping, and differs by step and seed")
  func noiseAfterClipping() throws {
    let parameters = [ParameterInfo("w", shape: [300, 400])]
    func noiseOf(step: Int, seed: Int, threads: Int = 2) throws -> [Float] {
      ThreadPool.shared.setThreads(threads)
      var tools = GradientTools()
      (tools.noise, tools.noiseSeed) = (0.3, seed)
      let optimizer = try Optimizer<Float>(
        OptimizerPlan(SGD(learningRate: 1), clip: Clipping(norm: 1), gradient: tools),
        parameters: parameters)
      var w: [[Float]] = []
      for _ in 1...step {
        w = [[Float](repeating: 0, count: 120_000)]
        _ = try optimizer.step(&w, gradients: [[Float](repeating: 1, count: 120_000)])
      }
      // The clipped gradient is 1/√120,000 everywhere.
      return w[0].map { -$0 - Float(1 / 120_000.0.squareRoot()) }
    }
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(threads) }
    for step in [1, 9] {
      let x = try noiseOf(step: step, seed: 0).map(Double.init)
      let variance = x.reduce(0) { $0 + $1 * $1 } / 120_000
      // Four standard errors of a variance.
      let expected = 0.3 / pow(Double(step), 0.55)
      #expect(abs(variance / expected - 1) < 4 * (2 / 120_000.0).squareRoot())
      #expect(abs(x.reduce(0, +) / 120_000) < 4 * (expected / 120_000).squareRoot())
    }
    let one = try noiseOf(step: 1, seed: 0, threads: 1)
    #expect(try noiseOf(step: 1, seed: 0, threads: 3) == one)
    #expect(try noiseOf(step: 1, seed: 1) != one)
    #expect(Set(one).count > 110_000, "no numbers are used twice")
  }

  @Test("a bad threshold is one plain sentence") func refused() {
    let cases: [((inout Clipping) -> Void, String)] = [
      ({ $0.norm = -1 }, "clip.norm=-1"), ({ $0.value = 0 }, "clip.value=0"),
      ({ $0.adaptive = .nan }, "clip.adaptive="), ({ $0.tensorNorm = -2 }, "clip.tensor_norm=-2"),
    ]
    for (set, sentence) in cases {
      var clip = Clipping()
      set(&clip)
      do {
        _ = try Optimizer<Double>(OptimizerPlan(SGD(), clip: clip), parameters: Self.parameters)
        Issue.record("\(sentence) was accepted")
      } catch { #expect("\(error)".hasPrefix(sentence), "\(error)") }
    }
  }
}
