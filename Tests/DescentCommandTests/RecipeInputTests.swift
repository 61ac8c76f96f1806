import Foundation
import Testing

/// What a person may name or write, to its exit code and its one sentence.
@Suite("Recipes and runs on the command line") struct RecipeInputTests {
  private static let small =
    "steps: 2\nmodel: {kind: mlp, hidden: [4]}\ndata: {kind: digits}\noptimizer: {name: sgd}\n"

  private func inFolder(_ body: (URL) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder)
  }

  @Test("what is no recipe has its exit code and its sentence, at once") func files() throws {
    try inFolder { folder in
      func write(_ bytes: [UInt8], _ name: String) throws {
        try Data(bytes).write(to: folder.appendingPathComponent(name))
      }
      try write(Array("# caf".utf8) + [0xE9, 10], "latin1.yaml")
      try write(Array("steps: [1\n".utf8), "broken.yaml")
      try write([UInt8](repeating: 35, count: 300_000), "large.yaml")
      try write([], "empty.yaml")
      try write(
        Array("a: &a [1]\nb: &b [*a, *a]\nc: \(String(repeating: "*b ", count: 9))".utf8),
        "odd.yaml")
      try FileManager.default.createDirectory(
        at: folder.appendingPathComponent("folder"), withIntermediateDirectories: true)
      unsafe mkfifo(folder.appendingPathComponent("pipe").path, 0o600)
      for (name, status, part) in [
        ("latin1.yaml", 65, "latin1.yaml, line 1: expected text in UTF-8, found the byte 0xE9"),
        ("broken.yaml", 64, "the recipe is not valid YAML: line 2, column 1: did not find"),
        ("large.yaml", 65, "it is larger than 256 KiB"), ("empty.yaml", 64, "the recipe is empty"),
        ("odd.yaml", 64, "the recipe is not valid YAML: line 3"),
        ("folder", 65, "it is a folder"), ("pipe", 65, "it is a pipe, not a regular file"),
        ("/dev/null", 65, "it is a device"), ("none.yaml", 66, "no file and no built-in recipe"),
      ] as [(String, Int32, String)] {
        for command in [["groups", name], ["schedule", "--recipe", name]] {
          let result = try descent(command, in: folder)
          #expect(result.status == status && result.output.isEmpty, "\(name): \(result.error)")
          #expect(result.error.contains(part), "\(result.error)")
          #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        }
      }
    }
  }

  @Test("a run whose files are gone or broken says which") func runs() throws {
    try inFolder { folder in
      let text = folder.appendingPathComponent("text.txt")
      try String(repeating: "to be or not to be, ", count: 40)
        .write(to: text, atomically: true, encoding: .utf8)
      let settings = [
        "data.path=text.txt", "steps=2", "model.width=16", "model.layers=1", "model.heads=2",
        "model.context=8", "evaluate.batches=1", "schedule=none",
      ]
      let run = try descent(
        ["train", "gpt", "--quiet", "--out", "run"] + settings.flatMap { ["--set", $0] }, in: folder
      )
      #expect(run.status == 0, "\(run.error)")
      for (file, commands) in [
        ("tokenizer.json", [["sample", "run"]]),
        ("recipe.yaml", [["sample", "run"], ["train", "--resume", "run", "--set", "steps=3"]]),
      ] {
        let url = folder.appendingPathComponent("run/\(file)")
        let good = try Data(contentsOf: url)
        for command in commands {
          try Data([0xFF]).write(to: url)
          let garbled = try descent(command, in: folder)
          #expect(
            garbled.status == 65 && garbled.error.contains("run/\(file), line 1: expected text"))
          try FileManager.default.removeItem(at: url)
          let missing = try descent(command, in: folder)
          #expect(missing.status == 66, "\(missing.error)")
          try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
          let replaced = try descent(command, in: folder)
          #expect(
            replaced.status == 65
              && replaced.error.contains("run/\(file) cannot be read: it is a folder"))
          try FileManager.default.removeItem(at: url)
          try good.write(to: url)
        }
      }
      #expect(try descent(["sample", "run", "--tokens", "3"], in: folder).status == 0)
      let refused = try descent(
        ["train", "--resume", "run", "--set", "steps=3", "--set", "optimizer.amsgrad=true"],
        in: folder)
      #expect(
        refused.status == 64 && refused.error.contains("optimizer.amsgrad contradicts the run"))
    }
  }

  @Test("what cannot be written has the exit code 70, whatever it is") func unwritable() throws {
    try inFolder { folder in
      try Self.small.write(
        to: folder.appendingPathComponent("small.yaml"), atomically: true, encoding: .utf8)
      try "".write(to: folder.appendingPathComponent("file"), atomically: true, encoding: .utf8)
      for command in [
        ["train", "small.yaml", "--quiet", "--out", "file/run"],
        ["train", "small.yaml", "--quiet", "--out", "/dev/null/run"],
      ] {
        let result = try descent(command, in: folder)
        #expect(result.status == 70, "\(command) \(result.error)")
        #expect(!result.error.contains("Domain") && !result.error.contains("operation"))
        #expect(result.error.hasPrefix("Error: "), "\(result.error)")
      }
    }
  }
}
