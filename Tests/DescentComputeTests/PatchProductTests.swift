import DescentCompute
import Testing

/// Patches of images, and a matrix that each is multiplied by.
struct PatchCase: CustomTestStringConvertible {
  let images, places, columns, size: Int
  var transposesB = false
  var transposesC = false
  var beta: Float = 0
  var testDescription: String {
    "\(images) of \(places)×\(columns)×\(size), β=\(beta), transposed: \(transposesB), \(transposesC)"
  }

  static let all: [PatchCase] = [
    PatchCase(images: 1, places: 1, columns: 1, size: 1),
    PatchCase(images: 2, places: 7, columns: 5, size: 3, transposesB: true),
    PatchCase(images: 3, places: 64, columns: 32, size: 9, transposesB: true, transposesC: true),
    PatchCase(images: 2, places: 25, columns: 33, size: 800, transposesC: true, beta: 0.5),
    PatchCase(images: 1, places: 17, columns: 40, size: 385, beta: 1),
    PatchCase(images: 1, places: 9, columns: 350, size: 400, transposesB: true, beta: 1),
  ]
}

@Suite struct PatchProductTests {
  @Test(arguments: PatchCase.all)
  func `as the sums say, on each instruction set`(c: PatchCase) {
    // Places that lie close together, as those of neighbouring patches do.
    let table = PatchTable(
      places: (0..<c.places).map { Int32($0 * 3 % 50) },
      steps: (0..<c.size).map { Int32($0 * 7 % 901) })
    let (stride, result) = (1000, c.places * c.columns + 3)
    let images = MatrixProductTests.numbers(c.images * stride, seed: 1)
    let b = MatrixProductTests.numbers(c.size * c.columns, seed: 2)
    let before = MatrixProductTests.numbers(c.images * result, seed: 3)
    let matrix =
      c.transposesB
      ? b.view.matrix(c.columns, c.size).transposed : b.view.matrix(c.size, c.columns)
    onEachInstructionSet { name in
      let y = before.mutableView
      MatrixProduct.multiplySerial(
        Patches(images.view, count: c.images, stride: stride, table), matrix, beta: c.beta, into: y,
        stride: result, transposed: c.transposesC)
      var worst = 0.0
      for n in 0..<c.images {
        for i in 0..<c.places {
          for j in 0..<c.columns {
            let place = n * result + (c.transposesC ? j * c.places + i : i * c.columns + j)
            var sum = c.beta == 0 ? 0 : Double(c.beta * before[place])
            for p in 0..<c.size {
              let x = images[n * stride + Int(table.places[i] + table.steps[p])]
              sum += Double(x) * Double(c.transposesB ? b[j * c.size + p] : b[p * c.columns + j])
            }
            worst = max(worst, abs(sum - Double(y[place])))
          }
        }
        let rest = (n * result + c.places * c.columns)..<((n + 1) * result)
        #expect(y[rest].array == Array(before[rest]), "\(name) writes beyond the result")
      }
      #expect(worst <= 1e-6 * Double(c.size), "\(name)")
    }
  }
}
