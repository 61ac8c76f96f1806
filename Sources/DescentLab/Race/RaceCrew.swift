import DescentFiles
import DescentTraining
public import Foundation

/// Who does the runs of a race.
public struct RaceCrew {
  /// How many at once, at least 1. With one, runs are done in this process.
  public var jobs: Int
  /// What does a run where there are several at once: a program, and the arguments that come before the
  /// file of the run.
  public var program: (executable: URL, arguments: [String])?
  /// Asked before each step; true ends the race, whose runs can be gone on with.
  public var stops: () -> Bool

  /// A crew.
  public init(
    jobs: Int = 1, program: (executable: URL, arguments: [String])? = nil,
    stops: @escaping () -> Bool = { false }
  ) {
    (self.jobs, self.program, self.stops) = (jobs, program, stops)
  }

  /// Does runs, in their order, and hands each on as it ends.
  ///
  /// - Throws: ``RaceError``, errors of files.
  func perform(_ trials: [RaceTrial], in race: Race, _ ended: (RaceTrial) -> Void) throws {
    for trial in trials {
      let file = race.file(of: trial)
      do {
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      } catch {
        throw RunError.cannotWrite(
          file.deletingLastPathComponent().relativePath, SystemReason.of(error))
      }
      // One that was begun under other changes is of no use.
      if let there = try? RaceTrial.read(file), there.overrides != trial.overrides {
        try? FileManager.default.removeItem(at: file.deletingPathExtension())
      }
      try trial.write(to: file)
    }
    guard jobs > 1, let program else {
      for trial in trials {
        if stops() { throw RaceError.interrupted(race.folder.relativePath) }
        let yaml = race.plan.recipes[trial.recipe].yaml
        let done = try trial.run(yaml, file: race.file(of: trial), stops: stops)
        guard done.outcome != nil else { throw RaceError.interrupted(race.folder.relativePath) }
        ended(done)
      }
      return
    }
    try inProcesses(trials, in: race, program, ended)
  }

  /// A run in a process of its own. The process ends when it can read no more from its standard input,
  /// whose other end this one holds: when this one ends, however that is.
  private struct Child {
    let trial: RaceTrial
    let file: URL
    let process = Process()
    let input = Pipe()
    let errors: URL

    init(
      _ trial: RaceTrial, _ file: URL, _ program: (executable: URL, arguments: [String]),
      threads: Int
    ) throws {
      (self.trial, self.file) = (trial, file)
      errors = file.deletingPathExtension().appendingPathExtension("errors.txt")
      process.executableURL = program.executable
      process.arguments = program.arguments + [file.path, "\(threads)"]
      process.standardInput = input
      process.standardOutput = FileHandle.nullDevice
      try OutputFile.write("", to: errors.relativePath)
      process.standardError = try FileHandle(forWritingTo: errors)
      try process.run()
    }

    /// What the process has written down.
    ///
    /// - Throws: ``RaceError`` where it says that the disk, not the run, is at fault.
    func outcome(of race: Race) throws -> RaceTrial {
      let sentence = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
      try? FileManager.default.removeItem(at: errors)
      if process.terminationReason == .uncaughtSignal {
        var trial = trial
        trial.outcome = RaceOutcome()
        trial.outcome?.failure =
          "its process was ended by signal \(process.terminationStatus); memory may have run out"
        try trial.write(to: file)
        return trial
      }
      guard process.terminationStatus == 0 else {
        if process.terminationStatus == 130 {
          throw RaceError.interrupted(race.folder.relativePath)
        }
        let plain = sentence.split(separator: "\n").first.map(String.init) ?? ""
        throw RaceError.runFailed(
          file.relativePath, status: process.terminationStatus,
          sentence: plain.hasPrefix("Error: ") ? String(plain.dropFirst(7)) : plain)
      }
      return try RaceTrial.read(file)
    }
  }

  private func inProcesses(
    _ trials: [RaceTrial], in race: Race, _ program: (executable: URL, arguments: [String]),
    _ ended: (RaceTrial) -> Void
  ) throws {
    let threads = max(1, ProcessInfo.processInfo.activeProcessorCount / jobs)
    var waiting = trials[...]
    var children: [Child] = []
    defer {
      // Whatever still runs ends after its step.
      for child in children { try? child.input.fileHandleForWriting.close() }
      for child in children {
        child.process.waitUntilExit()
        try? FileManager.default.removeItem(at: child.errors)
      }
    }
    while !waiting.isEmpty || !children.isEmpty {
      if stops() { throw RaceError.interrupted(race.folder.relativePath) }
      while children.count < jobs, let next = waiting.popFirst() {
        children.append(try Child(next, race.file(of: next), program, threads: threads))
      }
      guard let index = children.firstIndex(where: { !$0.process.isRunning }) else {
        Thread.sleep(forTimeInterval: 0.02)
        continue
      }
      ended(try children.remove(at: index).outcome(of: race))
    }
  }
}
