import Descent
import DescentNN
import Testing

@Suite struct TapeTests {
  @Test func gradientsOfAPolynomial() {
    let tape = Tape()
    let x = tape.watch(Tensor(3))
    let unused = tape.watch(Tensor(1))
    let gradients = tape.gradients(of: x * x * x - 2 * x)
    #expect(gradients[x]?.scalar == 25)
    #expect(gradients[unused] == nil)
  }

  @Test func scaleMultipliesTheGradients() {
    let tape = Tape()
    let x = tape.watch(Tensor(3))
    #expect(tape.gradients(of: x * x, scale: 0.5)[x]?.scalar == 3)
  }

  @Test func tensorsAreValues() {
    let x = Tensor.ones([3])
    var y = x
    y.withMutableSpan { $0[0] = 5 }
    var z = x.reshaped([1, 3])
    z.withMutableSpan { $0[1] = 7 }
    #expect(x.scalars == [1, 1, 1])
    #expect(y.scalars == [5, 1, 1])
    #expect(z.scalars == [1, 7, 1])
  }

  @Test func gradientThatTwoTensorsShareIsNotOverwritten() {
    // Addition hands one gradient to both terms; x then adds to its own.
    let tape = Tape()
    let x = tape.watch(Tensor.ones([4, 4]))
    let w = tape.watch(Tensor.ones([4]))
    let sum = x + x.layerNorm(w)
    let y = sum + x.rmsNorm(w)
    let gradients = tape.gradients(of: y.sum())
    #expect(gradients[x]?.scalars.allSatisfy { abs($0 - 1) < 1e-4 } == true)
  }

  @Test func parametersAccumulateOnlyWhenAsked() {
    var random = RandomStream(seed: 1)
    let layer = Linear(inputs: 3, outputs: 2, random: &random)
    let x = Tensor.random([4, 3], normal: 1, &random)
    func run(_ scale: Float, accumulating: Bool) -> [Float] {
      let tape = Tape()
      let loss = layer(x, tape.context()).squared().sum()
      tape.gradients(of: loss, scale: scale, accumulating: accumulating)
      return layer.weight.gradient!.scalars
    }
    let whole = run(1, accumulating: false)
    #expect(run(0.5, accumulating: false) == whole.map { $0 / 2 })
    let sum = run(0.5, accumulating: true)
    for (a, b) in zip(sum, whole) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b))) }
    layer.clearGradients()
    #expect(layer.weight.gradient == nil)
  }

  @Test func updatesInPlaceDoNotReachRecordedValues() {
    var random = RandomStream(seed: 1)
    let layer = Linear(inputs: 3, outputs: 2, bias: false, random: &random)
    let kept = layer.weight.value
    let before = kept.scalars
    layer.weight.value.withMutableSpan { $0[0] += 1 }
    #expect(kept.scalars == before)
    #expect(layer.weight.value.scalars[0] == before[0] + 1)
  }

  @Test func dropoutKeepsTheMeanAndRepeats() {
    let mask = DropoutMask(probability: 0.25, random: RandomStream(seed: 9, stream: 4))
    let y = Tensor.ones([40_000]).dropout(mask)
    let dropped = y.scalars.filter { $0 == 0 }.count
    #expect(abs(Double(dropped) / 40_000 - 0.25) < 0.01)
    #expect(y.scalars.allSatisfy { $0 == 0 || abs($0 - 4 / 3) < 1e-6 })
    #expect(y.scalars == Tensor.ones([40_000]).dropout(mask).scalars)
    let other = DropoutMask(probability: 0.25, random: RandomStream(seed: 9, stream: 5))
    #expect(y.scalars != Tensor.ones([40_000]).dropout(other).scalars)
  }
}

@Suite struct BatchNormTests {
  @Test(arguments: [[4, 3, 5, 7], [2, 3, 1, 1], [3, 3, 17], [2, 3, 40]], [false, true])
  func `ReLU in the same pass is ReLU after it`(shape: [Int], givenStatistics: Bool) {
    var random = RandomStream(seed: 4)
    let inputs = [shape, [3], [3]].map { Tensor.random($0, normal: 1, &random) }
    let (mean, variance) = (Tensor.random([3], normal: 0.3, &random), Tensor.ones([3]))
    let weights = Tensor.random(shape, normal: 1, &random)
    func result(_ rectified: Bool) -> (y: [Float], gradients: [[Float]]) {
      let tape = Tape()
      let x = inputs.map { tape.watch($0) }
      let norm =
        givenStatistics
        ? x[0].batchNorm(x[1], x[2], mean: mean, variance: variance, rectified: rectified)
        : x[0].batchNorm(x[1], x[2], rectified: rectified).y
      let y = rectified ? norm : norm.relu()
      let gradients = tape.gradients(of: (y * weights).sum())
      return (y.scalars, x.map { gradients[$0]!.scalars })
    }
    let (one, two) = (result(true), result(false))
    #expect(one.y == two.y && one.y.contains(0) && one.y.contains { $0 > 0 })
    for (a, b) in zip(one.gradients, two.gradients) {
      #expect(zip(a, b).allSatisfy { abs($0 - $1) <= 1e-6 * (1 + abs($1)) })
    }
  }
}

@Suite struct PoolingTests {
  @Test(arguments: [
    ([3, 1, 2, 3], 0), ([1, 3, 3, 3], 1), ([0, 0, 5, 5], 2), ([-4, -3, -2, -1], 3),
    ([1, .nan, 2, .nan], 1), ([.nan, 9, .nan, 0], 0), ([2, 2, .nan, 3], 2),
  ])
  func `a window gives the first of its largest, and NaN is the largest`(x: [Float], place: Int) {
    let tape = Tape()
    let image = tape.watch(Tensor(shape: [1, 1, 2, 2], scalars: x))
    let y = image.maxPool2d(2)
    #expect(y.scalars[0] == x[place] || (y.scalars[0].isNaN && x[place].isNaN))
    let gradients = tape.gradients(of: y.sum())
    #expect(gradients[image]?.scalars == (0..<4).map { $0 == place ? 1 : 0 })
  }
}

@Suite struct ContractTests {
  @Test func shapesThatDoNotMatchStopTheProgram() async {
    await #expect(processExitsWith: .failure) {
      _ = Tensor.ones([2, 3]).product(Tensor.ones([2, 3]))
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor.ones([2, 3]) + Tensor.ones([2])
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor.ones([4, 3]).embedding(IndexTensor([4]))
    }
    await #expect(processExitsWith: .failure) {
      _ = Tensor.ones([1, 3]).crossEntropy(IndexTensor([3]))
    }
  }

  @Test func messageNamesTheShapes() async {
    let result = await #expect(
      processExitsWith: .failure, observing: [\.standardErrorContent]
    ) {
      _ = Tensor.ones([2, 3]).product(Tensor.ones([4, 5]))
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("[2, 3]") && text.contains("[4, 5]"))
  }
}

@Suite("Completion of gradients") struct CompletionTests {
  @Test("a parameter is complete when its first use is passed, also when it is used twice")
  func order() {
    let parameters = (0..<3).map { Parameter(Tensor(Float($0) + 2), role: .other) }
    func run(_ whenComplete: ((Parameter) -> Void)?) {
      let tape = Tape()
      let context = tape.context()
      let (a, b) = (context.use(parameters[0]), context.use(parameters[1]))
      // a is used at the bottom and at the top; c is used last.
      let y = (a * b) * context.use(parameters[2]) * a
      tape.gradients(of: y, whenComplete: whenComplete)
    }
    run(nil)
    let expected = parameters.map { $0.gradient!.scalar }
    // a = 2, b = 3, c = 4: y = a²·b·c
    let analytic: [Float] = [48, 16, 12]
    #expect(expected == analytic)
    var seen: [(Int, Float)] = []
    run { parameter in
      let index = parameters.firstIndex { $0 === parameter }!
      seen.append((index, parameter.gradient!.scalar))
      parameter.clearGradient()
    }
    #expect(seen.map(\.0) == [2, 1, 0])
    for (index, gradient) in seen { #expect(gradient == expected[index]) }
    #expect(parameters.allSatisfy { $0.gradient == nil })
  }
}
