import Foundation
import Safetensors
import Testing

/// `descent replay`, as a user meets it.
@Suite("replay on the command line") struct ReplayCommandTests {
  private let temporary: TemporaryFolder
  private var folder: URL { temporary.url }

  init() throws { temporary = try TemporaryFolder() }

  /// Two steps of two tensors.
  private func recording(_ name: String, _ extra: [SafetensorsTensor] = []) throws -> String {
    let path = folder.appendingPathComponent(name).path
    var tensors = [
      SafetensorsTensor("param/w", shape: [2, 2], floats: [1, 2, 3, 4]),
      SafetensorsTensor("param/b", shape: [], floats: [5]),
      SafetensorsTensor("grad/1/w", shape: [2, 2], floats: [1, 0, -1, 2]),
      SafetensorsTensor("grad/2/w", shape: [2, 2], floats: [1, 1, 1, 1]),
      SafetensorsTensor("grad/2/b", shape: [], floats: [2]),
    ]
    tensors.removeAll { tensor in extra.contains { $0.name == tensor.name } }
    try SafetensorsFile.write(tensors + extra, to: path)
    return path
  }

  @Test("replay: weights of every step, the last state, in every format") func replays() throws {
    let input = try recording("in.safetensors")
    for format in ["float32", "bfloat16", "int8"] {
      let run = try descent(
        [
          "replay", "--optimizer", "sgd", "--set", "lr=0.5", "--set", "momentum=0.5", "--state",
          format, "--set", "state_minimum=1", "--input", input, "--output", "\(format).st",
        ], in: folder)
      #expect(run.status == 0, "\(run.error)")
      let file = try SafetensorsFile(path: folder.appendingPathComponent("\(format).st").path)
      #expect(try file.floats(of: "param/1/w") == [0.5, 2, 3.5, 3])
      // A missing gradient leaves a tensor alone.
      #expect(try file.floats(of: "param/1/b") == [5] && file.floats(of: "param/2/b") == [4])
      #expect(file.names.contains("state/momentum_buffer/w"))
      if format != "int8" {
        #expect(try file.floats(of: "param/2/w") == [-0.25, 1.5, 3.25, 2])
        #expect(try file.floats(of: "state/momentum_buffer/w") == [1.5, 1, 0.5, 2])
      }
    }
    let scheduled = try descent(
      [
        "replay", "--optimizer", "sgd", "--set", "lr=1", "--clip-norm", "1", "--schedule", "linear",
        "--schedule-set", "total=2", "--input", input, "--output", "out.st",
      ], in: folder)
    #expect(scheduled.status == 0, "\(scheduled.error)")
    let file = try SafetensorsFile(path: folder.appendingPathComponent("out.st").path)
    let step = try file.floats(of: "param/1/w")[0]
    #expect(abs(step - (1 - 1 / Float(6).squareRoot())) < 1e-6)
  }

  @Test(
    "a bad recording or option is one sentence, and nothing is written",
    arguments: [
      ("nan", [], 65, "grad/1/w is nan at element 1"),
      ("shape", [], 65, "grad/1/w"), ("missing", [], 65, "param/x"),
      ("cut", [], 65, "cut.safetensors"), ("none", [], 66, "none.safetensors"),
      ("good", ["--optimizer", "adamm"], 64, "did you mean 'adam'?"),
      ("good", ["--set", "lr=-1"], 64, "lr=-1"),
      ("good", ["--set", "nesterov=true"], 64, "momentum"),
      ("good", ["--state", "int4"], 64, "state=int4"),
      ("good", ["--schedule-set", "warmup=1"], 64, "give --schedule too"),
      ("good", ["--set", "name=adam"], 64, "give --optimizer"),
      ("good", ["--set", "state=int8"], 64, "give --state"),
      ("good", ["--clip-norm=-1"], 64, "clip.norm=-1"),
      (
        "good", ["--optimizer", "rmsprop", "--set", "centered=true", "--state", "int8"], 64,
        "rmsprop cannot be combined with state=int8"
      ),
      (
        "good", ["--optimizer", "adafactor", "--set", "lr=1e-3"], 64, "relative_step"
      ),
    ] as [(String, [String], Int32, String)])
  func badReplay(_ name: String, _ options: [String], _ status: Int32, _ part: String) throws {
    _ = try recording("good.safetensors")
    _ = try recording(
      "nan.safetensors", [SafetensorsTensor("grad/1/w", shape: [2, 2], floats: [0, .nan, 0, 0])])
    _ = try recording(
      "shape.safetensors", [SafetensorsTensor("grad/1/w", shape: [4], floats: [0, 0, 0, 0])])
    _ = try recording(
      "missing.safetensors", [SafetensorsTensor("grad/1/x", shape: [1], floats: [0])])
    let good = try Data(contentsOf: folder.appendingPathComponent("good.safetensors"))
    try good.prefix(40).write(to: folder.appendingPathComponent("cut.safetensors"))
    let chosen = options.contains("--optimizer") ? options : ["--optimizer", "sgd"] + options
    let result = try descent(
      ["replay", "--input", "\(name).safetensors", "--output", "out.st"] + chosen, in: folder)
    #expect(result.status == status, "\(result.error)")
    #expect(result.error.contains(part), "\(result.error)")
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(!left.contains { $0.hasPrefix("out.st") })
  }
}
