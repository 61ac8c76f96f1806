import Descent

/// What stands on the terminal while a study goes on.
public enum StudyProgressPage {
  /// A run that has ended, in one line.
  public static func line(_ progress: StudyProgress) -> String {
    guard let trial = progress.last else { return "" }
    if progress.isBase, trial.outcome == nil { return "training the \(trial.label)" }
    let outcome = trial.outcome ?? TrialOutcome()
    let ending =
      outcome.failure.map { "failed: \($0.inOneSentence)" }
      ?? "\(outcome.final.map { "loss \(fixed($0, 4)) " } ?? "")in \(fixed(outcome.seconds, 1)) s"
    if progress.isBase { return "\(trial.label): \(ending)" }
    return "[\(progress.done)/\(progress.total)] \(trial.label): \(ending)  "
      + "\(clock(progress.secondsLeft)) left"
  }
}
