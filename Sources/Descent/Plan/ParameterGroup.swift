/// Parameters that share a rule and hyperparameters, and what those are.
///
/// Groups are tried in order and the first that matches takes a parameter; the rest fall into the
/// group `default`, which has the optimizer's own. ``Optimizer/overlaps`` lists the parameters that
/// a later group asked for too.
public struct ParameterGroup: Sendable {
  /// A name for reports.
  public var name: String
  /// Which parameters belong to it.
  public var match: ParameterMatch
  /// The rule that updates them; nil is the plan's.
  public var rule: (any Rule)?
  /// Whether they are left as they are: no updates, no state, no part in norms.
  public var isFrozen = false
  /// Hyperparameters that differ from those of the rule, by setting name.
  public var settings: [(name: String, text: String)]
  /// Hyperparameters that follow another schedule than the plan's, by setting name.
  public var schedules: [(setting: String, schedule: any Schedule)]
  /// The group whose scalars and vectors it holds, without weight decay as is customary, whatever
  /// schedules say; nil where it was not made for that.
  var vectorsOf: String?

  /// A group.
  public init(
    _ name: String, _ match: ParameterMatch, rule: (any Rule)? = nil,
    settings: [(name: String, text: String)] = [],
    schedules: [(setting: String, schedule: any Schedule)] = []
  ) {
    (self.name, self.match, self.rule, self.settings) = (name, match, rule, settings)
    self.schedules = schedules
  }

  /// The customary split: no weight decay on scalars and vectors, which are norms and biases.
  public static let vectorsWithoutDecay = ParameterGroup("default", ParameterMatch())
    .vectorsWithoutDecay(called: "no_decay")

  /// The scalars and vectors of this group, without weight decay.
  func vectorsWithoutDecay(called name: String) -> ParameterGroup {
    var part = self
    part.name = name
    part.match.ranks = (match.ranks ?? 0...Int.max).clamped(to: 0...1)
    part.settings.append(("weight_decay", "0"))
    part.vectorsOf = self.name
    return part
  }
}

/// A condition on a parameter; every part that is given must hold.
public struct ParameterMatch: Sendable, CustomStringConvertible {
  /// Patterns for the name, one of which must match whole; `*` stands for any run of characters
  /// and `?` for one.
  public var names: [String]
  /// The number of axes.
  public var ranks: ClosedRange<Int>?
  /// The roles, one of which it must have.
  public var roles: [ParameterRole]

  /// A condition; without arguments it holds for every parameter.
  public init(
    names: [String] = [], ranks: ClosedRange<Int>? = nil, roles: [ParameterRole] = []
  ) {
    (self.names, self.ranks, self.roles) = (names, ranks, roles)
  }

  /// Whether the condition holds for `parameter`.
  public func matches(_ parameter: ParameterInfo) -> Bool {
    if let ranks, !ranks.contains(parameter.shape.count) { return false }
    if !roles.isEmpty, !roles.contains(parameter.role) { return false }
    return names.isEmpty || names.contains { Self.glob($0, parameter.name) }
  }

  /// The condition in words.
  public var description: String {
    var parts: [String] = []
    if !names.isEmpty { parts.append("name \(names.joined(separator: " or "))") }
    if let ranks {
      let (low, high) = (ranks.lowerBound, ranks.upperBound)
      parts.append(
        high == .max ? "rank \(low)+" : low == high ? "rank \(low)" : "rank \(low)-\(high)")
    }
    if !roles.isEmpty { parts.append("role \(roles.map(\.rawValue).joined(separator: " or "))") }
    return parts.isEmpty ? "everything" : parts.joined(separator: ", ")
  }

  /// The numbers of axes that a text stands for: `1`, `0-1` or `2+`.
  static func ranks(_ text: String) -> ClosedRange<Int>? {
    if text.hasSuffix("+") { return Int(text.dropLast()).flatMap { $0 >= 0 ? $0...Int.max : nil } }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard ends.count <= 2, let low = ends.first ?? nil, let high = ends.last ?? nil, low <= high,
      low >= 0
    else { return nil }
    return low...high
  }

  /// Whether `pattern` matches the whole of `text`. A star first stands for nothing; at a mismatch the
  /// last one takes one byte more, so no earlier one is tried again.
  private static func glob(_ pattern: String, _ text: String) -> Bool {
    let (pattern, text) = (pattern.utf8, text.utf8)
    var (p, t) = (pattern.startIndex, text.startIndex)
    var retry: (p: String.Index, t: String.Index)?
    while t < text.endIndex {
      if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
        p = pattern.index(after: p)
        retry = (p, t)
      } else if p < pattern.endIndex, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
        (p, t) = (pattern.index(after: p), text.index(after: t))
      } else if let last = retry {
        (p, t) = (last.p, text.index(after: last.t))
        retry = (p, t)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
