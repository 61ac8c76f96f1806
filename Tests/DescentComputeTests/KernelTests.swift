import DescentCompute
import Foundation
import Testing

typealias Map = @Sendable (View<Float>, MutableView<Float>) -> Void
typealias Both = @Sendable (View<Float>, MutableView<Float>, MutableView<Float>) -> Void
typealias Map2 = @Sendable (View<Float>, View<Float>, MutableView<Float>) -> Void

/// Φ(x)
@Sendable private func normal(_ x: Double) -> Double { 0.5 * erfc(-x * 0.5.squareRoot()) }

/// A kernel of each element, the same in double precision, and the error it may have:
/// |error| ≤ absolute + relative·|exact|.
struct ElementCase: CustomTestStringConvertible, Sendable {
  let testDescription: String
  let kernel: Map
  let absolute: Double
  let relative: Double
  let exact: @Sendable (Double) -> Double

  init(
    _ name: String, _ absolute: Double, _ relative: Double, _ kernel: @escaping Map,
    _ exact: @escaping @Sendable (Double) -> Double
  ) {
    testDescription = name
    self.kernel = kernel
    (self.absolute, self.relative, self.exact) = (absolute, relative, exact)
  }

  func values(_ x: [Float]) -> [Float] {
    let y = [Float](repeating: .nan, count: x.count).mutableView
    kernel(x.view, y)
    return y.array
  }

  static let smallest = Double(Float.leastNonzeroMagnitude)

  static let all: [ElementCase] = [
    .init("exp", smallest, 1.3e-7, Kernels.exp) { exp($0) },
    .init("tanh", smallest, 3e-7, Kernels.tanh) { tanh($0) },
    .init("sigmoid", 1e-37, 3e-7, Kernels.sigmoid) { 1 / (1 + exp(-$0)) },
    .init("silu", 1e-36, 3e-7, Kernels.silu) { $0 / (1 + exp(-$0)) },
    .init("gelu", 6e-8, 1.7e-7, Kernels.gelu) { $0 * normal($0) },
    .init("gelu tanh", 5e-8, 4e-7, Kernels.geluTanh) {
      0.5 * $0 * (1 + tanh(0.7978845608028654 * ($0 + 0.044715 * $0 * $0 * $0)))
    },
    .init("silu′", 3e-7, 2e-7, { derivative(Kernels.siluBackward, $0, $1) }) {
      let s = 1 / (1 + exp(-$0))
      return s * (1 + $0 * (1 - s))
    },
    .init("gelu′", 2e-7, 2e-7, { derivative(Kernels.geluBackward, $0, $1) }) {
      normal($0) + $0 * exp(-0.5 * $0 * $0) * 0.3989422804014327
    },
    .init("gelu tanh′", 5e-7, 3e-7, { derivative(Kernels.geluTanhBackward, $0, $1) }) {
      let (c, a) = (0.7978845608028654, 0.044715)
      let t = tanh(c * ($0 + a * $0 * $0 * $0))
      return 0.5 * (1 + t) + 0.5 * $0 * (1 - t * t) * c * (1 + 3 * a * $0 * $0)
    },
  ]

  /// A backward kernel for dy = 2, halved: an error in the use of dy shows.
  private static func derivative(_ kernel: Map2, _ x: View<Float>, _ y: MutableView<Float>) {
    kernel(x, [Float](repeating: 2, count: x.count).view, y)
    for i in y.indices { y[i] /= 2 }
  }
}

/// All instruction sets, in loops inside tests: selecting one holds for the calling thread.
func onEachInstructionSet(_ body: (String) -> Void) {
  defer { Kernels.select(Kernels.available[0]) }
  for name in Kernels.available {
    Kernels.select(name)
    body(name)
  }
}

func randoms(_ count: Int, seed: UInt64 = 1, deviation: Float = 1) -> [Float] {
  var random = RandomStream(seed: seed)
  return (0..<count).map { _ in deviation * random.normal() }
}

@Suite struct ElementKernelTests {
  @Test func `values and slopes together have the bits that they have apart`() {
    let x = Self.grid
    let ones = [Float](repeating: 1, count: x.count)
    onEachInstructionSet { name in
      for (value, slope, both) in [
        (Kernels.gelu, Kernels.geluBackward, Kernels.geluWithSlope),
        (Kernels.geluTanh, Kernels.geluTanhBackward, Kernels.geluTanhWithSlope),
      ] as [(Map, Map2, Both)] {
        let (y, dx) = (ones.mutableView, ones.mutableView)
        let (z, dz) = (ones.mutableView, ones.mutableView)
        value(x.view, y)
        slope(x.view, ones.view, dx)
        both(x.view, z, dz)
        #expect(y.array == z.array, "\(name)")
        #expect(dx.array == dz.array, "\(name)")
      }
    }
  }

  @Test func `dropout goes by the words of a stream, from any place on`() {
    let random = RandomStream(seed: 1 << 40 | 3, stream: 1 << 33 | 5)
    let x = randoms(150)
    onEachInstructionSet { name in
      // Blocks have four words; their numbers reach beyond 32 bits.
      for start in [0, 1, 6, 31, 1 << 34 - 71, 1 << 34 + 2] {
        for n in [0, 1, 3, 4, 5, 33, 150] {
          let y = [Float](repeating: 7, count: n + 1).mutableView
          Kernels.dropout(
            x[..<n].map { $0 }.view, random, from: start, threshold: 1 << 30, scale: 1.5, y[0..<n])
          let expected = (0..<n).map { i in
            let word = random.block(UInt64(start + i) / 4)[(start + i) % 4]
            return word < 1 << 30 ? 0 : 1.5 * x[i]
          }
          #expect(y.array == expected + [7], "\(name), \(n) from \(start)")
        }
      }
    }
  }

  /// A fine grid, its neighbourhood of 0, and lengths that leave every remainder of a vector.
  static let grid: [Float] =
    (-40_000...40_000).map { Float($0) * 0.0025 }
    + (-300...300).map { Float($0) * 0.0003 } + [1e-10, -1e-10, 1e-38, -0.0]

  @Test(arguments: ElementCase.all)
  func `is as near to the function as it says`(c: ElementCase) {
    onEachInstructionSet { name in
      let y = c.values(Self.grid)
      var worst = (ratio: 0.0, x: Float(0))
      for (x, y) in zip(Self.grid, y) {
        let exact = c.exact(Double(x))
        if exact > Double(Float.greatestFiniteMagnitude) {
          if y != .infinity { worst = (.infinity, x) }
          continue
        }
        let ratio = abs(Double(y) - exact) / (c.absolute + c.relative * abs(exact))
        if !(ratio <= worst.ratio) { worst = (ratio, x) }
      }
      #expect(worst.ratio <= 1, "\(name) at \(worst.x)")
    }
  }

  @Test(arguments: ElementCase.all)
  func `every remainder of a vector, and nothing beyond`(c: ElementCase) {
    onEachInstructionSet { name in
      for n in 0...67 {
        let x = randoms(n, seed: UInt64(n))
        let y = [Float](repeating: 7, count: n + 16).mutableView
        c.kernel(x.view, y[0..<n])
        let whole = c.values(x + randoms(64))
        #expect(y[0..<n].array == Array(whole[..<n]), "\(name) \(n)")
        #expect(y.from(n).array.allSatisfy { $0 == 7 }, "\(name) \(n)")
      }
    }
  }

  @Test(arguments: ElementCase.all)
  func `a NaN stays a NaN`(c: ElementCase) {
    onEachInstructionSet { name in
      for i in [0, 5, 18] {
        var x = [Float](repeating: 0.5, count: 19)
        x[i] = .nan
        let y = c.values(x)
        #expect(y.indices.filter { y[$0].isNaN } == [i], "\(name)")
      }
    }
  }

  @Test func `exp at its limits`() {
    let c = ElementCase.all[0]
    onEachInstructionSet { _ in
      let x: [Float] = [-.infinity, -1000, -104, 0, -0.0, 88.72, 88.73, 1000, .infinity, -100]
      let y = c.values(x)
      #expect(Array(y[0..<5]) == [0, 0, 0, 1, 1])
      #expect(y[5].isFinite && y[6...8].allSatisfy { $0 == .infinity })
      #expect(y[9] > 0 && y[9] < Float.leastNormalMagnitude)
    }
  }

  @Test func `plain arithmetic`() {
    onEachInstructionSet { _ in
      for n in [0, 1, 3, 15, 16, 33, 100] {
        let (a, b) = (randoms(n), randoms(n, seed: 2))
        let (sum, y) = (zeros(n), b.mutableView)
        Kernels.add(a.view, b.view, sum)
        #expect(sum.array == zip(a, b).map { $0 + $1 })
        Kernels.axpy(2, a.view, y)
        #expect(y.array == zip(a, b).map { 2 * $0 + $1 })
      }
    }
  }

  @Test func `column sums`() {
    onEachInstructionSet { _ in
      for n in [1, 4, 31, 65, 128, 130] {
        let rows = 7
        let (initial, x) = (randoms(n), randoms(rows * n, seed: 2))
        let sums = initial.mutableView
        Kernels.columnSums(x.view, rows: rows, sums)
        for j in 0..<n {
          let exact = (0..<rows).reduce(Double(initial[j])) { $0 + Double(x[$1 * n + j]) }
          #expect(abs(Double(sums[j]) - exact) < 3e-6)
        }
      }
    }
  }
}

@Suite struct ReductionTests {
  @Test func `sums in double precision`() {
    onEachInstructionSet { _ in
      for n in [0, 1, 2, 5, 31, 64, 1000, 4097] {
        let a = randoms(n)
        let bound = 1e-15 * Double(n + 1)
        let (s, q) = (Kernels.sum(a.view), Kernels.sumOfSquares(a.view))
        #expect(abs(s - a.reduce(0.0) { $0 + Double($1) }) <= 4 * bound)
        #expect(abs(q - a.reduce(0.0) { $0 + Double($1) * Double($1) }) <= 4 * bound)
      }
    }
  }

  @Test func `squares do not overflow`() {
    onEachInstructionSet { _ in
      let q = Kernels.sumOfSquares([1e30, 1e30, 1e30].view)
      #expect(abs(q / 3e60 - 1) < 1e-6)
    }
  }

  @Test func `the largest magnitude`() {
    onEachInstructionSet { _ in
      for n in [1, 7, 64, 1025, 3000] {
        var x = randoms(n)
        #expect(Kernels.maxMagnitude(x.view) == x.map(abs).max())
        for bad: Float in [.nan, .infinity, -.infinity] {
          for i in Set([0, n / 2, n - 1]) {
            var y = x
            y[i] = bad
            y[n - 1] = bad
            let m = Kernels.maxMagnitude(y.view)
            #expect(bad.isNaN ? m.isNaN : m == .infinity)
          }
        }
        x[n - 1] = -100
        #expect(Kernels.maxMagnitude(x.view) == 100)
      }
      #expect(Kernels.maxMagnitude([Float]().view) == 0)
    }
  }
}
