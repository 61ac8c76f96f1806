public import Descent
import DescentCompute
public import DescentTraining

/// What training a model takes, for each optimizer, format of state and format of weights.
public struct MemoryPlan: Sendable {
  /// The model, with its adapters.
  public let subject: MemorySubject
  /// The model as it was given.
  let given: MemorySubject
  /// What was compared.
  public let options: MemoryOptions
  /// The bytes that must suffice.
  public let limit: Int
  /// A row for each optimizer and format of state, with the format of weights that the recipe has, or
  /// float32.
  public private(set) var rows: [Row] = []
  /// The same for the other formats of weights.
  public private(set) var others: [Row] = []
  /// What cannot be: an optimizer, a format, and why.
  public private(set) var refused: [Refusal] = []
  /// The row that the recipe asks for; else AdamW's or the first with float32 state.
  public private(set) var main: Row?

  /// An optimizer with formats.
  public struct Row: Sendable {
    /// The optimizer as it was named.
    public let optimizer: String
    /// The format of state that was asked for.
    public let state: StateStorage.Format
    /// The format of weights.
    public let weights: WeightFormat
    /// Weights on each device, frozen ones included.
    public var weightBytes = 0
    /// float32 copies of 16-bit weights.
    public var masterBytes = 0
    /// Gradients.
    public var gradientBytes = 0
    /// The optimizer's state.
    public var stateBytes = 0
    /// What the tape keeps for the backward pass; 0 where it is not known.
    public var activationBytes = 0
    /// What an update takes while it runs.
    public var workingBytes = 0
    /// Copies that are kept for safety: the last good weights, checkpoints.
    public var copyBytes = 0
    /// The program, its threads and the data.
    public var processBytes = 0
    /// What lies in the memory of the host, over all devices.
    public var hostBytes = 0
    /// By what is going on.
    public var phases = RunMemory.Phases(load: 0, firstStep: 0, steady: 0, save: 0)
    /// The most that is taken at once.
    public var peak: Int { phases.peak }
  }

  /// A combination that cannot be.
  public struct Refusal: Sendable, Equatable {
    /// The optimizer as it was named.
    public let optimizer: String
    /// The format of state.
    public let state: StateStorage.Format
    /// Why, in a sentence.
    public let reason: String
  }

  /// Counts everything; nothing of it is allocated.
  ///
  /// - Throws: ``RecipeError`` for optimizers that cannot be made, and for adapters of a recipe.
  public init(
    _ given: MemorySubject, _ options: MemoryOptions, machineMemory: Int? = nil
  ) throws {
    var subject = given
    if let adapters = options.adapters {
      guard case .arithmetic = subject.training else {
        throw RecipeError(problems: [
          "--lora counts adapters of a model that is given by --parameters or by a file: Descent trains "
            + "all weights of a recipe's model, or the groups that are not frozen"
        ])
      }
      subject.parameters = try adapters.adapting(subject.parameters)
    }
    if case .run = subject.training, options.ranks > 1 || options.offload != .nothing {
      throw RecipeError(problems: [
        "--ranks and --offload are arithmetic for a model that is given by --parameters or by a file: "
          + "a recipe is trained by one process"
      ])
    }
    if case .run = subject.training, options.recomputes || options.releasesGradients {
      throw RecipeError(problems: [
        "a recipe says itself what is recomputed and released: change it with "
          + "--set model.recompute=layers and --set release_gradients=true"
      ])
    }
    if options.recomputes, case .arithmetic(.unknown(let why)) = subject.training {
      throw RecipeError(problems: [
        "--recompute saves activations, which are not counted: \(why)"
      ])
    }
    (self.subject, self.given, self.options) = (subject, given, options)
    limit = options.limit ?? machineMemory ?? Machine.memory
    var candidates = MemoryCandidates(subject, options)
    let own = candidates.ownWeights
    for optimizer in candidates.optimizers {
      var reasons: [(StateStorage.Format, String)] = []
      for state in StateStorage.Format.allCases {
        for weights in [own] + WeightFormat.allCases.filter({ $0 != own }) {
          do {
            let row = try candidates.row(optimizer, state, weights)
            if weights == own { rows.append(row) } else { others.append(row) }
          } catch let error as RecipeError where weights == own {
            reasons.append((state, error.problems.joined(separator: "; ")))
          } catch is RecipeError {
            // Only this format of weights.
          }
        }
      }
      if reasons.count == StateStorage.Format.allCases.count, !options.optimizers.isEmpty {
        throw RecipeError(problems: [reasons[0].1])
      }
      refused += reasons.map {
        Refusal(optimizer: optimizer.label, state: $0.0, reason: $0.1)
      }
    }
    let preferred = candidates.ownOptimizer
    main =
      rows.first { $0.optimizer == preferred?.name && $0.state == preferred?.state }
      ?? rows.first { $0.optimizer == "adamw" && $0.state == .float32 } ?? rows.first
  }

  /// Whether a row fits.
  public func fits(_ row: Row) -> Bool { row.peak <= limit }

  /// All that fit, best first: that with the fewest compromises, where each format in fewer bits is
  /// one, weights that are rounded at random two, and so is each step from AdamW to optimizers of
  /// which less is known.
  public var fitting: [Row] {
    (rows + others).filter(fits).enumerated().sorted {
      let (a, b) = ($0.element.rank, $1.element.rank)
      return (a.0, a.1, $0.offset) < (b.0, b.1, $1.offset)
    }.map(\.element)
  }

  /// The best row of each optimizer of which any fits, the best first.
  public var best: [Row] {
    var seen: Set<String> = []
    return fitting.filter { seen.insert($0.optimizer).inserted }
  }

  /// The rows of another format of weights with the same optimizer and state.
  public func formats(of row: Row) -> [Row] {
    ([row] + others.filter { $0.optimizer == row.optimizer && $0.state == row.state })
  }
}

extension MemoryPlan.Row {
  /// How far from the best it is, smaller is better: what it is known for and what it rounds, then the
  /// place of its rule.
  fileprivate var rank: (Int, Int) {
    let rule = String(optimizer.prefix { $0 != "(" && $0 != " " })
    let place = Self.customary.firstIndex { $0.contains(rule) } ?? Self.customary.count
    let lost = (state == .float32 ? 0 : 1) + weights.loss
    return (2 * place + lost, Self.customary.flatMap(\.self).firstIndex(of: rule) ?? 100)
  }

  /// Rules by how widely they are known to train well, from large models to small; what stands in no
  /// list comes last.
  static let customary = [
    ["adamw"], ["adam", "muon", "lion", "adafactor", "prodigy", "schedule-free-adamw", "soap"],
    ["sophia-g", "lamb", "nadam", "radam", "shampoo-distributed"], ["sgd", "rmsprop", "adagrad"],
  ]

  /// Whether it is among the optimizers that are known to train well.
  var isCustomary: Bool { rank.0 < 2 * Self.customary.count }

  /// What takes part in it, largest first: a name and its bytes.
  var parts: [(name: String, bytes: Int)] {
    [
      ("weights", weightBytes), ("master copies", masterBytes), ("gradients", gradientBytes),
      ("optimizer state", stateBytes), ("activations", activationBytes),
      ("work of the update", workingBytes), ("safety copies", copyBytes),
      ("program and data", processBytes),
    ].filter { $0.1 > 0 }.sorted { $0.1 > $1.1 }
  }
}
