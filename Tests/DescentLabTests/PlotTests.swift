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
        let svg = chart.svg()
        #expect(svg.components(separatedBy: "stroke-dasharray=\"7 6\"").count == dashes / 2 + 1)
        #expect(svg.components(separatedBy: "stroke-dasharray=\"70 60\"").count == dashes / 2 + 1)
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

  /// The points of the lines of an SVG, in tenths of a pixel.
  private func lines(_ elements: Elements) -> [[Point]] {
    elements.all.filter { $0.attributes["class"] == "line" }.map {
      points($0.attributes["d"] ?? "")
    }
  }

  /// The points of a path of moves and relative lines.
  private func points(_ path: String) -> [Point] {
    path.split(separator: "M").flatMap { run -> [Point] in
      let numbers = run.matches(of: /-?\d+/).compactMap { Double($0.output) }
      guard numbers.count > 3, !run.contains("h") else { return [Point(numbers[0], numbers[1])] }
      var at = Point(numbers[0], numbers[1])
      return [at]
        + stride(from: 2, to: numbers.count - 1, by: 2).map {
          at = Point(at.x + numbers[$0], at.y + numbers[$0 + 1])
          return at
        }
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
    let drawn = elements.all.filter { $0.attributes["class"] == "line" }
    #expect(drawn.map(\.attributes["stroke"]) == ["#0072B2", "#D55E00"])
    // What is not finite or not positive leaves a gap: two points alone remain.
    // Points on a straight stretch are left out.
    let counts = lines(elements).map(\.count)
    #expect(counts.last == 2 && (60...100).contains(counts[0]))
  }

  @Test("of many points no spike is lost", arguments: [1, 3, 40, 1000, 5000, 123_457])
  func decimated(_ count: Int) throws {
    for place in [0, 1, 7, count / 3, count / 2, count - 2, count - 1] where place < count {
      for (height, edge) in [(1.0, 0.0), (-1, 1)] {
        var points = (0..<count).map { Point(Double($0), edge) }
        let at = max(0, place)
        points[at].y = edge + height
        let chart = LineChart(
          x: Axis("", range: 0...Double(max(1, count - 1))), y: Axis("", range: 0...1),
          series: [Series("spike", points), Series("other", [])])
        for svg in [chart.svg(), Document("", [.figures([Figure([chart])])]).htmlFragment()] {
          #expect(svg.utf8.count < 80_000)
          let frame = try #require(
            svg.firstMatch(of: /frame" x="([-\d.]+)" y="[-\d.]+" width="([\d.]+)"/))
          let isFile = svg.hasPrefix("<svg")
          let width = isFile ? 10 * (Double(frame.output.2)! - 4) : 4000
          let path = try #require(svg.firstMatch(of: /class="line"[^>]* d="([^"]*)"/))
          let drawn = self.points(String(path.output.1))
          let (low, high) = (drawn.map(\.y).min()!, drawn.map(\.y).max()!)
          let spike = drawn.first { $0.y == (height > 0 ? low : high) }!
          #expect(abs(spike.x - width * Double(at) / Double(max(1, count - 1))) <= 1)
          #expect(count == 1 || high - low > 1000 || (isFile && high - low > 500))
        }
      }
    }
  }

  @Test("a chart without anything to show can be drawn") func empty() throws {
    for scale in [Axis.Scale.linear, .logarithmic] {
      let chart = LineChart(y: Axis("y", scale), series: [Series("none", [Point(.nan, 1)])])
      _ = try parse(chart.svg())
      #expect(!chart.text().isEmpty)
      let flat = LineChart(y: Axis("y", scale), series: [Series("flat", [Point(1, 3)])])
      #expect(lines(try parse(flat.svg())).map(\.count) == [1])
      #expect(chart.text().contains("no finite values"))
      #expect(chart.svg().contains(">no finite values<"))
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
    let lines = try parse(chart.svg()).all.filter { $0.attributes["class"] == "line" }
    #expect(lines.map(\.attributes["stroke-width"]) == ["70", "20"])
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
    #expect(elements.all.count { $0.attributes["class"] == "frame" } == 2)
  }
}
