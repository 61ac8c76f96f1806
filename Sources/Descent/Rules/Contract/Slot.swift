/// One kind of state that a rule keeps for each parameter. A rule declares its slots by name and
/// asks a ``Block`` for them:
///
/// ```swift
/// static let m = Slot("exp_avg")
/// func slots(for parameter: ParameterInfo) -> [Slot] { [Self.m] }
/// func update<S: Scalar>(_ block: Block<S>, _ step: Step) {
///   let (w, g, m) = (block.w, block.g, block[Self.m])
/// ```
public struct Slot: Sendable {
  /// The reference implementation's name, for example `exp_avg`: what tells slots apart.
  public let name: String
  /// The shape; nil is the parameter's, which is cut into blocks along with it.
  public private(set) var shape: [Int]?
  /// The value before the first step.
  public private(set) var initial: Double
  /// What its values may be, which decides how they may be stored.
  public let range: Range

  /// What the values of a slot may be.
  public enum Range: Sendable {
    /// Of either sign.
    case signed
    /// Never below 0.
    case nonnegative
    /// Never below 0, and the largest of what came: set anew now and then, not moved by small steps.
    case largest
    /// Needed to the last bit, since weights or steps are rebuilt from them: never compressed.
    case exact
  }

  /// A slot shaped like the parameter, or with a shape of its own.
  public init(
    _ name: String, shape: [Int]? = nil, initial: Double = 0, _ range: Range = .signed
  ) {
    (self.name, self.shape, self.initial, self.range) = (name, shape, initial, range)
  }

  /// The same slot with a shape of its own, where that follows from the parameter; nil is the
  /// parameter's.
  public func with(shape: [Int]?) -> Slot {
    var slot = self
    slot.shape = shape
    return slot
  }

  /// The same slot with another value before the first step.
  public func with(initial: Double) -> Slot {
    var slot = self
    slot.initial = initial
    return slot
  }
}
