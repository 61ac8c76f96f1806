/// Few of many points, such that nothing that could be seen is lost.
enum Thinning {
  /// The indices of the points to draw, in their order; -1 stands for a gap.
  ///
  /// All are kept while there are at most `most`. Otherwise the visible part of the axis is cut into
  /// `most`/4 stretches, and of the points in each the first, the lowest, the highest and the last
  /// are kept, so a spike of a single point stays at its place and height.
  static func kept(
    _ points: [Point], x: Axis, y: Axis, range: ClosedRange<Double>, most: Int
  ) -> [Int] {
    let (isLogX, isLogY) = (x.scale == .logarithmic, y.scale == .logarithmic)
    var kept: [Int] = []
    var isOpen = false
    if points.count <= most {
      for (index, p) in points.enumerated() {
        if p.x.isFinite, p.y.isFinite, !isLogX || p.x > 0, !isLogY || p.y > 0 {
          kept.append(index)
          isOpen = true
        } else if isOpen {
          kept.append(-1)
          isOpen = false
        }
      }
      return kept
    }
    let place = Placement(range, x.scale)
    let stretches = Double(max(1, most / 4))
    kept.reserveCapacity(most + 8)
    var bucket = Bucket()
    // The stretch that the last point was in, as values of the axis: no logarithm for each point.
    var (from, to) = (Double.infinity, -Double.infinity)
    for (index, p) in points.enumerated() {
      guard p.x.isFinite, p.y.isFinite, !isLogX || p.x > 0, !isLogY || p.y > 0 else {
        bucket.empty(into: &kept)
        if isOpen { kept.append(-1) }
        isOpen = false
        (from, to) = (.infinity, -.infinity)
        continue
      }
      isOpen = true
      if !(p.x >= from && p.x < to) {
        bucket.empty(into: &kept)
        let number = (place(p.x) * stretches).rounded(.down)
        // What lies outside is one stretch on each side.
        from = number < 0 ? -.infinity : min(p.x, place.value(number / stretches))
        to =
          number >= stretches
          ? .infinity : max(p.x.nextUp, place.value((max(number, -1) + 1) / stretches))
      }
      bucket.add(index, p.y)
    }
    bucket.empty(into: &kept)
    return kept
  }

  /// The points of one stretch.
  private struct Bucket {
    private var (first, last) = (-1, -1)
    private var (low, high) = (-1, -1)
    private var (lowest, highest) = (0.0, 0.0)

    @inline(__always) mutating func add(_ index: Int, _ y: Double) {
      if first < 0 {
        (first, low, high, lowest, highest) = (index, index, index, y, y)
      } else if y < lowest {
        (low, lowest) = (index, y)
      } else if y > highest {
        (high, highest) = (index, y)
      }
      last = index
    }

    mutating func empty(into kept: inout [Int]) {
      guard first >= 0 else { return }
      let (a, b) = (min(low, high), max(low, high))
      kept.append(first)
      if a != first { kept.append(a) }
      if b != a, b != first { kept.append(b) }
      if last != b, last != first { kept.append(last) }
      first = -1
    }
  }

  /// The outline of a spread: along its highest values, and back along the lowest. Of the stretches
  /// that share a place only the lowest and the highest value are kept.
  static func outline(
    _ spread: [Spread], x: Axis, y: Axis, range: ClosedRange<Double>, most: Int
  ) -> [Spread] {
    let shown = spread.filter { x.shows($0.x) && y.shows($0.high) && !$0.low.isNaN }
    guard shown.count > max(2, most) else { return shown }
    let place = Placement(range, x.scale)
    var (result, number) = ([Spread](), -Double.infinity)
    for at in shown {
      let mine = (place(at.x) * Double(most)).rounded(.down)
      if mine == number, var last = result.last {
        (last.low, last.high) = (min(last.low, at.low), max(last.high, at.high))
        result[result.count - 1] = last
      } else {
        result.append(at)
        number = mine
      }
    }
    return result
  }
}

/// A line in whole units of a drawing, and its shortest SVG path.
struct Trace {
  /// Places, y downwards; runs between gaps.
  private(set) var runs: [[(x: Int, y: Int)]] = []

  /// The points that are kept, in a drawing of `width` by `height` units.
  init(
    _ points: [Point], kept: [Int], x: Placement, y: Placement, width: Double, height: Double
  ) {
    var run: [(x: Int, y: Int)] = []
    for index in kept {
      if index < 0 {
        if !run.isEmpty { runs.append(run) }
        run = []
      } else {
        let p = points[index]
        run.append((Self.unit(x(p.x), width), Self.unit(1 - y(p.y), height)))
      }
    }
    if !run.isEmpty { runs.append(run) }
  }

  /// A place in units; what lies far outside stays outside.
  static func unit(_ place: Double, _ length: Double) -> Int {
    guard place == place else { return 0 }
    return Int((min(max(place, -8), 9) * length).rounded())
  }

  /// Whether there is no point.
  var isEmpty: Bool { runs.isEmpty }

  /// Whether a line hides most of another of the same points.
  func covers(_ other: Trace, x: Double, y: Double) -> Bool {
    guard runs.count == other.runs.count, !runs.isEmpty else { return false }
    var (near, all) = (0, 0)
    for (mine, theirs) in zip(runs, other.runs) {
      guard mine.count == theirs.count else { return false }
      all += mine.count
      for (a, b) in zip(mine, theirs)
      where abs(Double(a.x - b.x)) < x && abs(Double(a.y - b.y)) < y { near += 1 }
    }
    return 4 * near >= 3 * all
  }

  /// The path of the runs of several points, and that of single ones.
  var paths: (line: String, points: String) {
    var (line, single) = ([UInt8](), [UInt8]())
    for run in runs {
      if run.count == 1 {
        Self.dot(run[0], &single)
      } else {
        Self.polyline(run, &line)
      }
    }
    return (String(decoding: line, as: UTF8.self), String(decoding: single, as: UTF8.self))
  }

  /// The path of all points, not joined. Those at the same place are drawn once.
  var dots: String {
    var text: [UInt8] = []
    var last: (x: Int, y: Int)?
    for run in runs {
      for at in run {
        if let last, last == at { continue }
        Self.dot(at, &text)
        last = at
      }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// A line of no length has round ends, so it is a dot.
  private static func dot(_ at: (x: Int, y: Int), _ text: inout [UInt8]) {
    text.append(UInt8(ascii: "M"))
    number(at.x, &text, isFirst: true)
    number(at.y, &text)
    text.append(UInt8(ascii: "h"))
    text.append(UInt8(ascii: "0"))
  }

  /// Distances from point to point; points on a straight stretch are left out.
  private static func polyline(_ run: [(x: Int, y: Int)], _ text: inout [UInt8]) {
    text.append(UInt8(ascii: "M"))
    number(run[0].x, &text, isFirst: true)
    number(run[0].y, &text)
    var (dx, dy) = (0, 0)
    var isFirst = true
    func write(_ dx: Int, _ dy: Int) {
      if isFirst { text.append(UInt8(ascii: "l")) }
      number(dx, &text, isFirst: isFirst)
      number(dy, &text)
      isFirst = false
    }
    for (a, b) in zip(run, run.dropFirst()) {
      let (x, y) = (b.x - a.x, b.y - a.y)
      if x == 0, y == 0 { continue }
      if dx * y == dy * x, dx * x + dy * y > 0 {
        (dx, dy) = (dx + x, dy + y)
      } else {
        if dx != 0 || dy != 0 { write(dx, dy) }
        (dx, dy) = (x, y)
      }
    }
    write(dx, dy)
  }

  private static func number(_ n: Int, _ text: inout [UInt8], isFirst: Bool = false) {
    if n < 0 {
      text.append(UInt8(ascii: "-"))
    } else if !isFirst {
      text.append(UInt8(ascii: " "))
    }
    var rest = n.magnitude
    let start = text.count
    repeat {
      text.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    text[start...].reverse()
  }
}
