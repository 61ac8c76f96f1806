/// Where one parameter's weights and gradient lie during a step.
public struct ParameterMemory<S: Scalar>: Sendable {
  /// The weights, ``ParameterInfo/count`` elements.
  public var weights: MutableView<S>
  /// The gradient, as many elements; nil when the parameter has none in this step, which leaves
  /// weights and state untouched (a gradient of zeros does not).
  public var gradient: View<S>?

  /// Memory that must stay valid during the step.
  public init(weights: MutableView<S>, gradient: View<S>?) {
    (self.weights, self.gradient) = (weights, gradient)
  }
}

extension [ParameterInfo] {
  /// Checks that there is memory for each parameter, as much as its shape says.
  func check<S>(_ memory: [ParameterMemory<S>]) {
    precondition(memory.count == count, "one entry for each parameter")
    for (parameter, memory) in zip(self, memory) {
      precondition(
        memory.weights.count == parameter.count
          && memory.gradient.map { $0.count == parameter.count } ?? true,
        "\(parameter.name) has \(parameter.count) elements")
    }
  }

  /// Copies arrays to one piece of memory and the weights back: a convenience, not the fast path.
  func withMemory<S: Scalar, Result>(
    _ weights: inout [[S]], _ gradients: [[S]?],
    _ body: ([ParameterMemory<S>]) throws -> Result
  ) rethrows -> Result {
    precondition(weights.count == count && gradients.count == count)
    var w = weights.flatMap(\.self)
    let g = gradients.indices.flatMap { gradients[$0] ?? weights[$0] }
    precondition(g.count == w.count && w.count == reduce(0) { $0 + $1.count })
    var ranges: [Range<Int>] = []
    for parameter in self {
      let start = ranges.last?.upperBound ?? 0
      ranges.append(start..<start + parameter.count)
    }
    defer { for (index, range) in ranges.enumerated() { weights[index] = [S](w[range]) } }
    return try w.withMutableView { w in
      try g.withView { g in
        try body(
          zip(ranges, gradients).map { range, gradient in
            ParameterMemory(weights: w[range], gradient: gradient == nil ? nil : g[range])
          })
      }
    }
  }

  /// The same for weights alone.
  func withMemory<S: Scalar, Result>(
    _ weights: inout [[S]], _ body: ([ParameterMemory<S>]) throws -> Result
  ) rethrows -> Result {
    try withMemory(&weights, [[S]?](repeating: nil, count: weights.count), body)
  }

  /// Runs `body`, which may change the weights, and puts them back, to the bit.
  func keepingWeights<S: Scalar, Result>(
    _ memory: [ParameterMemory<S>], _ body: () throws -> Result
  ) rethrows -> Result {
    let stored = memory.map { $0.weights.reading.array }
    defer {
      for (memory, values) in zip(memory, stored) { values.withView { memory.weights.copy($0) } }
    }
    return try body()
  }
}
