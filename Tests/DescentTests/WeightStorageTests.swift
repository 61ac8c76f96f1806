import Descent
import DescentCompute
import Testing

/// The bfloat16 numbers nearest to some numbers.
private func rounded(_ x: [Float]) -> [Float] { x.map { NumberFormat.bfloat16.nearest(to: $0) } }

@Suite("Weights in 16 bits", .serialized) struct WeightStorageTests {
  /// Those that round what the optimizer updates.
  private static let roundings = WeightStorage.Rounding.allCases.filter { $0 != .master }

  private func train(
    _ rounding: WeightStorage.Rounding?, _ rule: some Rule, count: Int, steps: Int,
    seed: UInt64 = 1,
    from start: Float = 1, gradient: Float = 1
  ) throws -> (weights: [Float], lost: LostUpdates?, optimizer: Optimizer<Float>) {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, weights: rounding.map { .bfloat16($0, seed: seed) } ?? .float32),
      parameters: [ParameterInfo("w", shape: [count])])
    var weights = [[Float](repeating: start, count: count)]
    let gradients = [[Float](repeating: gradient, count: count)]
    var lost: LostUpdates?
    for _ in 0..<steps { lost = try optimizer.step(&weights, gradients: gradients).lostUpdates }
    return (weights[0], lost, optimizer)
  }

  @Test("plain bfloat16 at 1 does not move at a learning rate of 0.001, and the counter says so")
  func stalls() throws {
    let rule = AdamW(learningRate: 1e-3, weightDecay: 0)
    let (weights, lost, _) = try train(.nearest, rule, count: 1000, steps: 100)
    #expect(weights == Array(repeating: 1, count: 1000))
    #expect(lost == LostUpdates(lost: 1000, updates: 1000) && lost!.share == 1)
    #expect(try train(nil, rule, count: 3, steps: 100).lost == nil)
  }

  /// 200 steps of 1e-4 from 1 end at 0.98, to which 0.98046875 is nearest.
  @Test("Kahan's compensation follows small steps") func kahan() throws {
    let rule = SGD(learningRate: 1e-4)
    let (weights, lost, optimizer) = try train(.kahan, rule, count: 9, steps: 200)
    #expect(weights == Array(repeating: 0.98046875, count: 9))
    #expect(lost?.lost == 0)
    #expect(optimizer.stateBytes == 9 * 2)
    let state = try #require(optimizer.state.first)
    #expect(state.slot == "compensation" && state.shape == [9])
    // What is kept is at most half of the spacing below 1.
    #expect(state.values.allSatisfy { $0 != 0 && abs($0) <= 0x1p-9 })
  }

  @Test("compensation goes on where it was saved") func restored() throws {
    let rule = SGD(learningRate: 1e-4)
    let (weights, _, first) = try train(.kahan, rule, count: 5, steps: 13)
    let second = try Optimizer<Float>(
      OptimizerPlan(rule, weights: .bfloat16(.kahan)), parameters: [ParameterInfo("w", shape: [5])])
    try SavedState(of: first).restore(second)
    var (a, b) = ([weights], [weights])
    for _ in 0..<70 {
      _ = try first.step(&a, gradients: [[1, 1, 1, 1, 1]])
      _ = try second.step(&b, gradients: [[1, 1, 1, 1, 1]])
      #expect(a == b)
    }
    #expect(a != [weights])
  }

  @Test("stochastic rounding follows small steps on average") func stochastic() throws {
    let count = 1 << 16
    let (weights, lost, optimizer) = try train(
      .stochastic, SGD(learningRate: 1e-4), count: count, steps: 200)
    let mean = weights.reduce(0.0) { $0 + Double($1) } / Double(count)
    // 200 draws of one spacing of 2⁻⁸ with probability 0.0256: five deviations of the mean.
    let p = 1e-4 * 256
    let deviation = (200 * p * (1 - p)).squareRoot() / 256 / Double(count).squareRoot()
    #expect(abs(mean - 0.98) < 5 * deviation, "\(mean)")
    #expect(weights == rounded(weights))
    #expect(abs(lost!.share - (1 - p)) < 0.01)
    #expect(optimizer.stateBytes == 0)
  }

  @Test("moments stay in float32 beside 16-bit weights", arguments: roundings)
  func state(_ rounding: WeightStorage.Rounding) throws {
    let (_, _, optimizer) = try train(rounding, AdamW(), count: 10, steps: 1)
    #expect(optimizer.stateBytes == 2 * 10 * 4 + (rounding == .kahan ? 2 * 10 : 0))
    // 0.1·g, which bfloat16 does not have.
    let moment = try #require(optimizer.state.first { $0.slot == "exp_avg" })
    #expect(moment.values[0] != NumberFormat.bfloat16.nearest(to: moment.values[0]))
  }

  /// Updates of all sizes, from below half a spacing to several, for each instruction set.
  @Test("the kernels compute the formulas", arguments: [1, 7, 8, 100, 300])
  func formulas(_ count: Int) {
    let old = rounded(noise(count, seed: 1))
    let scales: [Float] = [1e-4, 1e-3, 1e-2, 1, 0]
    let step = noise(count, seed: 2)
    let new = (0..<count).map { old[$0] + old[$0] * step[$0] * scales[$0 % 5] }
    let k = rounded(noise(count, seed: 3)).map { $0 * 0x1p-10 }
    let (counter, key) = (SIMD4<UInt32>(40, 3, 9, 0x5765_6967), SIMD2<UInt32>(6, 7))
    let random: [UInt16] = (0..<count).map { i in
      let words = RandomStream.philox(counter: counter &+ SIMD4(UInt32(i / 8), 0, 0, 0), key: key)
      return UInt16(truncatingIfNeeded: words[i % 8 / 2] >> (i % 2 == 0 ? 0 : 16))
    }
    for set in Kernels.available {
      #expect(Kernels.select(set))
      defer { Kernels.select(Kernels.available[0]) }
      for rounding in Self.roundings {
        var (w, bits) = (new, old.map { UInt16($0.bitPattern >> 16) })
        var kept = k.map { UInt16($0.bitPattern >> 16) }
        func store(_ kernel: Kernels.WeightRounding) -> (lost: Int, updates: Int) {
          w.withMutableView { w in bits.withMutableView { Kernels.store(w, in: $0, kernel) } }
        }
        let counts: (lost: Int, updates: Int)
        var (expected, rest): ([Float], [Float]) = ([], k)
        switch rounding {
        case .master, .nearest:
          counts = store(.nearest)
          expected = rounded(new)
        case .kahan:
          counts = kept.withMutableView { store(.kahan($0)) }
          for i in 0..<count {
            let sum = rounded([k[i] + (new[i] - old[i])])[0]
            expected.append(rounded([old[i] + sum])[0])
            rest[i] = rounded([sum + (old[i] - expected[i])])[0]
          }
        case .stochastic:
          counts = store(.stochastic(counter: counter, key: key))
          expected = (0..<count).map {
            Float(bitPattern: (new[$0].bitPattern + UInt32(random[$0])) & 0xFFFF_0000)
          }
        }
        #expect(w == expected, "\(set), \(rounding)")
        #expect(bits == expected.map { UInt16($0.bitPattern >> 16) })
        #expect(kept == rest.map { UInt16($0.bitPattern >> 16) })
        let moved = (0..<count).filter { new[$0] != old[$0] }
        let lost = moved.filter { expected[$0] == old[$0] && rest[$0] == k[$0] }
        #expect(counts == (lost.count, moved.count), "\(set), \(rounding)")
      }
    }
  }

  @Test(
    "the same bits for any number of threads, and after going on elsewhere", arguments: roundings)
  func reproducible(_ rounding: WeightStorage.Rounding) throws {
    defer { ThreadPool.shared.setThreads(2) }
    func run(_ threads: Int) throws -> [Float] {
      ThreadPool.shared.setThreads(threads)
      return try train(rounding, Lion(learningRate: 1e-3), count: 30_011, steps: 3).weights
    }
    let one = try run(1)
    for threads in [2, 5] { #expect(try run(threads) == one) }
    if rounding == .stochastic {
      let other = try train(rounding, Lion(learningRate: 1e-3), count: 30_011, steps: 3, seed: 2)
      #expect(other.weights != one)
    }
  }

  @Test("whole-tensor rules round in the same way") func tensorRules() throws {
    let info = [ParameterInfo("w", shape: [128, 160], role: .matrix)]
    for rounding in Self.roundings {
      let optimizer = try Optimizer<Float>(
        OptimizerPlan(Muon(), weights: .bfloat16(rounding, seed: 3)), parameters: info)
      var weights = [noise(128 * 160, seed: 1)]
      let report = try optimizer.step(&weights, gradients: [noise(128 * 160, seed: 2)])
      #expect(weights[0] == rounded(weights[0]))
      #expect(report.lostUpdates!.updates > 20_000)
    }
  }

  @Test("groups with rules of their own round in the same way") func groups() throws {
    let infos = [
      ParameterInfo("matrix", shape: [96, 120], role: .matrix), ParameterInfo("bias", shape: [77]),
    ]
    for rounding in Self.roundings {
      let optimizer = try Optimizer<Float>(
        OptimizerPlan(
          AdamW(),
          groups: [ParameterGroup("hidden", ParameterMatch(roles: [.matrix]), rule: Muon())],
          weights: .bfloat16(rounding)), parameters: infos)
      var weights = [noise(96 * 120, seed: 1), noise(77, seed: 2)]
      let report = try optimizer.step(
        &weights, gradients: [noise(96 * 120, seed: 3), noise(77, seed: 4)])
      #expect(weights == weights.map(rounded))
      #expect(report.lostUpdates!.updates > 96 * 120)
    }
  }

  /// Rules with blocks, with sums, with whole tensors, and one whose result lies elsewhere.
  private static let rules: [any Rule] = [
    AdamW(), SGD(learningRate: 1e-3, momentum: 0.9), LAMB(), Muon(), Adafactor(),
    ScheduleFreeAdamW(),
  ]

  @Test("in the owner's bits lie the weights that are rounded beside floats", arguments: roundings)
  func ownersBits(_ rounding: WeightStorage.Rounding) throws {
    let infos = [
      ParameterInfo("matrix", shape: [96, 120], role: .matrix), ParameterInfo("bias", shape: [77]),
    ]
    let start = [rounded(noise(96 * 120, seed: 1)), rounded(noise(77, seed: 2))]
    var adaptive = Clipping()
    adaptive.adaptive = 0.01
    let tools: [(Clipping, StateStorage.Format)] = [
      (Clipping(), .float32), (Clipping(norm: 0.5), .int8), (adaptive, .float32),
    ]
    for rule in Self.rules {
      for (clip, format) in tools where format == .float32 || rule is AdamW {
        var plan = OptimizerPlan(rule, weights: .bfloat16(rounding, seed: 3))
        (plan.clip, plan.state.format) = (clip, format)
        let (floats, halves) = (
          try Optimizer<Float>(plan, parameters: infos),
          try Optimizer<Float>(plan, parameters: infos)
        )
        var weights = start
        let bits = start.map { $0.map { UInt16($0.bitPattern >> 16) }.mutableView }
        for step in 0..<3 {
          let gradients = infos.enumerated().map { index, info in
            rounded(noise(info.count, seed: UInt64(10 + 2 * step + index)))
          }
          let report = try floats.step(&weights, gradients: gradients)
          // The matrix's gradient lies in 16 bits, the vector's in 32.
          let matrix = gradients[0].map { UInt16($0.bitPattern >> 16) }.mutableView
          let other = try halves.step([
            ParameterMemory(weightBits: bits[0], gradientBits: matrix.reading),
            ParameterMemory(weightBits: bits[1], gradient: gradients[1].mutableView.reading),
          ])
          #expect(report == other, "\(rule)")
        }
        for (weights, bits) in zip(weights, bits) {
          #expect(
            weights.map { UInt16($0.bitPattern >> 16) } == bits.reading.array, "\(rule) \(clip)")
        }
        #expect(halves.stateBytes == floats.stateBytes)
      }
    }
  }

  @Test("an infinite gradient in 16 bits is refused by name, and changes nothing")
  func refusedBits() throws {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(AdamW(), weights: .bfloat16(.nearest)),
      parameters: [ParameterInfo("w", shape: [20_000])])
    let bits = [UInt16](repeating: 0x3F80, count: 20_000).mutableView
    let gradient = [UInt16](repeating: 0, count: 20_000).mutableView
    gradient[12_345] = 0xFF80
    let report = try optimizer.step([
      ParameterMemory(weightBits: bits, gradientBits: gradient.reading)
    ])
    guard case .refused(let culprit) = report.outcome else {
      Issue.record("\(report.outcome)")
      return
    }
    #expect(
      culprit.parameter == "w" && culprit.element == 12_345 && culprit.value == -.infinity)
    #expect(bits.reading.array == [UInt16](repeating: 0x3F80, count: 20_000))
  }

  @Test("weights in 16 bits need a rounding, and none is there for float64") func lacksRounding()
    throws
  {
    let infos = [ParameterInfo("w", shape: [2])]
    let memory = [
      ParameterMemory(
        weightBits: [UInt16](repeating: 0, count: 2).mutableView,
        gradient: [Float](repeating: 1, count: 2).mutableView.reading)
    ]
    for weights in [WeightStorage.float32, .bfloat16(.master)] {
      let optimizer = try Optimizer<Float>(
        OptimizerPlan(AdamW(), weights: weights), parameters: infos)
      #expect(throws: OptimizerError.lacksRounding(parameter: "w")) { try optimizer.step(memory) }
    }
    #expect(throws: OptimizerError.roundedDouble) {
      try Optimizer<Double>(
        OptimizerPlan(AdamW(), weights: .bfloat16(.nearest)), parameters: infos)
    }
  }

  @Test("what is not finite is not disguised") func nonFinite() {
    var w: [Float] = [.infinity, -.infinity, .nan, Float(bitPattern: 0x7FFF_FFFF), 3.4e38]
    var bits = [UInt16](repeating: 0, count: 5)
    let none = Kernels.WeightRounding.stochastic(
      counter: SIMD4(repeating: 0), key: SIMD2(repeating: 0))
    _ = w.withMutableView { w in bits.withMutableView { Kernels.store(w, in: $0, none) } }
    #expect(w[0] == .infinity && w[1] == -.infinity && w[2].isNaN && w[3].isNaN && w[4] > 3.3e38)
  }
}
