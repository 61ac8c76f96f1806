internal import DescentCompute

// Functions of two tensors, element by element. A dimension of size 1, or a missing leading one, is
// repeated to match the other tensor's (broadcasting).

/// A function of two numbers. Types rather than closures, so that loops are compiled for each.
protocol PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float
}

private enum Sum: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x + y }
}

private enum Difference: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x - y }
}

enum Product: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x * y }
}

private enum Quotient: PairFunction {
  static func value(_ x: Float, _ y: Float) -> Float { x / y }
}

extension Tensor {
  /// x + y.
  public static func + (x: Tensor, y: Tensor) -> Tensor {
    record(combine(x, y, Sum.self), from: x, y, in: x.format.wider(y)) {
      [sx = x.shape, sy = y.shape] dy, d in
      d.add(to: 0, dy.summed(to: sx))
      d.add(to: 1, dy.summed(to: sy))
    }
  }

  /// x − y.
  public static func - (x: Tensor, y: Tensor) -> Tensor {
    record(combine(x, y, Difference.self), from: x, y, in: x.format.wider(y)) {
      [sx = x.shape, sy = y.shape] dy, d in
      d.add(to: 0, dy.summed(to: sx))
      d.add(to: 1, -dy.summed(to: sy))
    }
  }

  /// x·y, element by element.
  public static func * (x: Tensor, y: Tensor) -> Tensor {
    record(combine(x, y, Product.self), from: x, y, in: x.format.wider(y)) {
      [x = x.kept(for: y), y = y.kept(for: x), sx = x.shape, sy = y.shape] dy, d in
      if let y { d.add(to: 0, combine(dy, y, Product.self).summed(to: sx)) }
      if let x { d.add(to: 1, combine(dy, x, Product.self).summed(to: sy)) }
    }
  }

  /// x / y, element by element.
  public static func / (x: Tensor, y: Tensor) -> Tensor {
    let z = combine(x, y, Quotient.self)
    return record(z, from: x, y, in: x.format.wider(y)) {
      [y = y.kept, z = z.kept(for: y), sx = x.shape] dz, d in
      // ∂z/∂x = 1/y and ∂z/∂y = −z/y
      let dx = combine(dz, y, Quotient.self)
      d.add(to: 0, dx.summed(to: sx))
      if let z { d.add(to: 1, -combine(dx, z, Product.self).summed(to: y.shape)) }
    }
  }
}

/// z = f(x, y) with broadcasting, unrecorded.
func combine<F: PairFunction>(_ x: Tensor, _ y: Tensor, _ f: F.Type) -> Tensor {
  let plan = Broadcast(x.shape, y.shape)
  let z = Tensor(uninitialized: plan.shape)
  let (xs, ys, zs) = (x.elements, y.elements, z.freshElements)
  if plan.outer == 1 && plan.xStep == 1 && plan.yStep == 1 {
    inChunks(of: plan.inner) { range in
      let (x, y, z) = (xs[range], ys[range], zs[range])
      for i in 0..<range.count { z[i] = F.value(x[i], y[i]) }
    }
    return z
  }
  let n = plan.inner
  inRows(of: plan.outer, n) { rows in
    for r in rows {
      let (i, j) = plan.offsets(r)
      let z = zs.row(r, n)
      if plan.xStep == 1 && plan.yStep == 1 {
        let (x, y) = (xs[i..<i + n], ys[j..<j + n])
        for k in 0..<n { z[k] = F.value(x[k], y[k]) }
      } else if plan.xStep == 1 {
        let (x, y) = (xs[i..<i + n], ys[j])
        for k in 0..<n { z[k] = F.value(x[k], y) }
      } else {
        let (x, y) = (xs[i], ys[j..<j + n])
        for k in 0..<n { z[k] = F.value(x, y[k]) }
      }
    }
  }
  return z
}

/// How the elements of two shapes meet: rows of `inner` elements, each tensor stepping by 1 or
/// standing still within a row.
struct Broadcast {
  let shape: [Int]
  let outer: Int
  let inner: Int
  let xStep: Int
  let yStep: Int
  private var sizes: [Int] = []
  private var xStrides: [Int] = []
  private var yStrides: [Int] = []

  init(_ x: [Int], _ y: [Int]) {
    let rank = max(x.count, y.count)
    let x1 = Array(repeating: 1, count: rank - x.count) + x
    let y1 = Array(repeating: 1, count: rank - y.count) + y
    check(
      zip(x1, y1).allSatisfy { $0 == $1 || $0 == 1 || $1 == 1 },
      "tensors of shapes \(x) and \(y) cannot be combined: from the last on, dimensions must be equal "
        + "or 1")
    shape = zip(x1, y1).map { $0 == 1 ? $1 : $0 }
    // Neighbouring dimensions that both tensors walk through alike are one.
    var dims: [(size: Int, x: Int, y: Int)] = []
    var (xStride, yStride) = (1, 1)
    for d in (0..<rank).reversed() where shape[d] != 1 {
      let dim = (
        size: shape[d], x: x1[d] == 1 ? 0 : xStride, y: y1[d] == 1 ? 0 : yStride
      )
      xStride *= x1[d]
      yStride *= y1[d]
      if let last = dims.last, dim.x == last.x * last.size, dim.y == last.y * last.size {
        dims[dims.count - 1].size *= dim.size
      } else {
        dims.append(dim)
      }
    }
    inner = dims.first?.size ?? 1
    xStep = dims.first?.x ?? 1
    yStep = dims.first?.y ?? 1
    let rest = dims.dropFirst()
    outer = rest.reduce(1) { $0 * $1.size }
    sizes = rest.map(\.size)
    xStrides = rest.map(\.x)
    yStrides = rest.map(\.y)
  }

  /// Where row `r` starts in both tensors.
  func offsets(_ r: Int) -> (x: Int, y: Int) {
    var (r, x, y) = (r, 0, 0)
    for d in sizes.indices {
      let index = r % sizes[d]
      r /= sizes[d]
      x += index * xStrides[d]
      y += index * yStrides[d]
    }
    return (x, y)
  }
}

extension Tensor {
  /// The sums over what broadcasting repeated when a tensor of `target` shape became this shape.
  func summed(to target: [Int]) -> Tensor {
    if shape == target { return detached }
    let missing = rank - target.count
    let axes = (0..<rank).filter { $0 < missing || (target[$0 - missing] == 1 && shape[$0] != 1) }
    return reduced(over: axes).reshapedDetached(target)
  }
}
