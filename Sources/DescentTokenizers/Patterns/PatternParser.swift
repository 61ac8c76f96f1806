/// Reads regular expressions as Oniguruma does, which Hugging Face's tokenizers are made with: the
/// parts that can be matched without groups that are referred to.
struct PatternParser {
  private let text: [Unicode.Scalar]
  private var position = 0
  private var flags = Flags()
  private var depth = 0

  private struct Flags {
    var ignoresCase = false
    var dotMatchesNewline = false
    var isExtended = false
  }

  private init(_ text: String) { self.text = Array(text.unicodeScalars) }

  static func parse(_ text: String) throws(Defect) -> PatternNode {
    var parser = PatternParser(text)
    let node = try parser.alternatives()
    if parser.next != nil { throw parser.defect("a parenthesis is closed that was not opened") }
    return node
  }

  func defect(_ what: String) -> Defect {
    var pattern = String.UnicodeScalarView()
    pattern.append(contentsOf: text.prefix(200))
    return Defect("its pattern “\(String(pattern))” is not understood: \(what)")
  }

  var next: Unicode.Scalar? { position < text.count ? text[position] : nil }

  mutating func take() -> Unicode.Scalar? {
    guard let scalar = next else { return nil }
    position += 1
    return scalar
  }

  mutating func skip(_ word: String) -> Bool {
    let scalars = Array(word.unicodeScalars)
    guard text[position...].starts(with: scalars) else { return false }
    position += scalars.count
    return true
  }

  private mutating func alternatives() throws(Defect) -> PatternNode {
    depth += 1
    defer { depth -= 1 }
    if depth > 32 { throw defect("its groups are nested too deep") }
    let saved = flags
    defer { flags = saved }
    var nodes = [try sequence()]
    while skip("|") { nodes.append(try sequence()) }
    return nodes.count == 1 ? nodes[0] : .alternatives(nodes)
  }

  private mutating func sequence() throws(Defect) -> PatternNode {
    var nodes: [PatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      if flags.isExtended, scalar.properties.isWhitespace {
        position += 1
        continue
      }
      if flags.isExtended, scalar == "#" {
        while let scalar = take(), scalar != "\n" {}
        continue
      }
      guard let atom = try atom() else {
        // Flags hold for the rest of the group, alternatives included.
        let rest = try alternatives()
        nodes.append(rest)
        break
      }
      nodes.append(try repetitions(of: atom))
    }
    return nodes.count == 1 ? nodes[0] : nodes.isEmpty ? .empty : .sequence(nodes)
  }

  private mutating func repetitions(of atom: PatternNode) throws(Defect) -> PatternNode {
    var node = atom
    while let scalar = next {
      var (min, max) = (0, Int.max)
      var isInterval = false
      let start = position
      switch scalar {
      case "*": position += 1
      case "+":
        position += 1
        min = 1
      case "?":
        position += 1
        max = 1
      case "{":
        guard let interval = interval() else { return node }
        (min, max, isInterval) = (interval.min, interval.max, true)
      default: return node
      }
      if min > max || min > 1000 || (max > 1000 && max != .max) {
        throw defect("it asks for \(text[start..<position].map(String.init).joined()) repetitions")
      }
      var greed = PatternNode.Greed.greedy
      if skip("?") {
        // As in Ruby, where a fixed number cannot be reluctant.
        if isInterval, min == max {
          node = .repeated(.repeated(node, min: min, max: max, .greedy), min: 0, max: 1, .greedy)
          continue
        }
        greed = .lazy
      } else if !isInterval, skip("+") {
        greed = .possessive
      }
      node = .repeated(node, min: min, max: max, greed)
    }
    return node
  }

  /// The bounds in braces; nil where they are no bounds, and stand for themselves.
  private mutating func interval() -> (min: Int, max: Int)? {
    let start = position
    position += 1
    let low = number()
    var high = low
    let hasComma = skip(",")
    if hasComma { high = number() ?? .max }
    guard skip("}"), low != nil || (hasComma && high != .max) else {
      position = start
      return nil
    }
    return (low ?? 0, high ?? .max)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let digit = next, ("0"..."9").contains(digit), value ?? 0 < 100_000 {
      value = (value ?? 0) * 10 + Int(digit.value - 48)
      position += 1
    }
    return value
  }

  /// A scalar, a class, a group; nil for flags that hold from here on.
  private mutating func atom() throws(Defect) -> PatternNode? {
    guard let scalar = take() else { return .empty }
    switch scalar {
    case ".":
      let all = ScalarSet().inverted
      return .set(
        flags.dotMatchesNewline ? all : all.intersection(ScalarSet(of: "\n").inverted))
    case "^": return .anchor(.lineStart)
    case "$": return .anchor(.lineEnd)
    case "[": return .set(try characterClass())
    case "(": return try group()
    case "\\": return try escapedAtom()
    case "*", "+", "?": throw defect("“\(scalar)” has nothing to repeat")
    default: return .set(cased(ScalarSet(scalar.value...scalar.value)))
    }
  }

  private func cased(_ set: ScalarSet) -> ScalarSet {
    flags.ignoresCase ? set.ignoringCase : set
  }

  private mutating func group() throws(Defect) -> PatternNode? {
    guard skip("?") else { return try closed() }
    if skip(":") { return try closed() }
    if skip("=") { return .look(try closed(), isAhead: true, isNegated: false) }
    if skip("!") { return .look(try closed(), isAhead: true, isNegated: true) }
    if skip("<=") { return .look(try closed(), isAhead: false, isNegated: false) }
    if skip("<!") { return .look(try closed(), isAhead: false, isNegated: true) }
    if skip(">") { return .atomic(try closed()) }
    if skip("#") {
      while let scalar = take() { if scalar == ")" { return .empty } }
      throw defect("a parenthesis is not closed")
    }
    if skip("<") {
      while let scalar = take() { if scalar == ">" { return try closed() } }
      throw defect("the name of a group has no end")
    }
    let saved = flags
    var isOn = true
    while let scalar = take() {
      switch scalar {
      case "-": isOn = false
      case "i": flags.ignoresCase = isOn
      case "m": flags.dotMatchesNewline = isOn
      case "x": flags.isExtended = isOn
      case ":":
        let node = try closed()
        flags = saved
        return node
      case ")": return nil
      default: throw defect("(?\(scalar) is unknown")
      }
    }
    throw defect("a parenthesis is not closed")
  }

  private mutating func closed() throws(Defect) -> PatternNode {
    let node = try alternatives()
    if !skip(")") { throw defect("a parenthesis is not closed") }
    return node
  }

  private mutating func escapedAtom() throws(Defect) -> PatternNode {
    switch next {
    case "A": position += 1; return .anchor(.textStart)
    case "z": position += 1; return .anchor(.textEnd)
    case "Z": position += 1; return .anchor(.lastLineEnd)
    case "b": position += 1; return .anchor(.wordBoundary)
    case "B": position += 1; return .anchor(.noWordBoundary)
    default: return .set(cased(try escape()))
    }
  }
}

// MARK: Classes

extension PatternParser {
  /// What stands between brackets; the first is taken.
  private mutating func characterClass() throws(Defect) -> ScalarSet {
    depth += 1
    defer { depth -= 1 }
    if depth > 32 { throw defect("its classes are nested too deep") }
    let isNegated = skip("^")
    var whole: ScalarSet?
    var ranges: [ClosedRange<UInt32>] = []
    var isFirst = true
    func closed(_ ranges: [ClosedRange<UInt32>], _ whole: ScalarSet?) -> ScalarSet {
      let part = cased(ScalarSet(ranges))
      return whole.map { $0.intersection(part) } ?? part
    }
    while let scalar = take() {
      if scalar == "]", !isFirst {
        let set = closed(ranges, whole)
        return isNegated ? set.inverted : set
      }
      isFirst = false
      if scalar == "&", skip("&") {
        whole = closed(ranges, whole)
        ranges = []
        continue
      }
      var member = ScalarSet(scalar.value...scalar.value)
      if scalar == "[" {
        member = skip(":") ? try posixClass() : try characterClass()
      } else if scalar == "\\" {
        member = try escape()
      }
      guard let low = member.single, next == "-", position + 1 < text.count,
        text[position + 1] != "]"
      else {
        ranges += member.ranges
        continue
      }
      position += 1
      var high = next?.value
      position += 1
      if high == 0x5C { high = try escape().single }
      guard let high, low <= high else { throw defect("a range of its classes is empty") }
      ranges.append(low...high)
    }
    throw defect("a class is not closed")
  }

  private mutating func posixClass() throws(Defect) -> ScalarSet {
    let isNegated = skip("^")
    var name = ""
    while let scalar = take(), scalar != ":" { name.unicodeScalars.append(scalar) }
    if !skip("]") { throw defect("a class is not closed") }
    let set: ScalarSet
    switch name {
    case "alpha": set = KnownSets.alphabetic
    case "digit": set = KnownSets.category("Nd")
    case "alnum": set = KnownSets.alphabetic.union(KnownSets.category("Nd"))
    case "upper": set = KnownSets.uppercase
    case "lower": set = KnownSets.lowercase
    case "space": set = KnownSets.whitespace
    case "punct": set = KnownSets.category("P").union(KnownSets.category("S"))
    case "word": set = KnownSets.word
    default: throw defect("the class [:\(name):] is unknown")
    }
    return isNegated ? set.inverted : set
  }

  /// The set that an escape stands for; the backslash is taken.
  private mutating func escape() throws(Defect) -> ScalarSet {
    guard let scalar = take() else { throw defect("it ends with a backslash") }
    func one(_ value: UInt32) -> ScalarSet { ScalarSet(value...value) }
    switch scalar {
    case "s": return KnownSets.whitespace
    case "S": return KnownSets.whitespace.inverted
    case "d": return KnownSets.category("Nd")
    case "D": return KnownSets.category("Nd").inverted
    case "w": return Self.word
    case "W": return Self.word.inverted
    case "h": return ScalarSet(0x30...0x39, 0x41...0x46, 0x61...0x66)
    case "H": return ScalarSet(0x30...0x39, 0x41...0x46, 0x61...0x66).inverted
    case "p", "P": return try property(isNegated: scalar == "P")
    case "n": return one(0x0A)
    case "r": return one(0x0D)
    case "t": return one(0x09)
    case "v": return one(0x0B)
    case "f": return one(0x0C)
    case "a": return one(0x07)
    case "e": return one(0x1B)
    case "x":
      if skip("{") {
        let value = hexadecimal(atMost: 8)
        guard let value, skip("}"), Unicode.Scalar(value) != nil else {
          throw defect("\\x{ needs the number of a character")
        }
        return one(value)
      }
      guard let value = hexadecimal(atMost: 2), value < 0x80 else {
        throw defect("\\x needs a number below 80")
      }
      return one(value)
    case "u":
      let start = position
      guard let value = hexadecimal(atMost: 4), position == start + 4, Unicode.Scalar(value) != nil
      else { throw defect("\\u needs the number of a character") }
      return one(value)
    case "0"..."9", "A"..."Z", "a"..."z": throw defect("\\\(scalar) is unknown")
    default: return one(scalar.value)
    }
  }

  /// Oniguruma takes what ISO 8859-1 calls numbers for parts of words.
  static let word = KnownSets.word.union(ScalarSet(of: "²³¹¼½¾"))

  private mutating func hexadecimal(atMost count: Int) -> UInt32? {
    var value: UInt32?
    var left = count
    while left > 0, let digit = next.flatMap({ Character($0).hexDigitValue }),
      next?.isASCII == true
    {
      value = (value ?? 0) << 4 | UInt32(digit)
      position += 1
      left -= 1
    }
    return value
  }

  private mutating func property(isNegated: Bool) throws(Defect) -> ScalarSet {
    guard skip("{") else { throw defect("\\p needs a name in braces") }
    let isInverted = skip("^") != isNegated
    var name = ""
    while let scalar = take(), scalar != "}" { name.unicodeScalars.append(scalar) }
    let set: ScalarSet
    if let found = Categories.scalars(named: name) ?? KnownSets.scripts[name.lowercased()] {
      set = found
    } else {
      switch name.lowercased() {
      case "space", "white_space", "whitespace": set = KnownSets.whitespace
      case "word": set = KnownSets.word
      case "digit": set = KnownSets.category("Nd")
      case "any": set = ScalarSet().inverted
      default: throw defect("the property \\p{\(name)} is unknown")
      }
    }
    return isInverted ? set.inverted : set
  }
}

extension ScalarSet {
  /// Its only scalar, if it has one.
  fileprivate var single: UInt32? {
    ranges.count == 1 && ranges[0].count == 1 ? ranges[0].lowerBound : nil
  }
}
