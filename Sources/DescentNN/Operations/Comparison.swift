internal import DescentCompute

// Comparisons give plain numbers: they have no derivative.

private enum IsEqual: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x == y ? 1 : 0 }
}

private enum IsDifferent: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x == y ? 0 : 1 }
}

private enum IsLess: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x < y ? 1 : 0 }
}

private enum IsAtMost: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x <= y ? 1 : 0 }
}

extension Tensor: Equatable {
  /// Whether both have the same shape and equal elements; NaN equals nothing.
  public static func == (x: Tensor, y: Tensor) -> Bool {
    guard x.shape == y.shape else { return false }
    let (xs, ys) = (x.elements, y.elements)
    return xs.indices.allSatisfy { xs[$0] == ys[$0] }
  }

  /// Whether both have the same shape and |x − y| ≤ absolute + relative·|y| for every element; equal
  /// infinities are close, NaN is close to nothing.
  public func isClose(
    to other: Tensor, relative: Float = 1e-5, absolute: Float = 1e-8
  ) -> Bool {
    guard shape == other.shape else { return false }
    let (xs, ys) = (elements, other.elements)
    return xs.indices.allSatisfy {
      let (x, y) = (xs[$0], ys[$0])
      return x == y || (y.isFinite && abs(x - y) <= absolute + relative * abs(y))
    }
  }

  /// 1 where elements are equal, 0 elsewhere.
  public static func .== (x: Tensor, y: Tensor) -> Tensor { combine(x, y, IsEqual.self) }
  /// 0 where elements are equal, 1 elsewhere.
  public static func .!= (x: Tensor, y: Tensor) -> Tensor { combine(x, y, IsDifferent.self) }
  /// 1 where x < y, 0 elsewhere.
  public static func .< (x: Tensor, y: Tensor) -> Tensor { combine(x, y, IsLess.self) }
  /// 1 where x ≤ y, 0 elsewhere.
  public static func .<= (x: Tensor, y: Tensor) -> Tensor { combine(x, y, IsAtMost.self) }
  /// 1 where x > y, 0 elsewhere.
  public static func .> (x: Tensor, y: Tensor) -> Tensor { y .< x }
  /// 1 where x ≥ y, 0 elsewhere.
  public static func .>= (x: Tensor, y: Tensor) -> Tensor { y .<= x }

  /// 1 where elements equal c, 0 elsewhere.
  public static func .== (x: Tensor, c: Float) -> Tensor { x .== Tensor(c) }
  /// 0 where elements equal c, 1 elsewhere.
  public static func .!= (x: Tensor, c: Float) -> Tensor { x .!= Tensor(c) }
  /// 1 where x < c, 0 elsewhere.
  public static func .< (x: Tensor, c: Float) -> Tensor { x .< Tensor(c) }
  /// 1 where x ≤ c, 0 elsewhere.
  public static func .<= (x: Tensor, c: Float) -> Tensor { x .<= Tensor(c) }
  /// 1 where x > c, 0 elsewhere.
  public static func .> (x: Tensor, c: Float) -> Tensor { x .> Tensor(c) }
  /// 1 where x ≥ c, 0 elsewhere.
  public static func .>= (x: Tensor, c: Float) -> Tensor { x .>= Tensor(c) }

  /// The elements of `other` where the mask is not 0, and those of this tensor elsewhere; elements that
  /// are not taken have no part in the result, even if they are NaN.
  ///
  /// - Parameters:
  ///   - other: a tensor that can be repeated to this shape.
  ///   - mask: the same, as comparisons make it; it gets no gradient.
  public func replacing(with other: Tensor, where mask: Tensor) -> Tensor {
    let other = other.broadcast(to: shape)
    let mask = mask.detached.broadcast(to: shape)
    func chosen(_ x: View<Float>?, _ y: View<Float>?) -> Tensor {
      let z = Tensor(uninitialized: mask.shape)
      let (ms, zs) = (mask.elements, z.freshElements)
      inChunks(of: mask.count) { range in
        for i in range { zs[i] = ms[i] == 0 ? x?[i] ?? 0 : y?[i] ?? 0 }
      }
      return z
    }
    return record(chosen(elements, other.elements), from: self, other, in: format.wider(other)) {
      dy, d in
      d.add(to: 0, chosen(dy.elements, nil))
      d.add(to: 1, chosen(nil, dy.elements))
    }
  }
}
