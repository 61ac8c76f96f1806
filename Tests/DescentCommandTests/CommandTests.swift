import Foundation
import Safetensors
import Testing

/// Runs the built `descent` as a user would.
func descent(
  _ arguments: [String], in folder: URL? = nil, input: String? = nil,
  interruptWhen ready: (() -> Bool)? = nil
) throws -> (status: Int32, output: String, error: String) {
  // The test bundle and the command are built into the same folder.
  let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  let process = Process()
  process.executableURL = tests.deletingLastPathComponent().appendingPathComponent("descent")
  process.arguments = arguments
  if let folder { process.currentDirectoryURL = folder }
  let (output, error) = (Pipe(), Pipe())
  (process.standardOutput, process.standardError) = (output, error)
  let standardInput = Pipe()
  if input != nil { process.standardInput = standardInput }
  try process.run()
  if let input {
    // Whoever refuses the arguments reads nothing; short texts fit into the pipe.
    try standardInput.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try standardInput.fileHandleForWriting.close()
  }
  if let ready {
    let deadline = Date(timeIntervalSinceNow: 60)
    while process.isRunning, !ready(), Date() < deadline { Thread.sleep(forTimeInterval: 0.05) }
    process.interrupt()
  }
  let text = try output.fileHandleForReading.readToEnd() ?? Data()
  let errors = try error.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  return (
    process.terminationStatus, String(decoding: text, as: UTF8.self),
    String(decoding: errors, as: UTF8.self)
  )
}

/// The lines of JSON that a command prints.
func objects(_ arguments: [String], in folder: URL? = nil) throws -> [[String: Any]] {
  let result = try descent(arguments, in: folder)
  #expect(result.status == 0, "\(result.error)")
  return try result.output.split(separator: "\n").map {
    try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
  }
}

@Suite("Command line", .serialized) struct CommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws { temporary = try TemporaryFolder() }

  private func write(_ text: String, _ name: String) throws -> String {
    let file = folder.appendingPathComponent(name)
    try text.write(to: file, atomically: true, encoding: .utf8)
    return file.path
  }

  @Test("a run is trained, numbered, and sampled") func trainsAndSamples() throws {
    let text = try write(String(repeating: "to be or not to be, ", count: 200), "text.txt")
    let small = [
      "train", "gpt", "--set", "data.path=\(text)", "--set", "steps=20", "--set",
      "schedule.warmup=2", "--set",
      "model.width=32", "--set", "model.layers=1", "--set", "evaluate.batches=1",
    ]
    for number in 1...2 {
      let run = try descent(small, in: folder)
      #expect(run.status == 0, "\(run.error)")
      #expect(run.output.contains("training gpt in runs/gpt-\(number)"))
      #expect(run.output.contains("group no_decay (rank 0"))
      #expect(run.output.contains("validation loss"))
    }
    let sample = try descent(
      ["sample", "runs/gpt-2", "--prompt", "to be", "--tokens", "30"], in: folder)
    #expect(sample.status == 0 && sample.output.hasPrefix("to be"))
    #expect(sample.output.count == 5 + 30 + 1)
    let unseen = try descent(["sample", "runs/gpt-2", "--prompt", "ß"], in: folder)
    #expect(unseen.status == 65 && unseen.error.contains("ß"))
  }

  @Test(
    "exit codes and sentences of bad input",
    arguments: [
      (["train", "gpt", "--set", "optimizer.lrr=1"], 64, "did you mean 'optimizer.lr'?"),
      (["train", "gpt", "--set", "optimizer.lr=-1"], 64, "optimizer.lr=-1 is out of range"),
      (["train", "gpt", "--set", "data.path=none.txt"], 66, "none.txt"),
      (["train", "gtp"], 66, "called 'gtp'; did you mean '"),
      (["train", "gpt", "--sett", "a=b"], 64, "--sett"),
      (["train", "gpt", "--set", "data.path=empty.txt"], 65, "empty"),
      (["train", "gpt", "--set", "data.path=short.txt"], 65, "context"),
      (
        ["train", "digits-mlp", "--set", "data.kind=csv", "--set", "data.path=ragged.csv"], 65,
        "ragged.csv"
      ),
      (
        [
          "train", "digits-mlp", "--set", "data.kind=idx", "--set", "data.images=cut.idx", "--set",
          "data.labels=cut.idx",
        ], 65, "cut.idx"
      ),
      (["sample", "nowhere"], 66, "there is no run nowhere"),
      (["race", "digits-mlp"], 64, "--optimizers adamw,lion,prodigy"),
      (["race", "gtp", "--optimizers", "adamw"], 66, "called 'gtp'"),
      (["race", "digits-mlp", "--optimizers", "adamww"], 64, "did you mean 'adamw'?"),
      (["race", "digits-mlp", "--optimizers", "adamw", "--seeds", "0"], 64, "--seeds 0"),
      (["race", "digits-mlp", "--optimizers", "adamw", "--tune", "-1"], 64, "--tune -1"),
      (["race", "digits-mlp", "--optimizers", "adamw", "--jobs", "0"], 64, "--jobs 0"),
      (["race", "digits-mlp", "--optimizers", "adamw", "--target", "nan"], 64, "--target nan"),
      (["race", "digits-mlp", "--optimizers", "adamw", "--budget", "-1s"], 64, "is no time"),
      (["race", "--resume", "nowhere"], 66, "nowhere holds no race"),
      (["race", "--resume", "nowhere", "--tune", "3"], 64, "leave them out"),
      (["recipes", "gpt", "--json"], 64, "--json is for the list"),
      (["recipes", "gpr"], 64, "did you mean 'gpt'?"),
      (["schedule", "cosin"], 64, "did you mean 'cosine'?"),
      (["schedule", "cosine", "--total", "0"], 64, "total=0 is out of range"),
      (
        ["schedule", "cosine", "--total", "9000000000000000000"], 64,
        "must be from 1 step to 1e15 steps"
      ),
      (["schedule", "cosine", "--total", "10000000", "--json"], 64, "give --at"),
      (["schedule", "wsd", "--set", "warmup=9000000000000000000"], 64, "at most 15 digits"),
      (
        [
          "replay", "--optimizer", "sgd", "--schedule", "plateau", "--input", "a", "--output", "b",
        ], 64, "follows a metric"
      ),
      (
        ["replay", "--optimizer", "sgd", "--input", "a", "--output", ""], 64,
        "--output names no file"
      ),
      (["memory", "gpt", "--html", ""], 64, "--html names no file"),
      (["recommend", "--task", "rl", "--html", ""], 64, "--html names no file"),
      (["convert-hparams", "adamw", "lion", "--html", ""], 64, "--html names no file"),
      (["schedule", "cosine", "--at", "1,x"], 64, "--at 1,x must be steps"),
      (["schedule", "cosine", "--at", ""], 64, "must be steps such as 0,1,1000"),
      (["schedule", "cosine", "--at", "1,,2"], 64, "--at 1,,2 must be steps"),
      (
        ["groups", "gpt", "--set", "optimizer.groups=[{name: \"a\\nb\", match: \"*\"}]"], 64,
        "name=a b cannot be read: name takes a name, on one line"
      ),
      (["schedule", "cosine", "--set", "lr=fast"], 64, "lr=fast cannot be read"),
      (["schedule", "cosine", "--set", "warmup"], 64, "must have the form key=value"),
      (
        ["schedule", "cosine", "--set", "warmup=20", "--total", "10"], 64,
        "warmup=20 is longer than total=10"
      ),
      (["schedule", "multistep", "--set", "milestones=9,3"], 64, "milestones must ascend"),
      (["schedule", "cosine", "--plot", "a.png"], 64, "ends in .svg"),
      (["schedule", "cosine", "--recipe", "gpt"], 64, "not both"),
      (["schedule", "cosine", "--metric", "1"], 64, "follows no metric"),
      (["schedule", "--recipe", "gpt", "--group", "x"], 64, "there is no group 'x'"),
      (["schedule", "--recipe", "gpt", "--total", "0"], 64, "total=0 is out of range"),
      (["schedule", "--recipe", "gtp"], 66, "called 'gtp'; did you mean '"),
      (["schedule", "--total", "5"], 64, "--total needs the name of a schedule"),
      (["schedule", "cosine", "--group", "x"], 64, "--group goes with --recipe"),
      (
        ["schedule", "--recipe", "gpt", "--metric", "1"], 64,
        "--metric cannot be combined with --recipe"
      ),
      (["schedule", "plateau", "--metric", "1,x"], 64, "--metric x is not a number"),
      (["benchmark", "--parameters=0"], 64, "--parameters must be at least 1"),
      (["benchmark", "sgd", "--parameters=1000000000000"], 64, "32 TB of memory"),
      (["benchmark", "sgd", "--parameters=\(Int.max)"], 64, "295 EB of memory"),
      (["benchmark", "lbfgs"], 64, "lbfgs cannot be measured this way: its step evaluates a loss"),
      (["fly"], 64, "fly"),
      (["inspect", "nowhere.safetensors"], 66, "nowhere.safetensors"),
      (["inspect", "."], 66, "not a run"),
      (["inspect", "short.txt"], 65, "not a valid safetensors file"),
      (["inspect", "empty.txt"], 65, "0 bytes"),
      (["inspect", "/dev/null"], 65, "a device or a pipe"),
      (["inspect", "short.txt", "--against", "nowhere"], 65, "short.txt"),
      (["convert-state", "nowhere", "out", "--to", "int8"], 66, "there is no run nowhere"),
      (["convert-state", "nowhere", "out", "--to", "int4"], 64, "--to int4 must be one of"),
      (["convert-state", "nowhere", "out", "--to", "pytorch"], 64, "must end in .safetensors"),
      (["convert-state", "nowhere", "short.txt", "--to", "int8"], 64, "short.txt exists"),
      (["convert-state", "nowhere", "", "--to", "int8"], 64, "needs a name"),
      (
        ["convert-state", "nowhere", "out", "--to", "int8", "--set", "optimizer.lr=1"], 64,
        "optimizer.lr=1 cannot be changed here"
      ),
      (
        ["convert-state", "nowhere", "out", "--to", "int8", "--set", "optimizer.state=bfloat16"],
        64,
        "leave out --set"
      ),
      (
        ["convert-state", "lone.safetensors", "out", "--to", "int8"], 66,
        "lone.safetensors is not among the checkpoints of a run"
      ),
      (["inspect", ""], 65, "The name of a file is empty; give one."),
      (["train", "digits-mlp", "--out", "short.txt"], 70, "it is a file, not a folder"),
      (["train", "digits-mlp", "--out", ""], 64, "--out names no folder"),
      (["compare-precision", "digits-mlp", "--out", ""], 64, "--out names no folder"),
      (["compare-precision", "digits-mlp", "--out", "old"], 64, "old is not empty"),
      (["verify-resume", "digits-mlp", "--out", ""], 64, "--out names no folder"),
      (["verify-resume", "digits-mlp", "--out", "old"], 64, "old is not empty"),
      (["landscape", "--svg", String(repeating: "x", count: 300)], 70, "is too long"),
      (["landscape", "--svg", ""], 64, "name"),
      (["train", "old"], 64, "give its recipe, old/recipe.yaml"),
      (["train", "digits-mlp", "--from", "nowhere.safetensors"], 66, "nowhere.safetensors"),
      (["train", "digits-mlp", "--from", "short.txt"], 65, "not a valid safetensors file"),
      (["train", "digits-mlp", "--partial"], 64, "--partial goes with --from"),
      (["train", "--resume", "a", "--from", "b"], 64, "leave out --from"),
      (["train", "digits-mlp", "--optimizer-state", "short.txt"], 65, "short.txt"),
    ] as [([String], Int32, String)])
  func badInput(_ arguments: [String], _ status: Int32, _ part: String) throws {
    _ = try write("", "empty.txt")
    _ = try write("too short", "short.txt")
    _ = try write("", "lone.safetensors")
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("old"), withIntermediateDirectories: true)
    _ = try write("", "old/recipe.yaml")
    _ = try write("1,2,a\n3,b\n", "ragged.csv")
    try Data([0, 0, 8, 3, 0, 0, 0, 9, 0, 0]).write(to: folder.appendingPathComponent("cut.idx"))
    let result = try descent(arguments, in: folder)
    #expect(result.status == status, "\(result.error)")
    #expect(result.error.contains(part), "\(result.error)")
    #expect(!FileManager.default.fileExists(atPath: folder.appendingPathComponent("runs").path))
  }

  @Test("a short run is not what a recipe begins with; what a run began with is past")
  func quickRuns() throws {
    let short = ["train", "grokking", "--set", "steps=2", "--quiet"]
    #expect(try descent(short + ["--quick"], in: folder).status == 0)
    let runs = folder.appendingPathComponent("runs").path
    #expect(try FileManager.default.contentsOfDirectory(atPath: runs) == ["grokking-quick-1"])
    let from = ["--set", "from=grokking"]
    let missing = try descent(short + from, in: folder)
    #expect(missing.status == 66 && missing.error.contains("train it first"), "\(missing.error)")
    #expect(try descent(short, in: folder).status == 0)
    #expect(try descent(short + from, in: folder).status == 0)
    // The weights that a recipe begins with may fit in part, like those of --from.
    let wide = short + from + ["--set", "model.hidden=8"]
    #expect(try descent(wide, in: folder).error.contains("give --partial"))
    #expect(try descent(wide + ["--partial"], in: folder).status == 0)
    let other = try descent(
      ["train", "--resume", "runs/grokking-2", "--set", "steps=3", "--set", "from=none"],
      in: folder)
    #expect(other.status == 64 && other.error.contains("from="), "\(other.error)")
  }

  @Test("an overflowing learning rate ends with 75 and the last good weights on disk")
  func overflow() throws {
    let result = try descent(
      ["train", "digits-mlp", "--set", "optimizer.lr=1e38", "--out", "run"], in: folder)
    #expect(result.status == 75, "\(result.error)")
    #expect(result.error.contains("training stopped at step"))
    let checkpoints = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("run/checkpoints").path)
    #expect(checkpoints.count == 1)
  }

  @Test("verify-resume compares three runs, and leaves them only where it is told to")
  func verifiesResume() throws {
    func found(_ arguments: String...) throws -> [String: Any] {
      let run = try descent(
        ["verify-resume", "digits-mlp", "--steps", "6", "--at", "2", "--json"] + arguments,
        in: folder)
      #expect(run.status == 0, "\(run.error)")
      let page = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
      return try #require(page as? [String: Any])
    }
    let momentum = try found()
    #expect(momentum["resumedEqual"] as? Bool == true)
    #expect(momentum["weightsOnlyEqual"] as? Bool == false)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    let plain = try found(
      "--set", "optimizer.name=sgd", "--set", "optimizer.momentum=0", "--set",
      "optimizer.nesterov=false", "--out", "kept")
    #expect(plain["weightsOnlyEqual"] as? Bool == true)
    #expect(
      try FileManager.default.contentsOfDirectory(
        atPath: folder.appendingPathComponent("kept").path
      ).sorted() == ["resumed", "straight", "weights-only"])
    let wrong = try descent(
      ["verify-resume", "digits-mlp", "--steps", "6", "--at", "6"], in: folder)
    #expect(wrong.status == 64 && wrong.error.contains("--at 6 must be at least 1"))
  }

  @Test("Ctrl-C ends with 130 after a checkpoint, from which --resume goes on") func interrupt()
    throws
  {
    let result = try descent(
      [
        "train", "gpt", "--set", "steps=100000", "--set", "checkpoint.every=0", "--set",
        "evaluate.every=0", "--set", "schedule.warmup=0", "--out", "run",
      ], in: folder
    ) {
      // Three steps are on disk.
      let log = try? String(
        contentsOf: folder.appendingPathComponent("run/metrics.jsonl"), encoding: .utf8)
      return (log?.split(separator: "\n").count ?? 0) >= 3
    }
    #expect(result.status == 130, "\(result.error)")
    let checkpoints = try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("run/checkpoints").path)
    #expect(checkpoints.count == 1)
    #expect(result.error.contains("descent train --resume run"))
    let done = try #require(Int(checkpoints[0].filter(\.isNumber)))
    let goOn = ["train", "gpt", "--resume", "run", "--set", "evaluate.batches=1"]
    let end = try descent(goOn + ["--set", "steps=\(done + 2)"], in: folder)
    #expect(end.status == 0, "\(end.error)")
    #expect(end.output.contains("continuing run after step \(done)"))
    #expect(end.output.contains("steps: 100000 → \(done + 2)"))
    #expect(end.error.contains("continues with the recipe it was started with"))
    let log = try String(
      contentsOf: folder.appendingPathComponent("run/metrics.jsonl"), encoding: .utf8)
    #expect(log.components(separatedBy: "\"loss\"").count - 1 == done + 2)
    #expect(end.output.contains("\n2 of \(done + 2) steps in "))

    for (arguments, status, part) in [
      (goOn + ["--set", "steps=\(done)"], 64, "has done \(done + 2) steps"),
      (goOn + ["--set", "steps=\(done + 2)"], 64, "has already done all its"),
      (goOn + ["--set", "model.width=64"], 64, "model.width=64 contradicts the run"),
      (goOn + ["--out", "x"], 64, "leave out --out"),
      (["train"], 64, "give a recipe to train, or --resume"),
      (["train", "--resume", "nowhere"], 66, "there is no run nowhere"),
      (["train", "--resume", "run/checkpoints/x.safetensors"], 66, "x.safetensors"),
    ] as [([String], Int32, String)] {
      let result = try descent(arguments, in: folder)
      #expect(result.status == status && result.error.contains(part), "\(result.error)")
    }
    for name in try FileManager.default.contentsOfDirectory(
      atPath: folder.appendingPathComponent("run/checkpoints").path)
    {
      _ = try write("not a checkpoint", "run/checkpoints/\(name)")
    }
    let broken = try descent(goOn, in: folder)
    #expect(broken.status == 65 && broken.error.contains("no checkpoint that can be resumed from"))
  }
}
