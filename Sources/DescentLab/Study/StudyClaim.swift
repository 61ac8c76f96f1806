/// What a study's runs are held to.
public struct StudyClaim: Sendable {
  /// The claim in words.
  public var say: String
  /// The experiment whose runs are looked at.
  public var experiment: String
  /// The number that is looked at.
  public var metric: StudyMetric
  /// How a series becomes a number.
  public var reduction: StudyReduction
  /// What is expected of it.
  public var expectation: Expectation
  /// Whether numbers are compared by their ratios, rather than their differences.
  public var isRatio: Bool
  /// The cells that count, by the values of some axes; empty is all.
  public var filter: [(axis: String, value: String)] = []

  /// What is expected.
  public enum Expectation: Sendable {
    /// It rises or falls with the order of an axis; nil is the only one.
    case trend(axis: String?, rises: Bool)
    /// All cells are equal, up to a share.
    case equal(share: Double)
    /// It is higher in one cell than in another.
    case order(higher: String, lower: String)
    /// It is the lowest or the highest in a cell.
    case extreme(String, isLowest: Bool)
    /// It is at most or at least so much in every run of a cell, or of all.
    case bound(Double, isUpper: Bool, cell: String?)
    /// It never falls or never rises within a run.
    case never(falls: Bool, cell: String?)
    /// Over the last part of every run it stays within a share of its last value.
    case settles(share: Double, last: Double, cell: String?)
    /// It is within a share of what a cell has.
    case within(share: Double, of: String, cell: String?)

    /// Whether it is about the series, not about one number of it.
    var isOfSeries: Bool {
      switch self {
      case .never, .settles: true
      default: false
      }
    }

    /// Whether other cells than those that it names do not matter.
    var isOfNamedCells: Bool {
      switch self {
      case .order: true
      case .within(_, _, let cell), .bound(_, _, let cell), .never(_, let cell),
        .settles(_, _, let cell):
        cell != nil
      case .trend, .equal, .extreme: false
      }
    }

    /// Whether it compares cells with each other.
    var comparesCells: Bool {
      switch self {
      case .trend, .equal, .order, .extreme, .within: true
      case .bound, .never, .settles: false
      }
    }

    /// The cells that it names.
    var cells: [String] {
      switch self {
      case .trend, .equal: []
      case .order(let a, let b): [a, b]
      case .extreme(let cell, _): [cell]
      case .bound(_, _, let cell), .never(_, let cell), .settles(_, _, let cell):
        cell.map { [$0] } ?? []
      case .within(_, let of, let cell): [of] + (cell.map { [$0] } ?? [])
      }
    }
  }
}
