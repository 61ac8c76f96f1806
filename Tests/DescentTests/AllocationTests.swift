import CAllocationCounter
import Descent
import DescentCompute
import Testing

/// A step allocates nothing, once state and scratch memory are there.
@Suite("Allocations", .enabled(if: allocation_counter_works())) struct AllocationTests {
  /// Two sizes: several pieces of work and long sums; and so little that 10,000 steps take no time.
  private static let large = [
    ParameterInfo("matrix", shape: [120, 80], role: .matrix), ParameterInfo("vector", shape: [300]),
    ParameterInfo("kernels", shape: [4, 3, 2, 2], role: .convolution),
    ParameterInfo("scalar", shape: []),
  ]
  private static let small = [
    ParameterInfo("matrix", shape: [3, 2], role: .matrix), ParameterInfo("vector", shape: [5]),
    ParameterInfo("scalar", shape: []),
  ]

  /// A rule at work on the bowl Σ(w − 1)²/2.
  private final class Bowl {
    private let optimizer: Optimizer<Float>
    private let memory: [ParameterMemory<Float>]
    private let weights: MutableView<Float>
    private let gradients: MutableView<Float>

    init(_ plan: OptimizerPlan, _ parameters: [ParameterInfo]) throws {
      optimizer = try Optimizer<Float>(plan, parameters: parameters, needs: .byCaller)
      let count = parameters.reduce(0) { $0 + $1.count }
      let w = unsafe MutableView(
        UnsafeMutablePointer<Float>.allocate(capacity: count), count: count)
      let g = unsafe MutableView(
        UnsafeMutablePointer<Float>.allocate(capacity: count), count: count)
      noise(count, seed: 1).withView { w.copy($0) }
      (weights, gradients) = (w, g)
      var first = 0
      memory = parameters.map { parameter in
        let range = first..<first + parameter.count
        first = range.upperBound
        return ParameterMemory(weights: w[range], gradient: g[range].reading)
      }
    }

    deinit {
      unsafe weights.base.deallocate()
      unsafe gradients.base.deallocate()
    }

    var isFinite: Bool { weights.indices.allSatisfy { weights[$0].isFinite } }

    func step(_ count: Int) throws {
      for _ in 0..<count {
        for i in weights.indices { gradients[i] = weights[i] - 1 }
        _ = try optimizer.step(memory)
      }
    }
  }

  private func storage(_ format: StateStorage.Format) -> StateStorage {
    var storage = StateStorage(format)
    storage.minimum = 1
    return storage
  }

  /// How many allocations `steps` steps make after some to warm up: the least of five attempts, since
  /// this thread takes scratch memory for the part of others the first time that another test has them.
  private func allocations(_ bowl: Bowl, steps: Int) throws -> Int {
    try bowl.step(3)
    let counts = try (0..<5).map { _ in
      let before = allocation_count()
      try bowl.step(steps)
      return allocation_count() - before
    }
    #expect(bowl.isFinite)
    return try #require(counts.min())
  }

  #if DEBUG
  /// Without optimization closures are allocated, and steps take long.
  private static let (most, manySteps) = (1 << 20, 300)
  #else
  private static let (most, manySteps) = (0, 10_000)
  #endif

  /// What 10 steps allocate at most: SOAP's new order of columns, by what it sorts them, and what sorting takes,
  /// for each of 6 bases in one of the steps.
  private static let orders = ["soap": 6 * 4]

  @Test(
    "a step allocates nothing", arguments: RulePropertyTests.names, StateStorage.Format.allCases)
  func steps(_ name: String, _ format: StateStorage.Format) throws {
    let plan = try OptimizerPlan(
      makeRule(name), groups: [], state: storage(format), clip: Clipping(norm: 1))
    let most = max(Self.orders[name] ?? 0, Self.most)
    let count = try allocations(Bowl(plan, Self.large), steps: 10)
    #expect(count <= most, "\(count)")
  }

  @Test(
    "nor does one between two decompositions",
    arguments: [
      ("shampoo", "preconditioning_compute_steps=100"),
      ("shampoo-distributed", "precondition_frequency=100"), ("soap", "precondition_frequency=100"),
    ])
  func between(_ name: String, _ options: String) throws {
    let plan = try OptimizerPlan(makeRule(name, options), groups: [], clip: Clipping(norm: 1))
    #expect(try allocations(Bowl(plan, Self.large), steps: 10) <= Self.most)
  }

  @Test(
    "nor does one with everything around the rule",
    arguments: [
      ["clip": "value=0.5 tensor_norm=1 norm=1 adaptive=0.1"],
      ["gradient": "centralize=true noise=0.01"],
      ["weights": "format=bf16 rounding=stochastic"], ["weights": "format=bf16 rounding=kahan"],
      ["schedule": "name=cosine total=100", "schedules.weight_decay": "name=linear total=100"],
    ])
  func around(_ sections: [String: String]) throws {
    let plan = try makePlan(
      sections.merging(["optimizer": "name=adamw"]) { own, _ in own },
      groups: ["name=vectors rank=1 lr=0.002"])
    #expect(try allocations(Bowl(plan, Self.large), steps: 10) <= Self.most)
  }

  @Test(
    "10,000 steps leave memory as 1,000 did", arguments: RulePropertyTests.names,
    StateStorage.Format.allCases)
  func flat(_ name: String, _ format: StateStorage.Format) throws {
    let bowl = try Bowl(
      OptimizerPlan(
        makeRule(name), groups: [], state: storage(format), clip: Clipping(norm: 1)), Self.small)
    try bowl.step(Self.manySteps / 10)
    let before = allocation_bytes()
    try bowl.step(Self.manySteps * 9 / 10)
    // While another test has the other threads, this one takes scratch memory for their part; a leak of
    // a byte a step would be more.
    #expect(abs(allocation_bytes() - before) < 4_096)
    #expect(bowl.isFinite)
  }
}
