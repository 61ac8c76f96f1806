import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

/// The pages of `descent explain`.
@Suite("Explanations") struct ExplanationTests {
  /// The pages of all topics, made once.
  static let pages = Result {
    try Topics.all.map { (topic: $0, page: try $0.page()) }
  }

  static func page(_ name: String) throws -> Document {
    try #require(pages.get().first { $0.topic.name == name }).page
  }

  /// A page as a program reads it.
  static func json(_ name: String) throws -> [String: Any] {
    let text = try page(name).json.text
    return try #require(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
  }

  /// The numbers of a column of a table.
  static func column(_ topic: String, _ table: String, _ column: String) throws -> [Double] {
    let rows = try #require(json(topic)[table] as? [[String: Any]], "\(table)")
    return rows.compactMap { $0[column] as? Double }
  }

  /// A table inside an exercise.
  static func exercise(
    _ topic: String, _ index: Int, _ table: String, _ column: String
  ) throws -> [Double] {
    let all = try #require(json(topic)["exercises"] as? [[String: Any]])
    let rows = try #require(all[index][table] as? [[String: Any]], "\(table)")
    return rows.compactMap { $0[column] as? Double }
  }

  func near(_ values: [Double], _ expected: [Double], _ tolerance: Double = 1e-12) {
    #expect(values.count == expected.count)
    for (value, expected) in zip(values, expected) {
      #expect(abs(value - expected) <= tolerance * max(1, abs(expected)), "\(value) \(expected)")
    }
  }

  func number(_ topic: String, _ key: String) throws -> Double {
    try #require(Self.json(topic)[key] as? Double, "\(key)")
  }

  /// The truth beside a belief.
  func truth(_ topic: String, _ words: String) throws -> String {
    let mistakes = try #require(Self.json(topic)["mistakes"] as? [[String: String]])
    return try #require(mistakes.first { $0["belief"]?.contains(words) == true }?["truth"])
  }

  static let names = Topics.all.map { $0.name }

  // MARK: All pages

  @Test("each page has all of its parts, in text and in JSON", arguments: names)
  func parts(_ name: String) throws {
    let json = try Self.json(name)
    for key in [
      "topic", "title", "question", "answer", "formula", "letters", "advice", "reference",
    ] {
      #expect((json[key] as? String)?.isEmpty == false, "\(key)")
    }
    #expect(json["recipe"] is String && json["exercises"] is [Any])
    let mistakes = try #require(json["mistakes"] as? [[String: String]])
    #expect(
      mistakes.count >= 2 && mistakes.allSatisfy { $0["belief"] != nil && $0["truth"] != nil })
    #expect((json["question"] as? String)?.hasSuffix("?") == true)
    let text = try Self.page(name).text(width: 80)
    for line in text.split(separator: "\n") {
      #expect(line.count <= 80, "\(line)")
    }
    for word in ["nan", "NaN", "inf ", "−inf", "Optional(", "  ."] {
      #expect(!text.contains(word), "\(word)")
    }
  }

  /// Two of them speak of numbers as small as that.
  @Test(
    "no page prints what is only a rounding error",
    arguments: names.filter { $0 != "mixed-precision" && $0 != "prodigy" })
  func rounding(_ name: String) throws {
    let text = try Self.page(name).text()
    #expect(text.firstMatch(of: /e-(1[5-9]|[2-9][0-9])/) == nil)
  }

  @Test("the course is numbered, leads back to its contents, and breaks formulas at semicolons")
  func course() throws {
    let html = try Topics.course().html()
    for (index, topic) in Topics.all.enumerated() {
      #expect(html.contains(">\(index + 1). \(topic.title)</a></li>"))
    }
    #expect(html.contains("<nav id=\"contents\""))
    #expect(html.components(separatedBy: "href=\"#contents\"").count == Topics.all.count + 1)
    #expect(html.contains("<span class=\"part\">w ← w − η·b"))
  }

  @Test("the recipe of each page is one that trains", arguments: names)
  func recipes(_ name: String) throws {
    let recipe = try #require(Self.json(name)["recipe"] as? String)
    if recipe.isEmpty { return }
    let rest = [
      ("steps", "1000"), ("model", "{kind: mlp}"), ("data", "{kind: digits}"),
      ("optimizer", "{name: adamw}"),
    ].filter { !"\n\(recipe)".contains("\n\($0.0):") }.map { "\n\($0.0): \($0.1)" }
    var read = try Recipe(yaml: recipe + rest.joined())
    try read.fit(steps: 1000)
    try read.plan.check()
  }

  @Test("the formula of a page that is about one rule or schedule is the one it declares")
  func formulas() throws {
    func formula(_ name: String) throws -> String? { try Self.json(name)["formula"] as? String }
    #expect(try formula("bias-correction") == Adam.about.formula)
    #expect(try formula("warmup") == LinearWarmup.about.formula)
    #expect(try formula("cosine") == Cosine.about.formula)
  }

  /// Lines of a page's formula that must stand in the rule's own.
  @Test(
    "lines of a formula are those of the rule",
    arguments: [
      ("momentum", SGD.about.formula, ["w ← w − η·g", "w ← w − η·b", "b ← μ·b + (1−μ)·g"]),
      ("nesterov", SGD.about.formula, ["w ← w − η·(g + μ·b)", "v ← μ·v − η·g, g at w + μ·v"]),
      ("rmsprop", RMSprop.about.formula, ["v ← α·v + (1−α)·g²", "w ← w − η·g/("]),
      ("rmsprop", AdaGrad.about.formula, ["s ← s + g²", "g/(√s + ε)"]),
      ("adamw", AdamW.about.formula, ["w ← w·(1 − η·λ)", "/ (√v/√(1−β₂ᵗ) + ε)"]),
    ])
  func lines(_ name: String, _ rule: String, _ lines: [String]) throws {
    let formula = try #require(Self.json(name)["formula"] as? String)
    for line in lines { #expect(formula.contains(line) && rule.contains(line), "\(line)") }
  }

  @Test("the course leads from each topic to the next") func order() throws {
    for (index, name) in Self.names.enumerated() {
      let json = try Self.json(name)
      #expect(json["previous"] as? String == (index == 0 ? nil : Self.names[index - 1]))
      #expect(
        json["next"] as? String == (index + 1 < Self.names.count ? Self.names[index + 1] : nil))
    }
    let list = Topics.list()
    let data = Data(list.json.text.utf8)
    let json = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
    let topics = try #require(json["topics"] as? [[String: Any]])
    #expect(topics.map { $0["name"] as? String } == Self.names)
    #expect(topics.allSatisfy { ($0["summary"] as? String)?.hasSuffix(".") == true })
  }

  @Test(
    "a page is the same each time", arguments: ["bias-correction", "clipping", "lora"])
  func same(_ name: String) throws {
    let again = try Topics.named(name).page()
    #expect(try again.json.text == Self.page(name).json.text)
  }

  @Test(
    "every page, and the course on one page, in a browser",
    .enabled(if: BrowserTests.canLook, "there is no Chromium and Python"))
  func browser() throws {
    let (text, status) = try BrowserTests.check(Topics.course().html())
    #expect(status == 0, "\(text)")
  }

  // MARK: Names

  @Test(
    "names and other names lead to their topic, however they are written",
    arguments: [
      ("momentum", "momentum"), ("Momentum", "momentum"), ("sgd", "momentum"),
      ("NAG", "nesterov"), ("adam", "bias-correction"), ("Bias_Correction", "bias-correction"),
      ("bias correction", "bias-correction"), ("l2", "adamw"), ("AdamW", "adamw"),
      ("weight_decay", "adamw"), ("lr", "warmup"), ("schedule", "cosine"), ("clip", "clipping"),
      ("BF16", "mixed-precision"), ("loss_scale", "mixed-precision"), ("alpha", "lora"),
    ])
  func named(_ name: String, _ topic: String) throws {
    #expect(try Topics.named(name).name == topic)
  }

  @Test("each name leads to one topic") func unique() {
    let all = Topics.all.flatMap { [$0.name] + $0.aliases }
      .map { $0.lowercased().filter { $0.isLetter || $0.isNumber } }
    #expect(Set(all).count == all.count)
  }

  @Test(
    "a name that there is not: the nearest is shown, or all of them",
    arguments: [
      ("momentun", "topic=momentun does not exist; did you mean 'momentum'?"),
      ("bias-corection", "did you mean 'bias-correction'?"),
      ("wamup", "did you mean 'warmup'?"), ("zzzzzzzz", "there are: momentum, nesterov"),
      ("", "there are: momentum, nesterov"),
    ])
  func unknown(_ name: String, _ words: String) {
    let error = #expect(throws: SettingErrors.self) { _ = try Topics.named(name) }
    #expect(error.map { "\($0)".contains(words) } == true, "\(error.map { "\($0)" } ?? "")")
  }
}
