import Foundation

/// What came of a study.
public struct StudyResult: Sendable {
  /// What was studied.
  public let plan: StudyPlan
  /// Where it is kept.
  public let folder: String
  /// The runs of each experiment, cell by cell, seed by seed.
  public let runs: [String: [[Run]]]
  /// Seconds that the process worked on it.
  public let seconds: Double
  /// What became of the claims, in their order.
  public private(set) var verdicts: [StudyVerdict] = []

  /// A run that has ended.
  public struct Run: Sendable {
    /// Its number among the seeds, from 0.
    public let number: Int
    /// What it was.
    public let trial: StudyTrial
    /// Its folder, in that of the study.
    public let folder: String
    /// The tracks that the study needs.
    let tracks: [String: Track]

    package init(number: Int, trial: StudyTrial, folder: String, tracks: [String: Track]) {
      (self.number, self.trial, self.folder, self.tracks) = (number, trial, folder, tracks)
    }

    /// Why it ended before its end; nil where it did not.
    public var failure: String? { trial.outcome?.failure }
  }

  package init(plan: StudyPlan, folder: String = "", seconds: Double = 0, runs: [String: [[Run]]]) {
    (self.plan, self.folder, self.seconds, self.runs) = (plan, folder, seconds, runs)
    verdicts = plan.claims.map { StudyJudge($0, self).verdict }
  }

  init(_ study: Study, _ wanted: [Study.Wanted]) {
    let plan = study.plan
    let named =
      plan.claims.map { ($0.experiment, $0.metric) }
      + plan.panels.flatMap { panel in panel.metrics.map { (panel.experiment, $0) } }
      + plan.tables.flatMap { table in table.columns.map { (table.experiment, $0.metric) } }
    var needed: [String: Set<String>] = [:]
    for (experiment, metric) in named {
      if let track = metric.track { needed[experiment, default: []].insert(track) }
    }
    var runs: [String: [[Run]]] = [:]
    for experiment in plan.experiments {
      runs[experiment.name] = experiment.cells.map { cell in
        wanted.filter { $0.experiment.name == experiment.name && $0.cell.label == cell.label }
          .compactMap { wanted -> Run? in
            guard let trial = study.ended[wanted.file.path] else { return nil }
            let folder = wanted.file.deletingPathExtension()
            let names = needed[experiment.name, default: ["val_loss"]].union(["val_loss"])
            let log = (try? RunLog.read([folder.relativePath]))?.first
            return Run(
              number: wanted.number, trial: trial, folder: "runs/\(folder.lastPathComponent)",
              tracks: log?.tracks.filter { names.contains($0.key) } ?? [:])
          }
      }
    }
    self.init(
      plan: plan, folder: study.folder.relativePath, seconds: study.seconds, runs: runs)
  }

  /// The runs of a cell.
  func runs(_ experiment: String, _ cell: Int) -> [Run] {
    guard let cells = runs[experiment], cells.indices.contains(cell) else { return [] }
    return cells[cell]
  }

  /// The number of each run of a cell, by its seed; nil for one that failed or has none.
  func values(
    _ experiment: String, _ cell: Int, _ metric: StudyMetric, _ reduction: StudyReduction
  ) -> [Double?] {
    runs(experiment, cell).map { $0.value(of: metric, reduction) }
  }

  /// All runs once, with what they are.
  package var all: [Run] {
    plan.experiments.flatMap { (runs[$0.name] ?? []).flatMap { $0 } }.uniqued { $0.folder }
  }
}

extension StudyResult.Run {
  /// Its number; nil where it failed, or has none.
  func value(of metric: StudyMetric, _ reduction: StudyReduction) -> Double? {
    guard let outcome = trial.outcome, outcome.failure == nil else { return nil }
    switch metric.kind {
    case .track(let name): return tracks[name].flatMap { reduction.value(of: $0) }
    case .stepsTo(let name, let limit):
      // What stood before training took no steps.
      guard let track = tracks[name],
        let index = track.values.indices.first(where: {
          track.steps[$0] > 0 && track.values[$0] <= limit
        })
      else { return nil }
      return Double(track.steps[index])
    case .fact(.steps): return Double(outcome.steps)
    case .fact(.seconds): return outcome.seconds
    case .fact(.secondsPerStep): return outcome.secondsPerStep
    case .fact(.stateBytes): return Double(outcome.stateBytes)
    }
  }
}
