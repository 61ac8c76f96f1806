import Descent
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

  /// The run in float32.
  public let reference: Run
  /// The run in 16 bits.
  public let other: Run

  /// Puts two runs beside each other.
  public init(reference: Run, other: Run) { (self.reference, self.other) = (reference, other) }

  /// Trains a recipe twice, in the folders `float32` and `bf16` (or `fp16`) of `folder`.
  ///
  /// - Parameters:
  ///   - yaml: the recipe; where its precision is float32, the second run has bf16.
  ///   - overrides: changes of the form `key=value`.
  ///   - folder: where both runs go.
  ///   - watch: who watches each run, by its name.
  /// - Throws: errors of the recipe, its data and of writing. A second run that the non-finite guard
  ///   stops is a result; a first one is an error.
  public init(
    yaml: String, overrides: [String], in folder: URL,
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
      recipe.weights.format == .bf16 ? " weights \(recipe.weights.rounding.rawValue)" : ""

    func train(_ recipe: Recipe, _ name: String, in subfolder: String) throws -> Run {
      let trainer = try Trainer(recipe)
      let directory = try RunDirectory(
        new: folder.appendingPathComponent(subfolder).relativePath, name: name)
      let recorder = LossLog(watch(name))
      do {
        let result = try trainer.run(in: directory, observer: recorder)
        return Run(name: name, losses: recorder.losses, result: result)
      } catch let error as RunError where name != "float32" && error.isOverflow {
        return Run(name: name, losses: recorder.losses, result: nil, failure: error)
      }
    }
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

  /// One sentence: agreement means at most 1 % more loss.
  public var verdict: String {
    if let failure = other.failure { return "\(other.name) does not work here: \(failure)" }
    guard let change = validationChange else {
      return "a run was interrupted, so nothing is decided"
    }
    let percent = NumberStyle.percent(2).signed.text(change)
    return change <= 0.01
      ? "\(other.name) agrees with float32: its validation loss differs by \(percent)"
      : "\(other.name) is worse than float32: its validation loss differs by \(percent); "
        + Self.advice(other)
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
      "\(reference.name) and \(other.name)",
      [.table(table), .figures([figure]), .paragraph(verdict, key: "verdict")])
  }

  /// Both losses above their difference.
  public var figure: Figure {
    let (a, b) = smoothed
    func series(_ name: String, _ y: [Double], faint: Bool = false) -> Series {
      Series(name, y.enumerated().map { Point(Double($0.offset + 1), $0.element) }, isFaint: faint)
    }
    let window = max(1, steps / 50)
    return Figure([
      LineChart(
        title: "training loss", subtitle: "means of \(counted(window, "step"))", x: Axis("step"),
        y: Axis("loss"), series: [series(reference.name, a), series(other.name, b)]),
      LineChart(
        title: "\(other.name) − \(reference.name)", x: Axis("step"), y: Axis("difference"),
        series: [series("difference", zip(a, b).map { $1 - $0 })], marks: [Mark("0", .y(0))]),
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
      let file = folder.appendingPathComponent(name)
      do { try text.write(to: file, atomically: true, encoding: .utf8) } catch {
        throw RunError.cannotWrite(file.relativePath, error.localizedDescription)
      }
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

extension RunError {
  /// Whether the non-finite guard stopped the run.
  fileprivate var isOverflow: Bool {
    switch self {
    case .nonFinite, .float16Overflow: true
    default: false
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
    losses.append(step.loss)
    other.stepped(step)
  }
  func skipped(_ step: SkippedStep) { other.skipped(step) }
  func evaluated(_ evaluation: Evaluation, after step: Int) {
    other.evaluated(evaluation, after: step)
  }
}
