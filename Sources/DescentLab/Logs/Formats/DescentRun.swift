import DescentFiles
import DescentTraining
import Foundation

/// A run directory of Descent: `metrics.jsonl` with what lies beside it.
final class DescentRun: LogSource {
  var name: String
  private let directory: RunDirectory
  private let metrics: FileSource<JSONLines>
  private var samples: GrowingFile
  private var (recipe, settings): (String?, [(key: String, value: String)]) = (nil, [])
  private var recipeFile: GrowingFile
  private var made: [(step: Int, sample: TrainingSample)] = []
  private var notes: [String] = []
  private var hasMetrics = false
  /// What the metrics say.
  private var base: RunLog?
  private var state = RunState.waiting
  private var isNew = true

  init(name: String, path: String) throws(DataError) {
    do { directory = try RunDirectory(existing: path) } catch {
      throw .missingFile(path: path, advice: "it is no run")
    }
    self.name = name
    metrics = FileSource(name: name, path: directory.metrics.relativePath) { JSONLines(.descent) }
    samples = GrowingFile(path: directory.samplesFile.relativePath)
    recipeFile = GrowingFile(path: directory.recipe.relativePath)
  }

  func refresh() throws(DataError) -> Bool {
    var hasChanged = isNew
    isNew = false
    notes = []
    hasChanged = try readRecipe() || hasChanged
    if FileManager.default.fileExists(atPath: directory.metrics.path) {
      if try metrics.refresh() || !hasMetrics {
        (base, hasChanged) = (metrics.logs.first, true)
      }
      hasMetrics = true
    } else if hasMetrics {
      throw .missingFile(
        path: directory.metrics.relativePath, advice: "the run was moved or removed")
    }
    hasChanged = readSamples() || hasChanged
    let state = currentState
    hasChanged = hasChanged || state != self.state
    self.state = state
    return hasChanged
  }

  private func readRecipe() throws(DataError) -> Bool {
    guard try recipeFile.open().change != .none || recipe == nil else { return false }
    let text = try Recipe.text(of: directory.recipe.relativePath)
    recipeFile = GrowingFile(path: directory.recipe.relativePath)
    let input = try recipeFile.open().file
    while try recipeFile.piece(of: input) != nil {}
    recipe = text
    if let settings = Recipe.settings(of: text) {
      self.settings = settings
    } else {
      (settings, notes) = ([], ["Its recipe.yaml cannot be read."])
    }
    return true
  }

  var logs: [RunLog] {
    var log = base ?? RunLog(name: name, path: directory.path, format: .descent)
    if base == nil { log.notes = ["It has no metrics yet."] }
    (log.name, log.path) = (name, directory.path)
    // The threshold is a constant of the recipe.
    if let norm = log["grad_norm"], let first = norm.steps.first, let last = norm.steps.last,
      let limit = settings.first(where: { $0.key == "clip.norm" }).flatMap({ Double($0.value) })
    {
      let steps = first == last ? [first] : [first, last]
      log.tracks["clip_norm"] = Track(steps: steps, values: steps.map { _ in limit })
    }
    (log.recipe, log.settings, log.samples, log.state) = (recipe, settings, made, state)
    log.notes += notes
    return [log]
  }

  // MARK: What lies beside the metrics

  /// Few and small, so they are read anew when there are more.
  private func readSamples() -> Bool {
    guard let opened = try? samples.open(), opened.change != .none else { return false }
    samples = GrowingFile(path: samples.path)
    guard let input = try? samples.open().file else { return false }
    var bytes: [UInt8] = []
    while bytes.count < 256 << 20, let piece = try? samples.piece(of: input) { bytes += piece }
    made = TrainingSample.all(in: Data(bytes))
    return true
  }

  private var currentState: RunState {
    let last = base?.lastStep ?? 0
    return RunState(
      isTrained: directory.isTrained, step: last,
      steps: settings.first { $0.key == "steps" }.flatMap { Int($0.value) },
      endsWithSkip: base?["applied"]?.values.last == 0,
      endsWithEvaluation: base?["val_loss"]?.steps.last == last)
  }
}
