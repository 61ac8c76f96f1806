extension [ParameterInfo] {
  /// Copies arrays to one piece of memory and the weights back: a convenience, not the fast path.
  func withMemory<S, Result>(
    _ weights: inout [[S]], _ gradients: [[S]?],
    _ body: (UnsafeBufferPointer<ParameterMemory<S>>) throws -> Result
  ) rethrows -> Result {
    precondition(weights.count == count && gradients.count == count)
    var w = weights.flatMap(\.self)
    let g = gradients.indices.flatMap { gradients[$0] ?? weights[$0] }
    let starts = indices.map { i in self[..<i].reduce(0) { $0 + $1.count } }
    precondition(g.count == w.count && w.count == reduce(0) { $0 + $1.count })
    defer {
      for (index, start) in starts.enumerated() {
        weights[index] = [S](w[start..<start + self[index].count])
      }
    }
    return try unsafe w.withUnsafeMutableBufferPointer { w in
      try unsafe g.withUnsafeBufferPointer { g in
        let memory = unsafe zip(starts, gradients).map { start, gradient in
          unsafe ParameterMemory(
            weights: w.baseAddress! + start,
            gradient: gradient == nil ? nil : g.baseAddress! + start)
        }
        return try unsafe memory.withUnsafeBufferPointer { unsafe try body($0) }
      }
    }
  }

  /// The same for weights alone.
  func withMemory<S, Result>(
    _ weights: inout [[S]], _ body: (UnsafeBufferPointer<ParameterMemory<S>>) throws -> Result
  ) rethrows -> Result {
    try unsafe withMemory(&weights, [[S]?](repeating: nil, count: weights.count), body)
  }

  /// Runs `body`, which may change the weights, and puts them back, to the bit.
  func keepingWeights<S, Result>(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, _ body: () throws -> Result
  ) rethrows -> Result {
    let stored = unsafe zip(self, memory).map { parameter, memory in
      unsafe [S](UnsafeBufferPointer(start: memory.weights, count: parameter.count))
    }
    defer {
      for (index, values) in stored.enumerated() {
        unsafe memory[index].weights.update(from: values, count: values.count)
      }
    }
    return try body()
  }
}
