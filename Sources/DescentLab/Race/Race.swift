import Descent
import DescentFiles
import DescentTraining
public import Foundation

/// Optimizers on the same recipes from the same weights over the same data, each tuned with as many
/// trials, judged at the end of training over the same seeds.
///
/// ```
/// race.json                         the plan
/// report.html                       the page
/// <recipe>/01-<optimizer>/tuning-01.json, seed-01.json, ...    how each run ended
/// <recipe>/01-<optimizer>/seed-01/  its run directory
/// ```
/// Runs that have ended are never done again: a race that was stopped or killed goes on where it was.
public final class Race {
  /// What is raced.
  public let plan: RacePlan
  /// Where it is kept.
  public let folder: URL
  let contestants: [RaceOptimizer]
  /// The recipes with what is changed for all.
  let bases: [Recipe]
  /// The steps that each recipe has.
  let steps: [Int]
  private let lock: RunLock
  /// Runs that were found or done, by their files.
  var trials: [String: RaceTrial] = [:]

  /// A new race in `path`, or in the first free `runs/<recipe>-race-<n>`; or one that goes on, where a race
  /// with this plan or a part of it lies in `path`.
  ///
  /// - Throws: what is wrong with the plan, the recipes, their data or the folder.
  public convenience init(_ plan: RacePlan, in path: String?) throws {
    try plan.check()
    let name = plan.recipes.map(\.name).joined(separator: "-")
    let path = path ?? RunDirectory.freePath("\(name.prefix(60))-race")
    if path.isEmpty { throw RunError.noFolder }
    let folder = URL(fileURLWithPath: path)
    let there = try contentsOfFolder(folder)
    if there.contains(Self.planFile) {
      try Self.plan(in: folder).checkExtension(by: plan, in: path)
    } else if there.contains(where: { $0 != ".lock" }) {
      throw RunError.occupied(path)
    }
    try self.init(checked: plan, folder)
  }

  /// Goes on with the race in `path`, perhaps with more seeds or optimizers.
  ///
  /// - Throws: ``RaceError/notARace(_:)``, and as ``init(_:in:)``.
  public convenience init(resuming path: String, _ change: (inout RacePlan) throws -> Void) throws {
    let folder = URL(fileURLWithPath: path)
    let old = try Self.plan(in: folder)
    var plan = old
    try change(&plan)
    try plan.check()
    try old.checkExtension(by: plan, in: path)
    try self.init(checked: plan, folder)
  }

  private init(checked plan: RacePlan, _ folder: URL) throws {
    (self.plan, self.folder) = (plan, folder)
    contestants = try plan.contestants()
    bases = try plan.recipes.map { try $0.base(plan.changes) }
    // Whatever is wrong with the data is said before anything is written.
    steps = try bases.map { try Trainer($0).steps }
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    } catch { throw RunError.cannotWrite(folder.relativePath, SystemReason.of(error)) }
    lock = try RunLock(folder: folder)
    try plan.writeJSON(to: folder.appendingPathComponent(Self.planFile))
  }

  // MARK: Files

  private static let planFile = "race.json"

  /// The plan of the race in a folder.
  ///
  /// - Throws: ``RaceError/notARace(_:)``; `DataError` for one that cannot be read.
  public static func plan(in folder: URL) throws -> RacePlan {
    let file = folder.appendingPathComponent(planFile)
    guard FileManager.default.fileExists(atPath: file.path) else {
      throw RaceError.notARace(folder.relativePath)
    }
    let text = try Recipe.text(of: file.relativePath)
    do { return try JSONDecoder().decode(RacePlan.self, from: Data(text.utf8)) } catch {
      throw DataError.malformed(
        path: file.relativePath, expected: "the plan of a race", found: "something else")
    }
  }

  /// Where a run is written down.
  func file(of trial: RaceTrial) -> URL {
    let words = contestants[trial.optimizer].label.split {
      !($0.isASCII && ($0.isLetter || $0.isNumber || $0 == "." || $0 == "="))
    }
    let slug = words.joined(separator: "-").prefix(60)
    let number = trial.optimizer < 9 ? "0\(trial.optimizer + 1)" : "\(trial.optimizer + 1)"
    let name = plan.recipes[trial.recipe].name
    return folder.appendingPathComponent("\(name)/\(number)-\(slug)/\(trial.name).json")
  }

  // MARK: The runs

  /// Does all runs that have not ended yet.
  ///
  /// - Parameters:
  ///   - crew: who does the runs, and how many at once.
  ///   - keepsWeights: whether the weights of tuning trials stay.
  ///   - watch: told of each run as it ends.
  /// - Returns: what came of it.
  /// - Throws: ``RaceError/interrupted(_:)`` when it was asked to stop; errors of files.
  public func run(
    _ crew: Crew, keepsWeights: Bool = false, watch: @escaping (RaceProgress) -> Void
  ) throws -> RaceResult {
    var progress = RaceProgress(plan)
    func perform(_ wanted: [RaceTrial]) throws {
      var missing: [RaceTrial] = []
      for trial in wanted {
        let file = file(of: trial)
        if let there = trial.ended(in: file) {
          trials[file.path] = there
          progress.found(there)
        } else {
          missing.append(trial)
        }
      }
      let work = missing.map {
        Crew.Work(trial: $0, file: file(of: $0), yaml: plan.recipes[$0.recipe].yaml)
      }
      do {
        try crew.perform(work) { trial in
          trials[file(of: trial).path] = trial
          if !trial.isJudged, !keepsWeights { RaceTrial.removeWeights(besides: file(of: trial)) }
          progress.ended(trial, contestants[trial.optimizer].label)
          watch(progress)
        }
      } catch CrewError.interrupted { throw RaceError.interrupted(folder.relativePath) }
    }
    let pairs = plan.recipes.indices.flatMap { recipe in
      contestants.indices.map { (recipe, $0) }
    }
    if plan.secondsPerRun != nil { try perform(pairs.map { pace($0, $1) }) }
    try perform(pairs.flatMap { tuning($0, $1) })
    // A seed for all before the next, so that one who stops early can compare.
    try perform((0..<plan.seeds).flatMap { seed in pairs.map { judged($0, $1, seed) } })
    return result
  }
}

/// Why a race cannot be gone on with, or was not brought to its end.
public enum RaceError: Error, Sendable, Equatable, CustomStringConvertible {
  /// There is no race in the folder.
  case notARace(String)
  /// It was asked to stop; its folder.
  case interrupted(String)

  /// One plain sentence first.
  public var description: String {
    switch self {
    case .notARace(let path): "\(path) holds no race: there is no \(path)/race.json"
    case .interrupted(let path):
      "the race was interrupted; to go on with it: descent race --resume \(path)"
    }
  }
}

/// How far a race has come.
public struct RaceProgress: Sendable {
  /// Runs that have ended, those of an earlier process among them.
  public private(set) var done = 0
  /// Runs in all.
  public let total: Int
  /// The run that has just ended, and the label of its optimizer.
  public private(set) var last: (trial: RaceTrial, label: String)?
  /// The best loss of a judged run so far, and whose it is.
  public private(set) var best: (loss: Double, label: String)?
  /// Seconds until the end, from the runs of this process.
  public private(set) var secondsLeft = Double.nan

  private let start = ContinuousClock.now
  private var own = 0

  init(_ plan: RacePlan) {
    let contestants = (try? plan.contestants()) ?? []
    let each = contestants.map { contestant in
      plan.seeds + (plan.secondsPerRun == nil ? 0 : 1)
        + (SearchSpace.of(contestant.rule, rate: 0.1).needsTuning ? plan.trials : 0)
    }
    total = plan.recipes.count * each.reduce(0, +)
  }

  mutating func found(_ trial: RaceTrial) { done += 1 }

  mutating func ended(_ trial: RaceTrial, _ label: String) {
    (done, own, last) = (done + 1, own + 1, (trial, label))
    if trial.isJudged, let loss = trial.outcome?.final, loss < best?.loss ?? .infinity {
      best = (loss, label)
    }
    let seconds = start.duration(to: .now) / .seconds(1)
    secondsLeft = seconds / Double(own) * Double(max(0, total - done))
  }
}
