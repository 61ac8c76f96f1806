import DescentLab
import Foundation
import Testing

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite("Documents") struct DocumentTests {
  /// Every block once.
  private var example: Document {
    var table = Table(
      [
        .init("name", "run"), .number("loss", "loss", .fixed(3)),
        .number("change", "change", .percent(1).signed), .number("steps"),
        .init("size", alignment: .right),
        .init("done"),
      ], key: "runs", caption: "Two <runs>")
    table.append(
      .link("a & b", to: "why"), .number(1.25), .number(-0.5), .count(12_000), .bytes(1_500_000),
      .flag(true))
    table.append("宽 c", .number(.nan), .nothing, .ordinal(12_000), .bytes(1), .flag(false))
    let chart = LineChart(
      title: "up", x: Axis("step", range: 0...10), y: Axis("lr", .logarithmic, range: 1...10),
      series: [Series("lr", [Point(0, 1), Point(5, .infinity), Point(10, 10)])],
      bands: [Band("warmup", 0...2)], marks: [Mark("half", .x(5)), Mark("middle", .y(2))])
    return Document(
      "Losses of \"a\" & <b>",
      [
        .paragraph("It fell.\nThen it rose.", key: "verdict"),
        .preformatted("w ← w − η·g\n  η < 1", key: "formula"),
        .list(["one", "two"], key: "reasons"), .list(["a note"], .notes, key: "notes"),
        .list(["look out"], .warnings, key: "warnings"), .list([], .warnings, key: "errors"),
        .facts([
          Fact("speed", .number(66.44), key: "speed", unit: "GB/s", style: .fixed(1)),
          Fact("BLAS", "none"),
        ]),
        .table(table), .table(Table([.init("x")], key: "empty")),
        .figures([Figure([chart], caption: "the rate"), Figure([chart])], key: "figures"),
        .section(Section("Why", [.paragraph("Because.", key: "why")])),
        .section(Section("Empty", [.paragraph("", key: "blank")])),
        .section(Section("Details", [.paragraph("More.", key: "text")]), key: "details"),
        .sections(
          [
            Section("Group a", [.data([("size", .integer(1))]), .paragraph("first")]),
            Section("Group b", [.data([("size", .integer(2))]), .paragraph("second")]),
          ], key: "groups"),
      ])
  }

  @Test("text: every block in its place") func text() {
    let text = example.text(width: 60)
    let parts = text.split(separator: "\n\n").map(String.init)
    #expect(parts[0] == "Losses of \"a\" & <b>")
    #expect(parts[1] == "It fell.\nThen it rose.")
    #expect(parts[2] == "    w ← w − η·g\n      η < 1")
    #expect(parts[3...5] == ["- one\n- two", "note: a note", "warning: look out"])
    #expect(parts[6] == "speed  66.4 GB/s\nBLAS   none")
    #expect(
      parts[7] == """
        Two <runs>
        run     loss   change   steps    size  done
        a & b  1.250  −50.0 %  12,000  1.5 MB  yes
        宽 c     NaN        -   12000  1 byte  no
        """)
    #expect(parts[8] == "none")
    // Names do not break while there are sentences that can.
    let long = Table(
      [.init("a", ""), .init("b", "")],
      rows: [["decoupled_weight_decay", "shrinks the weights by a share of the rate"]])
    #expect(
      Document("", [.table(long)]).text(width: 44) == """
        decoupled_weight_decay  shrinks the weights
                                by a share of the
                                rate

        """)
    // A column without anything is not printed.
    let hollow = Table([.init("a"), .init("b")], rows: [[.shape([2, 3]), .nothing], ["x", ""]])
    #expect(Document("", [.table(hollow)]).text() == "a\n2×3\nx\n")
    #expect(hollow.json(hollow.rows[0]).line == #"{"a":[2,3],"b":null}"#)
    #expect(parts[9].hasPrefix("up\nlr\n") && parts[9].hasSuffix("\nthe rate"))
    #expect(
      parts[11...] == [
        "Why\n  Because.", "Details\n  More.", "Group a\n  first", "Group b\n  second\n",
      ])
    #expect(!example.text(isSpaced: false).contains("\n\n"))
    let colored = example.text(isColored: true)
    #expect(colored.contains("\u{1B}[1mWhy\u{1B}[0m") && colored.contains("\u{1B}[34m"))
  }

  @Test("text keeps to the width of the terminal", arguments: [20, 40, 60, 80, 200])
  func widths(_ width: Int) {
    let words = String(repeating: "momentum and weight decay 宽 ", count: 12)
    let document = Document(
      words,
      [
        .paragraph(words + String(repeating: "x", count: 300)), .list([words], .warnings),
        .facts([Fact("label", .text(words))]),
        .table(Table([.init("a"), .init("b")], rows: [[.text(words), .text(words)]])),
        .section(Section(words, [.section(Section(words, [.paragraph(words)]))])),
      ])
    let lines = document.text(width: width).split(separator: "\n")
    // Tables do not get narrower than two columns of 12, sections than 20.
    #expect(lines.allSatisfy { $0.count + $0.count { $0 == "宽" } <= max(width, 26) })
    #expect(document.text().split(separator: "\n").count == 9)
    // Nothing is lost.
    #expect(document.text(width: width).count { $0 == "宽" } == 12 * 9)
  }

  @Test(
    "columns stand straight whatever they hold",
    arguments: ["x", "宽字", "ｗｉｄｅ", "한글", "η\u{302}", "🙂", "⚙️", "é", "e\u{301}"])
  func alignment(_ text: String) {
    let widths = ["x": 1, "宽字": 4, "ｗｉｄｅ": 8, "한글": 4, "🙂": 2, "⚙️": 2]
    let table = Table(
      [.init("a", ""), .init("b", "")], rows: [[.text(text), "|"], ["        ·", "|"]])
    let line = Document("", [.table(table)]).text().split(separator: "\n")[0]
    #expect(line == text + String(repeating: " ", count: 11 - (widths[text] ?? 1)) + "|")
  }

  @Test("JSON: what has a key, in order, with types") func json() throws {
    for text in [example.json.text, example.json.line] {
      let object = try #require(
        JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
      #expect(object["verdict"] as? String == "It fell.\nThen it rose.")
      #expect(object["reasons"] as? [String] == ["one", "two"])
      #expect(object["errors"] as? [String] == [] && object["blank"] as? String == "")
      #expect(object["speed"] as? Double == 66.44)
      #expect(object["details"] as? [String: String] == ["text": "More."])
      #expect(object["groups"] as? [[String: Int]] == [["size": 1], ["size": 2]])
      #expect((object["empty"] as? [Any])?.isEmpty == true)
      let rows = try #require(object["runs"] as? [[String: Any]])
      #expect(rows[0]["name"] as? String == "a & b" && rows[0]["loss"] as? Double == 1.25)
      #expect(rows[0]["steps"] as? Int == 12_000 && rows[0]["size"] as? Int == 1_500_000)
      #expect(rows[0]["done"] as? Bool == true)
      #expect(rows[1]["loss"] is NSNull && rows[1]["change"] is NSNull)
      let figures = try #require(object["figures"] as? [[String: Any]])
      #expect(figures.count == 2 && figures[0]["caption"] as? String == "the rate")
      let chart = try #require((figures[0]["charts"] as? [[String: Any]])?.first)
      let series = try #require((chart["series"] as? [[String: Any]])?.first)
      let points = try #require(series["points"] as? [[Any]])
      #expect(points[0] as? [Double] == [0, 1] && points[1][1] is NSNull)
      let keys = [
        "verdict", "formula", "reasons", "notes", "warnings", "errors", "speed", "runs", "empty",
        "figures", "why", "blank", "details", "groups",
      ]
      #expect(Set(object.keys) == Set(keys))
      let places = keys.map { text.range(of: "\"\($0)\":")?.lowerBound }
      #expect(
        !places.contains(nil) && places.compactMap { $0 } == places.compactMap { $0 }.sorted())
    }
  }

  @Test(
    "JSON in one line and in several",
    arguments: [
      (.number(0.1), "0.1", "0.1"), (.number(1), "1.0", "1.0"),
      (.number(-.infinity), "null", "null"),
      (.integer(-3), "-3", "-3"), (.flag(false), "false", "false"), (.null, "null", "null"),
      (.text("a/\"\\\n\u{1}é"), #""a/\"\\\n\u0001é""#, #""a/\"\\\n\u0001é""#),
      ([], "[]", "[]"), ([:], "{}", "{}"),
      ([.integer(1), .integer(2)], "[1,2]", "[1,2]"),
      (
        ["b": .integer(1), "a": [["c": .null]]], #"{"b":1,"a":[{"c":null}]}"#,
        "{\n  \"b\": 1,\n  \"a\": [\n    {\n      \"c\": null\n    }\n  ]\n}"
      ),
    ] as [(JSONValue, String, String)])
  func jsonText(_ value: JSONValue, _ line: String, _ text: String) {
    #expect(value.line == line)
    #expect(value.text == text)
  }

  /// The names of elements, attributes of them, and all text of an XML document.
  private final class Elements: NSObject, XMLParserDelegate {
    var names: [String] = []
    var attributes: [[String: String]] = []
    var text = ""
    func parser(
      _: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      names.append(name)
      self.attributes.append(attributes)
    }
    func parser(_: XMLParser, foundCharacters characters: String) { text += characters }

    init(_ fragment: String) throws {
      super.init()
      let xml = "<main>\(fragment.replacing("<br>", with: "<br/>"))</main>"
      let parser = XMLParser(data: Data(xml.utf8))
      parser.delegate = self
      try #require(parser.parse(), "not well formed: \(parser.parserError.map { "\($0)" } ?? "")")
    }
  }

  @Test("what may not be parted, parts of formulas, and long cells are marked for phones")
  func phones() {
    let page = Document(
      "",
      [
        .paragraph(
          "Give --ranks N or --zero 3; 1e-07 < −2.5e-05, a well-known rate: 28 GB, 5.5 %."),
        .preformatted("b ← μ·b + g;   w ← w − η·b\n  x <    y\ndescent lint --fix a.yaml"),
        .table(
          Table(
            [.init("a"), .init("b"), .number("c")],
            rows: [["short", .text(String(repeating: "long ", count: 9)), .number(1e-7)]])),
      ]
    ).htmlFragment()
    for part in [
      "<span class=\"one\">--ranks N</span> or <span class=\"one\">--zero 3</span>; ",
      "<span class=\"one\">1e-07</span> &lt; <span class=\"one\">−2.5e-05</span>, a well-known rate: "
        + "<span class=\"one\">28 GB</span>, <span class=\"one\">5.5 %</span>.",
      "<pre>b ← μ·b + g;   <span class=\"part\">w ← w − η·b\n</span>  x &lt;    <span class=\"part\">y\n</span>"
        + "descent lint <span class=\"one\">--fix</span> a.yaml</pre>",
      "<td>short</td><td class=\"long\">long",
      "<td class=\"right\">1e-07</td>",
    ] { #expect(page.contains(part), "\(page)") }
  }

  @Test("HTML is well formed, escaped, and complete") func html() throws {
    let elements = try Elements(example.htmlFragment())
    for text in [
      "Losses of \"a\" & <b>", "It fell.", "η < 1", "one", "a note", "look out", "66.4 GB/s",
      "Two <runs>", "a & b", "NaN", "1.5 MB", "the rate", "Because.", "second",
    ] { #expect(elements.text.contains(text), "\(text)") }
    // Each figure for wide pages and for narrow ones, each with a frame in it.
    #expect(elements.names.count { $0 == "svg" } == 8)
    let ids = elements.attributes.compactMap { $0["id"] }
    #expect(Set(ids).count == ids.count && ids.contains("why") && !ids.contains("empty"))
    let links = elements.attributes.compactMap { $0["href"] }
    let repeated = ["#figure1-0", "#figure2-0"]
    #expect(links == ["#why", "#details", "#group-a", "#group-b", "#why"] + repeated)
    for link in links { #expect(ids.contains(String(link.dropFirst()))) }
  }

  @Test("the page stands alone: nothing is fetched") func page() {
    let page = example.html()
    #expect(page.hasPrefix("<!doctype html>\n<html lang=\"en\">"))
    #expect(page.contains("<title>Losses of &quot;a&quot; &amp; &lt;b&gt;</title>"))
    for part in [
      "name=\"viewport\"", "prefers-color-scheme: dark", "@media print",
      "[stroke=\"#0072B2\"] { stroke: #3aa5e6; }", "default-src 'none'", "descentFigures",
    ] { #expect(page.contains(part), "\(part)") }
    for part in ["<script ", "<link", "@import", " src=\"h", "url(", "eval(", " onclick"] {
      #expect(!page.contains(part), "\(part)")
    }
    #expect(!Document("no figures", [.paragraph("x")]).html().contains("<script"))
    let addresses = page.components(separatedBy: "://").dropLast().map { $0.suffix(5) }
    #expect(addresses.allSatisfy { $0.hasSuffix("http") })
    #expect(
      page.components(separatedBy: "http://").dropFirst().allSatisfy {
        $0.hasPrefix("www.w3.org/2000/svg")
      })
  }

  @Test("a document without anything prints nothing") func empty() throws {
    #expect(Document("").text() == "" && Document("").htmlFragment() == "")
    #expect(Document("").json.line == "{}" && Document("title").text() == "title\n")
    let hollow = Document(
      "",
      [
        .section(Section("a", [.section(Section("b", [.list([])]))])), .figures([]),
        .table(Table([.init("x")], empty: "")),
      ])
    #expect(hollow.text() == "" && hollow.htmlFragment() == "")
  }
}
