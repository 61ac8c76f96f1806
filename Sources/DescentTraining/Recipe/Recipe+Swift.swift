public import Descent
import DescentNN

// A program may bring a model and data of its own, as a `TrainingTask`. The recipe then says only that
// they come from there.

/// `model.kind: swift`: the model of a program, which trains it with ``Trainer/init(_:task:)``.
public struct SwiftModel: ModelKind {
  /// The type of the model, for a person to read.
  public var type: String?

  public init() {}

  public static let name = "swift"
  public static let settings: [Setting<SwiftModel>] = [
    .optionalText("type", \.type, "type of the model")
  ]
  public static let learns = [DataForm.swift]
  /// Not known before an evaluation.
  public static let reportsAccuracy = true

  /// Nothing can be made from a recipe alone.
  public func makeTask(_ data: Never, seed: UInt64) throws -> any TrainingTask {}
}

/// `data.kind: swift`: the data of a program.
public struct SwiftData: DataKind {
  public init() {}

  public static let name = "swift"
  public static let settings: [Setting<SwiftData>] = []
  public static let form = DataForm.swift

  /// Refuses: only the program can load them.
  public func load(seed: UInt64) throws -> Never {
    throw RecipeError(problems: [
      "the model and the data of this recipe are made by a program in Swift (kind: swift), and only "
        + "that program can train, resume and measure them, by Trainer(_:task:) and "
        + "Trainer(resuming:with:task:)"
    ])
  }
}

extension DataForm<Never> {
  /// What a program has.
  static var swift: Self { Self("what a program in Swift has") }
}

extension Recipe {
  /// A recipe for a model and data of one's own, which ``Trainer/init(_:task:)`` takes beside it. All else
  /// that a recipe can say has its default, and is a property.
  ///
  /// ```swift
  /// var recipe = Recipe(OptimizerPlan(AdamW(learningRate: 1e-3)), steps: 1000, batch: 32)
  /// recipe.checkpoint.every = 100
  /// recipe.evaluate.every = 100
  /// ```
  /// - Parameters:
  ///   - plan: the optimizer with its groups, schedules, clipping and formats.
  ///   - steps: the optimizer steps of the run.
  ///   - batch: the examples of a micro-batch.
  ///   - seed: seeds dropout and what else is drawn; the task has its own seed.
  public init(_ plan: OptimizerPlan, steps: Int, batch: Int = 32, seed: Int = 1337) {
    (self.plan, model, data) = (plan, SwiftModel(), SwiftData())
    (run.steps, run.batch, run.seed) = (steps, batch, seed)
  }

  /// The same for a length in passes over the training examples.
  public init(_ plan: OptimizerPlan, epochs: Double, batch: Int = 32, seed: Int = 1337) {
    (self.plan, model, data) = (plan, SwiftModel(), SwiftData())
    (run.epochs, run.batch, run.seed) = (epochs, batch, seed)
  }

  /// This recipe for a task that a program has made.
  ///
  /// - Throws: all that is wrong with it, at once: values that were set in Swift are checked here.
  func using(_ task: any TrainingTask) throws(RecipeError) -> Recipe {
    var recipe = self
    var model = SwiftModel()
    model.type = "\(type(of: task.model))"
    (recipe.model, recipe.data) = (model, SwiftData())
    recipe.plan.weights.seed = UInt64(max(0, run.seed))
    let problems = recipe.problemsOfValues
    if !problems.isEmpty { throw RecipeError(problems: problems) }
    return recipe
  }

  private var problemsOfValues: [String] {
    var problems: [String] = []
    func check(_ settings: some Configurable, _ section: String) {
      do throws(SettingErrors) { try settings.check() } catch {
        problems += error.errors.map { $0.sentence(in: section) }
      }
    }
    check(run, "")
    check(lossScale, LossScaler.name)
    if let average { check(average, "average") }
    check(spike, SpikeSettings.name)
    check(instruments, InstrumentSettings.name)
    check(log, LogSettings.name)
    check(evaluate, EvaluateSettings.name)
    check(checkpoint, CheckpointSettings.name)
    if let target { check(target, TargetSettings.name) }
    if adapter != nil {
      problems.append(
        "adapter: a model that is made in Swift has its adapters attached there, before it is trained"
      )
    }
    if let problem = Self.problem(of: spike, checkpoint) { problems.append(problem) }
    return problems + plan.conflicts(with: Self.features(run, average, model)).map(\.description)
  }
}
