import DescentCompute
import Foundation

/// Gradients on their way to the rule, through one visible order: unscale → guard → centralize →
/// clip → noise.
///
/// Where only the norm over all parameters is limited, nothing is written: the rule multiplies as it
/// reads. Else changed gradients go to a copy of their own, allocated at the start.
@safe
final class GradientPipeline<S: Scalar> {
  /// What came out.
  @unsafe
  struct Result {
    /// The gradients for the rule, and what it multiplies them by.
    let memory: UnsafePointer<ParameterMemory<S>>
    let scale: Double
    /// The part of that which limits the norm.
    let coefficient: Double
    /// The norm over all gradients as they were given.
    let norm: Double
    /// Whether any limit of ``Clipping`` acted.
    let clipped: Bool
  }

  /// Some rows of a parameter: what one task changes. A vector or a scalar is one row.
  private struct Rows {
    let parameter: Int
    let range: Range<Int>
    let length: Int
  }

  let clipping: Clipping
  let tools: GradientTools
  private let parameters: [ParameterInfo]
  private let plan: BlockPlan
  private let rows: [Rows]
  /// The tasks of each parameter, by its index.
  private let tasks: [Range<Int>]
  /// Each piece's or task's part of a norm.
  private let parts: UnsafeMutableBufferPointer<Double>
  /// Whether a limit acted in each task.
  private let limited: UnsafeMutableBufferPointer<Bool>
  /// The copy and where each parameter starts in it; empty where nothing changes elements.
  private let copy: UnsafeMutableBufferPointer<S>
  private let starts: [Int]
  private let changed: UnsafeMutableBufferPointer<ParameterMemory<S>>

  init(_ parameters: [ParameterInfo], _ clipping: Clipping, _ tools: GradientTools) {
    (self.parameters, self.clipping, self.tools) = (parameters, clipping, tools)
    plan = BlockPlan(parameters)
    let copies = clipping.changesElements || tools.changesElements
    var rows: [Rows] = []
    var tasks: [Range<Int>] = []
    var starts: [Int] = []
    var total = 0
    for (index, parameter) in parameters.enumerated() where copies {
      let first = rows.count
      let count = parameter.shape.count >= 2 ? parameter.shape[0] : 1
      let length = parameter.count / max(count, 1)
      let size = max(1, BlockPlan.blockSize / max(length, 1))
      for start in stride(from: 0, to: parameter.trainable ? count : 0, by: size) {
        rows.append(
          Rows(parameter: index, range: start..<min(start + size, count), length: length))
      }
      tasks.append(first..<rows.count)
      starts.append(total)
      total += parameter.trainable ? parameter.count : 0
    }
    (self.rows, self.tasks, self.starts) = (rows, tasks, starts)
    unsafe parts = .allocate(capacity: max(plan.pieces.count, rows.count))
    unsafe parts.initialize(repeating: 0)
    unsafe limited = .allocate(capacity: rows.count)
    unsafe limited.initialize(repeating: false)
    unsafe copy = .allocate(capacity: total)
    unsafe copy.initialize(repeating: 0)
    unsafe changed = .allocate(capacity: copies ? parameters.count : 0)
  }

  deinit {
    unsafe parts.deallocate()
    unsafe limited.deallocate()
    unsafe copy.deallocate()
    unsafe changed.deallocate()
  }

  /// Takes the gradients of the step after `step` applied ones; nil when one is not finite.
  ///
  /// - Parameter unscale: what they are multiplied by before anything else.
  func prepare(
    _ memory: UnsafePointer<ParameterMemory<S>>, step: Int, unscale: Double
  ) -> Result? {
    let given = unsafe norm(memory) * unscale
    if !given.isFinite, unsafe firstNonFinite(memory) != nil { return nil }
    guard unsafe !changed.isEmpty else {
      let c = coefficient(given)
      return unsafe Result(
        memory: memory, scale: c * unscale, coefficient: c, norm: given, clipped: c < 1)
    }
    var someLimited = unsafe change(memory, unscale)
    for i in parameters.indices { unsafe changed[i] = memory[i] }
    for i in tasks.indices where unsafe memory[i].gradient != nil && parameters[i].trainable {
      unsafe changed[i].gradient = UnsafePointer(copy.baseAddress! + starts[i])
    }
    if let most = clipping.tensorNorm { someLimited = limitTensors(most) || someLimited }
    let base = unsafe UnsafePointer(changed.baseAddress!)
    let scale = clipping.norm == nil ? 1 : coefficient(unsafe norm(base))
    if let η = tools.noise {
      addNoise((η / pow(1 + Double(step), tools.noiseDecay)).squareRoot() / scale, step)
    }
    return unsafe Result(
      memory: base, scale: scale, coefficient: scale, norm: given,
      clipped: someLimited || scale < 1)
  }

  /// PyTorch's coefficient, its 1e-6 included.
  private func coefficient(_ norm: Double) -> Double {
    clipping.norm.map { min(1, $0 / (norm + 1e-6)) } ?? 1
  }

  // MARK: Norms

  /// The norm over all gradients by the type that is limited, in double, its parts combined in the
  /// order of the pieces.
  func norm(_ memory: UnsafePointer<ParameterMemory<S>>) -> Double {
    let (pieces, parts, type) = unsafe (plan.pieces, parts, clipping.normType)
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      guard let g = unsafe memory[piece.parameter].gradient else {
        unsafe parts[index] = 0
        return
      }
      let start = unsafe g + piece.offset
      unsafe parts[index] =
        type == .euclidean
        ? sumOfSquares(start, piece.count) : Descent.largestMagnitude(start, piece.count)
    }
    let all = unsafe parts[..<pieces.count]
    if type == .euclidean { return unsafe all.reduce(0, +).squareRoot() }
    // A NaN stays one.
    return unsafe all.reduce(0) { $0 >= $1 ? $0 : $1 }
  }

  /// The first element of a gradient that is NaN or infinite, if there is one.
  func firstNonFinite(_ memory: UnsafePointer<ParameterMemory<S>>) -> StepReport.NonFinite? {
    for piece in plan.pieces {
      guard let g = unsafe memory[piece.parameter].gradient else { continue }
      for i in piece.offset..<piece.offset + piece.count where unsafe !g[i].isFinite {
        return unsafe StepReport.NonFinite(
          parameter: parameters[piece.parameter].name, element: i, value: Double(g[i]))
      }
    }
    return nil
  }

  // MARK: Changes

  /// Unscales, centralizes, and limits elements and units, from the given gradients into the copy.
  /// Returns whether a limit acted.
  private func change(_ memory: UnsafePointer<ParameterMemory<S>>, _ unscale: Double) -> Bool {
    let (limited, factor) = unsafe (limited, S(unscale))
    unsafe limited.update(repeating: false)
    ThreadPool.shared.run(rows.count) { task in
      let rows = rows[task]
      let (weights, gradient) = unsafe (
        memory[rows.parameter].weights, memory[rows.parameter].gradient
      )
      guard let gradient = unsafe gradient else { return }
      for row in rows.range {
        let (from, n) = (row * rows.length, rows.length)
        let g = unsafe Lane(copy.baseAddress! + starts[rows.parameter] + from)
        for i in 0..<n { g[i] = unsafe gradient[from &+ i] * factor }
        if tools.centralize, parameters[rows.parameter].shape.count >= 2 {
          let mean = S(unsafe sum(UnsafePointer(g.base), n) / Double(n))
          for i in 0..<n { g[i] -= mean }
        }
        if let value = clipping.value {
          let c = S(value)
          if unsafe Descent.largestMagnitude(g.base, n) > value { unsafe limited[task] = true }
          for i in 0..<n { g[i] = min(max(g[i], -c), c) }
        }
        if let λ = clipping.adaptive, parameters[rows.parameter].role != .head {
          let length = unsafe sumOfSquares(UnsafePointer(g.base), n).squareRoot()
          let w = unsafe sumOfSquares(UnsafePointer(weights + from), n).squareRoot()
          let most = λ * max(w, clipping.adaptiveFloor)
          if length >= most {
            let factor = S(most / max(length, 1e-6))
            for i in 0..<n { g[i] *= factor }
            unsafe limited[task] = true
          }
        }
      }
    }
    return unsafe limited.contains(true)
  }

  /// Limits the norm of each tensor of the copy. Returns whether one was longer.
  private func limitTensors(_ most: Double) -> Bool {
    let (pieces, parts) = unsafe (plan.pieces, parts)
    func start(_ piece: BlockPlan.Piece) -> UnsafeMutablePointer<S>? {
      guard unsafe changed[piece.parameter].gradient != nil else { return nil }
      return unsafe copy.baseAddress! + starts[piece.parameter] + piece.offset
    }
    ThreadPool.shared.run(pieces.count) { index in
      unsafe parts[index] =
        start(pieces[index]).map { unsafe sumOfSquares($0, pieces[index].count) } ?? 0
    }
    let limits = plan.ranges.map { range in
      min(1, most / (unsafe parts[range].reduce(0, +).squareRoot() + 1e-6))
    }
    ThreadPool.shared.run(pieces.count) { index in
      let factor = limits[pieces[index].parameter]
      guard factor < 1, let start = unsafe start(pieces[index]) else { return }
      let (g, c) = (unsafe Lane(start), S(factor))
      for i in 0..<pieces[index].count { g[i] *= c }
    }
    return limits.contains { $0 < 1 }
  }

  /// Adds σ·N(0, 1) to the copy, a stream for each parameter and step.
  private func addNoise(_ σ: Double, _ step: Int) {
    let (pieces, seed) = (plan.pieces, UInt64(tools.noiseSeed))
    ThreadPool.shared.run(pieces.count) { index in
      let piece = pieces[index]
      guard unsafe changed[piece.parameter].gradient != nil else { return }
      let g = unsafe Lane(copy.baseAddress! + starts[piece.parameter] + piece.offset)
      var stream = RandomStream(
        seed: seed, stream: UInt64(step) << 32 | UInt64(piece.parameter),
        position: UInt64(piece.offset))
      unsafe withUnsafeTemporaryAllocation(of: Float.self, capacity: 256) { buffer in
        for start in stride(from: 0, to: piece.count, by: 256) {
          let n = min(256, piece.count - start)
          var noise = unsafe MutableSpan(_unsafeElements: buffer.extracting(0..<n))
          stream.fillNormal(&noise, deviation: Float(σ))
          for i in 0..<n { g[start &+ i] += S(noise[i]) }
        }
      }
    }
  }
}
