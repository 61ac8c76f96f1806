import DescentCompute
import DescentNN
import Testing

/// An operation whose derivatives are compared with finite differences.
struct DerivativeCase: CustomTestStringConvertible, Sendable {
  /// What the inputs are drawn from.
  enum Inputs { case normal, positive, distinct }

  let name: String
  let shapes: [[Int]]
  var inputs = Inputs.normal
  /// The step of the differences; the fourth-order formula leaves an error of its fourth power.
  var step: Float = 1 / 32
  /// The largest difference allowed, as a share of the largest slope of that input.
  var bound: Double = 1e-4
  let function: @Sendable ([Tensor]) -> Tensor

  init(
    _ name: String, _ shapes: [Int]..., inputs: Inputs = .normal, step: Float = 1 / 32,
    bound: Double = 1e-4, _ function: @escaping @Sendable ([Tensor]) -> Tensor
  ) {
    (self.name, self.shapes, self.inputs, self.step) = (name, shapes, inputs, step)
    (self.bound, self.function) = (bound, function)
  }

  var testDescription: String { name }

  static let all: [DerivativeCase] = [
    DerivativeCase("exp", [3, 4]) { $0[0].exp() },
    DerivativeCase("log", [3, 4], inputs: .positive) { $0[0].log() },
    DerivativeCase("squareRoot", [3, 4], inputs: .positive) { $0[0].squareRoot() },
    DerivativeCase("squared", [3, 4]) { $0[0].squared() },
    DerivativeCase("power", [3, 4], inputs: .positive) { $0[0].power(1.7) },
    DerivativeCase("magnitude", [3, 4], inputs: .distinct) { $0[0].magnitude() },
    DerivativeCase("tanh", [3, 4]) { $0[0].tanh() },
    DerivativeCase("sigmoid", [3, 4]) { $0[0].sigmoid() },
    DerivativeCase("relu", [3, 4], inputs: .distinct) { $0[0].relu() },
    DerivativeCase("leakyReLU", [3, 4], inputs: .distinct) { $0[0].leakyReLU(0.2) },
    DerivativeCase("softplus", [5, 7]) { (4 * $0[0]).softplus() },
    DerivativeCase("gelu", [5, 7]) { $0[0].gelu() },
    DerivativeCase("gelu, tanh", [5, 7]) { $0[0].geluTanh() },
    DerivativeCase("silu", [5, 7]) { $0[0].silu() },
    DerivativeCase("swiGLU", [3, 4], [3, 4]) { $0[0].swiGLU($0[1]) },
    DerivativeCase("−x", [5]) { -$0[0] },
    DerivativeCase("constants", [5]) { ((3 * $0[0] + 1) / 4 - 2) * 5 },
    DerivativeCase("x + y", [2, 3], [2, 3]) { $0[0] + $0[1] },
    DerivativeCase("x + x", [2, 3]) { $0[0] + $0[0] },
    DerivativeCase("x − y", [2, 3], [2, 3]) { $0[0] - $0[1] },
    DerivativeCase("x·y", [2, 3], [2, 3]) { $0[0] * $0[1] },
    DerivativeCase("x / y", [2, 3], [2, 3], inputs: .positive) { $0[0] / $0[1] },
    DerivativeCase("x + y, scalar", [2, 3], []) { $0[0] + $0[1] },
    DerivativeCase("x·y, row", [4, 2, 3], [3]) { $0[0] * $0[1] },
    DerivativeCase("x·y, column", [4, 3], [4, 1]) { $0[0] * $0[1] },
    DerivativeCase("x / y, middle", [4, 2, 3], [4, 1, 3], inputs: .positive) { $0[0] / $0[1] },
    DerivativeCase("x − y, both repeated", [4, 1], [2, 1, 3]) { $0[0] - $0[1] },
    DerivativeCase("sum", [2, 3, 4]) { $0[0].sum() },
    DerivativeCase("sum, first", [2, 3, 4]) { $0[0].sum(over: [0]) },
    DerivativeCase("sum, middle", [2, 3, 4]) { $0[0].sum(over: [1], keepDimensions: true) },
    DerivativeCase("sum, last", [2, 3, 4]) { $0[0].sum(over: [-1]) },
    DerivativeCase("mean, outer", [2, 3, 4]) { $0[0].mean(over: [0, 2]) },
    DerivativeCase("max", [2, 9], inputs: .distinct) { $0[0].max() },
    DerivativeCase("max, first", [4, 3, 2], inputs: .distinct) { $0[0].max(over: [0]) },
    DerivativeCase("softmax", [4, 5]) { $0[0].softmax() },
    DerivativeCase("softmax, long rows", [2, 37]) { $0[0].softmax() },
    DerivativeCase("logSoftmax", [4, 5]) { $0[0].logSoftmax() },
    DerivativeCase("crossEntropy", [4, 5]) { $0[0].crossEntropy(IndexTensor([1, 0, 4, 1])) },
    DerivativeCase("crossEntropy, ignoring", [4, 5]) {
      $0[0].crossEntropy(IndexTensor([1, -1, 4, 1]), ignoring: -1)
    },
    DerivativeCase("crossEntropy, smoothed", [4, 5]) {
      $0[0].crossEntropy(IndexTensor([1, -1, 4, 1]), smoothing: 0.2, ignoring: -1)
    },
    DerivativeCase("meanSquaredError", [4, 3], [4, 3]) { $0[0].meanSquaredError($0[1]) },
    DerivativeCase("product", [3, 4], [4, 5]) { $0[0].product($0[1]) },
    DerivativeCase("productᵀ·", [4, 3], [4, 5]) { $0[0].product($0[1], transposed: true) },
    DerivativeCase("product·ᵀ", [3, 4], [5, 4]) { $0[0].product($0[1], otherTransposed: true) },
    DerivativeCase("productᵀ·ᵀ", [4, 3], [5, 4]) {
      $0[0].product($0[1], transposed: true, otherTransposed: true)
    },
    DerivativeCase("product, batch", [2, 3, 4], [2, 4, 5]) { $0[0].product($0[1]) },
    DerivativeCase("product·ᵀ, batch", [2, 2, 3, 4], [2, 2, 5, 4]) {
      $0[0].product($0[1], otherTransposed: true)
    },
    DerivativeCase("product, one matrix", [2, 3, 4], [4, 5]) { $0[0].product($0[1]) },
    DerivativeCase("linear", [2, 3, 4], [5, 4], [5]) { $0[0].linear($0[1], $0[2]) },
    DerivativeCase("linear, no bias", [3, 4], [5, 4]) { $0[0].linear($0[1]) },
    DerivativeCase("embedding", [6, 4]) {
      $0[0].embedding(IndexTensor(shape: [2, 3], scalars: [4, 0, 1, 5, 4, 3]))
    },
    DerivativeCase("layerNorm", [3, 9], [9], [9]) { $0[0].layerNorm($0[1], $0[2]) },
    DerivativeCase("layerNorm, no bias", [2, 3, 40], [40]) { $0[0].layerNorm($0[1]) },
    DerivativeCase("layerNorm, many rows", [70, 4], [4], [4]) {
      $0[0].layerNorm($0[1], $0[2], epsilon: 0.1)
    },
    DerivativeCase("rmsNorm", [3, 9], [9]) { $0[0].rmsNorm($0[1]) },
    DerivativeCase("batchNorm", [4, 3, 2, 3], [3], [3]) { $0[0].batchNorm($0[1], $0[2]).y },
    DerivativeCase("batchNorm, vectors", [5, 4], [4], [4]) { $0[0].batchNorm($0[1], $0[2]).y },
    DerivativeCase("batchNorm, inference", [4, 3, 5], [3], [3]) {
      $0[0].batchNorm(
        $0[1], $0[2], mean: Tensor(shape: [3], scalars: [0.1, -1, 2]),
        variance: Tensor(shape: [3], scalars: [0.5, 1, 2]))
    },
    DerivativeCase("dropout", [6, 5]) {
      $0[0].dropout(DropoutMask(probability: 0.3, random: RandomStream(seed: 5)))
    },
    DerivativeCase("conv2d", [2, 3, 5, 6], [4, 3, 3, 2], [4]) { $0[0].conv2d($0[1], $0[2]) },
    DerivativeCase("conv2d, stride and padding", [2, 2, 7, 6], [3, 2, 3, 3], [3]) {
      $0[0].conv2d($0[1], $0[2], stride: 2, padding: 1)
    },
    DerivativeCase("conv2d, dilation", [1, 2, 7, 7], [3, 2, 3, 3]) {
      $0[0].conv2d($0[1], padding: 2, dilation: 2)
    },
    DerivativeCase("conv2d, groups", [2, 4, 4, 4], [6, 2, 3, 3], [6]) {
      $0[0].conv2d($0[1], $0[2], padding: 1, groups: 2)
    },
    DerivativeCase("conv2d, pointwise", [2, 3, 4, 4], [5, 3, 1, 1], [5]) {
      $0[0].conv2d($0[1], $0[2])
    },
    DerivativeCase("conv2d, more padding than the kernel reaches", [2, 2, 3, 3], [4, 1, 2, 1]) {
      $0[0].conv2d($0[1], padding: 1, groups: 2)
    },
    DerivativeCase("conv2d, many images", [19, 1, 3, 3], [2, 1, 3, 3]) {
      $0[0].conv2d($0[1], padding: 1)
    },
    DerivativeCase("maxPool2d", [2, 2, 4, 5], inputs: .distinct) { $0[0].maxPool2d(2) },
    DerivativeCase("maxPool2d, overlapping", [1, 2, 5, 5], inputs: .distinct) {
      $0[0].maxPool2d(3, stride: 2, padding: 1)
    },
    DerivativeCase("averagePool2d", [2, 2, 4, 5]) { $0[0].averagePool2d(2) },
    DerivativeCase("averagePool2d, overlapping", [1, 2, 5, 5]) {
      $0[0].averagePool2d(3, stride: 2, padding: 1)
    },
    DerivativeCase("upsampled2d", [2, 3, 2, 3]) { $0[0].upsampled2d(2) },
    DerivativeCase("upsampled2d, used twice", [1, 2, 3, 1]) {
      $0[0].upsampled2d(3) * $0[0].upsampled2d(3)
    },
    DerivativeCase("attention", [2, 5, 12]) { $0[0].attention(heads: 2) },
    DerivativeCase("attention, full", [2, 5, 12]) { $0[0].attention(heads: 2, causal: false) },
    DerivativeCase("attention, two blocks", [1, 70, 6], bound: 3e-4) {
      $0[0].attention(heads: 1)
    },
    DerivativeCase("attention, dropout", [2, 5, 12]) {
      $0[0].attention(
        heads: 2, dropout: DropoutMask(probability: 0.4, random: RandomStream(seed: 3)))
    },
    DerivativeCase("reshaped", [2, 6]) { $0[0].reshaped([3, -1]) * $0[0].reshaped([3, 4]) },
    DerivativeCase("permuted", [2, 3, 4]) { $0[0].permuted([2, 0, 1]) },
    DerivativeCase("transposed", [2, 3, 4]) { $0[0].transposed() },
    DerivativeCase("narrowed", [4, 6]) { $0[0].narrowed(1, 1..<3) * $0[0].narrowed(-1, 3..<5) },
    DerivativeCase("concatenated", [2, 3], [2, 2]) { Tensor.concatenated($0, axis: 1) },
    DerivativeCase("stacked", [2, 3], [2, 3]) { Tensor.stacked($0, axis: 1) },
    DerivativeCase("x[i]", [3, 4]) { $0[0][1] * $0[0][-1] },
    DerivativeCase("x[…, i]", [2, 3, 4]) { $0[0][0..., 1, 2...] },
    DerivativeCase("x[range, range]", [4, 5]) { $0[0][1..<3, ...(-2)] },
    DerivativeCase("x[i] = y", [3, 4], [4]) {
      var x = $0[0]
      x[1] = $0[1]
      return x * x
    },
    DerivativeCase("x[range] = y, repeated", [3, 4], [3, 1]) {
      var x = $0[0]
      x[0..., 1..<4] = $0[1]
      x[2] *= $0[1][0]
      return x * x
    },
    DerivativeCase("x[at:] = y", [3, 4]) {
      var x = $0[0]
      x[at: 1, -1] = 2
      return x * x
    },
    DerivativeCase("x[indices]", [4, 2, 3]) { $0[0][IndexTensor(shape: [3], scalars: [3, 0, 3])] },
    DerivativeCase("x[indices], vector", [4]) { $0[0][IndexTensor([3, 0, 3])] },
    DerivativeCase("picked", [2, 3, 4]) {
      $0[0].picked(IndexTensor(shape: [2, 3], scalars: [3, 0, 1, 2, 2, 0]))
    },
    DerivativeCase("broadcast", [3, 1]) { $0[0].broadcast(to: [2, 3, 4]) },
    DerivativeCase("replacing", [3, 4], [4], inputs: .distinct) {
      $0[0].replacing(with: $0[1] * $0[1], where: $0[0] .> 0.5)
    },
    DerivativeCase("constants before", [5], inputs: .positive) { (2 - (1 + $0[0])) * (3 / $0[0]) },
    DerivativeCase("min", [4, 3, 2], inputs: .distinct) { $0[0].min(over: [1]) },
    DerivativeCase("matmul, row", [4], [4, 5]) { $0[0].matmul($0[1]) },
    DerivativeCase("matmul, column", [2, 3, 4], [4]) { $0[0].matmul($0[1]) },
    DerivativeCase("matmul, vectors", [4], [4]) { $0[0].matmul($0[1]) },
    DerivativeCase("matmul, repeated", [2, 1, 3, 4], [3, 4, 2]) { $0[0].matmul($0[1]) },
    DerivativeCase("mapped", [3, 4]) { $0[0].mapped({ $0 * $0 * $0 }, slope: { 3 * $0 * $0 }) },
    DerivativeCase("withDerivative", [3, 4], [3, 4]) { scaledSquare($0[0], $0[1]) },
    DerivativeCase("withDerivative, one input twice", [3, 4]) { scaledSquare($0[0], $0[0]) },
  ]
}

/// x²·s, as it would be written outside the package.
private func scaledSquare(_ x: Tensor, _ s: Tensor) -> Tensor {
  let (xs, ss) = (x.detached, s.detached)
  return (xs * xs * ss).withDerivative(from: x, s) { dy, inputs in
    inputs.add(to: 0, 2 * dy * xs * ss)
    inputs.accumulate(into: 1) { ds in
      dy.withSpan { dy in
        xs.withSpan { x in
          for i in x.indices { ds[i] += dy[i] * x[i] * x[i] }
        }
      }
    }
  }
}

@Suite struct DerivativeTests {
  @Test(arguments: DerivativeCase.all)
  func derivativesEqualFiniteDifferences(_ operation: DerivativeCase) {
    var random = RandomStream(seed: 11)
    let inputs = operation.shapes.map { Self.tensor($0, operation.inputs, &random) }
    let weights = Tensor.random(operation.function(inputs).shape, normal: 1, &random).scalars

    let tape = Tape()
    let watched = inputs.map { tape.watch($0) }
    let y = operation.function(watched)
    #expect(y.scalars == operation.function(inputs).scalars)
    let gradients = tape.gradients(of: (y * Tensor(shape: y.shape, scalars: weights)).sum())

    for (i, input) in inputs.enumerated() {
      let slopes = gradients[watched[i]]!.scalars.map(Double.init)
      #expect(gradients[watched[i]]!.shape == input.shape)
      let largest = max(1e-3, slopes.map(abs).max()!)
      for j in 0..<input.count {
        func loss(_ steps: Float) -> Double {
          var moved = inputs
          moved[i].withMutableSpan { $0[j] += steps * operation.step }
          return zip(operation.function(moved).scalars, weights).reduce(0) {
            $0 + Double($1.0) * Double($1.1)
          }
        }
        let slope =
          (8 * (loss(1) - loss(-1)) - (loss(2) - loss(-2))) / (12 * Double(operation.step))
        #expect(
          abs(slope - slopes[j]) <= operation.bound * largest,
          "input \(i), element \(j): \(slopes[j]), by differences \(slope)")
      }
    }
  }

  /// Inputs on a grid of 1/64, so that the steps are exact.
  static func tensor(
    _ shape: [Int], _ kind: DerivativeCase.Inputs, _ random: inout RandomStream
  ) -> Tensor {
    let n = shape.reduce(1, *)
    var values = Tensor.random([n], normal: 1, &random).scalars
    switch kind {
    case .normal: break
    case .positive: values = values.map { 0.75 + abs($0) }
    case .distinct:
      // Further than two steps from each other and from zero.
      let order = values.indices.sorted { values[$0] < values[$1] }
      for (place, i) in order.enumerated() {
        values[i] = (Float(place) - Float(n / 2) + 0.5) * 0.25
      }
    }
    return Tensor(shape: shape, scalars: values.map { ($0 * 64).rounded() / 64 })
  }
}
