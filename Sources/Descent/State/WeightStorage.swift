internal import Synchronization

/// How weights are stored between steps: in the memory of whoever owns them, where that is in bfloat16
/// (``ParameterMemory/weightBits``); else beside a float32 copy, which rules and models compute with.
/// Optimizer state is float32 in any case, unless its own
/// storage says otherwise.
public struct WeightStorage: Configurable, Equatable {
  /// float32, or bf16 with ``rounding``.
  public var format = Format.float32
  /// What happens to the part of an update that bf16 cannot hold.
  public var rounding = Rounding.stochastic
  /// Seeds stochastic rounding; a recipe's own seed.
  public var seed: UInt64 = 0

  /// The formats of weights.
  public enum Format: String, CaseIterable, Sendable { case float32, bf16 }

  /// What happens to the part of an update that bfloat16 cannot hold: below a weight of 1 its numbers
  /// lie 2⁻⁸ apart, and an update of less than half of that is lost when rounded.
  public enum Rounding: String, Sendable, CaseIterable {
    /// It goes into a float32 master copy, which the model sees rounded: for the optimizer, these are
    /// float32 weights.
    case master
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

  /// Weights in 32 bits.
  public init() {}

  /// Weights in 32 bits.
  public static let float32 = WeightStorage()

  /// Weights in 16 bits, rounded after each update.
  public static func bfloat16(_ rounding: Rounding, seed: UInt64 = 0) -> WeightStorage {
    var storage = WeightStorage()
    (storage.format, storage.rounding, storage.seed) = (.bf16, rounding, seed)
    return storage
  }

  public static let name = "weights"
  public static let settings: [Setting<WeightStorage>] = [
    .choice("format", \.format, "format of the weights; bf16 needs precision=bf16"),
    .choice(
      "rounding", \.rounding,
      "what bf16 weights do with small updates: keep them in a float32 master copy, lose them "
        + "(nearest), round at random (stochastic), or compensate (kahan)"),
  ]

  /// Whether the optimizer rounds the weights that it updates, so that their owner can keep them in
  /// bfloat16.
  public var isRounded: Bool { format == .bf16 && rounding != .master }
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

/// Weights in 16 bits: rounds updates to the owner's bits, or to bits of its own beside the owner's floats.
final class StoredWeights: @unchecked Sendable {
  private let rounding: WeightStorage.Rounding
  private let seed: UInt64
  private let parameters: [ParameterInfo]
  /// The bits of each parameter's weights that the owner has as floats; made when they are first seen.
  private var stored: [StateMemory<UInt16>?]
  /// k of each parameter, for Kahan's sum.
  private let kept: [StateMemory<UInt16>]
  private var isLoaded = false
  private let lost = Atomic<Int>(0)
  private let updates = Atomic<Int>(0)
  /// Counts the steps, for the random numbers.
  private var step = 0

  /// - Returns: nil where weights are float32.
  init?(_ parameters: [ParameterInfo], _ storage: WeightStorage) {
    guard storage.isRounded else { return nil }
    (self.parameters, rounding, seed) = (parameters, storage.rounding, storage.seed)
    stored = parameters.map { _ in nil }
    kept =
      storage.rounding == .kahan ? parameters.map { StateMemory(count: $0.count, initial: 0) } : []
  }

  /// Bytes beyond the weights themselves.
  var bytes: Int { kept.reduce(0) { $0 + $1.bytes } }

  /// k of each parameter.
  var compensation: [(parameter: ParameterInfo, values: [Float])] {
    zip(parameters, kept).map { parameter, kept in
      (parameter, kept.view.indices.map { Float(bitPattern: UInt32(kept.view[$0]) << 16) })
    }
  }

  /// Rounds weights to the nearest and takes them as those before the next update.
  func load<S: Scalar>(_ memory: [ParameterMemory<S>]) {
    for (index, memory) in memory.enumerated() where memory.weightBits == nil {
      let w = memory.weights.cast(to: Float.self)
      if stored[index]?.view.count != w.count {
        stored[index] = StateMemory(count: w.count, initial: 0)
      }
      _ = Kernels.store(w, in: stored[index]!.view, .nearest)
    }
    isLoaded = true
  }

  /// Before a step.
  func begin<S: Scalar>(_ memory: [ParameterMemory<S>], step: Int) {
    if !isLoaded { load(memory) }
    self.step = step
    lost.store(0, ordering: .relaxed)
    updates.store(0, ordering: .relaxed)
  }

  /// Rounds updated weights, where they lie or as a copy of those in `memory`; called for a block while
  /// it is in the cache, or for a whole tensor.
  func round<S: Scalar>(
    _ w: MutableView<S>, of memory: ParameterMemory<S>, parameter: Int, offset: Int
  ) {
    let w = w.cast(to: Float.self)
    let bits = (memory.weightBits ?? stored[parameter]!.view)[offset..<offset + w.count]
    guard w.count > BlockPlan.blockSize else { return roundBlock(w, bits, parameter, offset) }
    ThreadPool.shared.forEachChunk(of: w.count, size: BlockPlan.blockSize) { range in
      roundBlock(w[range], bits[range], parameter, offset + range.lowerBound)
    }
  }

  /// What the step lost.
  var report: LostUpdates {
    LostUpdates(
      lost: lost.load(ordering: .relaxed), updates: updates.load(ordering: .relaxed))
  }

  private func roundBlock(
    _ w: MutableView<Float>, _ bits: MutableView<UInt16>, _ parameter: Int, _ offset: Int
  ) {
    let range = offset..<offset + w.count
    let kernel: Kernels.WeightRounding =
      switch rounding {
      case .master, .nearest: .nearest
      case .kahan: .kahan(kept[parameter].view[range])
      case .stochastic:
        .stochastic(
          counter: Self.counter(parameter: parameter, element: offset, step: step),
          key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
      }
    let counts = Kernels.store(w, in: bits, kernel)
    lost.add(counts.lost, ordering: .relaxed)
    updates.add(counts.updates, ordering: .relaxed)
  }

  /// The position of an element's random bits, apart from all streams of `RandomStream`.
  static func counter(parameter: Int, element: Int, step: Int) -> SIMD4<UInt32> {
    SIMD4(
      UInt32(truncatingIfNeeded: element / 8), UInt32(truncatingIfNeeded: parameter),
      UInt32(truncatingIfNeeded: step), 0x5765_6967)
  }
}

extension StoredWeights: Savable {
  func archive(_ archive: StateArchive) throws(StateMismatch) {
    for (parameter, kept) in zip(parameters, kept) {
      try archive.tensor(
        "state/compensation/\(parameter.name)", shape: parameter.shape, kept.view)
    }
    // The weights are others now.
    if archive.isRestoring { isLoaded = false }
  }
}
