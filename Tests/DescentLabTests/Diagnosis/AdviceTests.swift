import DescentLab
import Foundation
import Testing

/// What is to be done next fits the run, its tool and the numbers before it went wrong.
@Suite("Advice of a diagnosis") struct AdviceTests {
  /// Norms of 0.85 to row 780, then fifty times that; the loss rises from row 800 and is NaN from
  /// 1,510 on.
  private static let lost: MadeRun = {
    var run = MadeRun("lost", "nan")
    run.tracks["loss"] = (0..<2000).map { (i: Int) -> Double in
      let x = Double(i)
      if i < 800 { return 2 + 2 * Foundation.exp(-x / 100) }
      return i < 1510 ? 2 + (x - 800) / 70 : Double.nan
    }
    let norms: [Double] = MadeRun.norms(2000, around: 0.85)
    run.tracks["grad_norm"] = (0..<2000).map { (i: Int) -> Double in
      if i < 780 { return norms[i] }
      return i < 1510 ? 55 * norms[i] : Double.nan
    }
    run.tracks["lr"] = [Double](repeating: 3e-3, count: 2000)
    return run
  }()

  private func first(_ log: RunLog) throws -> Finding {
    try #require(Diagnosis(log).findings.first)
  }

  @Test("of NaN: from before the first sign, not from the onset") func nonFinite() throws {
    let finding = try first(Self.lost.log)
    #expect(finding.kind == "nan" && finding.steps.lowerBound == 1511)
    let number = finding.advice.components(separatedBy: "before step ").last?.prefix { $0 != "," }
    let step = try #require(number.flatMap { Int($0) })
    #expect((770...790).contains(step), "\(finding.advice)")
    #expect(finding.advice.contains("lr=0.001"))
    let norm = finding.advice.components(separatedBy: "norm of ").last?.prefix { $0 != " " }
    #expect((0.8...1.3).contains(norm.flatMap { Double($0) } ?? 0), "\(finding.advice)")
    #expect(finding.evidence.contains("first sign"))
  }

  @Test("the losses of adversaries are not judged, and what to look at is said") func adversaries()
    throws
  {
    var run = MadeRun("gan")
    run.tracks["loss"] = (0..<400).map { step -> Double in
      let x = Double(step)
      return 2 + 0.5 * sin(x / 20) + x / 400
    }
    run.tracks["lr"] = [Double](repeating: 0.1, count: 400)
    let (unjudged, judged) = ("neither needs to fall", Diagnosis(run.log))
    #expect(!judged.isHealthy && !judged.unknown.contains { $0.contains(unjudged) })
    run.tracks["d_loss"] = run.tracks["loss"]
    run.tracks["g_loss"] = run.tracks["loss"]
    let diagnosis = Diagnosis(run.log)
    #expect(diagnosis.findings.isEmpty || diagnosis.isHealthy, "\(diagnosis.findings)")
    #expect(diagnosis.unknown.contains { $0.contains(unjudged) })
  }

  @Test("in the words of the tool") func words() throws {
    var log = Self.lost.log
    let other = try first(log).advice
    #expect(other.contains("max_grad_norm") && other.contains("clip.norm here"))
    log.format = .descent
    let own = try first(log).advice
    #expect(own.contains("set clip.norm=") && !own.contains("max_grad_norm"))
    for format in [RunLog.Format.csv, .trainerState, .tensorBoard, .jsonLines] {
      log.format = format
      #expect(!Diagnosis(log).findings.contains { $0.advice.contains("descent ") })
    }
  }

  /// Faults that many kinds see: a loss that flies away, one that stands still, norms that are clipped.
  private static func faults(_ change: (inout MadeRun) -> Void) -> [MadeRun] {
    let flat = lost.with { $0.tracks["loss"] = [Double](repeating: 0.7, count: 2000) }
    let slow = lost.with { run in
      run.tracks["loss"] = (0..<2000).map { 2.3 - 1e-4 * Double($0) }
      run.tracks["grad_norm"] = MadeRun.norms(2000, around: 0.85)
    }
    let clipped = slow.with { run in
      run.tracks["clip_norm"] = [Double](repeating: 0.1, count: 2000)
      run.tracks["clipped"] = [Double](repeating: 1, count: 2000)
    }
    return [lost, flat, slow, clipped].map { $0.with(change) }
  }

  @Test(
    "rules that set their rate themselves get advice that holds for them",
    arguments: [
      ("prodigy", "d", ["d_coef", "d0", "clip.norm=none"], ["lr-find", "lr=0"]),
      ("dadapt-adam", "d", ["growth_rate", "d0", "clip.norm=none"], ["lr-find", "d_coef"]),
      (
        "adafactor", "relative_step", ["relative_step=false", "clip.norm=none"],
        ["lr-find", "d_coef", "schedule.warmup"]
      ),
    ])
  func ownRates(_ rule: String, _ track: String, _ wanted: [String], _ unwanted: [String]) {
    let runs = Self.faults { run in
      run.tracks[track] = (0..<2000).map { 1e-3 * min(1, Double($0 + 1) / 100) }
      run.tracks["lr"] = run.tracks[track]
    }
    var advice: [String] = []
    for run in runs {
      var log = run.log
      (log.format, log.settings) = (.descent, [("optimizer.name", rule)])
      advice += Diagnosis(log).findings.map(\.advice)
    }
    let all = advice.joined(separator: "\n")
    for word in wanted { #expect(all.contains(word), "\(word) is missing in\n\(all)") }
    for word in unwanted { #expect(!all.contains(word), "\(word) stands in\n\(all)") }
    #expect(!all.contains(/clip\.norm=[0-9]/), "\(all)")
  }

  @Test(
    "nothing follows from rates that are none",
    arguments: [0, -1e-3, 1e30, Double.leastNonzeroMagnitude, .infinity])
  func degenerate(_ rate: Double) {
    var run = Self.lost
    run.tracks["lr"] = [Double](repeating: rate, count: 2000)
    let flat = run.with { $0.tracks["loss"] = [Double](repeating: 0.7, count: 2000) }
    for log in [run.log, flat.log] {
      let findings: [Finding] = Diagnosis(log).findings
      for finding in findings {
        #expect(!finding.advice.contains("try lr=") && !finding.advice.contains("take lr="))
        #expect(!finding.advice.contains("e+"), "\(finding.advice)")
      }
    }
  }

  @Test("no threshold that is set already, no warmup as long as the run") func fits() throws {
    let run = Self.lost.with { $0.tracks["clip_norm"] = [Double](repeating: 1, count: 2000) }
    let advice = try first(run.log).advice
    #expect(!advice.contains("clip the gradients"), "\(advice)")
    let signals = RunSignals(run.log)
    #expect(signals.clipping(at: 0.9) == nil && signals.clipping(at: 0.5) != nil)
    #expect(signals.clipping(at: .nan) == nil && signals.clipping(at: 1e21) == nil)
    // Still rising when it ends.
    let rising = MadeRun.usual(100).with {
      $0.tracks["lr"] = (1...100).map { Double($0) * 1e-5 }
    }
    let cut = try #require(
      Diagnosis(rising.log).findings.first { $0.kind == "schedule_cut_off" })
    #expect(cut.advice.contains("shorter") && cut.advice.contains("5 steps"), "\(cut.advice)")
  }

  @Test("a rate far beyond the usual is not lowered by a third") func far() {
    var log = Self.lost.log
    log.settings = [("optimizer.name", "adamw")]
    let signals = RunSignals(log)
    #expect(signals.lowered(50)?.text == "0.001" && signals.lowered(3e-3)?.text == "0.001")
    #expect(signals.lowered(50)?.isThird == false && signals.lowered(3e-3)?.isThird == true)
  }

  @Test("a page is titled by what happened, and shows each figure once") func page() {
    let diagnosis = Diagnosis(Self.lost.log)
    let page = diagnosis.page
    #expect(page.title == "The loss became NaN or infinite, from step 1,511 on")
    #expect(page.text(width: 80).contains("nan, confidence"))
    #expect(Diagnosis(MadeRun.usual(500).log).page.title == "No fault seen")
  }

  @Test("running means are centered, and parted where nothing is finite") func means() {
    let line = (0..<100).map { Point(Double($0), Double($0)) }
    let mean = line.centeredMean(over: 11)
    #expect(mean.map(\.x) == line.map(\.x))
    for i in 5..<95 { #expect(abs(mean[i].y - Double(i)) < 1e-9) }
    // At the ends what is there counts: 0 to 5, and 94 to 99.
    #expect(abs(mean[0].y - 2.5) < 1e-9 && abs(mean[99].y - 96.5) < 1e-9)
    var broken = line
    for i in 40..<60 { broken[i].y = .nan }
    let parts = broken.centeredMean(over: 11)
    #expect(parts.count { $0.y.isNaN } == 1)
    #expect(parts.allSatisfy { $0.y.isNaN || $0.y < 40 || $0.y >= 60 })
  }
}
