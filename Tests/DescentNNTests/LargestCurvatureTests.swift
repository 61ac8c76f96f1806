import Descent
import DescentCompute
import DescentNN
import Testing

/// ½·wᵀ·A·w with eigenvalues that are known.
private final class Quadratic: Module {
  let w: Parameter
  let eigenvalues: [Float]
  init(_ eigenvalues: [Float]) {
    self.eigenvalues = eigenvalues
    w = Parameter(
      Tensor(shape: [eigenvalues.count], scalars: eigenvalues.map { _ in 0.3 }), role: .other)
    assignNames()
  }
  var members: [Member] { [.parameter("w", w)] }

  /// In a basis of pairs that are turned by 45 degrees.
  func gradients() {
    let tape = Tape()
    let x = tape.context().use(w).reshaped([-1, 2])
    let root = Float(0.5).squareRoot()
    let turn = Tensor(shape: [2, 2], scalars: [root, root, -root, root])
    let y = x.linear(turn).reshaped([eigenvalues.count])
    let a = Tensor(shape: [eigenvalues.count], scalars: eigenvalues)
    tape.gradients(of: (y.squared() * a).sum() * 0.5)
  }
}

@Suite("The largest curvature") struct LargestCurvatureTests {
  @Test(
    "of a quadratic it is the eigenvalue of the largest magnitude, with its sign",
    arguments: [
      ([1, 2, 3, 10], 10), ([0.5, 0.1, 0.2, 0.05, 0, 0], 0.5), ([-8, 1, 2, 3], -8),
      ([100, 1, -50, 2], 100), ([0, 0], 0), ([3, 3, 3, 3], 3),
    ] as [([Float], Double)])
  func quadratic(_ eigenvalues: [Float], _ largest: Double) {
    let model = Quadratic(eigenvalues)
    var v = model.randomDirection(seed: 4)
    let estimate = model.largestCurvature(from: &v, iterations: 16, gradients: model.gradients)
    #expect(abs(estimate - largest) <= 2e-3 * max(1, abs(largest)), "\(estimate)")
    // It goes on from the direction that was found.
    let next = model.largestCurvature(from: &v, iterations: 1, gradients: model.gradients)
    #expect(abs(next - largest) <= 2e-3 * max(1, abs(largest)), "\(next)")
    #expect(model.w.value.scalars == eigenvalues.map { _ in 0.3 }, "the weights are put back")
  }

  @Test("of a perceptron it is that of its Hessian") func perceptron() throws {
    var random = RandomStream(seed: 6)
    let model = try MLPClassifier(
      inputs: 3, hidden: [4], classes: 3, activation: .tanh, random: &random)
    let x = Tensor(shape: [10, 3], scalars: (0..<30).map { _ in random.normal() })
    let labels = IndexTensor((0..<10).map { Int32($0 % 3) })
    func gradients() {
      let tape = Tape()
      let loss = model(x, tape.context()).crossEntropy(labels)
      tape.gradients(of: loss)
    }
    // Column by column, by differences of its own.
    let parameters = model.parameters
    let count = parameters.reduce(0) { $0 + $1.value.count }
    var hessian: [Double] = []
    for parameter in parameters {
      for i in 0..<parameter.value.count {
        func slopes(_ offset: Float) -> [Double] {
          let start = parameter.value.scalars
          parameter.value.withMutableSpan { $0[i] += offset }
          gradients()
          parameter.value = Tensor(shape: parameter.value.shape, scalars: start)
          return parameters.flatMap { $0.gradient!.scalars.map(Double.init) }
        }
        hessian += zip(slopes(0x1p-7), slopes(-0x1p-7)).map { ($0 - $1) / 0x1p-6 }
      }
    }
    let matrix = Matrix(count, count, hessian)
    let symmetric = Matrix(
      count, count, zip(matrix.elements, matrix.transposed.elements).map { ($0 + $1) / 2 })
    let values = try SymmetricEigen(symmetric).values
    let largest = try #require(values.max { abs($0) < abs($1) })
    var v = model.randomDirection(seed: 1)
    let estimate = model.largestCurvature(from: &v, iterations: 40, gradients: gradients)
    #expect(abs(estimate - largest) < 0.01 * abs(largest), "\(estimate), expected \(largest)")
  }
}
