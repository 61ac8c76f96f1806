public import Descent
import DescentCompute
public import DescentTraining

/// What memory is planned for: a model's tensors, and what is known of how it is trained.
public struct MemorySubject: Sendable {
  /// What it is called: `gpt`, `model.safetensors`, `7,000,000,000 parameters`.
  public let name: String
  /// Its tensors. Those that are frozen are not trainable.
  public var parameters: [ParameterInfo]
  /// How it is trained.
  public var training: Training
  /// What the reader should know: assumptions, tensors that were left out.
  public var notes: [String]

  /// How a model is trained.
  public enum Training: Sendable {
    /// By Descent, as a recipe says: measured.
    case run(RunMemory, Recipe, RacePlan.Source, changes: [String])
    /// Somewhere: arithmetic of weights, gradients, state and activations.
    case arithmetic(Activations)
  }

  /// What is known of the activations.
  public enum Activations: Sendable {
    /// A transformer's, for a batch of tokens.
    case transformer(TransformerShape, TokenBatch)
    /// They are not counted; why, or what would count them, as a clause.
    case unknown(String)

    /// Those of a transformer, unless its shape or the batch is not known.
    init(_ shape: TransformerShape?, _ batch: TokenBatch?) {
      switch (shape, batch) {
      case (let shape?, let batch?): self = .transformer(shape, batch)
      case (nil, _): self = .unknown("the tensors are not those of a transformer")
      case (_, nil): self = .unknown("--batch and --context count them")
      }
    }

    /// Their bytes; 0 where they are not counted.
    func bytes(recomputes: Bool) -> Int {
      guard case .transformer(let shape, let batch) = self else { return 0 }
      return batch.activationBytes(shape, recomputes: recomputes)
    }
  }

  /// Why activations are not counted; nil where they are.
  public var uncounted: String? {
    if case .arithmetic(.unknown(let why)) = training { why } else { nil }
  }

  /// A model.
  public init(
    _ name: String, _ parameters: [ParameterInfo], _ training: Training, notes: [String] = []
  ) {
    (self.name, self.parameters) = (name, parameters)
    (self.training, self.notes) = (training, notes)
  }

  /// All weights.
  public var count: Int { parameters.reduce(0) { $0 + $1.count } }
  /// Those that training moves.
  public var trainable: Int { parameters.reduce(0) { $0 + ($1.trainable ? $1.count : 0) } }
  /// Those that it leaves as they are.
  public var frozen: Int { count - trainable }
}

extension MemorySubject {
  /// A recipe, whose model is made and measured in this process.
  ///
  /// - Throws: what the recipe throws when it is trained.
  public init(
    recipe source: RacePlan.Source, changes: [String] = []
  ) throws {
    let recipe = try Recipe(yaml: source.yaml, overrides: changes)
    do {
      let memory = try RunMemory(of: recipe)
      self.init(
        source.name, memory.parameters,
        .run(memory, recipe, source, changes: changes), notes: memory.notes)
    } catch let error as RunMemory.TooLarge {
      guard error.weights <= Double(AssumedModel.most) else {
        throw RecipeError(problems: [
          "the recipe's model would have \(Amount.count(error.weights)) weights, and at most 1e13 are counted: "
            + "choose smaller sizes"
        ])
      }
      let model = try AssumedModel(parameters: Int(error.weights))
      self.init(
        source.name, model.parameters,
        .arithmetic(.unknown("the recipe's model is too large to be tried here")),
        notes: [
          "The recipe's model has more weights than are made here for the sake of their shapes. "
            + model.sentence,
          "descent train takes more than that: it also keeps copies of good weights and of checkpoints.",
        ])
    }
  }
}

extension RunMemory {
  fileprivate var notes: [String] {
    switch basis {
    case .step: []
    case .examples:
      ["Activations were measured with one and with two examples, and carried on to the batch."]
    case .bound:
      [
        "The batch is too large to be tried here: the activations are the model's own lower bound, "
          + "and a run takes more."
      ]
    }
  }
}
