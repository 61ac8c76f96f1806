internal import DescentCompute

extension Tensor {
  /// A part of the tensor, by a place or a range for each dimension; those that are left out at the end
  /// are whole.
  ///
  /// ```swift
  /// x[0]               // the first row of a matrix
  /// x[0..., 1]         // its second column
  /// x[..<2, (-3)...]     // two rows of three columns
  /// x[1] = Tensor(0)   // a row of zeros: what is assigned is repeated to the shape of the part
  /// ```
  /// Both ways are operations with derivatives: what is assigned gets the gradient of its part, and what
  /// was there before gets none.
  public subscript(indices: any TensorIndex...) -> Tensor {
    get {
      let part = Part(of: shape, indices)
      return record(part.taken(from: self), from: self, in: format) { dy, d in
        d.write(to: 0) { dx, adds in
          if !adds { dx.fill(0) }
          let dys = dy.elements
          part.forEachRun { x, y, n in
            let (dx, dy) = (dx[x..<x + n], dys[y..<y + n])
            for i in 0..<n { dx[i] += dy[i] }
          }
        }
      }
    }
    set { replace(Part(of: shape, indices), by: newValue) }
  }

  /// The element at a place for each dimension; negative ones count from the end. For whole tensors spans
  /// are faster.
  public subscript(at indices: Int...) -> Float {
    get {
      let part = Part(of: shape, indices)
      check(
        indices.count == rank, "an element of a tensor of shape \(shape) has \(rank) indices")
      return elements[part.start]
    }
    set {
      check(
        indices.count == rank, "an element of a tensor of shape \(shape) has \(rank) indices")
      replace(Part(of: shape, indices), by: Tensor(newValue))
    }
  }

  /// The parts of the first dimension that `indices` name: rows of a matrix, elements of a vector.
  ///
  /// - Returns: a tensor of the indices' shape, followed by all dimensions of this one but the first.
  public subscript(indices: IndexTensor) -> Tensor {
    check(rank > 0, "a single number has no rows to take")
    let rest = Array(shape.dropFirst())
    return reshaped([shape[0], rest.reduce(1, *)]).embedding(indices)
      .reshaped(indices.shape + rest)
  }

  /// The element of every row of the last dimension that `indices` name.
  ///
  /// ```
  /// yᵣ = x[r, indexᵣ]
  /// ```
  /// - Parameter indices: one for each row, of this shape without its last dimension.
  public func picked(_ indices: IndexTensor) -> Tensor {
    let (rows, n) = matrixShape
    check(
      rank > 0 && indices.shape == Array(shape.dropLast()),
      "indices of shape \(indices.shape) do not name an element in each row of the shape \(shape)")
    for i in indices.scalars {
      check(i >= 0 && i < n, "the index \(i) is outside a row of \(n) elements")
    }
    let places = (0..<rows).map { $0 * n + Int(indices.scalars[$0]) }
    let y = Tensor(uninitialized: indices.shape)
    let (xs, ys) = (elements, y.freshElements)
    for r in places.indices { ys[r] = xs[places[r]] }
    return record(y, from: self, in: format) { dy, d in
      d.write(to: 0) { dx, adds in
        if !adds { dx.fill(0) }
        let dys = dy.elements
        for r in places.indices { dx[places[r]] += dys[r] }
      }
    }
  }

  private mutating func replace(_ part: Part, by value: Tensor) {
    let value = value.broadcast(to: part.shape)
    let format = format.wider(value)
    guard node != nil || value.node != nil else {
      let (xs, ys) = (mutableElements(), value.elements)
      part.forEachRun { x, y, n in xs[x..<x + n].copy(ys[y..<y + n]) }
      self.format = format
      return
    }
    let y = detached.copied()
    let (ys, vs) = (y.freshElements, value.elements)
    part.forEachRun { x, y, n in ys[x..<x + n].copy(vs[y..<y + n]) }
    self = record(y, from: self, value, in: format) { dy, d in
      if d.needs(0) {
        let dx = dy.copied()
        let dxs = dx.freshElements
        part.forEachRun { x, _, n in dxs[x..<x + n].fill(0) }
        d.add(to: 0, dx)
      }
      d.add(to: 1, part.taken(from: dy))
    }
  }

  /// The tensor repeated along dimensions of size 1 and new leading ones.
  public func broadcast(to shape: [Int]) -> Tensor {
    if shape == self.shape { return self }
    check(
      rank <= shape.count
        && zip(self.shape.reversed(), shape.reversed()).allSatisfy { $0 == $1 || $0 == 1 },
      "a tensor of shape \(self.shape) cannot be repeated to the shape \(shape)")
    var y = repeated(to: shape)
    y.format = format
    return record(y, from: self, in: format) { [old = self.shape] dy, d in
      d.add(to: 0, dy.summed(to: old))
    }
  }
}

/// A part of a tensor: a range of each dimension, as runs of elements that follow one another.
private struct Part {
  /// Where the first element lies.
  private(set) var start = 0
  /// The shape of the part, without the dimensions that a single place takes away.
  private(set) var shape: [Int] = []
  /// The elements of a run.
  private var run = 1
  /// The dimensions around a run, from the outermost on: how often, and how far apart.
  private var outer: [(count: Int, stride: Int)] = []

  init(of whole: [Int], _ indices: [any TensorIndex]) {
    check(
      indices.count <= whole.count,
      "\(indices.count) indices are too many for a tensor of shape \(whole)")
    var stride = 1
    var isWhole = true
    for d in whole.indices.reversed() {
      let size = whole[d]
      let places = indices.indices.contains(d) ? indices[d].places(in: size) : .init(0, size)
      check(
        places.start >= 0 && places.start <= places.end && places.end <= size,
        places.keepsDimension
          ? "the range \(places.start)..<\(places.end) is outside dimension \(d) of the shape \(whole)"
          : "the index \(places.start) is outside dimension \(d) of the shape \(whole)")
      let count = places.end - places.start
      start += places.start * stride
      // A run goes on through dimensions that are whole, and ends with the first that is not.
      if isWhole { run *= count } else { outer.append((count, stride)) }
      isWhole = isWhole && count == size
      if places.keepsDimension { shape.append(count) }
      stride *= size
    }
    shape.reverse()
    outer.reverse()
  }

  /// Calls `body` with where each run lies in the whole and in the part, and its length.
  func forEachRun(_ body: (_ whole: Int, _ part: Int, _ count: Int) -> Void) {
    let runs = outer.reduce(1) { $0 * $1.count }
    guard run > 0 else { return }
    for number in 0..<runs {
      var (rest, offset) = (number, start)
      for (count, stride) in outer.reversed() {
        offset += rest % count * stride
        rest /= count
      }
      body(offset, number * run, run)
    }
  }

  /// The part as a tensor of its own, unrecorded.
  func taken(from x: Tensor) -> Tensor {
    var y = Tensor(uninitialized: shape)
    y.format = x.format
    let (xs, ys) = (x.elements, y.freshElements)
    forEachRun { x, y, n in ys[y..<y + n].copy(xs[x..<x + n]) }
    return y
  }
}
