/// Sets that several parts of a tokenizer speak of.
enum KnownSets {
  /// White space, as Unicode has it.
  static let whitespace = ScalarSet(
    0x09...0x0D, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A,
    0x2028...0x2029, 0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000)
  /// Letters, and what counts as one.
  static let alphabetic = property(16) { $0.isAlphabetic }
  static let uppercase = property(16) { $0.isUppercase }
  static let lowercase = property(16) { $0.isLowercase }.union(ScalarSet(0x295...0x295))
  /// What may stand in a word: letters, marks, decimal digits, connectors.
  static let word =
    alphabetic.union(category("M")).union(category("Nd")).union(category("Pc"))
  /// The same for those parts of the reference that ask Rust.
  static let rustWord = word.union(ScalarSet(0x200C...0x200D))
  /// What Rust calls numeric, in the newest Unicode.
  static let numbers = property(.max) {
    [.decimalNumber, .letterNumber, .otherNumber].contains($0.generalCategory)
  }

  /// The scalars of a version of Unicode that have a property.
  static func property(
    _ version: Int, _ has: (Unicode.Scalar.Properties) -> Bool
  ) -> ScalarSet {
    ScalarSet { value in
      guard let scalar = Unicode.Scalar(value) else { return false }
      return has(scalar.properties) && (version == .max || scalar.isIn(unicode: version))
    }
  }

  // MARK: Older versions of Unicode
  // What the reference asks other libraries, which have changed since; the differences are listed.

  /// ASCII's punctuation, and Unicode's as of version 8.
  static let punctuation = property(8) {
    [
      .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
      .initialPunctuation, .finalPunctuation, .otherPunctuation,
    ].contains($0.generalCategory)
  }.union(
    ScalarSet(
      0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E, 0x166D...0x166D, 0x111C9...0x111C9))
  /// Marks, as of version 9.
  static let marks = property(9) {
    [.nonspacingMark, .spacingMark, .enclosingMark].contains($0.generalCategory)
  }.union(ScalarSet(0x1CF2...0x1CF3)).intersection(ScalarSet(0x111C9...0x111C9).inverted)
  /// Marks that take no space, as of version 8.
  static let nonspacingMarks = property(8) { $0.generalCategory == .nonspacingMark }
    .union(ScalarSet(0x1734...0x1734, 0x1171E...0x1171E))
    .intersection(ScalarSet(0x1885...0x1886, 0xA9BD...0xA9BD, 0x111C9...0x111C9).inverted)
  /// What is no character that can be seen, as of version 8.
  static let other = property(8) { [.control, .format, .privateUse].contains($0.generalCategory) }

  /// The scalars of a category that exists.
  static func category(_ name: String) -> ScalarSet {
    Categories.scalars(named: name) ?? ScalarSet()
  }

  /// The scripts that patterns of tokenizers name.
  static let scripts: [String: ScalarSet] = [
    "han": ScalarSet(
      0x2E80...0x2E99, 0x2E9B...0x2EF3, 0x2F00...0x2FD5, 0x3005...0x3005, 0x3007...0x3007,
      0x3021...0x3029, 0x3038...0x303B, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFA6D,
      0xFA70...0xFAD9, 0x16FE2...0x16FE3, 0x16FF0...0x16FF1, 0x20000...0x2A6DF, 0x2A700...0x2B739,
      0x2B740...0x2B81D, 0x2B820...0x2CEA1, 0x2CEB0...0x2EBE0, 0x2EBF0...0x2EE5D,
      0x2F800...0x2FA1D, 0x30000...0x3134A, 0x31350...0x323AF),
    "hiragana": ScalarSet(
      0x3041...0x3096, 0x309D...0x309F, 0x1B001...0x1B11F, 0x1B132...0x1B132, 0x1B150...0x1B152,
      0x1F200...0x1F200),
    "katakana": ScalarSet(
      0x30A1...0x30FA, 0x30FD...0x30FF, 0x31F0...0x31FF, 0x32D0...0x32FE, 0x3300...0x3357,
      0xFF66...0xFF6F, 0xFF71...0xFF9D, 0x1AFF0...0x1AFF3, 0x1AFF5...0x1AFFB, 0x1AFFD...0x1AFFE,
      0x1B000...0x1B000, 0x1B120...0x1B122, 0x1B155...0x1B155, 0x1B164...0x1B167),
    "hangul": ScalarSet(
      0x1100...0x11FF, 0x302E...0x302F, 0x3131...0x318E, 0x3200...0x321E, 0x3260...0x327E,
      0xA960...0xA97C, 0xAC00...0xD7A3, 0xD7B0...0xD7C6, 0xD7CB...0xD7FB, 0xFFA0...0xFFBE,
      0xFFC2...0xFFC7, 0xFFCA...0xFFCF, 0xFFD2...0xFFD7, 0xFFDA...0xFFDC),
  ]
}
