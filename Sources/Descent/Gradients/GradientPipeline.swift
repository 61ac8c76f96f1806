import Foundation

/// Gradients on their way to the rule, through one visible order: unscale → guard → centralize →
/// clip → noise.
///
/// Where only the norm over all parameters is limited, nothing is written: the rule multiplies as it
/// reads. Else changed gradients go to a copy of their own, allocated at the start.
final class GradientPipeline<S: Scalar> {
  /// What came out.
  struct Result {
    /// The gradients for the rule, and what it multiplies them by.
    let memory: [ParameterMemory<S>]
    let scale: Double
    /// The part of that which limits the norm.
    let coefficient: Double
    /// The norm over all gradients as they were given.
    let norm: Double
    /// Whether any limit of ``Clipping`` acted.
    let clipped: Bool
  }

  /// What became of the gradients of a step.
  enum Outcome {
    case refused(StepReport.NonFinite, norm: Double)
    case ready(Result)
  }

  /// Some units of a parameter, rows of its first axis: what one task changes. A vector or a scalar is
  /// one unit.
  private struct Units {
    let parameter: Int
    let range: Range<Int>
    let length: Int
  }

  let clipping: Clipping
  let tools: GradientTools
  private let parameters: [ParameterInfo]
  private let plan: BlockPlan
  private let units: [Units]
  /// The tasks of each parameter, by its index.
  private let tasks: [Range<Int>]
  /// Each piece's or task's part of a norm.
  private let parts: StateMemory<Double>
  /// Whether a limit acted in each task.
  private let limited: StateMemory<Bool>
  /// What the limit on a tensor's norm multiplies each parameter by.
  private let limits: StateMemory<Double>
  /// Whether elements change, in a copy of the gradients.
  private let copies: Bool
  /// Each parameter's part of the copy.
  private var copy: [MutableView<S>] = []
  private let copyMemory: StateMemory<S>
  /// What the rule reads where there is a copy.
  private var changed: [ParameterMemory<S>] = []

  init(_ parameters: [ParameterInfo], _ clipping: Clipping, _ tools: GradientTools) {
    (self.parameters, self.clipping, self.tools) = (parameters, clipping, tools)
    plan = BlockPlan(parameters)
    let copies = clipping.changesElements || tools.changesElements
    self.copies = copies
    var units: [Units] = []
    var tasks: [Range<Int>] = []
    let sizes = parameters.map { copies && $0.trainable ? $0.count : 0 }
    copyMemory = StateMemory(count: sizes.reduce(0, +), initial: 0)
    for (index, parameter) in parameters.enumerated() where copies {
      let first = units.count
      let count = parameter.shape.count >= 2 ? parameter.shape[0] : 1
      let length = parameter.count / max(count, 1)
      let size = max(1, BlockPlan.blockSize / max(length, 1))
      for start in stride(from: 0, to: parameter.trainable ? count : 0, by: size) {
        units.append(
          Units(parameter: index, range: start..<min(start + size, count), length: length))
      }
      tasks.append(first..<units.count)
    }
    (self.units, self.tasks) = (units, tasks)
    parts = StateMemory(count: max(plan.pieces.count, units.count), initial: 0)
    limited = StateMemory(count: units.count, initial: false)
    limits = StateMemory(count: parameters.count, initial: 1)
    var start = 0
    for size in sizes {
      copy.append(copyMemory.view[start..<start + size])
      start += size
    }
  }

  /// Takes the gradients of the step after `step` applied ones, or refuses them when one is not finite.
  ///
  /// - Parameters:
  ///   - unscale: what they are multiplied by before anything else.
  ///   - knownNorm: their norm, where it need not be measured.
  func prepare(
    _ memory: [ParameterMemory<S>], step: Int, unscale: Double, knownNorm: Double? = nil
  ) -> Outcome {
    let measured = knownNorm ?? norm(memory)
    let given = measured * unscale
    if !given.isFinite, let culprit = firstNonFinite(memory) {
      return .refused(culprit, norm: measured)
    }
    guard copies else {
      let c = coefficient(given)
      return .ready(
        Result(memory: memory, scale: c * unscale, coefficient: c, norm: given, clipped: c < 1))
    }
    var someLimited = change(memory, unscale)
    // In place: the same array serves every step.
    if changed.isEmpty { changed = memory }
    for i in memory.indices { changed[i] = memory[i] }
    for i in tasks.indices where memory[i].hasGradient && parameters[i].trainable {
      changed[i] = memory[i].with(gradient: copy[i].reading)
    }
    if let most = clipping.tensorNorm { someLimited = limitTensors(most) || someLimited }
    let scale = clipping.norm == nil ? 1 : coefficient(norm(changed))
    if let η = tools.noise {
      addNoise((η / pow(1 + Double(step), tools.noiseDecay)).squareRoot() / scale, step)
    }
    return .ready(
      Result(
        memory: changed, scale: scale, coefficient: scale, norm: given,
        clipped: someLimited || scale < 1))
  }

  /// PyTorch's coefficient, its 1e-6 included.
  func coefficient(_ norm: Double) -> Double {
    clipping.norm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
  }

  // MARK: Norms

  /// The norm over all gradients by the type that is limited, in double, its parts combined in the
  /// order of the pieces.
  func norm(_ memory: [ParameterMemory<S>]) -> Double {
    let parts = parts.view
    ThreadPool.shared.run(plan.pieces.count) { index in
      parts[index] = measured(index, memory[plan.pieces[index].parameter])
    }
    return measuredNorm
  }

  /// The part of the norm that a piece of a gradient has.
  private func measured(_ index: Int, _ memory: ParameterMemory<S>) -> Double {
    memory.withGradient(plan.pieces[index].range) { piece in
      clipping.normType == .euclidean ? sumOfSquares(piece) : largestMagnitude(piece)
    } ?? 0
  }

  /// Forgets all parts of the norm.
  func startMeasuring() { parts.view.fill(0) }

  /// Takes the parts of one parameter. Returns whether all of them are finite.
  func measure(_ parameter: Int, _ memory: ParameterMemory<S>) -> Bool {
    let (parts, range) = (parts.view, plan.ranges[parameter])
    ThreadPool.shared.run(range.count) { i in
      let index = range.lowerBound + i
      parts[index] = measured(index, memory)
    }
    return range.allSatisfy { parts[$0].isFinite }
  }

  /// The norm, from the parts that were taken.
  var measuredNorm: Double {
    let parts = parts.view
    let all = plan.pieces.indices.lazy.map { parts[$0] }
    if clipping.normType == .euclidean { return all.reduce(0, +).squareRoot() }
    // A NaN stays one.
    return all.reduce(0) { $0 >= $1 ? $0 : $1 }
  }

  /// The first element of a gradient that is NaN or infinite, if there is one.
  func firstNonFinite(_ memory: [ParameterMemory<S>]) -> StepReport.NonFinite? {
    for index in parameters.indices where parameters[index].trainable {
      if let culprit = firstNonFinite(index, memory[index]) { return culprit }
    }
    return nil
  }

  /// The same in the gradient of one parameter.
  func firstNonFinite(_ index: Int, _ memory: ParameterMemory<S>) -> StepReport.NonFinite? {
    let count = memory.gradientCount ?? 0
    for start in stride(from: 0, to: count, by: BlockPlan.blockSize) {
      let range = start..<min(start + BlockPlan.blockSize, count)
      let culprit = memory.withGradient(range) { gradient -> StepReport.NonFinite? in
        for i in gradient.indices where !gradient[i].isFinite {
          return StepReport.NonFinite(
            parameter: parameters[index].name, element: start + i, value: Double(gradient[i]))
        }
        return nil
      }
      if let culprit, let culprit { return culprit }
    }
    return nil
  }

  // MARK: Changes

  /// Unscales, centralizes, and limits elements and units, from the given gradients into the copy.
  /// Returns whether a limit acted.
  private func change(_ memory: [ParameterMemory<S>], _ unscale: Double) -> Bool {
    let (limited, factor) = (limited.view, S(unscale))
    limited.fill(false)
    ThreadPool.shared.run(units.count) { task in
      let units = units[task]
      let memory = memory[units.parameter]
      guard memory.hasGradient else { return }
      for unit in units.range {
        let n = units.length
        let range = unit * n..<(unit + 1) * n
        let g = copy[units.parameter][range]
        memory.withGradient(range) { from in
          for i in 0..<n { g[i] = from[i] * factor }
        }
        if tools.centralize, parameters[units.parameter].shape.count >= 2 {
          let mean = S(sum(g.reading) / Double(n))
          for i in 0..<n { g[i] -= mean }
        }
        if let value = clipping.value {
          let c = S(value)
          if largestMagnitude(g.reading) > value { limited[task] = true }
          for i in 0..<n { g[i] = min(max(g[i], -c), c) }
        }
        if let λ = clipping.adaptive, parameters[units.parameter].role != .head {
          let length = sumOfSquares(g.reading).squareRoot()
          let square = memory.withWeights(range, .unchanged) { sumOfSquares($0.reading) }
          let most = λ * max(square.squareRoot(), clipping.adaptiveFloor)
          if length >= most {
            let factor = S(most / max(length, 1e-6))
            for i in 0..<n { g[i] *= factor }
            limited[task] = true
          }
        }
      }
    }
    return limited.indices.contains { limited[$0] }
  }

  /// The part of the copy that belongs to a piece; nil where the parameter has no gradient.
  private func copied(_ piece: BlockPlan.Piece) -> MutableView<S>? {
    changed[piece.parameter].hasGradient ? copy[piece.parameter][piece.range] : nil
  }

  /// Limits the norm of each tensor of the copy. Returns whether one was longer.
  private func limitTensors(_ most: Double) -> Bool {
    let (pieces, parts) = (plan.pieces, parts.view)
    ThreadPool.shared.run(pieces.count) { index in
      parts[index] = copied(pieces[index]).map { sumOfSquares($0.reading) } ?? 0
    }
    let limits = limits.view
    for (index, range) in plan.ranges.enumerated() {
      limits[index] = min(1, most / (range.reduce(0) { $0 + parts[$1] }.squareRoot() + 1e-6))
    }
    ThreadPool.shared.run(pieces.count) { index in
      let factor = limits[pieces[index].parameter]
      guard factor < 1, let g = copied(pieces[index]) else { return }
      let c = S(factor)
      for i in g.indices { g[i] *= c }
    }
    return limits.indices.contains { limits[$0] < 1 }
  }

  /// Adds σ·N(0, 1) to the copy, a stream for each parameter and step.
  private func addNoise(_ σ: Double, _ step: Int) {
    let (pieces, seed) = (plan.pieces, UInt64(tools.noiseSeed))
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      guard let g = copied(piece) else { return }
      var stream = RandomStream(
        seed: seed, stream: UInt64(step) << 32 | UInt64(piece.parameter),
        position: UInt64(piece.offset))
      withScratch(of: Float.self, 256) { room in
        for start in stride(from: 0, to: piece.count, by: 256) {
          let n = min(256, piece.count - start)
          var noise = unsafe MutableSpan(_unsafeStart: room.base, count: n)
          stream.fillNormal(&noise, deviation: Float(σ))
          for i in 0..<n { g[start &+ i] += S(noise[i]) }
        }
      }
    }
  }
}
