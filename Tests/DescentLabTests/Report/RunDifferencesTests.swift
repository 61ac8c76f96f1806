import DescentLab
import DescentTraining
import Testing

@Suite("Differences of runs") struct RunDifferencesTests {
  private func run(
    _ name: String, _ losses: [Double], validation: [Int: Double] = [:],
    settings: [(String, String)] = []
  ) -> ReportRun {
    var log = RunLog(name: name, path: "runs/\(name)", format: .descent)
    if !losses.isEmpty {
      log.tracks["loss"] = Track(steps: Array(1...losses.count), values: losses)
    }
    if !validation.isEmpty {
      let steps = validation.keys.sorted()
      log.tracks["val_loss"] = Track(steps: steps, values: steps.map { validation[$0]! })
    }
    log.settings = settings.map { (key: $0.0, value: $0.1) }
    return ReportRun(log)
  }

  @Test("only keys that differ are shown; a log that says nothing contradicts nothing")
  func settings() {
    let all = RunDifferences([
      run("a", [1], settings: [("lr", "0.1"), ("seed", "1"), ("clip.norm", "1")]),
      run("b", [1], settings: [("lr", "0.2"), ("seed", "1")]), run("csv", [1]),
    ])
    #expect(all.settings.map(\.key) == ["lr", "clip.norm"])
    #expect(all.settings.map(\.values) == [["0.1", "0.2", nil], ["1", nil, nil]])
    #expect(
      RunDifferences([run("a", [1], settings: [("lr", "1")]), run("b", [1])]).settings.isEmpty)
  }

  @Test("runs of different length are compared where all still were")
  func lengths() {
    let long = run("long", (1...1000).map { 4 - 0.003 * Double($0) })
    let short = run("short", (1...500).map { 4 - 0.004 * Double($0) })
    let differences = RunDifferences([long, short])
    #expect(differences.ranking.map(\.run.name) == ["short", "long"])
    #expect(differences.sentences[0].contains("at step 500, the last that all reached"))
  }

  @Test("who led when")
  func leads() {
    // a falls fast and stops, b falls slowly and goes on.
    let a = run("a", (1...1000).map { max(2, 4 - 0.01 * Double($0)) })
    let b = run("b", (1...1000).map { 4 - 0.0025 * Double($0) })
    let differences = RunDifferences([a, b])
    #expect(differences.leads.map(\.run) == [0, 1])
    let change = differences.leads[0].steps.upperBound
    #expect((780...830).contains(change))
    #expect(
      differences.sentences.contains {
        $0.contains("a until step") && $0.contains("then b to the end")
      })
  }

  @Test("the validation loss decides where all have it") func decisive() {
    let a = run("a", [3, 2, 1], validation: [3: 2.5])
    let b = run("b", [3, 2.5, 2], validation: [3: 2.0])
    #expect(RunDifferences([a, b]).ranking.map(\.run.name) == ["b", "a"])
    #expect(RunDifferences([a, run("c", [1, 1, 1])]).decisive == "loss")
    #expect(RunDifferences([a, run("none", [])]).decisive == nil)
    #expect(
      RunDifferences([a, run("none", [])]).sentences == [
        "Not all of the runs have a loss, so they cannot be ranked."
      ])
  }

  @Test("equal runs are called equal; those within their noise are not called better")
  func equal() {
    let a = run("a", [3, 2, 1]), b = run("b", [3, 2, 1])
    #expect(RunDifferences([a, b]).sentences[0] == "a and b have the same training loss: 1.")
    func noisy(_ name: String, _ seed: UInt64, _ offset: Double) -> ReportRun {
      run(name, normalNumbers(1_000, seed: seed).map { 2 + offset + 0.2 * $0 })
    }
    let close = RunDifferences([noisy("a", 1, 0), noisy("b", 2, 0.001)])
    let words = "a and b are closer than the noise of their losses."
    #expect(close.sentences.contains(words))
    let far = RunDifferences([noisy("a", 1, 0), noisy("b", 2, 1)])
    #expect(!far.sentences.contains(words))
    // Without noise, the smallest lead is one.
    let course = (1...40).map { 10.0 / Double($0) }
    let above = RunDifferences([run("a", course), run("b", course.map { $0 + 0.1 })])
    #expect(!above.sentences.contains { $0.contains("closer than the noise") })
  }

  @Test("runs of one name are told apart") func names() {
    var (a, b, c) = (run("x", [1]), run("x", [1]), run("y", [1]))
    a.name = "x"
    let report = Report([a, b, c])
    #expect(Set(report.runs.map(\.name)).count == 3)
    (b.name, c.name) = ("z", "y")
    #expect(Report([a, b, c]).runs.map(\.name) == ["x", "z", "y"])
  }

  @Test(
    "a run that broke down is the last, whatever it had before", arguments: [Double.nan, .infinity])
  func broken(_ loss: Double) {
    let good = run("good", (1...200).map { 4.0 / Double($0) + 1 })
    let bad = run("bad", (1...200).map { $0 < 50 ? 0.4 : loss })
    let differences = RunDifferences([bad, good])
    #expect(differences.ranking.map(\.run.name) == ["good", "bad"])
    #expect(differences.sentences.contains("good alone ended with a finite training loss: 1.02."))
    #expect(
      differences.sentences.contains("The training loss of bad is not finite from step 50 on."))
    #expect(differences.leads.last?.run == 1)
    let both = RunDifferences([bad, run("worse", [.nan, .nan])]).sentences
    #expect(!both.contains { $0.contains("lowest") })
  }

  @Test(
    "percentages only where they say something",
    arguments: [([-1.0, -3], [-1.0, -2]), ([1, 0], [1, 0.5])])
  func negative(_ a: [Double], _ b: [Double]) {
    let sentences = RunDifferences([run("a", a), run("b", b)]).sentences
    #expect(sentences[0].contains("more") && !sentences[0].contains("%"))
    #expect(!sentences[0].contains("inf"))
  }

  @Test("names and texts of a log cannot move the cursor") func controls() {
    var log = RunLog(name: "a\u{1B}[31mred", path: "x\u{7}", format: .csv)
    log.tracks["loss\u{0}"] = Track(steps: [1], values: [2])
    log.samples = [(1, .text("one\ntwo\u{1B}[2J"))]
    log.notes = ["\u{9B}31m"]
    let report = Report([ReportRun(log)])
    for text in [report.page.text(), report.page.html()] {
      let controls = text.unicodeScalars.filter {
        $0.properties.generalCategory == .control && $0 != "\n" && $0 != "\t"
      }
      #expect(controls.isEmpty)
    }
  }

  @Test(
    "runs that learn different things are not ranked; those that learn the same with another seed are",
    arguments: [
      ("data.kind", false), ("data.path", false), ("model.kind", false), ("model.layers", true),
      ("seed", true), ("optimizer.lr", true),
    ])
  func incomparable(_ key: String, _ isRanked: Bool) {
    let differences = RunDifferences([
      run("a", [3, 2, 1], settings: [(key, "x")]), run("b", [3, 2, 2], settings: [(key, "y")]),
    ])
    #expect(differences.ranking.isEmpty != isRanked && differences.leads.isEmpty != isRanked)
    #expect(differences.sentences[0].contains("cannot be compared") != isRanked)
    #expect(differences.sentences[0].contains("a has the lowest") == isRanked)
  }

  @Test("a run that was not evaluated yet is judged by its training loss") func unevaluated() {
    let short = run("short", [3, 2.5, 2], validation: [3: 2.2])
    let long = run("long", [3, 2, 1, 1, 1], validation: [5: 1.1])
    let differences = RunDifferences([short, long])
    #expect(differences.decisive == "loss")
    #expect(differences.ranking.map(\.run.name) == ["long", "short"])
    let evaluated = RunDifferences([
      short, run("long", [3, 2, 1, 1], validation: [3: 2.3, 4: 1.1]),
    ])
    #expect(evaluated.decisive == "val_loss")
    #expect(evaluated.ranking.map(\.run.name) == ["short", "long"])
    func unmeasured(_ name: String, at step: Int) -> ReportRun {
      run(name, [], validation: [step: 2])
    }
    let apart = RunDifferences([unmeasured("a", at: 3), unmeasured("b", at: 5)])
    #expect(apart.decisive == nil && apart.ranking.isEmpty)
    #expect(apart.sentences[0].contains("no step at which all of the runs have"))
    let broken = RunDifferences([short, run("long", [3, 2, .nan], validation: [2: 2.9, 3: .nan])])
    #expect(broken.decisive == "val_loss" && broken.ranking.last?.run.name == "long")
  }

  @Test(
    "numbers of a lead are told apart, and none is infinite",
    arguments: [
      (1.5686, 1.56945, "1.5686 against b with 1.56945 (0.1 % more)"), (1, 1e308, "against b with"),
      (-1e308, 1e308, "against b with"),
    ])
  func told(_ a: Double, _ b: Double, _ part: String) {
    let runs = [run("a", [], validation: [1: a]), run("b", [], validation: [1: b])]
    let sentence = RunDifferences(runs).sentences[0]
    #expect(sentence.contains(part) && !sentence.contains("inf"), "\(sentence)")
  }

  @Test("rounding to 32 bits is no lead") func rounding() {
    let losses = (1...100).map { 3 / Double($0) }
    let rounded = RunDifferences([run("a", losses), run("b", losses.map { Double(Float($0)) })])
    #expect(rounded.sentences[0].hasPrefix("a and b have the same training loss"))
    #expect(!rounded.sentences.contains { $0.contains("led") || $0.contains("Ahead") })
  }

  @Test(
    "nobody leads by what reads as 0.0 %",
    arguments: [(1.000003, true), (1.0004, true), (1.0006, false)])
  func level(_ factor: Double, _ isLevel: Bool) {
    let losses = (1...100).map { 3 / Double($0) }
    let sentences = RunDifferences([run("a", losses), run("b", losses.map { $0 * factor })])
      .sentences
    #expect(
      sentences[0].hasPrefix("a and b end level: their training loss lies between ") == isLevel)
    #expect(sentences[0].hasPrefix("a has the lowest") != isLevel)
    #expect(sentences.contains { $0.contains("led") || $0.contains("Ahead") } != isLevel)
  }
}
