import Foundation

/// What one sweep saw: the loss of each step beside the learning rate that the step used.
public struct RateCurve: Sendable, Equatable {
  /// The learning rates, rising; one a step that was taken.
  public let rates: [Double]
  /// The loss of each step, in nats, before its update.
  public let losses: [Double]
  /// How many steps the sweep was to take.
  public let planned: Int
  /// Whether it ended early because the loss had diverged.
  public let diverged: Bool
  /// The loss without most of its noise: a mean over neighbouring steps, which lags behind neither
  /// side, with weights that fall like a bell curve.
  public let smoothed: [Double]

  /// A curve.
  ///
  /// - Parameters:
  ///   - rates: the learning rates, rising.
  ///   - losses: a loss for each; those that are not finite, and what follows them, are left out.
  ///   - planned: how many steps there were to be; nil is as many as there are.
  ///   - diverged: whether the sweep ended early; a loss that is not finite says so too.
  public init(rates: [Double], losses: [Double], planned: Int? = nil, diverged: Bool = false) {
    let end = losses.firstIndex { !$0.isFinite } ?? losses.count
    (self.rates, self.losses) = (Array(rates.prefix(end)), Array(losses.prefix(end)))
    self.planned = planned ?? losses.count
    self.diverged = diverged || end < losses.count
    width = max(0.5, Double(self.planned) / 60)
    smoothed = Self.smooth(self.losses, width: width)
  }

  /// Over how many steps the loss is smoothed: a standard deviation.
  private let width: Double

  /// The first step that counts: before it the model has not begun to learn, and what changes the
  /// loss is chance.
  public var start: Int { planned / 10 }

  /// The steps between the beginning and the lowest smoothed loss.
  public var descent: Range<Int> {
    guard let lowest = lowest, lowest > start else { return 0..<0 }
    return start..<lowest
  }

  /// The step with the lowest smoothed loss after the beginning.
  public var lowest: Int? {
    guard smoothed.count > start else { return nil }
    return smoothed[start...].indices.min { smoothed[$0] < smoothed[$1] }
  }

  /// How far the smoothed loss fell after the beginning.
  public var fall: Double {
    guard let lowest else { return 0 }
    let before = smoothed[0...start]
    return before.reduce(0, +) / Double(before.count) - smoothed[lowest]
  }

  /// How much chance moves the loss of a step: the standard deviation that the differences of
  /// neighbours up to the lowest loss speak for.
  public var noise: Double {
    guard let lowest, lowest > 0 else { return 0 }
    let squares = (0..<lowest).map { pow(losses[$0 + 1] - losses[$0], 2) }
    return (squares.reduce(0, +) / Double(2 * lowest)).squareRoot()
  }

  /// Whether the loss fell no more than chance and rounding explain: the lowest of many means is three
  /// of their standard deviations below the others.
  public var isFlat: Bool {
    guard let first = smoothed.first else { return true }
    let inMean = max(1, 2 * Double.pi.squareRoot() * width)
    return fall <= max(3 * noise / inMean.squareRoot(), 1e-3 * abs(first))
  }

  /// The mean of each value and its neighbours, weighted by a normal distribution over the places.
  ///
  /// - Parameter width: its standard deviation, in places.
  static func smooth(_ values: [Double], width: Double) -> [Double] {
    // One loss of 10⁸ after the blow-up would reach far to the left.
    guard let first = values.first, let lowest = values.min() else { return [] }
    let limit = max(first, lowest + 3 * max(first - lowest, 0.1 * abs(first)))
    let reach = Int((3 * width).rounded(.up))
    let weights = (0...reach).map { exp(-0.5 * pow(Double($0) / width, 2)) }
    return values.indices.map { i in
      var (sum, weight) = (0.0, 0.0)
      for j in max(0, i - reach)...min(values.count - 1, i + reach) {
        sum += weights[abs(i - j)] * min(values[j], limit)
        weight += weights[abs(i - j)]
      }
      return sum / weight
    }
  }

  /// The curve of the middle loss at each rate, over curves with the same rates; as long as most.
  public static func median(_ curves: [RateCurve]) -> [(rate: Double, loss: Double)] {
    let longest = curves.max { $0.rates.count < $1.rates.count }?.rates ?? []
    return longest.indices.prefix { i in
      2 * curves.count { $0.smoothed.count > i } > curves.count
    }.map { i in
      (longest[i], middle(curves.compactMap { $0.smoothed.count > i ? $0.smoothed[i] : nil }))
    }
  }
}

/// The median of some numbers; NaN for none.
func middle(_ values: [Double]) -> Double { Sample(values).median ?? .nan }

/// The middle of some rates, halfway between two on a logarithmic scale; NaN for none.
package func middleRate(_ rates: [Double]) -> Double { exp(middle(rates.map { log($0) })) }
