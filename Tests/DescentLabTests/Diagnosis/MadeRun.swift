import DescentLab
import Foundation
import Testing

/// A run that is made up: a course with noise, a learning rate, and what else a case sets.
struct MadeRun: Sendable, CustomTestStringConvertible {
  let name: String
  var tracks: [String: [Double]] = [:]
  /// The steps from one row to the next.
  var every = 1
  var settings: [(key: String, value: String)] = []
  var events: [RunLog.Event] = []
  /// The kind of finding that is to stand first.
  var expected = "healthy"
  /// Tracks that have a row only now and then: their distance in rows.
  var sparse: [String: Int] = [:]

  init(_ name: String, _ expected: String = "healthy") {
    (self.name, self.expected) = (name, expected)
  }

  var testDescription: String { name }

  var log: RunLog {
    var log = RunLog(name: "run", path: "runs/run", format: .csv)
    for (name, values) in tracks {
      let distance = every * (sparse[name] ?? 1)
      log.tracks[name] = Track(
        steps: values.indices.map { ($0 + 1) * distance }, values: values)
    }
    (log.settings, log.events) = (settings, events)
    return log
  }

  /// The same with other tracks.
  func with(_ change: (inout MadeRun) -> Void) -> MadeRun {
    var copy = self
    change(&copy)
    return copy
  }

  // MARK: Courses

  /// A loss that falls as a power of the step, fast and then slowly, with noise that is a share of
  /// how far
  /// it falls; halfway after `half` of the rows.
  static func falling(
    _ rows: Int, from start: Double = 4, to end: Double = 1.5, half: Double = 0.08,
    noise: Double = 0.03, seed: UInt64 = 1
  ) -> [Double] {
    let noises = normalNumbers(rows, seed: seed)
    return (0..<rows).map { i in
      let t = Double(i) / (half * Double(rows))
      return end + (start - end) / (1 + t) + (i == 0 ? 0 : noise * (start - end) * noises[i])
    }
  }

  /// A loss that falls as e^(-t), with noise that is a share of its size: classifiers that learn
  /// all.
  static func vanishing(
    _ rows: Int, from start: Double = 2.3, to end: Double = 0.005, noise: Double = 0.4,
    seed: UInt64 = 2
  ) -> [Double] {
    let noises = normalNumbers(rows, seed: seed)
    let rate = Foundation.log(start / end)
    return (0..<rows).map { i in
      // Faster at first.
      let t = (Double(i) / Double(rows)).squareRoot()
      let spread = noise * min(1, Double(i) / (0.1 * Double(rows)))
      return start * exp(-rate * t + spread * noises[i])
    }
  }

  /// A loss that falls along a straight line, and not far.
  static func slope(_ rows: Int) -> [Double] {
    normalNumbers(rows, seed: 6).enumerated().map { (i: Int, noise: Double) -> Double in
      let fallen = 0.5 * Double(i) / Double(rows)
      return 2.3 - fallen + 0.02 * noise
    }
  }

  /// Warmup and half a cosine.
  static func cosine(
    _ rows: Int, peak: Double = 1e-3, warmup: Double = 0.05, total: Double = 1, floor: Double = 0
  ) -> [Double] {
    (0..<rows).map { i in
      let t = Double(i + 1) / Double(rows)
      if t < warmup { return peak * t / warmup }
      let place = min(1, (t - warmup) / (total - warmup))
      return peak * (floor + (1 - floor) * 0.5 * (1 + cos(Double.pi * place)))
    }
  }

  /// Norms around a value that spread by a factor.
  static func norms(_ rows: Int, around middle: Double = 1, spread: Double = 0.15, seed: UInt64 = 3)
    -> [Double]
  {
    normalNumbers(rows, seed: seed).map { middle * exp(spread * $0) }
  }

  /// A usual run of so many rows.
  static func usual(_ rows: Int, _ name: String = "usual", _ expected: String = "healthy")
    -> MadeRun
  {
    var run = MadeRun(name, expected)
    run.tracks["loss"] = falling(rows)
    run.tracks["lr"] = cosine(rows)
    run.tracks["grad_norm"] = norms(rows)
    return run
  }
}
