import Descent
import DescentFiles
import DescentTraining
public import Foundation

/// A study in its folder: its runs, done or to do.
///
/// ```
/// study.yaml          the study, as it was run
/// recipes/            the recipes that it changes
/// bases/<name>-<key>  runs that others begin with, and how each ended, in .json
/// runs/<name>-<key>   run directories, and how each ended, in .json
/// report.html         the page
/// ```
/// A run that has ended is never done again: whatever ends a study, the same command goes on.
public final class Study {
  /// What is studied.
  public let plan: StudyPlan
  /// Where it is kept.
  public let folder: URL
  private let lock: RunLock
  /// Runs that were found or done, by their files.
  var ended: [String: StudyTrial] = [:]
  /// Seconds that this process has worked on it.
  private(set) var seconds = 0.0

  /// A study in `path`, or in `runs/<name>-study`; it goes on where it lies there already, perhaps
  /// with other experiments, claims or seeds.
  ///
  /// - Throws: what is wrong with the folder.
  public init(_ plan: StudyPlan, in path: String? = nil) throws {
    let path = path ?? "runs/\(plan.name)-study\(plan.isQuick ? "-quick" : "")"
    if path.isEmpty { throw RunError.noFolder }
    (self.plan, folder) = (plan, URL(fileURLWithPath: path))
    let there = try contentsOfFolder(folder)
    if there.contains(Self.file) {
      let name = try Self.name(in: folder)
      if name != plan.name { throw StudyError.another(path, name: name, wanted: plan.name) }
    } else if there.contains(where: { $0 != ".lock" }) {
      throw RunError.occupied(path)
    }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch { throw RunError.cannotWrite(folder.relativePath, SystemReason.of(error)) }
    lock = try RunLock(folder: folder)
    let (yaml, recipes) = plan.written()
    let recipeFolder = folder.appendingPathComponent("recipes")
    do {
      try FileManager.default.createDirectory(at: recipeFolder, withIntermediateDirectories: true)
    } catch { throw RunError.cannotWrite(recipeFolder.relativePath, SystemReason.of(error)) }
    for (name, yaml) in recipes {
      try OutputFile.write(
        yaml, to: recipeFolder.appendingPathComponent("\(name).yaml").relativePath)
    }
    try OutputFile.write(yaml, to: folder.appendingPathComponent(Self.file).relativePath)
  }

  // MARK: Files

  /// What it keeps in its folder.
  public static let parts = [file, "report.html", "recipes", "bases", "runs"]
  static let file = "study.yaml"

  /// The file of the study in a folder.
  ///
  /// - Throws: ``StudyError/notAStudy(_:)``.
  public static func file(in path: String) throws(StudyError) -> String {
    let file = URL(fileURLWithPath: path).appendingPathComponent(file)
    guard FileManager.default.fileExists(atPath: file.path) else { throw .notAStudy(path) }
    return file.relativePath
  }

  private static func name(in folder: URL) throws -> String {
    let text = try Recipe.text(of: folder.appendingPathComponent(file).relativePath)
    if case .text(let name)? = (try? YAMLValue(yaml: text))?["name"] { return name }
    throw DataError.malformed(
      path: folder.appendingPathComponent(file).relativePath, expected: "a study",
      found: "something else")
  }

  /// Where a run is written down.
  func file(of trial: StudyTrial, _ name: String, in part: String = "runs") -> URL {
    folder.appendingPathComponent("\(part)/\(name)-\(trial.key).json")
  }

  // MARK: Runs

  /// A run of an experiment.
  struct Wanted {
    let experiment: StudyPlan.Experiment
    let cell: StudyPlan.Cell
    let number: Int
    /// What it begins with, as the recipe has it.
    let from: String?
    let trial: StudyTrial
    let file: URL
  }

  /// The run of a base, and where it is written down.
  ///
  /// - Parameter before: it is looked for among those before this one, which is what a base can
  ///   begin with.
  func base(_ name: String, before: Int? = nil) throws -> (trial: StudyTrial, file: URL)? {
    let known = plan.bases.prefix(before ?? plan.bases.count)
    guard let index = known.firstIndex(where: { $0.name == name }) else { return nil }
    let base = known[index]
    var recipe = try Recipe(yaml: base.source.yaml, overrides: base.changes)
    recipe.keepsLittle(unless: base.changes)
    let (from, stamp) = try weights(of: recipe, before: index)
    let trial = StudyTrial("base \(name)", recipe, from: from, stamp: stamp)
    return (trial, file(of: trial, name, in: "bases"))
  }

  /// The path of what a run of a recipe begins with, and what tells it apart.
  private func weights(
    of recipe: Recipe, before: Int? = nil
  ) throws -> (from: String?, stamp: String?) {
    guard let name = recipe.run.from else { return (nil, nil) }
    if let file = try base(name, before: before)?.file {
      // The name of its folder says what it is.
      return ("bases/\(file.deletingPathExtension().lastPathComponent)", nil)
    }
    var there = recipe
    there.run.from = plan.path(of: name)
    guard let path = try there.beginning() else { return (nil, nil) }
    let file = try FileInspection.find(path).file
    let facts = try? FileManager.default.attributesOfItem(atPath: file)
    let size = (facts?[.size] as? Int).map { "\($0) bytes" } ?? ""
    let date = (facts?[.modificationDate] as? Date).map { "\($0.timeIntervalSince1970)" } ?? ""
    return (
      URL(fileURLWithPath: path).absoluteURL.standardizedFileURL.path,
      "\(URL(fileURLWithPath: file).lastPathComponent), \(size), \(date)"
    )
  }

  /// All runs of the experiments, a seed for all cells before the next.
  func wanted() throws -> [Wanted] {
    var all: [Wanted] = []
    // What stands in `runs` by a recipe's name depends on the model, too.
    var known: [String: (from: String?, stamp: String?)] = [:]
    for number in 0..<plan.seeds {
      for experiment in plan.experiments {
        for cell in experiment.cells {
          let recipe = try plan.recipe(experiment, cell, run: number)
          let from = recipe.run.from
          let key = "\(from ?? "") \(recipe.model.resolved)"
          let weights = try known[key] ?? weights(of: recipe)
          known[key] = weights
          let trial = StudyTrial(
            "\(experiment.name), \(cell.label), seed \(number + 1)", recipe,
            from: weights.from, stamp: weights.stamp)
          all.append(
            Wanted(
              experiment: experiment, cell: cell, number: number, from: from, trial: trial,
              file: file(of: trial, experiment.source.name)))
        }
      }
    }
    return all
  }

  /// Does all runs that have not ended yet.
  ///
  /// - Parameters:
  ///   - crew: who does the runs, and how many at once.
  ///   - keepsWeights: whether the weights of the runs stay; those of bases always do.
  ///   - watch: told of each run as it ends.
  /// - Returns: what came of it.
  /// - Throws: ``StudyError``; `RecipeError` for claims about numbers that the runs do not have;
  ///   errors of files.
  public func run(
    _ crew: Crew, keepsWeights: Bool = false, watch: @escaping (StudyProgress) -> Void = { _ in }
  ) throws -> StudyResult {
    let start = ContinuousClock.now
    let wanted = try wanted()
    let runs = wanted.uniqued { $0.file.path }
    let missing = runs.filter { run in
      Crew.removeErrors(of: run.file)
      ended[run.file.path] = run.trial.ended(in: run.file)
      // What it has measured may have been removed since.
      let metrics = run.file.deletingPathExtension().appendingPathComponent("metrics.jsonl")
      if ended[run.file.path]?.outcome?.failure == nil,
        !FileManager.default.fileExists(atPath: metrics.path)
      {
        ended[run.file.path] = nil
      }
      return ended[run.file.path] == nil
    }
    try StudyProbe(self, wanted).check()
    var progress = StudyProgress(
      done: runs.count - missing.count, total: runs.count)
    do {
      for name in missing.compactMap(\.from).uniqued(by: { $0 }) {
        try perform(base: name, crew) { trial in
          progress.base(trial)
          watch(progress)
        }
      }
      // Whatever is wrong with the claims shows with the first runs.
      for round in [missing.filter { $0.number == 0 }, missing.filter { $0.number > 0 }] {
        let work = round.map { Crew.Work(trial: $0.trial, file: $0.file, yaml: $0.trial.recipe) }
        try crew.perform(work) { trial in
          let file = round.first { $0.trial.isSame(as: trial) }?.file
          if let file {
            ended[file.path] = trial
            if !keepsWeights { StudyTrial.removeWeights(besides: file) }
          }
          progress.ended(trial)
          watch(progress)
        }
        try StudyProbe(self, wanted).checkEnded()
      }
    } catch CrewError.interrupted { throw StudyError.interrupted(folder.relativePath) }
    seconds += start.duration(to: .now) / .seconds(1)
    return StudyResult(self, wanted)
  }

  /// Trains a base, and before it what it begins with; each is handed on as it begins, without an outcome,
  /// and as it ends.
  private func perform(
    base name: String, before: Int? = nil, _ crew: Crew, _ watch: @escaping (StudyTrial) -> Void
  ) throws {
    guard let (trial, file) = try base(name, before: before) else { return }
    if let there = trial.ended(in: file), there.outcome?.failure == nil {
      if (try? FileInspection.find(file.deletingPathExtension().relativePath)) != nil { return }
      try? FileManager.default.removeItem(at: file.deletingPathExtension())
    }
    if let index = plan.bases.firstIndex(where: { $0.name == name }) {
      let base = plan.bases[index]
      let recipe = try Recipe(yaml: base.source.yaml, overrides: base.changes)
      if let other = recipe.run.from { try perform(base: other, before: index, crew, watch) }
    }
    watch(trial)
    try crew.perform([Crew.Work(trial: trial, file: file, yaml: trial.recipe)]) { trial in
      watch(trial)
      if let failure = trial.outcome?.failure { throw StudyError.baseFailed(name, failure) }
    }
  }
}

/// How far a study has come.
public struct StudyProgress: Sendable {
  /// Runs that have ended, those of an earlier process among them.
  public private(set) var done: Int
  /// Runs in all, without bases.
  public let total: Int
  /// The run that has just ended; of a base, also one that begins, without an outcome.
  public private(set) var last: StudyTrial?
  /// Whether that was a base.
  public private(set) var isBase = false
  /// Seconds until the end, from the runs of this process.
  public private(set) var secondsLeft = Double.nan

  private var start = ContinuousClock.now
  private var own = 0

  init(done: Int, total: Int) { (self.done, self.total) = (done, total) }

  mutating func base(_ trial: StudyTrial) {
    (last, isBase, start) = (trial, true, .now)
  }

  mutating func ended(_ trial: StudyTrial) {
    (done, own, last, isBase) = (done + 1, own + 1, trial, false)
    let seconds = start.duration(to: .now) / .seconds(1)
    secondsLeft = seconds / Double(own) * Double(max(0, total - done))
  }
}

/// Why a study cannot be begun, gone on with or brought to its end.
public enum StudyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// There is no study in the folder.
  case notAStudy(String)
  /// The folder has another study.
  case another(String, name: String, wanted: String)
  /// It was asked to stop; its folder.
  case interrupted(String)
  /// A run that others begin with failed.
  case baseFailed(String, String)

  /// One plain sentence first.
  public var description: String {
    switch self {
    case .notAStudy(let path): "\(path) holds no study: there is no \(path)/study.yaml"
    case .another(let path, let name, let wanted):
      "\(path) holds the study '\(name)', not '\(wanted)': choose another folder with --out"
    case .interrupted(let path):
      "the study was interrupted; to go on with it: descent study --resume \(path)"
    case .baseFailed(let name, let reason):
      "the base '\(name)', which runs begin with, failed: \(reason)"
    }
  }
}
