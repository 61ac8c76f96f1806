import Descent
import DescentFiles
public import DescentTraining
import Foundation

/// One recipe trained in float32 and in 16 bits, from the same seed on the same batches: whether its
/// numbers bear the rounding.
public struct PrecisionComparison: Sendable {
  /// One of the two runs.
  public struct Run: Sendable {
    /// `float32`, `bf16`, `bf16 kahan`, ...
    public let name: String
    /// The training loss of each step.
    public let losses: [Double]
    /// How it ended; nil when it was stopped.
    public let result: TrainingResult?
    /// Why it was stopped.
    public let failure: RunError?

    /// A run.
    public init(name: String, losses: [Double], result: TrainingResult?, failure: RunError? = nil) {
      (self.name, self.losses, self.result, self.failure) = (name, losses, result, failure)
    }
  }

  /// The name of the recipe; empty where it has none.
  public let recipe: String
  /// The run in float32.
  public let reference: Run
  /// The run in 16 bits.
  public let other: Run

  /// Puts two runs beside each other.
  public init(recipe: String = "", reference: Run, other: Run) {
    (self.recipe, self.reference, self.other) = (recipe, reference, other)
  }

  /// Trains a recipe twice, in the folders `float32` and `bf16` (or `fp16`) of `folder`.
  ///
  /// - Parameters:
  ///   - yaml: the recipe; where its precision is float32, the second run has bf16.
  ///   - title: its name, which stands above the curves; may be empty.
  ///   - overrides: changes of the form `key=value`.
  ///   - folder: where both runs go; empty, or made where it is not there.
  ///   - watch: who watches each run, by its name.
  /// - Throws: errors of the recipe, its data and of writing. A second run that the non-finite guard
  ///   stops is a result; a first one is an error.
  public init(
    yaml: String, called title: String = "", overrides: [String], in folder: URL,
    watch: (_ name: String) -> any TrainingObserver
  ) throws {
    var recipe = try Recipe(yaml: yaml, overrides: overrides)
    if recipe.run.precision == .float32 {
      recipe = try Recipe(yaml: yaml, overrides: overrides + ["precision=bf16"])
    }
    let plain = try Recipe(
      yaml: yaml, overrides: overrides + ["precision=float32", "weights.format=float32"])
    let precision = recipe.run.precision.rawValue
    let rounding =
      recipe.plan.weights.format == .bf16 ? " weights \(recipe.plan.weights.rounding.rawValue)" : ""

    var isReady = false
    func train(_ recipe: Recipe, _ name: String, in subfolder: String) throws -> Run {
      let trainer = try Trainer(recipe)
      if !isReady { _ = try RunDirectory.emptyFolder(folder.relativePath) }
      isReady = true
      let directory = try RunDirectory(
        new: folder.appendingPathComponent(subfolder).relativePath, name: name)
      let log = LossLog(watch(name))
      do {
        let result = try trainer.run(in: directory, observer: log)
        return Run(name: name, losses: log.losses, result: result)
      } catch let error as RunError where name != "float32" && error.isBreakdown {
        return Run(name: name, losses: log.losses, result: nil, failure: error)
      }
    }
    self.recipe = title
    reference = try train(plain, "float32", in: "float32")
    other = try train(recipe, precision + rounding, in: precision)
  }

  // MARK: What it says

  /// Steps that both runs made.
  public var steps: Int { min(reference.losses.count, other.losses.count) }

  /// Means of the last steps of both losses, which show more than single batches do.
  public var smoothed: (reference: [Double], other: [Double]) {
    let window = max(1, steps / 50)
    return (Self.smooth(reference.losses, window), Self.smooth(other.losses, window))
  }

  /// How much larger the validation loss is in 16 bits, as a share; nil where a run did not end.
  public var validationChange: Double? {
    guard let a = reference.result?.evaluation?.loss, let b = other.result?.evaluation?.loss else {
      return nil
    }
    return b / a - 1
  }

  /// One sentence: at most 1 % more validation loss is good enough.
  public var verdict: String {
    if let failure = other.failure { return "\(other.name) does not work here: \(failure)" }
    guard let change = validationChange else {
      return "a run was interrupted, so nothing is decided"
    }
    let judgement =
      change <= 0
      ? "is no worse than float32"
      : change <= 0.01 ? "is within 1 % of float32" : "is worse than float32"
    return "\(other.name) \(judgement): \(measured(change))"
      + (change <= 0.01 ? "" : "; \(Self.advice(other))")
  }

  /// The validation losses of both runs, and the accuracies of classifiers.
  private func measured(_ change: Double) -> String {
    guard let a = reference.result?.evaluation, let b = other.result?.evaluation else { return "" }
    let losses =
      "validation loss \(fixed(b.loss, 4)) against \(fixed(a.loss, 4)) "
      + "(\(NumberStyle.percent(2).signed.text(change)))"
    guard let before = a.accuracy, let after = b.accuracy else { return losses }
    return losses + ", accuracy \(percent(after, 2)) against \(percent(before, 2))"
  }

  private static func advice(_ run: Run) -> String {
    if let lost = run.result?.lostUpdates, lost.share > 0.1, run.name.hasSuffix("nearest") {
      return "\(percent(lost.share, 0)) of the updates of weights were lost to rounding, so set "
        + "weights.rounding to stochastic or kahan"
    }
    return "keep weights in float32, or train in float32"
  }

  /// Both losses at some steps and at the end, their curves, and the verdict.
  public var page: Document {
    let (a, b) = smoothed
    let loss = NumberStyle.fixed(4)
    var table = Table(
      [
        .number("step"), .number("reference", reference.name, loss),
        .number("other", other.name, loss), .number("difference", "difference", loss.signed),
        .number("change", "", NumberStyle.percent(2).signed),
      ], key: "losses", empty: "no step was completed by both runs")
    func append(_ step: Table.Cell, _ a: Double, _ b: Double) {
      table.append(step, .number(a), .number(b), .number(b - a), .number(b / a - 1))
    }
    for step in Set((0...10).map { max(1, $0 * steps / 10) }).sorted() where step <= steps {
      append(.ordinal(step), a[step - 1], b[step - 1])
    }
    if let a = reference.result?.evaluation?.loss, let b = other.result?.evaluation?.loss {
      append("validation", a, b)
    }
    return Document(
      (recipe.isEmpty ? "" : "\(recipe) in ") + "\(reference.name) and \(other.name)",
      [.table(table), .figures([figure]), .paragraph(verdict, key: "verdict")])
  }

  /// Both losses above their difference.
  public var figure: Figure {
    let (a, b) = smoothed
    func series(_ name: String, _ y: [Double], _ stroke: Series.Stroke = .plain) -> Series {
      Series(name, y.enumerated().map { Point(Double($0.offset + 1), $0.element) }, stroke)
    }
    let window = max(1, steps / 50)
    return Figure([
      LineChart(
        title: (recipe.isEmpty ? "" : "\(recipe): ") + "training loss",
        subtitle: window == 1 ? "" : "running mean over \(counted(window, "step"))",
        x: Axis("step"), y: Axis("loss"),
        series: [series(reference.name, a, .broad), series(other.name, b)]),
      LineChart(
        title: "\(other.name) − \(reference.name)", x: Axis("step"), y: Axis("difference"),
        series: [series("difference", zip(a, b).map { $1 - $0 })], marks: [Mark("", .y(0))]),
    ])
  }

  /// Writes `comparison.jsonl`, a line a step, and `comparison.svg`.
  public func write(to folder: URL) throws {
    let lines = (0..<steps).map { step -> String in
      let (a, b) = (reference.losses[step], other.losses[step])
      return JSONValue.object([
        ("step", .integer(step + 1)), ("reference", .number(a)), ("other", .number(b)),
        ("difference", .number(b - a)),
      ]).line
    }
    for (text, name) in [
      (lines.joined(separator: "\n") + "\n", "comparison.jsonl"), (figure.svg(), "comparison.svg"),
    ] {
      try OutputFile.write(text, to: folder.appendingPathComponent(name).relativePath)
    }
  }

  /// The mean of each value and up to `window` − 1 before it.
  static func smooth(_ values: [Double], _ window: Int) -> [Double] {
    var sum = 0.0
    return values.indices.map { i in
      sum += values[i] - (i >= window ? values[i - window] : 0)
      return sum / Double(min(i + 1, window))
    }
  }
}

/// Keeps the losses of a run that someone else watches.
private final class LossLog: TrainingObserver {
  private(set) var losses: [Double] = []
  private let other: any TrainingObserver

  init(_ other: any TrainingObserver) { self.other = other }

  var wantsToStop: Bool { other.wantsToStop }
  func started(_ facts: RunFacts) { other.started(facts) }
  func stepped(_ step: TrainingStep) {
    losses.append(step.record.loss)
    other.stepped(step)
  }
  func skipped(_ step: SkippedStep) { other.skipped(step) }
  func evaluated(_ evaluation: Evaluation, after step: Int) {
    other.evaluated(evaluation, after: step)
  }
}
