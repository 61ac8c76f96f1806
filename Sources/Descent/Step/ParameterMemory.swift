/// Where one parameter's weights and gradient lie during a step: as scalars, or in bfloat16.
public struct ParameterMemory<S: Scalar>: Sendable {
  /// The weights, ``ParameterInfo/count`` elements; none, or as many, for a frozen parameter; none
  /// where they lie in ``weightBits``.
  public var weights: MutableView<S>
  /// The weights' bits, where they lie in bfloat16 and nowhere else. The optimizer's plan says how an
  /// update is rounded to them: see ``WeightStorage``.
  public var weightBits: MutableView<UInt16>?
  /// The gradient, as many elements; nil when the parameter has none in this step, which leaves
  /// weights and state untouched (a gradient of zeros does not), and where it lies in ``gradientBits``.
  public var gradient: View<S>?
  /// The gradient's bits, where it lies in bfloat16.
  public var gradientBits: View<UInt16>?

  /// Memory that must stay valid during the step.
  public init(weights: MutableView<S>, gradient: View<S>?) {
    (self.weights, self.gradient) = (weights, gradient)
  }
}

extension ParameterMemory<Float> {
  /// Weights in bfloat16, with a gradient in the same format, in float32, or none.
  public init(
    weightBits: MutableView<UInt16>, gradient: View<Float>? = nil, gradientBits: View<UInt16>? = nil
  ) {
    self.init(weights: .none, gradient: gradient)
    (self.weightBits, self.gradientBits) = (weightBits, gradientBits)
  }
}

extension ParameterMemory {
  /// The number of weights.
  var count: Int { weightBits?.count ?? weights.count }

  /// The number of elements of the gradient; nil where there is none.
  var gradientCount: Int? { gradientBits?.count ?? gradient?.count }

  /// Whether there is a gradient.
  var hasGradient: Bool { gradient != nil || gradientBits != nil }

  /// The same without a gradient.
  var withoutGradient: ParameterMemory {
    var memory = self
    (memory.gradient, memory.gradientBits) = (nil, nil)
    return memory
  }

  /// The same with another gradient.
  func with(gradient: View<S>) -> ParameterMemory {
    var memory = withoutGradient
    memory.gradient = gradient
    return memory
  }

  /// What becomes of weights that were lent as scalars and lie in bfloat16.
  enum Return {
    /// They were only read.
    case unchanged
    /// They are rounded to the nearest.
    case nearest
  }

  /// Calls `body` with a range of the weights as scalars, at their place or widened.
  func withWeights<Result, Failure: Error>(
    _ range: Range<Int>, _ returned: Return, _ body: (MutableView<S>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    guard let bits = weightBits?[range] else { return try body(weights[range]) }
    return try withScratch(of: S.self, range.count) { w throws(Failure) in
      Kernels.fromBFloat16(bits.reading, w.cast(to: Float.self))
      defer {
        if returned == .nearest { Kernels.toBFloat16(w.reading.cast(to: Float.self), bits) }
      }
      return try body(w)
    }
  }

  /// Calls `body` with a range of the gradient as scalars; does not, where there is none.
  func withGradient<Result, Failure: Error>(
    _ range: Range<Int>, _ body: (View<S>) throws(Failure) -> Result
  ) throws(Failure) -> Result? {
    guard let bits = gradientBits?[range] else {
      guard let gradient else { return nil }
      return try body(gradient[range])
    }
    return try withScratch(of: S.self, range.count) { g throws(Failure) in
      Kernels.fromBFloat16(bits, g.cast(to: Float.self))
      return try body(g.reading)
    }
  }

  /// Calls `body` with a range of both. Without a gradient, which nothing reads then, the weights stand
  /// in for it.
  func withNumbers(
    _ range: Range<Int>, _ returned: Return, _ body: (MutableView<S>, View<S>) -> Void
  ) {
    withWeights(range, returned) { w in
      if !hasGradient { return body(w, w.reading) }
      _ = withGradient(range) { body(w, $0) }
    }
  }

  /// A copy of the weights as scalars.
  var weightArray: [S] {
    guard let bits = weightBits else { return weights.reading.array }
    var w = [S](repeating: 0, count: bits.count)
    w.withMutableView { Kernels.fromBFloat16(bits.reading, $0.cast(to: Float.self)) }
    return w
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
    if trainable || memory.count > 0 { try check("weights", count: memory.count) }
    if let count = memory.gradientCount { try check(what, count: count) }
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
    let bits = memory.map { $0.weightBits?.reading.array }
    defer {
      for (memory, values) in zip(memory, stored) { values.withView { memory.weights.copy($0) } }
      for (memory, values) in zip(memory, bits) { values?.withView { memory.weightBits?.copy($0) } }
    }
    return try body()
  }
}
