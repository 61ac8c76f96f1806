/// How fast a rule updates weights on this machine, with its state in one format.
public struct OptimizerTiming: Sendable, Codable, Equatable {
  /// The rule.
  public let optimizer: String
  /// The format of its state.
  public let state: String
  /// The number of weights.
  public let parameters: Int
  /// Nanoseconds a weight, by the fastest of the steps or by the mean of so many: with the pass over the
  /// gradients that takes their norm and refuses what is not finite.
  public let nanoseconds: Double
  /// The same where the caller knows the norm, which leaves the update alone.
  public let update: Double
  /// The bytes that an update must read and write for each weight.
  public let bytes: Double
  /// The speed of passes that read as many arrays of that size as the update reads, and multiply as many in place
  /// as it changes, in 10⁹ bytes a second, measured in turn with the steps.
  public let inPlaceBandwidth: Double

  /// The speed of the update, in 10⁹ bytes a second.
  public var bandwidth: Double { bytes / update }
  /// The speed of the update as a share of what memory can do.
  public var share: Double { bandwidth / inPlaceBandwidth }

  /// Times steps on `parameters` weights with gradients that stay the same, in tensors of `shape`: by
  /// default one matrix, or square ones of at most 256 × 256 for a rule that needs whole tensors.
  ///
  /// - Parameters:
  ///   - label: what the rule is called in the result; its name, if nothing.
  ///   - mean: how many steps to take the mean of, for rules that do more in some steps than in others;
  ///     nil takes the fastest step.
  /// - Throws: ``OptimizerError`` where the rule cannot keep its state in that format.
  public static func measure(
    _ rule: some Rule, state: StateStorage.Format, parameters: Int, shape: [Int]? = nil,
    label: String? = nil, mean: Int? = nil, seconds: Double = 0.5
  ) throws(OptimizerError) -> OptimizerTiming {
    var storage = StateStorage(state)
    storage.minimum = 1
    let parameters = max(1, parameters)
    let side =
      rule.needs.contains(.wholeTensors)
      ? min(256, Int(Double(parameters).squareRoot())) : min(4096, parameters)
    let shape =
      shape ?? [rule.needs.contains(.wholeTensors) ? side : parameters / side, side]
    let infos = (0..<max(1, parameters / shape.reduce(1, *))).map {
      ParameterInfo("w\($0)", shape: shape, role: .matrix)
    }
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, groups: [], state: storage), parameters: infos, needs: .byCaller)
    let count = infos.reduce(0) { $0 + $1.count }
    let inPlace = passes(of: rule, slots: optimizer.stateSlots, count: count)
    var random = RandomStream(seed: 1)
    let sample = (0..<8191).map { _ in random.normal() }
    // In memory as an engine has it.
    let (weights, gradients) = (
      StateMemory<Float>(count: count, initial: 0), StateMemory<Float>(count: count, initial: 0)
    )
    let (w, g) = (weights.view, gradients.view)
    for i in 0..<count {
      w[i] = sample[i % sample.count]
      g[i] = w[i] / 100
    }
    var (guarded, known) = (Double.infinity, Double.infinity)
    let size = infos[0].count
    let memory = infos.indices.map { i in
      ParameterMemory(weights: w.row(i, size), gradient: g.reading.row(i, size))
    }
    let norm = try optimizer.step(memory).gradientNorm
    if let mean {
      func time(_ step: () throws(OptimizerError) -> Void) throws(OptimizerError) -> Double {
        inPlace.time()
        let begin = ContinuousClock.now
        for _ in 0..<mean { try step() }
        return begin.duration(to: .now) / .nanoseconds(mean)
      }
      guarded = try time { () throws(OptimizerError) in _ = try optimizer.step(memory) }
      known = try time { () throws(OptimizerError) in
        _ = try optimizer.step(memory, knownNorm: norm)
      }
    } else {
      let start = ContinuousClock.now
      var steps = 0
      // In turn, so that all meet the same machine.
      while steps < 3 || start.duration(to: .now) < .seconds(seconds) {
        let begin = ContinuousClock.now
        _ = try optimizer.step(memory)
        guarded = min(guarded, begin.duration(to: .now) / .nanoseconds(1))
        let again = ContinuousClock.now
        _ = try optimizer.step(memory, knownNorm: norm)
        known = min(known, again.duration(to: .now) / .nanoseconds(1))
        inPlace.time()
        steps += 1
      }
    }
    // The views do not keep the memory.
    extendLifetime((weights, gradients))
    return OptimizerTiming(
      optimizer: label ?? type(of: rule).name, state: state.rawValue, parameters: count,
      nanoseconds: guarded / Double(count), update: known / Double(count), bytes: inPlace.bytes,
      inPlaceBandwidth: inPlace.bandwidth)
  }

  /// What an update must do with memory: a pass that gathers, where there is one, and that of the update.
  private static func passes<R: Rule>(of rule: R, slots: [StateSlot], count: Int) -> InPlaceUpdate {
    var floats: [Double] = [1, 1]
    let (gradient, weights) = (0, 1)
    var (averages, unchanged, state): ([Int], [Int], [Int]) = ([], [], [])
    for (slot, parts) in Dictionary(grouping: slots, by: \.slot).sorted(by: { $0.key < $1.key }) {
      let size = Double(parts.reduce(0) { $0 + $1.bytes }) / Double(4 * count)
      for start in stride(from: 0, to: size, by: 1) {
        if Moments.slots.contains(where: { $0.name == slot }) { averages.append(floats.count) }
        if R.unchangedSlots.contains(where: { $0.name == slot }) {
          unchanged.append(floats.count)
        } else {
          state.append(floats.count)
        }
        floats.append(min(1, size - start))
      }
    }
    let (gather, update): (InPlaceUpdate.Pass, InPlaceUpdate.Pass)
    let gathers = rule.needs.includes(anyOf: .sums) && !R.gathersOncePerTensor
    switch R.stateInGather {
    case .writes:
      // Then the averages are all that the update needs.
      gather = .init(reads: [gradient, weights] + unchanged, changes: state)
      update = .init(reads: averages, changes: [weights])
    case let access:
      gather = .init(
        reads: [gradient, weights] + (access == .reads ? state + unchanged : []), changes: [])
      update = .init(reads: [gradient] + unchanged, changes: [weights] + state)
    }
    return InPlaceUpdate((gathers ? [gather] : []) + [update], floats: floats, count: count)
  }
}
