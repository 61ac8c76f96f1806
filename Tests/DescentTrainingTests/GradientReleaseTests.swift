import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

@Suite("Gradient release") struct GradientReleaseTests {
  /// Every tensor of the last checkpoint.
  private func tensors(
    _ recipe: String, _ changes: [String], in folder: String
  ) throws -> [String: [UInt8]] {
    let yaml = try #require(BuiltInRecipes.yaml(recipe))
    let trainer = try Trainer(Recipe(yaml: yaml, overrides: changes))
    let directory = try RunDirectory(new: folder, name: recipe)
    _ = try trainer.run(in: directory, observer: Watcher())
    let file = try SafetensorsFile(path: #require(directory.checkpointFiles.last).path)
    return Dictionary(
      uniqueKeysWithValues: try file.names.map { ($0, try file.bytes(of: $0)) })
  }

  private static let digits = [
    "steps=12", "epochs=none", "schedule.warmup=2", "evaluate.batches=1",
  ]
  private static let text = [
    "steps=8", "schedule.warmup=2", "model.width=32", "model.layers=2", "model.dropout=0.1",
    "evaluate.batches=1",
  ]

  @Test(
    "weights have the same bits as without, clipped or not",
    arguments: [
      ("digits-cnn", digits + ["clip.norm=none"]), ("digits-cnn", digits + ["clip.norm=0.1"]),
      ("digits-mlp", digits + ["optimizer.name=lamb", "clip.norm=1", "clip.norm_type=inf"]),
      ("gpt", text + ["clip.norm=0.1"]),
      ("gpt", text + ["clip.norm=none", "optimizer.state=int8"]),
      ("gpt", text + ["clip.norm=0.1", "model.recompute=layers", "precision=bf16"]),
      ("gpt", text + ["optimizer.name=muon", "clip.norm=none"]),
    ])
  func sameBits(_ recipe: String, _ changes: [String]) throws {
    try withFolder { folder in
      let plain = try tensors(recipe, changes, in: folder + "/a")
      let released = try tensors(
        recipe, changes + ["release_gradients=true"], in: folder + "/b")
      #expect(plain == released)
    }
  }

  @Test(
    "a step needs its activations and a few gradients: no second copy of the weights",
    arguments: ["none", "1"])
  func memory(_ limit: String) throws {
    // Weights of 6.5 MB and activations of a tenth of that.
    let changes = [
      "steps=4", "schedule.warmup=2", "model.width=256", "model.layers=2", "batch=1",
      "model.context=16", "clip.norm=\(limit)", "evaluate.batches=1",
    ]
    // In processes of their own: what is measured is the memory of all tensors.
    func bytes(_ changes: [String]) throws -> Int {
      try withFolder { folder in
        let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let descent = tests.deletingLastPathComponent().appendingPathComponent("descent")
        let arguments = changes.flatMap { ["--set", $0] } + ["--quiet", "--out", folder + "/run"]
        let process = try Process.run(descent, arguments: ["train", "gpt"] + arguments)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let steps = try RunDirectory(existing: folder + "/run").metrics().steps
        return try #require(steps.compactMap(\.activationBytes).max())
      }
    }
    let plain = try bytes(changes)
    let released = try bytes(changes + ["release_gradients=true"])
    #expect(plain > 0 && released > plain && released < plain + 3_000_000, "\(released), \(plain)")
  }

  @Test(
    "what cannot be right is refused by name",
    arguments: [
      (["accumulate=2"], "accumulate=1"), (["precision=fp16"], "precision=fp16"),
      (["optimizer.name=prodigy"], "it needs the gradients of all parameters at once"),
      (["optimizer.name=kfac"], "kfac"), (["clip.value=1"], "clip.value=1"),
      (["gradient.centralize=true"], "gradient.centralize=true"), (["nonfinite=skip"], "nonfinite"),
    ])
  func refused(_ changes: [String], _ part: String) throws {
    let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
    let error = #expect(throws: RecipeError.self) {
      _ = try Trainer(Recipe(yaml: yaml, overrides: changes + ["release_gradients=true"]))
    }
    #expect("\(error!)".contains(part), "\(error!)")
  }

  @Test(
    "the weights that are kept are those with which the loss was finite", arguments: ["none", "1"])
  func lastGood(_ limit: String) throws {
    // The tenth step spoils the weights, and the copy is taken at the eleventh.
    let changes =
      Self.digits.filter { !$0.hasPrefix("schedule.") } + [
        "steps=20", "schedule.name=multistep", "schedule.milestones=9", "schedule.gamma=1e38",
        "clip.norm=\(limit)",
      ]
    for release in [false, true] {
      try withFolder { folder in
        let error = #expect(throws: RunError.self) {
          _ = try tensors(
            "digits-mlp", changes + ["release_gradients=\(release)"], in: folder + "/run")
        }
        #expect("\(error!)".contains("stopped at step 11"), "\(error!)")
        #expect("\(error!)".contains("step-00000000.safetensors"), "\(error!)")
      }
    }
  }

  @Test("a gradient that is not finite stops the run: before any update where the norm is limited")
  func nonFinite() throws {
    for limit in ["none", "1"] {
      try withFolder { folder in
        let error = #expect(throws: RunError.self) {
          try tensors(
            "digits-mlp",
            Self.digits + [
              "optimizer.lr=1e38", "clip.norm=\(limit)",
              "release_gradients=true",
            ], in: folder + "/run")
        }
        #expect("\(error!)".contains("training stopped at step"), "\(error!)")
      }
    }
  }
}
