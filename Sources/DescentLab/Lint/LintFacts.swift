public import Descent
import DescentNN
public import DescentTraining

/// What is known of a run besides its recipe; nil where it is not known.
public struct LintFacts: Sendable {
  /// Optimizer steps of the run.
  public var steps: Int?
  /// Optimizer steps in a pass over the training data.
  public var stepsPerEpoch: Int?
  /// Passes over the training data.
  public var epochs: Double?
  /// Examples in a pass.
  public var examples: Int?
  /// Processes that share a step.
  public var ranks = 1
  /// Examples in an optimizer step: of all micro-batches and processes.
  public var effectiveBatch: Int?
  /// Whether the model is a transformer.
  public var isTransformer: Bool?
  /// Whether embeddings are trained.
  public var hasEmbeddings: Bool?
  /// Whether training goes on from weights that were trained before.
  public var isFineTuning: Bool?
  /// Whether only adapters of low rank are trained (LoRA).
  public var isLowRank: Bool?
  /// The parameters that are trained.
  public var parameters: [ParameterInfo]?
  /// The format of weights and state while the optimizer works on them, where a tool trains in less
  /// than 32 bits without a copy in 32 (kohya's `full_bf16` and `full_fp16`).
  public var updateFormat = NumberFormat.float32

  /// Nothing is known.
  public init() {}

  /// What a recipe says, and its task, where that could be made.
  public init(_ recipe: Recipe, _ task: (any TrainingTask)? = nil) {
    let run = recipe.run
    steps = run.steps ?? task.flatMap { try? recipe.steps(of: $0) }
    (effectiveBatch, _) = run.batch.multipliedReportingOverflow(by: run.accumulate)
    isTransformer = recipe.model is SwiftModel ? nil : recipe.model is any LanguageModelKind
    isFineTuning = recipe.model is HuggingFaceModel || recipe.run.from != nil
    isLowRank = recipe.adapter != nil
    epochs = run.epochs
    guard let task else { return }
    parameters = task.model.parameterInfos
    hasEmbeddings = parameters?.contains { $0.role == .embedding }
    examples = task.batchesPerEpoch(1)
    stepsPerEpoch = task.batchesPerEpoch(run.batch).map { max(1, ($0 - 1) / run.accumulate + 1) }
    if let steps, let stepsPerEpoch { epochs = Double(steps) / Double(stepsPerEpoch) }
  }
}
