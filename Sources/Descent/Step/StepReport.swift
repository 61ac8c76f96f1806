/// What one step did: nothing happens silently.
public struct StepReport: Sendable, Equatable {
  /// Whether the weights were updated, and if not, why.
  public enum Outcome: Sendable, Equatable {
    case applied
    /// A gradient has an element that is NaN or infinite; neither weights nor state were touched.
    case refused(NonFinite)
    /// The same, found by a ``GradientRelease`` after other parameters had been updated.
    case broken(NonFinite)
    /// A ``ClosureMethod`` moved no weight, for this reason.
    case unmoved(ClosureReport.Exit)
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
      // NaN may have a sign, which says nothing.
      "the gradient of \(parameter) is \(value.isNaN ? "nan" : "\(value)") at element \(element)"
    }
  }

  /// Applied or refused.
  public let outcome: Outcome
  /// How many steps have been applied since the start, this one included.
  public let step: Int
  /// The gradient's norm over all parameters, before clipping: L2, or the type that is limited.
  public let gradientNorm: Double
  /// What all gradients were multiplied by: 1 when their norm was not too large.
  public let clipCoefficient: Double
  /// Whether any limit of ``Clipping`` acted.
  public let clipped: Bool
  /// The learning rate that acted, of the first parameter's group: d·η for Prodigy, η elsewhere.
  public let effectiveLearningRate: Double
  /// What rounding took of the update; nil where weights are float32.
  public internal(set) var lostUpdates: LostUpdates?

  /// Whether a curvature estimate was taken in after the update; nil when none was due, or when it
  /// is the caller's to fold in.
  public var curvature: Outcome?
  /// What the preconditioner did, where there is one.
  public var preconditioner: PreconditionerReport?
  /// How the evaluations of a ``ClosureMethod`` went.
  public var closure: ClosureReport?

  /// Whether the weights were updated.
  public var applied: Bool { outcome == .applied }
}
