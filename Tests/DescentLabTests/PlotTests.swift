import DescentLab
import Foundation
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite("Plots") struct PlotTests {
  /// A range and the labels that it gets.
  struct TickCase: Sendable {
    let range: ClosedRange<Double>
    let scale: Axis.Scale
    let count: Int
    let labels: [String]

    init(_ range: ClosedRange<Double>, _ scale: Axis.Scale, _ count: Int, _ labels: [String]) {
      (self.range, self.scale, self.count, self.labels) = (range, scale, count, labels)
    }
  }

  static let tickCases = [
    TickCase(0...1, .linear, 5, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    TickCase(0...100_000, .linear, 5, ["0", "20k", "40k", "60k", "80k", "100k"]),
    TickCase(0...2e7, .linear, 4, ["0", "5M", "10M", "15M", "20M"]),
    TickCase(0...999, .linear, 4, ["0", "500"]),
    TickCase(0...2e-4, .linear, 4, ["0", "5e-5", "1e-4", "1.5e-4", "2e-4"]),
    TickCase(-0.3...0.3, .linear, 6, ["−0.3", "−0.2", "−0.1", "0.0", "0.1", "0.2", "0.3"]),
    TickCase(0.851...0.949, .linear, 5, ["0.86", "0.88", "0.90", "0.92", "0.94"]),
    // No number between subnormal ones is round.
    TickCase(0...2000 * .leastNonzeroMagnitude, .linear, 5, []),
    TickCase(1e-5...1, .logarithmic, 6, ["1e-5", "1e-4", "0.001", "0.01", "0.1", "1"]),
    TickCase(1...10, .logarithmic, 4, ["1", "2", "5", "10"]),
    TickCase(1e-12...1, .logarithmic, 5, ["1e-12", "1e-9", "1e-6", "0.001", "1"]),
  ]

  @Test("ticks are round and their labels short", arguments: tickCases)
  func ticks(_ example: TickCase) {
    let ticks = Ticks(example.range, example.scale, count: example.count)
    #expect(ticks.labels == example.labels)
    for (value, label) in zip(ticks.values, ticks.labels) {
      let number = Double(
        label.replacing("k", with: "e3").replacing("M", with: "e6")
          .replacing("−", with: "-"))!
      #expect(abs(number - value) <= 1e-9 * abs(value) + 1e-15)
    }
  }

  @Test("a line that covers another is dashed, so that both are seen") func dashed() {
    let curve = (0..<50).map { Point(Double($0), 5 - Double($0) / 10) }
    let apart = curve.map { Point($0.x, $0.y / 2) }
    for stroke in [Series.Stroke.plain, .broad] {
      for (second, dashes) in [(curve, 2), (apart, 0)] {
        let chart = LineChart(
          x: Axis("step"), y: Axis("loss"),
          series: [Series("a", curve, stroke), Series("b", second)])
        // The line and its sample in the legend.
        #expect(chart.svg().components(separatedBy: "stroke-dasharray=\"7 6\"").count == dashes + 1)
      }
    }
  }

  /// Elements with their attributes, and the texts of an SVG.
  private final class Elements: NSObject, XMLParserDelegate {
    var all: [(name: String, attributes: [String: String])] = []
    var texts: [String] = []
    private var text = ""
    func parser(
      _: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      all.append((name, attributes))
      text = ""
    }
    func parser(_: XMLParser, foundCharacters characters: String) { text += characters }
    func parser(
      _: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
    ) {
      if name == "text" { texts.append(text) }
    }
  }

  private func parse(_ svg: String) throws -> Elements {
    let (elements, parser) = (Elements(), XMLParser(data: Data(svg.utf8)))
    parser.delegate = elements
    try #require(parser.parse(), "not XML: \(parser.parserError.map { "\($0)" } ?? "")")
    return elements
  }

  private var example: LineChart {
    LineChart(
      title: "a < b & c", x: Axis("step"), y: Axis("loss", .logarithmic),
      series: [
        Series("raw", (0..<100).map { Point(Double($0), 10 / Double($0 + 1)) }, .faint),
        Series("smooth", [Point(0, 1), Point(50, .nan), Point(60, 0), Point(99, 0.1)]),
      ],
      bands: [Band("warmup", 0...10)], marks: [Mark("end", .x(90)), Mark("goal", .y(1))])
  }

  @Test("SVG is XML with every text, line and colour") func svg() throws {
    let elements = try parse(example.svg())
    for text in ["a < b & c", "step", "loss", "raw", "smooth", "warmup", "end", "goal"] {
      #expect(elements.texts.contains(text), "\(text)")
    }
    let lines = elements.all.filter { $0.name == "polyline" }
    #expect(lines.map(\.attributes["stroke"]) == ["#0072B2"])
    // What is not finite or not positive leaves a gap: two points alone remain.
    #expect(elements.all.count { $0.name == "circle" } == 2)
    let points = try #require(lines[0].attributes["points"]).split(separator: " ")
    #expect(points.count == 100)
  }

  @Test("a line with many points is drawn with few, its extremes kept") func decimated() throws {
    var points = (0..<200_000).map { Point(Double($0), 0) }
    points[123_456].y = 1
    let chart = LineChart(series: [Series("spike", points)])
    let svg = chart.svg()
    #expect(svg.utf8.count < 80_000)
    let line = try #require(try parse(svg).all.first { $0.name == "polyline" })
    let ys = line.attributes["points"]!.split(separator: " ").map {
      Double($0.split(separator: ",")[1])!
    }
    #expect(ys.min()! < ys[0] - 100)
  }

  @Test("a chart without anything to show can be drawn") func empty() throws {
    for scale in [Axis.Scale.linear, .logarithmic] {
      let chart = LineChart(y: Axis("y", scale), series: [Series("none", [Point(.nan, 1)])])
      _ = try parse(chart.svg())
      #expect(!chart.text().isEmpty)
      let flat = LineChart(y: Axis("y", scale), series: [Series("flat", [Point(1, 3)])])
      #expect(try parse(flat.svg()).all.contains { $0.name == "circle" })
      #expect(flat.text().contains { ("\u{2801}"..."\u{28FF}").contains($0) })
    }
  }

  @Test("text has labels, a line of dots, and the marks") func text() {
    let chart = LineChart(
      title: "up", x: Axis("step", range: 0...10), y: Axis("lr", range: 0...1),
      series: [Series("lr", [Point(0, 0), Point(10, 1)])],
      marks: [Mark("half", .x(5)), Mark("middle", .y(0.5))])
    #expect(
      chart.text(columns: 30, rows: 5) == """
        up
        lr
         1.0┤            ┊      ⢀⡠⠤⠒⠉
            │            ┊ ⢀⡠⠤⠒⠉⠁
         0.5┤┈┈┈┈┈┈┈┈┈⢀⣀⠤⠒⠉⠁┈┈┈┈┈┈┈┈┈
            │    ⢀⣀⠤⠒⠊⠁  ┊
         0.0┤⣀⠤⠒⠊⠁       ┊
            └┬───────────┬──────────┬
             0           5         10
                       step
        ┊ half: 5
        ┈ middle: 0.5

        """)
  }

  @Test("several lines are told apart by letters, or by colours") func severalLines() {
    let chart = LineChart(
      series: [
        Series("a", [Point(0, 0), Point(1, 0)]), Series("b", [Point(0, 1), Point(1, 1)]),
      ])
    let plain = chart.text(columns: 40, rows: 4)
    #expect(plain.contains("• a   + b") && plain.contains("++++") && plain.contains("••••"))
    let colored = chart.text(columns: 40, rows: 4, colored: true)
    #expect(colored.contains("\u{1B}[34m") && colored.contains("\u{1B}[31m"))
  }

  @Test("a line that another covers shows too: wide and pale, or in turn") func covered() throws {
    let points = (0...10).map { Point(Double($0), 1) }
    let chart = LineChart(
      series: [Series("a", points, .broad), Series("b", points)], bands: [Band("warmup", 0...5)],
      marks: [Mark("", .y(0))])
    let lines = try parse(chart.svg()).all.filter { $0.name == "polyline" }
    #expect(lines.map(\.attributes["stroke-width"]) == ["7", "2"])
    #expect(lines.map(\.attributes["stroke-opacity"]) == ["0.45", nil])
    let plain = chart.text(columns: 40, rows: 4)
    #expect(plain.contains("••++••++") && plain.contains("└┯━━") && plain.contains("\n━ warmup\n"))
    #expect(!plain.contains(": 0"))
  }

  @Test("a run of characters gets its colour once") func colorRuns() {
    let chart = LineChart(series: [Series("a", [Point(0, 1), Point(1, 1)])])
    let colored = chart.text(columns: 40, rows: 4, colored: true)
    #expect(colored.components(separatedBy: "\u{1B}[0m").count == 2)
    #expect(
      colored.replacing("\u{1B}[34m", with: "").replacing("\u{1B}[0m", with: "")
        == chart.text(columns: 40, rows: 4))
  }

  @Test("charts of a figure stand one above the other") func figure() throws {
    let svg = Figure([example, example]).svg(width: 500, height: 200)
    let elements = try parse(svg)
    #expect(elements.all[0].attributes["height"] == "400")
    #expect(Set(elements.all.compactMap { $0.attributes["id"] }).count == 2)
  }
}
