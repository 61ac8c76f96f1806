@testable import DescentCompute
@testable import DescentTraining
import Foundation
import Safetensors

extension FuzzTarget {
  /// Checkpoints of a small run, which is resumed from what can be read.
  static let checkpoint = FuzzTarget(name: "checkpoint", maximumLength: 8192) {
    let files = try SmallRun.shared.checkpoint()
    let framed = Framed.input(files)
    return [[1] + files, [3] + files, framed, [2] + framed.dropFirst()]
  } read: { input in
    let run = try SmallRun.shared
    // What is no safetensors file is the business of another target, and sooner known.
    let file = try SafetensorsFile(path: Scratch.write(Framed.file(input), to: run.checkpointName))
    // No change gets past the checksums; a bit of the first byte has them put right.
    if let first = input.first, first & 2 != 0 { try reseal(file) }
    _ = try Trainer(resuming: run.directory)
  }
}

/// Writes a checkpoint again, with checksums that fit it.
private func reseal(_ file: SafetensorsFile) throws {
  var sums: [String: CRC32C] = [:]
  for name in file.names { sums[name] = try file.withBytes(of: name) { CRC32C(of: $0) } }
  let metadata = CheckpointChecksums.seal(
    file.metadata.filter { !$0.key.hasPrefix("crc32c") },
    file.entries.map { ($0.name, $0.dtype.rawValue, $0.shape) }, sums)
  let tensors = try file.entries.map {
    try SafetensorsTensor(
      $0.name, dtype: $0.dtype, shape: $0.shape, bytes: file.bytes(of: $0.name))
  }
  try SafetensorsFile.write(tensors, metadata: metadata, to: file.path)
}

/// A run of two steps of a tiny network on a table of a few rows.
struct SmallRun {
  let directory: RunDirectory

  nonisolated(unsafe) private static var made: SmallRun?
  static var shared: SmallRun {
    get throws {
      if let made { return made }
      let run = try SmallRun()
      made = run
      return run
    }
  }

  private static let recipe = """
    steps: 2
    batch: 2
    threads: 1
    model: {kind: mlp, hidden: [2]}
    data: {kind: csv, path: TABLE, validation_fraction: 0.5}
    optimizer: {name: adamw, lr: 1e-3}
    schedule: {name: plateau}
    evaluate: {every: 1}
    checkpoint: {every: 1}
    """

  private init() throws {
    let table = (0..<8).map { "\($0),\($0 * $0),\($0 % 2)\n" }.joined()
    let path = Scratch.write(Array(table.utf8), to: "table.csv")
    let folder = Scratch.path("run")
    try? FileManager.default.removeItem(atPath: folder)
    directory = try RunDirectory(new: folder, name: "run")
    let trainer = try Trainer(
      Recipe(yaml: Self.recipe.replacingOccurrences(of: "TABLE", with: path)))
    _ = try trainer.run(in: directory, observer: Silent())
    // Longer than it ran, so that there is something to resume.
    let yaml = try String(contentsOf: directory.recipe, encoding: .utf8)
    try yaml.replacingOccurrences(of: "steps: 2", with: "steps: 20")
      .write(to: directory.recipe, atomically: true, encoding: .utf8)
    for file in directory.checkpointFiles.dropLast() {
      try FileManager.default.removeItem(at: file)
    }
    saved = try Data(contentsOf: directory.checkpointFiles[0])
    checkpointName = "run/checkpoints/" + directory.checkpointFiles[0].lastPathComponent
  }

  private let saved: Data
  /// The path of its only checkpoint, in the scratch folder.
  let checkpointName: String

  func checkpoint() throws -> [UInt8] { [UInt8](saved) }
}

private final class Silent: TrainingObserver {
  var wantsToStop: Bool { false }
  func started(_ facts: RunFacts) {}
  func stepped(_ step: TrainingStep) {}
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
}
