import Descent

/// What stands on the terminal while a race goes on.
public enum RaceProgressPage {
  /// A run that has ended, in one line.
  public static func line(_ progress: RaceProgress) -> String {
    guard let (trial, label) = progress.last else { return "" }
    let what =
      switch trial.purpose {
      case .pace: "pace"
      case .tuning(let n):
        "tuning \(n + 1)"
          + (trial.settings.isEmpty ? "" : " (\(trial.settings.joined(separator: ", ")))")
      case .judged(let n): "seed \(n + 1)"
      }
    let outcome = trial.outcome ?? TrialOutcome()
    let ending =
      outcome.failure.map { "failed: \($0)" }
      ?? "\(outcome.final.map { "loss \(fixed($0, 4)) " } ?? "")in \(fixed(outcome.seconds, 1)) s"
    let best = progress.best.map { "  best \($0.label) \(fixed($0.loss, 4))" } ?? ""
    return "[\(progress.done)/\(progress.total)] \(label), \(what): \(ending)\(best)  "
      + "\(clock(progress.secondsLeft)) left"
  }
}
