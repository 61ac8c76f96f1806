import Descent
import DescentNN
import Foundation
import Safetensors
import Testing

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
      needs: .preconditioner(preconditioner))
    backward(net, preconditioner)
    let (before, gradient) = (net.grouped.weight.value, net.grouped.weight.gradient!)
    #expect(try optimizer.step(net.parameters).applied)
    #expect(net.grouped.weight.value.scalars == (before - gradient).scalars)
  }

  @Test("frozen weights are left alone, and a frozen bias does not count") func frozen() throws {
    func preconditioned(_ freeze: (Net) -> Void) throws -> (net: Net, watched: KFACPreconditioner) {
      let net = Net()
      freeze(net)
      let preconditioner = KFACPreconditioner(net)
      let optimizer = try Optimizer(
        KFAC(learningRate: 0.1), model: net, needs: .preconditioner(preconditioner))
      let before = net.parameters.map(\.value.scalars)
      backward(net, preconditioner)
      let report = try optimizer.step(net.parameters)
      #expect(report.applied && report.preconditioner?.unseen == [])
      for (parameter, before) in zip(net.parameters, before) {
        #expect((parameter.value.scalars == before) != parameter.isTrainable)
      }
      return (net, preconditioner)
    }
    let (_, first) = try preconditioned { $0.conv.freeze() }
    #expect(first.layers == ["plain", "head"])
    let (_, second) = try preconditioned { $0.head.bias?.isTrainable = false }
    #expect(second.layers == ["conv", "plain", "head"])
    #expect(try #require(second.factors(of: "head")).inputs.rows == 5)
    let (_, third) = try preconditioned { $0.head.weight.isTrainable = false }
    #expect(third.layers == ["conv", "plain"])
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
      KFAC(learningRate: 0), model: net, needs: .preconditioner(preconditioner))
    backward(net, preconditioner)
    _ = try optimizer.step(net.parameters)
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
      KFAC(learningRate: 0), model: net, needs: .preconditioner(preconditioner))
    backward(net, preconditioner)
    _ = try optimizer.step(net.parameters)
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
      let (changed, report) = preconditioner.precondition(
        layer.parameters.memory, of: layer.parameterInfos,
        for: KFAC(learningRate: 0.1, computeMethod: inversion), scale: 1 / Double(batch)
      ) { _ in 0.1 }
      let values = changed.map { $0.gradient!.array.map { Double($0) / Double(batch) } }
      let ν = try file.doubles(of: "\(name)/clip/\(t)")[inversion == .eigen ? 0 : 1]
      #expect(abs(report.coefficient - ν) <= 1e-4 * ν)
      let expected = try file.doubles(of: "\(name)/\(inversion.rawValue)/\(t)")
      let largest = expected.map(abs).max()!
      for r in 0..<outputs {
        for c in 0...inputs {
          let v = c < inputs ? values[0][r * inputs + c] : values[1][r]
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
      needs: .preconditioner(preconditioner))
    var changes: [Bool] = []
    var last = try #require(preconditioner.factors(of: "head")).inputs
    for _ in 0..<4 {
      #expect(preconditioner.observes(net.head) == changes.count.isMultiple(of: 2))
      backward(net, preconditioner)
      let report = try optimizer.step(net.parameters)
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
      try Optimizer(rule, model: net, needs: .preconditioner(preconditioner))
    }
    func advance(_ net: Net, _ preconditioner: KFACPreconditioner, _ optimizer: Optimizer<Float>)
      throws
    {
      backward(net, preconditioner)
      _ = try optimizer.step(net.parameters)
    }
    let straight = try optimizer(net, first)
    for _ in 0..<3 { try advance(net, first, straight) }
    let restored = try optimizer(other, second)
    for (to, from) in zip(other.parameters, net.parameters) { to.value = from.value.copied() }
    try SavedState(of: straight).restore(restored)
    #expect(SavedState(of: restored) == SavedState(of: straight))
    for _ in 0..<3 {
      try advance(net, first, straight)
      try advance(other, second, restored)
    }
    #expect(net.parameters.map(\.value.scalars) == other.parameters.map(\.value.scalars))
    #expect(SavedState(of: restored) == SavedState(of: straight))

    var random = RandomStream(seed: 1)
    let smaller = KFACPreconditioner(Linear(inputs: 2, outputs: 2, random: &random))
    #expect(throws: StateMismatch.self) { try SavedState(of: first).restore(smaller) }
    let before = SavedState(of: second)
    var broken = SavedState(of: first)
    broken.tensors.removeAll { $0.name == "preconditioner/conv/A" }
    #expect(throws: StateMismatch.missing("preconditioner/conv/A")) {
      try broken.restore(second)
    }
    #expect(SavedState(of: second) == before)
  }

  @Test("statistics that are not finite are refused by name, and the last factors stay")
  func overflow() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 0.01), model: net, needs: .preconditioner(preconditioner))
    backward(net, preconditioner)
    _ = try optimizer.step(net.parameters)
    let before = try #require(preconditioner.factors(of: "plain"))
    // Finite inputs whose squares are not.
    let tape = Tape()
    let y = net.plain(
      Tensor(repeating: 1e30, shape: [6, 36]), tape.context(observer: preconditioner))
    tape.gradients(of: (y * 1e-30).sum())
    let report = try optimizer.step(net.parameters)
    #expect(report.applied && report.preconditioner?.failures == ["plain"])
    let after = try #require(preconditioner.factors(of: "plain"))
    #expect(before.inputs == after.inputs && before.outputs == after.outputs)
    #expect(net.parameters.allSatisfy { $0.value.scalars.allSatisfy(\.isFinite) })
  }

  @Test("a refused step leaves no statistics behind") func refused() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 0.01), model: net, needs: .preconditioner(preconditioner))
    backward(net, preconditioner, scale: .infinity)
    #expect(try !optimizer.step(net.parameters).applied && preconditioner.steps == 0)
    backward(net, preconditioner)
    #expect(try optimizer.step(net.parameters).applied)
    let other = Net()
    let fresh = KFACPreconditioner(other)
    let second = try Optimizer(
      KFAC(learningRate: 0.01), model: other, needs: .preconditioner(fresh))
    backward(other, fresh)
    #expect(try second.step(other.parameters).applied)
    for (a, b) in zip(net.parameters, other.parameters) {
      #expect(a.value.scalars == b.value.scalars)
    }
  }

  @Test("a layer that nobody showed is named, and keeps its plain gradient") func notShown() throws
  {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      KFAC(learningRate: 1, momentum: 0), model: net, needs: .preconditioner(preconditioner))
    backward(net)
    let expected = net.head.weight.value - net.head.weight.gradient!
    let report = try optimizer.step(net.parameters)
    #expect(report.preconditioner?.unseen == ["conv", "plain", "head"])
    #expect(net.head.weight.value.scalars == expected.scalars)
  }

  @Test("another rule can follow the preconditioner") func otherRule() throws {
    let net = Net()
    let preconditioner = KFACPreconditioner(net)
    let optimizer = try Optimizer(
      AdamW(learningRate: 0.01), model: net, needs: .preconditioner(preconditioner))
    backward(net, preconditioner)
    #expect(try optimizer.step(net.parameters).preconditioner?.coefficient == 1)
  }
}
