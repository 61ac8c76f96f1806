/// What an evaluation at a place of a line gave.
struct LinePoint<S: Scalar> {
  /// How far along the direction.
  var t: Double
  var loss: Double
  var gradient: [S]
  /// gᵀd
  var slope: Double

  var isFinite: Bool { loss.isFinite && gradient.allSatisfy(\.isFinite) }
}

/// A search for a point of a line that satisfies the strong Wolfe conditions:
///
/// ```
/// f(t) ≤ f(0) + c₁·t·f′(0)      |f′(t)| ≤ c₂·|f′(0)|      c₁ = 1e-4, c₂ = 0.9
/// ```
/// It goes outward until two points enclose one, then narrows the bracket by cubic interpolation.
/// The caller evaluates: while ``next`` is not nil, it ``add(_:)``s the point there. A point that is
/// not finite counts as infinitely high.
struct StrongWolfe<S: Scalar> {
  /// Where to evaluate next; nil when the search has ended.
  private(set) var next: Double?
  /// Whether some point was not finite.
  private(set) var sawNonFinite = false

  private let start: LinePoint<S>
  /// max |d|
  private let largest: Double
  /// Evaluations that are allowed after the first.
  private let budget: Int
  private var made = -1
  private var previous: LinePoint<S>
  /// The better end of the bracket (its first when the ends are level), and the other.
  private var low: LinePoint<S>?
  private var high: LinePoint<S>?
  private var insufficient = false

  /// - Parameters:
  ///   - start: t = 0.
  ///   - first: the first t to try.
  ///   - budget: how many points may be tried after the first.
  init(start: LinePoint<S>, first: Double, largest: Double, budget: Int) {
    (self.start, self.largest, self.budget) = (start, largest, budget)
    previous = start
    previous.t = 0
    next = first
  }

  /// The point to go to.
  var best: LinePoint<S> { low ?? previous }

  mutating func add(_ trial: LinePoint<S>) {
    var point = trial
    if !point.isFinite {
      sawNonFinite = true
      (point.loss, point.slope) = (.infinity, .infinity)
    }
    made += 1
    if low == nil { bracket(point) } else { narrow(point) }
    if next == nil { proposeInside() }
  }

  private func rises(_ point: LinePoint<S>) -> Bool {
    point.loss > start.loss + 1e-4 * point.t * start.slope
  }

  private func satisfies(_ point: LinePoint<S>) -> Bool {
    abs(point.slope) <= -0.9 * start.slope
  }

  /// Goes outward, until the bracket is known.
  private mutating func bracket(_ point: LinePoint<S>) {
    next = nil
    var origin = start
    origin.t = 0
    if made >= budget {
      setBracket(origin, point)
    } else if rises(point) || (made > 1 && point.loss >= previous.loss) {
      setBracket(previous, point)
    } else if satisfies(point) {
      (low, high) = (point, nil)
    } else if point.slope >= 0 {
      setBracket(previous, point)
    } else {
      let t = point.t
      next = Self.cubic(previous, point, t + 0.01 * (t - previous.t), 10 * t)
      previous = point
    }
  }

  private mutating func setBracket(_ a: LinePoint<S>, _ b: LinePoint<S>) {
    (low, high) = a.loss <= b.loss ? (a, b) : (b, a)
  }

  /// Replaces an end of the bracket.
  private mutating func narrow(_ point: LinePoint<S>) {
    next = nil
    guard let low, let high else { return }
    if rises(point) || point.loss >= low.loss {
      self.high = point
      if point.loss < low.loss { (self.low, self.high) = (point, low) }
    } else if satisfies(point) {
      (self.low, self.high) = (point, nil)
    } else {
      if point.slope * (high.t - low.t) >= 0 { self.high = low }
      self.low = point
    }
  }

  /// Chooses a place inside the bracket, unless the search is over.
  private mutating func proposeInside() {
    guard let low, let high, made < budget else { return }
    let (left, right) = low.t < high.t ? (low, high) : (high, low)
    guard (right.t - left.t) * largest >= 1e-9 else { return }
    var t = Self.cubic(left, right, left.t, right.t)
    // Steps that stay close to an end make no progress: the second goes a tenth inside.
    let tenth = 0.1 * (right.t - left.t)
    if min(right.t - t, t - left.t) < tenth {
      if insufficient || t >= right.t || t <= left.t {
        t = abs(t - right.t) < abs(t - left.t) ? right.t - tenth : left.t + tenth
        insufficient = false
      } else {
        insufficient = true
      }
    } else {
      insufficient = false
    }
    next = t
  }

  /// The minimum of the cubic through two points with their slopes, within bounds; their middle
  /// where there is none.
  private static func cubic(
    _ a: LinePoint<S>, _ b: LinePoint<S>, _ lower: Double, _ upper: Double
  ) -> Double {
    let (p, q) = a.t <= b.t ? (a, b) : (b, a)
    let d1 = p.slope + q.slope - 3 * (p.loss - q.loss) / (p.t - q.t)
    let square = d1 * d1 - p.slope * q.slope
    let root = square.squareRoot()
    let t = q.t - (q.t - p.t) * ((q.slope + root - d1) / (q.slope - p.slope + 2 * root))
    guard square >= 0, t.isFinite else { return (lower + upper) / 2 }
    return min(max(t, lower), upper)
  }
}
