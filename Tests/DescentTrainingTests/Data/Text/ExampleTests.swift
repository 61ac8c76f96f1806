import DescentCompute
import DescentNN
import DescentTraining
import Foundation
import Testing

@Suite("Prompts with completions") struct ExampleTests {
  let files = try! TemporaryFiles()
  static let pairs = [("Q: a?", " yes"), ("Q: bcd?", " no"), ("", "alone"), ("Q", " a long one")]

  private func write(_ pairs: [(String, String)], _ name: String) throws -> String {
    try files.write(
      pairs.map { "{\"prompt\": \"\($0)\", \"completion\": \"\($1)\"}\n" }.joined(), to: name)
  }

  private func task(
    _ pairs: [(String, String)], context: Int, pack: Bool = true
  ) throws -> (task: LanguageModeling, model: FixedModel) {
    let path = try write(pairs, "\(UUID().uuidString).jsonl")
    let data = try TextDataset.load(
      path: path, validationPath: path, tokenizer: TokenizerSource.kind(.byte), pack: pack)
    var random = RandomStream(seed: 5, stream: 0)
    let weights = (0..<256).map { _ in random.uniform() + 0.1 }
    let sum = weights.reduce(0, +)
    let model = FixedModel(weights.map { $0 / sum })
    return (try LanguageModeling(data, context: context, seed: 1) { _ in model }, model)
  }

  /// The bytes that count, for windows of so many tokens.
  private func targets(_ pairs: [(String, String)], context: Int) -> [UInt8] {
    pairs.flatMap { pair -> ArraySlice<UInt8> in
      let all = Array("\(pair.0)\(pair.1)\n\n".utf8.prefix(context + 1))
      return all.dropFirst(max(1, pair.0.utf8.count))
    }
  }

  @Test(
    "the loss is that of the completions alone, each token once",
    arguments: [(64, true), (64, false), (16, true), (16, false), (8, true), (8, false)])
  func loss(_ context: Int, _ pack: Bool) throws {
    let (task, model) = try task(Self.pairs, context: context, pack: pack)
    let targets = targets(Self.pairs, context: context)
    let expected =
      targets.reduce(0.0) { $0 - Double(model.logits[Int($1)]) } / Double(targets.count)
    for batch in [1, 2, 100] {
      let count = try #require(task.batchesPerEpoch(batch))
      // An epoch has each window once, in any order.
      for epoch in 0..<2 {
        var (sum, weight) = (0.0, 0)
        for number in 0..<count {
          let batch = try task.batch(epoch * count + number, size: batch)
          sum += Double(batch.loss(.inference).scalar) * Double(batch.weight)
          weight += batch.weight
        }
        #expect(weight == targets.count)
        #expect(abs(sum / Double(weight) - expected) < 1e-5)
      }
      let evaluation = try task.evaluate(batchSize: batch, batches: nil)
      #expect(abs(evaluation.loss - expected) < 1e-5)
      guard case .text(let report) = try task.report(batchSize: batch) else { return }
      #expect(report.tokens == targets.count && abs(report.loss - expected) < 1e-5)
    }
    #expect(!task.drawsAtRandom)
  }

  @Test("several examples share a window, or each has its own, no longer than it needs")
  func windows() throws {
    let pairs = [("ab", "c"), ("d", "e"), ("f", "ghijk")]
    for (pack, shapes) in [(true, [[1, 7], [1, 7]]), (false, [[1, 4], [1, 3], [1, 7]])] {
      let (task, model) = try task(pairs, context: 9, pack: pack)
      _ = try task.evaluate(batchSize: 1, batches: nil)
      #expect(model.windows.map(\.shape) == shapes)
      #expect(
        model.windows[0].inputs
          == Array((pack ? "abc\nde\n" : "abc\n").utf8).map { Int32($0) })
    }
  }

  @Test("what was cut and what was left out is said") func summary() throws {
    let pairs = [("abcdefgh", "never seen"), ("a", "a longer one"), ("b", "c")]
    let (task, _) = try task(pairs, context: 6)
    let summary = try #require(task.summary)
    #expect(summary.contains("6 examples in 2 files, each ended by a blank line"))
    #expect(
      summary.contains(
        "to train on: 2 documents in 2 windows of 6 tokens, 25 % of them filled up; 1 cut at the "
          + "end; 1 left out, as nothing to learn is within a window"), "\(summary)")
    let error = #expect(throws: DataError.self) {
      try self.task([("abcdefgh", "never seen")], context: 6)
    }
    #expect(
      "\(try #require(error))"
        == "of no document for training is anything to learn within a context of 6 tokens; make "
        + "data.context longer, or prompts shorter.")
  }

  @Test("texts can have windows of their own, too") func single() throws {
    let path = try files.write("{\"text\": \"abc\"}\n{\"text\": \"de\"}\n", to: "texts.jsonl")
    let data = try TextDataset.load(
      path: path, tokenizer: TokenizerSource.kind(.byte), validationFraction: 0.5, pack: false)
    #expect(data.training.count == 5 && data.validation.count == 4)
    let task = try LanguageModeling(data, context: 4, seed: 1) { _ in
      FixedModel([Float](repeating: 1 / 256, count: 256))
    }
    #expect(try task.batch(0, size: 1).weight == 4)
  }

  @Test("gradients do not depend on what fills a window up, and a run can be evaluated on a file")
  func training() throws {
    let path = try write(Self.pairs, "pairs.jsonl")
    let yaml = """
      {steps: 2, batch: 2, model: {kind: gpt, context: 24, layers: 1, width: 16, heads: 2},
       data: {kind: text, path: \(path), test_path: \(path), tokenizer: byte},
       optimizer: {name: sophia-g}}
      """
    let run = try RunDirectory(new: files.path("run"), name: "test")
    let result = try Trainer(Recipe(yaml: yaml)).run(in: run, observer: Watcher())
    let own = try RunEvaluation(run.path)
    let file = try RunEvaluation(run.path, overrides: ["data.path=\(path)"])
    #expect(own.report == file.report)
    guard case .text(let report) = own.report else { return }
    #expect(report.tokens == targets(Self.pairs, context: 24).count)
    _ = result
  }

  @Test("a run knows the end of documents, and a token across the border is the completion's")
  func subwords() throws {
    let vectors = URL(filePath: #filePath).deletingLastPathComponent()
      .appending(path: "../../../DescentTokenizersTests/Vectors/smollm.tokenizer.json")
    let folder = files.path("model")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: vectors.standardizedFileURL.path, toPath: folder + "/tokenizer.json")
    _ = try files.write(#"{"eos_token": "<|im_end|>"}"#, to: "model/tokenizer_config.json")
    let path = try write([("the", "the"), ("a ", "the")], "words.jsonl")
    let yaml = """
      {steps: 1, batch: 2, model: {kind: gpt, context: 24, layers: 1, width: 16, heads: 2},
       data: {kind: text, path: \(path), test_path: \(path), tokenizer: \(folder)},
       optimizer: {name: sgd}}
      """
    let recipe = try Recipe(yaml: yaml)
    let summary = try #require(try recipe.makeTask().summary)
    #expect(summary.contains("4 examples in 2 files, each ended by <|im_end|>"))
    #expect(summary.contains("the completion begins within a token"), "\(summary)")
    let run = try RunDirectory(new: files.path("run"), name: "test")
    _ = try Trainer(recipe).run(in: run, observer: Watcher())
    #expect(
      try String(contentsOf: run.tokenizerSettings, encoding: .utf8)
        == "{\"eos_token\": \"<|im_end|>\"}\n")
    try FileManager.default.removeItem(atPath: folder)
    let file = try RunEvaluation(run.path, overrides: ["data.path=\(path)"])
    guard case .text(let report) = file.report else { return }
    // Each end is learned, and what stands before it.
    #expect(report.tokens >= 4)
  }

  @Test("both parts need the same kind of lines") func kinds() throws {
    let text = try files.write("{\"text\": \"abc\"}", to: "text.jsonl")
    let pairs = try write(Self.pairs, "some.jsonl")
    for (path, other, part) in [
      (text, pairs, "data.path has texts, and data.test_path has prompts with completions"),
      (pairs, text, "data.path has prompts with completions, and data.test_path has texts"),
    ] {
      let error = #expect(throws: DataError.self) {
        try TextDataset.load(path: path, validationPath: other, tokenizer: .byte)
      }
      #expect("\(try #require(error))".hasPrefix(part))
    }
  }
}
