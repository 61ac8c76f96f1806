import Descent
import DescentCompute
import Foundation
import Testing

/// What holds for every rule.
@Suite("Every rule") struct RulePropertyTests {
  /// Those that gradients drive; L-BFGS asks for losses.
  static let names = Rules.names.filter { $0 != LBFGS.name }

  /// A kind of gradient. Its value at step t for element i, where 1 is the weights' size.
  enum Gradients: String, CaseIterable, Sendable {
    case ordinary, zero, denormal, tiny, huge, sparse
    case mixedScales = "mixed scales"
    case oneSign = "one sign"

    func callAsFunction<S: Scalar>(_ t: Int, _ i: Int, _ w: S) -> S {
      let wave = S(sin(Double(t * (i + 1)) + 0.5))
      switch self {
      case .ordinary: return w / 3 + wave
      case .zero: return 0
      case .denormal: return S.leastNonzeroMagnitude * S(1 + (t + i) % 5)
      case .tiny: return wave * 1e-20
      case .huge: return wave * 1e30
      case .sparse: return (t + i) % 5 == 0 ? wave : 0
      case .mixedScales: return wave * S(pow(10, Double(i % 13 - 6)))
      case .oneSign: return abs(wave)
      }
    }
  }

  private static let parameters = [
    ParameterInfo("matrix", shape: [6, 8], role: .matrix), ParameterInfo("vector", shape: [13]),
    ParameterInfo("kernels", shape: [4, 3, 2, 2], role: .convolution),
    ParameterInfo("scalar", shape: []), ParameterInfo("row", shape: [1, 5]),
  ]

  private func start<S: Scalar>(_: S.Type) -> [[S]] {
    Self.parameters.map { noise($0.count, seed: UInt64($0.count)).map { S($0) } }
  }

  /// The rule without decay.
  private func plan(_ name: String) throws -> OptimizerPlan {
    let decays = try settingNames(Rules.named(name)).intersection(["weight_decay", "lambd"])
    let text = decays.map { "\($0)=0" }.joined(separator: " ")
    return OptimizerPlan(try makeRule(name, text), groups: [])
  }

  /// Whether the rule decomposes matrices.
  private static func decomposes(_ name: String) -> Bool {
    let slots = try? makeRule(name).slots(for: ParameterInfo("w", shape: [4, 4]))
    return slots?.contains { $0.name == "decomposition_failures" } ?? false
  }

  @Test("stays finite, weights and state", arguments: names, Gradients.allCases)
  func finite(_ name: String, _ gradients: Gradients) throws {
    func check<S: Scalar>(_: S.Type) throws {
      let (path, optimizer) = try plan(name).path(
        Self.parameters, from: start(S.self), steps: 8
      ) { t, _, i, w in gradients(t, i, w) }
      for weights in path.joined() {
        #expect(weights.allSatisfy { $0.isFinite }, "weights in \(S.self)")
      }
      // The square of 1e30 is beyond float32: state that it enters stays there.
      for (slot, parameter, _, values) in optimizer.state
      where S.self == Double.self || gradients != .huge {
        #expect(values.allSatisfy { $0.isFinite }, "\(slot) of \(parameter) in \(S.self)")
      }
    }
    try check(Float.self)
    try check(Double.self)
  }

  @Test("a gradient of zero moves nothing where nothing decays", arguments: names)
  func zero(_ name: String) throws {
    let start = start(Double.self)
    let (path, _) = try plan(name).path(Self.parameters, from: start, steps: 3) { _, _, _, _ in 0 }
    #expect(path.allSatisfy { $0 == start })
  }

  @Test("goes downhill", arguments: names) func descends(_ name: String) throws {
    func loss(_ weights: [[Double]]) -> Double {
      weights.joined().reduce(0) { $0 + ($1 - 1) * ($1 - 1) }
    }
    let start = start(Double.self)
    let (path, optimizer) = try plan(name).path(Self.parameters, from: start, steps: 300) {
      _, _, _, w in 2 * (w - 1)
    }
    #expect(try loss(optimizer.evaluationWeights(of: path[299])) < loss(start))
  }

  // Where eigenvalues are close, decompositions in float32 and float64 part.
  @Test("float32 follows float64", arguments: names.filter { !decomposes($0) })
  func precision(_ name: String) throws {
    let (short, _) = try plan(name).path(Self.parameters, from: start(Float.self), steps: 3) {
      t, _, i, w in Gradients.oneSign(t, i, w)
    }
    let (long, _) = try plan(name).path(Self.parameters, from: start(Double.self), steps: 3) {
      t, _, i, w in Gradients.oneSign(t, i, w)
    }
    for (x, y) in zip(short[2].joined(), long[2].joined()) {
      #expect(abs(Double(x) - y) <= 2e-4 * (1 + abs(y)))
    }
  }

  @Test("gives the same bits for any number of threads", arguments: names)
  func threads(_ name: String) throws {
    let rule = try makeRule(name)
    // Decompositions take the cube of an axis; otherwise several blocks, not all full.
    let shapes =
      Self.decomposes(name)
      ? [[96, 70], [8, 5, 3, 3], [50]] : [[211, 397], [32, 50, 3, 3], [20_003]]
    // Whole tensors as small as these are updated side by side.
    let small = (0..<20).map { [20 + $0 % 3, 17 + $0] }
    let parameters = (shapes + small).enumerated().map {
      ParameterInfo("w\($0)", shape: $1, role: .matrix)
    }
    let start = parameters.map { noise($0.count, seed: UInt64($0.count)) }
    let gradients = (0...3).map { t in
      parameters.map { noise($0.count, seed: UInt64(t * 1000 + $0.count)) }
    }
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    let results = try [1, 2, 5].map { threads in
      ThreadPool.shared.setThreads(threads)
      return try OptimizerPlan(rule, clip: Clipping(norm: 1)).path(
        parameters, from: start, steps: 3
      ) { t, p, i, _ in gradients[t % 4][p][i] }.weights[2]
    }
    #expect(results[1] == results[0] && results[2] == results[0] && results[0] != start)
  }
}
