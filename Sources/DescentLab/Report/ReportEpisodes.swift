import Descent
import DescentTraining

extension Report {
  /// The first and the last episode that an agent was recorded in: what it has learned in between.
  func episodes(of run: ReportRun, number: Int) -> [Document.Block] {
    var recorded: [(step: Int, episode: TrainingSample.Episode)] = []
    for case (let step, .episode(let episode)) in run.samples { recorded.append((step, episode)) }
    guard let first = recorded.first, let last = recorded.last else { return [] }
    return (first.step == last.step ? [last] : [first, last]).map { step, episode in
      let title =
        "After step \(grouped(step)): a return of \(NumberStyle.significant(4).text(episode.earned)) "
        + "in \(counted(episode.steps, "step"))"
      var section = Section(title, id: "episode-\(number)-\(step)", [])
      section.blocks.append(.film(Filmstrip(episode.label, episode.frames)))
      let charts = episode.traces.filter { !$0.values.isEmpty }.prefix(6).map { trace in
        LineChart(
          title: trace.name, x: Axis("step of the episode"), y: Axis(""),
          series: [Series(trace.name, zip(trace.steps, trace.values).map { Point(Double($0), $1) })]
        )
      }
      section.blocks.append(.figures(charts.map { Figure([$0]) }))
      return .section(section)
    }
  }
}
