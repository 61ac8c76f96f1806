import Descent
import DescentTraining
import Foundation

/// Looks whether the runs have the numbers that claims, panels and tables name: before them by a single step
/// in a folder of its own, and after the first of them.
struct StudyProbe {
  private let study: Study
  private let wanted: [Study.Wanted]

  init(_ study: Study, _ wanted: [Study.Wanted]) { (self.study, self.wanted) = (study, wanted) }

  /// A number that is named, and where.
  private struct Use {
    let track: String
    let text: String
    let experiment: String
    let place: String
  }

  private var uses: [Use] {
    let plan = study.plan
    func use(_ metric: StudyMetric, _ experiment: String, _ place: String) -> Use? {
      metric.track.map { Use(track: $0, text: metric.text, experiment: experiment, place: place) }
    }
    return plan.claims.enumerated().compactMap {
      use($1.metric, $1.experiment, "claims[\($0 + 1)].metric")
    }
      + plan.panels.enumerated().flatMap { index, panel in
        panel.metrics.compactMap { use($0, panel.experiment, "panels[\(index + 1)].show") }
      }
      + plan.tables.enumerated().flatMap { index, table in
        table.columns.compactMap {
          use($0.metric, table.experiment, "tables[\(index + 1)].columns")
        }
      }
  }

  /// Takes one step of the first cell of each experiment that has no run yet, and of others where a number
  /// is missing there.
  ///
  /// - Throws: what is wrong with the data; `RecipeError` for each number that no cell has.
  func check() throws {
    var problems: [String] = []
    for experiment in study.plan.experiments {
      let runs = wanted.filter { $0.number == 0 && $0.experiment.name == experiment.name }
      var names: Set<String> = []
      var isKnown = true
      var open = uses.filter { $0.experiment == experiment.name }
      for (index, run) in runs.enumerated() where index == 0 || !open.isEmpty {
        guard let found = try self.names(of: run) else {
          isKnown = false
          break
        }
        names.formUnion(found)
        open.removeAll { names.contains($0.track) }
      }
      if isKnown { problems += open.map { sentence($0, names) } }
    }
    if !problems.isEmpty { throw RecipeError(problems: problems.uniqued { $0 }) }
  }

  /// The same from the runs that have ended.
  ///
  /// - Throws: `RecipeError` for each number that no run has.
  func checkEnded() throws {
    var problems: [String] = []
    for experiment in study.plan.experiments {
      let runs = wanted.filter { $0.experiment.name == experiment.name }
        .filter { study.ended[$0.file.path].map { $0.outcome?.failure == nil } ?? false }
      // Cells may differ in what they have.
      guard Set(runs.map(\.cell.label)).count == experiment.cells.count else { continue }
      let open = uses.filter { $0.experiment == experiment.name }
      if open.isEmpty { continue }
      var names: Set<String> = []
      for run in runs where !open.allSatisfy({ names.contains($0.track) }) {
        names.formUnion(Self.names(in: run.file.deletingPathExtension()))
      }
      problems += open.filter { !names.contains($0.track) }.map { sentence($0, names) }
    }
    if !problems.isEmpty { throw RecipeError(problems: problems.uniqued { $0 }) }
  }

  private func sentence(_ use: Use, _ names: Set<String>) -> String {
    let sorted = names.sorted { $0.isBefore($1) }
    // Those of single tensors would fill pages.
    let families = Dictionary(grouping: sorted) { String($0.prefix { $0 != "/" }) }
    let shown = sorted.filter { name in
      !name.contains("/") || (families[String(name.prefix { $0 != "/" })]?.count ?? 0) < 7
    }
    let near = nearestName(to: use.track, among: sorted)
    return
      "\(use.place) is '\(quotable(use.text))', which the runs of '\(use.experiment)' do not have; "
      + hint(for: use.track, among: near == nil ? shown : sorted)
  }

  private static func names(in run: URL) -> Set<String> {
    let log = (try? RunLog.read([run.relativePath]))?.first
    return Set(log?.tracks.keys.map { $0 } ?? [])
  }

  /// The numbers that a run has, from its metrics where it has ended, else from one step of it; nil where
  /// that is no way to know them.
  private func names(of run: Study.Wanted) throws -> Set<String>? {
    if let there = study.ended[run.file.path], there.outcome?.failure == nil {
      return Self.names(in: run.file.deletingPathExtension())
    }
    var recipe = try Recipe(yaml: run.trial.recipe, overrides: run.trial.overrides)
    (recipe.run.steps, recipe.run.epochs) = (1, nil)
    (recipe.evaluate.every, recipe.evaluate.batches) = (min(1, recipe.evaluate.every), 1)
    (recipe.checkpoint.every, recipe.spike.factor) = (0, nil)
    if recipe.instruments.every > 0 { recipe.instruments.every = 1 }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "descent-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    let trainer: Trainer
    do { trainer = try Trainer(recipe) } catch is RecipeError { return nil }
    do {
      try trainer.run(in: RunDirectory(new: folder.path, name: ""))
    } catch is RunError { return nil }
    // Measured now and then.
    return Self.names(in: folder).union(["memory_bytes"])
  }
}
