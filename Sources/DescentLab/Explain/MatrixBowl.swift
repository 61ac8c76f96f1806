import Descent
import DescentCompute
import Foundation

/// f(W) = ½·⟨W, A·W·B⟩: a bowl for a matrix of weights whose steep and flat directions are mixtures of
/// rows and of columns, as they are in a layer with correlated inputs and outputs.
struct MatrixBowl {
  let (side, A, B, start): (Int, Matrix, Matrix, [Double])

  /// - Parameters:
  ///   - side: the rows and columns of W.
  ///   - condition: how far apart the curvatures of A, and of B, are.
  ///   - rotated: whether A and B mix rows and columns.
  init(side: Int = 6, condition: Double, rotated: Bool) throws {
    self.side = side
    var random = RandomStream(seed: 11)
    func normal(_ count: Int) -> [Double] { (0..<count).map { _ in Double(random.normal()) } }
    func factor() throws -> Matrix {
      let values = (0..<side).map { pow(condition, -Double($0) / Double(side - 1)) }
      let noise = Matrix(side, side, normal(side * side))
      if !rotated { return .diagonal(values) }
      let basis = try SymmetricEigen(noise * noise.transposed)
      return try SymmetricEigen(values: values, rows: basis.rows).map { $0 }
    }
    (A, B) = (try factor(), try factor())
    start = normal(side * side)
  }

  func gradient(_ t: Int, _ w: [Double]) -> [Double] {
    (A * Matrix(side, side, w) * B).elements
  }

  func loss(_ w: [Double]) -> Double {
    zip(w, gradient(0, w)).reduce(0) { $0 + $1.0 * $1.1 / 2 }
  }
}

extension Matrix {
  /// The singular values, the largest first.
  func singularValues() throws -> [Double] {
    try SymmetricEigen(transposed * self).values.reversed().map { max(0, $0).squareRoot() }
  }
}
