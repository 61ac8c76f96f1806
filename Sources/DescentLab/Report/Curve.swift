/// A metric of a run as pictures and sentences take it: few points that hide nothing, a smoothed
/// line, and some numbers.
public struct Curve: Sendable {
  /// The values: of many, those that keep every rise and fall.
  public let points: [Point]
  /// The running mean of the values that are finite, over up to ``window`` of them around each; a
  /// gap (NaN) where many are not finite.
  public let smooth: [Point]
  /// How many values a running mean has: a fiftieth of all, but ten where that is no more than a tenth.
  public let window: Int
  /// How many values there are.
  public let count: Int
  /// How many of them are not finite.
  public let nonFinite: Int
  /// The mean of the first values, a window of them.
  public let start: Double
  /// The mean of the last values, a window of them.
  public let end: Double
  /// The last value that is finite, and its step; nil where there is none.
  public let last: Point?
  /// The last step that has a value, finite or not.
  public let lastStep: Double
  /// From which step on no value is finite; nil where the last one is.
  public let brokenSince: Double?
  /// The lowest value and its step; nil where none is finite.
  public let lowest: Point?
  /// The highest value and its step; nil where none is finite.
  public let highest: Point?
  /// The mean of the finite values.
  public let mean: Double
  /// The standard deviation of the second half of the values around their course, in which single
  /// spikes do not count.
  public let noise: Double
  /// The means of the last tenth of the values and of the tenth before it, and how much their difference
  /// varies by chance (one standard deviation); nil where there are fewer than 50 values.
  public let lastTenths: (before: Double, last: Double, uncertainty: Double)?

  /// The most points that a curve keeps.
  package static let most = 4_000

  /// What a track looks like.
  public init(_ track: Track) {
    var finite: [Point] = []
    finite.reserveCapacity(track.count)
    var points: [Point] = []
    points.reserveCapacity(track.count)
    for (step, value) in zip(track.steps, track.values) {
      let point = Point(Double(step), value)
      points.append(point)
      if value.isFinite { finite.append(point) }
    }
    (count, nonFinite) = (track.count, track.count - finite.count)
    window = max(1, finite.count / 50, min(10, finite.count / 10))
    let smooth = points.centeredMean(over: window)
    (self.points, self.smooth) = (points.thinned(to: Self.most), smooth.thinned(to: Self.most / 2))
    let first = finite.prefix(window)
    (start, self.end) = (
      Self.mean(first), Array(finite.suffix(window)).runningMean(over: window).last?.y ?? .nan
    )
    (last, lastStep) = (finite.last, points.last?.x ?? 0)
    let end = (points.lastIndex { $0.y.isFinite } ?? -1) + 1
    brokenSince = end < points.count ? points[end].x : nil
    lowest = finite.min { $0.y < $1.y }
    highest = finite.max { $0.y < $1.y }
    mean = Self.mean(finite[...])
    noise = Self.noise(finite.suffix(max(5, finite.count / 2)))
    let tenth = finite.count / 10
    lastTenths =
      tenth < 5
      ? nil
      : (
        Self.mean(finite.dropLast(tenth).suffix(tenth)), Self.mean(finite.suffix(tenth)),
        noise * (2 / Double(tenth)).squareRoot()
      )
  }

  private static func mean(_ part: ArraySlice<Point>) -> Double {
    // The sum of the largest numbers there are must not overflow.
    part.isEmpty ? .nan : part.reduce(0) { $0 + $1.y / Double(part.count) }
  }

  /// Of three neighbours on a straight course with noise of the deviation σ, the middle one lies √1.5·σ
  /// from the mean of the others, and half of all lie closer than 0.6745 times that.
  private static func noise(_ part: ArraySlice<Point>) -> Double {
    guard part.count > 2 else { return .nan }
    let distances = zip(part, zip(part.dropFirst(), part.dropFirst(2))).map { a, rest in
      abs(rest.0.y - (a.y / 2 + rest.1.y / 2))
    }.sorted()
    return distances[distances.count / 2] / (0.6745 * 1.5.squareRoot())
  }

  /// The smoothed value at a step, between two points on the straight line; nil outside. At the last
  /// step it is ``end``, which has as many values as any other.
  public func value(at step: Double) -> Double? {
    guard let first = smooth.first, let last = smooth.last, step >= first.x, step <= last.x else {
      return nil
    }
    if step == last.x { return end }
    var (low, high) = (0, smooth.count - 1)
    while high - low > 1 {
      let middle = (low + high) / 2
      if smooth[middle].x <= step { low = middle } else { high = middle }
    }
    let (a, b) = (smooth[low], smooth[high])
    return a.x == b.x ? b.y : a.y + (b.y - a.y) * (step - a.x) / (b.x - a.x)
  }
}

extension Int {
  /// The step at a place of a curve: what lies beyond all integers is the last of them.
  package init(step x: Double) {
    self = x.isNaN ? 0 : Int(exactly: x.rounded(.towardZero)) ?? (x < 0 ? .min : .max)
  }
}

extension [Point] {
  /// The mean of up to `window` values around each, as many before as behind; single ones that are
  /// not finite are left out, and more of them part the line.
  package func centeredMean(over window: Int) -> [Point] {
    var (result, part): ([Point], [Point]) = ([], [])
    result.reserveCapacity(count)
    var missing = 0
    func flush() {
      if part.isEmpty { return }
      if !result.isEmpty { result.append(Point(part[0].x, .nan)) }
      let half = (window - 1) / 2
      // The mean that ends with each value, taken to the middle of its window.
      let means = part.runningMean(over: window)
      let tail = Array(part.suffix(window).reversed()).runningMean(over: window)
      let last = part.count - 1
      for i in part.indices {
        let end = Swift.min(i + window - 1 - half, last)
        // Fewer values at either end, as many on both sides.
        let (low, high) = (Swift.max(0, i - half), end)
        if high - low + 1 == Swift.min(window, high + 1) {
          result.append(Point(part[i].x, means[high].y))
        } else {
          result.append(Point(part[i].x, tail[last - low].y))
        }
      }
      part.removeAll(keepingCapacity: true)
    }
    for point in self {
      guard point.y.isFinite else {
        missing += 1
        continue
      }
      if missing > Swift.max(1, window / 4) { flush() }
      missing = 0
      part.append(point)
    }
    flush()
    return result
  }

  /// The mean of each value and up to `window` − 1 before it.
  func runningMean(over window: Int) -> [Point] {
    // The sum of the largest numbers there are must not overflow.
    let scale = contains { abs($0.y) > 1e290 } ? 0x1p-64 : 1
    // A sum of what was added and taken away would keep the rounding of a huge value for good.
    var (sum, lost) = (0.0, 0.0)
    func add(_ x: Double) {
      let next = sum + x
      lost += abs(sum) >= abs(x) ? (sum - next) + x : (x - next) + sum
      sum = next
    }
    return indices.map { i in
      add(self[i].y * scale)
      if i >= window { add(-self[i - window].y * scale) }
      return Point(self[i].x, (sum + lost) / Double(Swift.min(i + 1, window)) / scale)
    }
  }

  /// At most about `most` of the points, such that nothing that could be seen is lost.
  func thinned(to most: Int) -> [Point] {
    guard count > most, let first, let last, first.x < last.x else { return self }
    let kept = Thinning.kept(self, x: Axis(""), y: Axis(""), range: first.x...last.x, most: most)
    return kept.map { $0 < 0 ? Point(.nan, .nan) : self[$0] }
  }
}

extension Curve {
  /// The value before the first step; nil where there was no evaluation then, or no other.
  var beforeTraining: Point? {
    points.first.flatMap { $0.x == 0 && $0.y.isFinite && count > 1 ? $0 : nil }
  }
}
