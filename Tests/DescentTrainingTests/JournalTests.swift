import Descent
import DescentTraining
import Foundation
import Testing

extension RunDirectory {
  /// The steps of the run, those that were skipped, and its evaluations.
  func metrics() throws -> (
    steps: [StepRecord], skips: [SkippedRecord], evaluations: [EvaluationRecord]
  ) {
    var (steps, skips, evaluations): ([StepRecord], [SkippedRecord], [EvaluationRecord]) =
      ([], [], [])
    for entry in try entries() {
      switch entry {
      case .step(let record): steps.append(record)
      case .skipped(let record): skips.append(record)
      case .spike, .instruments: break
      case .evaluation(let record): evaluations.append(record)
      }
    }
    return (steps, skips, evaluations)
  }

  /// The lines of `metrics.jsonl`.
  func lines() throws -> [String] {
    try String(contentsOf: metrics, encoding: .utf8).split(separator: "\n").map(String.init)
  }
}

extension String {
  /// A line of metrics without what differs from run to run: times, and what memory there was.
  func withoutTimes() throws -> String {
    let changing = "seconds|activation_bytes|items_per_second|memory_bytes"
    return replacing(try Regex("\"(\(changing))\": [^,}]*"), with: "")
  }
}

@Suite("The journal") struct JournalTests {
  /// A record and the line that it is.
  struct Case: CustomTestStringConvertible, Sendable {
    let entry: JournalEntry
    let line: String
    var testDescription: String { line }

    init(_ line: String, _ entry: JournalEntry) { (self.entry, self.line) = (entry, line) }

    static func step(_ line: String, _ change: (inout StepRecord) -> Void) -> Case {
      var record = StepRecord(step: 7, loss: 0.1)
      (record.learningRate, record.gradientNorm, record.seconds) = (1e-5, 2, 0.25)
      (record.applied, record.activationBytes) = (true, 4096)
      change(&record)
      return Case(line, .step(record))
    }

    static let common = """
      {"step": 7, "loss": 0.1, "lr": 1e-05, "grad_norm": 2.0, "clipped": false, "applied": true, \
      "seconds": 0.25, "activation_bytes": 4096
      """

    static let all: [Case] = [
      step(common + "}") { _ in },
      step(common + #", "loss_scale": 65536.0, "lost_updates": 3, "lost_share": 0.75}"#) {
        ($0.lossScale, $0.lostUpdates, $0.lostShare) = (65536, 3, 0.75)
      },
      step(common + #", "kl_scale": 0.5, "kfac_failures": 0}"#) {
        ($0.preconditionerScale, $0.preconditionerFailures) = (0.5, 0)
      },
      step(common + #", "curvature_folded": true}"#) { $0.curvatureFolded = true },
      step(common + #", "curvature_folded": false}"#) { $0.curvatureFolded = false },
      step(
        common
          + #", "final_loss": 0.05, "iterations": 20, "evaluations": 25, "exit": "iterations"}"#
      ) {
        ($0.finalLoss, $0.iterations, $0.evaluations, $0.exit) = (0.05, 20, 25, .iterations)
      },
      step(common + #", "d": 1e-06, "lr.default": 0.5, "lr.the \"last\"": -0.0}"#) {
        $0.diagnostics = ["d": 1e-6]
        $0.learningRates = ["default": 0.5, "the \"last\"": -0.0]
      },
      Case(
        #"{"step": 1, "loss": 2.5, "applied": false, "skipped": "the \"norm\" is inf"}"#,
        .skipped(SkippedRecord(step: 1, loss: 2.5, cause: "the \"norm\" is inf"))),
      Case(
        #"{"step": 1, "loss": 2.5, "applied": false, "skipped": "", "loss_scale": 512.0}"#,
        .skipped(SkippedRecord(step: 1, loss: 2.5, cause: "", lossScale: 512))),
      Case(
        #"{"step": 31, "update_norm": 40.0, "update_norm_median": 0.5, "went_back_to": 20}"#,
        .spike(SpikeRecord(step: 31, updateNorm: 40, median: 0.5, goneBackTo: 20))),
      Case(#"{"step": 40, "val_loss": 1.5}"#, .evaluation(evaluation(1.5) { _ in })),
      Case(
        #"{"step": 40, "val_loss": 1.5, "val_accuracy": 1.0}"#,
        .evaluation(evaluation(1.5) { $0.accuracy = 1 })),
      Case(
        #"{"step": 40, "val_loss": 1.5, "average": "ema", "val_loss_raw": 1.75}"#,
        .evaluation(evaluation(1.5) { ($0.average, $0.lossWithoutAverage) = ("ema", 1.75) })),
    ]

    static func evaluation(
      _ loss: Double, _ change: (inout EvaluationRecord) -> Void
    ) -> EvaluationRecord {
      var record = EvaluationRecord(step: 40, loss: loss)
      change(&record)
      return record
    }
  }

  private func read(_ line: String) throws -> JournalEntry {
    try JSONDecoder().decode(JournalEntry.self, from: Data(line.utf8))
  }

  @Test("each kind of line is written as the contract says, and read", arguments: Case.all)
  func lines(_ line: Case) throws {
    #expect(line.entry.line == line.line)
    #expect(try read(line.line) == line.entry)
    #expect(
      try read(String(decoding: JSONEncoder().encode(line.entry), as: UTF8.self)) == line.entry)
  }

  @Test("numbers read back to the same bits; NaN and infinity are null, and read as NaN")
  func bits() throws {
    var random = RandomStream(seed: 5, stream: 0)
    let some = (0..<2000).map { _ in
      Double(bitPattern: UInt64(random.next()) << 32 | UInt64(random.next()))
    }
    let edges: [Double] = [
      0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 0.1 + 0.2, 1e15, 1e16,
      .nan, .infinity, -.infinity,
    ]
    for x in edges + some {
      var record = StepRecord(step: 1, loss: x)
      (record.diagnostics["d"], record.lossScale) = (x, x)
      let entry = JournalEntry.step(record)
      #expect(entry.line.contains("\"loss\": null") == !x.isFinite)
      guard case .step(let again) = try read(entry.line) else { throw CancellationError() }
      for y in [again.loss, again.diagnostics["d"]!, again.lossScale!] {
        #expect(x.isFinite ? y.bitPattern == x.bitPattern : y.isNaN, "\(x)")
      }
      #expect(again.learningRate.isNaN && again.activationBytes == nil)
    }
  }

  @Test(
    "what a line has beside its keys does no harm",
    arguments: [
      (#"{"step": 3, "loss": 1, "extra": 2.5, "d.group 1": 4}"#, ["extra": 2.5, "d.group 1": 4]),
      (#"{"note": "x", "loss": 1, "step": 3.0, "list": [1, {"a": null}], "on": true}"#, [:]),
      (#"{"step": 3, "loss": 1, "iterations": "many", "exit": "unheard of", "clipped": 1}"#, [:]),
    ])
  func unknown(_ line: String, _ diagnostics: [String: Double]) throws {
    guard case .step(let record) = try read(line) else { throw CancellationError() }
    #expect((record.step, record.loss, record.diagnostics) == (3, 1, diagnostics))
    #expect(record.iterations == nil && record.exit == nil && !record.clipped)
  }

  @Test(
    "every line that a run writes is read, and is written again as it was",
    arguments: [
      ("gpt", ["precision=fp16", "loss_scale.init_scale=1e9", "average.name=ema"]),
      ("gpt", ["precision=bf16", "weights.format=bf16", "optimizer.name=prodigy"]),
      ("digits-mlp", ["optimizer.name=kfac"]),
      ("digits-mlp", ["optimizer.name=sophia-g", "optimizer.hess_interval=2"]),
      ("digits-mlp", ["optimizer.name=lbfgs", "clip.norm=none", "optimizer.max_iter=2"]),
      ("digits-mlp", [#"optimizer.groups=[{name: "a \"b\"", rank: 1, lr: 0.5}]"#]),
    ])
  func runs(_ recipe: String, _ changes: [String]) throws {
    try withFolder { folder in
      let gpt = ["model.layers=1", "model.heads=2", "model.width=32", "model.context=16"]
      let short = ["steps=4", "schedule.name=constant", "evaluate.every=2", "evaluate.batches=1"]
      let recipe = try Recipe(
        yaml: try #require(BuiltInRecipes.yaml(recipe)),
        overrides: short + (recipe == "gpt" ? gpt : ["epochs=none"]) + changes)
      let run = try RunDirectory(new: folder + "/run", name: "test")
      _ = try Trainer(recipe).run(in: run, observer: Watcher())
      let entries = try run.entries()
      #expect(entries.map(\.line) == (try run.lines()))
      let (steps, skips, evaluations) = try run.metrics()
      #expect(steps.count == 4 && evaluations.count == 2)
      #expect(skips.isEmpty == (recipe.run.precision != .fp16))
    }
  }

  private func entries(_ text: String?) throws -> [JournalEntry] {
    try withFolder { folder in
      try "steps: 1".write(toFile: folder + "/recipe.yaml", atomically: true, encoding: .utf8)
      try text?.write(toFile: folder + "/metrics.jsonl", atomically: true, encoding: .utf8)
      return try RunDirectory(existing: folder).entries()
    }
  }

  @Test("a line that is still being written is left out") func torn() throws {
    let line = #"{"step": 1, "loss": 2.0}"#
    #expect(try entries("").isEmpty)
    #expect(try entries(line + "\n" + line + "\n").count == 2)
    #expect(try entries(line + "\n" + #"{"step": 2, "lo"#).count == 1)
  }

  @Test(
    "a line that is not one of metrics is named",
    arguments: [
      (nil, "the run has not started yet"), ("oops", "line 1: expected a JSON object"),
      ("{\"step\": 1, \"loss\": 1}\n[1]", "line 2"), ("{\"loss\": 1}", "a “step”"),
      ("{\"step\": 1.5}", "found “{"), ("{\"step\": \"one\"}", "line 1"),
      ("a line of more than forty characters is cut where forty end", "forty characters is …”"),
    ] as [(String?, String)])
  func refused(_ text: String?, _ part: String) throws {
    let error = #expect(throws: DataError.self) { _ = try entries(text.map { $0 + "\n" }) }
    #expect("\(error!)".contains(part), "\(error!)")
  }
}
