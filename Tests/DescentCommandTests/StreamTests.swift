import Foundation
import Testing

/// What prints and ends.
private let commands = [
  "--help", "help train", "--version", "recipes", "recipes gpt", "recipes --json", "optimizers",
  "optimizers adamw", "optimizers --json", "schedule", "schedule cosine",
  "schedule cosine --total 20000 --json", "groups digits-mlp",
]

/// A run that would take long.
private let training =
  "train digits-mlp --set epochs=null --set steps=100000 --set evaluate.every=0 --out run"

/// Standard streams that are closed, full, or that nobody reads: whatever they are, no command ends
/// by a trap, and a run ends with a checkpoint.
@Suite("Standard streams", .serialized) struct StreamTests {
  private let temporary: TemporaryFolder
  private var folder: URL { temporary.url }

  init() throws { temporary = try TemporaryFolder() }

  /// Runs a line of shell, in which `descent` is the built command.
  private func shell(_ line: String) throws -> (status: Int32, error: String) {
    let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.currentDirectoryURL = folder
    let bin = tests.deletingLastPathComponent().path
    process.arguments = ["-c", "PATH=\"\(bin):$PATH\"; \(line)"]
    let error = Pipe()
    (process.standardError, process.standardOutput) = (error, FileHandle.nullDevice)
    try process.run()
    let errors = try error.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: errors, as: UTF8.self))
  }

  @Test("closed and full outputs are a sentence and 70", arguments: commands)
  func unwritable(_ command: String) throws {
    for output in [">&-", "> /dev/full"] where output == ">&-" || hasFullDevice {
      let result = try shell("descent \(command) \(output)")
      #expect(result.status == 70, "\(output): \(result.error)")
      #expect(result.error.hasPrefix("Error: standard output cannot be written: "), "\(output)")
      #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
      #expect(try shell("descent \(command) \(output) 2>&-").status == 70)
    }
    let others = try shell("descent \(command) <&- 2>&-")
    #expect(others.status == 0)
  }

  @Test("a pipe that nobody reads ends a command as it ends any filter", arguments: commands)
  func closedPipe(_ command: String) throws {
    // The reader is gone before the first line.
    let result = try shell("{ sleep 0.05; descent \(command); echo $? > status; } | true")
    #expect(result.error.isEmpty, "\(result.error)")
    let status = try String(contentsOf: folder.appendingPathComponent("status"), encoding: .utf8)
    #expect(status == "141\n")
  }

  private var hasFullDevice: Bool { FileManager.default.fileExists(atPath: "/dev/full") }

  @Test(
    "a run whose output fails ends after a step, with a checkpoint",
    arguments: [
      ("descent \(training) >&-", 70, "standard output cannot be written"),
      ("descent \(training) > /dev/full", 70, "standard output cannot be written"),
      ("{ descent \(training); echo $? > status; } | true", 130, "nobody reads standard output"),
      ("{ descent \(training); echo $? > status; } | head -1", 130, "nobody reads standard output"),
    ] as [(String, Int32, String)])
  func runEnds(_ line: String, _ status: Int32, _ part: String) throws {
    if line.contains("/dev/full"), !hasFullDevice { return }
    let result = try shell(line)
    let file = folder.appendingPathComponent("status")
    let inside = (try? String(contentsOf: file, encoding: .utf8)).flatMap {
      Int32($0.filter(\.isNumber))
    }
    #expect((inside ?? result.status) == status, "\(result.error)")
    #expect(result.error.contains(part), "\(result.error)")
    #expect(result.error.contains("descent train --resume run"), "\(result.error)")
    let checkpoints = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("run/checkpoints").path)
    #expect(checkpoints.count == 1)
  }

  @Test("what is written for somebody is never put in the place of what is no file")
  func outputs() throws {
    let recording = "--optimizer sgd --input in.safetensors"
    try Data(contentsOf: try recordingFile()).write(
      to: folder.appendingPathComponent("in.safetensors"))
    for command in ["replay \(recording) --output", "schedule cosine --plot"] {
      for (path, make) in [
        ("folder.svg", "mkdir"), ("pipe.svg", "mkfifo"), ("none/x.svg", "true"),
        ("null.svg", "ln -s /dev/null"),
      ] {
        let result = try shell("rm -rf \(path); \(make) \(path); descent \(command) \(path)")
        #expect(result.status == 70, "\(command) \(path): \(result.error)")
        #expect(result.error.contains("\(path) cannot be written: "), "\(result.error)")
      }
      let linked = try shell(
        "rm -f link.svg out.svg; ln -s out.svg link.svg; descent \(command) link.svg "
          + "&& test -h link.svg && test -s out.svg && ! ls -A | grep tmp")
      #expect(linked.status == 0, "\(command): \(linked.error)")
    }
  }

  /// A recording of one step.
  private func recordingFile() throws -> URL {
    let header =
      #"{"grad/1/w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"#
      + #""param/w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
    let length = (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) }
    let file = folder.appendingPathComponent("recording")
    try Data(length + Array(header.utf8) + [UInt8](repeating: 0, count: 8)).write(to: file)
    return file
  }
}
