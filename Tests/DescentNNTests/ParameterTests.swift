import Descent
import DescentCompute
import DescentNN
import Testing

@Suite("Parameters") struct ParameterTests {
  @Test("a value must have the shape, and forgets how it was computed") func value() async {
    let parameter = Parameter(Tensor.ones([2, 3]), role: .matrix)
    let tape = Tape()
    let x = tape.watch(Tensor.ones([2, 3]))
    parameter.value = x * 2
    let y = parameter.value.sum()
    #expect(y.scalar == 12)
    let loss = x.sum() + y
    let gradients = tape.gradients(of: loss)
    #expect(gradients[x]?.scalars == [Float](repeating: 1, count: 6))
    await #expect(processExitsWith: .failure) {
      Parameter(Tensor.ones([2, 3]), role: .matrix).value = Tensor.ones([3, 2])
    }
  }

  @Test("weights in bfloat16 are rounded whatever they are set to, and half as large")
  func narrow() throws {
    let size = 4096
    let weights = (0..<size).map { Float($0) / 1000 }
    let rounded = weights.map { NumberFormat.bfloat16.nearest(to: $0) }
    let parameter = Parameter(Tensor(shape: [64, 64], scalars: weights), role: .matrix)
    let before = TensorPool.bytesOfThread
    parameter.format = .bfloat16
    #expect(TensorPool.bytesOfThread == before - 2 * size)
    let memory = parameter.memory
    #expect(memory.weights.count == 0 && memory.weightBits?.count == size)
    #expect(parameter.value.scalars == rounded)
    // What reads them again sees what an update has left.
    parameter.memory.weightBits?[1] = 0x4000
    #expect(parameter.value.scalars[1] == 2)
    parameter.value = Tensor(shape: [64, 64], scalars: weights)
    #expect(parameter.value.scalars == rounded)
    parameter.value.withMutableSpan { $0[3] = 1.00001 }
    #expect(parameter.value.scalars[3] == 1)
    let lent = [parameter].widened {
      parameter.value.withMutableSpan { $0[3] = 1.00001 }
      return parameter.value.scalars[3]
    }
    #expect(lent == 1.00001 && parameter.value.scalars[3] == 1)
    parameter.format = .float32
    #expect(parameter.memory.weights[4] == rounded[4])
  }

  @Test("a gradient of bfloat16 numbers waits in 16 bits; a sum of several does not")
  func narrowGradients() throws {
    var random = RandomStream(seed: 1)
    let layer = Linear(inputs: 64, outputs: 32, random: &random)
    for parameter in layer.parameters { parameter.format = .bfloat16 }
    let x = Tensor.random([8, 64], normal: 1, &random)
    func gradients(uses: Int, accumulating: Bool = false, released: Bool = false) -> Tensor {
      let tape = Tape()
      let context = tape.context()
      var found: Tensor?
      let loss = Autocast.run(in: .bfloat16, weights: .bfloat16) {
        (1..<uses).reduce(layer(x, context).sum()) { sum, _ in
          sum + layer(x * 0.3, context).sum()
        }
      }
      tape.gradients(
        of: loss, accumulating: accumulating,
        whenComplete: released ? { if $0 === layer.weight { found = $0.gradient } } : nil)
      return found ?? layer.weight.gradient!
    }
    let one = gradients(uses: 1)
    let memory = layer.weight.memory
    #expect(memory.gradient == nil && memory.gradientBits?.count == 64 * 32)
    #expect(one.format == .float32)
    #expect(gradients(uses: 1, released: true).scalars == one.scalars)
    let sum = gradients(uses: 1, accumulating: true)
    #expect(layer.weight.memory.gradientBits == nil)
    #expect(sum.scalars == one.scalars.map { $0 + $0 })
    let two = gradients(uses: 2)
    #expect(layer.weight.memory.gradientBits == nil)
    #expect(two.scalars != two.scalars.map { NumberFormat.bfloat16.nearest(to: $0) })
  }

  @Test("what derivatives keep of bfloat16 takes half the memory, once for all that keep it")
  func keptInHalf() {
    var random = RandomStream(seed: 2)
    let layer = Linear(inputs: 128, outputs: 128, bias: false, random: &random)
    let x = Tensor.random([64, 128], normal: 1, &random)
    /// Bytes that wait for the backward pass.
    func kept(_ format: NumberFormat, _ part: (Tensor, Context) -> Tensor) -> Int {
      let tape = Tape()
      let context = tape.context()
      return Autocast.run(in: format) {
        var y = part(x, context)
        let before = TensorPool.bytesOfThread
        for _ in 0..<3 { y = part(y, context) }
        return TensorPool.bytesOfThread - before
      }
    }
    let one = 64 * 128
    // Each keeps its input and a rounded copy of its weight. The last result takes the place of the first
    // input's floats.
    let weight = 2 * 128 * 128
    let linear = { (x: Tensor, context: Context) in layer(x, context) }
    #expect(kept(.float32, linear) == 3 * 4 * one)
    #expect(kept(.bfloat16, linear) == 3 * (2 * one + weight))
    // The activation and the product after it keep the same.
    let both = { (x: Tensor, context: Context) in layer(x, context).relu() }
    #expect(kept(.float32, both) == 3 * 4 * one)
    #expect(kept(.bfloat16, both) == 3 * (2 * one + weight))
  }

  /// In processes of their own, where no other test takes memory.
  @Test("changes in place take no memory, and leave tensors that share it alone")
  func inPlace() async {
    await #expect(processExitsWith: .success) {
      let parameters = (0..<3).map { _ in Parameter(Tensor.ones([1000, 100]), role: .matrix) }
      TensorPool.resetPeak()
      let before = TensorPool.bytesOfThread
      parameters[0].value.withMutableSpan { $0[0] = 5 }
      for memory in parameters.memory { memory.weights[1] = 6 }
      #expect(TensorPool.peakBytesOfThread == before)
      let kept = parameters.map(\.value)
      // Those that are not updated stay shared.
      parameters[1].memory.weights[0] = 7
      #expect(TensorPool.bytesOfThread == before + before / 3)
      #expect(kept[1].scalars[0] == 1 && parameters[1].value.scalars[0] == 7)
      #expect(parameters.map { $0.value.scalars[1] } == [6, 6, 6])
    }
  }
}

/// A perceptron whose weights take far more memory than what is computed with them.
private struct Wide {
  static let width = 256
  let layers: [Linear]
  let parameters: [Parameter]
  let x: Tensor
  /// Bytes of one layer's weights.
  static let layerBytes = width * width * MemoryLayout<Float>.stride

  init(layers count: Int) {
    var random = RandomStream(seed: 1)
    var layers: [Linear] = []
    for _ in 0..<count {
      layers.append(
        Linear(inputs: Self.width, outputs: Self.width, bias: false, random: &random))
    }
    self.layers = layers
    parameters = layers.map(\.weight)
    x = Tensor.random([2, Self.width], normal: 1, &random)
  }

  func pass(_ whenComplete: ((Parameter) -> Void)? = nil) {
    let tape = Tape()
    let context = tape.context()
    let y = layers.reduce(x) { x, layer in layer(x, context).gelu() }
    tape.gradients(of: y.squared().mean(), whenComplete: whenComplete)
  }

  /// The weights after some steps of AdamW, and the most bytes that a step took.
  func train(released: Bool, clip: Double? = nil) throws -> (weights: [[Float]], peak: Int) {
    let infos = parameters.indices.map {
      ParameterInfo("\($0)", shape: [Self.width, Self.width], role: .matrix)
    }
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(AdamW(learningRate: 0.01), clip: Clipping(norm: clip)), parameters: infos)
    let release = try GradientRelease(optimizer)
    func releasing(_ use: @escaping (Int, ParameterMemory<Float>) throws -> Void) {
      pass { parameter in
        #expect(throws: Never.self) {
          try use(parameters.firstIndex { $0 === parameter }!, parameter.memory)
        }
        parameter.clearGradient()
      }
    }
    var peak = 0
    for _ in 0..<3 {
      for parameter in parameters { parameter.clearGradient() }
      TensorPool.resetPeak()
      let before = TensorPool.bytesOfThread
      if released {
        release.start()
        if release.needsMeasuring {
          releasing { try release.measure($0, $1.gradient!) }
        }
        try release.begin(parameters.memory)
        releasing { try release.release($0, $1) }
        #expect(release.end().applied)
      } else {
        pass()
        #expect(try optimizer.step(parameters).applied)
      }
      peak = max(peak, TensorPool.peakBytesOfThread - before)
    }
    return (parameters.map(\.value.scalars), peak)
  }
}

@Suite("Memory of gradient release") struct ReleaseMemoryTests {
  /// In a process of its own, where no other test takes memory.
  @Test("a step takes one gradient, and no second copy of the weights") func peak() async {
    await #expect(processExitsWith: .success) {
      let count = 8
      for clip in [nil, 0.01] {
        let plain = try Wide(layers: count).train(released: false, clip: clip)
        let released = try Wide(layers: count).train(released: true, clip: clip)
        #expect(plain.weights == released.weights)
        // All gradients, against one; the rest is activations.
        #expect(plain.peak > count * Wide.layerBytes)
        #expect(released.peak > Wide.layerBytes && released.peak < 2 * Wide.layerBytes)
      }
    }
  }
}
