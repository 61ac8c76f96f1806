/// Where one parameter's weights and gradient lie during a step.
public struct ParameterMemory<S: Scalar>: Sendable {
  /// The weights, ``ParameterInfo/count`` elements; none, or as many, for a frozen parameter.
  public var weights: MutableView<S>
  /// The gradient, as many elements; nil when the parameter has none in this step, which leaves
  /// weights and state untouched (a gradient of zeros does not).
  public var gradient: View<S>?

  /// Memory that must stay valid during the step.
  public init(weights: MutableView<S>, gradient: View<S>?) {
    (self.weights, self.gradient) = (weights, gradient)
  }
}

extension ParameterInfo {
  /// Checks that an array (`gradient`, `weights`) has as many elements as the shape says.
  func check(_ what: String, count given: Int) throws(OptimizerError) {
    guard given == count else {
      throw .wrongSize(of: what, parameter: name, shape: shape, given: given)
    }
  }

  /// Checks the size of weights, and of a gradient or what stands in its place.
  func check<S>(_ memory: ParameterMemory<S>, _ what: String) throws(OptimizerError) {
    // Weights that nothing changes may lie where they cannot be changed.
    if trainable || memory.weights.count > 0 {
      try check("weights", count: memory.weights.count)
    }
    if let gradient = memory.gradient { try check(what, count: gradient.count) }
  }
}

extension [ParameterInfo] {
  /// Checks that there is memory for each parameter, as much as its shape says: once a step, before
  /// anything is read or written.
  func check<S>(
    _ memory: [ParameterMemory<S>], _ what: String = "gradient"
  ) throws(OptimizerError) {
    try check(memory, called: "entries of memory")
    for index in indices { try self[index].check(memory[index], what) }
  }

  /// Checks that there are as many arrays as parameters.
  func check(_ arrays: [some Any], called what: String) throws(OptimizerError) {
    guard arrays.count == count else {
      throw .wrongNumber(of: what, expected: count, given: arrays.count)
    }
  }

  /// Copies arrays to one piece of memory and the weights back: a convenience, not the fast path.
  ///
  /// - Parameter what: what stands in the place of a gradient, and of several.
  func withMemory<S: Scalar, Value>(
    _ weights: inout [[S]], _ gradients: [[S]?],
    _ what: (one: String, all: String) = ("gradient", "gradients"),
    _ body: ([ParameterMemory<S>]) throws(OptimizerError) -> Value
  ) throws(OptimizerError) -> Value {
    try check(weights, called: "arrays of weights")
    try check(gradients, called: "arrays of \(what.all)")
    for (index, parameter) in enumerated() {
      try parameter.check("weights", count: weights[index].count)
      if let gradient = gradients[index] { try parameter.check(what.one, count: gradient.count) }
    }
    var w = weights.flatMap(\.self)
    let g = gradients.indices.flatMap { gradients[$0] ?? weights[$0] }
    var ranges: [Range<Int>] = []
    for parameter in self {
      let start = ranges.last?.upperBound ?? 0
      ranges.append(start..<start + parameter.count)
    }
    defer { for (index, range) in ranges.enumerated() { weights[index] = [S](w[range]) } }
    let result = w.withMutableView { w in
      g.withView { g in
        let memory = zip(ranges, gradients).map { range, gradient in
          ParameterMemory(weights: w[range], gradient: gradient == nil ? nil : g[range])
        }
        return Result { () throws(OptimizerError) in try body(memory) }
      }
    }
    return try result.get()
  }

  /// The same for weights alone.
  func withMemory<S: Scalar, Value>(
    _ weights: inout [[S]],
    _ body: ([ParameterMemory<S>]) throws(OptimizerError) -> Value
  ) throws(OptimizerError) -> Value {
    try withMemory(&weights, [[S]?](repeating: nil, count: count), ("gradient", "gradients"), body)
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
