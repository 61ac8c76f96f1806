import Descent
import DescentTraining

/// A page about one run, or about several that it lays over each other.
public struct Report: Sendable {
  /// What it is about.
  public let runs: [ReportRun]

  /// A report on `runs`; those of one name are told apart by their paths.
  public init(_ runs: [ReportRun]) { self.runs = runs.toldApart }

  /// Reads the logs at `paths`, one after another, so that only what is shown stays in memory.
  ///
  /// - Throws: `DataError` for the first path that holds no log.
  public static func read(_ paths: [String]) throws -> Report {
    var runs: [ReportRun] = []
    for path in paths {
      let reader = try RunLogReader(path: path)
      try reader.refresh()
      runs += reader.logs.map(ReportRun.init)
    }
    return Report(runs)
  }

  private var isSingle: Bool { runs.count == 1 }

  /// Whether none of the runs has a number.
  public var isEmpty: Bool { runs.allSatisfy(\.curves.isEmpty) }

  /// The title of the page.
  public var title: String {
    switch runs.count {
    case 0: "No runs"
    case 1: runs[0].name
    case 2...4: listed(runs.map(\.name))
    default: "\(grouped(runs.count)) runs"
    }
  }

  /// The whole page.
  public var page: Document {
    let figures = ReportFigures(runs: runs)
    let parts: [(String, [Document.Block])] = [
      ("Loss and learning rate", [.figures(figures.returns + figures.losses + figures.rates)]),
      ("Gradients", [.figures(figures.gradients)]),
    ]
    let more: [(String, [Document.Block])] = [
      ("Precision", [.figures(figures.precision)]),
      ("Speed and memory", [.figures(figures.speed)]),
      ("Other metrics", [.figures(figures.others), .facts(figures.constants)]),
      ("Samples", samples),
      ("Recipe", recipes),
    ]
    return Document(
      title,
      [findings] + summaryBlocks + differences
        + parts.map { .section(Section($0.0, $0.1)) }
        + layers
        + more.map { .section(Section($0.0, $0.1)) }
        + [.section(Section("How the logs were read", [.list(notes, .notes, key: "notes")]))])
  }

  /// What stands on the terminal when the page is written.
  public var summaryPage: Document {
    Document(title, [findings] + summaryBlocks + [.list(notes, .notes)])
  }

  /// The figures alone, each with a name for its file.
  public var figures: [(name: String, figure: Figure)] {
    let figures = ReportFigures(runs: runs)
    let all =
      figures.returns + figures.losses + figures.rates + figures.gradients
      + runs.flatMap { LayerFigures(run: $0).figures }
      + figures.precision + figures.speed + figures.others
    var taken: [String: Int] = [:]
    return all.map { figure in
      let words = (figure.charts.first?.title ?? "figure").lowercased().split {
        !$0.isLetter && !$0.isNumber
      }
      let name = String(words.joined(separator: "-").prefix(60))
      taken[name, default: 0] += 1
      let number = taken[name] ?? 1
      return (number == 1 ? name : "\(name)-\(number)", figure)
    }
  }

  // MARK: Parts

  /// What the numbers say.
  var findings: Document.Block {
    if isSingle {
      let faults = runs[0].faults
      // What is a fault is not said a second time as a fact.
      let facts = ReportFindings(run: runs[0]).sentences(besides: Set(faults.map(\.kind)))
      return .list(faults.map(\.sentence.withVisibleControls) + facts, key: "findings")
    }
    return .list(RunDifferences(runs).sentences, key: "findings")
  }

  /// The rows of ``summary`` as columns where that is narrower: few runs beside many numbers.
  var summaryBlocks: [Document.Block] {
    var table = summary
    let data = Document.Block.data([("runs", .array(table.rows.map(table.json)))])
    table.key = nil
    guard (1...4).contains(runs.count) else { return [.table(table), data] }
    let (columns, rows) = table.visible
    var turned = Table([.init("", "")] + runs.map { .init($0.name, alignment: .right) })
    for index in columns.indices.dropFirst() {
      turned.append(
        [.text(columns[index].heading)] + rows.map { .text($0[index].text(columns[index].style)) })
    }
    return [.table(turned), data]
  }

  /// Each run in a row.
  public var summary: Table {
    let loss = NumberStyle.significant(4)
    var table = Table(
      [
        .init("run"), .init("state"), .number("steps"), .number("loss", "train loss", loss),
        .number("val_loss", "val loss", loss), .number("best_val_loss", "lowest val loss", loss),
        .number("best_step", "at step"), .number("val_accuracy", "accuracy", .percent(2)),
        .number("val_return", "return", .significant(4)),
        .number("val_rmse", "RMSE", .significant(4)), .number("val_r2", "R²", .fixed(4)),
        .number("lr", "last lr"), .number("clipped", "clipped", .percent(0)),
        .number("skipped", "skipped"), .number("step_ms", "ms/step"),
        .init("time", alignment: .right),
      ], key: "runs", empty: "no runs")
    for run in runs {
      func last(_ name: String) -> Table.Cell {
        guard let curve = run[name], let last = curve.last else { return .nothing }
        return .number(curve.brokenSince == nil ? last.y : .nan)
      }
      let skipped = run.skippedSteps
      let lowest = run["val_loss"]?.lowest
      let seconds = run["seconds"].map { $0.mean * Double($0.count) }
      table.append(
        .text(run.name), run.state == .unknown ? .nothing : .text(run.state.rawValue),
        .count(run.lastStep),
        run["loss"].map { .number($0.brokenSince == nil ? $0.end : .nan) } ?? .nothing,
        last("val_loss"),
        lowest.map { .number($0.y) } ?? .nothing,
        lowest.map { .ordinal(Int(step: $0.x)) } ?? .nothing,
        last("val_accuracy"), last("val_return"), last("val_rmse"), last("val_r2"), last("lr"),
        run["clipped"].flatMap { curve in
          curve.mean > 0 || run["clip_norm"] != nil ? .number(curve.mean) : nil
        } ?? .nothing,
        skipped > 0 ? .count(skipped) : .nothing,
        run["seconds"].map { .number(1_000 * $0.mean) } ?? .nothing,
        seconds.map { .text(duration($0)) } ?? .nothing)
    }
    return table
  }

  /// The keys in which the runs differ: a row for each run, or where there are fewer of these a row for
  /// each key.
  public var differences: [Document.Block] {
    let differing = RunDifferences(runs).settings
    let data = differing.map { key, values in
      (
        key: key,
        value: JSONValue.object(
          zip(runs, values).map { ($0.name, $1.map(JSONValue.text) ?? .null) })
      )
    }
    guard !differing.isEmpty else { return [.data([("differences", [:])])] }
    func cell(_ value: String?) -> Table.Cell { value.map { .text($0) } ?? .nothing }
    let caption = "What the runs were asked for, where they differ"
    var table: Table
    if runs.count < differing.count {
      table = Table([.init("key")] + runs.map { .init($0.name) }, caption: caption)
      for (key, values) in differing { table.append([.text(key)] + values.map(cell)) }
    } else {
      table = Table([.init("run")] + differing.map { .init($0.key) }, caption: caption)
      for (index, run) in runs.enumerated() {
        table.append([.text(run.name)] + differing.map { cell($0.values[index]) })
      }
    }
    return [.table(table), .data([("differences", .object(data))])]
  }

  /// What was measured of each tensor, a part for each run that has it.
  private var layers: [Document.Block] {
    let measured = runs.map { LayerFigures(run: $0) }.filter { !$0.figures.isEmpty }
    return measured.prefix(4).flatMap { layers -> [Document.Block] in
      let of = isSingle ? "" : " of \(layers.run.name)"
      var distributions = Section("Distributions" + of, [.figures(layers.histograms)])
      distributions.isFolded = true
      return [
        .section(Section("Layers" + of, [.figures(layers.figures)])), .section(distributions),
      ]
    }
  }

  /// What the models wrote, or took for something else.
  private var samples: [Document.Block] {
    let all = runs.enumerated().filter { !$0.element.samples.isEmpty }
    return all.prefix(8).flatMap { number, run -> [Document.Block] in
      var texts: [Document.Block] = []
      var pictures: [Picture] = []
      var areMade = false
      let lastPictures = run.samples.last {
        if case .image = $0.sample { true } else { false }
      }?.step
      let shown = evenly(run.samples.map(\.step).uniqued { $0 }, 6)
      for (step, sample) in run.samples.suffix(100) {
        switch sample {
        case .text(let text): texts.append(.paragraph("After step \(grouped(step)):\n\(text)"))
        case .image(let image):
          areMade = image.isMade
          guard step == lastPictures || areMade && shown.contains(step) else { continue }
          let picture = Picture(
            areMade ? "After step \(grouped(step)): \(image.label)" : image.label,
            width: image.width, height: image.height, grey: image.pixels)
          if let picture { pictures.append(picture) }
        case .episode: break
        }
      }
      // The last texts say how far the model has come.
      let heading =
        pictures.isEmpty
        ? ""
        : (areMade
          ? "Images that the model makes"
          : "Held-out examples that the model reads wrongly after step "
            + grouped(lastPictures ?? 0))
      let blocks =
        Array(texts.suffix(3)) + [.paragraph(heading), .pictures(Array(pictures.prefix(24)))]
        + episodes(of: run, number: number)
      return isSingle ? blocks : [.section(Section(run.name, id: "samples-\(number)", blocks))]
    }
  }

  /// At most `count` of some steps, the first and the last among them.
  private func evenly(_ steps: [Int], _ count: Int) -> [Int] {
    steps.count <= count
      ? steps : (0..<count).map { steps[$0 * (steps.count - 1) / (count - 1)] }
  }

  /// The recipes, folded.
  private var recipes: [Document.Block] {
    runs.enumerated().compactMap { number, run -> Document.Block? in
      let text = run.recipe ?? run.settings.map { "\($0.key): \($0.value)" }.joined(separator: "\n")
      guard !text.isEmpty else { return nil }
      var section = Section(
        isSingle ? "As it was resolved" : run.name, id: "recipe-\(number)", [.preformatted(text)])
      section.isFolded = true
      return .section(section)
    }
  }

  /// What was skipped or mended when the logs were read.
  var notes: [String] {
    runs.flatMap { run in run.notes.map { isSingle ? $0 : "\(run.name): \($0)" } }
  }
}
