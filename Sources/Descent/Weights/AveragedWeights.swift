import DescentCompute

/// A ``WeightAverage`` at work on named parameters: keeps the copies, moves them, and lends the
/// average in place of the weights.
///
/// Results have the same bits for any number of threads, and an update allocates nothing.
///
/// ```swift
/// let averaged = AveragedWeights<Float>(
///   ExponentialAverage(decay: 0.99), parameters: [ParameterInfo("w", shape: [2])])
/// var weights: [[Float]] = [[1, 2]]
/// averaged.begin(&weights)
/// averaged.update(&weights, after: 1)
/// let smooth = averaged.average(of: weights)
/// ```
/// With a rule that trains elsewhere than at its result (Schedule-Free), give it the result: call
/// it inside ``Optimizer/withEvaluationWeights(_:_:)``.
@safe
public final class AveragedWeights<S: Scalar> {
  /// The parameters, in the order in which their memory is expected.
  public let parameters: [ParameterInfo]
  /// What kind of average it is.
  public let kind: any WeightAverage
  /// How many weights have been taken in; before the first, the average is the weights themselves.
  public private(set) var taken = 0

  private let plan: BlockPlan
  /// Where each trainable parameter's copies start: one behind the other.
  private let starts: [Int]
  private let copies: UnsafeMutableBufferPointer<S>

  /// An average of `parameters`. Frozen ones are their own average.
  public init(_ kind: any WeightAverage, parameters: [ParameterInfo]) {
    (self.kind, self.parameters, plan) = (kind, parameters, BlockPlan(parameters))
    var starts: [Int] = []
    var total = 0
    for parameter in parameters {
      starts.append(total)
      total += parameter.trainable ? parameter.count * kind.copies : 0
    }
    self.starts = starts
    unsafe copies = .allocate(capacity: total)
    unsafe copies.initialize(repeating: 0)
  }

  deinit { unsafe copies.deallocate() }

  /// The bytes of the copies.
  public var bytes: Int { unsafe copies.count * MemoryLayout<S>.stride }

  // MARK: Averaging

  /// Shows the weights before the first step, which ``Lookahead`` needs.
  ///
  /// - Parameter memory: as for ``Optimizer/step(_:)``; gradients are not read.
  @unsafe
  public func begin(_ memory: UnsafeBufferPointer<ParameterMemory<S>>) {
    guard type(of: kind).takesFirstWeights else { return }
    unsafe apply(AverageChange(share: 1), memory)
    taken = 1
  }

  /// Takes in the weights after `step` applied steps, when they are due; may change them.
  @unsafe
  public func update(_ memory: UnsafeBufferPointer<ParameterMemory<S>>, after step: Int) {
    precondition(
      taken > 0 || !type(of: kind).takesFirstWeights, "the average has not seen the first weights")
    guard let change = kind.change(after: step, taken: taken) else { return }
    unsafe apply(change, memory)
    taken += 1
  }

  private func apply(
    _ change: AverageChange, _ memory: UnsafeBufferPointer<ParameterMemory<S>>
  ) {
    precondition(memory.count == parameters.count)
    let (pieces, share) = (plan.pieces, S(change.share))
    let movesWeights = type(of: kind).movesWeights
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      let e = unsafe Lane(copy(change.copy, of: piece))
      let w = unsafe Lane(memory[piece.parameter].weights + piece.offset)
      if share == 1 {
        unsafe e.base.update(from: w.base, count: piece.count)
      } else {
        move(e, toward: w, by: share, piece.count)
      }
      if movesWeights { unsafe w.base.update(from: e.base, count: piece.count) }
    }
  }

  private func copy(_ number: Int, of piece: BlockPlan.Piece) -> UnsafeMutablePointer<S> {
    let parameter = piece.parameter
    return unsafe copies.baseAddress! + starts[parameter] + number * parameters[parameter].count
      + piece.offset
  }

  // MARK: The average

  /// Runs `body` with the average in the place of the weights, and puts those back, to the bit.
  @unsafe
  public func withAverage<Result>(
    _ memory: UnsafeBufferPointer<ParameterMemory<S>>, _ body: () throws -> Result
  ) rethrows -> Result {
    guard taken > 0 else { return try body() }
    return try unsafe parameters.keepingWeights(memory) {
      unsafe write(to: memory)
      return try body()
    }
  }

  /// Writes the average over the weights.
  private func write(to memory: UnsafeBufferPointer<ParameterMemory<S>>) {
    precondition(memory.count == parameters.count)
    let (pieces, count) = (plan.pieces, min(taken, kind.copies))
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      let w = unsafe Lane(memory[piece.parameter].weights + piece.offset)
      unsafe w.base.update(from: copy(0, of: piece), count: piece.count)
      // Copy by copy, each as the mean of those so far: no sum grows, and equal copies stay equal.
      for number in 1..<max(count, 1) {
        let e = unsafe Lane(copy(number, of: piece))
        move(w, toward: e, by: 1 / S(number + 1), piece.count)
      }
    }
  }

  // MARK: Arrays

  /// Shows the weights before the first step, in the order of ``parameters``.
  public func begin(_ weights: inout [[S]]) {
    unsafe parameters.withMemory(&weights) { unsafe begin($0) }
  }

  /// Takes in the weights after `step` applied steps, when they are due; may change them.
  public func update(_ weights: inout [[S]], after step: Int) {
    unsafe parameters.withMemory(&weights) { unsafe update($0, after: step) }
  }

  /// The average, or the weights where nothing was taken in.
  public func average(of weights: [[S]]) -> [[S]] {
    var result = weights
    unsafe parameters.withMemory(&result) { memory in if taken > 0 { unsafe write(to: memory) } }
    return result
  }

  // MARK: Saving

  /// All that is remembered: each copy as `average/<name>`, or `average/<number>/<name>` where there
  /// are several, and the count.
  public var state: [StoredTensor] {
    places.map { StoredTensor($0) } + [StoredTensor(Self.count, shape: [], [taken])]
  }

  /// Goes on from what was saved.
  ///
  /// - Throws: the first thing that does not fit; then nothing was changed.
  public func restore(_ state: [StoredTensor]) throws(StateMismatch) {
    var saved = StoredTensors(state)
    let places = places
    let tensors = try saved.take(places)
    let count = try saved.take(Self.count, .int64, shape: [])
    try saved.finish()
    for (place, tensor) in zip(places, tensors) { place.fill(tensor) }
    taken = count.value(as: Int.self)
  }

  private static var count: String { "memory/average/taken" }

  private var places: [StatePlace] {
    var places: [StatePlace] = []
    for (index, parameter) in parameters.enumerated() where parameter.trainable {
      for number in 0..<kind.copies {
        let name = kind.copies == 1 ? parameter.name : "\(number)/\(parameter.name)"
        let base = unsafe copies.baseAddress! + starts[index] + number * parameter.count
        places.append(unsafe StatePlace("average/\(name)", shape: parameter.shape, base))
      }
    }
    return places
  }
}

/// e ← e + share·(w − e)
@specialized(where S == Float)
@specialized(where S == Double)
private func move<S: Scalar>(_ e: Lane<S>, toward w: Lane<S>, by share: S, _ count: Int) {
  for i in 0..<count { e[i] += share * (w[i] - e[i]) }
}
