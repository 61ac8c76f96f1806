import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Studies", .serialized) struct StudyTests {
  private static let yaml = """
    question: Which rate?
    seeds: 2
    recipe: digits-mlp
    set: {epochs: none, steps: 6, model.hidden: 8, evaluate.every: 3}
    experiments:
      rate:
        vary: {optimizer.lr: [0.001, 0.01]}
      again:
        vary: {optimizer.lr: [0.01, 1e38]}
        set: {optimizer.name: rmsprop}
    claims:
      - {say: it falls, experiment: rate, metric: val_loss, expect: falls}
    panels:
      - {title: Course, experiment: rate, show: val_loss}
      - {title: End, experiment: again, show: [val_loss, loss], of: final}
    tables:
      - {experiment: rate, columns: [val_loss, state_bytes, {show: grad_norm, of: max}]}
    """

  private func plan(_ yaml: String = yaml) throws -> StudyPlan {
    try StudyPlan(yaml: yaml, name: "mine", folder: URL(fileURLWithPath: "."))
  }

  private func files(_ path: String, _ ending: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: path).filter { $0.hasSuffix(ending) }
  }

  /// Runs a study, and says how many runs were done.
  private func run(
    _ plan: StudyPlan, _ path: String, _ crew: Crew = Crew()
  ) throws -> (result: StudyResult, runs: Int) {
    var runs = 0
    let result = try Study(plan, in: path).run(crew) {
      // A base is also told of as it begins.
      if $0.last?.outcome != nil { runs += 1 }
    }
    return (result, runs)
  }

  private func finals(_ result: StudyResult) -> [[Double?]] {
    ["rate", "again"].flatMap { (result.runs[$0] ?? []).map { $0.map { $0.trial.outcome?.final } } }
  }

  @Test("a study that was stopped goes on; weights go; failures and figures are shown")
  func goesOn() throws {
    try inFolder { path in
      let plan = try plan()
      var steps = 0
      let crew = Crew {
        steps += 1
        return steps > 20
      }
      #expect(throws: StudyError.interrupted(path)) { try run(plan, path, crew) }
      let rest = try run(plan, path)
      #expect((1..<8).contains(rest.runs))
      let whole = try run(plan, path + "-whole")
      defer { try? FileManager.default.removeItem(atPath: path + "-whole") }
      #expect(whole.runs == 8 && finals(rest.result) == finals(whole.result))
      #expect(finals(whole.result)[3] == [nil, nil])
      #expect(try files(path, ".safetensors").isEmpty)
      #expect(try files(path, "metrics.jsonl").count == 8)
      // Nothing is done again, but a run whose file was cut short.
      #expect(try run(plan, path).runs == 0)
      let file = try #require(try files(path + "/runs", ".json").first)
      try "{".write(toFile: "\(path)/runs/\(file)", atomically: true, encoding: .utf8)
      #expect(try run(plan, path).runs == 1)
      // Nor one whose numbers are gone.
      let log = try #require(try files(path + "/runs", "metrics.jsonl").sorted().first)
      let failed = try String(
        contentsOfFile: "\(path)/runs/\(log.dropLast(14)).json", encoding: .utf8
      )
      .contains("failure")
      try FileManager.default.removeItem(atPath: "\(path)/runs/\(log.dropLast(14))")
      #expect(try run(plan, path).runs == (failed ? 0 : 1))

      let page = StudyPage.about(whole.result, command: "descent study mine.yaml")
      let text = page.text()
      for part in [
        "Which rate?", "it falls", "Course", "largest grad_norm", "descent study mine.yaml",
        "The runs “again, lr=1e38, seed 1” and “again, lr=1e38, seed 2” failed: training stopped",
      ] { #expect(text.contains(part), "\(part)") }
      #expect(page.html().contains("it falls"))
      let json = try #require(
        JSONSerialization.jsonObject(with: Data(page.json.text.utf8)) as? [String: Any])
      let claims = try #require(json["claims"] as? [[String: Any]])
      #expect(claims[0]["verdict"] as? String == whole.result.verdicts[0].outcome.rawValue)
      #expect((claims[0]["cells"] as? [[String: Any]])?.count == 2)
      #expect((json["panels"] as? [Any])?.count == 2 && json["failures"] as? Int == 2)
    }
  }

  @Test("a study may grow: more seeds and values are added, what two cells share is trained once")
  func grows() throws {
    try inFolder { path in
      #expect(try run(plan(), path).runs == 8)
      let more = Self.yaml.replacing("seeds: 2", with: "seeds: 3")
        .replacing("[0.001, 0.01]", with: "[0.001, 0.01, 0.1]")
        .replacing("it falls", with: "it really falls")
      // Three of the new value, two cells and two others with a third seed.
      #expect(try run(plan(more), path).runs == 7)
      // The folder's own file says all of it.
      let own = try StudyPlan(file: Study.file(in: path))
      #expect(own.name == "mine" && own.seeds == 3)
      let same = try run(own, path)
      #expect(same.runs == 0 && same.result.verdicts[0].claim.say == "it really falls")
      let shared = Self.yaml.replacing("set: {optimizer.name: rmsprop}", with: "set: {batch: 32}")
        .replacing("[0.01, 1e38]", with: "[0.001, 0.01]")
      #expect(try run(plan(shared), path).result.all.count == 4)
    }
  }

  @Test("a folder with something else is left alone, and one process works in it at a time")
  func folders() throws {
    try inFolder { path in
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      try "mine".write(toFile: path + "/notes.txt", atomically: true, encoding: .utf8)
      #expect(throws: RunError.occupied(path)) { try Study(plan(), in: path) }
      #expect(throws: StudyError.notAStudy(path)) { try Study.file(in: path) }
      let own = path + "/own"
      let study = try Study(plan(), in: own)
      #expect(throws: RunError.self) { try Study(plan(), in: own) }
      var other = try plan()
      other.name = "other"
      #expect(throws: StudyError.another(own, name: "mine", wanted: "other")) {
        try Study(other, in: own)
      }
      withExtendedLifetime(study) {}
      try "[".write(toFile: own + "/study.yaml", atomically: true, encoding: .utf8)
      #expect(throws: DataError.self) { try Study(plan(), in: own) }
    }
  }

  @Test("a number that no run has is said before the runs, with what there is")
  func missingMetric() throws {
    try inFolder { path in
      let yaml = Self.yaml.replacing("metric: val_loss", with: "metric: val_los")
        .replacing("show: [val_loss, loss]", with: "show: qqqqqq")
      let error = #expect(throws: RecipeError.self) { try run(plan(yaml), path) }
      let said = error?.problems ?? []
      #expect(said.count == 2)
      #expect(
        said.first == "claims[1].metric is 'val_los', which the runs of 'rate' do not have; "
          + "did you mean 'val_loss'?")
      #expect(
        said.last?.contains("there are: ") == true && said.last?.contains("grad_norm") == true)
      let done = try files(path, "metrics.jsonl")
      #expect(done.isEmpty)
      // Where all runs break down at once, there is nothing to tell from: they are named as failed.
      let broken = """
        question: Which?
        seeds: 1
        recipe: digits-mlp
        set: {epochs: none, steps: 2, model.hidden: 8, optimizer.name: sgd}
        experiments: {a: {vary: {optimizer.lr: [1e38]}}}
        claims: [{say: x, metric: memory, expect: {at_most: 1}}]
        """
      let result = try run(plan(broken), path + "/broken").result
      #expect(result.all.map { $0.failure != nil } == [true])
      // Memory is measured at some steps; that a run does not come to one is said before it.
      let small = broken.replacing("1e38", with: "0.1")
      #expect(throws: RecipeError.self) { try run(plan(small), path + "/short") }
      let long = small.replacing("steps: 2,", with: "steps: 2, evaluate.every: 1,")
      #expect(try run(plan(long), path + "/long").result.verdicts[0].outcome == .contradicted)
      // Bases are made before anything is trained.
      let base =
        small
        + "\nfrom: b\nbases: {b: {recipe: digits-cnn, set: {epochs: none, steps: 1, schedule: "
        + "{name: cosine, warmup: 5}}}}"
      let mistake = #expect(throws: RecipeError.self) { try run(plan(base), path + "/base") }
      #expect(mistake?.problems.first?.hasPrefix("bases.b: ") == true)
    }
  }

  @Test("bases are trained once, and runs begin with their weights; one that fails ends the study")
  func bases() throws {
    try inFolder { path in
      let yaml = """
        question: From where?
        seeds: 2
        recipe: digits-mlp
        set: {epochs: none, steps: 2, model.hidden: 8}
        bases:
          first: {recipe: digits-mlp, set: {epochs: none, steps: 20, model.hidden: 8, optimizer.lr: 0.01}}
          second: {recipe: digits-mlp, from: first, set: {epochs: none, steps: 2, model.hidden: 8}}
        experiments:
          start: {vary: {from: [none, first, second]}}
        claims:
          - {say: a start helps, metric: val_loss, expect: {highest: from=none}}
        """
      let done = try run(plan(yaml), path)
      #expect(done.runs == 8 && done.result.verdicts[0].outcome == .supported)
      #expect(try files(path, ".safetensors").allSatisfy { $0.hasPrefix("bases/") })
      // Bases without their weights are trained again where a run needs them.
      try FileManager.default.removeItem(atPath: path + "/bases")
      #expect(try run(plan(yaml), path).runs == 0)
      #expect(try run(plan(yaml.replacing("seeds: 2", with: "seeds: 3")), path).runs == 5)
      let broken = yaml.replacing(
        "optimizer.lr: 0.01", with: "optimizer.name: sgd, optimizer.lr: 1e38")
      let error = #expect(throws: StudyError.self) { try run(plan(broken), path) }
      #expect(
        error?.description.hasPrefix("the base 'first', which runs begin with, failed") == true)
      // Weights that do not fit are what became of a run.
      let wide = yaml.replacing("model.hidden: 8}\nbases", with: "model.hidden: 16}\nbases")
      let runs = try run(plan(wide), path).result.runs["start"] ?? []
      #expect(runs.map { $0.count { $0.failure != nil } } == [0, 2, 2])
    }
  }
}
