import Descent
import DescentTraining
import Foundation

extension RateFinder.Options {
  /// The most steps of a sweep, and the fewest: less is not a curve.
  static let steps = 20...100_000
  /// The most sweeps.
  static let seeds = 1...100

  /// The rates to sweep for a recipe.
  ///
  /// - Throws: all that is wrong with the options, at once.
  func range(for recipe: Recipe) throws(RecipeError) -> ClosedRange<Double> {
    let (least, most) = Self.usualRange(type(of: recipe.plan.rule))
    var (low, high) = (from ?? least, to ?? most)
    if isLinear {
      // Equal steps spend themselves on the largest rates, so those are not far above the recipe's.
      let own = recipe.peakRate.flatMap { $0 > 0 ? $0 : nil } ?? Recipe.fallbackRate
      high = to ?? max(20 * own, (from ?? 0) * 20)
      low = from ?? high / Double(max(1, steps))
    } else {
      if let from, to == nil { high = max(most, from * 1e3) }
      if let to, from == nil { low = min(least, to / 1e6) }
    }
    var problems: [String] = []
    func refuse(_ option: String, _ value: Double?) {
      guard let value, !(value > 0 && value.isFinite) else { return }
      problems.append("\(option) \(SettingValue.text(of: value)) must be a finite number above 0")
    }
    refuse("--from", from)
    refuse("--to", to)
    if problems.isEmpty, low >= high {
      problems.append(
        "--from \(short(low)) must lie below --to \(short(high)): the rate rises in a sweep")
    }
    if !Self.steps.contains(steps) {
      problems.append(
        "--steps \(steps) must be from \(Self.steps.lowerBound) to \(grouped(Self.steps.upperBound)): "
          + "with fewer there is no curve to read")
    }
    if probeSteps < 1 { problems.append("--probe-steps \(probeSteps) must be at least 1") }
    if !Self.seeds.contains(seeds) {
      problems.append(
        "--seeds \(seeds) must be from \(Self.seeds.lowerBound) to \(Self.seeds.upperBound)")
    }
    guard problems.isEmpty else { throw RecipeError(problems: problems) }
    return low...high
  }

  /// Four powers of ten below and above the rule's default; plain gradient steps, whose size is that
  /// of the gradient, need one more.
  static func usualRange(_ rule: any Rule.Type) -> (low: Double, high: Double) {
    let usual = rule.usualRate ?? Recipe.fallbackRate
    let isPlain = ["sgd", "asgd"].contains(rule.name)
    return (usual * 1e-4, usual * (isPlain ? 1e5 : 1e4))
  }

  /// The rate of each step.
  func rates(in range: ClosedRange<Double>) -> [Double] {
    let (low, high) = (range.lowerBound, range.upperBound)
    return (0..<steps).map { step in
      let share = Double(step) / Double(steps - 1)
      return isLinear ? low + (high - low) * share : low * pow(high / low, share)
    }
  }
}
