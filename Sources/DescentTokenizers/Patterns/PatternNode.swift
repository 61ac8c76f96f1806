/// A regular expression, parsed.
indirect enum PatternNode {
  case empty
  case set(ScalarSet)
  case sequence([PatternNode])
  case alternatives([PatternNode])
  case repeated(PatternNode, min: Int, max: Int, Greed)
  case look(PatternNode, isAhead: Bool, isNegated: Bool)
  case atomic(PatternNode)
  case anchor(Anchor)

  enum Greed { case greedy, lazy, possessive }

  enum Anchor {
    case lineStart, lineEnd, textStart, textEnd, lastLineEnd, wordBoundary, noWordBoundary
  }

  /// Whether it can match nothing.
  var isNullable: Bool {
    switch self {
    case .empty, .look, .anchor: true
    case .set: false
    case .sequence(let nodes): nodes.allSatisfy(\.isNullable)
    case .alternatives(let nodes): nodes.contains(where: \.isNullable)
    case .repeated(let node, let min, _, _): min == 0 || node.isNullable
    case .atomic(let node): node.isNullable
    }
  }

  /// The scalars that a match can begin with; nil if that says nothing, as where it may be empty.
  var firstScalars: ScalarSet? {
    switch self {
    case .empty, .look, .anchor: return nil
    case .set(let set): return set
    case .sequence(let nodes):
      var result = ScalarSet()
      for node in nodes {
        // What stands before is checked as well, so leaving it out loses nothing.
        if case .look = node { continue }
        if case .anchor = node { continue }
        guard let first = node.firstOfNonempty else { return nil }
        result = result.union(first)
        if !node.isNullable { return result }
      }
      return nil
    case .alternatives(let nodes):
      var result = ScalarSet()
      for node in nodes {
        guard let first = node.firstScalars else { return nil }
        result = result.union(first)
      }
      return result
    case .repeated(let node, let min, _, _): return min == 0 ? nil : node.firstScalars
    case .atomic(let node): return node.firstScalars
    }
  }

  /// The scalars that a match can begin with that is not empty.
  private var firstOfNonempty: ScalarSet? {
    if case .repeated(let node, _, _, _) = self { return node.firstScalars }
    return firstScalars
  }

  /// The number of scalars of each match; nil if it varies.
  var width: Int? {
    switch self {
    case .empty, .look, .anchor: return 0
    case .set: return 1
    case .sequence(let nodes):
      var sum = 0
      for node in nodes {
        guard let width = node.width else { return nil }
        sum += width
      }
      return sum
    case .alternatives(let nodes):
      let widths = Set(nodes.map(\.width))
      return widths.count == 1 ? widths.first ?? nil : nil
    case .repeated(let node, let min, let max, _):
      guard min == max, let width = node.width else { return nil }
      let (product, overflow) = width.multipliedReportingOverflow(by: min)
      return overflow ? nil : product
    case .atomic(let node): return node.width
    }
  }
}
