/// A ``WeightAverage`` at work on named parameters: keeps the copies, moves them, and lends the
/// average in place of the weights.
///
/// Results have the same bits for any number of threads, and an update allocates nothing.
///
/// ```swift
/// let averaged = AveragedWeights<Float>(
///   ExponentialAverage(decay: 0.99), parameters: [ParameterInfo("w", shape: [2])])
/// var weights: [[Float]] = [[1, 2]]
/// try averaged.begin(&weights)
/// try averaged.update(&weights, after: 1)
/// let smooth = try averaged.average(of: weights)
/// ```
/// With a rule that trains elsewhere than at its result (Schedule-Free), give it the result: call
/// it inside ``Optimizer/withEvaluationWeights(_:_:)``. Weights that do not fit the parameters are
/// refused with an ``OptimizerError``, before any changes.
public final class AveragedWeights<S: Scalar> {
  /// The parameters, in the order in which their memory is expected.
  public let parameters: [ParameterInfo]
  /// What kind of average it is.
  public let kind: any WeightAverage
  /// How many times weights were averaged in; before the first, the average is the weights
  /// themselves.
  public private(set) var taken = 0

  private let plan: BlockPlan
  /// Each trainable parameter's copies, one after the other; empty for frozen ones.
  private let copies: [StateMemory<S>]

  /// An average of `parameters`. Frozen ones are their own average.
  public init(_ kind: any WeightAverage, parameters: [ParameterInfo]) {
    (self.kind, self.parameters, plan) = (kind, parameters, BlockPlan(parameters))
    copies = parameters.map {
      StateMemory(count: $0.trainable ? $0.count * kind.copies : 0, initial: 0)
    }
  }

  /// The bytes of the copies.
  public var bytes: Int { copies.reduce(0) { $0 + $1.bytes } }

  // MARK: Averaging

  /// Shows the weights before the first step, which ``Lookahead`` needs.
  ///
  /// - Parameter memory: as for ``Optimizer/step(_:unscale:)``; gradients are not read.
  public func begin(_ memory: [ParameterMemory<S>]) throws(OptimizerError) {
    try parameters.check(memory)
    guard type(of: kind).takesFirstWeights else { return }
    apply(AverageChange(share: 1), memory)
    taken = 1
  }

  /// Averages in the weights after `step` applied steps, when they are due; may change them.
  ///
  /// - Throws: ``OptimizerError`` also where the average needed ``begin(_:)-([ParameterMemory<S>])``
  ///   first.
  public func update(
    _ memory: [ParameterMemory<S>], after step: Int
  ) throws(OptimizerError) {
    try parameters.check(memory)
    guard taken > 0 || !type(of: kind).takesFirstWeights else {
      throw .tooEarly("update", first: "begin")
    }
    guard let change = kind.change(after: step, taken: taken) else { return }
    apply(change, memory)
    taken += 1
  }

  private func apply(_ change: AverageChange, _ memory: [ParameterMemory<S>]) {
    let (pieces, share) = (plan.pieces, S(change.share))
    let movesWeights = type(of: kind).movesWeights
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      let e = copy(change.copy, of: piece)
      memory[piece.parameter].withWeights(piece.range, movesWeights ? .nearest : .unchanged) { w in
        if share == 1 { e.copy(w.reading) } else { move(e, toward: w, by: share) }
        if movesWeights { w.copy(e.reading) }
      }
    }
  }

  private func copy(_ number: Int, of piece: BlockPlan.Piece) -> MutableView<S> {
    copies[piece.parameter].view.row(number, parameters[piece.parameter].count)[piece.range]
  }

  // MARK: The average

  /// Runs `body` with the average in place of the weights, and puts those back, to the bit.
  ///
  /// - Throws: what `body` throws; ``OptimizerError``.
  public func withAverage<Result>(
    _ memory: [ParameterMemory<S>], _ body: () throws -> Result
  ) throws -> Result {
    try parameters.check(memory)
    guard taken > 0 else { return try body() }
    return try parameters.keepingWeights(memory) {
      write(to: memory)
      return try body()
    }
  }

  /// Writes the average over the weights.
  private func write(to memory: [ParameterMemory<S>]) {
    let (pieces, count) = (plan.pieces, min(taken, kind.copies))
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      memory[piece.parameter].withWeights(piece.range, .nearest) { w in
        w.copy(copy(0, of: piece).reading)
        // Copy by copy, each as the mean of those so far: no sum grows, and equal copies stay equal.
        for number in 1..<max(count, 1) {
          move(w, toward: copy(number, of: piece), by: 1 / S(number + 1))
        }
      }
    }
  }

  // MARK: Arrays

  /// Shows the weights before the first step, in the order of ``parameters``.
  public func begin(_ weights: inout [[S]]) throws(OptimizerError) {
    try parameters.withMemory(&weights) { (memory) throws(OptimizerError) in try begin(memory) }
  }

  /// Averages in the weights after `step` applied steps, when they are due; may change them.
  public func update(_ weights: inout [[S]], after step: Int) throws(OptimizerError) {
    try parameters.withMemory(&weights) { (memory) throws(OptimizerError) in
      try update(memory, after: step)
    }
  }

  /// The average; before the first update, the weights.
  public func average(of weights: [[S]]) throws(OptimizerError) -> [[S]] {
    var result = weights
    try parameters.withMemory(&result) { memory in if taken > 0 { write(to: memory) } }
    return result
  }
}

extension AveragedWeights: Savable {
  /// Each copy as `average/<name>`, or `average/<number>/<name>` where there are several, and the
  /// count.
  public func archive(_ archive: StateArchive) throws(StateMismatch) {
    for (index, parameter) in parameters.enumerated() where parameter.trainable {
      for number in 0..<kind.copies {
        let name = kind.copies == 1 ? parameter.name : "\(number)/\(parameter.name)"
        try archive.tensor(
          "average/\(name)", shape: parameter.shape,
          copies[index].view.row(number, parameter.count))
      }
    }
    try archive.value("memory/average/taken", &taken)
  }
}

/// e ← e + share·(w − e)
@specialized(where S == Float)
@specialized(where S == Double)
private func move<S: Scalar>(_ e: MutableView<S>, toward w: MutableView<S>, by share: S) {
  for i in e.indices { e[i] += share * (w[i] - e[i]) }
}
