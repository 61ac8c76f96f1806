import Descent
import DescentTraining
import Foundation

// MARK: - Agents

extension EvaluationPage {
  static func facts(_ report: AgentReport) -> [Fact] {
    let (returns, style) = (Sample(report.returns), NumberStyle.significant(5))
    func number(_ x: Double?) -> Table.Cell { x.map(Table.Cell.number) ?? .nothing }
    let interval = returns.interval.map {
      "95 % interval \(style.text($0.low)) to \(style.text($0.high))"
    }
    return [
      Fact(
        "mean return", number(returns.mean), key: "return", unit: interval.map { "(\($0))" } ?? "",
        style: style),
      Fact("standard deviation", number(returns.deviation), key: "deviation", style: style),
      Fact(
        "mean length", number(Sample(report.steps.map(Double.init)).mean), key: "steps",
        unit: "steps", style: style),
      Fact("episodes", .count(report.returns.count), key: "episodes"),
    ]
      + (report.cutOff > 0
        ? [Fact("ended since they went on and on", .count(report.cutOff), key: "cutOff")] : [])
  }

  static func blocks(_ report: AgentReport) -> [Document.Block] {
    let order = report.returns.indices.sorted { report.returns[$0] < report.returns[$1] }
    let places = [
      ("lowest", 0), ("10 %", 0.1), ("25 %", 0.25), ("50 %", 0.5), ("75 %", 0.75), ("90 %", 0.9),
      ("highest", 1),
    ]
    let table = Table(
      [
        .init("share", "episodes"), .number("return", "return at most", .significant(5)),
        .number("steps"),
      ],
      key: "quantiles",
      rows: places.compactMap { name, share in
        guard let last = order.indices.last else { return nil }
        let episode = order[Int((share * Double(last)).rounded())]
        return [
          .text(name), .number(report.returns[episode]), .count(report.steps[episode]),
        ]
      })
    return [
      .section(
        Section(
          "Return over the episodes",
          [
            .paragraph(
              "Each episode is played with the most likely actions, and begins as it does in every "
                + "evaluation."),
            .table(table),
          ])),
      .data([
        ("environment", .text(report.environment)),
        ("returns", .array(report.returns.map(JSONValue.number))),
      ]),
    ]
  }
}

// MARK: - Images that a model makes

extension EvaluationPage {
  static func facts(_ report: ImageReport) -> [Fact] {
    let quality: [Fact]
    switch report.measure {
    case .score:
      quality = [
        Fact(
          "quality", .number(report.quality), key: "quality",
          unit: "(inception score, from 1 to \(report.classes.count))"),
        Fact("that of real images", .number(report.realQuality), key: "realQuality"),
        Fact("confidence", .number(report.confidence), key: "confidence", style: .percent(1)),
        Fact("diversity", .number(report.diversity), key: "diversity", unit: "classes"),
      ]
    case .agreement:
      quality = [
        Fact(
          "quality", .number(report.quality), key: "quality",
          unit: "of the images are read as the class they were asked for", style: .percent(1)),
        Fact(
          "that of real images", .number(report.realQuality), key: "realQuality",
          style: .percent(1)),
      ]
    }
    guard let denoising = report.denoising else { return quality }
    func loss(_ name: String, _ x: Double, _ key: String) -> Fact {
      Fact(name, .number(x), key: key, unit: "(squared error of the noise)", style: .fixed(4))
    }
    return [loss("loss", denoising.loss, "loss")]
      + (denoising.oldLoss.map { [loss("loss on what is left out", $0, "oldLoss")] } ?? [])
      + quality
  }

  static func blocks(_ report: ImageReport) -> [Document.Block] {
    let isAsked = report.measure == .agreement
    let classes = Table(
      [
        .init("name", "class"), .init("learned", "learned"), .number("asked", "asked for"),
        .number("read", "read as it"), .number("share", "share", .percent(1)),
        .number("confidence", "confidence", .percent(1)),
      ], key: "classes",
      rows: report.classes.map { one in
        let all = one.asked ?? report.images
        return [
          .text(one.name),
          report.classes.allSatisfy(\.isLearned)
            ? .nothing : .text(one.isLearned ? "yes" : "left out"),
          one.asked.map(Table.Cell.count) ?? .nothing, .count(one.read),
          all == 0 ? .nothing : .number(Double(one.read) / Double(all)),
          one.confidence.map(Table.Cell.number) ?? .nothing,
        ]
      })
    let sentence =
      isAsked
      ? "\(counted(report.images, "image")), as evaluations make them, and how a small classifier of "
        + "the training images reads them."
      : "\(counted(report.images, "image")) of points that are always the same, and what a small "
        + "classifier of the training images takes them for. A class that is missing is one that "
        + "the generator never makes."
    var blocks: [Document.Block] = [
      .section(Section("Classes", [.paragraph(sentence), .table(classes)]))
    ]
    if let denoising = report.denoising {
      blocks.append(.section(Section("Loss by noise", self.blocks(denoising))))
    }
    return blocks
  }

  private static func blocks(_ denoising: ImageReport.Denoising) -> [Document.Block] {
    let table = Table(
      [
        .init("steps", "t", alignment: .right), .number("signal", "image's share", .percent(1)),
        .number("loss", "loss", .fixed(4)), .number("oldLoss", "on what is left out", .fixed(4)),
      ], key: "levels",
      rows: denoising.levels.map { level in
        [
          .text("\(level.times.lowerBound) to \(level.times.upperBound)"),
          .number((level.signal.lowerBound + level.signal.upperBound) / 2),
          level.loss.map(Table.Cell.number) ?? .nothing,
          level.oldLoss.map(Table.Cell.number) ?? .nothing,
        ]
      })
    return [
      .paragraph(
        "The mean squared error of the noise that the model finds; a model that always answers 0 has "
          + "1. t runs from the image to pure noise, and the less noise there is, the harder it is to find."
      ),
      .table(table),
    ]
  }
}
