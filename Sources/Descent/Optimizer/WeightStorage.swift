import DescentCompute
internal import Synchronization

/// How weights are stored between steps. Optimizer state is float32 in any case, unless its own
/// storage says otherwise.
public enum WeightStorage: Sendable, Equatable {
  /// In 32 bits.
  case float32
  /// In 16 bits, rounded after each update.
  case bfloat16(Rounding, seed: UInt64 = 0)

  /// What happens to the part of an update that bfloat16 cannot hold: below a weight of 1 its numbers
  /// lie 2⁻⁸ apart, and an update of less than half of that is lost when rounded.
  public enum Rounding: String, Sendable, CaseIterable {
    /// It is lost: weights stop moving when the learning rate is small. For comparison.
    case nearest
    /// The weight goes up with a probability that is the part's share of a spacing: nothing is lost on
    /// average. The random numbers follow from seed, parameter, element and step.
    case stochastic
    /// It is kept, itself in bfloat16, and added to the next update: 2 bytes a weight.
    ///
    /// ```
    /// k ← k + Δw        w′ = w + k        k ← k + (w − w′)        all rounded to the nearest
    /// ```
    case kahan
  }
}

/// How many updates a step lost to rounding.
public struct LostUpdates: Sendable, Equatable {
  /// Updates that left no trace: not zero before the rounding, and nothing changed after it.
  public let lost: Int
  /// All updates that were not zero.
  public let updates: Int

  /// Counts.
  public init(lost: Int, updates: Int) { (self.lost, self.updates) = (lost, updates) }

  /// The share that was lost.
  public var share: Double { updates == 0 ? 0 : Double(lost) / Double(updates) }
}

/// Weights in 16 bits, beside the float32 copy that rules and models compute with.
@safe
final class StoredWeights: @unchecked Sendable {
  private let rounding: WeightStorage.Rounding
  private let seed: UInt64
  let parameters: [ParameterInfo]
  /// Where each parameter starts in the two arrays.
  private let starts: [Int]
  /// The bits of the weights.
  private let stored: UnsafeMutableBufferPointer<UInt16>
  /// k, for Kahan's sum.
  private let kept: UnsafeMutableBufferPointer<UInt16>
  fileprivate var isLoaded = false
  private let lost = Atomic<Int>(0)
  private let updates = Atomic<Int>(0)
  /// Counts the steps, for the random numbers.
  private var step = 0

  /// - Returns: nil where weights are float32.
  init?(_ parameters: [ParameterInfo], _ storage: WeightStorage) {
    guard case .bfloat16(let rounding, let seed) = storage else { return nil }
    (self.parameters, self.rounding, self.seed) = (parameters, rounding, seed)
    starts = parameters.indices.map { parameters[..<$0].reduce(0) { $0 + $1.count } }
    let count = parameters.reduce(0) { $0 + $1.count }
    unsafe stored = .allocate(capacity: count)
    unsafe kept = .allocate(capacity: rounding == .kahan ? count : 0)
    unsafe stored.initialize(repeating: 0)
    unsafe kept.initialize(repeating: 0)
  }

  deinit {
    unsafe stored.deallocate()
    unsafe kept.deallocate()
  }

  /// Bytes beyond the weights themselves.
  var bytes: Int { unsafe kept.count * MemoryLayout<UInt16>.stride }

  /// k of each parameter.
  var compensation: [(parameter: ParameterInfo, values: [Float])] {
    guard rounding == .kahan else { return [] }
    return zip(parameters, starts).map { parameter, start in
      unsafe (
        parameter,
        kept[start..<start + parameter.count].map { Float(bitPattern: UInt32($0) << 16) }
      )
    }
  }

  fileprivate var places: [StatePlace] {
    guard rounding == .kahan else { return [] }
    return zip(parameters, starts).map { parameter, start in
      unsafe StatePlace(
        "state/compensation/\(parameter.name)", shape: parameter.shape, kept.baseAddress! + start)
    }
  }

  /// Rounds weights to the nearest and takes them as those before the next update.
  func load<S: Scalar>(_ memory: UnsafePointer<ParameterMemory<S>>) {
    for (index, parameter) in parameters.enumerated() {
      let w = unsafe MutableView(memory[index].weights, count: parameter.count)
      _ = unsafe Kernels.store(
        w.cast(to: Float.self),
        in: MutableView(stored.baseAddress! + starts[index], count: parameter.count), .nearest)
    }
    isLoaded = true
  }

  /// Before a step.
  func begin<S: Scalar>(_ memory: UnsafePointer<ParameterMemory<S>>, step: Int) {
    if !isLoaded { unsafe load(memory) }
    self.step = step
    lost.store(0, ordering: .relaxed)
    updates.store(0, ordering: .relaxed)
  }

  /// Rounds updated weights; called for a block while it is in the cache, or for a whole tensor.
  func round<S: Scalar>(
    _ w: UnsafeMutablePointer<S>, parameter: Int, offset: Int, count: Int
  ) {
    let w = unsafe MutableView(w, count: count).cast(to: Float.self)
    guard count > BlockPlan.blockSize else { return roundBlock(w, parameter, offset) }
    ThreadPool.shared.forEachChunk(of: count, size: BlockPlan.blockSize) { range in
      roundBlock(w[range], parameter, offset + range.lowerBound)
    }
  }

  /// What the step lost.
  var report: LostUpdates {
    LostUpdates(
      lost: lost.load(ordering: .relaxed), updates: updates.load(ordering: .relaxed))
  }

  private func roundBlock(_ w: MutableView<Float>, _ parameter: Int, _ offset: Int) {
    let place = starts[parameter] + offset
    let kernel: Kernels.WeightRounding
    switch rounding {
    case .nearest: kernel = .nearest
    case .kahan:
      kernel = unsafe .kahan(MutableView(kept.baseAddress! + place, count: w.count))
    case .stochastic:
      kernel = .stochastic(
        counter: Self.counter(parameter: parameter, element: offset, step: step),
        key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    }
    let counts = unsafe Kernels.store(
      w, in: MutableView(stored.baseAddress! + place, count: w.count), kernel)
    lost.add(counts.lost, ordering: .relaxed)
    updates.add(counts.updates, ordering: .relaxed)
  }

  /// The place of an element's random bits, apart from all streams of `RandomStream`.
  static func counter(parameter: Int, element: Int, step: Int) -> SIMD4<UInt32> {
    SIMD4(
      UInt32(truncatingIfNeeded: element / 8), UInt32(truncatingIfNeeded: parameter),
      UInt32(truncatingIfNeeded: step), 0x5765_6967)
  }
}

extension StoredWeights: Resumable {
  var saved: [StoredTensor] { places.map { StoredTensor($0) } }

  func resume(from saved: inout StoredTensors) throws(StateMismatch) -> () -> Void {
    let places = places
    let arrays = try saved.take(places)
    return { [self] in
      for (place, array) in zip(places, arrays) { place.fill(array) }
      // The weights are others now.
      isLoaded = false
    }
  }
}
