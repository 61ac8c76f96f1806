import DescentLab
import DescentTraining
import Foundation

/// A page with every kind of block and figure, and data as bad as it gets.
enum Gallery {
  /// Repeatable noise from −1 to 1.
  struct Noise {
    var state: UInt64
    mutating func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) / Double(1 << 52) - 1
    }
  }

  static func loss(_ count: Int, seed: UInt64, rate: Double = 1) -> [Point] {
    var noise = Noise(state: seed)
    return (0..<count).map { step in
      let x = Double(step + 1)
      return Point(x, 2.4 + 8 / (1 + rate * x / 300) + 0.25 * noise.next())
    }
  }

  static func smooth(_ points: [Point]) -> [Point] {
    var mean = points.first?.y ?? 0
    return points.map { point in
      mean += 0.03 * (point.y - mean)
      return Point(point.x, mean)
    }
  }

  static func runs(_ count: Int, points: Int, named title: String = "") -> LineChart {
    LineChart(
      title: title.isEmpty ? "loss of \(count) runs" : title, x: Axis("step"),
      y: Axis("loss", .logarithmic),
      series: (0..<count).map { run in
        Series(
          "run-\(run) lr=\(run)e-4", smooth(loss(points, seed: UInt64(run), rate: Double(run + 1))))
      })
  }

  static let names = [
    "🙂 emoji", "ریشه يمين", "שלום run", "宽字 run", "a & b <c> \"d\"",
    String(repeating: "very-long-run-name-", count: 8), "η\u{302} marks",
  ]

  static var training: LineChart {
    let raw = loss(5000, seed: 1)
    let validation = stride(from: 0, to: 5000, by: 250).map {
      Point(Double($0), 2.6 + 8 / (1 + Double($0) / 300))
    }
    return LineChart(
      title: "Loss", subtitle: "running mean over 33 steps, raw values behind",
      x: Axis("step"), y: Axis("loss (nats)"),
      series: [
        Series("", raw, .faint, color: 0),
        Series(
          "training", smooth(raw), color: 0,
          spread: smooth(raw).map { Spread($0.x, low: $0.y - 0.4, high: $0.y + 0.4) }),
        Series("validation", validation, .dashed, color: 0), Series("best", [Point(4750, 2.9)]),
        Series("evaluated", validation.map { Point($0.x, $0.y + 1) }, .dots, color: 2),
      ], bands: [Band("warmup", 0...400)],
      marks: [Mark("resumed", .x(2000)), Mark("spike", .x(2100)), Mark("goal", .y(3))])
  }

  static var weights: HeatMap {
    var values: [[Double]] = []
    for row in 0..<13 {
      values.append(
        (0..<200).map { column in
          let angle = Double(column) / 30 + Double(row) / 3
          return row == 4 && column > 150 ? Double.nan : pow(10, -4 + 2 * sin(angle))
        })
    }
    let rows = (0..<12).map { "blocks.\($0).attention.projection.weight" } + ["wte.weight"]
    return HeatMap(
      title: "Update-to-weight ratio", x: Axis("step"), rows: rows,
      columns: (0..<200).map { Double(10 * $0) }, values: values, label: "‖Δw‖/‖w‖",
      scale: .logarithmic)
  }

  static var figures: [Figure] {
    func line(
      _ title: String, _ points: [Point], _ y: Axis.Scale = .linear, x: Axis.Scale = .linear
    )
      -> Figure
    {
      Figure([
        LineChart(
          title: title, x: Axis("x of \(title)", x), y: Axis("y", y), series: [Series("a", points)])
      ])
    }
    let long = String(repeating: "a title that is much too long for its figure ", count: 5)
    return [
      Figure([training], caption: "Training and validation."),
      Figure([runs(10, points: 3000)]),
      Figure([.heat(weights)], caption: "Bright rows move much."),
      Figure([
        .heat(
          HeatMap(
            title: "signed", x: Axis("step"), rows: names, columns: [1, 2, 5, 10],
            values: names.indices.map { row in (0..<4).map { Double(row - 3) * Double($0) } },
            label: "change", scale: .diverging(around: 0)))
      ]),
      Figure([
        .bars(
          BarChart(
            title: "weights of wte", x: Axis("value"), y: Axis("count", .logarithmic),
            series: (0..<3).map { step in
              .init(
                "step \(step * 100)", from: -1 - Double(step), to: 1 + Double(step),
                counts: (0..<40).map { (1e4 * exp(-pow(Double($0) - 20, 2) / 40)).rounded() })
            }))
      ]),
      Figure([
        .bars(
          BarChart(
            title: "one histogram", x: Axis("value"),
            series: [.init("a", edges: [0, 1, 2, 4], counts: [3, 0, 7])]))
      ]),
      Figure([runs(50, points: 500)]),
      Figure([
        LineChart(
          title: long, subtitle: long, x: Axis(long), y: Axis(long),
          series: names.map { Series($0, [Point(0, 1), Point(1, Double($0.count))]) },
          bands: [Band(long, 0...0.5)],
          marks: [
            Mark(long, .x(0.7)), Mark(long, .y(3)), Mark("near", .y(3.1)), Mark(long, .x(0.71)),
          ])
      ]),
      line("nothing", [Point(.nan, 1), Point(1, .infinity)]),
      line("no points", []),
      line("one point", [Point(5, 3)]), line("constant", [Point(1, 1e-3), Point(1e5, 1e-3)]),
      line("zero", [Point(0, 0), Point(9, 0)]),
      line("huge", [Point(0, -1e300), Point(1, 1e300)]),
      line("largest", [Point(0, -1.7e308), Point(1, 1.7e308)]),
      line("tiny", [Point(0, 0), Point(1, .leastNonzeroMagnitude)]),
      line("tiny to huge", [Point(1, 1e-300), Point(2, 1), Point(3, 1e300)], .logarithmic),
      line(
        "denormal", [Point(1, .leastNonzeroMagnitude), Point(2, .leastNormalMagnitude / 100)],
        .logarithmic),
      line("far", [Point(1e12, 1), Point(1e12 + 50, 2)]),
      line("far loss", [Point(0, 10.01), Point(10, 10.02), Point(11, 10.005)]),
      line("negative", [Point(-5, -7), Point(5, -6)]),
      line(
        "rates", (0..<60).map { Point(pow(10, -7 + Double($0) / 10), 5 + sin(Double($0) / 6)) },
        x: .logarithmic),
      line(
        "gaps",
        [Point(0, 1), Point(1, .nan), Point(2, 2), Point(3, 3), Point(4, .nan), Point(5, 1)]),
      Figure([
        LineChart(
          title: "Rate and d", x: Axis("step"), y: Axis("lr"),
          series: [Series("lr", (0..<500).map { Point(Double($0), 1e-3 * cos(Double($0) / 330)) })]),
        LineChart(
          x: Axis("step"), y: Axis("d", .logarithmic),
          series: [Series("d", (0..<500).map { Point(Double($0), 1e-6 * exp(Double($0) / 60)) })]),
      ]),
    ]
  }

  /// Ways across one surface, some of them odd.
  static func contours(_ count: Int) -> [Figure] {
    charts(count).map { Figure([.contour($0)], caption: "A way on contours.") }
  }

  static func charts(_ count: Int) -> [ContourChart] {
    let surface = ContourChart.Surface(x: -2...2, y: -1...3) { x, y in
      (1 - x) * (1 - x) + 100 * (y - x * x) * (y - x * x)
    }
    return (0..<count).map { index in
      let way = (0..<(index == 2 ? 1 : 80)).map { step in
        let t = Double(step) / 40
        return index == 3 && step > 20
          ? Point(pow(10, Double(step)), .nan) : Point(1 - 2 * cos(t), t + Double(index) / 4)
      }
      return ContourChart(
        title: names[index % names.count], subtitle: "lr 0.001: not reached in 80 steps",
        surface: surface, paths: [.init("way \(index)", way, color: index)],
        spots: [.init("minimum", Point(1, 1)), .init("far", Point(9, 9))])
    }
  }

  static var motion: Motion {
    let charts = charts(5)
    let points = charts.map { $0.paths[0].points.filter { $0.y.isFinite } }
    var motion = Motion(charts, heads: charts.map { _ in "lr 0.1: " }, steps: 79)
    for (shift, start) in [Point(-1, 0), Point(0, 0), Point(1, 2)].enumerated() {
      let paths = points.map { $0.map { Point($0.x + Double(shift), $0.y) } }
      motion.add(from: start, paths, notes: paths.map { _ in "note \(shift) <&\">" })
    }
    return motion
  }

  static var shortDocument: Document {
    Document(
      "Short",
      [.figures([Figure([LineChart(title: "a", series: [Series("a", loss(50, seed: 1))])])])])
  }

  /// A table that is wider than a page, with how things came out.
  private static var verdicts: Table {
    var table = Table(
      [Table.Column("cell", ""), Table.Column("verdict")]
        + (0..<6).map { Table.Column("\($0)", "final val_metric.\($0)", alignment: .right) })
    let verdicts: [(String, Table.Verdict)] = [
      ("supported", .good), ("contradicted", .bad), ("undecided", .open),
    ]
    for (word, verdict) in verdicts {
      let numbers = (0..<6).map { Table.Cell.text("0.00\($0)39 (0.003115 to 0.00\($0)5119)") }
      table.append([.text("init=orthogonal, per_group=true"), .verdict(word, verdict)] + numbers)
    }
    return table
  }

  static var document: Document {
    let digit = (0..<64).map { UInt8($0 * 4) }
    return Document(
      "Gallery",
      [
        .paragraph("Every kind of block."), .list(["a note"], .notes),
        .list(["look out"], .warnings), .facts([Fact("speed", .number(66.4), unit: "GB/s")]),
        .section(
          Section(
            "Table",
            [
              .table(
                Table(
                  [.init("name", "run"), .number("loss"), .init("note")],
                  caption: "Runs",
                  rows: names.map { [.text($0), .number(1.25), "words and more words about it"] })),
              .table(verdicts),
            ])),
        .section(Section("Figures", [.figures(figures + contours(2))])),
        .section(Section("Contours that move", [.motion(motion)])),
        .section(
          Section(
            "Pictures",
            [
              .pictures(
                (0..<10).compactMap {
                  Picture("\($0) taken for 8", width: 8, height: 8, grey: digit)
                }
                  + [
                    Picture(
                      "colours", width: 2, height: 2,
                      rgb: [255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255])
                  ].compactMap(\.self))
            ])),
        .section(
          Section(
            "Film",
            [
              .film(
                Filmstrip(
                  "A cart",
                  (0..<12).map { step in
                    .init(
                      step: step,
                      EnvironmentPicture(
                        width: 4, height: 2,
                        [
                          .line(from: .init(0, 0.2), to: .init(4, 0.2), width: 0.1, .pale),
                          .rectangle(.init(Double(step) / 6, 0.2), width: 1, height: 0.5),
                          .circle(.init(Double(step) / 6, 1), radius: 0.2, .accent),
                        ]))
                  }))
            ])),
        .section(
          Section(
            "Recipe", isFolded: true,
            [
              .preformatted("optimizer:\n  name: adamw\n  lr: 0.001"),
              .figures([Figure([training])]),
            ])
        ),
      ])
  }
}
