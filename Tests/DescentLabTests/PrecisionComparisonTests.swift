import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

/// Watches nothing.
private final class Nobody: TrainingObserver {
  func started(_ facts: RunFacts) {}
  func stepped(_ step: TrainingStep) {}
  func evaluated(_ evaluation: Evaluation, after step: Int) {}
  var wantsToStop: Bool { false }
}

@Suite("Comparison of precisions", .serialized) struct PrecisionComparisonTests {
  private let gpt = [
    "steps=6", "model.layers=1", "model.heads=2", "model.width=32", "model.context=16",
    "schedule.warmup=2", "evaluate.batches=2", "evaluate.every=0", "checkpoint.every=0",
  ]

  private func compare<R>(
    _ changes: [String], _ body: (PrecisionComparison, URL) throws -> R
  ) throws -> R {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let yaml = try #require(BuiltInRecipes.yaml("gpt"))
    let comparison = try PrecisionComparison(
      yaml: yaml, called: "gpt", overrides: gpt + changes, in: folder
    ) {
      _ in Nobody()
    }
    return try body(comparison, folder)
  }

  @Test("both runs start alike, differ by roundings, and are written") func compares() throws {
    try compare([]) { comparison, folder in
      #expect(comparison.reference.name == "float32" && comparison.other.name == "bf16")
      let (a, b) = (comparison.reference.losses, comparison.other.losses)
      #expect(a.count == 6 && a != b && comparison.steps == 6)
      #expect(zip(a, b).allSatisfy { abs($0 - $1) < 0.01 * $0 })
      let change = try #require(comparison.validationChange)
      #expect(abs(change) < 0.01)
      #expect(comparison.verdict.contains(change > 0 ? "within 1 % of" : "no worse than"))
      #expect(comparison.figure.charts[0].title == "gpt: training loss")
      let page = comparison.page.text()
      #expect(page.hasPrefix("gpt in float32 and bf16\n") && page.contains("validation"))
      #expect(page.hasSuffix(comparison.verdict + "\n"))
      try comparison.write(to: folder)
      let lines = try String(
        contentsOf: folder.appendingPathComponent("comparison.jsonl"), encoding: .utf8
      ).split(separator: "\n")
      // JSONSerialization may be off in the last bit; JSONDecoder is not.
      let first = try JSONDecoder().decode([String: Double].self, from: Data(lines[0].utf8))
      #expect(
        lines.count == 6 && first["reference"] == a[0] && first["difference"] == b[0] - a[0])
      let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      #expect(Set(files) == ["float32", "bf16", "comparison.jsonl", "comparison.svg"])
    }
  }

  @Test("the recipe's own 16 bits are compared with float32 throughout") func weights() throws {
    let changes = ["precision=bf16", "weights.format=bf16", "weights.rounding=nearest"]
    try compare(changes) { comparison, _ in
      #expect(comparison.other.name == "bf16 weights nearest")
      #expect(comparison.reference.result?.lostUpdates == nil)
      let lost = try #require(comparison.other.result?.lostUpdates)
      #expect(lost.share > 0)
    }
  }

  @Test("a run that overflows is a result") func overflow() throws {
    let changes = ["precision=fp16", "loss_scale.init_scale=1e30", "skip_limit=2"]
    try compare(changes) { comparison, folder in
      #expect(comparison.other.failure != nil && comparison.validationChange == nil)
      #expect(comparison.verdict.contains("Set precision=bf16"))
      #expect(
        comparison.steps == 0
          && comparison.page.text().contains("no step was completed by both runs"))
      try comparison.write(to: folder)
    }
  }

  @Test(
    "the verdict follows the validation loss, and says what to change",
    arguments: [
      (1.0, "is no worse than float32: validation loss 2.0000 against 2.0000 (0.00 %), "),
      (1.0099, "is within 1 % of float32: validation loss 2.0198 against 2.0000 (+0.99 %)"),
      (1.02, "weights.rounding to stochastic or kahan"),
      (0.9, "(−10.00 %), accuracy 96.94 % against 97.21 %"),
    ])
  func verdicts(_ ratio: Double, _ part: String) throws {
    func run(
      _ name: String, _ loss: Double, _ accuracy: Double, _ lost: LostUpdates?
    ) -> PrecisionComparison.Run {
      PrecisionComparison.Run(
        name: name, losses: [3, 2],
        result: TrainingResult(
          steps: 2, evaluation: Evaluation(loss: loss, accuracy: accuracy), interrupted: false,
          checkpoint: "", trainingSeconds: 1, activationBytes: 1, skipped: 0, lostUpdates: lost))
    }
    let comparison = PrecisionComparison(
      reference: run("float32", 2, 0.9721, nil),
      other: run("bf16 weights nearest", 2 * ratio, 0.9694, LostUpdates(lost: 97, updates: 100)))
    #expect(comparison.verdict.contains(part), "\(comparison.verdict)")
  }
}
