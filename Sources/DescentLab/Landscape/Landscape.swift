import Descent
import DescentCompute
public import DescentTraining
import Foundation

/// A function of two numbers, how it is descended, and the paths that optimizers take.
public struct Landscape: Sendable {
  /// The function.
  public let function: LandscapeFunction
  /// Where runs begin.
  public let start: LandscapeFunction.Place
  /// How many steps they have.
  public let steps: Int
  /// The learning rate of rules whose text sets none and that do not find their own; nil is what suits
  /// the function.
  public let rate: Double?
  /// The standard deviation of what is added to each number of a gradient.
  public let deviation: Double
  /// Which noise: the same for every optimizer.
  public let seed: Int
  /// κ as it was asked for.
  public let condition: Double?
  /// Which of several noises of the seed: 0 is the one that is shown.
  var trial = 0

  /// How many steps an optimizer may have, and all together.
  static let limits = (steps: 100_000, all: 1_000_000)

  /// A landscape.
  ///
  /// - Parameters:
  ///   - function: a name of ``LandscapeFunction/names``.
  ///   - start: two numbers with a comma between them; nil is the function's own.
  /// - Throws: everything that is wrong, at once.
  public init(
    _ function: String, condition: Double? = nil, start: String? = nil, steps: Int? = nil,
    rate: Double? = nil, noise: Double? = nil, seed: Int = 0
  ) throws(RecipeError) {
    var problems: [String] = []
    if LandscapeFunction.named(function) == nil {
      let names = LandscapeFunction.names
      let nearest = nearestName(to: function, among: names).map { "did you mean '\($0)'? " } ?? ""
      problems.append(
        "there is no function '\(quotable(function))'; \(nearest)known are \(listed(names))")
    }
    if let condition {
      if !(condition > 0 && condition <= 1e12) {
        problems.append(
          "--condition \(Self.plain(condition)) must be above 0 and at most 1e12: it is the ratio of the "
            + "curvatures")
      } else if problems.isEmpty, LandscapeFunction.conditions[function] == nil {
        let having = LandscapeFunction.names.filter { LandscapeFunction.conditions[$0] != nil }
        problems.append(
          "\(function) has no condition number to set; \(listed(having)) have: leave --condition out"
        )
      }
    }
    if let steps, !(1...Self.limits.steps).contains(steps) {
      problems.append(
        "--steps \(steps) is out of range: give from 1 to \(grouped(Self.limits.steps))")
    }
    if let rate, !(rate >= 0 && rate.isFinite) {
      problems.append("--lr \(Self.plain(rate)) must be a number that is at least 0")
    }
    if let noise, !(noise >= 0 && noise <= 1e12) {
      problems.append(
        "--noise \(Self.plain(noise)) must be at least 0 and at most 1e12: it is a standard deviation"
      )
    }
    if seed < 0 { problems.append("--seed \(seed) must be at least 0") }
    let place = start.flatMap(Self.place)
    if let start, start.isEmpty || start.hasPrefix("--") {
      problems.append("--start has no value: give two numbers, such as --start=-1.5,2")
    } else if let start, place == nil {
      problems.append(
        "--start \(quotable(start)) must be two numbers of at most 1e100 with a comma between them, "
          + "such as --start=-1.5,2")
    }
    guard problems.isEmpty,
      let function = LandscapeFunction.named(function, condition: condition)
    else { throw RecipeError(problems: problems) }
    (self.function, self.condition, self.rate) = (function, condition, rate)
    self.start = place ?? function.start
    self.steps = steps ?? function.steps
    deviation = noise ?? function.noise
    self.seed = seed
  }

  /// A number as a user would write it.
  private static func plain(_ x: Double) -> String { x.isNaN ? "nan" : "\(x)" }

  private static func place(_ text: String) -> LandscapeFunction.Place? {
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map {
      Double($0.trimmingCharacters(in: .whitespaces))
    }
    guard numbers.count == 2, let x = numbers[0], let y = numbers[1], abs(x) <= 1e100,
      abs(y) <= 1e100
    else { return nil }
    return [x, y]
  }

  /// What noise adds to the gradient of a step, counted from 0.
  package func noise(_ step: Int) -> LandscapeFunction.Place {
    guard deviation > 0 else { return .zero }
    var stream = RandomStream(
      seed: UInt64(seed), stream: 0x6c61_6e64 + UInt64(trial) << 32, position: UInt64(4 * step))
    let (a, b) = (Double(stream.normal()), Double(stream.normal()))
    return [deviation * a, deviation * b]
  }

  /// Over how many of the last steps f is averaged where noise keeps it from coming to rest.
  var window: Int { max(1, steps / 4) }

  /// f above its lowest value, on average over the last ``window`` steps of a run.
  func level(_ run: LandscapeRun) -> Double {
    let last = run.values.suffix(window)
    return last.reduce(0) { $0 + ($1 - function.lowest) / Double(last.count) }
  }

  /// How many runs of each optimizer are averaged: one noise would leave the order to chance.
  func trials(_ optimizers: Int) -> Int {
    deviation > 0 ? min(25, max(1, Self.limits.all / max(1, steps * optimizers))) : 1
  }

  /// The optimizers of a text, planned for this landscape.
  ///
  /// - Parameter text: as ``RaceOptimizer/list(_:)-(String)`` reads it.
  /// - Throws: everything that is wrong with any of them.
  public func entries(_ text: String) throws(RecipeError) -> LandscapeEntries {
    let optimizers = try RaceOptimizer.list(text)
    var (entries, problems): ([LandscapeEntries.Entry], [String]) = ([], [])
    for optimizer in optimizers {
      do throws(RecipeError) {
        let (plan, ignoresRate) = try LandscapeRun.plan(optimizer, self)
        entries.append(.init(label: optimizer.label, plan: plan, ignoresRate: ignoresRate))
      } catch { problems += error.problems }
    }
    if steps * optimizers.count > Self.limits.all {
      problems.append(
        "\(grouped(steps)) steps of \(counted(optimizers.count, "optimizer")) are more than "
          + "\(grouped(Self.limits.all)) in all: give fewer --steps or fewer --optimizers")
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    return LandscapeEntries(landscape: self, entries: entries)
  }
}

/// Optimizers that are ready to descend a landscape.
public struct LandscapeEntries: Sendable {
  struct Entry {
    let label: String
    let plan: OptimizerPlan
    /// Whether `--lr` was given and its rule finds its own.
    let ignoresRate: Bool
  }

  let landscape: Landscape
  let entries: [Entry]

  /// Runs all of them from the landscape's start.
  ///
  /// - Throws: what is wrong with a plan that only shows when an optimizer is made of it.
  public func run() throws(RecipeError) -> LandscapeResult {
    let runs = try runs(from: landscape.start)
    var levels = runs.map { [landscape.level($0)] }
    for trial in 1..<max(1, landscape.trials(entries.count)) {
      for (index, run) in try self.runs(from: landscape.start, trial: trial).enumerated() {
        levels[index].append(landscape.level(run))
      }
    }
    return LandscapeResult(entries: self, runs: runs, levels: levels)
  }

  /// The run of each optimizer from a place.
  func runs(
    from start: LandscapeFunction.Place, trial: Int = 0
  ) throws(RecipeError) -> [LandscapeRun] {
    var landscape = landscape
    landscape.trial = trial
    var (runs, problems): ([LandscapeRun], [String]) = ([], [])
    for entry in entries {
      do throws(OptimizerError) {
        runs.append(try LandscapeRun(entry.label, entry.plan, landscape, from: start))
      } catch { problems += error.sentences.map { "\(entry.label): \($0)" } }
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    return runs
  }
}
