public import Descent

/// Updates too small for the format of the weights.
public struct UpdatesLost: FindingKind {
  public static let name = "updates_lost"
  public static let title = "Rounding loses updates of the weights"
  public static let summary =
    "Updates are smaller than half the distance between neighbouring 16-bit weights, so rounding "
    + "undoes them."
  public static let weight = 0.94
  public static let explains: Set = [
    "plateau", "lr_too_low", "tensors_not_moving", "schedule_cut_off",
  ]

  /// The share of lost updates from which on it is a fault.
  public var share = 0.25
  /// The ratio of updates to bfloat16 weights below which most are lost.
  public var ratio = 4e-4

  public init() {}

  public static let settings: [Setting<UpdatesLost>] = [
    .number("share", \.share, .open(0, 1), "share of the updates that rounding loses"),
    .number(
      "ratio", \.ratio, .above(0), "ratio of updates to bf16 weights below which most are lost"),
  ]

  public func find(in run: RunSignals) -> Finding? {
    // What is lost at one step these make up for at others.
    if ["stochastic", "kahan"].contains(run.settings["weights.rounding"]) { return nil }
    if let lost = Signal(run.log["lost_share"] ?? counted(run)) {
      // At the end of a decay updates are meant to vanish.
      let end = run.rate.map { $0.lastStep(atLeast: 0.3) } ?? run.steps.upperBound
      let values = lost.between(lost.first, end)
      let usual = Robust.median(values.isEmpty ? lost.values[...] : values)
      guard usual >= share else { return nil }
      return finding(
        run, graded(usual, from: share, to: 0.7, low: 0.55), lost.first, lost.last,
        "rounding loses \(percent(usual, 0)) of the updates of weights (the median over the "
          + "steps at high rates)")
    }
    let formats = ["weights", "weights.format", "precision", "torch_dtype", "param_dtype"]
      .compactMap { run.settings[$0] }
    let is16 = formats.contains { $0.contains("bf16") || $0.contains("bfloat16") }
    guard is16, run.settings["weights"] != "float32", let ratio = Signal(run.log["update_ratio"])
    else { return nil }
    let usual = Robust.median(ratio.values)
    guard usual > 0, usual < self.ratio else { return nil }
    return finding(
      run, graded(self.ratio / usual, from: 1, to: 8, low: 0.4, high: 0.8), ratio.first, ratio.last,
      "updates are \(short(usual)) of the weights, and bf16 weights next to each other differ by "
        + "0.4 to 0.8 %")
  }

  /// Lost updates, where what is logged under this name are shares.
  private func counted(_ run: RunSignals) -> Track? {
    guard let track = run.log["lost_updates"], track.values.contains(where: { $0 > 0 && $0 < 1 }),
      track.values.allSatisfy({ !($0 > 1) })
    else { return nil }
    return track
  }

  private func finding(
    _ run: RunSignals, _ confidence: Double, _ from: Double, _ to: Double, _ evidence: String
  ) -> Finding {
    Finding(
      Self.self, confidence, from, to, evidence: evidence,
      cause:
        "bf16 keeps 8 bits of a number, so a weight plus an update of less than 0.2 % of it is the "
        + "same weight.",
      advice: "keep the weights in float32 and compute in 16 bits, or round stochastically"
        + "\(run.isOwn ? " (weights.rounding=stochastic)" : ""); a higher lr only hides it",
      shows: ["lost_share", "update_ratio", "loss"])
  }
}
