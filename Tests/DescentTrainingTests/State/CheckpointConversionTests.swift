import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

// A run whose state takes another format, and new runs that begin with what others have learned.
extension TrainerTests {
  private func checkpoint(_ folder: String, _ step: Int) throws -> SafetensorsFile {
    let digits = String(step)
    let name = "step-" + String(repeating: "0", count: 8 - digits.count) + digits
    return try SafetensorsFile(path: "\(folder)/checkpoints/\(name).safetensors")
  }

  private func resume(_ folder: String, _ changes: [String] = []) throws -> TrainingResult {
    let run = try RunDirectory(existing: folder)
    return try Trainer(resuming: run, overrides: changes).run(in: run, observer: Watcher())
  }

  private func tensors(_ file: SafetensorsFile) throws -> [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: try file.names.map { ($0, try file.bytes(of: $0)) })
  }

  @Test(
    "a run goes on with its state in another format, and comes back",
    arguments: [
      ("adamw", []), ("lion", ["average.name=ema"]), ("prodigy", []),
      ("schedule-free-adamw", ["schedule.name=constant"]),
    ], StateStorage.Format.allCases)
  func converted(
    _ example: (rule: String, changes: [String]), _ format: StateStorage.Format
  ) throws {
    let base = ResumeRecipe.gpt.filter {
      !($0.hasPrefix("schedule.warmup") && example.changes.contains("schedule.name=constant"))
    }
    try withFolder { folder in
      let (run, other, back) = (folder + "/run", folder + "/other", folder + "/back")
      let changes =
        base + ["optimizer.name=\(example.rule)", "optimizer.state_minimum=100"] + example.changes
      _ = try train("gpt", changes, in: run, stopAfter: 7)
      let conversion = try StateConversion(run, changes: ["optimizer.state=\(format.rawValue)"])
      try conversion.write(to: other)
      #expect(conversion.step == 7 && conversion.state.contains { $0.format == format })
      let (before, after) = (try tensors(checkpoint(run, 7)), try tensors(checkpoint(other, 7)))
      for (name, bytes) in before where !name.hasPrefix("state/") {
        #expect(after[name] == bytes, "\(name)")
      }
      if format == .float32 { #expect(before == after) }
      // Back in float32, state is what the format held.
      try StateConversion(other, changes: ["optimizer.state=float32"]).write(to: back)
      let returned = try checkpoint(back, 7)
      #expect(Set(returned.names) == Set(before.keys))
      // Half the largest gap of the codes of m.
      let codes = StateStorage.book(signed: true).values
      let rounding = zip(codes, codes.dropFirst()).map { $1 - $0 }.max()! / 2
      for name in returned.names where name.hasPrefix("state/exp_avg/") {
        let (a, b) = (try checkpoint(run, 7).floats(of: name), try returned.floats(of: name))
        let largest = a.map(abs).max() ?? 0
        let bound: Float = format == .float32 ? 0 : format == .bfloat16 ? 0.004 : rounding
        for (x, y) in zip(a, b) { #expect(abs(x - y) <= bound * largest, "\(name)") }
      }
      #expect(try resume(other).steps == 12)
      #expect(try resume(back).steps == 12)
      if format == .float32 {
        _ = try resume(run)
        #expect(try tensors(checkpoint(run, 12)) == tensors(checkpoint(other, 12)))
      }
    }
  }

  @Test("a converted checkpoint takes its place in the run, whose format it decides")
  func replaced() throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train(
        "gpt", ResumeRecipe.gpt + ["optimizer.state_minimum=100"], in: run, stopAfter: 7)
      let path = try checkpoint(run, 7).path
      try StateConversion(path, changes: ["optimizer.state=int8"])
        .write(to: folder + "/int8.safetensors")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder).sorted().count == 2)
      try FileManager.default.removeItem(atPath: path)
      try FileManager.default.moveItem(atPath: folder + "/int8.safetensors", toPath: path)
      #expect(throws: RecipeError.self) { try resume(run, ["optimizer.state=float32"]) }
      #expect(try resume(run, ["optimizer.state=int8"]).steps == 12)
      #expect(try checkpoint(run, 12).contains("state/exp_avg/h.0.mlp.c_fc.weight.tapered"))
      let recipe = try String(contentsOfFile: run + "/recipe.yaml", encoding: .utf8)
      #expect(try Recipe(yaml: recipe).plan.state.format == .int8)
    }
  }

  @Test("conversions that cannot be are refused, and write nothing") func impossible() throws {
    try withFolder { folder in
      let run = folder + "/run"
      _ = try train(
        "digits-mlp",
        ["epochs=none", "steps=2", "optimizer.name=rmsprop", "optimizer.centered=true"],
        in: run)
      #expect(throws: RecipeError.self) {
        try StateConversion(run, changes: ["optimizer.state=int8"])
      }
      #expect(throws: RecipeError.self) { try StateConversion(run, changes: ["optimizer.lr=1"]) }
      #expect(throws: RunError.self) { try StateConversion(folder + "/none") }
      let conversion = try StateConversion(run)
      #expect(throws: RunError.self) { try conversion.write(to: run) }
      try conversion.write(to: folder + "/state.safetensors", layout: .pytorch)
      let state = try SafetensorsFile(path: folder + "/state.safetensors")
      #expect(state.metadata["optimizer"] == "RMSprop")
      #expect(state.names.contains { $0.hasSuffix("/grad_avg") })
    }
  }

  @Test("a new run begins with the weights of another, and with the state of a PyTorch optimizer")
  func begins() throws {
    try withFolder { folder in
      let run = folder + "/run"
      let changes = ResumeRecipe.gpt
      _ = try train("gpt", changes, in: run, stopAfter: 7)
      let conversion = try StateConversion(run)
      try conversion.write(to: folder + "/state.safetensors", layout: .pytorch)
      func trainer(_ changes: [String]) throws -> Trainer {
        try Trainer(Recipe(yaml: #require(BuiltInRecipes.yaml("gpt")), overrides: changes))
      }
      let next = try trainer(changes)
      #expect(try next.begin(withWeightsOf: run).isComplete)
      try next.begin(withPyTorchState: folder + "/state.safetensors")
      // State and weights are those of the run, and the schedule begins anew.
      let old = try tensors(checkpoint(run, 7))
      _ = try next.run(
        in: RunDirectory(new: folder + "/next", name: ""), observer: Watcher(stopAfter: 1))
      let new = try tensors(checkpoint(folder + "/next", 1))
      #expect(new["state/step/wte.weight"] == [8, 0, 0, 0, 0, 0, 0, 0])
      #expect(old["wte.weight"] != new["wte.weight"])
      // One tensor of another shape, one less, one more.
      let wide = try trainer(changes + ["model.context=32"])
      #expect(throws: RunError.self) { try wide.begin(withWeightsOf: run) }
      let report = try wide.begin(withWeightsOf: run, partially: true)
      #expect(report.mismatched.map(\.name) == ["wpe.weight"] && report.missing.isEmpty)
      let deep = try trainer(changes + ["model.layers=2"])
      #expect(try deep.begin(withWeightsOf: run, partially: true).missing.count == 6)
      let other = try trainer(changes + ["model.width=64"])
      #expect(throws: RunError.self) { try other.begin(withWeightsOf: run, partially: true) }
      // As many characters, but others; and the run's own, wherever they come from.
      let (text, longer) = (folder + "/text.txt", folder + "/longer.txt")
      let tokenizer = try Tokenizer(contentsOf: RunDirectory(existing: run).tokenizer)
      let known = try tokenizer.decode(Array(0..<Int32(tokenizer.vocabularySize)))
      let others = known.replacingOccurrences(of: "z", with: "ß")
      try String(repeating: others, count: 9).write(toFile: text, atomically: true, encoding: .utf8)
      try String(repeating: "a new text ", count: 90)
        .write(toFile: longer, atomically: true, encoding: .utf8)
      for path in [text, longer] {
        let begin = try trainer(changes + ["data.path=\(path)"])
        let error = #expect(throws: RunError.self) { try begin.begin(withWeightsOf: run) }
        #expect("\(error!)".contains("set data.tokenizer=\(run)"))
      }
      let same = try trainer(changes + ["data.path=\(longer)", "data.tokenizer=\(run)"])
      #expect(try same.begin(withWeightsOf: run).isComplete)
      #expect(throws: DataError.self) {
        try trainer(changes + ["data.path=\(text)", "data.tokenizer=\(run)"])
      }
      // A bit of a weight has flipped.
      let (whole, damaged) = (try checkpoint(run, 7).path, folder + "/damaged.safetensors")
      var bytes = try Data(contentsOf: URL(fileURLWithPath: whole))
      bytes[bytes.count - 1] ^= 1
      try bytes.write(to: URL(fileURLWithPath: damaged))
      let error = #expect(throws: RunError.self) {
        try trainer(changes).begin(withWeightsOf: damaged)
      }
      #expect("\(error!)".contains("is not what was written: its checksum differs"))
      #expect(try FileInspection(damaged).defect?.contains("its checksum differs") == true)
      #expect(try FileInspection(whole).defect == nil)
    }
  }

  @Test(
    "weights may be floats of any width, and must be finite",
    arguments: [SafetensorsDType.f16, .bf16, .f64, .i32])
  func widths(_ dtype: SafetensorsDType) throws {
    try withFolder { folder in
      let changes = ["epochs=none", "steps=1"]
      func trainer() throws -> Trainer {
        try Trainer(Recipe(yaml: #require(BuiltInRecipes.yaml("digits-mlp")), overrides: changes))
      }
      _ = try train("digits-mlp", changes, in: folder + "/run")
      let file = try checkpoint(folder + "/run", 1)
      let weights = file.entries.filter { !$0.name.contains("/") }
      func write(_ value: [UInt8], _ path: String) throws -> String {
        let size = dtype.byteCount
        try SafetensorsFile.write(
          weights.map { entry in
            let bytes = (0..<entry.count).flatMap { _ in
              [UInt8](repeating: 0, count: size - value.count) + value
            }
            return SafetensorsTensor(
              entry.name, dtype: dtype, shape: entry.shape, bytes: bytes)
          }, to: folder + path)
        return folder + path
      }
      // 0x3f00 is the upper half of 0.5 in bf16, and a number in each of the others.
      let good = try write([0, 0x3f], "/good.safetensors")
      let bad = try write(dtype == .f16 ? [0, 0x7c] : [0xf0, 0x7f], "/bad.safetensors")
      if dtype == .i32 {
        #expect(throws: RunError.self) { try trainer().begin(withWeightsOf: good) }
        return
      }
      #expect(try trainer().begin(withWeightsOf: good).isComplete)
      #expect(throws: DataError.self) { try trainer().begin(withWeightsOf: bad) }
    }
  }
}
