/// How fast a rule updates weights on this machine, with its state in one format.
public struct OptimizerTiming: Sendable, Codable, Equatable {
  /// The rule.
  public let optimizer: String
  /// The format of its state.
  public let state: String
  /// The number of weights.
  public let parameters: Int
  /// Nanoseconds a weight, by the fastest of the steps.
  public let nanoseconds: Double
  /// The bytes a step must read and write for each weight: the gradient's norm, then each pass.
  public let bytes: Double

  /// 10⁹ bytes a second.
  public var bandwidth: Double { bytes / nanoseconds }

  /// Times steps on `parameters` weights with gradients that stay the same: one matrix, or tensors
  /// of 256 × 256 for a rule that needs whole tensors.
  ///
  /// - Throws: ``OptimizerError`` where the rule cannot keep its state in that format.
  public static func measure(
    _ rule: some Rule, state: StateStorage.Format, parameters: Int, seconds: Double = 0.5
  ) throws(OptimizerError) -> OptimizerTiming {
    var storage = StateStorage(state)
    storage.minimum = 1
    let wholeTensors = rule.needs.contains(.wholeTensors)
    let side = wholeTensors ? 256 : 4096
    let rows = max(1, parameters / side)
    let height = wholeTensors ? side : rows
    let infos = (0..<max(1, rows / height)).map {
      ParameterInfo("w\($0)", shape: [height, side], role: .matrix)
    }
    let optimizer = try Optimizer<Float>(
      OptimizerPlan(rule, groups: [], state: storage), parameters: infos, needs: .byCaller)
    let count = infos.reduce(0) { $0 + $1.count }
    var random = RandomStream(seed: 1)
    let sample = (0..<8191).map { _ in random.normal() }
    var weights = (0..<count).map { sample[$0 % sample.count] }
    let gradients = weights.map { $0 / 100 }
    var (best, steps) = (Double.infinity, 0)
    let timed: Result<Void, OptimizerError> = weights.withMutableView { w in
      gradients.withView { g in
        let size = infos[0].count
        let memory = infos.indices.map { i in
          ParameterMemory(weights: w.row(i, size), gradient: g.row(i, size))
        }
        return Result { () throws(OptimizerError) in
          for _ in 0..<2 { _ = try optimizer.step(memory) }
          let start = ContinuousClock.now
          while steps < 3 || start.duration(to: .now) < .seconds(seconds) {
            let begin = ContinuousClock.now
            _ = try optimizer.step(memory)
            best = min(best, begin.duration(to: .now) / .nanoseconds(1))
            steps += 1
          }
        }
      }
    }
    try timed.get()
    let stored = Double(optimizer.stateBytes) / Double(count)
    return OptimizerTiming(
      optimizer: type(of: rule).name, state: state.rawValue, parameters: count,
      nanoseconds: best / Double(count),
      bytes: traffic(of: rule, stateBytes: stored))
  }

  /// Bytes for a weight: 4 for the norm; for the update the gradient, the weight twice and the state
  /// once or twice; for a gathering pass that reads state, the gradient, the weight and the state.
  private static func traffic<R: Rule>(of rule: R, stateBytes: Double) -> Double {
    let gathers = R.stateInGather != .none && rule.needs.includes(anyOf: .sums)
    let accesses: [StateAccess: Double] = [.none: 0, .reads: 1, .writes: 2]
    let update = 12 + stateBytes * (R.stateInGather == .writes ? 1 : 2)
    return 4 + update + (gathers ? 8 + stateBytes * accesses[R.stateInGather]! : 0)
  }
}
