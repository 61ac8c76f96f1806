import Descent
import DescentCompute
import Foundation
import Safetensors
import Testing

/// Every rule in float32 on gradients at its edges, against its reference: `References/extremes.py`.
@Suite("float32 at its edges") struct ExtremeTests {
  private struct Case: Decodable, Sendable {
    let optimizer: String
    let set: [String: Trajectory.SettingText]
    /// For each kind of gradients, how many roundings of its size and way a weight may be off.
    let ulps: [String: Int]
    /// A parameter that the reference treats as no other.
    let omits: String?
  }

  private static let file = try! Trajectory.open("extremes")

  private static func described<T: Decodable>(_ key: String, _: T.Type) -> T {
    try! JSONDecoder().decode(T.self, from: Data(file.metadata[key]!.utf8))
  }

  private static let cases = described("cases", [String: Case].self)
  private static let shapes = described("shapes", [String: [Int]].self)
  /// In the order of the file.
  private static let parameters = ["matrix", "conv", "vector", "scalar"].map {
    ParameterInfo($0, shape: shapes[$0]!)
  }

  @Test("every rule is here, but those whose reference is not float32 or sees more than gradients")
  func complete() {
    let elsewhere: Set = ["muon", "kfac", "lbfgs"]
    #expect(Set(Self.cases.values.map(\.optimizer)) == Set(Rules.names).subtracting(elsewhere))
  }

  @Test("follows the reference", arguments: cases.keys.sorted()) func follows(_ name: String) throws
  {
    let described = try #require(Self.cases[name])
    for (kind, bound) in described.ulps.sorted(by: { $0.key < $1.key }) {
      try compare(name, described, kind, Double(bound))
    }
  }

  private func compare(_ name: String, _ described: Case, _ kind: String, _ ulps: Double) throws {
    func make<R: Rule>(_: R.Type) throws -> any Rule {
      try R(described.set.map { ($0.key, $0.value.text) })
    }
    let rule = try make(try Rules.named(described.optimizer))
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, groups: []), parameters: Self.parameters, needs: .byCaller)
    let start = try Self.file.floats(of: "start")
    let gradients = try Self.file.floats(of: "gradients/\(kind)")
    let expected = try Self.file.floats(of: "\(name)/\(kind)")
    let (count, steps) = (start.count, gradients.count / start.count)
    func parts(_ flat: ArraySlice<Float>) -> [[Float]] {
      var first = flat.startIndex
      return Self.parameters.map { parameter in
        defer { first += parameter.count }
        return Array(flat[first..<first + parameter.count])
      }
    }
    let omitted = zip(Self.parameters, parts(start[...])).flatMap { parameter, values in
      values.map { _ in parameter.name == described.omits }
    }
    func row(_ t: Int) -> ArraySlice<Float> { gradients[t * count..<(t + 1) * count] }
    var weights = parts(start[...])
    var (before, way) = (start.map(Double.init), [Double](repeating: 0, count: count))
    for t in 0..<steps {
      #expect(optimizer.step(&weights, gradients: parts(row(t))).applied)
      if optimizer.takesCurvature {
        #expect(try optimizer.foldCurvature(parts(row((t + 1) % steps))) == .applied)
      }
      for (i, x) in weights.joined().enumerated() where !omitted[i] {
        let y = Double(expected[t * count + i])
        way[i] += abs(y - before[i])
        before[i] = y
        let unit = 0x1p-24 * (abs(y) + way[i])
        if !(abs(Double(x) - y) <= ulps * unit) {
          Issue.record(
            "\(name), \(kind), step \(t + 1), element \(i): \(x), not \(y): \((Double(x) - y) / unit)"
          )
          return
        }
      }
    }
  }

  @Test(
    "a zero gradient decays by the trust ratio", arguments: ["paper", "optax", "pytorch_optimizer"])
  func zeroGradientOfLARS(_ variant: String) throws {
    let text = "lr=1 momentum=0 weight_decay=0.5 trust_coefficient=0.001 variant=\(variant)"
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(try makeRule("lars", text), groups: []),
      parameters: [ParameterInfo("w", shape: [2, 2])])
    var weights: [[Float]] = [[1, 1, 1, 1]]
    _ = optimizer.step(&weights, gradients: [[0, 0, 0, 0]])
    #expect(weights[0].allSatisfy { abs($0 - 0.999) < 1e-7 })
  }

  @Test(
    "a row and a column without gradients cross",
    arguments: ["lr=0.01 relative_step=false scale_parameter=false", ""])
  func cross(_ text: String) throws {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(try makeRule("adafactor", text), groups: []),
      parameters: [ParameterInfo("w", shape: [2, 2])])
    var weights: [[Float]] = [[1, 2, 3, 4]]
    for _ in 1...2 { _ = optimizer.step(&weights, gradients: [[1, 0, 0, 0]]) }
    #expect(abs(weights[0][0] - (text.isEmpty ? 0.94525 : 0.98)) < 1e-5)
    #expect(Array(weights[0][1...]) == [2, 3, 4])
  }
}
