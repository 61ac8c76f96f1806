import CAllocationCounter
import Descent
import DescentCompute
import Testing

/// How many blocks of memory a step allocates, once state and scratch memory are there.
@Suite("Allocations", .enabled(if: allocation_counter_works())) struct AllocationTests {
  private static let parameters = [
    ParameterInfo("matrix", shape: [120, 80], role: .matrix), ParameterInfo("vector", shape: [300]),
    ParameterInfo("kernels", shape: [4, 3, 2, 2], role: .convolution),
    ParameterInfo("scalar", shape: []),
  ]

  /// Runs `steps` steps of a rule after some to warm up, and returns how many allocations they made.
  private func allocations(
    _ rule: any Rule, _ format: StateStorage.Format, steps: Int,
    _ parameters: [ParameterInfo] = parameters
  ) throws -> Int {
    var storage = StateStorage(format)
    storage.minimum = 1
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, groups: [], state: storage, clip: Clipping(norm: 1)),
      parameters: parameters, needs: .byCaller)
    let count = parameters.reduce(0) { $0 + $1.count }
    var (weights, gradients) = (noise(count, seed: 1), noise(count, seed: 2))
    var made = 0
    try weights.withMutableView { w in
      try gradients.withMutableView { g in
        var first = 0
        let memory = parameters.map { parameter in
          let range = first..<first + parameter.count
          first = range.upperBound
          return ParameterMemory(weights: w[range], gradient: g[range].reading)
        }
        for _ in 0..<3 { _ = try optimizer.step(memory) }
        let before = allocation_count()
        for _ in 0..<steps { _ = try optimizer.step(memory) }
        made = allocation_count() - before
      }
    }
    #expect(weights.allSatisfy { $0.isFinite })
    return made
  }

  // The aim is none. These are the counts of today, so that they can only fall: 8 of the step itself,
  // two more in each gathering pass, and what rules of whole tensors take as scratch memory.
  @Test(
    "a step allocates no more than it did", arguments: RulePropertyTests.names,
    StateStorage.Format.allCases)
  func steps(_ name: String, _ format: StateStorage.Format) throws {
    let rule = try makeRule(name)
    let most =
      rule.needs.contains(.wholeTensors) ? 340 : rule.needs.includes(anyOf: .sums) ? 24 : 10
    #expect(try allocations(rule, format, steps: 10) <= 10 * most)
  }
}
