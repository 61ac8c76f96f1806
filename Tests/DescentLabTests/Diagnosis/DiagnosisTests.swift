import Descent
import DescentLab
import Foundation
import Testing

@Suite("Diagnosis") struct DiagnosisTests {
  private func kinds(_ diagnosis: Diagnosis) -> [String] { diagnosis.findings.map(\.kind) }

  // MARK: Input

  /// CSV text of columns.
  private func csv(_ columns: [(String, [Double])]) -> String {
    let rows = columns.map(\.1.count).max() ?? 0
    let header = (["step"] + columns.map(\.0)).joined(separator: ",")
    return
      ([header]
      + (0..<rows).map { row in
        (["\(row + 1)"] + columns.map { row < $0.1.count ? "\($0.1[row])" : "" }).joined(
          separator: ",")
      }).joined(separator: "\n") + "\n"
  }

  @Test("a short log accuses nobody, and says what cannot be known", arguments: 1...6)
  func short(_ seed: UInt64) throws {
    let files = try LogFiles()
    let losses = normalNumbers(10, seed: seed).map { 2 + 0.5 * $0 }
    let diagnosis = Diagnosis(try files.log(csv([("loss", losses)])))
    #expect(kinds(diagnosis) == ["healthy"])
    #expect((diagnosis.findings.first?.confidence ?? 1) < Diagnosis.sure)
    let unknown = diagnosis.unknown.joined(separator: "\n")
    for word in ["10 rows", "no validation loss", "lr is not logged", "no gradient norm"] {
      #expect(unknown.contains(word))
    }
  }

  @Test(
    "losses whose noise is larger than any change, as of diffusion at random times, accuse nobody",
    arguments: [0, 0.1], [false, true])
  func buried(_ fall: Double, _ isDecayed: Bool) throws {
    let files = try LogFiles()
    let course = (1...1500).map { Double($0) }
    let rate = course.map { isDecayed ? 0.5e-4 * (1 + cos(.pi * $0 / 1500)) : 1e-4 }
    for seed in UInt64(1)...12 {
      let losses = zip(course, normalNumbers(1500, seed: seed)).map { step, noise in
        0.1 * (1 - fall * (1 - exp(-step / 300))) * exp(0.5 * noise)
      }
      let diagnosis = Diagnosis(try files.log(csv([("loss", losses), ("lr", rate)])))
      #expect(kinds(diagnosis).first == "healthy", "seed \(seed): \(kinds(diagnosis))")
    }
  }

  @Test("a constant loss never learned; that needs a learning rate to be sure")
  func constant() throws {
    let files = try LogFiles()
    let flat = [Double](repeating: 0.6931, count: 200)
    let rate = [Double](repeating: 1e-3, count: 200)
    let sure = Diagnosis(try files.log(csv([("loss", flat), ("lr", rate)])))
    #expect(sure.findings.first?.kind == "plateau")
    #expect(sure.findings.first?.evidence.contains("never learned") == true)
    let tiny = Diagnosis(
      try files.log(csv([("loss", flat), ("lr", [Double](repeating: 1e-9, count: 200))])))
    #expect(tiny.findings.first?.kind == "lr_too_low")
  }

  @Test("only a validation loss") func validation() throws {
    let files = try LogFiles()
    let fine = try files.log(csv([("val_loss", (0..<12).map { 3 - 0.1 * Double($0) })]))
    #expect(kinds(Diagnosis(fine)) == ["healthy"])
    #expect(Diagnosis(fine).unknown.contains { $0.contains("no training loss") })
    let turned = (0..<12).map { 1 + pow(Double($0) - 4, 2) / 30 }
    let overfitted = Diagnosis(try files.log(csv([("val_loss", turned)])))
    #expect(overfitted.findings.first?.kind == "overfitting")
    #expect((overfitted.findings.first?.confidence ?? 1) <= 0.6)
  }

  @Test("nothing but NaN; no rows at all; huge values") func extremes() throws {
    let files = try LogFiles()
    let lost = Diagnosis(try files.log(csv([("loss", [Double](repeating: .nan, count: 30))])))
    #expect(lost.findings.first?.kind == "nan")
    #expect(lost.findings.first?.evidence.contains("no loss of the run is finite") == true)
    let empty = Diagnosis(try files.log("step,loss\n"))
    #expect(kinds(empty).isEmpty)
    #expect(empty.steps == 0)
    for size in [1e-300, 1e300, Double.greatestFiniteMagnitude / 4] {
      let losses = MadeRun.falling(300, from: size, to: 0.3 * size)
      let norms = MadeRun.norms(300, around: size)
      let diagnosis = Diagnosis(try files.log(csv([("loss", losses), ("grad_norm", norms)])))
      #expect(kinds(diagnosis).first == "healthy", "\(size)")
    }
    #expect(throws: (any Error).self) { try Diagnosis.read(files.path("absent.csv")) }
  }

  @Test("rows in no order, runs one behind the other") func order() throws {
    let files = try LogFiles()
    let losses = MadeRun.falling(300)
    let lines = csv([("loss", losses)]).split(separator: "\n").map(String.init)
    let mixed = stride(from: 0, to: 300, by: 1).map { lines[1 + ($0 * 121) % 300] }
    let shuffled = Diagnosis(try files.log(([lines[0]] + mixed).joined(separator: "\n") + "\n"))
    #expect(shuffled.findings.first?.kind == "healthy")
    #expect(shuffled.unknown.contains { $0.contains("in no order") })
    let twice = Diagnosis(
      try files.log((lines + lines.dropFirst()).joined(separator: "\n") + "\n"))
    #expect(twice.findings.first?.kind == "healthy")
    #expect(twice.notes.contains { $0.contains("went back") })
  }

  @Test("several runs in one table: each has its diagnosis") func several() throws {
    let files = try LogFiles()
    let bad = (0..<200).map { 2 + 0.1 * Double($0) }
    let path = try files.write(
      csv([("a - loss", MadeRun.falling(200)), ("b - loss", bad)]), to: "wandb.csv")
    let diagnoses = try Diagnosis.read(path)
    #expect(diagnoses.map { $0.findings.first?.kind } == ["healthy", "diverged"])
    let text = Diagnosis.page(diagnoses, of: path).json.text
    #expect(text.contains("\"runs\""))
  }

  @Test("a run that is resumed without a trace is no jump") func resumed() throws {
    let files = try LogFiles()
    let lines = csv([("loss", MadeRun.falling(300))]).split(separator: "\n").map(String.init)
    let again = lines.prefix(201) + lines[181...]
    let diagnosis = Diagnosis(try files.log(again.joined(separator: "\n") + "\n"))
    #expect(diagnosis.findings.first?.kind == "healthy")
  }

  // MARK: JSON

  @Test("the contract of the JSON") func contract() throws {
    let files = try LogFiles()
    var losses = MadeRun.falling(300)
    for i in 200..<300 { losses[i] = .nan }
    let path = try files.write(csv([("loss", losses)]), to: "run.csv")
    let page = Diagnosis.page(try Diagnosis.read(path), of: path)
    let object = try #require(
      try JSONSerialization.jsonObject(with: Data(page.json.text.utf8)) as? [String: Any])
    #expect(object["source"] as? String == path)
    #expect(object["format"] as? String == "csv")
    #expect(object["steps"] as? Int == 300)
    let findings = try #require(object["findings"] as? [[String: Any]])
    let first = try #require(findings.first)
    #expect(first["kind"] as? String == "nan")
    #expect(first["from"] as? Int == 201)
    #expect(first["to"] as? Int == 300)
    let confidence = try #require(first["confidence"] as? Double)
    #expect((0...1).contains(confidence))
    for key in ["evidence", "advice", "cause"] {
      #expect((first[key] as? String)?.isEmpty == false)
    }
    #expect(page.html().contains("<svg"))
    #expect(page.text(width: 80).contains("Next"))
  }

  // MARK: Thresholds

  @Test("thresholds can be changed, and what is wrong with them is said") func thresholds() throws {
    let idle = MadeRun.usual(500).with {
      $0.tracks["clip_norm"] = [Double](repeating: 100, count: 500)
    }.log
    #expect(Diagnosis(idle).findings.first?.kind == "clip_idle")
    let kinds = try FindingKinds([("clip_idle.ratio", "1000")])
    #expect(Diagnosis(idle, kinds: kinds).findings.first?.kind == "healthy")
    let mistakes: [(String, String, String)] = [
      ("clip_idl.ratio", "3", "clip_idle"), ("clip_idle.ratios", "3", "did you mean 'ratio'"),
      ("clip_idle.ratio", "many", "clip_idle.ratio=many"), ("clip_idle.ratio", "0.5", "at least 1"),
      ("clip_idle", "3", "has no setting"),
    ]
    for (name, text, words) in mistakes {
      let error = #expect(throws: SettingErrors.self) { try FindingKinds([(name, text)]) }
      #expect("\(error.map { "\($0)" } ?? "")".contains(words), "\(name)=\(text)")
    }
  }

  @Test("kinds have names, summaries, weights and thresholds of their own") func registry() {
    let names = FindingKinds.all.map { $0.name }
    #expect(Set(names).count == 20)
    for kind in FindingKinds.all {
      #expect(!kind.summary.isEmpty && (0...1).contains(kind.weight))
      #expect(kind.explains.isSubset(of: names) && !kind.explains.contains(kind.name))
    }
    let text = FindingKindsPage.list().text(width: 80)
    for name in names + ["healthy", "lr_too_high.noise"] { #expect(text.contains(name)) }
  }

  // MARK: Comparison

  @Test("another run makes a finding surer, or less") func against() throws {
    let slow = MadeRun("slow").with { (run: inout MadeRun) in
      run.tracks["lr"] = [Double](repeating: 1e-5, count: 500)
      run.tracks["loss"] = MadeRun.slope(500)
    }
    func other(_ losses: [Double]) -> RunLog {
      var log = MadeRun.usual(500).with { run in
        run.tracks["loss"] = losses
        run.tracks["lr"] = [Double](repeating: 1e-3, count: 500)
      }.log
      (log.name, log.path) = ("other", "runs/other")
      return log
    }
    let findings: [Finding] = Diagnosis(slow.log).findings
    let alone = try #require(findings.first)
    let better = Diagnosis(slow.log, against: other(MadeRun.falling(500, from: 2.3, to: 0.5)))
    let worse = Diagnosis(slow.log, against: other(MadeRun.falling(500, from: 4.3, to: 2.2)))
    #expect(alone.kind == "lr_too_low")
    #expect((better.findings.first?.confidence ?? 0) > alone.confidence)
    #expect(better.findings.first?.advice.hasPrefix("take lr=0.001") == true)
    #expect((worse.findings.first { $0.kind == "lr_too_low" }?.confidence ?? 0) < alone.confidence)
    #expect(better.comparison.contains { $0.contains("highest lr") })
  }

  // MARK: Speed

  @Test("a long log is summed up before it is looked at") func long() {
    let run = MadeRun.usual(200_000).log
    let start = Date()
    #expect(Diagnosis(run).findings.first?.kind == "healthy")
    // Generous: a debug build on a busy machine.
    #expect(Date().timeIntervalSince(start) < 20)
  }
}
