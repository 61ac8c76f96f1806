import Descent

/// A whole training run as data: model, data, optimizer, length.
///
/// A recipe is read from YAML and changed by `path=value`; every key is checked, and all mistakes
/// are reported at once. ``yaml`` writes it back with every default filled in.
public struct Recipe: Sendable {
  /// The keys outside any section.
  public var run = RunSettings()
  /// The model.
  public var model: any ModelKind
  /// The data.
  public var data: any DataKind
  /// The optimizer: rule, groups, schedules, clipping, storage.
  public var plan: OptimizerPlan
  /// The loss scale of `precision: fp16`.
  public var lossScale = LossScaler()
  /// The average of the weights that is evaluated and kept in their place; nil for none.
  public var average: (any WeightAverage)?
  /// What happens to updates that are much larger than usual.
  public var spike = SpikeSettings()
  /// Evaluation.
  public var evaluate = EvaluateSettings()
  /// Checkpoints.
  public var checkpoint = CheckpointSettings()

  /// Reads a recipe.
  ///
  /// - Parameters:
  ///   - yaml: the recipe.
  ///   - overrides: changes of the form `optimizer.lr=3e-4`, applied in order.
  /// - Throws: all that is wrong, at once.
  public init(yaml: String, overrides: [String] = []) throws(RecipeError) {
    var document = RecipeDocument(yaml: yaml)
    for assignment in overrides { document.override(assignment) }
    var reader = RecipeReader(document)
    let model = reader.kind("model", among: ModelKinds.all) as? any ModelKind
    let data = reader.kind("data", among: DataKinds.all) as? any DataKind
    reader.read(&run, "", from: document.top)
    reader.read(&lossScale, LossScaler.name)
    reader.read(&evaluate, EvaluateSettings.name)
    reader.read(&checkpoint, CheckpointSettings.name)
    reader.read(&spike, SpikeSettings.name)
    if spike.factor != nil, checkpoint.every == 0 {
      reader.problems.append(
        "spike.factor needs checkpoints to go back to: set checkpoint.every, or spike.factor=none")
    }
    average = reader.average()
    let (plan, problems) = OptimizerPlan.read(document.plan)
    self.plan = plan
    self.plan.weights.seed = UInt64(run.seed)
    reader.problems += problems.flatMap(\.sentences)
    reader.rejectUnknownSections()
    // What the plan alone contradicts has been said.
    let conflicts = plan.conflicts(with: Self.features(run, average)).filter {
      !problems.contains($0)
    }
    reader.problems += conflicts.map(\.description)
    if let model, let data { reader.problems += Self.objections(model, data) }
    guard reader.problems.isEmpty, let model, let data else {
      throw RecipeError(problems: reader.problems)
    }
    (self.model, self.data) = (model, data)
  }

  /// What the run uses that not every optimizer goes with.
  private static func features(
    _ run: RunSettings, _ average: (any WeightAverage)?
  ) -> [FeatureUse] {
    var uses: [FeatureUse] = []
    if run.releasesGradients { uses.append(.init(.gradientRelease, "release_gradients=true")) }
    if run.accumulate > 1 { uses.append(.init(.accumulation, "accumulate=\(run.accumulate)")) }
    if run.nonFinite == .skip { uses.append(.init(.skipping, "nonfinite=skip")) }
    let precision = "precision=\(run.precision.rawValue)"
    if run.precision == .fp16 { uses.append(.init(.lossScale, precision)) }
    if run.precision != .bf16 { uses.append(.init(.otherPrecision, precision)) }
    if let average, type(of: average).movesWeights {
      uses.append(.init(.movingAverage, "average.name=\(type(of: average).name)"))
    }
    return uses
  }
}
