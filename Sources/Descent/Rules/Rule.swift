import DescentCompute

/// An update rule: hyperparameters, state slots, and what it does to the weights.
///
/// A rule is a value. It knows neither threads nor storage formats, groups, schedules or
/// clipping: those belong to ``Optimizer``, which hands it one ``Block`` at a time. Conform to the
/// refinement that states what the rule needs beyond its own element:
///
/// | protocol | needs | examples |
/// |---|---|---|
/// | ``ElementwiseRule`` | nothing | SGD, AdamW, Lion |
/// | ``SummingRule`` | sums over a tensor or over all tensors before the update | LAMB, Prodigy |
/// | ``TensorRule`` | the whole tensor at once | Adafactor, Shampoo, Muon |
/// | ``CurvatureRule`` | estimates of the Hessian's diagonal | Sophia |
/// | ``LayerRule`` | gradients preconditioned with what layers saw | K-FAC |
/// | ``ClosureRule`` | evaluations of the loss | L-BFGS |
///
/// The update is written once, generic over the scalar: the float32 version trains, the float64
/// version is what tests hold against the formula.
public protocol Rule: Configurable {
  /// What the rule is, in words and formulas; shown by help and documentation.
  static var about: About { get }
  /// The state kept for `parameter`, for the options that are set.
  func slots(for parameter: ParameterInfo) -> [Slot]
  /// The bytes that others keep of `parameter` for the rule, besides its slots.
  func outsideBytes(for parameter: ParameterInfo) -> Int
  /// How the rule treats this parameter, in a word, where it does not treat all alike.
  func treatment(of parameter: ParameterInfo) -> String?
  /// η, the learning rate as set or scheduled.
  var learningRate: Double { get }
  /// Whether the objective is maximized: the gradient's sign is flipped before anything else.
  var maximize: Bool { get }
  /// Scalars that live as long as the run and are shared by all parameters (Prodigy's d).
  associatedtype Memory: RuleMemory = NoMemory
  /// The memory before the first step.
  var initialMemory: Memory { get }
  /// The factor of the update that users call the learning rate: η, or d·η for Prodigy.
  func effectiveLearningRate(_ memory: Memory) -> Double

  /// The rule as a run starts with it, before groups and schedules change hyperparameters: keeps
  /// what it must remember of them (Lion's first η).
  func starting() -> Self

  /// What a block is: a run of elements, or a whole tensor.
  static var granularity: Granularity { get }
  /// What the sums of ``gather(_:_:_:)-(Block<Float>,_,_)`` run over; `none` skips that pass.
  var sums: SumScope { get }
  /// Whether sums over all tensors, and the memory that they feed, are kept for each parameter group
  /// apart: one d for each group.
  var separatesGroups: Bool { get }
  /// First pass: may change state (see ``stateInGather``), must not change weights. Returns the
  /// block's part of up to four sums.
  func gather(_ block: Block<Float>, _ step: Step, _ memory: Memory) -> SIMD4<Double>
  func gather(_ block: Block<Double>, _ step: Step, _ memory: Memory) -> SIMD4<Double>
  /// Between the passes, once a step: takes the sums over all tensors into the memory. Returns
  /// whether the update pass runs.
  func conclude(_ sums: SIMD4<Double>, _ memory: inout Memory) -> Bool
  /// What the first pass does with slots that follow the parameter. When it writes them, the
  /// update must only read them.
  static var stateInGather: StateAccess { get }
  /// Why the state must not be stored in a compressed `format`; nil where it may be.
  func unsoundness(of format: StateStorage.Format) -> String?
  /// The update of weights and state.
  func update(_ block: Block<Float>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory)
  func update(_ block: Block<Double>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory)

  /// Whether the stored weights differ from the ones to evaluate and keep (look-ahead Nesterov,
  /// Schedule-Free): training then needs the gradient at another point than the result.
  var evaluatesElsewhere: Bool { get }
  /// Turns the block's stored weights, in place, into the weights to evaluate.
  func evaluationWeights(_ block: Block<Float>, _ memory: Memory)
  func evaluationWeights(_ block: Block<Double>, _ memory: Memory)
}

extension Rule {
  /// Nothing outside the slots.
  public func outsideBytes(for parameter: ParameterInfo) -> Int { 0 }
  /// Like all others.
  public func treatment(of parameter: ParameterInfo) -> String? { nil }
  /// Minimizes.
  public var maximize: Bool { false }
  /// The memory's own initial values.
  public var initialMemory: Memory { Memory() }
  /// η itself.
  public func effectiveLearningRate(_ memory: Memory) -> Double { learningRate }
  /// Remembers nothing.
  public func starting() -> Self { self }
  /// Runs of elements.
  public static var granularity: Granularity { .elements }
  /// No gathering pass.
  public var sums: SumScope { .none }
  /// One memory for all.
  public var separatesGroups: Bool { false }
  /// Nothing to gather.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ memory: Memory
  ) -> SIMD4<Double> { .zero }
  /// Leaves such state to the update.
  public static var stateInGather: StateAccess { .none }
  /// Any format will do.
  public func unsoundness(of format: StateStorage.Format) -> String? { nil }
  /// Nothing to conclude.
  public func conclude(_ sums: SIMD4<Double>, _ memory: inout Memory) -> Bool { true }
  /// The stored weights are the result.
  public var evaluatesElsewhere: Bool { false }
  /// The stored weights are the result.
  public func evaluationWeights<S: Scalar>(_ block: Block<S>, _ memory: Memory) {}
}

/// A rule in which each element is updated from its own weight, gradient and state.
public protocol ElementwiseRule: Rule {
  /// Updates the weights and the state of one block.
  func update(_ block: Block<Float>, _ step: Step)
  func update(_ block: Block<Double>, _ step: Step)
}

extension ElementwiseRule {
  /// The update alone.
  public func update(
    _ block: Block<Float>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory
  ) { update(block, step) }
  /// The update alone.
  public func update(
    _ block: Block<Double>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory
  ) { update(block, step) }
}

/// A rule that needs sums before it can update: it writes ``Rule/sums``, `gather`, `conclude` and
/// the update that takes the sums.
public protocol SummingRule: Rule {}

/// A rule that sees a whole tensor: factored, matrix and orthogonalizing rules. It may use the
/// thread pool, in pieces fixed by the shape.
public protocol TensorRule: Rule {
  /// Updates the weights and the state of one tensor.
  func update(_ tensor: Block<Float>, _ step: Step)
  func update(_ tensor: Block<Double>, _ step: Step)
}

extension TensorRule {
  /// Whole tensors.
  public static var granularity: Granularity { .tensors }
  /// The update alone.
  public func update(
    _ block: Block<Float>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory
  ) { update(block, step) }
  /// The update alone.
  public func update(
    _ block: Block<Double>, _ step: Step, _ sums: SIMD4<Double>, _ memory: Memory
  ) { update(block, step) }
}

/// How much of a parameter a block holds.
public enum Granularity: Sendable {
  /// A run of elements, cut by the optimizer; blocks run on all threads.
  case elements
  /// All of it; tensors run one after another.
  case tensors
}

/// What the sums of a ``SummingRule`` run over.
public enum SumScope: Sendable {
  case none
  case eachTensor
  case allTensors
}

/// What a pass over the blocks does with state.
public enum StateAccess: Sendable {
  case none
  case reads
  case writes
}

/// Where a parameter stands in its training.
public struct Step: Sendable {
  /// t: how many updates this parameter has had, this one included; 1 on its first.
  public let t: Int
}

/// One kind of state that a rule keeps for each parameter.
public struct Slot: Sendable {
  /// The reference implementation's name, for example `exp_avg`.
  public let name: String
  /// The shape; nil is the parameter's, which is cut into blocks along with it.
  public let shape: [Int]?
  /// The value before the first step.
  public let initial: Double
  /// What its values may be, which decides how they may be stored.
  public let range: Range

  /// What the values of a slot may be.
  public enum Range: Sendable {
    /// Of either sign.
    case signed
    /// Never below 0.
    case nonnegative
    /// Needed to the last bit, since weights or steps are rebuilt from them: never compressed.
    case exact
  }

  /// A slot shaped like the parameter, or with a shape of its own.
  public init(
    _ name: String, shape: [Int]? = nil, initial: Double = 0, _ range: Range = .signed
  ) {
    (self.name, self.shape, self.initial, self.range) = (name, shape, initial, range)
  }
}

/// Scalars of a rule that live as long as the run.
public protocol RuleMemory: Sendable {
  /// The values before the first step, unless the rule has others.
  init()
  /// Each scalar's name and place, for reports and checkpoints.
  static var fields: [(name: String, path: Place<Self, Double>)] { get }
}

/// The memory of rules that have none.
public struct NoMemory: RuleMemory {
  public init() {}
  public static var fields: [(name: String, path: Place<NoMemory, Double>)] {
    []
  }
}

/// What a rule is, for people: feeds help, listings and documentation.
public struct About: Sendable {
  /// One line.
  public let summary: String
  /// The update, in Unicode, in the letters of the code.
  public let formula: String
  /// How it differs from the paper and from PyTorch.
  public let differences: String
  /// When to choose it and how to set it.
  public let guidance: String
  /// Authors, title, year, link.
  public let reference: String
  /// The state that others keep for the rule, besides its slots; empty for none.
  public let outsideState: String

  /// Describes a rule.
  public init(
    summary: String, formula: String, differences: String = "", guidance: String = "",
    reference: String, outsideState: String = ""
  ) {
    (self.summary, self.formula, self.differences) = (summary, formula, differences)
    (self.guidance, self.reference) = (guidance, reference)
    self.outsideState = outsideState
  }
}
