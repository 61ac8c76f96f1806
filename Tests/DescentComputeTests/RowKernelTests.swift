import DescentCompute
import Foundation
import Testing

/// Kernels of one row against the formula in double precision.
@Suite struct RowKernelTests {
  static let lengths = [1, 2, 7, 16, 31, 64, 65, 100, 256, 1000]

  private func close(_ a: [Float], _ b: [Double], _ tolerance: Double) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { abs(Double($0) - $1) <= tolerance * (1 + abs($1)) }
  }

  private func softmax(_ x: [Double]) -> [Double] {
    let top = x.max() ?? 0
    let e = x.map { exp($0 - top) }
    let sum = e.reduce(0, +)
    return e.map { $0 / sum }
  }

  @Test(arguments: lengths, [1, 0.125, -2] as [Float])
  func `softmax and its derivative`(n: Int, scale: Float) {
    onEachInstructionSet { name in
      for valid in Set([n, (n + 1) / 2, 1, 0]) {
        let (x, dy) = (randoms(n, deviation: 3), randoms(n, seed: 2))
        let y = [Float](repeating: .nan, count: n).mutableView
        Kernels.softmax(x.view, valid: valid, scale: scale, y)
        let exact = softmax(x[..<valid].map { Double(scale) * Double($0) })
        let zeros = [Double](repeating: 0, count: n - valid)
        #expect(close(y.array, exact + zeros, 1e-6), "\(name) \(valid)")

        let dx = [Float](repeating: .nan, count: n).mutableView
        Kernels.softmaxBackward(y.reading, dy.view, valid: valid, scale: scale, dx)
        let mean = zip(exact, dy).reduce(0.0) { $0 + $1.0 * Double($1.1) }
        let exactDx = zip(exact, dy).map { Double(scale) * $0 * (Double($1) - mean) }
        #expect(close(dx.array, exactDx + zeros, 2e-6), "\(name) \(valid)")

        let inPlace = x.mutableView
        Kernels.softmax(inPlace.reading, valid: valid, scale: scale, inPlace)
        #expect(inPlace.array == y.array)
      }
    }
  }

  @Test func `softmax of large and infinite numbers`() {
    onEachInstructionSet { _ in
      let y = DescentComputeTests.zeros(4)
      Kernels.softmax([1e30, -.infinity, 1e30, -1e30].view, valid: 4, y)
      #expect(y.array == [0.5, 0, 0.5, 0])
      Kernels.softmax([1, .nan, 1, 1].view, valid: 4, y)
      #expect(y.array.allSatisfy { $0.isNaN })
    }
  }

  @Test(arguments: lengths)
  func `cross-entropy`(n: Int) {
    onEachInstructionSet { name in
      let x = randoms(n, deviation: 4)
      let exact = x.map { Double($0) }
      let top = exact.max()!
      let lse = top + log(exact.reduce(0) { $0 + exp($1 - top) })
      let computed = Kernels.logSumExp(x.view)
      #expect(abs(Double(computed) - lse) < 1e-6 * (1 + abs(lse)), "\(name)")
      for target in Set([0, n / 2, n - 1]) {
        let dx = zeros(n)
        Kernels.crossEntropyBackward(x.view, logSum: computed, label: target, scale: 0.5, dx)
        let y = softmax(exact).enumerated().map { 0.5 * ($1 - ($0 == target ? 1 : 0)) }
        #expect(close(dx.array, y, 2e-6), "\(name)")
      }
    }
  }

  @Test func `log-sum-exp at its limits`() {
    onEachInstructionSet { _ in
      func value(_ x: [Float]) -> Float { Kernels.logSumExp(x.view) }
      #expect(value([-.infinity, -.infinity]) == -.infinity)
      #expect(value([.infinity, 1]) == .infinity)
      #expect(value([-.infinity, 2]) == 2)
      #expect(value([1e30, 0]) == 1e30)
      #expect(value([.nan, 1]).isNaN)
      #expect(value([1, .nan, .infinity]).isNaN)
    }
  }

  @Test(arguments: lengths, [false, true])
  func `layer norm and its derivatives`(n: Int, affine: Bool) {
    onEachInstructionSet { name in
      // A mean far from 0 shows cancellation.
      let x = randoms(n).map { $0 + 10 }
      let dy = randoms(n, seed: 2)
      let gain = affine ? randoms(n, seed: 3) : nil
      let bias = affine ? randoms(n, seed: 4) : nil
      let eps = 1e-5
      let xs = x.map { Double($0) }
      let mu = xs.reduce(0, +) / Double(n)
      let r = 1 / (xs.reduce(0) { $0 + ($1 - mu) * ($1 - mu) } / Double(n) + eps).squareRoot()
      let hat = xs.map { ($0 - mu) * r }
      let g = gain?.map { Double($0) } ?? [Double](repeating: 1, count: n)
      let b = bias?.map { Double($0) } ?? [Double](repeating: 0, count: n)
      // One element is its own mean: nothing is left but the rounding of the mean times r.
      let tolerance = n == 1 ? 1e-3 : 2e-5

      let norm = Kernels.Normalization(
        gain: gain?.view, bias: bias?.view, epsilon: Float(eps), isCentered: true)
      let y = zeros(n)
      let (mean, rstd) = Kernels.normalize(x.view, norm, y)
      #expect(close(y.array, (0..<n).map { hat[$0] * g[$0] + b[$0] }, tolerance), "\(name)")
      #expect(abs(Double(mean) - mu) < 1e-5 && abs(Double(rstd) / r - 1) < 1e-4)

      let d = (0..<n).map { Double(dy[$0]) * g[$0] }
      let dMean = d.reduce(0, +) / Double(n)
      let dHat = zip(d, hat).reduce(0) { $0 + $1.0 * $1.1 } / Double(n)
      let dx = zeros(n)
      Kernels.normalizeBackward(x.view, norm, dy.view, mean: mean, scale: rstd, dx)
      let exact = (0..<n).map { r * (d[$0] - dMean - hat[$0] * dHat) }
      #expect(close(dx.array, exact, n <= 2 ? 0.5 : 2e-4), "\(name)")
    }
  }

  @Test(arguments: lengths, [false, true])
  func `RMS norm and its derivatives`(n: Int, affine: Bool) {
    onEachInstructionSet { name in
      let (x, dy) = (randoms(n), randoms(n, seed: 2))
      let gain = affine ? randoms(n, seed: 3) : nil
      let xs = x.map { Double($0) }
      let r = 1 / (xs.reduce(0) { $0 + $1 * $1 } / Double(n) + 1e-6).squareRoot()
      let g = gain?.map { Double($0) } ?? [Double](repeating: 1, count: n)
      let norm = Kernels.Normalization(gain: gain?.view, epsilon: 1e-6, isCentered: false)
      let y = zeros(n)
      let (mean, inverse) = Kernels.normalize(x.view, norm, y)
      #expect(mean == 0 && close(y.array, (0..<n).map { xs[$0] * r * g[$0] }, 2e-6), "\(name)")
      #expect(abs(Double(inverse) / r - 1) < 1e-6)

      let d = (0..<n).map { Double(dy[$0]) * g[$0] }
      let dHat = (0..<n).reduce(0.0) { $0 + d[$1] * xs[$1] * r } / Double(n)
      let dx = zeros(n)
      Kernels.normalizeBackward(x.view, norm, dy.view, mean: 0, scale: inverse, dx)
      #expect(close(dx.array, (0..<n).map { r * (d[$0] - xs[$0] * r * dHat) }, 5e-6), "\(name)")
    }
  }

  @Test(arguments: [1, 3, 17, 64, 65], [0, 1, 5])
  func `gradients of gain and bias`(n: Int, rows: Int) {
    onEachInstructionSet { name in
      let (x, dy) = (randoms(rows * n), randoms(rows * n, seed: 2))
      let (means, scales) = (randoms(rows, seed: 3), randoms(rows, seed: 4))
      let initial = randoms(n, seed: 5)
      func sums(_ isCentered: Bool, bias: Bool) -> (gain: [Float], bias: [Float]) {
        let (dgain, dbias) = (initial.mutableView, initial.mutableView)
        Kernels.normalizeGradients(
          x.view, dy.view, means: means.view, scales: scales.view, isCentered: isCentered,
          dgain: dgain, dbias: bias ? dbias : nil)
        return (dgain.array, dbias.array)
      }
      let (dgain, dbias) = sums(true, bias: true)
      let (only, rms) = (sums(true, bias: false).gain, sums(false, bias: false).gain)
      func exact(_ term: (_ row: Int, _ index: Int) -> Double) -> [Double] {
        (0..<n).map { j in (0..<rows).reduce(Double(initial[j])) { $0 + term($1, $1 * n + j) } }
      }
      let gain = exact { r, i in Double(dy[i]) * Double(x[i] - means[r]) * Double(scales[r]) }
      #expect(close(dgain, gain, 1e-5) && only == dgain, "\(name)")
      #expect(close(dbias, exact { _, i in Double(dy[i]) }, 1e-5), "\(name)")
      #expect(
        close(rms, exact { r, i in Double(dy[i] * x[i]) * Double(scales[r]) }, 1e-5), "\(name)")
    }
  }

  @Test(arguments: lengths, [false, true])
  func `a channel in batch normalization`(n: Int, rectifies: Bool) {
    onEachInstructionSet { name in
      let (x, dy) = (randoms(n, deviation: 2), randoms(n, seed: 2))
      let (mean, scale, shift): (Float, Float, Float) = (0.25, 1.5, -0.5)
      let exact = x.map { (Double($0) - 0.25) * 1.5 - 0.5 }
      let channel = Kernels.Channel(
        mean: mean, scale: scale, shift: shift, rectifies: rectifies, factor: 0.75, drift: 0.125,
        slope: 0.5)
      let y = [Float](repeating: .nan, count: n).mutableView
      Kernels.normalize(x.view, channel, y)
      #expect(close(y.array, exact.map { rectifies ? max($0, 0) : $0 }, 1e-6), "\(name)")

      let come = zip(exact, dy).map { !rectifies || $0 > 0 ? Double($1) : 0 }
      let sums = Kernels.normalizeSums(x.view, channel, dy.view)
      let products = zip(come, x).map { $0 * (Double($1) - 0.25) }
      #expect(abs(sums.dy - come.reduce(0, +)) < 1e-5 * Double(n + 1), "\(name)")
      #expect(abs(sums.product - products.reduce(0, +)) < 1e-5 * Double(n + 1), "\(name)")
      let squares = x.reduce(0) { $0 + (Double($1) - 0.25) * (Double($1) - 0.25) }
      let computed = Double(Kernels.sumOfSquares(x.view, around: mean))
      #expect(abs(computed - squares) < 1e-6 * squares + 1e-6, "\(name)")

      let exactDx = zip(come, x).map { 0.75 * ($0 - 0.125 - (Double($1) - 0.25) * 0.5) }
      let dx = [Float](repeating: 1, count: n).mutableView
      Kernels.normalizeBackward(x.view, channel, dy.view, adds: false, dx)
      #expect(close(dx.array, exactDx, 1e-6), "\(name)")
      Kernels.normalizeBackward(x.view, channel, dy.view, adds: true, dx)
      #expect(close(dx.array, exactDx.map { 2 * $0 }, 2e-6), "\(name)")
    }
  }

  @Test(arguments: [2, 3, 4, 7, 16, 31, 32, 34, 67])
  func `the largest of two by two pixels`(width: Int) {
    onEachInstructionSet { name in
      for height in [2, 5, 8] {
        // Few values, so that many are equal; some NaN, infinite, and zeros of both signs.
        let values: [Float] = [0, -0.0, 1, 1, 2, -1, .nan, .infinity, -.infinity]
        let x = randoms(height * width).map { values[Int(abs($0 * 1000)) % values.count] }
        let (rows, columns) = (height / 2, width / 2)
        let dy = randoms(rows * columns, seed: 3)
        var (expected, slopes) = ([Float](), [Float](repeating: 0, count: x.count))
        for i in 0..<rows {
          for j in 0..<columns {
            let window = [0, 1, width, width + 1].map { 2 * i * width + 2 * j + $0 }
            let first = window.first { x[$0].isNaN } ?? window.max { x[$0] < x[$1] }!
            let place = window.first { x[$0] == x[first] } ?? first
            expected.append(x[place])
            slopes[place] += dy[i * columns + j]
          }
        }
        let y = [Float](repeating: 7, count: rows * columns).mutableView
        Kernels.maxPoolByTwo(x.view, height: height, width: width, y)
        #expect(zip(y.array, expected).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN }, "\(name)")
        let dx = zeros(x.count)
        Kernels.maxPoolByTwoBackward(
          x.view, height: height, width: width, dy.view, adds: false, dx)
        #expect(dx.array == slopes, "\(name) \(height)")
        Kernels.maxPoolByTwoBackward(
          x.view, height: height, width: width, dy.view, adds: true, dx)
        #expect(dx.array == slopes.map { 2 * $0 }, "\(name) \(height)")
      }
    }
  }

  @Test(arguments: [(1, 1), (3, 4), (2, 7), (4, 8), (2, 9), (3, 16), (2, 37)], [0, 1, 3])
  func `images in their frames`(size: (height: Int, width: Int), margin: Int) {
    onEachInstructionSet { name in
      for (above, beside) in [(margin, margin), (margin, 0), (0, margin), (2, 1)] {
        let (height, width) = size
        let x = randoms(3 * height * width)
        let (rows, columns) = (height + 2 * above, width + 2 * beside)
        var expected = [Float](repeating: 0, count: 3 * rows * columns)
        for plane in 0..<3 {
          for i in 0..<height {
            for j in 0..<width {
              expected[(plane * rows + above + i) * columns + beside + j] =
                x[(plane * height + i) * width + j]
            }
          }
        }
        let y = [Float](repeating: .nan, count: expected.count).mutableView
        Kernels.frame(
          x.view, height: height, width: width, above: above, beside: beside, y)
        #expect(y.array == expected, "\(name) \(above) \(beside)")
      }
    }
  }
}
