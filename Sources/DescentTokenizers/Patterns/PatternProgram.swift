/// A regular expression as instructions for ``Pattern``.
struct PatternProgram: Sendable {
  enum Instruction: Sendable {
    /// One scalar of a set.
    case one(set: Int)
    /// As many scalars of a set as there are, then fewer.
    case run(set: Int, min: Int, max: Int)
    /// As many scalars of a set as there are, and no fewer.
    case wholeRun(set: Int, min: Int, max: Int)
    /// Goes on at the first, and where that fails at the second.
    case fork(Int, Int)
    case jump(Int)
    /// Keeps the position in a slot.
    case mark(slot: Int)
    /// Fails if nothing was taken since the slot was marked.
    case progress(slot: Int)
    case anchor(PatternNode.Anchor)
    /// Whether what follows, up to its `accept`, matches here; or where `width` scalars before begin.
    case look(end: Int, isNegated: Bool, width: Int)
    /// What follows, up to its `accept`, is taken as it matches first.
    case atomic(end: Int)
    case accept
  }

  private(set) var instructions: [Instruction] = []
  private(set) var tables = ScalarTables()
  /// Where each alternative of the whole begins.
  private(set) var starts: [Int] = []
  /// For each first byte the alternatives that may match, as bits; empty where there are too many.
  private(set) var candidates: [UInt64] = []
  private(set) var slotCount = 0
  private(set) var wordSet = 0
  private var sets: [ScalarSet] = []

  /// More is an attack on the memory: what repeats a group is written out.
  private static let maximumCount = 20_000
  private static let maximumSets = 256

  init(_ node: PatternNode) throws(Defect) {
    var nodes = [node]
    if case .alternatives(let parts) = node, parts.count <= 64 { nodes = parts }
    candidates = [UInt64](repeating: 0, count: 256)
    for (index, node) in nodes.enumerated() {
      starts.append(instructions.count)
      try add(node)
      instructions.append(.accept)
      let first = node.firstScalars
      for byte in 0..<256 where first.map({ Self.mayBegin(with: byte, $0) }) ?? true {
        candidates[byte] |= 1 << UInt64(index)
      }
    }
    var usesWords = false
    for case .anchor(let anchor) in instructions
    where anchor == .wordBoundary || anchor == .noWordBoundary {
      usesWords = true
    }
    if usesWords { wordSet = try number(of: PatternParser.word) }
  }

  private static func mayBegin(with byte: Int, _ set: ScalarSet) -> Bool {
    if byte < 0x80 { return set.ranges.contains { $0.contains(UInt32(byte)) } }
    return (set.ranges.last?.upperBound ?? 0) >= 0x80
  }

  private mutating func number(of set: ScalarSet) throws(Defect) -> Int {
    if let number = sets.firstIndex(of: set) { return number }
    if sets.count == Self.maximumSets { throw Defect("a pattern has too many classes") }
    sets.append(set)
    return tables.add(set)
  }

  private mutating func append(_ instruction: Instruction) throws(Defect) {
    if instructions.count == Self.maximumCount { throw Defect("a pattern is too long") }
    instructions.append(instruction)
  }

  private mutating func add(_ node: PatternNode) throws(Defect) {
    switch node {
    case .empty: break
    case .set(let set): try append(.one(set: try number(of: set)))
    case .sequence(let nodes): for node in nodes { try add(node) }
    case .anchor(let anchor): try append(.anchor(anchor))
    case .alternatives(let nodes):
      var jumps: [Int] = []
      for (index, node) in nodes.enumerated() {
        if index == nodes.count - 1 {
          try add(node)
          continue
        }
        let fork = instructions.count
        try append(.fork(0, 0))
        try add(node)
        jumps.append(instructions.count)
        try append(.jump(0))
        instructions[fork] = .fork(fork + 1, instructions.count)
      }
      for jump in jumps { instructions[jump] = .jump(instructions.count) }
    case .look(let node, let isAhead, let isNegated):
      var width = -1
      if !isAhead {
        guard let fixed = node.width else {
          throw Defect("a pattern looks behind for something of no fixed length")
        }
        width = fixed
      }
      let start = instructions.count
      try append(.accept)
      try add(node)
      try append(.accept)
      instructions[start] = .look(end: instructions.count, isNegated: isNegated, width: width)
    case .atomic(let node): try addAtomic(node)
    case .repeated(.set(let set), let min, let max, .greedy):
      let set = try number(of: set)
      try append(.run(set: set, min: min, max: max))
    case .repeated(.set(let set), let min, let max, .possessive):
      let set = try number(of: set)
      try append(.wholeRun(set: set, min: min, max: max))
    case .repeated(let node, let min, let max, .possessive):
      try addAtomic(.repeated(node, min: min, max: max, .greedy))
    case .repeated(let node, let min, let max, let greed):
      for _ in 0..<min { try add(node) }
      if max == .max {
        try addLoop(node, greed)
      } else {
        try addOptional(node, max - min, greed)
      }
    }
  }

  private mutating func addAtomic(_ node: PatternNode) throws(Defect) {
    let start = instructions.count
    try append(.accept)
    try add(node)
    try append(.accept)
    instructions[start] = .atomic(end: instructions.count)
  }

  private mutating func addLoop(_ node: PatternNode, _ greed: PatternNode.Greed) throws(Defect) {
    let start = instructions.count
    try append(.fork(0, 0))
    let slot = node.isNullable ? slotCount : nil
    if let slot {
      slotCount += 1
      try append(.mark(slot: slot))
    }
    try add(node)
    if let slot { try append(.progress(slot: slot)) }
    try append(.jump(start))
    let (inside, after) = (start + 1, instructions.count)
    instructions[start] = greed == .lazy ? .fork(after, inside) : .fork(inside, after)
  }

  private mutating func addOptional(
    _ node: PatternNode, _ count: Int, _ greed: PatternNode.Greed
  ) throws(Defect) {
    var forks: [Int] = []
    for _ in 0..<count {
      forks.append(instructions.count)
      try append(.fork(0, 0))
      try add(node)
    }
    for fork in forks {
      let (inside, after) = (fork + 1, instructions.count)
      instructions[fork] = greed == .lazy ? .fork(after, inside) : .fork(inside, after)
    }
  }
}
