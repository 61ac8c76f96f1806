/// A step that cuts a text into what the model sees on its own, or changes a piece of it.
enum PreTokenizer: Sendable {
  case split(Divider, SplitBehavior)
  /// Puts a space before a piece that does not begin with one.
  case prefixSpace
  /// Writes bytes as characters of the ``ByteAlphabet``.
  case bytes
  /// Writes a character for each space, and puts one before.
  case metaspace(replacement: [UInt8], PrependScheme)
  /// Pieces of so many characters.
  case fixedLength(Int)

  /// Where a meta-space is put before.
  enum PrependScheme: String, Sendable { case first, never, always }

  /// What is looked for.
  enum Divider: Sendable {
    /// With `isInverted`, what lies between matches is what was looked for.
    case pattern(Pattern, isInverted: Bool)
    /// Each scalar of a set.
    case set(ScalarTables)
  }
}

/// What becomes of the matches that a text is cut at.
enum SplitBehavior: String, Sendable {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  init(named name: String) throws(Defect) {
    // Descent's files and some old ones write it in small letters.
    let all: [SplitBehavior] = [
      .removed, .isolated, .mergedWithPrevious, .mergedWithNext, .contiguous,
    ]
    guard let found = all.first(where: { $0.rawValue == name }) else {
      throw Defect(unknown: "split behavior", name, known: all.map(\.rawValue))
    }
    self = found
  }
}

extension PreTokenizer {
  private static let known = [
    "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength", "Metaspace",
    "Punctuation", "Sequence", "Split", "Whitespace", "WhitespaceSplit",
  ]

  /// The pattern that GPT-2 cuts words with.
  static let wordPattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// The steps that a section describes.
  static func read(_ section: Section?) throws(Defect) -> [PreTokenizer] {
    guard let section else { return [] }
    let type = try section.type()
    switch type {
    case "Sequence":
      var steps: [PreTokenizer] = []
      for part in try section.sections("pretokenizers") { steps += try read(part) }
      return steps
    case "ByteLevel":
      let hasPrefix = try section.flag("add_prefix_space", default: true)
      let hasPattern = try section.flag("use_regex", default: true)
      return try byteLevel(hasPrefix: hasPrefix, hasPattern: hasPattern)
    case "Split":
      let behavior = try SplitBehavior(named: try section.text("behavior"))
      let isInverted = try section.flag("invert", default: false)
      return [.split(.pattern(try section.pattern("pattern"), isInverted: isInverted), behavior)]
    case "Metaspace":
      var scheme = PrependScheme.always
      if let name = try section.optionalText("prepend_scheme") {
        guard let found = PrependScheme(rawValue: name) else {
          throw Defect(unknown: "prepend_scheme", name, known: ["first", "never", "always"])
        }
        scheme = found
      } else if try !section.flag("add_prefix_space", default: true) {
        scheme = .never
      }
      let scalar = try section.scalar("replacement").value
      let replacement = Array(String(try section.scalar("replacement")).utf8)
      var steps = [PreTokenizer.metaspace(replacement: replacement, scheme)]
      if try section.flag("split", default: true) {
        steps.append(split(ScalarSet(scalar...scalar), .mergedWithNext))
      }
      return steps
    case "Digits":
      let isEach = try section.flag("individual_digits", default: false)
      return [split(KnownSets.numbers, isEach ? .isolated : .contiguous)]
    case "Whitespace":
      // Rust's `\w+|[^\w\s]+`.
      let word = #"[\w&&[^²³¹¼½¾]]\x{200C}\x{200D}"#
      let pattern = try Pattern("[\(word)]+|[^\(word)\\s]+")
      return [.split(.pattern(pattern, isInverted: true), .removed)]
    case "WhitespaceSplit": return [split(KnownSets.whitespace, .removed)]
    case "Punctuation":
      let name = try section.optionalText("behavior") ?? "Isolated"
      return [split(KnownSets.punctuation, try SplitBehavior(named: name))]
    case "BertPreTokenizer":
      return [split(KnownSets.whitespace, .removed), split(KnownSets.punctuation, .isolated)]
    case "CharDelimiterSplit":
      let scalar = try section.scalar("delimiter").value
      return [split(ScalarSet(scalar...scalar), .removed)]
    case "FixedLength":
      let length = try section.count("length") ?? 5
      if length < 1 { throw Defect("the length of its FixedLength is 0") }
      return [.fixedLength(length)]
    default: throw Defect(unknown: "pre-tokenizer", type, known: known)
    }
  }

  static func byteLevel(
    hasPrefix: Bool, hasPattern: Bool
  ) throws(Defect) -> [PreTokenizer] {
    var steps: [PreTokenizer] = hasPrefix ? [.prefixSpace] : []
    if hasPattern {
      steps.append(.split(.pattern(try Pattern(wordPattern), isInverted: false), .isolated))
    }
    return steps + [.bytes]
  }

  private static func split(_ set: ScalarSet, _ behavior: SplitBehavior) -> PreTokenizer {
    var tables = ScalarTables()
    _ = tables.add(set)
    return .split(.set(tables), behavior)
  }
}
