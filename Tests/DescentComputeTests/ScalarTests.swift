import DescentCompute
import Testing

@Suite struct ScalarTests {
  static let cases: [Double] = [
    0, -0.0, 1, 2, 0.25, 3, 1e-30, 1e30, .infinity, .leastNonzeroMagnitude, -1, .nan,
  ]

  @Test(arguments: cases)
  func `the root is the square root, bit for bit`(x: Double) {
    #expect(same(x.root, x.squareRoot()))
    #expect(same(Float(x).root, Float(x).squareRoot()))
  }

  private func same<T: BinaryFloatingPoint>(_ a: T, _ b: T) -> Bool {
    a.isNaN ? b.isNaN : a == b && a.sign == b.sign
  }
}
