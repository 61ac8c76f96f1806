import Foundation

/// A rise of the loss at the beginning that recovers, measured against the noise there.
///
/// The noise of a loss is often a share of it (that of a mean of squares over a small batch always
/// is), so what is usual later says little of the first rows: it is measured in the rows after the
/// recovery and taken to grow with the level. What a single row shows counts a third.
struct EarlyBump {
  /// The place of the highest row.
  let top: Int
  /// The first place from which on the loss is back.
  let back: Int
  /// How far the best three neighbouring rows lie above ``base``, on average.
  let height: Double
  /// Where it began, or the lowest level before.
  let base: Double
  /// The height over its standard error.
  let significance: Double
  /// Whether it rose above where it began; else it had fallen before.
  let isOverStart: Bool

  /// The highest in the first rows, over the start; where it is none of the size, over what the
  /// loss had fallen to before.
  init?(_ loss: LossCourse, rows: Int) {
    self.init(loss, rows: rows, overStart: true)
  }

  /// One over the start, or one over the lowest level before.
  init?(_ loss: LossCourse, rows: Int, overStart: Bool) {
    let values = loss.signal.values
    let last = min(rows, values.count - 6)
    guard last > 1 else { return nil }
    func mean(_ i: Int) -> Double { (values[i] + values[i + 1] + values[i + 2]) / 3 }
    var (base, place, height) = (values[0], 1, -Double.infinity)
    if overStart {
      for i in 1..<last where mean(i) - base > height { (place, height) = (i, mean(i) - base) }
    } else {
      var lowest = Double.infinity
      for i in 3..<max(3, last) {
        lowest = min(lowest, mean(i - 3))
        if mean(i) - lowest > height { (place, height, base) = (i, mean(i) - lowest, lowest) }
      }
    }
    guard height > 0, height.isFinite else { return nil }
    let top = (place..<place + 3).max { values[$0] < values[$1] } ?? place
    let level = overStart ? base : base + 0.1 * height
    guard
      let back = (top + 1..<values.count).first(where: {
        Robust.median(values[$0..<min(values.count, $0 + 3)]) <= level
      })
    else { return nil }
    let after = values[back..<min(values.count, back + max(12, values.count / 20))]
    let (middle, found) = (Robust.median(after), Robust.noise(after))
    let noise = found.isNaN ? loss.noise : found
    let growth = loss.isPositive && middle > 0 ? max(1, (base + height) / middle) : 1
    let error = noise * growth * (1.0 / 3 + (overStart ? 1 : 1.0 / 3)).squareRoot()
    (self.top, self.back, self.height, self.base) = (top, back, height, base)
    // A single row counts for less, as it may be a wild batch.
    let lone = values[top] - base
    let usual = noise * (loss.isPositive && middle > 0 ? max(1, values[top] / middle) : 1)
    // Noise that grows with the level is the same everywhere on a scale of logarithms.
    let share = loss.isPositive && middle > 0 && base > 0 ? noise / middle : 0
    let inLogs = share > 0 && overStart ? log(1 + height / base) / (1.15 * share) : 0
    let loneInLogs =
      share > 0 && overStart ? 0.75 * log(max(values[top], base) / base) / share : 0
    significance = max(
      loneInLogs,
      inLogs, height / max(error, 1e-300), overStart ? 0.75 * lone / max(usual, 1e-300) : 0)
    isOverStart = overStart
  }
}
