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
    var working = rule.workingBytes(for: parameters)
    for group in groups.indices where groups[group].group.rule != nil {
      let own = parameters.indices.filter { groupOf[$0] == group }.map { parameters[$0] }
      working = max(working, groups[group].rule.workingBytes(for: own))
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
      evaluatesElsewhere: groups.contains { $0.rule.evaluatesElsewhere },
      trainable: trainable)
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

extension [ParameterInfo] {
  /// What the updates of whole tensors need that run at the same time: of the largest tensor alone, or of small
  /// ones in each thread.
  func largestUpdate(_ bytes: (ParameterInfo) -> Int) -> Int {
    let trainable = filter(\.trainable)
    let small = trainable.filter(BlockPlan.isSmall).map(bytes).sorted(by: >)
    return trainable.reduce(small.prefix(Machine.threads).reduce(0, +)) { Swift.max($0, bytes($1)) }
  }
}

extension [Int] {
  /// How many d × d matrices of these lengths are best decomposed at the same time; 1: each on all threads.
  var decompositionsAtOnce: Int {
    let (threads, work) = (Machine.threads, map { Double($0) * Double($0) * Double($0) })
    let isEven = (work.max() ?? 0) < 1.5 * work.reduce(0, +) / Double(threads)
    return isEven ? Swift.min(threads, count) : 1
  }

  /// The bytes of that many float64 matrices for each axis that is decomposed at the same time.
  func decomposed(
    matrices: Int, _ isDecomposed: (_ axis: Int, _ shape: [Int]) -> Bool = { _, _ in true }
  ) -> Int {
    let lengths = indices.filter { isDecomposed($0, self) }.map { self[$0] }.sorted(by: >)
    return lengths.prefix(lengths.decompositionsAtOnce).reduce(0) { $0 + 8 * matrices * $1 * $1 }
  }
}
