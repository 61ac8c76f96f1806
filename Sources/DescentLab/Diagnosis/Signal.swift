/// The finite values of a metric, few enough to be looked at again and again.
struct Signal: Sendable {
  /// The steps of ``values``, ascending.
  let steps: [Double]
  /// The values; of a long log the median of each few that follow each other.
  let values: [Double]
  /// The highest of each few.
  let highs: [Double]
  /// The steps of ``highs``.
  let tops: [Double]
  /// The lowest of each few.
  let lows: [Double]
  /// How many rows one value stands for.
  let rows: Int
  /// How many finite values the log has.
  let count: Int
  /// The standard deviation of ``values`` around their course.
  let noise: Double

  /// At most this many values are kept.
  static let most = 2_000

  /// The finite values of a track; nil where there is none.
  init?(_ track: Track?) {
    guard let track else { return nil }
    let finite = track.values.indices.filter { track.values[$0].isFinite }
    guard !finite.isEmpty else { return nil }
    count = finite.count
    rows = (count + Self.most - 1) / Self.most
    var (steps, values, highs, lows): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    var tops: [Double] = []
    for start in stride(from: 0, to: count, by: rows) {
      let group = finite[start..<min(start + rows, count)]
      let part = finite[start..<min(start + rows, count)].map { track.values[$0] }.sorted()
      let middle = finite[min(start + rows / 2, count - 1)]
      let top = group.max { track.values[$0] < track.values[$1] } ?? middle
      tops.append(Double(track.steps[top]))
      steps.append(Double(track.steps[middle]))
      values.append(part[part.count / 2])
      lows.append(part[0])
      highs.append(part[part.count - 1])
    }
    (self.steps, self.values, self.highs, self.lows) = (steps, values, highs, lows)
    self.tops = tops
    noise = Robust.noise(values[...])
  }

  /// Values over steps.
  init(steps: [Double], values: [Double]) {
    (self.steps, self.values, highs, lows) = (steps, values, values, values)
    tops = steps
    (rows, count, noise) = (1, values.count, Robust.noise(values[...]))
  }

  /// The first step.
  var first: Double { steps[0] }
  /// The last step.
  var last: Double { steps[steps.count - 1] }
  /// The steps from the first to the last.
  var span: Double { last - first }

  /// The place of the first value at or after a step.
  func index(at step: Double) -> Int {
    var (low, high) = (0, steps.count)
    while low < high {
      let middle = (low + high) / 2
      if steps[middle] < step { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The last value at or before a step, or the first of all.
  func value(at step: Double) -> Double { values[max(0, index(at: step.nextUp) - 1)] }

  /// The places of the values between two shares of all values, at least one.
  func places(_ from: Double, _ to: Double) -> Range<Int> {
    let low = min(Int(from * Double(values.count)), values.count - 1)
    return low..<max(low + 1, min(values.count, Int((to * Double(values.count)).rounded())))
  }

  /// The values between two shares of all values: 0.9 and 1 is the last tenth.
  func part(_ from: Double, _ to: Double) -> ArraySlice<Double> { values[places(from, to)] }

  /// The values at steps from one to another.
  func between(_ from: Double, _ to: Double) -> ArraySlice<Double> {
    let low = index(at: from)
    return values[low..<max(low, index(at: to.nextUp))]
  }

  /// A stretch of neighbouring values.
  struct Block: Sendable {
    /// The places of its values.
    let places: Range<Int>
    /// The step in its middle.
    let step: Double
    /// The median of its values.
    let level: Double
    /// The standard deviation of its values around their course.
    let noise: Double
    /// The standard error of ``level``, as far as values vary alone.
    let error: Double
  }

  /// The values in up to `most` stretches of at least `least` values.
  func blocks(most: Int = 40, least: Int = 5) -> [Block] {
    let number = max(1, min(most, values.count / least))
    let whole = noise
    return (0..<number).map { index in
      let low = index * values.count / number
      let places = low..<max((index + 1) * values.count / number, low + 1)
      let part = values[places]
      let own = Robust.noise(part)
      let deviation = own.isNaN ? whole : own
      let error = 1.25 * (deviation.isNaN ? 0 : deviation) / Double(part.count).squareRoot()
      return Block(
        places: places, step: steps[places.lowerBound + places.count / 2],
        level: Robust.median(part), noise: deviation, error: error)
    }
  }

  /// The medians of each few neighbours, such that there are no more than `most`, and how many that
  /// is.
  func coarser(_ most: Int) -> (signal: Signal, group: Int) {
    let group = max(1, (values.count + most - 1) / most)
    guard group > 1 else { return (self, 1) }
    let starts = Array(stride(from: 0, to: values.count - group + 1, by: group))
    return (
      Signal(
        steps: starts.map { steps[$0 + group / 2] },
        values: starts.map { Robust.median(values[$0..<($0 + group)]) }), group
    )
  }

  /// The running median over up to `window` values around each.
  func smoothed(_ window: Int) -> [Double] {
    let half = max(0, window / 2)
    return values.indices.map { i in
      Robust.median(values[max(0, i - half)..<min(values.count, i + half + 1)])
    }
  }
}
