public import Descent

/// Tensors whose weights stand still.
public struct TensorsNotMoving: FindingKind {
  public static let name = "tensors_not_moving"
  public static let title = "Some tensors do not move"
  public static let summary = "Some tensors do not change although they are to be trained."
  public static let weight = 0.9
  public static let explains: Set = ["plateau", "lr_too_low"]

  /// The share of the others' movement below which a tensor stands still.
  public var share = 3e-4

  public init() {}

  public static let settings: [Setting<TensorsNotMoving>] = [
    .number("share", \.share, .halfOpen(0, 1), "movement over that of the livelier tensors")
  ]

  public func find(in run: RunSignals) -> Finding? {
    for (family, what) in [
      ("update_ratio", "update"), ("step_size", "update"),
      ("distance", "distance from the beginning"),
      ("weight_norm", "change of the weights' norm"),
      ("grad_norm", "gradient"),
    ] {
      let members = run.log.family(family).compactMap { member, track -> (String, Double, Int)? in
        var values = track.values.filter(\.isFinite)
        // A norm stands still where it stays the same.
        if family == "weight_norm", let first = values.first { values = values.map { $0 - first } }
        guard let highest = values.map(abs).max() else { return nil }
        return (member, highest, values.count)
      }
      guard let measured = members.map(\.2).max() else { continue }
      let usual = Robust.quantile(members.map(\.1).filter { $0 > 0 }, 0.8)
      let still = members.filter { $0.1 == 0 || $0.1 < share * (usual.isNaN ? 0 : usual) }
      guard !still.isEmpty, measured > 1 || run.span <= 1 else { continue }
      let names = few(still.map(\.0))
      let isAll = still.count == members.count
      return Finding(
        Self.self, measured > 2 ? 0.95 : 0.7, run.steps.lowerBound, run.steps.upperBound,
        evidence: "the \(what) of \(isAll ? "every tensor (\(names))" : names) is "
          + "\(still.allSatisfy { $0.1 == 0 } ? "0" : "next to nothing") in all "
          + "\(grouped(measured)) steps that were measured"
          + (isAll || usual.isNaN ? "" : "; that of others reaches \(short(usual))"),
        cause: isAll
          ? "The learning rate is 0, or no gradient reaches the weights."
          : "No gradient reaches them (they are detached or unused, or a gate before them is 0), "
            + "or the optimizer was not given them.",
        advice: isAll
          ? "check the learning rate and that the loss depends on the weights"
          : "check that they are in a group of the optimizer and not frozen\(run.isOwn ? " (descent groups)" : ""), and that "
            + "the loss depends on them; freeze them on purpose if they are to stay",
        shows: still.prefix(3).map { "\(family)/\($0.0)" } + ["loss"])
    }
    return nil
  }
}
