/// What a rule needs besides the gradient of each element: declared by ``Rule/needs``, read by the
/// driver, by recipes, by help and by the table of what does not go together.
public struct Needs: OptionSet, Sendable {
  /// The bits.
  public let rawValue: Int
  /// A set with these bits.
  public init(rawValue: Int) { self.rawValue = rawValue }

  /// Sums over each tensor, taken in a pass before the update.
  public static let tensorSums = Needs(rawValue: 1 << 0)
  /// Sums over all tensors of a run (or of a group), taken likewise.
  public static let globalSums = Needs(rawValue: 1 << 1)
  /// Whole tensors instead of runs of elements: small ones side by side, each by one thread, large ones one after
  /// another.
  public static let wholeTensors = Needs(rawValue: 1 << 2)
  /// Gradients that a ``Preconditioner`` has multiplied by what the layers saw.
  public static let layers = Needs(rawValue: 1 << 3)
  /// ĝ: now and then, the gradient of the mean loss for labels sampled from the model's own
  /// predictions (Gauss-Newton-Bartlett). The rule squares it.
  public static let sampledGradients = Needs(rawValue: 1 << 4)
  /// ĥ = z ⊙ (∇²f·z) for a random z of ±1, now and then (Hutchinson).
  public static let hessianDiagonal = Needs(rawValue: 1 << 5)
  /// Evaluations of the loss, several a step: the rule makes a ``ClosureMethod``.
  public static let evaluations = Needs(rawValue: 1 << 6)

  /// Either estimate of the curvature.
  public static let curvature: Needs = [.sampledGradients, .hessianDiagonal]
  /// Sums of either extent.
  public static let sums: Needs = [.tensorSums, .globalSums]

  /// Whether some of `others` is among these.
  public func includes(anyOf others: Needs) -> Bool { !isDisjoint(with: others) }
}

extension Needs: CustomStringConvertible {
  /// The needs in words, `losses` or `sums, tensors`; `-` for none.
  public var description: String {
    let words: [(Needs, String)] = [
      (.sums, "sums"), (.wholeTensors, "tensors"), (.layers, "layers"), (.curvature, "hessian"),
      (.evaluations, "losses"),
    ]
    let present = words.filter { includes(anyOf: $0.0) }.map(\.1)
    return present.isEmpty ? "-" : present.joined(separator: ", ")
  }
}
