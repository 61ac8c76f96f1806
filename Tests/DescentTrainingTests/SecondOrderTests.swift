import Descent
import DescentTraining
import Foundation
import Safetensors
import Testing

/// Runs of the methods that need more than the gradient; among the other runs, since the number of
/// threads is shared by all.
extension TrainerTests {
  private static let full = ["batch=2000", "epochs=none", "schedule.name=constant"]

  @Test(
    "kfac, sophia and lbfgs learn the digits",
    arguments: [
      (["optimizer.name=kfac", "optimizer.damping=0.1", "optimizer.inv_update_steps=10"], 0.95),
      (["optimizer.name=kfac", "optimizer.compute_method=inverse", "optimizer.damping=0.1"], 0.94),
      (["optimizer.name=sophia-g", "optimizer.lr=1e-3"], 0.95),
      (["optimizer.name=sophia-h", "optimizer.lr=1e-3"], 0.95),
      (["optimizer.name=lbfgs", "steps=3"] + full, 0.93),
    ])
  func learns(_ changes: [String], _ accuracy: Double) throws {
    try withFolder { folder in
      let epochs = changes.contains("epochs=none") ? [] : ["epochs=6"]
      let (result, _, _) = try train("digits-mlp", epochs + changes, in: folder + "/run")
      #expect(try #require(result.evaluation?.accuracy) > accuracy)
    }
  }

  @Test(
    "their steps have the same bits for 1, 2 and 3 threads",
    arguments: [
      ("digits-cnn", ["optimizer.name=kfac", "optimizer.inv_update_steps=2"]),
      ("digits-cnn", ["optimizer.name=sophia-g", "optimizer.hess_interval=2"]),
      ("digits-cnn", ["optimizer.name=sophia-h", "optimizer.update_interval=2"]),
      ("digits-cnn", ["optimizer.name=lbfgs", "clip.norm=none", "optimizer.max_iter=3"]),
      ("gpt", ["optimizer.name=sophia-g", "optimizer.hess_interval=2", "model.dropout=0.1"]),
      ("gpt", ["optimizer.name=kfac", "model.layers=1", "model.width=32"]),
    ])
  func secondOrderThreads(_ recipe: String, _ changes: [String]) throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    let short = ["epochs=none", "steps=4", "schedule.warmup=1", "evaluate.batches=1"]
    try withFolder { folder in
      let weights = try [1, 2, 3].map { threads in
        let (result, _, _) = try train(
          recipe, short + changes + ["threads=\(threads)"], in: "\(folder)/\(threads)")
        return try Data(contentsOf: URL(fileURLWithPath: result.checkpoint))
      }
      #expect(weights[0] == weights[1] && weights[0] == weights[2])
    }
  }

  @Test("the metrics say what the methods did") func details() throws {
    try withFolder { folder in
      let short = ["epochs=none", "steps=4", "batch=64"]
      func steps(_ name: String, _ changes: [String]) throws -> [StepRecord] {
        try train(
          "digits-mlp", short + ["optimizer.name=\(name)"] + changes, in: "\(folder)/\(name)"
        ).run.metrics().steps
      }
      for step in try steps("kfac", []) {
        let scale = try #require(step.preconditionerScale)
        #expect(scale > 0 && scale <= 1 && step.preconditionerFailures == 0)
      }
      #expect(
        try steps("sophia-g", ["optimizer.hess_interval=2"]).map(\.curvatureFolded)
          == [nil, true, nil, true])
      #expect(
        try steps("sophia-h", ["optimizer.update_interval=2"]).map(\.curvatureFolded)
          == [true, nil, true, nil])
      for step in try steps("lbfgs", ["optimizer.max_iter=2", "optimizer.max_eval=30"]) {
        #expect(try #require(step.finalLoss) < step.loss)
        #expect(step.exit == .iterations && step.iterations == 2)
        #expect(try #require(step.evaluations) >= 3)
      }
    }
  }

  @Test("each group's learning rate is logged where they differ") func ratesByGroup() throws {
    try withFolder { folder in
      let groups = #"optimizer.groups=[{name: "the \"last\"", role: head, lr: 0.5}]"#
      let run = try train(
        "digits-mlp",
        ["epochs=none", "steps=3", "optimizer.name=prodigy", "optimizer.per_group=true", groups],
        in: folder + "/run"
      ).run
      for step in try run.metrics().steps {
        let (last, rest) = (step.learningRates["the \"last\""], step.learningRates["default"])
        #expect(try #require(last) < #require(rest))
        #expect(Set(step.diagnostics.keys).isSuperset(of: ["d.default", "d.the \"last\""]))
      }
    }
  }

  @Test("the bytes of state count factors and histories") func stateBytes() throws {
    func bytes(_ changes: [String]) throws -> Int {
      let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
      return try Trainer(Recipe(yaml: yaml, overrides: changes)).facts.stateBytes
    }
    // 64 pixels, hidden layers of 128 and 64, 10 classes, biases.
    let weights = 65 * 128 + 129 * 64 + 65 * 10
    let factors = [65, 128, 129, 64, 65, 10].reduce(0) { $0 + $1 * $1 }
    #expect(try bytes(["optimizer.name=kfac"]) == 4 * weights + 16 * factors)
    let history = ["optimizer.name=lbfgs", "optimizer.history_size=7"]
    #expect(try bytes(history) == 4 * (2 * 7 + 2) * weights)
  }

  @Test("Sophia-G's B is the number of labels of a step") func sophiaBatch() throws {
    let yaml = try #require(BuiltInRecipes.yaml("gpt"))
    let name = "optimizer.name=sophia-g"
    let recipe = try Trainer(Recipe(yaml: yaml, overrides: [name, "accumulate=2"])).recipe
    #expect((recipe.plan.rule as? SophiaG)?.batchSize == 2 * 12 * 64)
    #expect(recipe.yaml.contains("bs: 1536"))
    let given = try Trainer(Recipe(yaml: yaml, overrides: [name, "optimizer.bs=480"])).recipe
    #expect((given.plan.rule as? SophiaG)?.batchSize == 480)
  }

  @Test("K-FAC over micro-batches is K-FAC over one large batch") func accumulatedStatistics()
    throws
  {
    try withFolder { folder in
      // Of 1,437 training digits, an epoch in batches of 479: the same examples either way.
      let common = [
        "epochs=none", "steps=1", "model.hidden=16", "schedule.name=constant",
        "optimizer.name=kfac",
      ]
      func scale(_ name: String, _ changes: [String]) throws -> Double {
        let run = try train("digits-mlp", common + changes, in: "\(folder)/\(name)").run
        return try #require(try run.metrics().steps[0].preconditionerScale)
      }
      let whole = try scale("a", ["batch=1437"])
      let parts = try scale("b", ["batch=479", "accumulate=3"])
      #expect(whole < 1 && abs(whole - parts) < 1e-4 * whole)
    }
  }

  @Test("L-BFGS sees one batch and one dropout within a step") func fixedObjective() throws {
    try withFolder { folder in
      let run = try train(
        "digits-mlp",
        [
          "epochs=none", "steps=5", "batch=200", "model.dropout=0.5", "optimizer.name=lbfgs",
          "schedule.name=constant",
        ], in: folder + "/run"
      ).run
      // On a noisy objective the line search would fail and losses would go up.
      for step in try run.metrics().steps {
        #expect(try #require(step.finalLoss) < 0.5 * step.loss)
      }
    }
  }

  @Test("what does not go with lbfgs is refused, all at once") func lbfgsRefusals() throws {
    let error = #expect(throws: RecipeError.self) {
      try Recipe(
        yaml: try #require(BuiltInRecipes.yaml("digits-cnn")),
        overrides: [
          "optimizer.name=lbfgs", "optimizer.groups=[{name: slow, rank: 1, lr: 0.1}]",
          "optimizer.history_size=0",
        ])
    }
    let problems = try #require(error).problems
    for part in ["clip.norm=1", "the group 'slow'", "history_size=0 is out of range"] {
      #expect(problems.contains { $0.contains(part) }, "\(part)")
    }
  }

  @Test("replay refuses rules that need more than gradients", arguments: ["kfac", "lbfgs"])
  func replayRefuses(_ name: String) throws {
    try withFolder { folder in
      let file = folder + "/in.safetensors"
      try recordOneStep(to: file)
      let plan = try OptimizerPlan(OptimizerPlan.Texts(["optimizer": [("name", name)]]))
      let error = #expect(throws: RecipeError.self) {
        try Replay(plan, recording: file).run(to: folder + "/out.safetensors")
      }
      #expect("\(error!)".hasPrefix("\(name) cannot be combined with a recording"))
      #expect(!FileManager.default.fileExists(atPath: folder + "/out.safetensors"))
    }
  }

  @Test(
    "replay refuses weights that are not finite", arguments: [Float.infinity, -.infinity, .nan])
  func replayRefusesWeights(_ weight: Float) throws {
    try withFolder { folder in
      let (file, out) = (folder + "/in.safetensors", folder + "/out.safetensors")
      try recordOneStep(to: file, from: weight)
      let error = #expect(throws: DataError.self) {
        try Replay(OptimizerPlan(AdamW()), recording: file).run(to: out)
      }
      #expect("\(error!)".contains("param/w is \(weight) at element 0; a recording must be finite"))
      #expect(!FileManager.default.fileExists(atPath: out))
    }
  }
}

/// A recording of one gradient of one weight.
private func recordOneStep(to path: String, from weight: Float = 1) throws {
  try SafetensorsFile.write(
    [
      SafetensorsTensor("param/w", shape: [1], floats: [weight]),
      SafetensorsTensor("grad/1/w", shape: [1], floats: [1]),
    ], to: path)
}
