internal import DescentCompute

extension Tensor {
  /// The same elements under another shape; one dimension may be -1, for what remains.
  public func reshaped(_ shape: [Int]) -> Tensor {
    var shape = shape
    if let unknown = shape.firstIndex(of: -1) {
      shape[unknown] = 1
      let others = shape.reduce(1, *)
      check(
        others > 0 && count % others == 0,
        "a tensor of shape \(self.shape) cannot take a shape with \(others) elements a row")
      shape[unknown] = count / others
    }
    return record(reshapedDetached(shape), from: self, in: format) { [old = self.shape] dy, d in
      d.add(to: 0, dy.reshapedDetached(old))
    }
  }

  /// The dimensions in another order: dimension i of the result is dimension order[i].
  public func permuted(_ order: [Int]) -> Tensor {
    check(
      order.sorted() == Array(0..<rank),
      "\(order) is not a permutation of the dimensions of the shape \(shape)")
    return record(permutedDetached(order), from: self, in: format) { dy, d in
      d.add(to: 0, dy.permutedDetached(inverse(order)))
    }
  }

  /// Two dimensions exchanged; by default the last two.
  public func transposed(_ a: Int = -2, _ b: Int = -1) -> Tensor {
    var order = Array(0..<rank)
    order.swapAt(resolvedAxis(a), resolvedAxis(b))
    return permuted(order)
  }

  /// The part of a dimension within `range`.
  public func narrowed(_ axis: Int, _ range: Range<Int>) -> Tensor {
    let axis = resolvedAxis(axis)
    check(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "\(range) is not within dimension \(axis) of the shape \(shape)")
    var narrow = shape
    narrow[axis] = range.count
    var y = Tensor(uninitialized: narrow)
    y.format = format
    let blocks = Blocks(shape, axis)
    let (xs, ys) = (elements, y.freshElements)
    let (width, start) = (range.count * blocks.inner, range.lowerBound * blocks.inner)
    for o in 0..<blocks.outer {
      ys.row(o, width).copy(xs[o * blocks.size + start..<o * blocks.size + start + width])
    }
    return record(y, from: self, in: format) { dy, d in
      d.write(to: 0) { dx, adds in
        if !adds { dx.fill(0) }
        let dys = dy.elements
        for o in 0..<blocks.outer {
          let part = dx[o * blocks.size + start..<o * blocks.size + start + width]
          let row = dys.row(o, width)
          for i in 0..<width { part[i] += row[i] }
        }
      }
    }
  }

  /// Tensors joined along a dimension.
  public static func concatenated(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
    check(!tensors.isEmpty, "there is nothing to concatenate")
    let axis = tensors[0].resolvedAxis(axis)
    var shape = tensors[0].shape
    for x in tensors {
      var other = x.shape
      check(other.count == shape.count, "cannot concatenate shapes \(shape) and \(other)")
      other[axis] = shape[axis]
      check(other == shape, "cannot concatenate shapes \(shape) and \(x.shape) along \(axis)")
    }
    shape[axis] = tensors.reduce(0) { $0 + $1.shape[axis] }
    let y = Tensor(uninitialized: shape)
    let whole = Blocks(shape, axis)
    let ys = y.freshElements
    var starts: [Int] = []
    var start = 0
    for x in tensors {
      starts.append(start)
      let (part, xs) = (Blocks(x.shape, axis), x.elements)
      for o in 0..<whole.outer { ys.from(o * whole.size + start).copy(xs.row(o, part.size)) }
      start += part.size
    }
    let format = tensors.dropFirst().reduce(tensors[0].format) { $0.wider($1) }
    return recorded(y, from: tensors, in: format) { [shapes = tensors.map(\.shape), starts] dy, d in
      let dys = dy.elements
      for (i, shape) in shapes.enumerated() where d.needs(i) {
        let part = Blocks(shape, axis)
        let dx = Tensor(uninitialized: shape)
        let dxs = dx.freshElements
        for o in 0..<whole.outer {
          dxs.row(o, part.size).copy(
            dys[o * whole.size + starts[i]..<o * whole.size + starts[i] + part.size])
        }
        d.add(to: i, dx)
      }
    }
  }

  /// The dimensions in another order, unrecorded.
  func permutedDetached(_ order: [Int]) -> Tensor {
    if order == Array(0..<rank) { return detached }
    var strides = [Int](repeating: 1, count: rank)
    for d in (0..<rank - 1).reversed() { strides[d] = strides[d + 1] * shape[d + 1] }
    var y = Tensor(uninitialized: order.map { shape[$0] })
    y.format = format
    let n = y.shape.last!
    let step = strides[order.last!]
    let sizes = y.shape.dropLast().reversed() as [Int]
    let steps = order.dropLast().reversed().map { strides[$0] }
    let (xs, ys) = (elements, y.freshElements)
    inRows(of: n == 0 ? 0 : count / n, n) { rows in
      for r in rows {
        var (rest, start) = (r, 0)
        for d in sizes.indices {
          start += rest % sizes[d] * steps[d]
          rest /= sizes[d]
        }
        let row = ys.row(r, n)
        for i in 0..<n { row[i] = xs[start + i * step] }
      }
    }
    return y
  }
}

/// A shape seen from one dimension: `outer` blocks of `size` elements, made of rows of `inner`.
private struct Blocks {
  let outer: Int
  let inner: Int
  let size: Int

  init(_ shape: [Int], _ axis: Int) {
    outer = shape[..<axis].reduce(1, *)
    inner = shape[(axis + 1)...].reduce(1, *)
    size = inner * shape[axis]
  }
}
