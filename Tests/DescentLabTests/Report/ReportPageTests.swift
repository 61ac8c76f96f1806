import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Pages of reports") struct ReportPageTests {
  /// A run with every kind of metric that a report has a figure for.
  private static func run(_ name: String, seed: UInt64, breaksAt end: Int? = nil) -> ReportRun {
    var log = RunLog(name: name, path: "runs/\(name)", format: .descent)
    let steps = Array(1...600)
    let noise = normalNumbers(600, seed: seed)
    func set(_ name: String, every: Int = 1, _ value: (Int) -> Double) {
      let some = steps.filter { $0 % every == 0 }
      log.tracks[name] = Track(steps: some, values: some.map { end ?? 601 > $0 ? value($0) : .nan })
    }
    set("loss") { 3 * exp(-Double($0) / 100) + 1 + 0.05 * noise[$0 - 1] }
    set("val_loss", every: 50) { 3 * exp(-Double($0) / 100) + 1.1 }
    set("lr") { 1e-3 * min(1, Double($0) / 100) }
    set("grad_norm") { exp(0.5 * noise[$0 - 1]) }
    set("clip_norm") { _ in 1 }
    set("clipped") { noise[$0 - 1] > 0 ? 1 : 0 }
    set("seconds") { 0.02 + 0.001 * abs(noise[$0 - 1]) }
    set("memory_bytes", every: 50) { _ in 2.5e8 }
    set("d") { 1e-6 * Double($0) }
    set("lost_share") { _ in 0.4 }
    for (number, tensor) in ["wte.weight", "h.0.attn.c_attn.weight", "ln_f.weight"].enumerated() {
      for family in ["update_ratio", "grad_norm", "weight_norm", "snr"] {
        set("\(family)/\(tensor)", every: 20) { exp(Double(number) + noise[$0 - 1]) }
      }
    }
    log.histograms["weight/wte.weight"] = [
      .init(step: 20, from: -1, to: 1, counts: [1, 20, 300, 25, 2])
    ]
    log.samples = [
      (600, .text("Once upon a time\nthere was <b>a test</b>.")),
      (600, .image(.init(label: "3, read as 8", width: 2, height: 2, pixels: [0, 90, 180, 255]))),
    ]
    log.settings = [("optimizer.name", name), ("optimizer.lr", "0.001")]
    log.recipe = "optimizer:\n  name: \(name)\n"
    log.events = [.init(.skipped, step: 7, text: "the loss was not finite")]
    log.notes = ["The last line is cut off."]
    return ReportRun(log)
  }

  private static let one = Report([run("adamw", seed: 1)])
  private static let three = Report([
    run("adamw", seed: 1), run("lion", seed: 2),
    run("a-run-with-a-name-that-is-much-longer-than-others", seed: 3, breaksAt: 200),
  ])

  @Test(
    "nothing is blank, cut off or overlaid in a browser",
    .enabled(if: BrowserTests.canLook, "there is no Chromium and Python"), arguments: [1, 3])
  func browser(_ runs: Int) throws {
    let (text, status) = try BrowserTests.check((runs == 1 ? Self.one : Self.three).page.html())
    #expect(status == 0, "\(text)")
  }

  @Test("training and validation of one quantity share a figure, in one run and not in several")
  func pairs() {
    func run(_ name: String) -> ReportRun {
      var log = RunLog(name: name, path: "runs/\(name)", format: .descent)
      for (key, factor) in [
        ("loss", 2.0), ("val_loss", 2), ("train_accuracy", -0.5), ("val_accuracy", -0.4),
        ("perplexity", 3), ("val_perplexity", 3),
      ] {
        log.tracks[key] = Track(
          steps: [1, 2, 3], values: [1, 2, 3].map { 1 + factor / Double($0) })
      }
      return ReportRun(log)
    }
    let single = Report([run("one")]).figures.flatMap(\.figure.charts)
    #expect(single.map(\.title) == ["Loss", "Accuracy", "Perplexity"])
    for case .lines(let chart) in single {
      #expect(chart.series.map(\.name).filter { !$0.isEmpty } == ["training", "validation"])
    }
    let several = Report([run("one"), run("two")]).figures.compactMap {
      $0.figure.charts.first?.title
    }
    #expect(
      several == [
        "Training loss", "Validation loss", "Training accuracy", "Validation accuracy",
        "Training perplexity", "Validation perplexity",
      ])
  }

  @Test("every part of a run is on its page") func parts() {
    let html = Self.one.page.html()
    for part in [
      "The training loss fell from", "Learning rate", "limit 1", "Share of clipped steps",
      "d, the estimated step size", "Updates lost to rounding", "Update ratio", "Distributions",
      "Time of a step", "Memory of the process", "there was &lt;b&gt;a test", "3, read as 8",
      "name: adamw", "The last line is cut off.",
      "1 step was skipped, number 7: the loss was not finite.",
    ] { #expect(html.contains(part), "\(part)") }
    // Names for links are there once.
    let ids = html.matches(of: /\sid="([^"]+)"/).map { String($0.output.1) }
    #expect(Set(ids).count == ids.count)
    let all = Self.three.page.html()
    let others = all.matches(of: /\sid="([^"]+)"/).map { String($0.output.1) }
    #expect(Set(others).count == others.count)
    #expect(all.contains("optimizer.name") && !all.contains("optimizer.lr</th>"))
  }

  @Test("each figure has a name for its file") func names() {
    let names = Self.three.figures.map(\.name)
    #expect(Set(names).count == names.count && names.allSatisfy { $0.count <= 64 })
    #expect(names.contains("training-loss") && names.contains("update-ratio"))
  }

  @Test("charts in the terminal are found by the names of other tools") func charts() {
    let charts = RunCharts(Self.one)
    #expect(charts.names.prefix(4) == ["loss", "val_loss", "lr", "d"])
    #expect(charts.chart("learning_rate")?.title == "lr")
    #expect(charts.chart("update_ratio")?.series.count == 3)
    #expect(charts.chart("nothing") == nil)
  }
}
