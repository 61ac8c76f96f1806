import Descent
import DescentNN
import DescentTraining
import Foundation

/// Looks whether the runs have the numbers that claims, panels and tables name: before them by a
/// single step in a folder of its own, and after the first of them.
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

  /// Makes what every cell without a run trains, and takes one step of the first cell of each
  /// experiment, and of others where a number is missing there.
  ///
  /// - Throws: `RecipeError` for each cell that cannot be made and each number that no cell has;
  ///   what is wrong with the data.
  func check() throws {
    var problems: [String] = []
    for base in study.plan.bases {
      guard let trial = try study.base(base.name)?.trial else { continue }
      do { _ = try Trainer(Recipe(yaml: trial.recipe, overrides: trial.overrides)) } catch let error
        where error.isOfRecipe
      {
        problems.append("bases.\(base.name): \("\(error)".inOneSentence)")
      }
    }
    for experiment in study.plan.experiments {
      let runs = wanted.filter { $0.number == 0 && $0.experiment.name == experiment.name }
      var names: Set<String> = []
      var isKnown = true
      var open = uses.filter { $0.experiment == experiment.name }
      for (index, run) in runs.enumerated() {
        do {
          let isWanted = isKnown && (index == 0 || !open.isEmpty)
          guard let found = try self.names(of: run, steps: isWanted) else {
            if isWanted { isKnown = false }
            continue
          }
          names.formUnion(found)
          open.removeAll { names.contains($0.track) }
        } catch let error where error.isOfRecipe {
          isKnown = false
          problems.append(
            "experiments.\(experiment.name), \(run.cell.label): \("\(error)".inOneSentence)")
        }
      }
      // Where all break down, there is nothing to tell from.
      if isKnown, !names.isEmpty { problems += open.map { sentence($0, names) } }
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
        .filter { study.ended[$0.file.path] != nil }
      // Cells may differ in what they have.
      guard Set(runs.map(\.cell.label)).count == experiment.cells.count,
        runs.contains(where: { study.ended[$0.file.path]?.outcome?.failure == nil })
      else { continue }
      let open = uses.filter { $0.experiment == experiment.name }
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

  /// The numbers that a run has, from its metrics where it has ended, else from one step of it; nil
  /// where that is no way to know them, or no step was to be taken.
  ///
  /// - Throws: what keeps the run from being made.
  private func names(of run: Study.Wanted, steps: Bool) throws -> Set<String>? {
    if let there = study.ended[run.file.path] {
      return there.outcome?.failure == nil && steps
        ? Self.names(in: run.file.deletingPathExtension()) : nil
    }
    var recipe = try Recipe(yaml: run.trial.recipe, overrides: run.trial.overrides)
    guard steps else {
      _ = try Trainer(recipe)
      return nil
    }
    let (whole, every) = (try Trainer(recipe), recipe.evaluate.every)
    if recipe.evaluate.every > 0 { recipe.evaluate.every = 1 }
    (recipe.run.steps, recipe.run.epochs, recipe.evaluate.batches) = (1, nil, 1)
    (recipe.checkpoint.every, recipe.spike.factor) = (0, nil)
    if recipe.instruments.every > 0 { recipe.instruments.every = 1 }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "descent-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    do {
      try Trainer(recipe).run(in: RunDirectory(new: folder.path, name: ""))
    } catch is RunError {
      // It breaks down, so it will have no numbers.
      return []
    } catch let error where error.isOfRecipe { return nil }
    // Measured at some steps, to which a short run does not come.
    let hasMemory = whole.steps >= 50 || every > 0 && whole.steps >= every
    let names = Self.names(in: folder).subtracting(["memory_bytes"])
    return hasMemory ? names.union(["memory_bytes"]) : names
  }
}
