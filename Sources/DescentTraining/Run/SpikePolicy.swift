import Descent
import DescentCompute
import DescentNN
import Foundation

/// `spike`: what happens to a step whose update is much larger than usual. Off by default.
///
/// With `factor` f, an update is a spike when ‖Δw‖ > f·(the median of the last `window` ‖Δw‖). The run
/// then goes back to its last good checkpoint and goes on with the batches that follow, as PaLM's
/// authors did by hand (Chowdhery et al., 2022, arXiv:2204.02311, section 5.1).
public struct SpikeSettings: Configurable {
  /// f; nil for off.
  public var factor: Double?
  /// The updates whose median is taken.
  public var window = 100
  /// How often in a row the run goes back before it stops.
  public var limit = 3

  public init() {}

  public static let name = "spike"
  public static let settings: [Setting<SpikeSettings>] = [
    .optionalNumber(
      "factor", \.factor, .above(1), "how many times the median an update's norm may be; none: off"),
    .integer("window", \.window, .closed(10, 100_000), "updates whose median is taken"),
    .integer("limit", \.limit, .atLeast(1), "how often in a row a run goes back before it stops"),
  ]
}

/// Watches the norms of updates.
///
/// It keeps a copy of the weights and reads both once a step.
final class SpikePolicy {
  /// An update that was too large.
  struct Spike: CustomStringConvertible {
    let norm: Double
    let median: Double

    var description: String {
      "the update's norm is \(Self.short(norm)), the median \(Self.short(median))"
    }

    /// A number in three digits.
    private static func short(_ x: Double) -> String { String(format: "%.3g", x) }
  }

  private let settings: SpikeSettings
  private let factor: Double
  private let parameters: [Parameter]
  /// The weights after the last step.
  private var before: [Tensor] = []
  /// The norms of the last updates, the oldest first.
  private var norms: [Double] = []
  /// Steps that were undone, all in all.
  private(set) var undone = 0
  /// How often the run has gone back since it last came further than ever.
  private(set) var goneBack = 0
  private var farthest = 0
  /// The steps before the checkpoint that the run went back to last.
  private var good = 0

  /// - Returns: nil where spikes are not looked for.
  init?(_ settings: SpikeSettings, _ parameters: [Parameter]) {
    guard let factor = settings.factor else { return nil }
    (self.settings, self.factor, self.parameters) = (settings, factor, parameters)
  }

  /// The least number of norms whose median says something.
  private var enough: Int { min(settings.window, 10) }

  /// Whether the run may go back once more.
  var mayGoBack: Bool { goneBack < settings.limit }

  /// How often it has done so, in words.
  var inARow: String { goneBack == 1 ? "once already" : "\(goneBack) times in a row" }

  /// The newest step whose checkpoint a spike after `step` steps leaves in trust: one that is far enough
  /// back, or the one that the run went back to before.
  func trusted(after step: Int) -> Int { max(good, step - NonFiniteGuard.distance) }

  /// Begins with the weights as they are.
  func begin() { before = parameters.map { $0.value.copied() } }

  /// Takes the norm of the update that led to the weights after `step` steps.
  ///
  /// - Returns: what is wrong with it; nil for one like the others.
  func measure(after step: Int) -> Spike? {
    let norm = takeNorm()
    if step > farthest { (farthest, goneBack) = (step, 0) }
    if norms.count >= enough {
      let sorted = norms.sorted()
      let median = (sorted[(norms.count - 1) / 2] + sorted[norms.count / 2]) / 2
      if !(norm <= factor * median), median > 0 { return Spike(norm: norm, median: median) }
    }
    norms.append(norm)
    norms.removeFirst(max(0, norms.count - settings.window))
    return nil
  }

  /// Goes back to the checkpoint after `good` steps by `restore`, which restores what was counted, too.
  func goBack<E: Error>(from step: Int, to good: Int, _ restore: () throws(E) -> Void) throws(E) {
    let counted = (undone: undone + step - good, goneBack: goneBack + 1, farthest: farthest)
    try restore()
    (undone, goneBack, farthest) = counted
    self.good = good
    begin()
  }

  /// ‖w − before‖, where w then takes the place of `before`.
  private func takeNorm() -> Double {
    var sum = 0.0
    for (index, parameter) in parameters.enumerated() {
      before[index].withMutableSpan { before in
        parameter.value.withSpan { weights in
          for i in weights.indices {
            let change = Double(weights[i] - before[i])
            sum += change * change
            before[i] = weights[i]
          }
        }
      }
    }
    return sum.squareRoot()
  }
}

extension SpikePolicy: Savable {
  /// The norms; what the run has undone so far.
  func archive(_ archive: StateArchive) throws(StateMismatch) {
    try archive.scope("spike/") { () throws(StateMismatch) in
      try archive.array("norms", &norms)
      try archive.note("undone", &undone)
      try archive.note("gone_back", &goneBack)
      try archive.note("farthest", &farthest)
      try archive.note("good", &good)
    }
  }
}
