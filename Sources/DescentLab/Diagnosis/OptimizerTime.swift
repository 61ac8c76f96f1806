/// The learning rate added up over the steps: how far an optimizer could have come.
struct OptimizerTime {
  private let steps: [Double]
  private let sums: [Double]

  init(_ rate: RateCourse?) {
    guard let signal = rate?.signal, signal.values.count > 1, signal.values.allSatisfy({ $0 >= 0 }),
      signal.values.contains(where: { $0 > 0 })
    else {
      (steps, sums) = ([], [])
      return
    }
    let peak = signal.values.max() ?? 1
    var sum = 0.0
    var sums = [0.0]
    for i in signal.values.indices.dropFirst() {
      sum += signal.values[i] / peak * (signal.steps[i] - signal.steps[i - 1])
      sums.append(sum)
    }
    (steps, self.sums) = (signal.steps, sums)
  }

  /// The share of a run's time at a step.
  func share(_ step: Double, _ signal: Signal) -> Double {
    (at(step) - at(signal.first)) / max(at(signal.last) - at(signal.first), 1e-300)
  }

  /// The time at a step; that of the steps where no rate is known.
  func at(_ step: Double) -> Double {
    guard let first = steps.first, let last = steps.last, steps.count > 1 else { return step }
    if step <= first { return 0 }
    if step >= last { return sums[sums.count - 1] }
    var (low, high) = (0, steps.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if steps[middle] <= step { low = middle } else { high = middle }
    }
    let part = (step - steps[low]) / max(steps[high] - steps[low], 1)
    return sums[low] + part * (sums[high] - sums[low])
  }
}
