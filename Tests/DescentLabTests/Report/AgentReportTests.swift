import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Reports on agents") struct AgentReportTests {
  private static func log() -> RunLog {
    var log = RunLog(name: "agent", path: "runs/agent", format: .descent)
    let steps = Array(1...400)
    func track(_ value: (Int) -> Double) -> Track { Track(steps: steps, values: steps.map(value)) }
    // Losses that no other run would survive.
    log.tracks["loss"] = track { 10 + Double($0) / 10 + ($0 % 40 == 0 ? 200 : 0) }
    log.tracks["grad_norm"] = track { _ in 30 }
    log.tracks["clipped"] = track { _ in 1 }
    log.tracks["lr"] = track { 3e-4 * (1 - Double($0) / 400) }
    log.tracks["seconds"] = track { _ in 0.25 }
    log.tracks["episode_return"] = track { 20 + Double($0) }
    log.tracks["val_return"] = Track(steps: [100, 200, 300, 400], values: [90, 200, 480, 470])
    log.tracks["val_loss"] = Track(steps: [100, 200, 300, 400], values: [-90, -200, -480, -470])
    log.settings = [("clip.norm", "0.5"), ("steps", "400")]
    log.samples = [(100, episode(9)), (200, episode(20)), (400, episode(500))]
    return log
  }

  private static func episode(_ steps: Int) -> TrainingSample {
    .episode(
      .init(
        label: "a <cart>\u{1B}", steps: steps, earned: Double(steps),
        frames: [0, steps].map {
          .init(
            step: $0,
            EnvironmentPicture(
              width: 4, height: 2, [.rectangle(.init(1, 0), width: 1, height: 0.5, .accent)]))
        },
        traces: [.init("cart position (m)", steps: [0, steps], values: [0, 1.5])]))
  }

  @Test("the first and the last episode are drawn, without scripts and within the page")
  func drawn() {
    let page = Report([ReportRun(Self.log())]).page
    let html = page.html()
    #expect(html.components(separatedBy: "<figure class=\"film\">").count == 3)
    #expect(html.contains("After step 100: a return of 9 in 9 steps"))
    #expect(html.contains("After step 400: a return of 500 in 500 steps"))
    #expect(!html.contains("After step 200:"))
    #expect(html.contains("<figcaption>step 500</figcaption>"))
    // 4 wide is 120 wide, from the bottom up; a colour that the style sheet knows for dark pages, too.
    #expect(
      html.contains(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 120 60\" role=\"img\" "
          + "aria-label=\"step 500\"><rect x=\"30\" y=\"45\" width=\"30\" height=\"15\" "
          + "fill=\"#D55E00\"/></svg>"))
    #expect(html.contains("[fill=\"#D55E00\"] { fill: #ff8a3d; }"))
    #expect(html.contains("a &lt;cart&gt;\\u{1B}") && html.contains("cart position (m)"))
    #expect(page.text().contains("(2 frames that pages draw)"))
  }

  @Test("returns are shown over steps and over time, and said") func returns() throws {
    let report = Report([ReportRun(Self.log())])
    let figures = report.figures
    #expect(figures.prefix(2).map(\.name) == ["return-of-an-episode", "return-over-time"])
    let page = report.page.text()
    #expect(
      page.contains(
        "The mean return of the last 100 training episodes went from 21 to 420; that of the evaluation"
      ))
    #expect(page.contains("its highest was 480 at step 300"))
    #expect(!page.contains("training loss rose") && !page.contains("nats"))
    guard case .lines(let chart)? = figures[1].figure.charts.first else {
      Issue.record("a chart of lines")
      return
    }
    // A quarter of a second a step.
    #expect(chart.series.last?.points.map(\.x) == [25, 50, 75, 100])
  }

  @Test("what is customary of agents is no fault") func judged() {
    let found = Diagnosis(Self.log())
    #expect(found.faults.isEmpty, "\(found.faults.map(\.sentence))")
    #expect(found.unknown.contains { $0.contains("an agent learns from what it does itself") })
    var other = Self.log()
    for name in ["episode_return", "val_return"] { other.tracks[name] = nil }
    #expect(!Diagnosis(other).faults.isEmpty)
  }
}
