import Descent
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
