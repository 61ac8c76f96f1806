/// Whether a run goes on, or how it ended.
public enum RunState: String, Sendable, CaseIterable {
  /// A process trains it now.
  case running
  /// It has a recipe and no step.
  case waiting = "not started"
  /// All its steps are done.
  case finished
  /// It ended before its last step.
  case interrupted
  /// The guard stopped it: a number was not finite.
  case stopped = "not finite"
  /// A log that does not say whether it goes on.
  case unknown = "log"

  /// How it stands with a run directory.
  ///
  /// - Parameters:
  ///   - isTrained: whether a process trains it.
  ///   - step: the steps done.
  ///   - steps: those that it is to have; nil where the recipe gives epochs.
  ///   - endsWithSkip: whether its last line is of a step that was refused.
  ///   - endsWithEvaluation: whether it was evaluated after its last step, as every run is that comes to
  ///     its end.
  init(isTrained: Bool, step: Int, steps: Int?, endsWithSkip: Bool, endsWithEvaluation: Bool) {
    self =
      if isTrained {
        .running
      } else if endsWithSkip {
        .stopped
      } else if step == 0 {
        .waiting
      } else {
        steps.map { step >= $0 } ?? endsWithEvaluation ? .finished : .interrupted
      }
  }
}
