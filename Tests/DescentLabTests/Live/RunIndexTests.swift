import DescentLab
import DescentTraining
import Foundation
import Testing

/// A folder with runs that a test writes.
struct RunFolder: ~Copyable {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent(
    "runs-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// A run with a recipe and steps with a loss, an evaluation after every tenth.
  func write(
    _ name: String,
    recipe: String? = "steps: 100\nmodel:\n  kind: gpt\noptimizer:\n  name: adamw\n",
    steps: Range<Int> = 1..<1, more: String = ""
  ) throws {
    let folder = url.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    if let recipe {
      try recipe.write(
        to: folder.appendingPathComponent("recipe.yaml"), atomically: false, encoding: .utf8)
    }
    guard !steps.isEmpty || !more.isEmpty else { return }
    try (lines(steps) + more).write(
      to: folder.appendingPathComponent("metrics.jsonl"), atomically: false, encoding: .utf8)
  }

  func lines(_ steps: Range<Int>) -> String {
    steps.map { step in
      let loss = 2 + 1 / Double(step)
      let line =
        "{\"step\": \(step), \"loss\": \(loss), \"lr\": 0.001, \"applied\": true, \"seconds\": 0.5}\n"
      // The validation loss is lowest after step 50.
      let validation = "{\"step\": \(step), \"val_loss\": \(3 + abs(50 - Double(step)) / 100)}\n"
      return step % 10 == 0 ? line + validation : line
    }.joined()
  }

  func append(_ text: String, to name: String) throws {
    let file = try FileHandle(
      forWritingTo: url.appendingPathComponent(name).appendingPathComponent("metrics.jsonl"))
    defer { try? file.close() }
    try file.seekToEnd()
    try file.write(contentsOf: Data(text.utf8))
  }
}

@Suite("The list of runs") struct RunIndexTests {
  private func finishWork(_ index: inout RunIndex) {
    while let task = index.task() { index.take(task.run()) }
  }

  @Test(
    "steps that cannot be do no harm",
    arguments: [
      ("-9223372036854775808", "5"), ("5", "-9223372036854775808"), ("-5", "100"),
      ("9223372036854775807", "1"), ("1e300", "1"),
    ])
  func impossibleSteps(_ step: String, _ steps: String) throws {
    let folder = try RunFolder()
    try folder.write(
      "a", recipe: "steps: \(steps)\n", more: "{\"step\": \(step), \"loss\": 1, \"seconds\": 1}\n")
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    var run = try #require(index["a"])
    run.state = .running
    #expect((run.secondsLeft ?? 0) >= 0)
    #expect((0...1).contains(run.progress ?? 0))
    let page = WatchPage(name: "a", summary: run, run: nil)
    #expect(!page.text(columns: 80, rows: 20, isColored: false).isEmpty)
  }

  @Test(
    "how a run stands is told by its recipe and the end of its metrics",
    arguments: [
      (1..<1, "", RunState.waiting), (1..<41, "", .interrupted), (1..<101, "", .finished),
      (
        1..<41, "{\"step\": 41, \"loss\": null, \"applied\": false, \"skipped\": \"nan\"}\n",
        .stopped
      ),
    ])
  func states(_ steps: Range<Int>, _ more: String, _ state: RunState) throws {
    let folder = try RunFolder()
    try folder.write("a", steps: steps, more: more)
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    let run = try #require(index["a"])
    #expect(run.state == state)
    #expect((run.step, run.steps) == (steps.count, 100))
    #expect((run.recipe, run.optimizer) == ("gpt", "adamw"))
    if steps.count > 40 {
      #expect(run.best == .init(loss: 3, step: 50))
      #expect(run.validationLoss == 3.5)
    }
    if !steps.isEmpty {
      #expect(run.secondsPerStep == 0.5)
      #expect(run.loss == 2 + 1 / Double(steps.count))
    }
  }

  @Test("an evaluation that was not finite is the last one, and never the best") func diverged()
    throws
  {
    let folder = try RunFolder()
    try folder.write("a", steps: 1..<21, more: "{\"step\": 21, \"val_loss\": null}\n")
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    let run = try #require(index["a"])
    #expect(run.validationLoss?.isNaN == true && run.hasDiverged)
    #expect(run.best == .init(loss: 3.3, step: 20))
    let log = try RunLog.read([folder.url.appendingPathComponent("a").path]).first
    let page = WatchPage(name: "a", summary: run, run: log.map(ReportRun.init))
    #expect(page.line.contains("validation NaN (best 3.3000)"))
  }

  @Test("a folder that nobody may look into is told", .enabled(if: geteuid() != 0))
  func unreadable() throws {
    let folder = try RunFolder()
    try folder.write("a", steps: 1..<2)
    try folder.write("b/c", steps: 1..<2)
    let path = folder.url.appendingPathComponent("b").path
    unsafe chmod(path, 0)
    defer { unsafe chmod(path, 0o755) }
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    #expect(index.limitation == "b cannot be looked into: permission denied.")
    #expect(throws: DataError.unreadable(path: path, reason: "permission denied")) {
      try RunIndex(root: path)
    }
  }

  @Test("a run whose process lives is running, with the time left") func running() throws {
    let folder = try RunFolder()
    try folder.write("a", steps: 1..<41)
    let lock = try RunLock(folder: folder.url.appendingPathComponent("a"))
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    #expect(index["a"]?.state == .running)
    #expect(index["a"]?.secondsLeft == 30)
    withExtendedLifetime(lock) {}
  }

  @Test("of a long log the end is read first, and the best evaluation is found later")
  func longLog() throws {
    let folder = try RunFolder()
    try folder.write("a", recipe: "steps: 2000\n", steps: 1..<1_001)
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    #expect(index["a"]?.step == 1_000)
    #expect(index["a"]?.isComplete == false)
    finishWork(&index)
    #expect(index["a"]?.best == .init(loss: 3, step: 50))
    #expect(index["a"]?.isComplete == true)
    // Lines that are longer than what is read at first.
    let long = String(repeating: "1, ", count: 20_000)
    try folder.append("{\"step\": 1001, \"histograms\": [\(long)1]}\n", to: "a")
    var other = try RunIndex(root: folder.url.path)
    other.refresh()
    #expect(other["a"]?.step == 1_001)
    #expect(other["a"]?.loss == 2.001)
  }

  @Test("what is added, shortened, written anew or deleted is seen; nothing else is a change")
  func changes() throws {
    let folder = try RunFolder()
    try folder.write("a", steps: 1..<21)
    try folder.write("b", steps: 1..<21)
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    let version = index.version
    index.refresh()
    #expect(index.version == version)
    try folder.append(folder.lines(21..<31) + "{\"step\": 31, \"lo", to: "a")
    index.refresh()
    #expect(index["a"]?.step == 30)
    #expect(index.version > version)
    try folder.append("ss\": 1.5}\n", to: "a")
    index.refresh()
    #expect((index["a"]?.step, index["a"]?.loss) == (31, 1.5))
    try folder.write("a", steps: 1..<11)
    index.refresh()
    #expect(index["a"]?.step == 10)
    #expect(index["a"]?.best == .init(loss: 3.4, step: 10))
    try FileManager.default.removeItem(at: folder.url.appendingPathComponent("b"))
    try folder.write("c/d", steps: 1..<2)
    index.refresh()
    #expect(index.runs.map(\.path) == ["a", "c/d"])
  }

  @Test("links, hidden folders and what is no log are passed over; the folder itself may be a run")
  func finds() throws {
    let folder = try RunFolder()
    let other = try RunFolder()
    try other.write("secret", steps: 1..<2)
    try folder.write("a", steps: 1..<2)
    try folder.write(".hidden", steps: 1..<2)
    try folder.write("a/within", steps: 1..<2)
    let files = FileManager.default
    try files.createSymbolicLink(
      at: folder.url.appendingPathComponent("link"),
      withDestinationURL: other.url.appendingPathComponent("secret"))
    try "step,loss\n1,2.5\n2,2.25\n".write(
      to: folder.url.appendingPathComponent("log.csv"), atomically: false, encoding: .utf8)
    try "name,city\nAda,London\n".write(
      to: folder.url.appendingPathComponent("people.csv"), atomically: false, encoding: .utf8)
    var index = try RunIndex(root: folder.url.path)
    index.refresh()
    finishWork(&index)
    #expect(index.runs.map(\.path) == ["a", "log.csv"])
    #expect(index["log.csv"]?.loss == 2.25)
    var one = try RunIndex(root: folder.url.path + "/a")
    one.refresh()
    #expect(one.runs.map(\.path) == ["."])
    #expect(throws: DataError.self) { try RunIndex(root: folder.url.path + "/nowhere") }
    #expect(throws: DataError.self) { try RunIndex(root: folder.url.path + "/log.csv") }
  }

  @Test(
    "the head of a recipe says what the recipe says", arguments: BuiltInRecipes.list.map(\.name))
  func head(_ name: String) throws {
    let folder = try RunFolder()
    let recipe = try Recipe(yaml: try #require(BuiltInRecipes.whole(name)))
    try folder.write("a", recipe: recipe.yaml, steps: 1..<2)
    let log = try #require(try RunLog.read([folder.url.appendingPathComponent("a").path]).first)
    let settings = Dictionary(log.settings.map { ($0.key, $0.value) }) { first, _ in first }
    let head = RecipeHead.settings(recipe.yaml)
    #expect(head.count > 20)
    for setting in head where !setting.value.hasPrefix("[") {
      #expect(settings[setting.key] == setting.value, "\(setting.key)")
    }
  }
}

@Suite("Searching runs") struct RunQueryTests {
  private let runs: [RunSummary] = [
    ("gpt-10", "adamw", "0.0003", 1.5), ("gpt-2", "lion", "0.0001", 1.25),
    ("digits", "adamw", "0.01", nil),
  ].map { (path: String, optimizer: String, lr: String, loss: Double?) in
    var run = RunSummary(path: path, format: .descent)
    run.settings = [
      .init(key: "optimizer.name", value: optimizer), .init(key: "optimizer.lr", value: lr),
    ]
    run.validationLoss = loss
    return run
  }

  @Test(
    "words and keys",
    arguments: [
      ("", ["digits", "gpt-2", "gpt-10"]), ("gpt", ["gpt-2", "gpt-10"]), ("GPT lion", ["gpt-2"]),
      ("optimizer.name:adamw", ["digits", "gpt-10"]), ("lr:3e-4", ["gpt-10"]),
      ("lr:>2e-4", ["digits", "gpt-10"]), ("lr:<2e-4", ["gpt-2"]), ("-gpt", ["digits"]),
      ("val_loss:<1.4", ["gpt-2"]), ("-optimizer:lion", ["digits", "gpt-10"]),
      ("lr:", ["digits", "gpt-2", "gpt-10"]),
      ("nothing:here", []), (":", []), ("-", ["gpt-2", "gpt-10"]),
    ])
  func finds(_ text: String, _ names: [String]) {
    #expect(RunQuery(text, order: .name).apply(to: runs).map(\.path) == names)
  }

  @Test("orders; what has no number stands last") func orders() {
    func names(_ query: RunQuery) -> [String] { query.apply(to: runs).map(\.path) }
    #expect(names(RunQuery(order: .name)) == ["digits", "gpt-2", "gpt-10"])
    #expect(names(RunQuery(order: .validationLoss)) == ["gpt-2", "gpt-10", "digits"])
    #expect(names(RunQuery(order: .name, isReversed: true)) == ["gpt-10", "gpt-2", "digits"])
  }
}

@Suite("A run in the terminal") struct WatchPageTests {
  private func page(steps: Range<Int>) throws -> WatchPage {
    let folder = try RunFolder()
    try folder.write("a", steps: steps)
    let path = folder.url.appendingPathComponent("a").path
    var index = try RunIndex(root: path)
    index.refresh()
    let log = steps.isEmpty ? nil : try RunLog.read([path]).first
    return WatchPage(name: "runs/a", summary: index["."], run: log.map(ReportRun.init))
  }

  @Test("it fits the terminal", arguments: [(20, 2), (30, 8), (40, 24), (80, 24), (200, 60)])
  func fits(_ columns: Int, _ rows: Int) throws {
    for steps in [1..<1, 1..<2, 1..<101] {
      let lines = try page(steps: steps).text(columns: columns, rows: rows, isColored: false)
      #expect(lines.count <= rows)
      for line in lines { #expect(line.columns <= columns, "\(line)") }
    }
  }

  @Test("it draws the loss where there is room, and says what a line says") func says() throws {
    let page = try page(steps: 1..<61)
    let text = page.text(columns: 80, rows: 50, isColored: false).joined(separator: "\n")
    #expect(text.contains("interrupted"))
    #expect(text.contains("step 60 of 100"))
    #expect(text.contains("Loss"))
    #expect(page.line.hasPrefix("interrupted: step 60/100  loss 2.0"))
    #expect(page.line.contains("validation 3.1000 (best 3.0000)"))
    #expect(!page.line.contains("\u{1B}"))
  }
}
