/// What a run's log says of clipping.
struct ClipFacts {
  /// The norm from which on gradients are clipped.
  let threshold: Double
  /// Whether the threshold follows from the numbers, since the log does not give it.
  let isInferred: Bool
  /// The share of the steps that were clipped.
  let share: Double
  /// The median of the norms, over the threshold.
  let median: Double
  /// The highest norm.
  let highest: Double
  /// Below which norm 90 % of all lie.
  let ninetieth: Double

  /// nil where the log has no norms, or no threshold and nothing that it follows from.
  init?(_ run: RunSignals) {
    guard let norm = run.norm, norm.count > 1 else { return nil }
    let said =
      Signal(run.log["clip_norm"]).map { Robust.median($0.values) }
      ?? run.number("clip.norm") ?? run.number("max_grad_norm")
    let flags = run.log["clipped"]
    highest = norm.highs.max() ?? 0
    ninetieth = Robust.quantile(norm.values, 0.9)
    let middle = Robust.median(norm.values)
    if let said, said > 0, said.isFinite {
      (threshold, isInferred) = (said, false)
    } else if let flags, let limit = Self.threshold(run.log["grad_norm"], flags) {
      (threshold, isInferred) = (limit, true)
    } else if let limit = Self.pile(run.log["grad_norm"]) {
      // Norms of clipped gradients: they cannot say how far above the threshold they were.
      (threshold, isInferred, share, median) = (limit.norm, true, limit.share, .nan)
      return
    } else {
      return nil
    }
    median = middle / threshold
    let limit = threshold
    let marked = flags.map { $0.values.filter(\.isFinite) } ?? []
    share =
      marked.isEmpty
      ? Double(norm.values.count { $0 > limit }) / Double(norm.values.count)
      : marked.reduce(0) { $0 + min($1, 1) } / Double(marked.count)
  }

  /// A threshold between the norms that were clipped and those that were not.
  private static func threshold(_ norm: Track?, _ clipped: Track) -> Double? {
    guard let norm, norm.steps == clipped.steps else { return nil }
    var (below, above) = (0.0, Double.infinity)
    for (x, flag) in zip(norm.values, clipped.values) where x.isFinite {
      if flag == 1 { above = min(above, x) } else if flag == 0 { below = max(below, x) }
    }
    return above.isFinite && below <= above * 1.001 ? max(below, above * 0.5) : nil
  }

  /// The highest norm, where many norms are just that: norms after clipping.
  private static func pile(_ norm: Track?) -> (norm: Double, share: Double)? {
    guard let values = norm?.values.filter(\.isFinite), values.count > 19,
      let highest = values.max(), highest > 0
    else { return nil }
    let share = Double(values.count { $0 > highest * 0.999 }) / Double(values.count)
    return share > 0.2 ? (highest, share) : nil
  }
}
