public import Descent

/// What one step did: a line of `metrics.jsonl`.
///
/// The keys that a step always has come first; the others belong to precisions and rules that have
/// them. A number that was not finite is null in the file and NaN when it is read.
public struct StepRecord: Sendable, Equatable {
  /// `step`: the number of the step, from 1.
  public var step = 0
  /// `loss`: the mean loss over the step's examples before the update: in nats, or the mean squared
  /// error of standardized targets.
  public var loss = Double.nan
  /// `lr`: the learning rate that acted on the first parameter's group: d·η for Prodigy, else η.
  public var learningRate = Double.nan
  /// `grad_norm`: the norm over all gradients before clipping: L2, or the type that is limited.
  public var gradientNorm = Double.nan
  /// `clip_norm`: the most that the norm may be; nil where it is not limited.
  public var clipNorm: Double?
  /// `clipped`: whether any limit of the gradients acted.
  public var clipped = false
  /// `applied`: whether the weights were updated.
  public var applied = false
  /// `seconds`: how long the step took; evaluations and checkpoints not counted.
  public var seconds = Double.nan
  /// `activation_bytes`: the memory of activations at the peak of the step.
  public var activationBytes: Int?
  /// `items_per_second`: images, rows or tokens of the step's batches by its seconds.
  public var itemsPerSecond: Double?
  /// `memory_bytes`: the memory of the process that is in use, at every 50th step and before
  /// evaluations.
  public var memoryBytes: Int?

  /// `loss_scale`: what the loss was multiplied by for the backward pass, with `precision: fp16`.
  public var lossScale: Double?
  /// `lost_updates`: how many updates rounding took, for weights in 16 bits.
  public var lostUpdates: Int?
  /// `lost_share`: the same as a share of all updates, from 0 to 1.
  public var lostShare: Double?

  /// `kl_scale`: ν, what K-FAC multiplied the preconditioned gradients by, at most 1.
  public var preconditionerScale: Double?
  /// `kfac_failures`: layers whose statistics or decomposition failed.
  public var preconditionerFailures: Int?
  /// `curvature_folded`: whether Sophia took in the estimate that was due; nil when none was.
  public var curvatureFolded: Bool?
  /// `final_loss`: the loss at the end of a step that evaluates it itself (L-BFGS), in nats.
  public var finalLoss: Double?
  /// `iterations`: iterations of such a step.
  public var iterations: Int?
  /// `evaluations`: evaluations of the loss in it.
  public var evaluations: Int?
  /// `exit`: what ended it.
  public var exit: ClosureReport.Exit?

  /// `lr.<group>`: the learning rate of each group, by its name, where they differ.
  public var learningRates: [String: Double] = [:]
  /// All other numbers of a line, by their keys: the rule's diagnostics, such as `d`, or
  /// `d.<group>` where each group has its own.
  public var diagnostics: [String: Double] = [:]

  init() {}

  /// A step of which no more is known than its loss.
  public init(step: Int, loss: Double) { (self.step, self.loss) = (step, loss) }
}

extension StepRecord: MetricRecord, Codable {
  static let fields: [MetricField<StepRecord>] = [
    .init("step", \.step), .init("loss", \.loss), .init("lr", \.learningRate),
    .init("grad_norm", \.gradientNorm), .init("clip_norm", \.clipNorm),
    .init("clipped", \.clipped), .init("applied", \.applied), .init("seconds", \.seconds),
    .init("activation_bytes", \.activationBytes), .init("items_per_second", \.itemsPerSecond),
    .init("memory_bytes", \.memoryBytes),
    .init("loss_scale", \.lossScale), .init("lost_updates", \.lostUpdates),
    .init("lost_share", \.lostShare), .init("kl_scale", \.preconditionerScale),
    .init("kfac_failures", \.preconditionerFailures), .init("curvature_folded", \.curvatureFolded),
    .init("final_loss", \.finalLoss), .init("iterations", \.iterations),
    .init("evaluations", \.evaluations), .init("exit", \.exit),
  ]

  private static let ratePrefix = "lr."

  var others: [(key: String, value: MetricValue)] {
    let numbers = diagnostics.map { ($0, $1) } + learningRates.map { (Self.ratePrefix + $0, $1) }
    return numbers.sorted { $0.0 < $1.0 }.map { ($0, .number($1)) }
  }

  mutating func read(_ key: String, _ value: MetricValue) {
    guard let x = Double(value) else { return }
    if key.hasPrefix(Self.ratePrefix) {
      learningRates[String(key.dropFirst(Self.ratePrefix.count))] = x
    } else {
      diagnostics[key] = x
    }
  }
}

/// A step that changed nothing, because something was not finite: a line of `metrics.jsonl`.
public struct SkippedRecord: Sendable, Equatable {
  /// `step`: the number of the step that was to be, from 1; it is tried again with other batches.
  public var step = 0
  /// `loss`: the mean loss over the examples, in nats; NaN when it was not finite.
  public var loss = Double.nan
  /// `skipped`: what was not finite, in words.
  public var cause = ""
  /// `loss_scale`: what the loss was multiplied by, with `precision: fp16`.
  public var lossScale: Double?

  init() {}

  /// A skipped step.
  public init(step: Int, loss: Double, cause: String, lossScale: Double? = nil) {
    (self.step, self.loss, self.cause, self.lossScale) = (step, loss, cause, lossScale)
  }
}

extension SkippedRecord: MetricRecord, Codable {
  static let fields: [MetricField<SkippedRecord>] = [
    .init("step", \.step), .init("loss", \.loss), .init("applied", always: .flag(false)),
    .init("skipped", \.cause), .init("loss_scale", \.lossScale),
  ]
}

/// What an evaluation found: a line of `metrics.jsonl`.
public struct EvaluationRecord: Sendable, Equatable {
  /// `step`: the steps done before it.
  public var step = 0
  /// `val_loss`: the mean validation loss, in nats, or the mean squared error of standardized targets;
  /// of the average where weights are averaged.
  public var loss = Double.nan
  /// `val_accuracy`: the share of right answers, from 0 to 1, for classifiers.
  public var accuracy: Double?
  /// `val_rmse`: the root of the mean squared error, in the unit of the targets, where numbers are
  /// predicted.
  public var rootMeanSquareError: Double?
  /// `val_mae`: the mean absolute error, in the unit of the targets.
  public var meanAbsoluteError: Double?
  /// `val_r2`: R², the coefficient of determination, at most 1.
  public var determination: Double?
  /// `average`: the name of the average, where weights are averaged.
  public var average: String?
  /// `val_loss_raw`: the mean validation loss without the average, in nats.
  public var lossWithoutAverage: Double?
  /// `val_<name>`: what else the task measures, by its name.
  public var measures: [String: Double] = [:]

  init() {}

  /// An evaluation of which no more is known than its loss.
  public init(step: Int, loss: Double) { (self.step, self.loss) = (step, loss) }
}

extension EvaluationRecord: MetricRecord, Codable {
  static let fields: [MetricField<EvaluationRecord>] = [
    .init("step", \.step), .init("val_loss", \.loss), .init("val_accuracy", \.accuracy),
    .init("val_rmse", \.rootMeanSquareError), .init("val_mae", \.meanAbsoluteError),
    .init("val_r2", \.determination), .init("average", \.average),
    .init("val_loss_raw", \.lossWithoutAverage),
  ]

  private static let prefix = "val_"

  var others: [(key: String, value: MetricValue)] {
    measures.sorted { $0.key < $1.key }.map { (Self.prefix + $0.key, .number($0.value)) }
  }

  mutating func read(_ key: String, _ value: MetricValue) {
    guard key.hasPrefix(Self.prefix), let x = Double(value) else { return }
    measures[String(key.dropFirst(Self.prefix.count))] = x
  }
}

/// An update that was much larger than usual, after which the run went back to a checkpoint: a line of
/// `metrics.jsonl`. The steps that follow it are numbered from there.
public struct SpikeRecord: Sendable, Equatable {
  /// `step`: the step whose update it was.
  public var step = 0
  /// `update_norm`: ‖Δw‖, over all trainable parameters.
  public var updateNorm = Double.nan
  /// `update_norm_median`: the median of those before.
  public var median = Double.nan
  /// `went_back_to`: the steps before the checkpoint that training goes on from, with the batches
  /// that follow.
  public var goneBackTo = 0

  init() {}

  /// A spike.
  public init(step: Int, updateNorm: Double, median: Double, goneBackTo: Int) {
    (self.step, self.updateNorm) = (step, updateNorm)
    (self.median, self.goneBackTo) = (median, goneBackTo)
  }
}

extension SpikeRecord: MetricRecord, Codable {
  static let fields: [MetricField<SpikeRecord>] = [
    .init("step", \.step), .init("update_norm", \.updateNorm),
    .init("update_norm_median", \.median), .init("went_back_to", \.goneBackTo),
  ]
}
