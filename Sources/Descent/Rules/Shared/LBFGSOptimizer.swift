/// ``LBFGS`` at work on named parameters: it asks for losses and gradients as it needs them.
///
/// All trainable parameters form one vector. What a step learns serves the next.
///
/// ```swift
/// let optimizer = try LBFGSOptimizer<Double>(
///   LBFGS(learningRate: 1, lineSearch: .strongWolfe),
///   parameters: [ParameterInfo("w", shape: [2])])
/// var weights = [[1.0, 2.0]]
/// let report = optimizer.step(&weights) { w in
///   (w[0][0] * w[0][0] + w[0][1] * w[0][1], [[2 * w[0][0], 2 * w[0][1]]])
/// }
/// ```
public final class LBFGSOptimizer<S: Scalar>: ClosureMethod {
  /// The parameters, in the order in which a step expects their memory.
  public let parameters: [ParameterInfo]
  /// The method and its hyperparameters; changes act on the next step.
  public var rule: LBFGS
  /// Iterations since the history began.
  public private(set) var iterations = 0
  /// Evaluations since the start.
  public private(set) var evaluations = 0

  private typealias Memory = [ParameterMemory<S>]
  /// Where the trainable parameters are in the vector.
  private let starts: [(parameter: Int, offset: Int)]
  private let count: Int
  private var pairs: [(y: [S], s: [S], ρ: Double)] = []
  /// d and t of the last iteration.
  private var direction: [S] = []
  private var length = 0.0
  /// H, the scale of the recursion's first matrix.
  private var scale = 1.0
  private var previousGradient: [S] = []
  /// The last weights with finite values, while those after them are not evaluated yet.
  private var retreat: [S]?

  /// An optimizer for `parameters`.
  ///
  /// - Throws: ``OptimizerError/duplicateParameter(_:)``, or ``OptimizerError/group(name:_:)`` for a
  ///   hyperparameter out of range.
  public init(_ rule: LBFGS, parameters: [ParameterInfo]) throws(OptimizerError) {
    do throws(SettingErrors) { try rule.check() } catch { throw .settings(of: "", error) }
    var names = Set<String>()
    for parameter in parameters where !names.insert(parameter.name).inserted {
      throw .duplicateParameter(parameter.name)
    }
    (self.rule, self.parameters) = (rule, parameters)
    var starts: [(parameter: Int, offset: Int)] = []
    var offset = 0
    for (index, parameter) in parameters.enumerated() where parameter.trainable {
      starts.append((index, offset))
      offset += parameter.count
    }
    (self.starts, count) = (starts, offset)
  }

  /// Takes the hyperparameters of `rule` where it is L-BFGS.
  public func take(_ rule: any Rule) {
    if let rule = rule as? LBFGS { self.rule = rule }
  }

  /// The bytes of state.
  public var stateBytes: Int {
    (2 * pairs.count * count + direction.count + previousGradient.count)
      * MemoryLayout<S>.stride
  }

  // MARK: Stepping

  /// Moves the weights downhill until a tolerance or a limit ends the step.
  ///
  /// - Parameters:
  ///   - memory: one entry for each of ``parameters``; a gradient of nil counts as zeros.
  ///   - evaluate: computes the loss for the weights that are in memory, and writes the gradients
  ///     there. When it throws, the last accepted weights are put back.
  /// - Throws: what `evaluate` throws; ``OptimizerError`` for memory that does not fit the parameters.
  public func step(
    _ memory: [ParameterMemory<S>], evaluate: () throws -> Double
  ) throws -> ClosureReport {
    try parameters.check(memory)
    var x = load(memory)
    var used = 0
    let limit = rule.largestEvaluations ?? rule.largestIterations * 5 / 4
    let sign: Double = rule.maximize ? -1 : 1
    var point = try trial(0, from: x, [], memory, &used, evaluate)
    let entry = point.loss

    func report(_ exit: ClosureReport.Exit, _ made: Int) -> ClosureReport {
      ClosureReport(
        entryLoss: sign * entry, finalLoss: sign * point.loss, iterations: made,
        evaluations: used, exit: exit,
        // Without a line search the last iterate is not evaluated.
        moved: point.loss != entry && exit != .nonFiniteStart
          || exit == .iterations && rule.lineSearch == .none)
    }

    guard point.isFinite else {
      if let retreat { store(retreat, memory) }
      forget()
      return report(.nonFiniteStart, 0)
    }
    retreat = nil
    if largest(point.gradient) <= rule.gradientTolerance { return report(.gradientTolerance, 0) }

    for made in 1...rule.largestIterations {
      iterations += 1
      if iterations == 1 { forget(iterations: 1) } else { learn(point.gradient) }
      direction = newDirection(point.gradient)
      previousGradient = point.gradient
      let previousLoss = point.loss
      length =
        iterations == 1
        ? min(1, 1 / magnitude(point.gradient)) * rule.learningRate : rule.learningRate
      point.slope = dot(point.gradient, direction)
      guard point.slope <= -rule.changeTolerance else { return report(.noDescent, made) }

      var stationary = false
      switch rule.lineSearch {
      case .none:
        let start = x
        if made == rule.largestIterations {
          // The next step's first evaluation will tell whether this was good.
          x = moved(x, length, direction)
          store(x, memory)
          retreat = start
        } else {
          let next = try trial(length, from: start, direction, memory, &used, evaluate)
          guard next.isFinite else {
            store(start, memory)
            forget()
            return report(.nonFiniteTrial, made)
          }
          x = moved(start, length, direction)
          point = next
          stationary = largest(point.gradient) <= rule.gradientTolerance
        }
      case .strongWolfe:
        let before = point
        var search = StrongWolfe(
          start: before, first: length, largest: largest(direction), budget: limit - used)
        while let t = search.next {
          search.add(try trial(t, from: x, direction, memory, &used, evaluate))
        }
        point = search.best
        length = point.t
        x = moved(x, length, direction)
        store(x, memory)
        if length == 0, search.sawNonFinite {
          forget()
          return report(.nonFiniteTrial, made)
        }
        stationary = largest(point.gradient) <= rule.gradientTolerance
      }

      if made == rule.largestIterations { return report(.iterations, made) }
      if used >= limit { return report(.evaluations, made) }
      if stationary { return report(.gradientTolerance, made) }
      if length * largest(direction) <= rule.changeTolerance {
        return report(.weightTolerance, made)
      }
      if abs(point.loss - previousLoss) < rule.changeTolerance {
        return report(.lossTolerance, made)
      }
    }
    preconditionFailure("the last iteration returns")
  }

  /// Moves arrays of weights; `evaluate` gets weights in the order of ``parameters`` and returns the
  /// loss and the gradients (nil for zeros).
  ///
  /// - Throws: what `evaluate` throws; ``OptimizerError`` for arrays that do not fit the parameters.
  public func step(
    _ weights: inout [[S]],
    evaluate: (_ weights: [[S]]) throws -> (loss: Double, gradients: [[S]?])
  ) throws -> ClosureReport {
    // The gradients are written where the method reads them.
    let room = parameters.map { StateMemory<S>(count: $0.count, initial: 0) }
    let result = try parameters.withMemory(&weights) { memory in
      var memory = memory
      for i in memory.indices { memory[i].gradient = room[i].view.reading }
      return Result {
        try step(memory) {
          let (loss, gradients) = try evaluate(memory.map(\.weights.reading.array))
          try parameters.check(gradients, called: "arrays of gradients")
          for (index, room) in room.enumerated() {
            guard let gradient = gradients[index] else {
              room.view.fill(0)
              continue
            }
            try parameters[index].check("gradient", count: gradient.count)
            gradient.withView { room.view.copy($0) }
          }
          return loss
        }
      }
    }
    return try result.get()
  }

  // MARK: The recursion

  /// Keeps the pair of the last move, unless its curvature is not positive.
  @specialized(where S == Float)
  @specialized(where S == Double)
  private func learn(_ gradient: [S]) {
    var (y, s) = (gradient, direction)
    for i in 0..<count {
      y[i] -= previousGradient[i]
      s[i] *= S(length)
    }
    let ys = dot(y, s)
    guard ys > 1e-10 else { return }
    if pairs.count >= rule.historySize { pairs.removeFirst(pairs.count - rule.historySize + 1) }
    scale = ys / dot(y, y)
    pairs.append((y, s, 1 / ys))
  }

  /// d: the two-loop recursion, which multiplies −g by the inverse Hessian's estimate.
  @specialized(where S == Float)
  @specialized(where S == Double)
  private func newDirection(_ gradient: [S]) -> [S] {
    var q = gradient.map { -$0 }
    var α = [Double](repeating: 0, count: pairs.count)
    for (i, pair) in pairs.enumerated().reversed() {
      α[i] = dot(pair.s, q) * pair.ρ
      q = moved(q, -α[i], pair.y)
    }
    for i in 0..<count { q[i] *= S(scale) }
    for (i, pair) in pairs.enumerated() {
      let β = dot(pair.y, q) * pair.ρ
      q = moved(q, α[i] - β, pair.s)
    }
    return q
  }

  private func forget(iterations: Int = 0) {
    self.iterations = iterations
    pairs = []
    scale = 1
    retreat = nil
  }

  // MARK: Saving

  /// All that is remembered, by torch's names: the pairs as `old_dirs` and `old_stps`.
  public func archive(_ archive: StateArchive) throws(StateMismatch) {
    var (y, s, curvatures) = (pairs.map(\.y), pairs.map(\.s), pairs.map(\.ρ))
    let n = archive.savedShape(of: "state/old_dirs")?.first ?? pairs.count
    try archive.rows("state/old_dirs", shape: (n, count), &y)
    try archive.rows("state/old_stps", shape: (n, count), &s)
    try archive.array("state/ro", shape: [n], &curvatures)
    var last = retreat ?? []
    try vector("state/d", &direction, archive)
    try vector("state/prev_flat_grad", &previousGradient, archive)
    try vector("state/retreat", &last, archive)
    try archive.value("memory/lbfgs/t", &length)
    try archive.value("memory/lbfgs/H_diag", &scale)
    try archive.value("memory/lbfgs/n_iter", &iterations)
    try archive.value("memory/lbfgs/func_evals", &evaluations)
    guard archive.isRestoring else { return }
    pairs = y.indices.map { (y[$0], s[$0], curvatures[$0]) }
    retreat = last.isEmpty ? nil : last
  }

  /// A vector over all parameters, or an empty one.
  private func vector(
    _ name: String, _ values: inout [S], _ archive: StateArchive
  ) throws(StateMismatch) {
    if let saved = archive.savedShape(of: name), ![[0], [count]].contains(saved) {
      throw .shape(name, saved: saved, present: [count])
    }
    try archive.array(name, &values)
  }

  // MARK: Vectors and memory

  /// Evaluates at x + t·d.
  @specialized(where S == Float)
  @specialized(where S == Double)
  private func trial(
    _ t: Double, from x: [S], _ d: [S], _ memory: Memory, _ used: inout Int,
    _ evaluate: () throws -> Double
  ) rethrows -> LinePoint<S> {
    if !d.isEmpty { store(moved(x, t, d), memory) }
    used += 1
    evaluations += 1
    let loss: Double
    do { loss = try evaluate() } catch {
      store(x, memory)
      // Without a pair the next step begins anew, with the first step's caution.
      if pairs.isEmpty { iterations = 0 }
      throw error
    }
    let sign: Double = rule.maximize ? -1 : 1
    var gradient = [S](repeating: 0, count: count)
    for (index, offset) in starts {
      guard let g = memory[index].gradient else { continue }
      for i in 0..<parameters[index].count { gradient[offset + i] = S(sign) * g[i] }
    }
    let slope = d.isEmpty ? 0 : dot(gradient, d)
    return LinePoint(t: t, loss: sign * loss, gradient: gradient, slope: slope)
  }

  @specialized(where S == Float)
  @specialized(where S == Double)
  private func load(_ memory: Memory) -> [S] {
    var x = [S](repeating: 0, count: count)
    for (index, offset) in starts {
      for i in 0..<parameters[index].count { x[offset + i] = memory[index].weights[i] }
    }
    return x
  }

  @specialized(where S == Float)
  @specialized(where S == Double)
  private func store(_ x: [S], _ memory: Memory) {
    for (index, offset) in starts {
      for i in 0..<parameters[index].count { memory[index].weights[i] = x[offset + i] }
    }
  }

  /// x + t·d
  @specialized(where S == Float)
  @specialized(where S == Double)
  private func moved(_ x: [S], _ t: Double, _ d: [S]) -> [S] {
    var result = x
    let t = S(t)
    for i in result.indices { result[i] += t * d[i] }
    return result
  }

  /// Σ a·b in double, in chunks whose order does not depend on the threads.
  @specialized(where S == Float)
  @specialized(where S == Double)
  private func dot(_ a: [S], _ b: [S]) -> Double {
    let (a, b) = (a.span, b.span)
    var total = 0.0
    for start in stride(from: 0, to: a.count, by: 1 << 14) {
      var sum = 0.0
      for i in start..<min(start + 1 << 14, a.count) { sum += Double(a[i]) * Double(b[i]) }
      total += sum
    }
    return total
  }

  /// Σ |x|
  @specialized(where S == Float)
  @specialized(where S == Double)
  private func magnitude(_ x: [S]) -> Double { x.reduce(0) { $0 + Double(abs($1)) } }

  /// max |x|
  @specialized(where S == Float)
  @specialized(where S == Double)
  private func largest(_ x: [S]) -> Double { Double(x.reduce(0) { max($0, abs($1)) }) }
}
