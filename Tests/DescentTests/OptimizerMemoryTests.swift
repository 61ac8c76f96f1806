import Descent
import DescentCompute
import Foundation
import Testing

/// What an optimizer takes is known before anything is allocated, to the byte.
@Suite("Memory of optimizers") struct OptimizerMemoryTests {
  /// Shapes with odd axes, small tensors, an embedding, a convolution, a scalar and a frozen tensor.
  static let parameters = [
    ParameterInfo("wte.weight", shape: [101, 64], role: .embedding),
    ParameterInfo("h.0.weight", shape: [67, 131], role: .matrix),
    ParameterInfo("h.0.bias", shape: [67], role: .bias),
    ParameterInfo("conv.weight", shape: [5, 3, 3, 3], role: .convolution),
    ParameterInfo("conv.bias", shape: [5], role: .bias),
    ParameterInfo("long.weight", shape: [9001], role: .other),
    ParameterInfo("wide.weight", shape: [1, 4099], role: .matrix),
    ParameterInfo("scale", shape: [], role: .other),
    ParameterInfo("frozen.weight", shape: [80, 70], role: .matrix, trainable: false),
    ParameterInfo("head.weight", shape: [10, 131], role: .head),
  ]

  /// Settings that change what is kept.
  static let cases: [(rule: String, settings: String)] =
    Rules.all.map { ($0.name, "") } + [
      ("sgd", "momentum=0.9"), ("adamw", "amsgrad=true"), ("rmsprop", "momentum=0.9 centered=true"),
      ("adafactor", "beta1=0.9"), ("prodigy", "slice_p=11"), ("lars", "momentum=0.9"),
      ("shampoo-distributed", "max_preconditioner_dim=32"), ("soap", "max_precond_dim=100"),
      ("soap", "precondition_1d=true"), ("kfac", "momentum=0"),
    ]

  @Test("is what is allocated, slot by slot", arguments: cases, StateStorage.Format.allCases)
  func state(_ example: (rule: String, settings: String), _ format: StateStorage.Format) throws {
    var plan = OptimizerPlan(try makeRule(example.rule, example.settings))
    plan.state.format = format
    for weights in [WeightStorage.float32, .bfloat16(.kahan), .bfloat16(.stochastic)] {
      plan.weights = weights
      guard let memory = try? plan.memory(for: Self.parameters) else {
        // What cannot be counted cannot be made, for the same reason.
        #expect(throws: OptimizerError.self) { try plan.check() }
        continue
      }
      let optimizer = try Optimizer<Float>(plan, parameters: Self.parameters, needs: .byCaller)
      #expect(memory.slots == optimizer.stateSlots)
      #expect(memory.stateBytes - memory.outsideBytes == optimizer.stateBytes)
      #expect(memory.trainable == Self.parameters.reduce(0) { $0 + ($1.trainable ? $1.count : 0) })
      #expect(memory.evaluatesElsewhere == optimizer.evaluatesElsewhere)
    }
  }

  @Test("schedules that switch a slot on, and groups, count") func plan() throws {
    let scheduled = try makePlan(
      ["optimizer": "name=sgd lr=0.1", "schedules.momentum": "name=warmup warmup=10"])
    let grouped = try makePlan(
      ["optimizer": "name=adamw state=int8"],
      groups: [
        "name=rest match=*.bias frozen=true", "name=m role=matrix optimizer=muon state=bfloat16",
      ])
    for plan in [scheduled, grouped] {
      let memory = try plan.memory(for: Self.parameters)
      let optimizer = try Optimizer<Float>(plan, parameters: Self.parameters)
      let key = { (slot: StateSlot) in slot.parameter + slot.slot }
      #expect(
        memory.slots.sorted { key($0) < key($1) }
          == optimizer.stateSlots.sorted { key($0) < key($1) })
      #expect(memory.stateBytes == optimizer.stateBytes)
      #expect(memory.stateBytes > 0)
    }
  }

  @Test("L-BFGS's is that of a full history") func history() throws {
    var rule = LBFGS()
    rule.historySize = 3
    let parameters = [ParameterInfo("w", shape: [40]), ParameterInfo("b", shape: [3])]
    let method = try LBFGSOptimizer<Float>(rule, parameters: parameters)
    var weights: [[Float]] = [noise(40, seed: 1), noise(3, seed: 2)]
    for _ in 0..<3 {
      _ = try method.step(&weights) { w in
        let flat = w.flatMap(\.self)
        let rates = flat.indices.map { Float($0 + 1) }
        let loss = zip(rates, flat).reduce(0.0) { $0 + Double($1.0 * $1.1 * $1.1) / 2 }
        let g = zip(rates, flat).map { $0 * $1 }
        return (loss, [Array(g[..<40]), Array(g[40...])])
      }
    }
    #expect(try OptimizerPlan(rule).memory(for: parameters).stateBytes == method.stateBytes)
  }

  @Test("an embedding and small tensors are exempt from 8 bits, and blocks have scales")
  func exemptions() throws {
    var plan = OptimizerPlan(AdamW())
    plan.state.format = .int8
    let bytes = Dictionary(
      try plan.memory(for: Self.parameters).slots.map { ($0.parameter, $0.bytes) },
      uniquingKeysWith: +)
    #expect(bytes["wte.weight"] == 8 * 101 * 64)
    #expect(bytes["h.0.bias"] == 8 * 67)
    #expect(bytes["h.0.weight"] == 2 * (67 * 131 + 4 * 35))
    #expect(bytes["frozen.weight"] == nil)
  }

  /// Each on a thread of its own, which has used no memory yet. The axes are too uneven to be decomposed at the
  /// same time, so that all the work is the calling thread's.
  @Test(
    "what an update works in is what its thread keeps",
    arguments: [
      ("muon", ""), ("soap", ""), ("shampoo", ""),
      ("shampoo-distributed", "precondition_frequency=1 max_preconditioner_dim=2000"),
    ], [[300, 40], [25, 260], [1030, 150]])
  func working(_ example: (rule: String, settings: String), _ shape: [Int]) async throws {
    let kept: (most: Int, counted: Int) = try await withCheckedThrowingContinuation { done in
      Thread.detachNewThread {
        done.resume(
          with: Result {
            let plan = OptimizerPlan(try makeRule(example.rule, example.settings))
            let parameters = [ParameterInfo("w", shape: shape, role: .matrix)]
            let optimizer = try Optimizer<Float>(plan, parameters: parameters)
            let count = shape.reduce(1, *)
            var weights = [noise(count, seed: 1)]
            for step in UInt64(0)..<2 {
              _ = try optimizer.step(&weights, gradients: [noise(count, seed: step)])
            }
            return (Scratch.most, try plan.memory(for: parameters).workingBytes)
          })
      }
    }
    #expect(
      abs(kept.most - kept.counted) < kept.counted / 20, "\(kept.most) of \(kept.counted)")
  }

  /// Even tensors are updated by all threads at the same time, two uneven ones one after the other.
  @Test("small tensors count for each thread that has one") func sideBySide() throws {
    let threads = ThreadPool.shared.threads
    func working(_ shapes: [[Int]]) throws -> Int {
      try OptimizerPlan(Muon()).memory(
        for: shapes.enumerated().map { ParameterInfo("w\($0)", shape: $1, role: .matrix) }
      ).workingBytes
    }
    let one = try working([[200, 200]])
    #expect(try working(Array(repeating: [200, 200], count: 4 * threads)) == threads * one)
    #expect(try working([[10, 10], [200, 200]]) == one)
  }

  /// Bytes a weight of a 512 × 256 matrix, as measured of the reference implementations.
  @Test(
    "agrees with the table of the references",
    arguments: [
      ("sgd", "", 0.0), ("sgd", "momentum=0.9", 4), ("adagrad", "", 4), ("rmsprop", "", 4),
      ("rmsprop", "momentum=0.9", 8), ("rmsprop", "momentum=0.9 centered=true", 12),
      ("adam", "", 8), ("adamw", "", 8), ("adamw", "amsgrad=true", 12), ("nadam", "", 8),
      ("radam", "", 8), ("adamax", "", 8), ("adadelta", "", 8), ("rprop", "", 8), ("lion", "", 4),
      ("muon", "", 4), ("asgd", "", 4), ("lamb", "", 8), ("sophia-g", "", 8), ("prodigy", "", 16),
      ("dadapt-adam", "", 12), ("schedule-free-sgd", "", 4), ("schedule-free-adamw", "", 8),
      ("adafactor", "", 0.0234375), ("adafactor-torch", "", 0.0234375),
      ("soap", "", 28), ("shampoo", "", 20), ("lbfgs", "", 808),
    ])
  func references(_ rule: String, _ settings: String, _ bytes: Double) throws {
    let matrix = ParameterInfo("m.weight", shape: [512, 256], role: .matrix)
    let memory = try OptimizerPlan(try makeRule(rule, settings)).memory(for: [matrix])
    // A count of failures is no state of the weights.
    #expect(abs(Double(memory.stateBytes) / Double(matrix.count) - bytes) < 1e-4)
  }
}
