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
  ///   - rotated: whether A and B mix rows and columns. The start is rotated with them: to a rule
  ///     that sees no rows and columns, such as SGD, both bowls are the same.
  ///   - seed: of the start and of the mixtures.
  init(side: Int = 6, condition: Double, rotated: Bool, seed: UInt64) throws {
    self.side = side
    var random = RandomStream(seed: seed)
    func normal() -> Matrix {
      Matrix(side, side, (0..<side * side).map { _ in Double(random.normal()) })
    }
    let values = (0..<side).map { pow(condition, -Double($0) / Double(side - 1)) }
    let first = normal()
    if rotated {
      let bases = try (0..<2).map { _ in
        let noise = normal()
        return try SymmetricEigen(noise * noise.transposed).rows
      }
      A = bases[0].transposed * .diagonal(values) * bases[0]
      B = bases[1].transposed * .diagonal(values) * bases[1]
      start = (bases[0].transposed * first * bases[1]).elements
    } else {
      (A, B, start) = (.diagonal(values), .diagonal(values), first.elements)
    }
  }

  func gradient(_ t: Int, _ w: [Double]) -> [Double] {
    (A * Matrix(side, side, w) * B).elements
  }

  func loss(_ w: [Double]) -> Double {
    zip(w, gradient(0, w)).reduce(0) { $0 + $1.0 * $1.1 / 2 }
  }
}

extension Matrix {
  /// The singular values, the largest first; 0 for those that are but rounding errors.
  func singularValues() throws -> [Double] {
    let values = try SymmetricEigen(transposed * self).values.reversed().map {
      max(0, $0).squareRoot()
    }
    return values.map { $0 < 1e-6 * (values.first ?? 0) ? 0 : $0 }
  }

  /// How far another matrix goes along each of the directions that belong to the singular values of
  /// this one, the largest first: uᵀ·M·v. None of the values may be 0.
  func lengths(of other: Matrix) throws -> [Double] {
    let right = try SymmetricEigen(transposed * self).rows
    return (0..<columns).reversed().map { i in
      let v = Matrix(columns, 1, (0..<columns).map { right[i, $0] })
      let (u, w) = ((self * v).elements, (other * v).elements)
      let size = u.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return zip(u, w).reduce(0) { $0 + $1.0 * $1.1 } / size
    }
  }
}
