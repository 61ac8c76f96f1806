import Descent
import DescentLab
import DescentTraining
import Foundation

extension FuzzTarget {
  /// Lines of `metrics.jsonl`; what is read, is written and read alike.
  static let metrics = FuzzTarget(name: "metrics", maximumLength: 2048) {
    let lines = [
      #"{"step": 1, "loss": 2.5, "lr": 0.001, "grad_norm": 1e-3, "clipped": false, "#
        + #""applied": true, "seconds": 0.01, "d": 1e-6, "note": "x", "list": [1, "a"]}"#,
      #"{"step": 2, "skipped": true, "cause": "gradient", "loss": "nan"}"#,
      #"{"step": 2, "val_loss": 2.25, "val_accuracy": 0.5}"#,
    ]
    return (lines + [lines.joined(separator: "\n")]).map { Array("\($0)\n".utf8) }
  } read: { input in
    Scratch.write([], to: "recipe.yaml")
    Scratch.write(input, to: "metrics.jsonl")
    let entries = try RunDirectory(existing: Scratch.folder).entries()
    for entry in entries {
      let again = try! JSONDecoder().decode(JournalEntry.self, from: Data(entry.line.utf8))
      precondition(again.line == entry.line)
    }
  }

  /// Recipes, and after a line of `---` what changes in them; what is understood, is written and
  /// understood alike.
  static let recipe = FuzzTarget(name: "recipe", maximumLength: 2048) {
    let changes = [
      "optimizer.lr=1e-3\noptimizer.name=muon\nschedule.name=cosine\nschedule.warmup=3",
      "optimizer.groups=[{match: '*.bias', lr: 1e-3, schedule: {name: linear}}, {frozen: true, "
        + "role: matrix}]",
      "schedule.name=sequence\nschedule.parts=warmup,cosine(floor_ratio=0.1)\n"
        + "schedule.milestones=10",
      "average.name=ema\nclip.norm=1\nprecision=bf16\nweights.format=bf16\noptimizer.state=int8",
    ]
    return BuiltInRecipes.list.compactMap { BuiltInRecipes.yaml($0.name) }.flatMap { yaml in
      ([""] + changes).map { Array("\(yaml)---\n\($0)".utf8) }
    }
  } read: { input in
    let parts = input.text.components(separatedBy: "---\n")
    let changes = parts.dropFirst().joined().split(separator: "\n").map(String.init)
    let recipe = try Recipe(yaml: parts[0], overrides: changes)
    precondition(try! Recipe(yaml: recipe.yaml).yaml == recipe.yaml)
    let parameters = [
      ParameterInfo("layer.weight", shape: [4, 4]), ParameterInfo("layer.bias", shape: [4]),
      ParameterInfo("wte.weight", shape: [8, 4]), ParameterInfo("head.weight", shape: [2, 4]),
    ]
    _ = try Optimizer<Float>(recipe.plan, parameters: parameters)
  }

  /// Schedules: a name, the length of the run, and a setting a line.
  static let schedule = FuzzTarget(name: "schedule", maximumLength: 512) {
    let settings = [
      "cosine\n100\nlr=0.1\nwarmup=10\nfloor_ratio=0.1", "OneCycleLR\n50\nmax_lr=0.1",
      "wsd\n1000\nwarmup=100", "sequence\n\nparts=warmup,cosine(floor=1e-3)\nmilestones=10",
      "product\n20\nparts=[constant,linear]", "CosineAnnealingLR\n12\nT_max=5",
      "multistep\n\nmilestones=3,9\ngamma=0.5", "plateau\n9\npatience=1",
      "CyclicLR\n9\nbase_lr=1e-3\nmax_lr=1\nmode=triangular2",
    ]
    let names = Schedules.all.map { "\($0.name)\n10\nlr=1" }
    return (settings + names).map { Array($0.utf8) }
  } read: { input in
    let lines = input.text.split(separator: "\n", omittingEmptySubsequences: false)
    guard lines.count >= 2 else { return }
    let settings = lines.dropFirst(2).filter { $0.contains("=") }.map { line in
      let equals = line.firstIndex(of: "=") ?? line.endIndex
      return (name: String(line[..<equals]), text: String(line[equals...].dropFirst()))
    }
    let curve = try ScheduleCurve(
      schedule: String(lines[0]), settings, total: Int(lines[1]))
    for step in [0, 1, curve.total / 2, curve.total, ScheduleCurve.longest] {
      _ = curve.json(at: step).line
    }
    // Drawing takes longer than all the rest.
    if input.last == UInt8(ascii: "\n") {
      _ = curve.page(at: nil).text(width: 80, isColored: false)
      _ = curve.titledFigure.svg()
    }
  }

  /// `tokenizer.json`.
  static let tokenizer = FuzzTarget(name: "tokenizer", maximumLength: 1024) {
    [#"{"kind":"byte"}"#, #"{"kind":"char","characters":"\n abcé😀"}"#].map { Array($0.utf8) }
  } read: { input in
    let tokenizer = try JSONDecoder().decode(Tokenizer.self, from: Data(input))
    precondition(
      try! JSONDecoder().decode(
        Tokenizer.self, from: JSONEncoder().encode(tokenizer)) == tokenizer)
    let size = Int32(tokenizer.vocabularySize)
    let text = try tokenizer.decode((0..<size).map { $0 })
    if tokenizer.kind == .character { precondition(try! tokenizer.encode(text).count == size) }
  }
}
