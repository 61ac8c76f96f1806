/// An update rule: hyperparameters, state slots, and what it does to the weights.
///
/// A rule is a value. It knows neither threads nor storage formats, groups, schedules or
/// clipping: those belong to ``Optimizer``, which hands it one ``Block`` at a time. What it needs
/// besides the gradient of each element it declares in ``needs``. Conform to the refinement whose
/// update fits:
///
/// | protocol | the update gets | examples |
/// |---|---|---|
/// | ``ElementwiseRule`` | runs of elements | SGD, AdamW, Sophia, K-FAC |
/// | ``SummingRule`` | runs of elements, and sums that a first pass took | LAMB, Prodigy |
/// | ``TensorRule`` | whole tensors | Adafactor, Shampoo, Muon |
/// | ``ClosureRule`` | evaluations of the loss | L-BFGS |
///
/// The update is written once, generic over the scalar: the float32 version trains, the float64
/// version is what tests hold against the formula.
public protocol Rule: Configurable {
  /// What the rule is, in words and formulas; shown by help and documentation.
  static var about: About { get }
  /// What the rule needs, for the options that are set.
  var needs: Needs { get }
  /// The state kept for `parameter`, for the options that are set.
  func slots(for parameter: ParameterInfo) -> [Slot]
  /// The bytes that others keep of `parameters` for the rule, besides its slots.
  func outsideBytes(for parameters: [ParameterInfo]) -> Int
  /// About how many bytes an update of `parameters` takes while it runs, besides state: copies of
  /// tensors, and what decompositions work in.
  func workingBytes(for parameters: [ParameterInfo]) -> Int
  /// How many of these bytes are given back when the update ends, rather than kept for the next one.
  func passingBytes(for parameters: [ParameterInfo]) -> Int
  /// Which of its updates the rule gives this parameter, in a word, where it has several.
  func updateName(for parameter: ParameterInfo) -> String?
  /// η, the learning rate as set or scheduled.
  var learningRate: Double { get }
  /// Whether the objective is maximized: the gradient's sign is flipped before anything else.
  var maximize: Bool { get }
  /// Numbers that live as long as the run and are shared by all parameters (Prodigy's d).
  associatedtype Variables: RunVariables = NoVariables
  /// The variables before the first step.
  var initialVariables: Variables { get }
  /// The factor of the update that users call the learning rate: η, or d·η for Prodigy.
  func effectiveLearningRate(_ variables: Variables) -> Double

  /// The rule with what it must remember of its hyperparameters as they were declared, before
  /// groups and schedules change them (Lion's first η).
  func rememberingDeclaredSettings() -> Self

  /// What metrics say of the rule after a step, by names that are the same for all rules: its
  /// variables, unless it says otherwise.
  ///
  /// - Parameter step: that of the parameter with the most updates.
  func metrics(_ variables: Variables, _ step: Step) -> [(name: String, value: Double)]
  /// For rules that scale the step of each tensor by its norms: the factor that acted, from the sums
  /// of the tensor.
  func trustRatio(
    of parameter: ParameterInfo, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) -> Double?

  /// Whether sums over all tensors, and the variables that they feed, are kept for each parameter
  /// group apart: one d for each group.
  var separatesGroups: Bool { get }
  /// First pass, for rules that need sums: may change state (see ``stateInGather``), must not
  /// change weights. Returns the block's part of up to four sums.
  func gather(_ block: Block<Float>, _ step: Step, _ variables: Variables) -> SIMD4<Double>
  func gather(_ block: Block<Double>, _ step: Step, _ variables: Variables) -> SIMD4<Double>
  /// Between the passes, once a step: updates the variables from the sums over all tensors. Returns
  /// whether the update pass runs.
  func updateVariables(_ variables: inout Variables, from sums: SIMD4<Double>) -> Bool
  /// What the first pass does with slots that follow the parameter. When it writes them, the
  /// update must only read them.
  static var stateInGather: StateAccess { get }
  /// Whether the first pass needs the first block of each tensor alone, for numbers that are the tensor's.
  static var gathersOncePerTensor: Bool { get }
  /// The slots that the passes read and leave as they are: what they started from, or estimates of another pass.
  static var unchangedSlots: [Slot] { get }
  /// Why the state needs full precision, as a clause; nil where it may be kept in fewer bits.
  var exactStateReason: String? { get }
  /// The update of weights and state.
  func update(_ block: Block<Float>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables)
  func update(_ block: Block<Double>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables)

  /// Whether the stored weights differ from the ones to evaluate and keep (look-ahead Nesterov,
  /// Schedule-Free): training then needs the gradient at another point than the result.
  var evaluatesElsewhere: Bool { get }
  /// Turns the block's stored weights, in place, into the weights to evaluate.
  func evaluationWeights(_ block: Block<Float>, _ variables: Variables)
  func evaluationWeights(_ block: Block<Double>, _ variables: Variables)

  /// For rules that need estimates of the curvature: whether one is folded in after the update of
  /// step `step`, counted from 1.
  func takesEstimate(after step: Int) -> Bool
  /// Fills in what depends on how many labels an estimate's batch has, where it was left open.
  mutating func fit(labels: Int)
  /// Folds the estimate, which stands in place of the block's gradient, into the state.
  func fold(_ estimate: Block<Float>, _ step: Step)
  func fold(_ estimate: Block<Double>, _ step: Step)

  /// For rules that need evaluations of the loss: the method at work on `parameters`.
  func makeMethod<S: Scalar>(
    for parameters: [ParameterInfo], of scalar: S.Type
  ) -> (any ClosureMethod<S>)?
}

extension Rule {
  /// Nothing outside the slots.
  public func outsideBytes(for parameters: [ParameterInfo]) -> Int { 0 }
  /// Blocks in the cache.
  public func workingBytes(for parameters: [ParameterInfo]) -> Int { 0 }
  /// Nothing.
  public func passingBytes(for parameters: [ParameterInfo]) -> Int { 0 }
  /// There is one update.
  public func updateName(for parameter: ParameterInfo) -> String? { nil }
  /// Minimizes.
  public var maximize: Bool { false }
  /// The variables' own initial values.
  public var initialVariables: Variables { Variables() }
  /// η itself.
  public func effectiveLearningRate(_ variables: Variables) -> Double { learningRate }
  /// All variables.
  public func metrics(
    _ variables: Variables, _ step: Step
  ) -> [(name: String, value: Double)] {
    Variables.fields.map { ($0.name, variables[keyPath: $0.path]) }
  }
  /// None.
  public func trustRatio(
    of parameter: ParameterInfo, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) -> Double? { nil }
  /// Remembers nothing.
  public func rememberingDeclaredSettings() -> Self { self }
  /// One set of variables for all.
  public var separatesGroups: Bool { false }
  /// Nothing to gather.
  public func gather<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ variables: Variables
  ) -> SIMD4<Double> { .zero }
  /// Leaves such state to the update.
  public static var stateInGather: StateAccess { .none }
  /// Sums over elements need all blocks.
  public static var gathersOncePerTensor: Bool { false }
  /// Passes change all of it.
  public static var unchangedSlots: [Slot] { [] }
  /// Any format will do.
  public var exactStateReason: String? { nil }
  /// Nothing to update.
  public func updateVariables(_ variables: inout Variables, from sums: SIMD4<Double>) -> Bool {
    true
  }
  /// The stored weights are the result.
  public var evaluatesElsewhere: Bool { false }
  /// The stored weights are the result.
  public func evaluationWeights<S: Scalar>(_ block: Block<S>, _ variables: Variables) {}
  /// Never.
  public func takesEstimate(after step: Int) -> Bool { false }
  /// Nothing is open.
  public mutating func fit(labels: Int) {}
  /// Takes no estimates.
  public func fold<S: Scalar>(_ estimate: Block<S>, _ step: Step) {}
  /// None.
  public func makeMethod<S: Scalar>(
    for parameters: [ParameterInfo], of scalar: S.Type
  ) -> (any ClosureMethod<S>)? { nil }
}

/// A rule whose update needs its block and the step alone.
public protocol BlockRule: Rule {
  /// Updates the weights and the state of one block.
  func update(_ block: Block<Float>, _ step: Step)
  func update(_ block: Block<Double>, _ step: Step)
}

extension BlockRule {
  /// The update alone.
  public func update(
    _ block: Block<Float>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) { update(block, step) }
  /// The update alone.
  public func update(
    _ block: Block<Double>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) { update(block, step) }
}

/// A rule in which each element is updated from its own weight, gradient and state.
public protocol ElementwiseRule: BlockRule {}

extension ElementwiseRule {
  /// Nothing.
  public var needs: Needs { [] }
}

/// A rule that needs sums before it can update: it declares them in ``Rule/needs`` and writes
/// `gather`, `updateVariables` and the update that takes the sums.
public protocol SummingRule: Rule {}

/// A rule that sees a whole tensor: factored, matrix and orthogonalizing rules. It may use the
/// thread pool, in pieces fixed by the shape.
public protocol TensorRule: BlockRule {}

extension TensorRule {
  /// Whole tensors.
  public var needs: Needs { .wholeTensors }
}

/// A rule that evaluates the loss itself, several times a step. It has no update of blocks: its
/// ``Rule/makeMethod(for:of:)`` makes what moves all parameters as one vector.
public protocol ClosureRule: Rule {}

extension ClosureRule {
  /// Evaluations.
  public var needs: Needs { .evaluations }
  /// Its state belongs to the ``ClosureMethod``.
  public func slots(for parameter: ParameterInfo) -> [Slot] { [] }
  /// Never called: an optimizer runs the method as a whole.
  public func update<S: Scalar>(
    _ block: Block<S>, _ step: Step, _ sums: SIMD4<Double>, _ variables: Variables
  ) { preconditionFailure("\(Self.name) has no update of blocks: its steps need an evaluation") }
}

/// What a pass over the blocks does with state.
public enum StateAccess: Sendable {
  /// Neither reads nor writes it.
  case none
  /// Reads it.
  case reads
  /// Reads and writes it.
  case writes
}

/// Where a parameter stands in its training.
public struct Step: Sendable {
  /// t: how many updates this parameter has had, this one included; 1 on its first.
  public let t: Int
}
