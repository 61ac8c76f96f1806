import Descent
import DescentTraining
import Foundation
import Testing

@Suite("Samples") struct SampleTests {
  private func train(
    _ recipe: String, _ changes: [String], in folder: String, stopAfter limit: Int = .max
  ) throws -> RunDirectory {
    let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml(recipe)), overrides: changes)
    let run = try RunDirectory(new: folder, name: "test")
    _ = try Trainer(recipe).run(in: run, observer: Watcher(stopAfter: limit))
    return run
  }

  private static let digits = [
    "epochs=none", "steps=6", "schedule.warmup=1", "model.hidden=[8]", "evaluate.every=2",
    "evaluate.batches=1",
  ]
  private static let text = [
    "steps=6", "schedule.warmup=1", "model.width=16", "model.layers=1", "model.heads=2",
    "model.context=8", "batch=4", "evaluate.every=2", "evaluate.batches=1",
  ]

  private static let agent = [
    "steps=6", "evaluate.every=2", "data.rollout=8", "data.episodes=2", "batch=16",
    "model.hidden=[8]",
  ]

  @Test(
    "they are written at the end, and at each evaluation where that is asked for",
    arguments: [
      ("digits-mlp", digits, [6]), ("digits-mlp", digits + ["log.samples=true"], [2, 4, 6]),
      ("gpt", text, [6]), ("gpt", text + ["log.samples=true", "steps=5"], [2, 4, 5]),
      ("gpt", text + ["evaluate.every=0", "log.samples=true"], [6]),
      ("rl", agent, [2, 4, 6]), ("rl", agent + ["log.samples=false"], [6]),
    ])
  func steps(_ recipe: String, _ changes: [String], _ steps: [Int]) throws {
    try withFolder { folder in
      let samples = try train(recipe, changes, in: folder + "/run").samples
      #expect(Set(samples.map(\.step)).sorted() == steps)
      for (_, sample) in samples {
        switch sample {
        case .text(let text): #expect(recipe == "gpt" && text.unicodeScalars.count == 200)
        case .image(let image):
          #expect(recipe == "digits-mlp" && image.width == 8 && image.height == 8)
          #expect(image.pixels.count == 64 && image.pixels.contains { $0 > 100 })
          let words = image.label.split(separator: " ")
          #expect(words[1...2] == ["read", "as"] && words[0] != "\(words[3]),", "\(image.label)")
          #expect(words.suffix(2) == ["%", "sure)"])
        case .episode(let episode):
          #expect(recipe == "rl" && episode.steps > 0 && episode.earned == Double(episode.steps))
          #expect(episode.frames.count == min(12, episode.steps + 1))
          #expect(episode.frames.last?.step == episode.steps)
          #expect(episode.frames.allSatisfy { $0.picture.shapes.count == 4 })
          #expect(episode.traces.map(\.name) == ["cart position (m)", "pole angle (°)"])
          for trace in episode.traces {
            #expect(
              trace.steps == Array(0...episode.steps) && trace.values.count == trace.steps.count)
          }
        }
      }
      #expect(samples.count <= 8 * steps.count)
    }
  }

  @Test(
    "a model of bytes that has seen no line break begins with a byte that it has seen",
    arguments: [("añb€c", "a"), ("añb€\n", "\n")])
  func start(_ words: String, _ start: String) throws {
    try withFolder { folder in
      let path = folder + "/text"
      try String(repeating: words, count: 60).write(toFile: path, atomically: true, encoding: .utf8)
      let run = try train(
        "gpt", Self.text + ["data.path=\(path)", "data.tokenizer=byte"], in: folder + "/run")
      let model = try LanguageModel(run)
      #expect(
        try model.sample(tokens: 20, temperature: 1)
          == model.sample(prompt: start, tokens: 20, temperature: 1))
      #expect(try Trainer(resuming: run, overrides: ["steps=7"]).resumption?.step == 6)
    }
  }

  @Test("rows of a table and runs that were interrupted have none") func none() throws {
    try withFolder { folder in
      let rows = (0..<60).map { "\($0 % 7),\($0 % 5),\($0 % 2)" }
      let table = folder + "/table.csv"
      try rows.joined(separator: "\n").write(toFile: table, atomically: true, encoding: .utf8)
      let changes = Self.digits + ["data.kind=csv", "data.path=\(table)", "log.samples=true"]
      #expect(try train("digits-mlp", changes, in: folder + "/a").samples.isEmpty)
      let run = try train("digits-mlp", Self.digits, in: folder + "/b", stopAfter: 3)
      #expect(run.samples.isEmpty)
    }
  }

  @Test("a run that is resumed drops later ones, and ends with those of one that never stopped")
  func resumed() throws {
    try withFolder { folder in
      let changes = Self.text + ["log.samples=true", "checkpoint.every=3"]
      func all(_ run: RunDirectory) throws -> String {
        try String(contentsOf: run.samplesFile, encoding: .utf8)
      }
      let straight = try train("gpt", changes, in: folder + "/a")
      let other = try train("gpt", changes, in: folder + "/b", stopAfter: 5)
      #expect(other.samples.map(\.step) == [2, 4])
      let trainer = try Trainer(resuming: other, checkpoint: "step-00000003.safetensors")
      _ = try trainer.run(in: other, observer: Watcher())
      #expect(try all(straight) == all(other))
    }
  }

  @Test(
    "a line that is no episode is passed over, and so is a shape that is none",
    arguments: [
      (
        #"{"step": 1, "kind": "episode", "label": "a", "steps": 3, "return": 2.5, "frames": [], "traces": []}"#,
        true
      ),
      (
        #"{"step": 1, "kind": "episode", "label": "a", "steps": -3, "return": 2.5, "frames": [], "traces": []}"#,
        false
      ),
      (
        #"{"step": 1, "kind": "episode", "label": "a", "steps": 3, "return": null, "frames": [], "traces": []}"#,
        false
      ),
      (
        #"{"step": 1, "kind": "episode", "label": "a", "steps": 3, "return": 2.5, "traces": []}"#,
        false
      ),
    ])
  func episodes(_ line: String, _ isOne: Bool) {
    #expect(TrainingSample.all(in: Data(line.utf8)).count == (isOne ? 1 : 0))
  }

  @Test("of a damaged episode the frames and traces that are whole stay") func damaged() throws {
    func frame(_ shape: String, width: String = "4") -> String {
      #"{"step": 0, "width": \#(width), "height": 2, "shapes": [\#(shape)]}"#
    }
    let frames = [
      frame(#"["circle", 1, 1, 0.5, "ink"]"#), frame(#"["circle", 1, 1, "ink"]"#),
      frame(#"["circle", 1, null, 0.5, "ink"]"#), frame(#"["circle", 1, 1, 0.5, "red"]"#),
      frame("[]"), frame("", width: "0"), frame("", width: "-1"), "7",
    ]
    let line =
      #"{"step": 1, "kind": "episode", "label": "a", "steps": 3, "return": 1, "frames": ["#
      + frames.joined(separator: ", ")
      + #"], "traces": [{"name": "x", "steps": [0, 1], "values": [1, 2]}, "#
      + #"{"name": "y", "steps": [1, 0], "values": [1, 2]}, {"name": "z", "steps": [0], "values": []}]}"#
    guard case .episode(let episode)? = TrainingSample.all(in: Data(line.utf8)).first?.sample else {
      Issue.record("it is an episode")
      return
    }
    #expect(episode.frames.map(\.picture.shapes.count) == [1, 0, 0, 0, 0])
    #expect(episode.traces.map(\.name) == ["x"])
  }
}
