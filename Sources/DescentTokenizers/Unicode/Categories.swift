/// The general categories of scalars as Unicode 16 has them, which the reference's patterns go by:
/// ids must not depend on what the system knows.
enum Categories {
  /// Scalars from here on are unassigned or for private use, but for those of plane 14.
  private static let end: UInt32 = 0x40000
  private static let specials: Range<UInt32> = 0xE0000..<0xE1000

  /// The number of each scalar's category in ``all``.
  private static let table: [UInt8] = (0..<end).map(lookUp)
  private static let specialTable: [UInt8] = specials.map(lookUp)

  private static func lookUp(_ value: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(value) else { return number(.surrogate) }
    // A small letter until Unicode 17.
    if value == 0x295 { return number(.lowercaseLetter) }
    let category = scalar.properties.generalCategory
    return scalar.isIn(unicode: 16) ? number(category) : unassigned
  }

  private static func number(_ category: Unicode.GeneralCategory) -> UInt8 {
    numbers[category] ?? 0
  }

  private static let numbers = Dictionary(
    uniqueKeysWithValues: all.enumerated().map { ($1.category, UInt8($0)) })

  private static func number(of value: UInt32) -> UInt8 {
    if value < end { return table[Int(value)] }
    if specials.contains(value) { return specialTable[Int(value - specials.lowerBound)] }
    return value >= 0xF0000 && value & 0xFFFF < 0xFFFE ? privateUse : unassigned
  }

  private static let privateUse = number(.privateUse)
  private static let unassigned = number(.unassigned)

  /// The scalars whose category has a name that patterns use: `L`, `Lu`, `Letter`,
  /// `Uppercase_Letter`; nil for another name.
  static func scalars(named name: String) -> ScalarSet? {
    let key = String(name.lowercased().filter { $0 != "_" && $0 != " " && $0 != "-" })
    let group = groups[key] ?? key
    let mask = all.enumerated().reduce(UInt32(0)) { mask, entry in
      let isMember = entry.element.short.hasPrefix(group) || entry.element.long == key
      return isMember ? mask | 1 << UInt32(entry.offset) : mask
    }
    guard mask != 0, !key.isEmpty else { return nil }
    return ScalarSet { mask >> UInt32(number(of: $0)) & 1 == 1 }
  }

  private static let groups = [
    "letter": "l", "mark": "m", "number": "n", "punctuation": "p", "symbol": "s",
    "separator": "z", "other": "c",
  ]

  private static let all: [(short: String, long: String, category: Unicode.GeneralCategory)] = [
    ("cn", "unassigned", .unassigned),
    ("lu", "uppercaseletter", .uppercaseLetter), ("ll", "lowercaseletter", .lowercaseLetter),
    ("lt", "titlecaseletter", .titlecaseLetter), ("lm", "modifierletter", .modifierLetter),
    ("lo", "otherletter", .otherLetter), ("mn", "nonspacingmark", .nonspacingMark),
    ("mc", "spacingmark", .spacingMark), ("me", "enclosingmark", .enclosingMark),
    ("nd", "decimalnumber", .decimalNumber), ("nl", "letternumber", .letterNumber),
    ("no", "othernumber", .otherNumber), ("pc", "connectorpunctuation", .connectorPunctuation),
    ("pd", "dashpunctuation", .dashPunctuation), ("ps", "openpunctuation", .openPunctuation),
    ("pe", "closepunctuation", .closePunctuation),
    ("pi", "initialpunctuation", .initialPunctuation),
    ("pf", "finalpunctuation", .finalPunctuation), ("po", "otherpunctuation", .otherPunctuation),
    ("sm", "mathsymbol", .mathSymbol), ("sc", "currencysymbol", .currencySymbol),
    ("sk", "modifiersymbol", .modifierSymbol), ("so", "othersymbol", .otherSymbol),
    ("zs", "spaceseparator", .spaceSeparator), ("zl", "lineseparator", .lineSeparator),
    ("zp", "paragraphseparator", .paragraphSeparator), ("cc", "control", .control),
    ("cf", "format", .format), ("cs", "surrogate", .surrogate), ("co", "privateuse", .privateUse),
  ]
}

extension Unicode.Scalar {
  /// Whether a version of Unicode has the scalar, assigned or for private use.
  package func isIn(unicode version: Int) -> Bool {
    if let age = properties.age { return age.major <= version }
    return properties.generalCategory == .privateUse
  }
}
