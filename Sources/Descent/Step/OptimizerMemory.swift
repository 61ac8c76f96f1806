/// What an optimizer takes, counted before anything is allocated.
///
/// ```swift
/// let memory = try OptimizerPlan(AdamW()).memory(for: [ParameterInfo("w", shape: [4096, 4096])])
/// print(memory.stateBytes)  // 134217728
/// ```
public struct OptimizerMemory: Sendable, Equatable {
  /// The format and the bytes of each slot of each parameter.
  public let slots: [StateSlot]
  /// What lies outside the slots: K-FAC's factors, L-BFGS's history when it is full.
  public let outsideBytes: Int
  /// What Kahan's sum keeps of 16-bit weights.
  public let compensationBytes: Int
  /// Weights in 16 bits: what their owner has in the place of float32, or, where the owner has that, what
  /// the optimizer keeps beside it; 0 where weights are float32.
  public let roundedBytes: Int
  /// About how much an update takes while it runs.
  public let workingBytes: Int
  /// How much of that is given back when the update ends; threads keep the rest for the next one.
  public let passingBytes: Int
  /// Whether the weights to evaluate are others than those that training moves.
  public let evaluatesElsewhere: Bool
  /// The trainable weights.
  public let trainable: Int

  /// All that is remembered from step to step: what ``Optimizer/stateBytes`` is, and for L-BFGS what
  /// it becomes.
  public var stateBytes: Int {
    slots.reduce(outsideBytes + compensationBytes) { $0 + $1.bytes }
  }
}

extension OptimizerPlan {
  /// What an ``Optimizer`` with this plan takes for `parameters`.
  ///
  /// - Throws: what the optimizer would.
  public func memory(
    for parameters: [ParameterInfo]
  ) throws(OptimizerError) -> OptimizerMemory {
    let (groups, groupOf) = try resolved(for: parameters)
    let parameters = zip(parameters, groupOf).map { groups[$1].group.isFrozen ? $0.frozen : $0 }
    var slots: [(ParameterInfo) -> [Slot]] = []
    for group in groups { slots.append(try Self.slots(of: group)) }
    let entries = StateStore<Float>.entries(parameters) {
      groups[groupOf[$0]].storage
    } slots: {
      slots[groupOf[$0]](parameters[$0])
    }
    var (working, passing) = (
      rule.workingBytes(for: parameters), rule.passingBytes(for: parameters)
    )
    for group in groups.indices where groups[group].group.rule != nil {
      let own = parameters.indices.filter { groupOf[$0] == group }.map { parameters[$0] }
      working = max(working, groups[group].rule.workingBytes(for: own))
      passing = max(passing, groups[group].rule.passingBytes(for: own))
    }
    if rule.needs.contains(.wholeTensors) {
      working += Self.decodedBytes(of: parameters, entries, isRounded: weights.isRounded)
    }
    let count = parameters.reduce(0) { $0 + $1.count }
    let trainable = parameters.reduce(0) { $0 + ($1.trainable ? $1.count : 0) }
    return OptimizerMemory(
      slots: entries.map {
        StateSlot(
          parameter: parameters[$0.parameter].name, slot: $0.slot.name, format: $0.format,
          exemption: $0.exemption, bytes: $0.bytes)
      }, outsideBytes: rule.outsideBytes(for: parameters),
      compensationBytes: weights.isRounded && weights.rounding == .kahan ? 2 * count : 0,
      roundedBytes: weights.isRounded ? 2 * trainable : 0, workingBytes: working,
      passingBytes: passing,
      evaluatesElsewhere: groups.contains { $0.rule.evaluatesElsewhere },
      trainable: trainable)
  }

  /// What a whole tensor takes in each thread to be read from fewer bits: its weights and its gradient, and those
  /// slots of its state that are compressed.
  private static func decodedBytes(
    of parameters: [ParameterInfo], _ entries: [StateStore<Float>.Entry], isRounded: Bool
  ) -> Int {
    var compressed: [String: Int] = [:]
    for entry in entries where entry.format != .float32 {
      compressed[parameters[entry.parameter].name, default: 0] += 1
    }
    return parameters.largestUpdates { tensor, _ in
      [4 * tensor.count * ((isRounded ? 2 : 0) + (compressed[tensor.name] ?? 0))]
    }
  }

  private static func slots(
    of group: ResolvedGroup
  ) throws(OptimizerError) -> (ParameterInfo) -> [Slot] {
    func make<R: Rule>(_ rule: R) throws(OptimizerError) -> (ParameterInfo) -> [Slot] {
      let schedules = try ScheduledSettings(group, of: rule)
      return { schedules.slots(for: $0) }
    }
    let rule = group.rule
    return try make(rule)
  }
}

/// The bytes that the update of a whole tensor takes in each thread that works on it, the calling thread's first.
typealias UpdateMemory = [Int]

extension [ParameterInfo] {
  /// What threads keep for updates of whole tensors: for each thread the most that any update took there, whether
  /// it had the tensor alone or shared it.
  ///
  /// - Parameter memory: what a tensor takes whose update has all threads, or one alone.
  func largestUpdates(_ memory: (ParameterInfo, _ isShared: Bool) -> UpdateMemory) -> Int {
    let plan = BlockPlan(self, wholeTensors: true)
    let sideBySide = plan.sideBySide(Machine.threads)
    var kept = UpdateMemory(repeating: 0, count: Machine.threads)
    for (place, piece) in plan.order.enumerated() {
      let isShared = place >= sideBySide
      let taken = memory(self[plan.pieces[piece].parameter], isShared)
      if isShared {
        for thread in 0..<Swift.min(kept.count, taken.count) {
          kept[thread] = Swift.max(kept[thread], taken[thread])
        }
      } else {
        // Any thread may come to have any of them.
        for thread in 0..<Swift.min(kept.count, sideBySide) {
          kept[thread] = Swift.max(kept[thread], taken[0])
        }
      }
    }
    return kept.reduce(0, +)
  }
}

extension [Int] {
  /// How many d × d matrices of these lengths are best decomposed at the same time; 1: each on all threads.
  var decompositionsAtOnce: Int {
    let threads = Machine.threads
    var (most, sum) = (0.0, 0.0)
    for d in self {
      let work = Double(d) * Double(d) * Double(d)
      (most, sum) = (Swift.max(most, work), sum + work)
    }
    let isEven = most < 1.5 * sum / Double(threads)
    return isEven ? Swift.min(threads, count) : 1
  }

  /// What an update takes that decomposes d × d matrices of these lengths, beside copies of so many bytes.
  func decomposed(besides copies: Int, isShared: Bool) -> UpdateMemory {
    let lengths = sorted(by: >).prefix(isShared ? decompositionsAtOnce : 1)
    // The matrix, which becomes its eigenvectors, three to work in, and what a row takes beside them.
    let memory = lengths.map { 32 * $0 * $0 + 352 * $0 }
    return [copies + (memory.first ?? 0)] + memory.dropFirst()
  }
}
