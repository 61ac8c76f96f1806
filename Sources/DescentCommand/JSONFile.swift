import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining
import Foundation

/// `--json FILE`
struct JSONFile: ParsableArguments {
  @Option(
    name: .customLong("json"),
    help: ArgumentHelp("Write the page as JSON; - is standard output, alone.", valueName: "file"),
    completion: .file(extensions: ["json"]))
  var path: String?

  func validate() throws {
    if path?.isEmpty == true { throw ValidationError("--json names no file") }
  }

  /// Whether standard output belongs to the JSON.
  var isStandardOutput: Bool { path == "-" }

  /// Writes what a document has for programs, where it is asked for.
  func write(_ document: Document) throws {
    guard let path else { return }
    let text = document.json.text + "\n"
    if isStandardOutput {
      output(text, terminator: "")
    } else {
      try OutputFile.write(text, to: path)
    }
  }
}

/// Refuses to write over what is read, over files that a run consists of, and two things into one file.
func requireOwnFiles(_ outputs: [String?], reading inputs: [String]) throws(RecipeError) {
  func place(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
  }
  let files = outputs.compactMap(\.self).filter { $0 != "-" }
  let places = files.map(place)
  for (index, file) in files.enumerated() {
    let name = URL(fileURLWithPath: file).lastPathComponent
    let isOfARun =
      ["recipe.yaml", "metrics.jsonl", "samples.jsonl", "tokenizer.json", "trainer_state.json"]
      .contains(name) || name.hasSuffix(".safetensors") || name.contains("tfevents")
    if inputs.map(place).contains(places[index])
      || isOfARun && FileManager.default.fileExists(atPath: file)
    {
      throw RecipeError(problems: ["\(file) would be overwritten; give another file"])
    }
    if places[..<index].contains(places[index]) {
      throw RecipeError(problems: ["\(file) is asked for twice; give another file"])
    }
  }
}
