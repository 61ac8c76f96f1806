extension PreTokenizer.Divider {
  /// Goes through a text in order: what was looked for, and what lies between.
  @inline(__always)
  func forEach(
    in text: Span<UInt8>, _ state: inout EncodingState,
    _ body: (Range<Int>, _ isMatch: Bool, inout EncodingState) throws(Defect) -> Void
  ) throws(Defect) {
    switch self {
    case .pattern(let pattern, let isInverted):
      var finder = MatchFinder()
      while let step = try finder.next(of: pattern, in: text, &state.patterns) {
        if !step.gap.isEmpty { try body(step.gap, isInverted, &state) }
        if !step.isEnd { try body(step.match, !isInverted, &state) }
      }
    case .set(let tables):
      var (start, index) = (0, 0)
      while index < text.count {
        let (value, length) = scalar(in: text, at: index)
        if tables.contains(value, in: 0) {
          if start < index { try body(start..<index, false, &state) }
          try body(index..<index + length, true, &state)
          start = index + length
        }
        index += length
      }
      if start < text.count { try body(start..<text.count, false, &state) }
    }
  }
}

extension SplitBehavior {
  /// Goes through the pieces of a text in order.
  @inline(__always)
  func forEach(
    of divider: PreTokenizer.Divider, in text: Span<UInt8>, _ state: inout EncodingState,
    _ body: (Range<Int>, inout EncodingState) throws(Defect) -> Void
  ) throws(Defect) {
    switch self {
    case .isolated:
      try divider.forEach(in: text, &state) { (range, _, state) throws(Defect) in
        if !range.isEmpty { try body(range, &state) }
      }
    case .removed:
      try divider.forEach(in: text, &state) { (range, isMatch, state) throws(Defect) in
        if !isMatch { try body(range, &state) }
      }
    case .contiguous, .mergedWithPrevious, .mergedWithNext:
      // What may still grow, and whether its last part was a match.
      var (open, wasMatch): (Range<Int>?, Bool) = (nil, false)
      try divider.forEach(in: text, &state) { (range, isMatch, state) throws(Defect) in
        let joins =
          switch self {
          case .contiguous: isMatch == wasMatch
          case .mergedWithPrevious: isMatch && !wasMatch
          default: !isMatch && wasMatch
          }
        wasMatch = isMatch
        if let before = open, joins {
          open = before.lowerBound..<range.upperBound
        } else {
          if let before = open, !before.isEmpty { try body(before, &state) }
          open = range
        }
      }
      if let open, !open.isEmpty { try body(open, &state) }
    }
  }
}
