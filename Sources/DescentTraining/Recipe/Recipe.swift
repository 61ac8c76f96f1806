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
  /// The adapters that are trained in the place of the model; nil trains the model.
  public var adapter: LoRASettings?
  /// The average of the weights that is evaluated and kept in their place; nil for none.
  public var average: (any WeightAverage)?
  /// What happens to updates that are much larger than usual.
  public var spike = SpikeSettings()
  /// What the run is to reach; nil where nothing is said.
  public var target: TargetSettings?
  /// What training measures beside its metrics.
  public var instruments = InstrumentSettings()
  /// What else a run writes.
  public var log = LogSettings()
  /// Evaluation.
  public var evaluate = EvaluateSettings()
  /// Checkpoints.
  public var checkpoint = CheckpointSettings()

  /// Reads a recipe.
  ///
  /// - Parameters:
  ///   - yaml: the recipe.
  ///   - overrides: changes of the form `optimizer.lr=3e-4`, in any order.
  ///   - isQuick: whether what its section `quick` says holds, before the changes.
  /// - Throws: all that is wrong, at once.
  public init(
    yaml: String, overrides: [String] = [], quick isQuick: Bool = false
  ) throws(RecipeError) {
    let document = try RecipeDocument(yaml: yaml, overrides: overrides, quick: isQuick)
    // The short form is there to be used some other time.
    let others = isQuick || document.quick.isEmpty ? [] : Self.problemsOfQuick(yaml)
    do throws(RecipeError) { try self.init(document) } catch {
      throw RecipeError(problems: error.problems + others)
    }
    if !others.isEmpty { throw RecipeError(problems: others) }
  }

  private init(_ document: RecipeDocument) throws(RecipeError) {
    var reader = RecipeReader(document)
    let model = reader.kind("model", or: SwiftModel.self) as? any ModelKind
    let data = reader.kind("data", or: SwiftData.self) as? any DataKind
    reader.readTop(&run)
    reader.read(&lossScale, LossScaler.name)
    reader.read(&evaluate, EvaluateSettings.name)
    reader.read(&checkpoint, CheckpointSettings.name)
    reader.read(&spike, SpikeSettings.name)
    reader.read(&instruments, InstrumentSettings.name)
    reader.read(&log, LogSettings.name)
    target = reader.target()
    if let problem = Self.problem(of: spike, checkpoint) { reader.problems.append(problem) }
    average = reader.average()
    adapter = reader.adapter()
    let (plan, problems) = OptimizerPlan.read(document.plan)
    self.plan = plan
    self.plan.weights.seed = UInt64(run.seed)
    let isClear = !document.unclear.contains("optimizer")
    reader.problems += problems.filter { isClear || !$0.isOfOptimizerSection }
      .map(\.amongKeysOfRecipes).flatMap(\.sentences)
    reader.rejectUnknownSections()
    // What the plan alone contradicts has been said.
    let conflicts = plan.conflicts(with: Self.features(run, average, model)).filter {
      !problems.contains($0)
    }
    reader.problems += conflicts.map(\.description)
    if let model, let data { reader.problems += Self.objections(model, data) }
    guard reader.problems.isEmpty, let model, let data else {
      throw RecipeError(problems: reader.problems)
    }
    self.data = model.completing(data)
    self.model = model
  }

  /// What is wrong with the short form of a recipe, beyond what is wrong with the recipe.
  private static func problemsOfQuick(_ yaml: String) -> [String] {
    func problems(quick: Bool) -> [String] {
      do throws(RecipeError) {
        let document = try RecipeDocument(yaml: yaml, overrides: [], quick: quick)
        _ = try Recipe(document)
        return []
      } catch { return error.problems }
    }
    let others = problems(quick: false)
    return problems(quick: true).filter { !others.contains($0) }.map { "with quick, \($0)" }
  }

  /// What is wrong with going back after spikes; nil where nothing is.
  static func problem(of spike: SpikeSettings, _ checkpoint: CheckpointSettings) -> String? {
    spike.factor != nil && checkpoint.every == 0
      ? "spike.factor needs checkpoints to go back to: set checkpoint.every, or spike.factor=none"
      : nil
  }

  /// This recipe, with the schedules of another that has the same groups.
  func withSchedules(of other: Recipe) -> Recipe {
    var copy = self
    copy.plan.schedules = other.plan.schedules
    for (index, group) in (other.plan.groups ?? []).enumerated() {
      copy.plan.groups?[index].schedules = group.schedules
    }
    return copy
  }

  /// The text of a file that holds a recipe.
  ///
  /// - Throws: ``DataError`` when there is none, or none that can be read.
  public static func text(of path: String) throws(DataError) -> String {
    try TextFile.read(path, upTo: YAMLValue.byteLimit)
  }

  /// What the run uses that not every optimizer goes with.
  static func features(
    _ run: RunSettings, _ average: (any WeightAverage)?, _ model: (any ModelKind)?
  ) -> [FeatureUse] {
    var uses: [FeatureUse] = []
    if let model, type(of: model).hasSeveralLosses {
      uses.append(.init(.severalLosses, "model.kind=\(type(of: model).name)"))
    }
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

extension OptimizerError {
  /// Whether it is about the section `optimizer` alone.
  fileprivate var isOfOptimizerSection: Bool {
    if case .settings(of: "optimizer", _) = self { true } else { false }
  }

  /// The same error where the parameter groups are a key of the section too.
  fileprivate var amongKeysOfRecipes: OptimizerError {
    guard case .settings(of: "optimizer", let errors) = self else { return self }
    return .settings(of: "optimizer", errors.alsoKnowing(["groups"]))
  }
}
