import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// The files that a command with long work is to write, looked at before it begins.
enum OutputPaths {
  /// What reads or writes, as the user knows it (`--json`, `the recipe`), and its path.
  typealias Use = (name: String, path: String?)

  /// Refuses outputs that take each other's place or an input's, and those that cannot be written.
  ///
  /// - Parameters:
  ///   - outputs: the files to write; nil and `-` are none.
  ///   - inputs: what must stay as it is; folders count, but what lies in them does not.
  ///   - areWritable: whether the outputs must be files that can be written by now.
  /// - Throws: `RecipeError` for two of one path, `FileError` for what cannot be written.
  static func check(
    _ outputs: [Use], keeping inputs: [Use] = [], areWritable: Bool = true
  ) throws {
    var problems: [String] = []
    let files = outputs.filter { $0.path != nil && $0.path != "-" }
    for (index, (name, path)) in files.enumerated() {
      guard let path else { continue }
      for other in files[..<index] where place(other.path) == place(path) {
        problems.append("\(other.name) and \(name) are both \(path): give each a file of its own")
      }
      for input in inputs where input.path != nil && place(input.path) == place(path) {
        problems.append("\(name) \(path) would replace \(input.name): give another file")
      }
    }
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    for file in files where areWritable { try OutputFile.check(file.path ?? "") }
  }

  /// Where a path leads, links followed.
  static func place(_ path: String?) -> String? {
    path.map { URL(fileURLWithPath: $0).standardizedFileURL.resolvingSymlinksInPath().path }
  }

  /// Refuses outputs of what reads logs: those that would replace one, or a file that a run consists of.
  static func check(_ outputs: [Use], readingLogs logs: [String]) throws {
    let kept = ["recipe.yaml", "metrics.jsonl", "samples.jsonl", "data.json", "tokenizer.json"]
    for (name, path) in outputs {
      guard let path, path != "-" else { continue }
      let file = URL(fileURLWithPath: path).lastPathComponent
      let isOfARun =
        kept.contains(file) || file.hasSuffix(".safetensors") || file.contains("tfevents")
      if isOfARun, FileManager.default.fileExists(atPath: path) {
        throw RecipeError(problems: [
          "\(name) \(path) would replace a file of a run: give another file"
        ])
      }
    }
    // What lies in a folder of logs is looked up only where an output lies there already.
    let places = outputs.compactMap { use -> String? in
      guard let path = use.path, path != "-", FileManager.default.fileExists(atPath: path) else {
        return nil
      }
      return place(path)
    }
    let read = logs.flatMap { log -> [String] in
      let folder = (place(log) ?? log) + "/"
      guard places.contains(where: { $0.hasPrefix(folder) }) else { return [] }
      return (try? RunLogReader(path: log).files) ?? []
    }
    try check(outputs, keeping: (logs + read).map { ("a log", $0) }, areWritable: false)
  }
}
