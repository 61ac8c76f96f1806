import Foundation

extension RunDirectory {
  /// Where the checkpoint after `step` steps lies.
  func checkpoint(after step: Int) -> URL {
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    return checkpoints.appendingPathComponent(name + ".safetensors")
  }

  /// The checkpoints, oldest first: the files that are called `step-<n>.safetensors`.
  public var checkpointFiles: [URL] { files(ending: Self.ending).map(\.file) }

  /// Those that were set aside because training broke down soon after them.
  var untrustedFiles: [URL] { files(ending: Self.untrusted).map(\.file) }

  /// The steps before a checkpoint, from its name; nil for a file that is none.
  static func step(of file: URL) -> Int? {
    step(of: file.lastPathComponent, ending: ending)
      ?? step(of: file.lastPathComponent, ending: untrusted)
  }

  private static let ending = ".safetensors"
  private static let untrusted = ".untrusted.safetensors"

  private static func step(of name: String, ending: String) -> Int? {
    guard name.hasPrefix("step-"), name.hasSuffix(ending) else { return nil }
    let digits = name.dropFirst("step-".count).dropLast(ending.count)
    return digits.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(digits) : nil
  }

  private func files(ending: String) -> [(step: Int, file: URL)] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints.path)) ?? []
    return names.compactMap { name in
      Self.step(of: name, ending: ending).map { ($0, checkpoints.appendingPathComponent(name)) }
    }.sorted { ($0.step, $0.file.lastPathComponent) < ($1.step, $1.file.lastPathComponent) }
  }

  /// Removes the checkpoints that are not needed any more.
  ///
  /// - Parameters:
  ///   - count: how many of the newest stay.
  ///   - best: the step of the best, which stays in any case.
  ///   - former: the step of what was the best before and is kept for nothing else.
  ///   - trusted: steps up to which a breakdown now would leave checkpoints in trust, the earliest
  ///     first. The newest checkpoint up to each stays, and the one after the first, which will be in
  ///     trust next; none when training has ended.
  func removeCheckpoints(keeping count: Int, best: Int?, former: Int?, trusted: [Int]) throws {
    let all = files(ending: Self.ending)
    var kept = Set(all.filter { $0.step != former }.suffix(count).map(\.file))
    kept.formUnion(all.filter { $0.step == best }.map(\.file))
    let old = trusted.map { limit in all.last { $0.step <= limit } }
    kept.formUnion(old.compactMap { $0?.file })
    if let old = old.first, let next = all.first(where: { $0.step > old?.step ?? -1 }) {
      kept.insert(next.file)
    }
    for (_, file) in all where !kept.contains(file) {
      try FileManager.default.removeItem(at: file)
    }
  }

  /// Sets checkpoints after `step` aside, under other names.
  func distrustCheckpoints(after step: Int) throws(RunError) {
    for (number, file) in files(ending: Self.ending) where number > step {
      let name = file.deletingPathExtension().lastPathComponent + Self.untrusted
      let other = checkpoints.appendingPathComponent(name)
      do {
        try? FileManager.default.removeItem(at: other)
        try FileManager.default.moveItem(at: file, to: other)
      } catch { throw .cannotWrite(other.relativePath, SystemReason.of(error)) }
    }
  }

  /// Removes what writers that were killed left behind.
  func removeTemporaryFiles() {
    let files = FileManager.default
    for (folder, prefixes) in [
      (url, written.map { ".\($0.lastPathComponent)." }),
      (checkpoints, [".step-"]),
    ] {
      for name in (try? files.contentsOfDirectory(atPath: folder.path)) ?? []
      where name.hasSuffix(".tmp") && prefixes.contains(where: name.hasPrefix) {
        try? files.removeItem(at: folder.appendingPathComponent(name))
      }
    }
  }
}
