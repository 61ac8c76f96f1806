import DescentFiles
import DescentTraining
public import Foundation

/// Who does runs that are compared.
public struct Crew {
  /// How many at once, at least 1. With one, runs are done in this process.
  public var jobs: Int
  /// What does a run where there are several at once: a program, and the arguments that come before
  /// the file of the run.
  public var program: (executable: URL, arguments: [String])?
  /// Asked before each step; true ends the work, whose runs can be gone on with.
  public var stops: () -> Bool

  /// A crew.
  public init(
    jobs: Int = 1, program: (executable: URL, arguments: [String])? = nil,
    stops: @escaping () -> Bool = { false }
  ) {
    (self.jobs, self.program, self.stops) = (jobs, program, stops)
  }

  /// What the process of a run has to say; one that outlived this one leaves it behind.
  static func errors(of file: URL) -> URL {
    file.deletingPathExtension().appendingPathExtension("errors.txt")
  }

  static func removeErrors(of file: URL) {
    try? FileManager.default.removeItem(at: errors(of: file))
  }

  /// A run to do.
  struct Work<T: Trial> {
    let trial: T
    /// Where it is kept.
    let file: URL
    /// Its recipe.
    let yaml: String
  }

  /// Does runs, in their order, and hands each on as it ends.
  ///
  /// - Throws: ``CrewError``, errors of files; what `ended` throws.
  func perform<T: Trial>(_ work: [Work<T>], _ ended: (T) throws -> Void) throws {
    for next in work {
      let (trial, file) = (next.trial, next.file)
      do {
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      } catch {
        throw RunError.cannotWrite(
          file.deletingLastPathComponent().relativePath, SystemReason.of(error))
      }
      // One that was begun as another is of no use.
      if let there = try? T.read(file), !there.isSame(as: trial) {
        try? FileManager.default.removeItem(at: file.deletingPathExtension())
      }
      try trial.write(to: file)
    }
    guard jobs > 1, let program else {
      for next in work {
        if stops() { throw CrewError.interrupted }
        let done = try next.trial.run(next.yaml, file: next.file, stops: stops)
        guard done.outcome != nil else { throw CrewError.interrupted }
        try ended(done)
      }
      return
    }
    try inProcesses(work, program, ended)
  }

  /// A run in a process of its own. The process ends when it can read no more from its standard
  /// input, whose other end this one holds: when this one ends, however that is.
  private struct Child<T: Trial> {
    let trial: T
    let file: URL
    let process = Process()
    let input = Pipe()
    let errors: URL

    init(
      _ work: Work<T>, _ program: (executable: URL, arguments: [String]), threads: Int
    ) throws {
      (trial, file) = (work.trial, work.file)
      errors = Crew.errors(of: file)
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
    /// - Throws: ``CrewError`` where it says that the disk, not the run, is at fault.
    func outcome() throws -> T {
      let sentence = (try? String(contentsOf: errors, encoding: .utf8)) ?? ""
      try? FileManager.default.removeItem(at: errors)
      if process.terminationReason == .uncaughtSignal {
        var trial = trial
        trial.outcome = TrialOutcome()
        trial.outcome?.failure =
          "its process was ended by signal \(process.terminationStatus); memory may have run out"
        try trial.write(to: file)
        return trial
      }
      guard process.terminationStatus == 0 else {
        if process.terminationStatus == 130 { throw CrewError.interrupted }
        let plain = sentence.split(separator: "\n").first.map(String.init) ?? ""
        throw CrewError.runFailed(
          file.relativePath, status: process.terminationStatus,
          sentence: plain.hasPrefix("Error: ") ? String(plain.dropFirst(7)) : plain)
      }
      return try T.read(file)
    }
  }

  private func inProcesses<T: Trial>(
    _ work: [Work<T>], _ program: (executable: URL, arguments: [String]),
    _ ended: (T) throws -> Void
  ) throws {
    let threads = max(1, ProcessInfo.processInfo.activeProcessorCount / jobs)
    var waiting = work[...]
    var children: [Child<T>] = []
    defer {
      // Whatever still runs ends after its step.
      for child in children { try? child.input.fileHandleForWriting.close() }
      for child in children {
        child.process.waitUntilExit()
        try? FileManager.default.removeItem(at: child.errors)
      }
    }
    while !waiting.isEmpty || !children.isEmpty {
      if stops() { throw CrewError.interrupted }
      while children.count < jobs, let next = waiting.popFirst() {
        children.append(try Child(next, program, threads: threads))
      }
      guard let index = children.firstIndex(where: { !$0.process.isRunning }) else {
        Thread.sleep(forTimeInterval: 0.02)
        continue
      }
      try ended(try children.remove(at: index).outcome())
    }
  }
}

/// Why runs were not brought to their end.
public enum CrewError: Error, Sendable, Equatable, CustomStringConvertible {
  /// They were asked to stop.
  case interrupted
  /// A process that did a run ended with an error.
  case runFailed(String, status: Int32, sentence: String)

  /// One plain sentence.
  public var description: String {
    switch self {
    case .interrupted: "the runs were interrupted"
    case .runFailed(let run, let status, let sentence):
      sentence.isEmpty ? "the process of \(run) ended with status \(status)" : "\(run): \(sentence)"
    }
  }
}
