/// One run of a race.
public struct RaceTrial: Trial, Equatable {
  /// What a run is for.
  public enum Purpose: Sendable, Equatable, Codable {
    /// How long a step takes, for a race with a budget of seconds.
    case pace
    /// Trying the settings with this number, from 0.
    case tuning(Int)
    /// Being judged, with this number, from 0.
    case judged(Int)
  }

  /// The recipe's place in the plan.
  public var recipe: Int
  /// The optimizer's place in the plan.
  public var optimizer: Int
  /// What it is for.
  public var purpose: Purpose
  /// What tuning chose: `lr=0.003`.
  public var settings: [String]
  /// Everything that is changed in the recipe.
  public var overrides: [String]
  /// How it ended; nil while it has not.
  public var outcome: TrialOutcome?

  /// `tuning-03`, `seed-1`, `pace`.
  var name: String {
    func padded(_ n: Int) -> String { n < 9 ? "0\(n + 1)" : "\(n + 1)" }
    return switch purpose {
    case .pace: "pace"
    case .tuning(let n): "tuning-\(padded(n))"
    case .judged(let n): "seed-\(padded(n))"
    }
  }

  /// Whether it is one of the runs that are judged.
  var isJudged: Bool { if case .judged = purpose { true } else { false } }

  /// What a run is follows from its changes.
  public func isSame(as other: RaceTrial) -> Bool { overrides == other.overrides }
  /// `race`
  public static let work = "race"
}
