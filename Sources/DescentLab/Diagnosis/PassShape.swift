/// The mean course of the loss in a pass over the data, beside its slow course.
struct PassShape {
  /// How many rows a pass takes.
  let rows: Double
  /// The share of the deviations that the place in the pass explains, beyond chance.
  let share: Double
  /// How far the places differ, over the deviations within one place: medians of both.
  let clearness: Double
  /// The share of the places that lie high.
  let width: Double
  /// The largest change between neighbouring places; positive where the loss falls.
  let drop: Double
  /// The change within the rest of the pass.
  let within: Double
  /// The highest place over the lowest.
  let height: Double

  /// The course in passes of so many rows.
  init?(_ signal: Signal, _ rows: Double) {
    let whole = Int(rows.rounded())
    let rest = Self.rest(signal.values, whole)
    let bins = Self.bins(rows, rest.count)
    guard rest.count > 2 * whole, bins > 3 else { return nil }
    self.rows = rows
    let scaled = Self.scaled(rest, whole)
    share = Self.explained(scaled, rows, bins)
    let (means, clear) = (Self.course(rest, rows, bins), Self.course(scaled, rows, bins))
    let middle = Robust.median(clear)
    let within = Robust.median(
      scaled.indices.map { abs(scaled[$0] - clear[Self.bin($0, rows, bins)]) })
    clearness = Robust.median(clear.map { abs($0 - middle) }) / max(within, 1e-9)
    let top = (clear.max() ?? middle) - middle
    width = Double(clear.count { $0 - middle > 0.3 * top }) / Double(bins)
    let changes = means.indices.map { means[($0 + 1) % bins] - means[$0] }
    let largest = changes.max { abs($0) < abs($1) } ?? 0
    let trend = (signal.values.last ?? 0) - (signal.values.first ?? 0)
    drop = -largest
    self.within = trend * rows / Double(signal.values.count) - largest
    height = (means.max() ?? 0) - (means.min() ?? 0)
  }

  /// The course that explains most, of all lengths with at least four passes, in the whole run or
  /// in its second half.
  static func likeliest(_ signal: Signal) -> PassShape? {
    let (coarse, group) = signal.coarser(600)
    var best: PassShape?
    for part in [coarse.values[...], coarse.values[(coarse.values.count / 2)...]] {
      let (values, longest) = (Array(part), part.count / 4)
      guard longest > 6, values.count > 39 else { continue }
      var (rows, most) = (0, 0.0)
      for length in 6...longest {
        let rest = rest(values, length)
        let bins = bins(Double(length), rest.count)
        guard bins > 3 else { continue }
        let share = explained(scaled(rest, length), Double(length), bins)
        if share > most + 0.01 { (rows, most) = (length, share) }
      }
      guard rows > 0 else { continue }
      let piece = Signal(steps: Array(coarse.steps[part.indices]), values: values)
      guard let shape = PassShape(piece, Double(rows)), shape.share > best?.share ?? 0 else {
        continue
      }
      best = shape.grouped(group)
    }
    return best
  }

  /// The same, of rows that each stood for several.
  private func grouped(_ group: Int) -> PassShape {
    group == 1 ? self : PassShape(self, rows: rows * Double(group))
  }

  private init(_ other: PassShape, rows: Double) {
    (self.rows, share, clearness, width) = (rows, other.share, other.clearness, other.width)
    (drop, within, height) = (other.drop, other.within, other.height)
  }

  /// Places that are told apart: at most 40, with four values each.
  private static func bins(_ rows: Double, _ count: Int) -> Int {
    min(Int(rows), 40, count / 4)
  }

  private static func bin(_ i: Int, _ rows: Double, _ bins: Int) -> Int {
    let passes = Double(i) / rows
    return min(bins - 1, Int((passes - passes.rounded(.down)) * Double(bins)))
  }

  /// What is left without the slow course: the mean over one pass around each row is taken away.
  private static func rest(_ values: [Double], _ rows: Int) -> [Double] {
    guard rows > 0, values.count > rows else { return [] }
    var sums = [0.0]
    for x in values { sums.append(sums[sums.count - 1] + x) }
    let half = rows / 2
    return values.indices.dropFirst(half).dropLast(rows - half).map { i in
      values[i] - (sums[i - half + rows] - sums[i - half]) / Double(rows)
    }
  }

  /// Each pass in units of its own deviations, which shrink as a loss falls.
  private static func scaled(_ rest: [Double], _ rows: Int) -> [Double] {
    let passes = max(2, rest.count / max(rows, 1))
    return (0..<passes).flatMap { pass in
      let part = rest[(pass * rest.count / passes)..<((pass + 1) * rest.count / passes)]
      let size = Robust.median(part.map(abs)) / 0.6745
      return part.map { size > 0 ? $0 / size : 0 }
    }
  }

  /// The share of the variance that the place explains. A few wild values are no period.
  private static func explained(_ scaled: [Double], _ rows: Double, _ bins: Int) -> Double {
    let isFew = scaled.count { abs($0) > 3 } * 20 < 3 * scaled.count
    var (sums, counts) = ([Double](repeating: 0, count: bins), [Double](repeating: 0, count: bins))
    var (total, n) = (0.0, 0.0)
    for (i, x) in scaled.enumerated() where !isFew || abs(x) <= 3 {
      let (x, bin) = (min(max(x, -4), 4), bin(i, rows, bins))
      sums[bin] += x
      counts[bin] += 1
      (total, n) = (total + x * x, n + 1)
    }
    guard total > 0, n > Double(bins) else { return 0 }
    let between = zip(sums, counts).reduce(0) { $1.1 > 0 ? $0 + $1.0 * $1.0 / $1.1 : $0 }
    return 1 - (1 - between / total) * (n - 1) / (n - Double(bins))
  }

  /// The median at each place.
  private static func course(_ rest: [Double], _ rows: Double, _ bins: Int) -> [Double] {
    var parts = [[Double]](repeating: [], count: bins)
    for (i, x) in rest.enumerated() { parts[bin(i, rows, bins)].append(x) }
    return parts.map { $0.isEmpty ? 0 : Robust.median($0) }
  }
}
