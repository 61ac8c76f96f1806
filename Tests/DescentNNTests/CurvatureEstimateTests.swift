import Descent
import DescentNN
import Foundation
import Safetensors
import Testing

/// Softmax regression, whose Gauss-Newton matrix is its Hessian and is known.
private final class Regression: Module {
  let layer: Linear
  init(inputs: Int, classes: Int) {
    var random = RandomStream(seed: 5)
    layer = Linear(inputs: inputs, outputs: classes, bias: false, random: &random)
    assignNames()
  }
  var members: [Member] { [.module("layer", layer)] }
}

@Suite("Estimates of the curvature") struct CurvatureEstimateTests {
  @Test("sampled classes have the probabilities of the softmax, and follow the seed")
  func sampling() {
    let logits = Tensor(shape: [3], scalars: [0, 1, -1])
    let rows = 30_000
    let all = Tensor(
      shape: [rows, 3], scalars: (0..<rows).flatMap { _ in logits.scalars })
    let classes = all.sampledClasses(RandomStream(seed: 4, stream: 1))
    let p = logits.softmax().scalars.map(Double.init)
    for c in 0..<3 {
      let share = Double(classes.scalars.filter { $0 == c }.count) / Double(rows)
      #expect(abs(share - p[c]) < 5 * (p[c] * (1 - p[c]) / Double(rows)).squareRoot())
    }
    #expect(classes.scalars == all.sampledClasses(RandomStream(seed: 4, stream: 1)).scalars)
    #expect(classes.scalars != all.sampledClasses(RandomStream(seed: 4, stream: 2)).scalars)
  }

  @Test("B·ĝ² has the diagonal of the Gauss-Newton matrix for its mean") func gaussNewton() throws {
    let (batch, inputs, classes) = (5, 3, 4)
    let model = Regression(inputs: inputs, classes: classes)
    let x = numbers([batch, inputs], seed: 9)
    let p = elements(model.layer(x, .inference).softmax())
    let xs = elements(x)
    // For W_cj: 1/B Σ x_j²·p_c·(1 − p_c)
    let exact = (0..<classes * inputs).map { k in
      (0..<batch).reduce(0.0) { sum, n in
        let (pc, xj) = (p[n * classes + k / inputs], xs[n * inputs + k % inputs])
        return sum + xj * xj * pc * (1 - pc) / Double(batch)
      }
    }
    let draws = 4000
    var (sum, squares) = ([Double](repeating: 0, count: exact.count), [Double]())
    squares = sum
    for draw in 1...draws {
      model.sampledGradients(seed: 11, step: draw) { model.layer(x, $0) }
      for (k, g) in elements(model.layer.weight.gradient!).enumerated() {
        let estimate = Double(batch) * g * g
        sum[k] += estimate
        squares[k] += estimate * estimate
      }
    }
    for k in exact.indices {
      let mean = sum[k] / Double(draws)
      let deviation = ((squares[k] / Double(draws) - mean * mean) / Double(draws)).squareRoot()
      #expect(abs(mean - exact[k]) < 4.5 * deviation, "\(k): \(mean), not \(exact[k])")
      #expect(deviation < 0.05 * exact[k])
    }
  }

  @Test("the product with the Hessian of softmax regression is the analytic one") func analytic() {
    let (batch, inputs, classes) = (5, 3, 4)
    let model = Regression(inputs: inputs, classes: classes)
    let (x, v) = (numbers([batch, inputs], seed: 9), numbers([classes, inputs], seed: 10))
    let labels = IndexTensor([0, 3, 2, 2, 1])
    let before = model.layer.weight.value.scalars
    // This loss bends little: a wide difference rounds less.
    let product = model.hessianProduct([v], difference: 0x1p-8) {
      let tape = Tape()
      let loss = model.layer(x, tape.context()).crossEntropy(labels)
      tape.gradients(of: loss)
    }
    #expect(model.layer.weight.value.scalars == before)
    // 1/B Σ (diag(p) − p·pᵀ)·(V·x)·xᵀ
    let (p, xs) = (elements(model.layer(x, .inference).softmax()), elements(x))
    let vx = elements(x.product(v, otherTransposed: true))
    let exact = (0..<classes * inputs).map { k in
      (0..<batch).reduce(0.0) { sum, n in
        let (row, c) = (n * classes, k / inputs)
        let mean = (0..<classes).reduce(0.0) { $0 + p[row + $1] * vx[row + $1] }
        return sum + p[row + c] * (vx[row + c] - mean) * xs[n * inputs + k % inputs] / Double(batch)
      }
    }
    expectClose(elements(product[0]!), exact, 3e-5)
  }

  /// A number and its derivative along a direction.
  private struct Dual {
    var x: Double
    var d: Double
    static func + (a: Dual, b: Dual) -> Dual { Dual(x: a.x + b.x, d: a.d + b.d) }
    static func - (a: Dual, b: Dual) -> Dual { Dual(x: a.x - b.x, d: a.d - b.d) }
    static func * (a: Dual, b: Dual) -> Dual { Dual(x: a.x * b.x, d: a.x * b.d + a.d * b.x) }
    static func / (a: Dual, b: Dual) -> Dual {
      Dual(x: a.x / b.x, d: (a.d * b.x - a.x * b.d) / (b.x * b.x))
    }
    var tanh: Dual {
      let t = Foundation.tanh(x)
      return Dual(x: t, d: d * (1 - t * t))
    }
    var exp: Dual { Dual(x: Foundation.exp(x), d: d * Foundation.exp(x)) }
  }

  /// H·v of the mean cross-entropy of a perceptron with one tanh layer: the gradient's formula,
  /// evaluated in float64 on numbers that carry their derivative along v.
  private func exactProduct(
    _ model: MLPClassifier, _ v: [Tensor], _ x: Tensor, _ labels: IndexTensor
  ) -> [[Double]] {
    let w = zip(model.parameters, v).map { parameter, v in
      zip(elements(parameter.value), elements(v)).map { Dual(x: $0, d: $1) }
    }
    let (batch, inputs) = (x.shape[0], x.shape[1])
    let (hidden, classes) = (
      model.layers[0].weight.value.shape[0], model.layers[1].weight.value.shape[0]
    )
    let xs = elements(x).map { Dual(x: $0, d: 0) }
    let zero = Dual(x: 0, d: 0)
    var gradients = w.map { $0.map { _ in zero } }
    for n in 0..<batch {
      let a = (0..<hidden).map { j in
        (0..<inputs).reduce(w[1][j]) { $0 + w[0][j * inputs + $1] * xs[n * inputs + $1] }.tanh
      }
      let e = (0..<classes).map { c in
        (0..<hidden).reduce(w[3][c]) { $0 + w[2][c * hidden + $1] * a[$1] }.exp
      }
      let total = e.reduce(zero, +)
      let scale = Dual(x: 1 / Double(batch), d: 0)
      let dy = (0..<classes).map { c in
        scale * (e[c] / total - Dual(x: c == Int(labels.scalars[n]) ? 1 : 0, d: 0))
      }
      let da = (0..<hidden).map { j in
        (0..<classes).reduce(zero) { $0 + w[2][$1 * hidden + j] * dy[$1] }
          * (Dual(x: 1, d: 0) - a[j] * a[j])
      }
      for c in 0..<classes {
        gradients[3][c] = gradients[3][c] + dy[c]
        for j in 0..<hidden {
          gradients[2][c * hidden + j] = gradients[2][c * hidden + j] + dy[c] * a[j]
        }
      }
      for j in 0..<hidden {
        gradients[1][j] = gradients[1][j] + da[j]
        for i in 0..<inputs {
          gradients[0][j * inputs + i] =
            gradients[0][j * inputs + i] + da[j] * xs[n * inputs + i]
        }
      }
    }
    return gradients.map { $0.map(\.d) }
  }

  private func perceptron() throws -> (MLPClassifier, Tensor, IndexTensor) {
    var random = RandomStream(seed: 8)
    let model = try MLPClassifier(
      inputs: 6, hidden: [10], classes: 4, activation: .tanh, random: &random)
    let labels = IndexTensor((0..<20).map { Int32($0 * 7 % 4) })
    return (model, numbers([20, 6], seed: 12), labels)
  }

  @Test("the product with the Hessian of a perceptron is within 2e-4 of the exact one")
  func product() throws {
    let (model, x, labels) = try perceptron()
    let v = model.parameters.enumerated().map { i, parameter in
      let signs = numbers(parameter.value.shape, seed: UInt64(20 + i))
      return Tensor(shape: signs.shape, scalars: signs.scalars.map { $0 < 0 ? -1 : 1 })
    }
    let products = model.hessianProduct(v) {
      let tape = Tape()
      let loss = model(x, tape.context()).crossEntropy(labels)
      tape.gradients(of: loss)
    }
    let exact = exactProduct(model, v, x, labels)
    let largest = exact.flatMap(\.self).map(abs).max()!
    for (product, exact) in zip(products, exact) {
      for (a, b) in zip(elements(product!), exact) {
        #expect(abs(a - b) <= 2e-4 * largest, "\(a), not \(b)")
      }
    }
  }

  @Test("Hutchinson's estimate has the Hessian's diagonal for its mean") func hutchinson() throws {
    let (model, x, labels) = try perceptron()
    let parameter = model.layers[1].weight
    let exact = (0..<parameter.value.count).map { k in
      let v = model.parameters.map { p in
        Tensor(
          shape: p.value.shape,
          scalars: (0..<p.value.count).map { p === parameter && $0 == k ? 1 : 0 })
      }
      return exactProduct(model, v, x, labels)[2][k]
    }
    let draws = 3000
    var sum = [Double](repeating: 0, count: exact.count)
    var squares = sum
    for draw in 1...draws {
      model.hutchinsonDiagonal(seed: 3, step: draw) {
        let tape = Tape()
        let loss = model(x, tape.context()).crossEntropy(labels)
        tape.gradients(of: loss)
      }
      for (k, h) in elements(parameter.gradient!).enumerated() {
        sum[k] += h
        squares[k] += h * h
      }
    }
    for k in exact.indices {
      let mean = sum[k] / Double(draws)
      let deviation = ((squares[k] / Double(draws) - mean * mean) / Double(draws)).squareRoot()
      #expect(abs(mean - exact[k]) < 4.5 * deviation, "\(k): \(mean), not \(exact[k])")
    }
  }

  @Test("estimates are functions of seed and step, and leave weights and buffers alone")
  func reproducible() throws {
    var random = RandomStream(seed: 8)
    let model = try ConvClassifier(height: 4, width: 4, classes: 3, stages: [4], random: &random)
    let (x, labels) = (numbers([6, 1, 4, 4], seed: 1), IndexTensor([0, 1, 2, 0, 1, 2]))
    func state() -> [[Float]] {
      model.parameters.map(\.value.scalars) + model.namedBuffers.map(\.buffer.value.scalars)
    }
    func estimate(_ kind: Needs, step: Int) -> [[Float]] {
      if kind == .sampledGradients {
        model.sampledGradients(seed: 1, step: step) { model(x, $0) }
      } else {
        model.hutchinsonDiagonal(seed: 1, step: step) {
          let tape = Tape()
          let loss = model(x, tape.context(training: true)).crossEntropy(labels)
          tape.gradients(of: loss)
        }
      }
      return model.parameters.map { $0.gradient!.scalars }
    }
    let before = state()
    for kind in [Needs.sampledGradients, .hessianDiagonal] {
      let first = estimate(kind, step: 1)
      #expect(estimate(kind, step: 2) != first)
      #expect(estimate(kind, step: 1) == first)
    }
    #expect(state() == before)
  }

  @Test("a model trains with estimates from a closure") func supplied() throws {
    for kind in [Needs.sampledGradients, .hessianDiagonal] {
      let (model, x, labels) = try perceptron()
      let optimizer =
        if kind == .sampledGradients {
          try Optimizer(
            SophiaG(learningRate: 0.03, batchSize: 20, hessianInterval: 2), model: model,
            needs: .gaussNewtonBartlett(of: model) { _, context in model(x, context) })
        } else {
          try Optimizer(
            SophiaH(learningRate: 0.03, updateInterval: 2), model: model,
            needs: .hutchinson(of: model) { _, context in
              model(x, context).crossEntropy(labels)
            })
        }
      var losses: [Float] = []
      for step in 1...100 {
        let tape = Tape()
        let loss = model(x, tape.context()).crossEntropy(labels)
        losses.append(loss.scalar)
        tape.gradients(of: loss)
        let report = try optimizer.step(model.parameters)
        let isDue = kind == .hessianDiagonal ? step % 2 == 1 : step % 2 == 0
        #expect(report.curvature == (isDue ? .applied : nil))
      }
      #expect(losses.last! < 0.5 * losses[0])
    }
  }

  @Test("L-BFGS moves a model's parameters through its closure") func closure() throws {
    let (model, x, labels) = try perceptron()
    let optimizer = try Optimizer(LBFGS(), model: model, needs: .byCaller)
    let report = try optimizer.step(model.parameters) {
      let tape = Tape()
      let loss = model(x, tape.context()).crossEntropy(labels)
      tape.gradients(of: loss)
      return Double(loss.scalar)
    }
    let closure = try #require(report.closure)
    #expect(report.applied && closure.finalLoss < 0.5 * closure.entryLoss)
    let last = Double(model(x, .inference).crossEntropy(labels).scalar)
    #expect(abs(last - closure.finalLoss) < 1e-6)
  }

  private func expectClose(_ given: [Double], _ expected: [Double], _ bound: Double) {
    #expect(given.count == expected.count)
    let largest = expected.map(abs).max()!
    for (a, b) in zip(given, expected) { #expect(abs(a - b) <= bound * largest, "\(a), not \(b)") }
  }
}
