import Descent
import DescentCompute
import Foundation
import Safetensors
import Testing

@Suite("8-bit codes") struct CodeTests {
  private static let file = try! Trajectory.open("eight-bit")

  @Test("the maps are bitsandbytes', to the bit") func maps() throws {
    #expect(try Self.file.floats(of: "map/signed") == DynamicMap.signed)
    #expect(try Self.file.floats(of: "map/unsigned") == DynamicMap.unsigned)
  }

  /// The nearest value in exact arithmetic; halfway, the lower code.
  private func nearest(_ x: Float, _ map: [Float]) -> Int {
    var best = 0
    for code in 1..<256
    where abs(Double(x) - Double(map[code])) < abs(Double(x) - Double(map[best])) {
      best = code
    }
    // What is never negative becomes 0 only where it is 0.
    return map[0] == 0 && x > 0 ? max(best, 1) : best
  }

  private func code(_ values: [Float], _ book: Codebook) -> (codes: [UInt8], scales: [Float]) {
    var codes = [UInt8](repeating: 99, count: values.count)
    var scales = [Float](repeating: -1, count: (values.count + 255) / 256)
    values.withView { values in
      scales.withMutableView { scales in
        codes.withMutableView { Kernels.encode(values, book.reference, scales: scales, codes: $0) }
      }
    }
    return (codes, scales)
  }

  @Test(
    "the nearest code on every instruction set, at every threshold and its neighbours",
    arguments: Kernels.available, [false, true])
  func nearest(_ name: String, signed: Bool) {
    let before = Kernels.instructionSet
    Kernels.select(name)
    defer { Kernels.select(before) }
    let map = signed ? DynamicMap.signed : DynamicMap.unsigned
    var values: [Float] = [0, 1, .leastNonzeroMagnitude, 1e-30, 1e-9]
    for (low, high) in zip(map, map.dropFirst()) {
      let middle = Float((Double(low) + Double(high)) / 2)
      values += [middle.nextDown, middle, middle.nextUp, low, high, low.nextUp]
    }
    var random = RandomStream(seed: 5)
    for _ in 0..<20_000 {
      values.append(Float(pow(10, -8 * Double(random.uniform()))))
    }
    if signed { values += values.map(-) }
    let book = Codebook(map)
    // A 1 in each block makes its scale 1, so that the elements are the ratios.
    for start in stride(from: 0, to: values.count, by: 255) {
      let block = [1] + values[start..<min(start + 255, values.count)]
      let (codes, scales) = code(block, book)
      #expect(scales == [1])
      #expect(codes == block.map { UInt8(nearest($0, map)) })
    }
  }

  @Test("scales: the largest magnitude of each 256; zeros, infinity and NaN") func scales() {
    let book = Codebook(DynamicMap.signed)
    var values = noise(700, seed: 3)
    values.replaceSubrange(256..<512, with: Array(repeating: 0, count: 256))
    let (codes, scales) = code(values, book)
    #expect(scales.count == 3 && scales[1] == 0)
    #expect(
      scales[0] == values[..<256].map(abs).max() && scales[2] == values[512...].map(abs).max())
    var back = [Float](repeating: 9, count: 700)
    codes.withView { codes in
      scales.withView { scales in
        back.withMutableView { Kernels.decode(codes, scales: scales, book.reference, $0) }
      }
    }
    for (i, (x, y)) in zip(values, back).enumerated() {
      // Half of the widest step of the map.
      #expect(abs(x - y) <= 0.00704 * scales[i / 256], "element \(i)")
    }
    #expect(code([-2, 1], book).codes[0] == 0, "−1 is not a value of the signed map")
    let infinite = code([.infinity, 1], book)
    #expect(infinite.scales == [.greatestFiniteMagnitude] && infinite.codes[0] == 255)
    #expect(code([.nan, 1], book).scales[0].isNaN)
  }

  @Test("bfloat16 is the nearest, ties to even", arguments: Kernels.available)
  func bfloat16(_ name: String) {
    let before = Kernels.instructionSet
    Kernels.select(name)
    defer { Kernels.select(before) }
    let tie = Float(bitPattern: 0x3f80_8000)
    let values = noise(1000, seed: 1) + [tie, tie.nextUp, tie.nextDown, -tie, 0, -0.0, .infinity]
    func bits(_ values: [Float]) -> [UInt16] {
      var bits = [UInt16](repeating: 0, count: values.count)
      values.withView { values in bits.withMutableView { Kernels.toBFloat16(values, $0) } }
      return bits
    }
    var back = [Float](repeating: 9, count: values.count)
    bits(values).withView { bits in back.withMutableView { Kernels.fromBFloat16(bits, $0) } }
    for (x, y) in zip(values, back) {
      let low = Float(bitPattern: x.bitPattern & 0xffff_0000)
      let high = Float(bitPattern: low.bitPattern &+ 0x1_0000)
      let (below, above) = (abs(x - low), abs(high - x))
      let expected =
        x.isInfinite || below < above || (below == above && low.bitPattern & 0x1_0000 == 0)
        ? low : high
      #expect(y.bitPattern == expected.bitPattern, "\(x)")
    }
    #expect(bits([Float(bitPattern: 0x7f80_0001)])[0] & 0x7fff > 0x7f80, "a NaN stays one")
  }
}

@Suite("State storage") struct StateStorageTests {
  /// The recorded runs.
  private static let recorded: [String: Case] = {
    let json = try! Trajectory.open("eight-bit").metadata["cases"]!
    return try! JSONDecoder().decode([String: Case].self, from: Data(json.utf8))
  }()

  private struct Case: Decodable, Sendable {
    let optimizer: String
    let set: [String: Trajectory.SettingText]
    let steps: Int
    let rtol: Double
    let quantizer: String
    let minimum: Int
  }

  @Test(
    "codes and scales are those of bitsandbytes and of the formula",
    arguments: recorded.keys.sorted())
  func codes(_ name: String) throws {
    let file = try Trajectory.open("eight-bit")
    let recorded = try #require(Self.recorded[name])
    let names = file.names.filter {
      $0.hasPrefix("\(name)/param/") && $0.split(separator: "/").count == 3
    }.map { String($0.split(separator: "/")[2]) }.sorted()
    let parameters = try names.map {
      ParameterInfo($0, shape: try file.entry("\(name)/param/\($0)").shape)
    }
    var storage = StateStorage(.int8)
    storage.minimum = recorded.minimum
    storage.codes = try #require(StateStorage.Codes(rawValue: recorded.quantizer))
    func make<R: Rule>(_: R.Type) throws -> Optimizer<Float> {
      try Optimizer(
        OptimizerPlan(R(recorded.set.map { ($0.key, $0.value.text) }), groups: [], state: storage),
        parameters: parameters)
    }
    let optimizer = try make(try Rules.named(recorded.optimizer))
    var weights = try names.map { try file.floats(of: "\(name)/param/\($0)") }
    var compared = 0
    for step in 1...recorded.steps {
      _ = try optimizer.step(
        &weights, gradients: try names.map { try file.floats(of: "\(name)/grad/\(step)/\($0)") })
      for (parameter, values) in zip(names, weights)
      where file.contains("\(name)/param/\(step)/\(parameter)") {
        let expected = try file.floats(of: "\(name)/param/\(step)/\(parameter)")
        for (i, (x, y)) in zip(values, expected).enumerated() {
          #expect(
            abs(x - y) <= Float(recorded.rtol) * (1 + abs(y)), "\(parameter)[\(i)] after \(step)")
        }
      }
      for (number, state) in optimizer.state.enumerated() {
        // bitsandbytes counts its slots.
        let slots = [state.slot, "state\(number % (optimizer.state.count / names.count) + 1)"]
        for slot in slots {
          let path = "\(name)/float32/\(step)/\(slot)/\(state.parameter)"
          guard file.contains(path) else { continue }
          for (x, y) in zip(state.values, try file.floats(of: path)) {
            #expect(abs(x - y) <= 1e-6 * (1 + abs(y)), "\(path)")
          }
        }
        for slot in slots where file.contains("\(name)/codes/\(step)/\(slot)/\(state.parameter)") {
          let path = "\(step)/\(slot)/\(state.parameter)"
          let codes = try file.bytes(of: "\(name)/codes/\(path)")
          let scales = try file.floats(of: "\(name)/absmax/\(path)")
          let map = state.slot == "exp_avg_sq" ? DynamicMap.unsigned : DynamicMap.signed
          for (i, value) in state.values.enumerated() {
            let expected = map[Int(codes[i])] * scales[i / 256]
            // Neighbouring values are further apart than this.
            #expect(
              abs(value - expected) <= 1e-6 * abs(expected),
              "\(path)[\(i)] is \(value), not \(expected)")
          }
          compared += 1
        }
      }
    }
    #expect(compared > 0)
  }

  private static let parameters = [
    ParameterInfo("matrix", shape: [72, 130], role: .matrix), ParameterInfo("bias", shape: [130]),
    ParameterInfo("kernels", shape: [12, 8, 7, 7], role: .convolution),
    ParameterInfo("table", shape: [50, 100], role: .embedding),
  ]

  private func run(
    _ rule: any Rule.Type, _ storage: StateStorage, threads: Int
  ) throws -> [[Float]] {
    ThreadPool.shared.setThreads(threads)
    func make<R: Rule>(_: R.Type) throws -> Optimizer<Float> {
      try Optimizer(
        OptimizerPlan(R(), groups: [], state: storage, clip: Clipping(norm: 1)),
        parameters: Self.parameters, needs: .byCaller)
    }
    let optimizer = try make(rule)
    var weights = Self.parameters.map { noise($0.count, seed: UInt64($0.count)) }
    for step in 1...4 {
      let noisy = Self.parameters.map { noise($0.count, seed: UInt64(step * 1000 + $0.count)) }
      let gradients = zip(weights, noisy).map { w, n in zip(w, n).map { $0 + $1 / 4 } }
      #expect(try optimizer.step(&weights, gradients: gradients).applied)
      if optimizer.takesCurvature {
        #expect(try optimizer.foldCurvature(noisy) == .applied)
      }
    }
    return weights + optimizer.state.map(\.values)
  }

  @Test(
    "every rule in every storage gives the same bits for 1, 2, 3 and 8 threads",
    arguments: Rules.all.filter { $0.name != LBFGS.name }.map { $0.name },
    StateStorage.Format.allCases)
  func threads(_ name: String, _ format: StateStorage.Format) throws {
    let threads = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(threads) }
    var storage = StateStorage(format)
    storage.minimum = 1
    let rule = try Rules.named(name)
    let one = try run(rule, storage, threads: 1)
    #expect(one.allSatisfy { $0.allSatisfy(\.isFinite) })
    for count in [2, 3, 8] {
      #expect(try run(rule, storage, threads: count) == one, "\(count) threads")
    }
  }

  @Test("compressed state stays near float32's: the weights move by nearly the same steps")
  func nearness() throws {
    // The rules whose steps are continuous in their state; Lion and Rprop take signs.
    for name in ["sgd", "adam", "adamw", "nadam", "lamb", "prodigy", "schedule-free-adamw"] {
      let rule = try Rules.named(name)
      let start = Self.parameters.map { noise($0.count, seed: UInt64($0.count)) }
      let exact = try run(rule, StateStorage(), threads: 2)
      for (format, bound) in [(StateStorage.Format.bfloat16, 0.01), (.int8, 0.1)] {
        let given = try run(rule, StateStorage(format), threads: 2)
        var (error, length) = (0.0, 0.0)
        for k in Self.parameters.indices {
          for i in start[k].indices {
            error += pow(Double(given[k][i] - exact[k][i]), 2)
            length += pow(Double(exact[k][i] - start[k][i]), 2)
          }
        }
        #expect(
          error <= bound * bound * length, "\(name) \(format) \((error / length).squareRoot())")
      }
    }
  }

  @Test("real bytes, and who is exempt for what reason") func bytes() throws {
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(AdamW(learningRate: 1e-3), state: StateStorage(.int8)),
      parameters: Self.parameters)
    func slot(_ parameter: String) -> StateSlot {
      optimizer.stateSlots.first { $0.parameter == parameter && $0.slot == "exp_avg_sq" }!
    }
    #expect(slot("matrix").format == .int8 && slot("matrix").exemption == nil)
    #expect(slot("matrix").bytes == 72 * 130 + 4 * 37)
    #expect(slot("bias").format == .float32 && slot("bias").bytes == 4 * 130)
    #expect(slot("bias").exemption == "fewer than 4096 elements")
    #expect(slot("table").exemption == "role embedding")
    #expect(optimizer.stateBytes == optimizer.stateSlots.reduce(0) { $0 + $1.bytes })

    // In 16 bits each number has its own exponent, so that none is exempt.
    let everything = try Optimizer<Float>(
      OptimizerPlan(AdamW(learningRate: 1e-3), state: StateStorage(.bfloat16)),
      parameters: Self.parameters)
    #expect(everything.stateBytes == 2 * 2 * Self.parameters.reduce(0) { $0 + $1.count })

    let grouped = try Optimizer<Float>(
      OptimizerPlan(
        AdamW(learningRate: 1e-3),
        groups: [
          ParameterGroup("k", ParameterMatch(names: ["k*"]), settings: [("state", "float32")])
        ], state: StateStorage(.int8)), parameters: Self.parameters)
    #expect(
      grouped.stateSlots.filter { $0.format == .int8 }.map(\.parameter) == ["matrix", "matrix"])
  }

  @Test("slots that weights are rebuilt from stay exact") func exact() throws {
    for (rule, slot) in [("schedule-free-sgd", "z"), ("prodigy", "p0"), ("asgd", "ax")] {
      func make<R: Rule>(_: R.Type) throws -> Optimizer<Float> {
        try Optimizer(OptimizerPlan(R(), state: StateStorage(.int8)), parameters: Self.parameters)
      }
      let slots = try make(try Rules.named(rule)).stateSlots.filter { $0.slot == slot }
      #expect(!slots.isEmpty && slots.allSatisfy { $0.format == .float32 })
    }
  }

  @Test("what cannot be is refused") func refused() throws {
    let parameters = Self.parameters
    #expect(throws: OptimizerError.compressedDouble) {
      try Optimizer<Double>(
        OptimizerPlan(AdamW(learningRate: 1e-3), state: StateStorage(.int8)), parameters: parameters
      )
    }
    var centered = RMSprop(learningRate: 1e-3)
    centered.centered = true
    let rule = centered
    do {
      _ = try Optimizer<Float>(
        OptimizerPlan(rule, state: StateStorage(.int8)), parameters: parameters)
      Issue.record("centered RMSprop in int8 was accepted")
    } catch {
      #expect("\(error)".hasPrefix("rmsprop cannot be combined with state=int8: centered=true"))
    }
    #expect(throws: SettingErrors.self) { try StateStorage([("state", "int4")]) }
    #expect(throws: SettingErrors.self) { try StateStorage([("state_exempt", "embeding")]) }
  }
}
