/// What one step did: nothing happens silently.
public struct StepReport: Sendable, Equatable {
  /// Whether the weights were updated, and if not, why.
  public enum Outcome: Sendable, Equatable {
    case applied
    /// A gradient has an element that is NaN or infinite; neither weights nor state were touched.
    case refused(NonFinite)
  }

  /// The first non-finite element of a gradient.
  public struct NonFinite: Sendable, Equatable, CustomStringConvertible {
    /// The parameter's name.
    public let parameter: String
    /// The element's position in row-major order.
    public let element: Int
    /// NaN or ±infinity.
    public let value: Double

    /// `the gradient of h.0.mlp.c_fc.weight is nan at element 17`
    public var description: String {
      "the gradient of \(parameter) is \(value) at element \(element)"
    }
  }

  /// Applied or refused.
  public let outcome: Outcome
  /// How many steps have been applied since the start, this one included.
  public let step: Int
  /// The gradient's L2 norm over all parameters, before clipping.
  public let gradientNorm: Double
  /// What the gradients were multiplied by: 1 when they were not clipped.
  public let clipCoefficient: Double
  /// The learning rate that acted, of the first parameter's group: d·η for Prodigy, η elsewhere.
  public let effectiveLearningRate: Double
  /// What rounding took of the update; nil where weights are float32.
  public internal(set) var lostUpdates: LostUpdates?

  /// Whether the weights were updated.
  public var applied: Bool { outcome == .applied }
  /// Whether the gradients were scaled down.
  public var clipped: Bool { clipCoefficient < 1 }
}
