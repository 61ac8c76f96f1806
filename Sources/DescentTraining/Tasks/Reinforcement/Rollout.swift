import Descent
import DescentCompute
import DescentNN

/// What happened in some steps of environments side by side: row t·environments + k is step t of
/// environment k. Its size is fixed, so that it always has its place in a checkpoint.
struct Rollout {
  /// The steps of each environment.
  let length: Int
  /// How many environments there are.
  let environments: Int
  /// The numbers of an observation.
  let inputs: Int
  /// s, row by row.
  private(set) var observations: [Float]
  private(set) var steps: ClippedSurrogate.Steps

  /// Room for a rollout; nothing has happened yet.
  init(length: Int, environments: Int, inputs: Int) {
    (self.length, self.environments, self.inputs) = (length, environments, inputs)
    let count = length * environments
    func zeros() -> [Float] { [Float](repeating: 0, count: count) }
    observations = [Float](repeating: 0, count: count * inputs)
    steps = ClippedSurrogate.Steps(
      actions: [Int](repeating: 0, count: count), logProbabilities: zeros(), values: zeros(),
      advantages: zeros(), returns: zeros())
  }

  /// The steps of all environments.
  var count: Int { length * environments }

  /// Lets a policy act in environments that are in the midst of episodes.
  ///
  /// - Parameters:
  ///   - ended: called with the return of each episode that ends.
  mutating func collect<World: Environment>(
    _ episodes: inout [ActiveEpisode<World>], _ play: PolicyPlay, _ random: inout RandomStream,
    _ estimator: AdvantageEstimator, ended: (Double) -> Void
  ) throws(EnvironmentError) {
    var rewards = [Double](repeating: 0, count: count)
    var next = [Double](repeating: 0, count: count)
    var isLast = [Bool](repeating: false, count: count)
    // Last states of episodes that were cut off, by the rows of their steps.
    var cutOff: [(row: Int, observation: [Float])] = []
    for t in 0..<length {
      let seen = play.tensor(episodes.map(\.observation))
      let (choices, values) = (play.drawn(seen, &random), play.values(seen))
      for k in 0..<environments {
        let row = t * environments + k
        for (column, number) in episodes[k].observation.enumerated() {
          observations[row * inputs + column] = number
        }
        (steps.actions[row], steps.logProbabilities[row]) = (
          choices[k].action, choices[k].logProbability
        )
        steps.values[row] = values[k]
        if t > 0, !isLast[row - environments] { next[row - environments] = Double(values[k]) }
        let step = try episodes[k].step(choices[k].action)
        (rewards[row], isLast[row]) = (step.reward, step.isLast)
        if step.isLast {
          if !step.terminated { cutOff.append((row, step.observation)) }
          ended(episodes[k].earned)
          try episodes[k].restart()
        }
      }
    }
    let lastRow = (length - 1) * environments
    let last = play.values(play.tensor(episodes.map(\.observation)))
    for k in 0..<environments where !isLast[lastRow + k] { next[lastRow + k] = Double(last[k]) }
    if !cutOff.isEmpty {
      let values = play.values(play.tensor(cutOff.map(\.observation)))
      for (index, end) in cutOff.enumerated() { next[end.row] = Double(values[index]) }
    }
    for k in 0..<environments {
      let rows = stride(from: k, to: count, by: environments)
      let advantages = estimator.advantages(
        rewards: rows.map { rewards[$0] }, values: rows.map { Double(steps.values[$0]) },
        next: rows.map { next[$0] }, isLast: rows.map { isLast[$0] })
      for (row, advantage) in zip(rows, advantages) {
        steps.advantages[row] = Float(advantage)
        steps.returns[row] = Float(advantage + Double(steps.values[row]))
      }
    }
  }

  /// Some of its rows.
  func minibatch(_ rows: [Int]) -> (observations: Tensor, steps: ClippedSurrogate.Steps) {
    let seen = Tensor(shape: [rows.count, inputs]) { x in
      for (place, row) in rows.enumerated() {
        for column in 0..<inputs {
          x[place * inputs + column] = observations[row * inputs + column]
        }
      }
    }
    return (
      seen,
      ClippedSurrogate.Steps(
        actions: rows.map { steps.actions[$0] },
        logProbabilities: rows.map { steps.logProbabilities[$0] },
        values: rows.map { steps.values[$0] }, advantages: rows.map { steps.advantages[$0] },
        returns: rows.map { steps.returns[$0] })
    )
  }

  /// Hands over all of it.
  mutating func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.array("observations", shape: [count, inputs], &observations)
    try archive.array("actions", shape: [count], &steps.actions)
    try archive.array("log_probabilities", shape: [count], &steps.logProbabilities)
    try archive.array("values", shape: [count], &steps.values)
    try archive.array("advantages", shape: [count], &steps.advantages)
    try archive.array("returns", shape: [count], &steps.returns)
  }
}
