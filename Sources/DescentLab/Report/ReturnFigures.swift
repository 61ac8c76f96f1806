import Descent

extension ReportFigures {
  /// What an agent earned in an episode, over the steps of the optimizer and over their time.
  var returns: [Figure] {
    let parts: [(name: String, title: String)] = [
      ("episode_return", "training, the last 100 episodes"), ("val_return", "evaluation"),
    ]
    let shown =
      isSingle ? parts : parts.suffix(1).filter { part in runs.contains { $0[part.name] != nil } }
    var steps = LineChart(
      title: "Return of an episode", x: Axis("step"), y: Axis("mean return"))
    var time = LineChart(
      title: "Return over time", x: Axis("seconds of training"), y: Axis("mean return"))
    for (index, run) in runs.enumerated() {
      for (color, part) in shown.enumerated() {
        guard let curve = run[part.name] else { continue }
        let name = isSingle ? part.title : run.name
        let shade = isSingle ? color : index
        steps.add(curve, named: name, color: shade, isSmooth: true)
        let timed = curve.points.compactMap { point in
          run.seconds(at: point.x).map { Point($0, point.y) }
        }
        if !timed.isEmpty { time.series.append(Series(name, timed, color: shade)) }
      }
    }
    return [steps, time].filter { !$0.series.isEmpty }.map { Figure([$0]) }
  }
}

extension ReportRun {
  /// How an agent's return went; nil where there is none.
  var returns: String? {
    func number(_ x: Double) -> String { short(x, 4) }
    var parts: [String] = []
    if let curve = self["episode_return"], let first = curve.points.first(where: { $0.y.isFinite }),
      let last = curve.last
    {
      parts.append(
        "the mean return of the last 100 training episodes went from \(number(first.y)) to "
          + number(last.y))
    }
    if let curve = self["val_return"], let last = curve.last, let highest = curve.highest {
      parts.append(
        "that of the evaluation is \(number(last.y))"
          + (last.y < highest.y
            ? "; its highest was \(number(highest.y)) at step \(grouped(Int(step: highest.x)))"
            : curve.count > 1 ? ", its highest" : ""))
    }
    guard let first = parts.first else { return nil }
    let sentence = ([first.prefix(1).uppercased() + first.dropFirst()] + parts.dropFirst())
    return sentence.joined(separator: "; ") + "."
  }

  /// The time that all steps up to one took, without evaluations; nil where that is not known.
  func seconds(at step: Double) -> Double? {
    guard let first = elapsed.first, let last = elapsed.last, step >= first.x, step <= last.x else {
      return nil
    }
    let above = elapsed.firstIndex { $0.x >= step } ?? 0
    let (a, b) = (elapsed[max(0, above - 1)], elapsed[above])
    return a.x == b.x ? b.y : a.y + (b.y - a.y) * (step - a.x) / (b.x - a.x)
  }

  /// The time that the steps took, summed up, at no more than 1,000 of them.
  static func elapsed(_ track: Track?) -> [Point] {
    guard let track, !track.isEmpty else { return [] }
    var (sum, points): (Double, [Point]) = (0, [])
    let every = track.count / 1000 + 1
    for (index, step) in track.steps.enumerated() {
      sum += track.values[index].isFinite ? track.values[index] : 0
      if index % every == 0 || index == track.count - 1 { points.append(Point(Double(step), sum)) }
    }
    return points
  }
}
