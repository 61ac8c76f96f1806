extension Normalizer {
  private static let known = [
    "BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt",
    "Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents",
  ]

  /// The steps that a section describes.
  static func read(_ section: Section?) throws(Defect) -> [Normalizer] {
    guard let section else { return [] }
    let type = try section.type()
    switch type {
    case "Sequence":
      var steps: [Normalizer] = []
      for part in try section.sections("normalizers") { steps += try read(part) }
      return steps
    case "NFC": return [.form(.nfc)]
    case "NFD": return [.form(.nfd)]
    case "NFKC": return [.form(.nfkc)]
    case "NFKD": return [.form(.nfkd)]
    case "Lowercase": return [.lowercase]
    case "StripAccents": return [remove(KnownSets.marks)]
    case "Strip":
      return [
        .strip(
          left: try section.flag("strip_left", default: true),
          right: try section.flag("strip_right", default: true))
      ]
    case "Prepend": return [.prepend(Array(try section.text("prepend").utf8))]
    case "Replace":
      return [
        .replace(
          try section.pattern("pattern"), with: Array(try section.text("content").utf8))
      ]
    case "ByteLevel": return [.bytes]
    case "BertNormalizer": return try bert(section)
    case "Nmt": return nmt()
    case "Precompiled":
      guard let text = try section.optionalText("precompiled_charsmap"), !text.isEmpty else {
        return []
      }
      return [.precompiled(try CharacterMap(base64: text))]
    default: throw Defect(unknown: "normalizer", type, known: known)
    }
  }

  private static func tables(_ set: ScalarSet) -> ScalarTables {
    var tables = ScalarTables()
    _ = tables.add(set)
    return tables
  }

  private static func remove(_ set: ScalarSet) -> Normalizer { .remove(tables(set)) }

  private static func bert(_ section: Section) throws(Defect) -> [Normalizer] {
    var steps: [Normalizer] = []
    let lowercases = try section.flag("lowercase", default: true)
    if try section.flag("clean_text", default: true) {
      let spaces = ScalarSet(of: "\t\n\r")
      steps.append(
        remove(
          KnownSets.other.intersection(spaces.inverted).union(ScalarSet(0...0, 0xFFFD...0xFFFD))))
      steps.append(.map(tables(KnownSets.whitespace), to: 0x20))
    }
    if try section.flag("handle_chinese_chars", default: true) {
      steps.append(
        .surround(
          tables(
            ScalarSet(
              0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
              0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F))))
    }
    if try section.flag("strip_accents", default: lowercases) {
      steps += [.form(.nfd), remove(KnownSets.nonspacingMarks)]
    }
    if lowercases { steps.append(.lowercase) }
    return steps
  }

  private static func nmt() -> [Normalizer] {
    let controls = ScalarSet(
      0x01...0x08, 0x0B...0x0B, 0x0E...0x1F, 0x7F...0x7F, 0x8F...0x8F, 0x9F...0x9F)
    let spaces = ScalarSet(
      0x09...0x0A, 0x0C...0x0D, 0x1680...0x1680, 0x200B...0x200F, 0x2028...0x2029, 0x2581...0x2581,
      0xFEFF...0xFEFF, 0xFFFD...0xFFFD)
    return [remove(controls), .map(tables(spaces), to: 0x20)]
  }
}
