import Descent
import DescentCompute
import DescentNN
import Foundation
import Safetensors
import Testing

/// Uniform numbers in −1 ..< 1.
private func numbers(_ shape: [Int], seed: UInt64) -> Tensor {
  var random = RandomStream(seed: seed, stream: 77)
  return .random(shape, uniform: -1..<1, &random)
}

private func elements(_ x: Tensor) -> [Double] { x.scalars.map(Double.init) }

// MARK: K-FAC

@Suite("K-FAC in the engine") struct KFACTests {
  /// A convolution and a layer with a bias each, and one without.
  private final class Net: Module {
    let conv: Conv2d
    let grouped: Conv2d
    let plain: Linear
    let head: Linear
    init() {
      var random = RandomStream(seed: 3)
      conv = Conv2d(
        inputs: 2, outputs: 4, size: 3, stride: 2, padding: 2, dilation: 2, random: &random)
      grouped = Conv2d(inputs: 4, outputs: 4, size: 1, groups: 2, random: &random)
      plain = Linear(inputs: 36, outputs: 5, bias: false, random: &random)
      head = Linear(inputs: 5, outputs: 3, random: &random)
      assignNames()
    }
    var members: [Member] {
      [
        .module("conv", conv), .module("grouped", grouped), .module("plain", plain),
        .module("head", head),
      ]
    }
    func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
      let y = grouped(conv(x, context).tanh(), context)
      return head(plain(y.reshaped([y.shape[0], -1]), context).tanh(), context)
    }
  }

  private let images = numbers([6, 2, 5, 6], seed: 1)
  private let labels = IndexTensor([0, 2, 1, 1, 0, 2])

  private func backward(_ net: Net, _ observer: (any LayerObserver)? = nil, scale: Float = 1) {
    let tape = Tape()
    let loss = net(images, tape.context(observer: observer)).crossEntropy(labels)
    tape.gradients(of: loss, scale: scale)
  }

  @Test("layers are found by type; convolutions with groups are left alone") func layers() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    #expect(preconditioner.layers == ["conv", "plain", "head"])
    let optimizer = try Optimizer(
      KFAC(learningRate: 1, momentum: 0, klClip: nil), model: net,
      supply: .preconditioner(preconditioner))
    backward(net, preconditioner)
    let (before, gradient) = (net.grouped.weight.value, net.grouped.weight.gradient!)
    #expect(optimizer.step(net.parameters).applied)
    #expect(net.grouped.weight.value.scalars == (before - gradient).scalars)
  }

  @Test("watching changes no gradient") func unseen() {
    let (watched, plain) = (Net(), Net())
    backward(watched, KFACPreconditioner(watched))
    backward(plain)
    for (a, b) in zip(watched.parameters, plain.parameters) {
      #expect(a.gradient!.scalars == b.gradient!.scalars)
    }
  }

  /// ρ·I + (1−ρ)·Σ rowsᵀ·rows / divisor
  private func factor(_ rows: [[Double]], _ divisor: Double) -> [Double] {
    let n = rows[0].count
    return (0..<n * n).map { k in
      let (i, j) = (k / n, k % n)
      return (i == j ? 0.95 : 0) + 0.05 * rows.reduce(0) { $0 + $1[i] * $1[j] } / divisor
    }
  }

  @Test("factors equal a direct evaluation: patches with stride, padding and dilation")
  func directFactors() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 0), model: net, supply: .preconditioner(preconditioner))
    backward(net, preconditioner)
    _ = optimizer.step(net.parameters)
    let convolved = net.conv(images, .inference)
    let plainInput = net.grouped(convolved.tanh(), .inference).reshaped([6, -1])
    let (height, width) = (convolved.shape[2], convolved.shape[3])
    let x = elements(images)
    var patches: [[Double]] = []
    for n in 0..<6 {
      for oy in 0..<height {
        for ox in 0..<width {
          var patch: [Double] = []
          for c in 0..<2 {
            for ky in 0..<3 {
              for kx in 0..<3 {
                let (iy, ix) = (oy * 2 + ky * 2 - 2, ox * 2 + kx * 2 - 2)
                let inside = (0..<5).contains(iy) && (0..<6).contains(ix)
                patch.append(inside ? x[((n * 2 + c) * 5 + iy) * 6 + ix] : 0)
              }
            }
          }
          patches.append(patch + [1])
        }
      }
    }
    let places = Double(height * width)
    let conv = try #require(preconditioner.factors(of: "conv"))
    expectClose(conv.inputs.elements, factor(patches, 6 * places * places * places), 1e-6)
    let rows = (0..<6).map { Array(elements(plainInput)[$0 * 36..<($0 + 1) * 36]) }
    let plain = try #require(preconditioner.factors(of: "plain"))
    expectClose(plain.inputs.elements, factor(rows, 6), 1e-6)
  }

  @Test("factors of output gradients equal a direct evaluation") func directOutputFactors() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 0), model: net, supply: .preconditioner(preconditioner))
    backward(net, preconditioner)
    _ = optimizer.step(net.parameters)
    // From the outputs of each layer on, the rest of the network as a function of them.
    func gradient(_ value: Tensor, _ rest: (Tensor) -> Tensor) -> [Double] {
      let tape = Tape()
      let watched = tape.watch(value)
      let gradients = tape.gradients(of: rest(watched).crossEntropy(labels))
      return elements(gradients[watched]!)
    }
    let convolved = net.conv(images, .inference)
    let (channels, places) = (4, convolved.shape[2] * convolved.shape[3])
    let flat = net.grouped(convolved.tanh(), .inference).reshaped([6, -1])
    let plain = net.plain(flat, .inference)
    let head = net.head(plain.tanh(), .inference)
    let dHead = gradient(head) { $0 }
    let dPlain = gradient(plain) { net.head($0.tanh(), .inference) }
    let dConv = gradient(convolved) {
      let y = net.grouped($0.tanh(), .inference).reshaped([6, -1])
      return net.head(net.plain(y, .inference).tanh(), .inference)
    }
    func rows(_ x: [Double], _ width: Int) -> [[Double]] {
      stride(from: 0, to: x.count, by: width).map { Array(x[$0..<$0 + width]) }
    }
    let pixels = (0..<6 * places).map { k in
      (0..<channels).map { dConv[((k / places) * channels + $0) * places + k % places] }
    }
    let s = Double(places)
    for (name, expected) in [
      ("head", factor(rows(dHead, 3), 6)), ("plain", factor(rows(dPlain, 5), 6)),
      ("conv", factor(pixels, 6 * s * s * s)),
    ] {
      expectClose(try #require(preconditioner.factors(of: name)).outputs.elements, expected, 1e-7)
    }
  }

  private func expectClose(_ given: [Double], _ expected: [Double], _ bound: Double) {
    #expect(given.count == expected.count)
    #expect(zip(given, expected).allSatisfy { abs($0 - $1) <= bound * (1 + abs($1)) })
  }

  @Test(
    "the steps of `References/kfac.py`, driven through layers and tape",
    arguments: ["linear", "convolution"], KFAC.Inversion.allCases)
  func follows(_ name: String, _ inversion: KFAC.Inversion) throws {
    let vectors = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../DescentTests/Vectors/kfac.safetensors")
    let file = try SafetensorsFile(path: vectors.path)
    let isLinear = name == "linear"
    // 4 images of 3 x 4 places, or 10 rows.
    let (batch, inputs, outputs) = isLinear ? (10, 5, 4) : (4, 8, 3)
    var random = RandomStream(seed: 1)
    let layer: any Module =
      isLinear
      ? Linear(inputs: inputs, outputs: outputs, random: &random)
      : Conv2d(inputs: inputs, outputs: outputs, size: 1, random: &random)
    layer.assignNames()
    let preconditioner = KFACPreconditioner(layer)
    // Rows [N·S, width] as images [N, width, 3, 4].
    func arranged(_ x: [Double], _ width: Int) -> Tensor {
      guard !isLinear else { return Tensor(shape: [batch, width], scalars: x.map(Float.init)) }
      let scalars = (0..<x.count).map { k in
        let (n, c, s) = (k / (width * 12), k / 12 % width, k % 12)
        return Float(x[(n * 12 + s) * width + c])
      }
      return Tensor(shape: [batch, width, 3, 4], scalars: scalars)
    }
    for t in 1...4 {
      let rows = try file.doubles(of: "\(name)/a/\(t)")
      let x = arranged(
        rows.enumerated().filter { $0.offset % (inputs + 1) < inputs }.map(\.element), inputs)
      let g = arranged(try file.doubles(of: "\(name)/g/\(t)"), outputs)
      let tape = Tape()
      let context = tape.context(observer: preconditioner)
      let y = (layer as? Linear)?(x, context) ?? (layer as! Conv2d)(x, context)
      // ∂loss/∂y = g; the parameters' gradients are those of the file times the batch.
      tape.gradients(of: (y * g).sum())
      let given = unsafe layer.parameters.withMemory { memory in
        let (changed, report) = unsafe preconditioner.precondition(
          memory, of: layer.parameterInfos, for: KFAC(learningRate: 0.1, computeMethod: inversion),
          scale: 1 / Double(batch)
        ) { _ in 0.1 }
        let values = unsafe zip(changed, layer.parameterInfos).map { memory, info in
          (0..<info.count).map { unsafe Double(memory.gradient![$0]) / Double(batch) }
        }
        return (values: values, ν: report.coefficient)
      }
      let ν = try file.doubles(of: "\(name)/clip/\(t)")[inversion == .eigen ? 0 : 1]
      #expect(abs(given.ν - ν) <= 1e-4 * ν)
      let expected = try file.doubles(of: "\(name)/\(inversion.rawValue)/\(t)")
      let largest = expected.map(abs).max()!
      for r in 0..<outputs {
        for c in 0...inputs {
          let v = c < inputs ? given.values[0][r * inputs + c] : given.values[1][r]
          #expect(abs(v - ν * expected[r * (inputs + 1) + c]) <= 2e-4 * ν * largest)
        }
      }
    }
  }

  @Test("factors and inverses are updated as often as asked") func frequencies() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 0.01, factorUpdateSteps: 2, inverseUpdateSteps: 3), model: net,
      supply: .preconditioner(preconditioner))
    var changes: [Bool] = []
    var last = try #require(preconditioner.factors(of: "head")).inputs
    for _ in 0..<4 {
      #expect(preconditioner.observes(net.head) == changes.count.isMultiple(of: 2))
      backward(net, preconditioner)
      let report = optimizer.step(net.parameters)
      #expect(report.preconditioner?.unseen == [])
      let now = try #require(preconditioner.factors(of: "head")).inputs
      changes.append(now != last)
      last = now
    }
    #expect(changes == [true, false, true, false])
  }

  @Test("saved factors go on in the same net only", arguments: KFAC.Inversion.allCases)
  func saved(_ inversion: KFAC.Inversion) throws {
    let (net, other) = (Net(), Net())
    let (first, second) = (KFACPreconditioner(net), KFACPreconditioner(other))
    let rule = KFAC(learningRate: 0.01, inverseUpdateSteps: 2, computeMethod: inversion)
    func optimizer(_ net: Net, _ preconditioner: KFACPreconditioner) throws -> Optimizer<Float> {
      try Optimizer(rule, model: net, supply: .preconditioner(preconditioner))
    }
    func advance(_ net: Net, _ preconditioner: KFACPreconditioner, _ optimizer: Optimizer<Float>) {
      backward(net, preconditioner)
      _ = optimizer.step(net.parameters)
    }
    let straight = try optimizer(net, first)
    for _ in 0..<3 { advance(net, first, straight) }
    let restored = try optimizer(other, second)
    for (to, from) in zip(other.parameters, net.parameters) { to.value = from.value.copied() }
    try restored.restore(straight.savedState)
    #expect(restored.savedState == straight.savedState)
    for _ in 0..<3 {
      advance(net, first, straight)
      advance(other, second, restored)
    }
    #expect(net.parameters.map(\.value.scalars) == other.parameters.map(\.value.scalars))
    #expect(restored.savedState == straight.savedState)

    var random = RandomStream(seed: 1)
    let smaller = KFACPreconditioner(Linear(inputs: 2, outputs: 2, random: &random))
    #expect(throws: StateMismatch.self) { try smaller.restore(first.saved) }
    let before = second.saved
    #expect(throws: StateMismatch.missing("preconditioner/conv/A")) {
      try second.restore(first.saved.filter { $0.name != "preconditioner/conv/A" })
    }
    #expect(second.saved == before)
  }

  @Test("statistics that are not finite are refused by name, and the last factors stay")
  func overflow() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 0.01), model: net, supply: .preconditioner(preconditioner))
    backward(net, preconditioner)
    _ = optimizer.step(net.parameters)
    let before = try #require(preconditioner.factors(of: "plain"))
    // Finite inputs whose squares are not.
    let tape = Tape()
    let y = net.plain(
      Tensor(repeating: 1e30, shape: [6, 36]), tape.context(observer: preconditioner))
    tape.gradients(of: (y * 1e-30).sum())
    let report = optimizer.step(net.parameters)
    #expect(report.applied && report.preconditioner?.failures == ["plain"])
    let after = try #require(preconditioner.factors(of: "plain"))
    #expect(before.inputs == after.inputs && before.outputs == after.outputs)
    #expect(net.parameters.allSatisfy { $0.value.scalars.allSatisfy(\.isFinite) })
  }

  @Test("a refused step leaves no statistics behind") func refused() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 0.01), model: net, supply: .preconditioner(preconditioner))
    backward(net, preconditioner, scale: .infinity)
    #expect(!optimizer.step(net.parameters).applied && preconditioner.steps == 0)
    backward(net, preconditioner)
    #expect(optimizer.step(net.parameters).applied)
    let other = Net()
    let fresh = KFACPreconditioner(other)
    let second = try Optimizer(
      KFAC(learningRate: 0.01), model: other, supply: .preconditioner(fresh))
    backward(other, fresh)
    #expect(second.step(other.parameters).applied)
    for (a, b) in zip(net.parameters, other.parameters) {
      #expect(a.value.scalars == b.value.scalars)
    }
  }

  @Test("a layer that nobody showed is named, and keeps its plain gradient") func notShown() throws
  {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 1, momentum: 0), model: net, supply: .preconditioner(preconditioner))
    backward(net)
    let expected = net.head.weight.value - net.head.weight.gradient!
    let report = optimizer.step(net.parameters)
    #expect(report.preconditioner?.unseen == ["conv", "plain", "head"])
    #expect(net.head.weight.value.scalars == expected.scalars)
  }

  @Test("another rule can follow the preconditioner") func otherRule() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      AdamW(learningRate: 0.01), model: net, supply: .preconditioner(preconditioner))
    backward(net, preconditioner)
    #expect(optimizer.step(net.parameters).preconditioner?.coefficient == 1)
  }
}

// MARK: Estimates of the curvature

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
    func estimate(_ kind: CurvatureEstimator, step: Int) -> [[Float]] {
      switch kind {
      case .gaussNewtonBartlett:
        model.sampledGradients(seed: 1, step: step) { model(x, $0) }
      case .hutchinson:
        model.hutchinsonDiagonal(seed: 1, step: step) {
          let tape = Tape()
          let loss = model(x, tape.context(training: true)).crossEntropy(labels)
          tape.gradients(of: loss)
        }
      }
      return model.parameters.map { $0.gradient!.scalars }
    }
    let before = state()
    for kind in [CurvatureEstimator.gaussNewtonBartlett, .hutchinson] {
      let first = estimate(kind, step: 1)
      #expect(estimate(kind, step: 2) != first)
      #expect(estimate(kind, step: 1) == first)
    }
    #expect(state() == before)
  }

  @Test("a model trains with estimates from a closure") func supplied() throws {
    for hessian in [CurvatureEstimator.gaussNewtonBartlett, .hutchinson] {
      let (model, x, labels) = try perceptron()
      let optimizer =
        switch hessian {
        case .gaussNewtonBartlett:
          try Optimizer(
            SophiaG(learningRate: 0.03, batchSize: 20, hessianInterval: 2), model: model,
            supply: .gaussNewtonBartlett(of: model) { _, context in model(x, context) })
        case .hutchinson:
          try Optimizer(
            SophiaH(learningRate: 0.03, updateInterval: 2), model: model,
            supply: .hutchinson(of: model) { _, context in
              model(x, context).crossEntropy(labels)
            })
        }
      var losses: [Float] = []
      for step in 1...100 {
        let tape = Tape()
        let loss = model(x, tape.context()).crossEntropy(labels)
        losses.append(loss.scalar)
        tape.gradients(of: loss)
        let report = optimizer.step(model.parameters)
        let isDue = hessian == .hutchinson ? step % 2 == 1 : step % 2 == 0
        #expect(report.curvature == (isDue ? .applied : nil))
      }
      #expect(losses.last! < 0.5 * losses[0])
    }
  }

  @Test("L-BFGS moves a model's parameters through its closure") func closure() throws {
    let (model, x, labels) = try perceptron()
    let optimizer = try Optimizer(LBFGS(), model: model, supply: .byCaller)
    let report = optimizer.step(model.parameters) {
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
