import Descent
import DescentTraining

/// A value of a recipe that a suggestion changes.
public struct RateChange: Sendable, Equatable {
  /// Its key, as after `--set`: `optimizer.lr`; `optimizer.groups[1].lr` for the first group.
  public let key: String
  /// The new value.
  public let rate: Double
  /// What stands there now; nil where the recipe leaves it to a default.
  public let before: Double?

  package init(key: String, rate: Double, before: Double?) {
    (self.key, self.rate, self.before) = (key, rate, before)
  }

  /// The value as a recipe has it.
  public var text: String { SettingValue.text(of: rate) }

  /// What a rate means for a recipe: the rule's, or that of a schedule with a peak of its own, and those
  /// of groups in the same ratio.
  package static func all(_ recipe: Recipe, rate: Double) -> [RateChange] {
    var changes: [RateChange] = []
    let base = recipe.plan.rule.rate
    if let peak = recipe.rateSchedule?.ownPeak {
      changes.append(
        RateChange(key: "schedule.\(peak.setting)", rate: rate, before: peak.value))
    } else {
      changes.append(RateChange(key: "optimizer.lr", rate: rate, before: base))
    }
    let factor = (base ?? Recipe.fallbackRate) > 0 ? rate / (base ?? Recipe.fallbackRate) : 1
    for (index, group) in (recipe.plan.groups ?? []).enumerated() {
      guard let own = group.ownRate else { continue }
      changes.append(
        RateChange(
          key: "optimizer.groups[\(index + 1)].lr", rate: RateSearch.rounded(own * factor),
          before: own))
    }
    return changes
  }
}
