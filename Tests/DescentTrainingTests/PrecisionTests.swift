import Descent
import DescentTraining
import Foundation
import Testing

/// Remembers what a run reports.
private final class Listener: TrainingObserver {
  var losses: [Double] = []
  var skips: [SkippedStep] = []
  func started(_ facts: RunFacts) {}
  func stepped(_ step: TrainingStep) { losses.append(step.record.loss) }
  func skipped(_ step: SkippedStep) { skips.append(step) }
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
  var wantsToStop: Bool { false }
}

@Suite("Precision", .serialized) struct PrecisionTests {
  private static let gpt = [
    "steps=8", "model.layers=2", "model.heads=2", "model.width=32", "model.context=16",
    "schedule.warmup=2", "evaluate.batches=2", "evaluate.every=0", "checkpoint.every=0",
  ]
  private static let constant =
    gpt.filter { !$0.hasPrefix("schedule.") } + ["schedule.name=constant"]

  private func train(
    _ changes: [String]
  ) throws -> (
    result: TrainingResult, listener: Listener, steps: [StepRecord], skips: [SkippedRecord]
  ) {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let recipe = try Recipe(yaml: try #require(BuiltInRecipes.yaml("gpt")), overrides: changes)
    let (run, listener) = (try RunDirectory(new: folder.path, name: "test"), Listener())
    let result = try Trainer(recipe).run(in: run, observer: listener)
    let (steps, skips, _) = try run.metrics()
    return (result, listener, steps, skips)
  }

  @Test(
    "every precision trains, and differs from float32 by roundings",
    arguments: [
      ["precision=bf16"], ["precision=fp16"],
      ["precision=bf16", "weights.format=bf16", "weights.rounding=master"],
      ["precision=bf16", "weights.format=bf16", "weights.rounding=stochastic"],
      ["precision=bf16", "weights.format=bf16", "weights.rounding=kahan"],
    ])
  func trains(_ changes: [String]) throws {
    let expected = try train(Self.gpt).listener.losses
    let (result, listener, steps, _) = try train(Self.gpt + changes)
    #expect(listener.losses != expected)
    for (a, b) in zip(listener.losses, expected) { #expect(abs(a - b) < 0.01 * b) }
    let counts = steps.compactMap(\.lostUpdates)
    #expect(
      counts.count
        == (changes.contains { $0.hasSuffix("stochastic") || $0.hasSuffix("kahan") } ? 8 : 0))
    #expect((result.lostUpdates != nil) == !counts.isEmpty)
    #expect(steps[0].lossScale == (changes == ["precision=fp16"] ? 65536 : nil))
  }

  @Test("activation memory is measured, and recomputation changes no bit") func recomputes() throws
  {
    let changes = Self.gpt + ["model.layers=6", "model.dropout=0.1"]
    let plain = try train(changes)
    let less = try train(changes + ["model.recompute=layers"])
    #expect(plain.listener.losses == less.listener.losses)
    #expect(plain.steps.allSatisfy { $0.activationBytes! > 0 })
    #expect(plain.result.activationBytes > 0)
  }

  @Test("an overflow of scaled gradients is skipped, reported, and advances nothing")
  func skips() throws {
    let (result, listener, steps, skips) = try train(
      Self.gpt + ["precision=fp16", "loss_scale.init_scale=1e9"])
    #expect(result.steps == 8 && listener.losses.count == 8)
    #expect(!listener.skips.isEmpty && result.skipped == listener.skips.count)
    let first = listener.skips[0]
    #expect(first.record.step == 1 && first.record.cause.contains("the gradient of"))
    #expect(first.record.lossScale == 1e9 && first.nextLossScale == 5e8)
    #expect(skips == listener.skips.map(\.record))
    // The warmup starts with the first step that is applied.
    #expect(steps.map(\.step) == Array(1...8) && steps.allSatisfy(\.applied))
    #expect(steps[0].learningRate == 5e-4)
  }

  @Test(
    "float16 that overflows ends the run and says what to change",
    arguments: [
      // Gradients, from the first step on.
      (["loss_scale.init_scale=1e30", "skip_limit=5"], 1, "6 steps in a row were not finite"),
      // Activations, after an update that was too large.
      (["optimizer.name=sgd", "optimizer.lr=1e7", "clip.norm=none"], 2, "the loss is"),
      (
        [
          "optimizer.name=sgd", "optimizer.lr=1e7", "clip.norm=none", "nonfinite=skip",
          "skip_limit=2",
        ], 2, "3 steps in a row were not finite"
      ),
    ])
  func overflows(_ changes: [String], _ step: Int, _ part: String) throws {
    let error = #expect(throws: RunError.self) {
      try train(Self.constant + ["precision=fp16"] + changes)
    }
    guard case .float16Overflow(step, let cause, let checkpoint) = try #require(error) else {
      Issue.record("\(error!)")
      return
    }
    #expect(cause.contains(part) && cause.contains("the gradient of"), "\(cause)")
    #expect(checkpoint.hasSuffix(".safetensors"))
    #expect("\(error!)".contains("Set precision=bf16"))
  }

  @Test("other runs skip only when they are told to, and not for ever") func skipping() throws {
    let bad = [
      "optimizer.name=sgd", "optimizer.lr=1e30", "clip.norm=none",
    ]
    let error = #expect(throws: RunError.self) {
      try train(Self.constant + bad + ["nonfinite=skip", "skip_limit=3"])
    }
    guard case .nonFinite(_, let cause, _) = try #require(error) else {
      Issue.record("\(error!)")
      return
    }
    #expect(cause.contains("4 steps in a row were not finite"))
  }

  @Test(
    "choices that do not go together are refused",
    arguments: [
      (["weights.format=bf16"], "set precision=bf16"),
      (["weights.format=bf16", "precision=fp16"], "set precision=bf16"),
      (["precision=bf17"], "bf16"), (["weights.rounding=up"], "stochastic"),
      (["loss_scale.backoff_factor=2"], "loss_scale.backoff_factor=2 is out of range"),
      (["nonfinite=ignore"], "stop or skip"), (["skip_limit=0"], "skip_limit=0"),
      (["model.recompute=some"], "none, layers, or the megabytes"),
      (["model.recompute=-3"], "model.recompute=-3"),
    ])
  func refused(_ changes: [String], _ part: String) throws {
    let error = #expect(throws: RecipeError.self) {
      try Recipe(yaml: try #require(BuiltInRecipes.yaml("gpt")), overrides: changes)
    }
    #expect("\(error!)".contains(part), "\(error!)")
  }
}
