import Descent
import DescentNN
import DescentTraining
import Foundation
import Safetensors
import Testing

extension RunDirectory {
  /// What was measured.
  func measured() throws -> [InstrumentRecord] {
    try entries().compactMap { if case .instruments(let record) = $0 { record } else { nil } }
  }
}

@Suite("Instruments", .serialized) struct InstrumentTests {
  private func train(
    _ recipe: String, _ changes: [String], in folder: String, stopAfter limit: Int = .max
  ) throws -> RunDirectory {
    let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml(recipe)), overrides: changes)
    let run = try RunDirectory(new: folder, name: "test")
    _ = try Trainer(recipe).run(in: run, observer: Watcher(stopAfter: limit))
    return run
  }

  /// The tensors of the last checkpoint.
  private func tensors(_ run: RunDirectory) throws -> [String: [UInt8]] {
    let file = try SafetensorsFile(path: try #require(run.checkpointFiles.last).path)
    return Dictionary(uniqueKeysWithValues: try file.names.map { ($0, try file.bytes(of: $0)) })
  }

  private static let digits = ["epochs=none", "steps=5", "schedule.warmup=1", "batch=16"]
  private static let small = digits + ["evaluate.batches=1", "model.hidden=[12]"]
  private static let images = digits + ["evaluate.batches=1", "model.channels=[4]"]
  private static let text = [
    "steps=5", "schedule.warmup=1", "model.width=16", "model.layers=2", "model.heads=2",
    "model.context=8", "batch=4", "evaluate.batches=1",
  ]
  private static let measured = [
    "instruments.every=2", "instruments.histograms=true", "log.samples=true", "evaluate.every=3",
  ]

  /// A recipe, a short form of it, and changes.
  private static let ways: [(recipe: String, base: [String], changes: [String])] = [
    ("digits-mlp", small, []),
    ("digits-mlp", small, ["accumulate=3"]),
    ("digits-mlp", small, ["release_gradients=true", "clip.norm=none"]),
    ("digits-mlp", small, ["release_gradients=true", "clip.norm=0.1", "model.dropout=0.2"]),
    ("digits-mlp", small, ["optimizer.name=lbfgs", "clip.norm=none"]),
    ("digits-mlp", small, ["optimizer.name=prodigy", "optimizer.lr=1"]),
    ("digits-mlp", small, ["optimizer.name=sophia-h", "optimizer.update_interval=2"]),
    ("digits-mlp", small, ["optimizer.name=schedule-free-adamw"]),
    ("digits-mlp", small, ["average.name=lookahead", "average.k=2"]),
    ("digits-cnn", images, ["optimizer.name=kfac", "model.recompute=layers"]),
    ("digits-cnn", images, ["average.name=swa", "model.dropout=0.1"]),
    ("digits-cnn", images, ["optimizer.groups=[{match: \"head.*\", frozen: true}]"]),
    ("gpt", text, ["model.dropout=0.1", "model.recompute=layers", "accumulate=2"]),
    ("gpt", text, ["precision=fp16"]),
    ("gpt", text, ["precision=bf16", "weights.format=bf16"]),
    ("gpt", text, ["optimizer.name=sophia-g", "optimizer.hess_interval=2"]),
  ]

  @Test("numbers of a group are those of its tensors as one vector") func groups() throws {
    try withFolder { folder in
      let run = try train(
        "digits-mlp", Self.small + ["instruments.every=5", "instruments.curvature=false"],
        in: folder)
      let entry = try #require(
        run.entries().compactMap { entry -> InstrumentRecord? in
          if case .instruments(let record) = entry { record } else { nil }
        }.last)
      let shapes: [(group: String, tensors: [String])] = [
        ("no_decay", ["layers.0.bias", "layers.1.bias"]),
        ("default", ["layers.0.weight", "layers.1.weight"]),
      ]
      for (key, group) in [("grad_norm", "group_grad_norm"), ("weight_norm", "group_weight_norm")] {
        for (name, tensors) in shapes {
          let squares = try tensors.map { tensor in
            let value = try #require(
              entry.values["\(key)/\(tensor)"], "\(entry.values.keys.sorted())")
            return value * value
          }
          let all = try #require(entry.values["\(group).\(name)"])
          #expect(abs(all * all - squares.reduce(0, +)) <= 1e-9 * all * all)
        }
      }
      #expect((entry.values["group_distance.default"] ?? 0) > 0)
    }
  }

  @Test(
    "training is the same to the bit, whatever the way of training", arguments: ways.indices)
  func unchanged(_ way: Int) throws {
    let (recipe, base, more) = Self.ways[way]
    let changes = base + more
    try withFolder { folder in
      let plain = try train(recipe, changes + ["evaluate.every=3"], in: folder + "/a")
      let watched = try train(recipe, changes + Self.measured, in: folder + "/b")
      #expect(try tensors(plain) == tensors(watched))
      func comparable(_ run: RunDirectory) throws -> [String] {
        try run.entries().compactMap { entry in
          guard case .step(var step) = entry else {
            if case .instruments = entry { return nil } else { return entry.line }
          }
          (step.seconds, step.itemsPerSecond) = (0, nil)
          // Other tests use memory at the same time.
          (step.memoryBytes, step.activationBytes) = (nil, nil)
          return JournalEntry.step(step).line
        }
      }
      #expect(try comparable(plain) == comparable(watched))
      let records = try watched.measured()
      #expect(records.map(\.step) == [2, 4] && records.allSatisfy { $0.seconds > 0 })
      let (file, last) = (
        try SafetensorsFile(path: try #require(watched.checkpointFiles.last).path),
        try #require(records.last)
      )
      let frozen = changes.contains { $0.contains("frozen") }
      for name in file.names where file.contains(name) && !name.contains("/") {
        let isTrained =
          !name.contains("running") && !name.contains("tracked")
          && !(frozen && name.hasPrefix("head"))
        for key in ["weight_norm", "grad_norm", "step_size", "snr", "norm_test"] {
          #expect((last.values["\(key)/\(name)"] != nil) == isTrained, "\(key) of \(name)")
        }
        for kind in ["weight", "gradient", "update"] where isTrained {
          let histogram = try #require(last.histograms["\(kind)/\(name)"])
          let elements = try file.entry(name).shape.reduce(1, *)
          #expect(histogram.counts.reduce(0, +) == elements, "\(kind)/\(name)")
          #expect(histogram.from <= histogram.to)
        }
      }
      #expect(try #require(last.values["curvature"]).isFinite)
      #expect(try #require(last.values["norm_test"]) > 0)
    }
  }

  /// All numbers of a file, in float64, by tensor.
  private func floats(_ path: String) throws -> [String: [Double]] {
    let file = try SafetensorsFile(path: path)
    return Dictionary(
      uniqueKeysWithValues: try file.names.filter { !$0.contains("/") }.map {
        ($0, try file.floats(of: $0).map(Double.init))
      })
  }

  private func norm(_ x: [Double]) -> Double { x.reduce(0) { $0 + $1 * $1 }.squareRoot() }

  private func expectClose(_ x: Double?, _ y: Double, _ name: String, _ tolerance: Double = 1e-5) {
    guard let x else {
      Issue.record("\(name) is missing")
      return
    }
    #expect(abs(x - y) <= tolerance * max(abs(y), 1e-12), "\(name): \(x), expected \(y)")
  }

  @Test(
    "norms, ratios, alpha and the noise are what float64 makes of weights and gradients",
    arguments: [
      ["optimizer.name=sgd", "optimizer.lr=0.05"], ["optimizer.name=adamw", "clip.norm=0.01"],
      ["optimizer.name=lion", "optimizer.lr=1e-3", "model.dropout=0.3"],
    ])
  func values(_ changes: [String]) throws {
    try withFolder { folder in
      let all =
        Self.small + changes + [
          "accumulate=2", "checkpoint.every=1", "checkpoint.keep=9", "instruments.every=3",
          "instruments.histograms=true",
        ]
      let run = try train("digits-mlp", all, in: folder + "/run")
      let record = try #require(try run.measured().first)
      let checkpoints = try run.checkpointFiles.map { try floats($0.path) }
      let (first, before, after) = (
        try floats(folder + "/run/initial.safetensors"), checkpoints[1], checkpoints[2]
      )
      // The micro-batches of step 3, on a model of its own.
      let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml("digits-mlp")), overrides: all)
      let task = try recipe.makeTask()
      func load(_ weights: [String: [Double]]) {
        for (name, parameter) in task.model.namedParameters {
          parameter.value = Tensor(
            shape: parameter.value.shape, scalars: weights[name]!.map(Float.init))
        }
      }
      func context(_ number: Int, _ tape: borrowing Tape) -> Context {
        tape.context(training: true, seed: UInt64(recipe.run.seed) ^ UInt64(number) << 20)
      }
      func loss(_ number: Int) throws -> Double {
        let tape = Tape()
        return try Double(task.batch(number, size: 16).loss(context(number, tape)).scalar)
      }
      load(before)
      var parts: [[String: [Double]]] = []
      for number in [4, 5] {
        let tape = Tape()
        let loss = try task.batch(number, size: 16).loss(context(number, tape))
        tape.gradients(of: loss)
        parts.append(
          Dictionary(
            uniqueKeysWithValues: task.model.namedParameters.map {
              ($0.name, $0.parameter.gradient!.scalars.map(Double.init))
            }))
      }
      let lossBefore = try (loss(4) + loss(5)) / 2
      load(after)
      let lossAfter = try (loss(4) + loss(5)) / 2

      var (gain, squares, trace) = (0.0, 0.0, 0.0)
      for (name, w) in before where parts[0][name] != nil {
        let (next, start) = (after[name]!, first[name]!)
        let (g1, g2) = (parts[0][name]!, parts[1][name]!)
        let update = zip(next, w).map { $0 - $1 }
        let g = zip(g1, g2).map { ($0 + $1) / 2 }
        // Two parts of 16 examples: T = 16·Σ‖gᵢ − ḡ‖²/(2−1).
        let t =
          16
          * zip(zip(g1, g2), g).reduce(0.0) {
            $0 + ($1.0.0 - $1.1) * ($1.0.0 - $1.1) + ($1.0.1 - $1.1) * ($1.0.1 - $1.1)
          }
        let square = norm(g) * norm(g)
        (squares, trace) = (squares + square, trace + t)
        gain -= zip(g, update).reduce(0) { $0 + $1.0 * $1.1 }
        let values = record.values
        expectClose(values["weight_norm/\(name)"], norm(next), "weight_norm/\(name)")
        expectClose(values["grad_norm/\(name)"], norm(g), "grad_norm/\(name)")
        expectClose(values["update_ratio/\(name)"], norm(update) / norm(w), "ratio of \(name)")
        expectClose(
          values["step_size/\(name)"], norm(update) / Double(w.count).squareRoot(), "size, \(name)")
        let distance = norm(zip(next, start).map { $0 - $1 }) / norm(start)
        expectClose(values["distance/\(name)"], distance, "distance/\(name)")
        expectClose(values["norm_test/\(name)"], t / 32 / square, "norm_test/\(name)", 1e-4)
        expectClose(
          values["snr/\(name)"], (square - t / 32) / (t / 32), "snr/\(name)", 1e-3)
        let histogram = try #require(record.histograms["update/\(name)"])
        #expect(histogram.from == update.min() && histogram.to == update.max())
      }
      expectClose(record.values["norm_test"], trace / 32 / squares, "norm_test", 1e-4)
      expectClose(record.values["snr"], squares / (trace / 32) - 1, "snr", 1e-3)
      if squares > trace / 32 {
        expectClose(
          record.values["noise_scale"], trace / (squares - trace / 32), "noise_scale", 1e-3)
      }
      expectClose(record.values["alpha"], (lossBefore - lossAfter) / gain, "alpha", 2e-2)
    }
  }

  @Test("where gradients are released the same numbers are measured") func released() throws {
    try withFolder { folder in
      func records(_ changes: [String], _ name: String) throws -> [InstrumentRecord] {
        let all = Self.small + ["clip.norm=0.1"] + Self.measured + changes
        return try train("digits-mlp", all, in: "\(folder)/\(name)").measured().map { record in
          var record = record
          record.seconds = 0
          return record
        }
      }
      let plain = try records([], "a")
      let released = try records(["release_gradients=true"], "b")
      #expect(plain == released && plain.count == 2)
    }
  }

  @Test("the noise of gradients whose distribution is known is found")
  func knownNoise() throws {
    // g = G + σ·z/√b: ‖G‖² = 3·0.2², tr Σ = 3·σ².
    let (signal, σ, parts) = (0.2, 0.5, 4000)
    var random = RandomStream(seed: 8)
    var noise = GradientNoise.Accumulator(shapes: [[3], []])
    for part in 0..<parts {
      let b = [1.0, 2, 4][part % 3]
      let g = Tensor(
        shape: [3],
        scalars: (0..<3).map { _ in Float(signal + σ / b.squareRoot() * Double(random.normal())) })
      noise.add([g, nil], weight: b)
    }
    let found = noise.tensors
    #expect(abs(found[0].trace - 0.75) < 0.05)
    let unbiased = found[0].squaredMean - found[0].trace / found[0].weight
    #expect(abs(unbiased - 0.12) < 0.02)
    #expect(abs(try #require(found[0].noiseScale) - 0.75 / 0.12) < 1)
    #expect(found[1].squaredMean == 0 && found[1].trace == 0 && found[1].noiseScale == nil)
  }

  @Test("estimates from few parts are unbiased, and McCandlish's from two sizes of a batch")
  func unbiased() throws {
    var random = RandomStream(seed: 9)
    var (traces, signals) = (0.0, 0.0)
    let (trials, k, b) = (3000, 4, 8.0)
    for _ in 0..<trials {
      var noise = GradientNoise.Accumulator(shapes: [[2]])
      var small = 0.0
      for _ in 0..<k {
        let g = (0..<2).map { _ in 0.3 + random.normal() / Float(b).squareRoot() }
        small += Double(g[0] * g[0] + g[1] * g[1]) / Double(k)
        noise.add([Tensor(shape: [2], scalars: g)], weight: b)
      }
      let found = noise.tensors[0]
      let big = found.squaredMean
      let signal = (32 * big - 8 * small) / (32 - 8)
      let trace = (small - big) / (1 / 8.0 - 1 / 32.0)
      #expect(abs(found.trace - trace) < 1e-4 * (1 + trace))
      #expect(abs(big - found.trace / found.weight - signal) < 1e-4)
      (traces, signals) = (traces + found.trace, signals + signal)
    }
    #expect(abs(traces / Double(trials) - 2) < 0.1)
    #expect(abs(signals / Double(trials) - 0.18) < 0.02)
  }

  @Test("units that are never above zero are counted") func deadUnits() throws {
    var random = RandomStream(seed: 3)
    let model = try MLPClassifier(inputs: 4, hidden: [5, 6], classes: 2, random: &random)
    model.layers[0].bias?.value = Tensor(shape: [5], scalars: [-1e6, 0, -1e6, 0, 1])
    model.layers[1].bias?.value = Tensor(shape: [6], scalars: [1, 1, 1, 1, 1, -1e6])
    let units = DeadUnits()
    var x = Tensor(shape: [8, 4], scalars: (0..<32).map { Float($0 % 7) - 3 })
    for _ in 0..<2 {
      _ = model(x, .training(seed: 0, units: units))
      x = -x
    }
    let shares = units.shares(in: model)
    #expect(shares.map(\.layer) == ["layers.0", "layers.1"])
    #expect(shares[0].share >= 0.4 && shares[1].share >= 1 / 6.0 && shares[0].share < 1)
  }

  @Test("a run that is resumed measures what one that never stopped does")
  func resumed() throws {
    try withFolder { folder in
      let changes =
        Self.small + ["instruments.every=2", "steps=8", "log.samples=true"]
        + ["evaluate.every=2", "checkpoint.every=3"]
      func comparable(_ run: RunDirectory) throws -> [InstrumentRecord] {
        try run.measured().map { record in
          var record = record
          (record.seconds, record.values["curvature"]) = (0, nil)
          return record
        }
      }
      let straight = try train("digits-mlp", changes, in: folder + "/a")
      let other = try train("digits-mlp", changes, in: folder + "/b", stopAfter: 5)
      // From step 3: what was measured at step 4 is dropped and measured again.
      let trainer = try Trainer(resuming: other, checkpoint: "step-00000003.safetensors")
      _ = try trainer.run(in: other, observer: Watcher())
      let records = try comparable(straight)
      #expect(records == (try comparable(other)) && records.map(\.step) == [2, 4, 6, 8])
      #expect(records[3].values["distance/layers.0.weight"] != nil)
    }
  }

  @Test("instruments can be left out one by one, and turned on in a run that goes on")
  func selection() throws {
    try withFolder { folder in
      let off = ["noise", "curvature", "distance"].map { "instruments.\($0)=false" }
      let run = try train(
        "digits-mlp", Self.small + off + ["instruments.every=5"], in: folder + "/a")
      let record = try #require(try run.measured().first)
      #expect(record.histograms.isEmpty && record.values["alpha"] != nil)
      for key in ["snr", "curvature", "distance/layers.0.weight"] {
        #expect(record.values[key] == nil, "\(key)")
      }
      #expect(!FileManager.default.fileExists(atPath: folder + "/a/initial.safetensors"))
      // Nobody kept the first weights of this one.
      let trainer = try Trainer(
        resuming: run, checkpoint: nil,
        overrides: ["steps=6", "instruments.every=1", "instruments.distance=true"])
      _ = try trainer.run(in: run, observer: Watcher())
      let last = try #require(try run.measured().last)
      #expect(last.step == 6 && last.values["distance/layers.0.weight"] == nil)
    }
  }

  @Test("a line of instruments reads back to the same bits") func line() throws {
    var record = InstrumentRecord(step: 7)
    record.seconds = 0.25
    record.values = ["alpha": 0.1 + 0.2, "snr/w": -1e-300, "curvature": .nan]
    record.histograms["weight/w"] = .init(from: -1.5, to: 2, counts: [1, 0, 3])
    let entry = JournalEntry.instruments(record)
    #expect(
      entry.line == """
        {"step": 7, "instrument_seconds": 0.25, "alpha": 0.30000000000000004, "curvature": null, \
        "snr/w": -1e-300, "histograms": {"weight/w": {"counts": [1, 0, 3], "from": -1.5, "to": 2.0}}}
        """)
    let again = try JSONDecoder().decode(JournalEntry.self, from: Data(entry.line.utf8))
    guard case .instruments(let read) = again else {
      Issue.record("it is \(again)")
      return
    }
    #expect(read.values["curvature"]?.isNaN == true)
    #expect((read.histograms, read.step, read.seconds) == (record.histograms, 7, 0.25))
    #expect(read.values["snr/w"] == -1e-300 && read.values["alpha"] == 0.1 + 0.2)
  }

  @Test(
    "settings that cannot be are refused by their keys",
    arguments: ["every=-1", "parts=1", "parts=65", "histograms=maybe", "curvatures=true"])
  func refused(_ change: String) throws {
    let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
    let error = #expect(throws: RecipeError.self) {
      try Recipe(yaml: yaml, overrides: ["instruments.\(change)"])
    }
    #expect(error?.problems.count == 1)
    let problem = try #require(error?.problems.first)
    #expect(problem.contains("instruments."), "\(problem)")
  }
}
