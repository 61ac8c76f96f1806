import Descent

/// An optimizer at work on a few numbers, in float64: what explanations compute with.
///
/// ```swift
/// let bowl = Bowl(curvatures: [1, 100])
/// let walk = try Walk(SGD(learningRate: 0.018), from: [10, 1], steps: 50, bowl.gradient)
/// print(walk.weights[50], walk.state("momentum_buffer"))
/// ```
struct Walk {
  /// The weights at the start and after each step.
  let weights: [[Double]]
  /// The weights to evaluate, which differ where a rule trains at another point.
  let evaluated: [[Double]]
  /// Each array of state by slot, after each step.
  let states: [[String: [Double]]]
  /// What the rule says of itself after each step, such as Prodigy's d.
  let metrics: [[String: Double]]

  /// Takes steps.
  ///
  /// - Parameters:
  ///   - plan: the rule with its schedules and clipping; all weights are treated alike.
  ///   - shape: the shape of the one parameter; by default a vector.
  ///   - needs: what else the rule needs, such as estimates of the curvature.
  ///   - gradient: at the stored weights before step t = 1, 2, ...
  init(
    _ plan: OptimizerPlan, from start: [Double], shape: [Int]? = nil, steps: Int,
    needs: ProvidedNeeds<Double> = .none, _ gradient: (_ t: Int, _ w: [Double]) -> [Double]
  ) throws {
    var plan = plan
    plan.groups = []
    let optimizer = try Optimizer<Double>(
      plan, parameters: [ParameterInfo("w", shape: shape ?? [start.count])], needs: needs)
    var w = [start]
    var (weights, evaluated) = ([start], [start])
    var states: [[String: [Double]]] = []
    var metrics: [[String: Double]] = []
    for t in stride(from: 1, through: steps, by: 1) {
      _ = try optimizer.step(&w, gradients: [gradient(t, w[0])])
      weights.append(w[0])
      evaluated.append(try optimizer.evaluationWeights(of: w)[0])
      states.append(Dictionary(optimizer.state.map { ($0.slot, $0.values) }) { $1 })
      metrics.append(Dictionary(optimizer.metrics.map { ($0.name, $0.value) }) { $1 })
    }
    (self.weights, self.evaluated) = (weights, evaluated)
    (self.states, self.metrics) = (states, metrics)
  }

  /// The same with a rule alone.
  init(
    _ rule: some Rule, from start: [Double], shape: [Int]? = nil, steps: Int,
    needs: ProvidedNeeds<Double> = .none, _ gradient: (_ t: Int, _ w: [Double]) -> [Double]
  ) throws {
    try self.init(
      OptimizerPlan(rule), from: start, shape: shape, steps: steps, needs: needs, gradient)
  }

  /// A weight at the start and after each step.
  func coordinate(_ index: Int) -> [Double] { weights.map { $0[index] } }

  /// How far each step moved the first weight.
  var stepLengths: [Double] {
    zip(weights, weights.dropFirst()).map { abs($1[0] - $0[0]) }
  }

  /// The first value of a slot after each step.
  func state(_ slot: String) -> [Double] { states.compactMap { $0[slot]?.first } }

  /// The largest difference between the weights of two walks of one length.
  func distance(to other: Walk) -> Double {
    zip(weights.joined(), other.weights.joined()).map { abs($0 - $1) }.max() ?? 0
  }
}

/// f(w) = ½ Σ cᵢ·wᵢ²: a bowl, or where the curvatures differ much, a ravine.
struct Bowl {
  /// cᵢ of each weight.
  var curvatures: [Double]

  /// f at `w`.
  func loss(_ w: [Double]) -> Double {
    zip(curvatures, w).reduce(0) { $0 + $1.0 * $1.1 * $1.1 / 2 }
  }

  /// ∇f at `w`, whatever the step.
  func gradient(_ t: Int, _ w: [Double]) -> [Double] { zip(curvatures, w).map { $0 * $1 } }

  /// f along a walk.
  func losses(_ walk: Walk) -> [Double] { walk.evaluated.map(loss) }

  /// The steps after which f stays below `level` of its start; nil where it does not.
  func steps(of walk: Walk, below level: Double) -> Int? {
    let losses = losses(walk)
    guard let first = losses.first, let last = losses.last, last < level * first else { return nil }
    return (losses.lastIndex { $0 >= level * first } ?? -1) + 1
  }
}

/// The points of a line of values that begins at `start` and has one every `interval` steps.
func points(_ values: [Double], from start: Int = 0, every interval: Int = 1) -> [Point] {
  values.enumerated().map { Point(Double(start + interval * $0), $1) }
}

extension Collection<Double> {
  /// The mean; NaN where there is nothing.
  var mean: Double { reduce(0, +) / Double(count) }
}

extension Double {
  /// The number, or 0 where nothing but rounding errors is left of numbers as large as `size`.
  func withoutRounding(beside size: Double = 1) -> Double { abs(self) < 1e-12 * size ? 0 : self }
}
