import Descent
public import DescentTraining

/// How good the model of a run is.
public enum EvaluationPage {
  /// What an evaluation of a run found.
  public static func about(_ evaluation: RunEvaluation) -> Document {
    let data =
      evaluation.files.isEmpty
      ? validationPart(of: evaluation.report) : evaluation.files.joined(separator: " and ")
    let average = evaluation.average.map { ", averaged (\($0))" } ?? ""
    let step = evaluation.step.map { ", after step \($0)" } ?? ""
    var facts = [
      Fact(
        "weights", .text(evaluation.checkpoint + step + average)),
      Fact("data", .text("\(data), \(size(of: evaluation.report))")),
    ]
    var blocks: [Document.Block] = []
    switch evaluation.report {
    case .classes(let report):
      facts += Self.facts(report)
      blocks = Self.blocks(report)
    case .numbers(let report): facts += Self.facts(report)
    case .text(let report): facts += Self.facts(report)
    case .agent(let report):
      facts += Self.facts(report)
      blocks = Self.blocks(report)
    case .images(let report):
      facts += Self.facts(report)
      blocks = Self.blocks(report)
    }
    return Document(
      "",
      [
        .list(evaluation.passedOver, .warnings, key: "passedOver"),
        .data([("task", .text(task(of: evaluation.report)))]), .facts(facts),
        .data([
          ("checkpoint", .text(evaluation.checkpoint)),
          ("step", evaluation.step.map(JSONValue.integer) ?? .null),
          ("average", evaluation.average.map(JSONValue.text) ?? .null),
          ("files", .array(evaluation.files.map(JSONValue.text))),
        ]),
      ] + blocks)
  }

  /// What a run is evaluated on, where nothing else is given.
  private static func validationPart(of report: EvaluationReport) -> String {
    switch report {
    case .agent: "the run's environment"
    case .images(let report) where report.denoising == nil: "what the generator makes"
    default: "the run's validation part"
    }
  }

  private static func task(of report: EvaluationReport) -> String {
    switch report {
    case .classes: "classification"
    case .numbers: "regression"
    case .text: "text"
    case .agent: "reinforcement"
    case .images: "images"
    }
  }

  private static func size(of report: EvaluationReport) -> String {
    switch report {
    case .classes(let report): counted(report.examples, "example")
    case .numbers(let report): counted(report.examples, "example")
    case .text(let report): "\(counted(report.tokens, "token")) predicted"
    case .agent(let report): "\(counted(report.returns.count, "episode")) of \(report.environment)"
    case .images(let report):
      report.denoising.map { counted($0.examples, "image") }
        ?? counted(report.images, "image")
    }
  }

  // MARK: Texts

  private static func facts(_ report: TextEvaluation) -> [Fact] {
    [
      Fact("loss", .number(report.loss), key: "loss", unit: "nats a token", style: .fixed(4)),
      Fact("perplexity", .number(report.perplexity), key: "perplexity", style: .significant(5)),
      Fact("tokens", .count(report.tokens), key: "tokens"),
    ]
  }

  // MARK: Numbers

  private static func facts(_ report: RegressionReport) -> [Fact] {
    let style = NumberStyle.significant(5)
    let errors = report.errors
    return [
      Fact("RMSE", .number(errors.rootMeanSquare), key: "rmse", style: style),
      Fact("MAE", .number(errors.meanAbsolute), key: "mae", style: style),
      Fact(
        "R²", errors.determination.map(Table.Cell.number) ?? .nothing, key: "r2", style: .fixed(4)),
      Fact("loss", .number(report.loss), key: "loss", unit: "(standardized)", style: .fixed(4)),
      Fact("examples", .count(report.examples), key: "examples"),
    ]
  }

  // MARK: Classes

  /// The most classes of which a table of all pairs is made: for people, and for programs.
  private static let (mostShown, mostWritten) = (20, 1000)

  private static func facts(_ report: ClassificationReport) -> [Fact] {
    [
      Fact("accuracy", .number(report.accuracy), key: "accuracy", style: .percent(2)),
      Fact("loss", .number(report.loss), key: "loss", unit: "nats", style: .fixed(4)),
      Fact("examples", .count(report.examples), key: "examples"),
    ]
      + (report.undecided > 0
        ? [Fact("without an answer", .count(report.undecided), key: "undecided")] : [])
  }

  private static func blocks(_ report: ClassificationReport) -> [Document.Block] {
    let names = report.classNames
    func number(_ x: Double?) -> Table.Cell { x.map(Table.Cell.number) ?? .nothing }
    let classes = Table(
      [
        .init("name", "class"), .number("examples"), .number("predicted"),
        .number("precision", "precision", .percent(1)), .number("recall", "recall", .percent(1)),
        .number("f1", "F1", .percent(1)),
      ], key: "classes",
      rows: report.classes.map {
        [
          .text($0.name), .count($0.examples), .count($0.predicted), number($0.precision),
          number($0.recall), number($0.f1),
        ]
      })
    var blocks: [Document.Block] = [.section(Section("Classes", [.table(classes)]))]
    if names.count <= mostShown {
      blocks.append(
        .section(
          Section(
            "Confusion",
            [
              .paragraph("Rows are the classes that are right, columns what the model said."),
              .table(matrix(report)),
            ])))
    }
    let mistakes = Table(
      [.init("actual", "is"), .init("predicted", "was taken for"), .number("count", "examples")],
      key: "mistakes", empty: "none",
      rows: report.mistakes.prefix(mostWritten).map { cell, count in
        [.text(names[cell.actual]), .text(names[cell.predicted]), .count(count)]
      })
    if names.count > mostShown {
      let shown = Table(
        mistakes.columns, empty: "none", rows: Array(mistakes.rows.prefix(mostShown)))
      blocks.append(.section(Section("Most frequent mistakes", [.table(shown)])))
    }
    blocks.append(
      .data([
        ("mistakes", .array(mistakes.rows.map(mistakes.json))),
        ("confusion", names.count <= mostWritten ? json(report) : .null),
      ]))
    return blocks
  }

  private static func matrix(_ report: ClassificationReport) -> Table {
    let names = report.classNames
    return Table(
      [.init("class", "")] + names.map { .number($0) },
      rows: names.indices.map { actual in
        [.text(names[actual])]
          + names.indices.map { .count(report.counts[.init(actual: actual, predicted: $0)] ?? 0) }
      })
  }

  /// A row of counts for each class that is right.
  private static func json(_ report: ClassificationReport) -> JSONValue {
    let indices = report.classNames.indices
    return .array(
      indices.map { actual in
        .array(
          indices.map { .integer(report.counts[.init(actual: actual, predicted: $0)] ?? 0) })
      })
  }
}
