import Descent
import DescentNN

/// `adapter.kind: lora`: the model is frozen, and maps of low rank beside its linear layers are trained.
public struct LoRASettings: Configurable {
  /// The rank of the maps.
  public var rank = 8
  /// What makes the scale of the maps: alpha / rank, or alpha / √rank.
  public var alpha = 8.0
  /// The dropout of what goes into the maps.
  public var dropout = 0.0
  /// The layers; nil takes the projections of queries and values.
  public var targets: AdapterTargets?
  /// How the maps begin.
  public var initialization = LoRA.Initialization.kaiming
  /// Whether the scale is alpha / √rank.
  public var isRankStabilized = false

  public init() {}

  public static let name = "lora"
  public static let settings: [Setting<LoRASettings>] = [
    .integer("rank", \.rank, .atLeast(1), "rank of the maps", source: "peft"),
    .number("alpha", \.alpha, .above(0), "the maps are scaled by alpha / rank", source: "peft"),
    .number(
      "dropout", \.dropout, .halfOpen(0, 1), "dropout of what goes into the maps", source: "peft"),
    .optionalParsed(
      "targets", \.targets, "names of layers, a regular expression for their paths, or all-linear",
      "the linear layers; none: queries and values"),
    .choice("init", \.initialization, "how the maps begin", source: "peft"),
    .flag("rslora", \.isRankStabilized, "scale by alpha / √rank", source: "peft"),
  ]

  /// What they ask for.
  public var configuration: LoRA.Configuration {
    var configuration = LoRA.Configuration()
    (configuration.rank, configuration.alpha) = (rank, alpha)
    (configuration.dropout, configuration.targets) = (dropout, targets)
    configuration.initialization = initialization
    configuration.isRankStabilized = isRankStabilized
    return configuration
  }

  /// Gives a model the adapters, drawn by the seed of a run.
  ///
  /// - Throws: ``RecipeError`` for layers that are not there, or that do not suit the beginning.
  func attach(to model: any Module, seed: UInt64) throws(RecipeError) {
    var random = RandomStream(seed: seed, stream: RandomPurpose.adapters)
    do throws(AdapterError) {
      try model.addAdapters(configuration, random: &random)
    } catch { throw RecipeError(problems: [String("\(error)".dropLast())]) }
  }
}
