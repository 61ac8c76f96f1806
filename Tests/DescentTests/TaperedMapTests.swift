import Descent
import DescentCompute
import Foundation
import Testing

@Suite("Tapered codes") struct TaperedMapTests {
  private func code(
    _ values: [Float], _ book: Codebook, turn: UInt32 = 0
  ) -> (codes: [UInt8], scales: [Float]) {
    var codes = [UInt8](repeating: 99, count: values.count)
    var scales = [Float](repeating: -1, count: Codebook.blocks(of: values.count))
    values.withView { values in
      scales.withMutableView { scales in
        codes.withMutableView {
          Kernels.encode(values, book.reference, turn: turn, scales: scales, codes: $0)
        }
      }
    }
    return (codes, scales)
  }

  private func decode(_ coded: (codes: [UInt8], scales: [Float]), _ book: Codebook) -> [Float] {
    var values = [Float](repeating: .nan, count: coded.codes.count)
    coded.codes.withView { codes in
      coded.scales.withView { scales in
        values.withMutableView { Kernels.decode(codes, scales: scales, book.reference, $0) }
      }
    }
    return values
  }

  private static let books = [
    true: StateStorage.book(signed: true), false: StateStorage.book(signed: false),
  ]

  /// Numbers of all magnitudes, of both signs for a signed map, with a 1 in each block.
  private func numbers(signed: Bool) -> [Float] {
    var random = RandomStream(seed: 7)
    return (0..<5000).map { i in
      let x = i % 128 == 0 ? 1 : Float(pow(10, -14 * Double(random.uniform())))
      return signed && i % 3 == 1 ? -x : x
    }
  }

  @Test("values: 0, ±1 and every octave cut evenly, coarser as they become smaller")
  func values() {
    for (map, zeros) in [(TaperedMap.unsigned, 0), (TaperedMap.signed, 128)] {
      #expect(map.count == 256 && map[zeros] == 0 && map[255] == 1)
      let positive = map[(zeros + 1)...]
      #expect(zip(positive, positive.dropFirst()).allSatisfy { $0 < $1 && $1 <= 2 * $0 })
      let ratios = zip(positive, positive.dropFirst()).map { $1 / $0 - 1 }
      // From the upper to the lower end of an octave, and no more at once.
      #expect(zip(ratios, ratios.dropFirst()).allSatisfy { $1 <= 2.1 * $0 })
    }
    #expect(TaperedMap.unsigned[1] == 0x1p-31 && TaperedMap.signed[129] == 0x1p-20)
    #expect(TaperedMap.signed[1] == -1)
  }

  @Test("the same codes on every instruction set", arguments: [false, true])
  func instructionSets(signed: Bool) throws {
    let before = Kernels.instructionSet
    defer { Kernels.select(before) }
    let (values, book) = (numbers(signed: signed), try #require(Self.books[signed]))
    var first: [UInt8]?
    for name in Kernels.available {
      Kernels.select(name)
      let codes = code(values, book, turn: 12345).codes
      #expect(codes == first ?? codes, "\(name)")
      first = codes
    }
  }

  @Test("a value that was decoded keeps its code in every step", arguments: [false, true])
  func again(signed: Bool) throws {
    let book = try #require(Self.books[signed])
    for scale: Float in [1, 3e-7, 0.1, 1.7e20] {
      let coded = code(numbers(signed: signed).map { $0 * scale }, book)
      for t in 0..<20 {
        let turn = Codebook.turn(t, slot: 1, firstBlock: 3)
        let again = code(decode(coded, book), book, turn: turn)
        #expect(again.codes == coded.codes && again.scales == coded.scales)
      }
    }
  }

  @Test("signed numbers take the nearest value") func nearest() throws {
    let (values, book) = (numbers(signed: true), try #require(Self.books[true]))
    let map = TaperedMap.signed
    for (x, y) in zip(values, decode(code(values, book), book)) where abs(x) >= 0x1p-20 {
      let best = map.map { abs($0 - x) }.min() ?? 0
      #expect(abs(y - x) <= best * 1.0001, "\(x) became \(y)")
    }
  }

  @Test("numbers that are never negative keep their mean over steps, and only 0 becomes 0")
  func means() throws {
    let (values, book) = (numbers(signed: false), try #require(Self.books[false]))
    var sums = [Double](repeating: 0, count: values.count)
    let steps = 400
    for t in 1...steps {
      let decoded = decode(code(values, book, turn: Codebook.turn(t, slot: 0, firstBlock: 0)), book)
      for (i, y) in decoded.enumerated() { sums[i] += Double(y) }
    }
    for (x, sum) in zip(values, sums) {
      #expect(sum > 0)
      guard x >= 0x1p-31 else { continue }
      #expect(abs(sum / Double(steps) / Double(x) - 1) < 0.01, "\(x)")
    }
    #expect(code([1, 0, 1e-38, 0x1p-149], book).codes == [255, 0, 1, 1])
  }

  @Test("an average that changes by less than half a step follows, and does not stay")
  func slow() throws {
    let book = try #require(Self.books[false])
    // v ← 0.999·v + 0.001·g² of 255 elements far below one that decays alone.
    var v = [Float](repeating: 1e-6, count: 256)
    v[0] = 1
    for t in 1...2000 {
      for i in v.indices { v[i] = 0.999 * v[i] + (i == 0 ? 0 : 0.001 * 3e-6) }
      v = decode(code(v, book, turn: Codebook.turn(t, slot: 0, firstBlock: 0)), book)
    }
    let exact = 3e-6 - 2e-6 * pow(0.999, 2000)
    let mean = v.dropFirst().reduce(0) { $0 + Double($1) } / 255
    #expect(abs(mean / exact - 1) < 0.05)
    // Two values an octave there: none is further than one of them.
    #expect(v.dropFirst().allSatisfy { abs(Double($0) / exact - 1) < 0.6 })
  }
}

/// What a spike in a block does to the others: 8-bit state against float32, beside bitsandbytes'
/// codes.
@Suite("Spikes in 8-bit state") struct SpikeTests {
  /// The rules that divide by a moment.
  static let rules =
    Rules.names.filter { name in
      let slots = try? makeRule(name).slots(for: ParameterInfo("w", shape: [512]))
      return slots?.contains { $0.shape == nil && [.nonnegative, .largest].contains($0.range) }
        ?? false
    } + ["sophia-h"]

  private static let seeds = 0..<8
  /// For each seed, normal numbers for 20 gradients and as many estimates of the curvature.
  private static let noises = seeds.map { seed in
    (0..<40).map { t in noise(512, seed: UInt64(1000 * seed + t)).map { $0 / 100 } }
  }

  /// Where the weights are after 20 steps with spikes, without those that had them.
  private func path(
    _ name: String, _ spike: Float, every: Int, _ codes: StateStorage.Codes?, seed: Int
  ) throws -> [Float] {
    var storage = StateStorage(codes == nil ? .float32 : .int8)
    (storage.minimum, storage.codes) = (1, codes ?? .tapered)
    let decays = try settingNames(Rules.named(name)).intersection(["weight_decay"])
    let rule = try makeRule(name, decays.map { "\($0)=0" }.joined())
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, groups: [], state: storage),
      parameters: [ParameterInfo("w", shape: [512])], needs: .byCaller)
    var weights = [[Float](repeating: 1, count: 512)]
    for t in 0..<20 {
      var g = Self.noises[seed][t]
      if spike > 1, t % every == 0 { (g[0], g[300]) = (spike / 100, -spike / 100) }
      _ = try optimizer.step(&weights, gradients: [g])
      if optimizer.curvatureIsDue {
        _ = try optimizer.foldCurvature([Self.noises[seed][20 + t]])
      }
    }
    return weights[0].indices.filter { $0 != 0 && $0 != 300 }.map { weights[0][$0] }
  }

  @Test(
    "the others deviate from float32 no more than with bitsandbytes' codes, in the mean over seeds",
    arguments: rules)
  func robust(_ name: String) throws {
    for every in [1000, 4] {
      for spike: Float in [1, 10, 100, 1e3, 1e4, 1e5, 1e6] where spike > 1 || every > 20 {
        let exact = try Self.seeds.map { try path(name, spike, every: every, nil, seed: $0) }
        func errors(_ codes: StateStorage.Codes) throws -> [Double] {
          try Self.seeds.map { seed in
            let other = try path(name, spike, every: every, codes, seed: seed)
            let squares = zip(other, exact[seed]).map { Double($0 - $1) * Double($0 - $1) }
            return (squares.reduce(0, +) / Double(squares.count)).squareRoot()
          }
        }
        let ours = try errors(.tapered)
        for codes in [StateStorage.Codes.nearest, .table] {
          let theirs = try errors(codes)
          // A second moment alone, all within the two decades where bitsandbytes' map is densest:
          // as dense a map that keeps the mean over steps has a little more noise.
          let limit = codes == .nearest && spike <= 10 ? 1.15 : 1
          let differences = zip(ours, theirs).map { $0 - limit * $1 }
          let n = Double(differences.count)
          let mean = differences.reduce(0, +) / n
          let variance = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (n - 1)
          // Two standard errors of that mean: what chance does.
          #expect(
            mean <= 2 * (variance / n).squareRoot(),
            "\(spike) times every \(every), \(codes): \(ours), \(theirs)")
        }
      }
    }
  }
}
