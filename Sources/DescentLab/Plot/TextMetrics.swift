/// How wide texts are in pictures: there is nothing here that could measure it, so a wide font
/// (DejaVu Sans) is assumed.
enum TextMetrics {
  /// About the width in pixels.
  static func width(_ text: some StringProtocol, size: Double = 12) -> Double {
    var ems = 0.0
    for character in text { ems += Self.ems(character) }
    return ems * size
  }

  private static func ems(_ character: Character) -> Double {
    guard let ascii = character.asciiValue else {
      return character.columns == 2 ? 1.25 : character.columns == 0 ? 0 : 0.72
    }
    switch ascii {
    case UInt8(ascii: "m"), UInt8(ascii: "w"), UInt8(ascii: "M"), UInt8(ascii: "W"),
      UInt8(ascii: "@"), UInt8(ascii: "%"):
      return 0.98
    case UInt8(ascii: "i"), UInt8(ascii: "j"), UInt8(ascii: "l"), UInt8(ascii: " "),
      UInt8(ascii: "."), UInt8(ascii: ","), UInt8(ascii: "'"), UInt8(ascii: "|"),
      UInt8(ascii: ":"), UInt8(ascii: ";"), UInt8(ascii: "/"), UInt8(ascii: "I"),
      UInt8(ascii: "-"), UInt8(ascii: "f"), UInt8(ascii: "t"), UInt8(ascii: "r"),
      UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: "["), UInt8(ascii: "]"):
      return 0.41
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): return 0.74
    case UInt8(ascii: "+"), UInt8(ascii: "="), UInt8(ascii: "<"), UInt8(ascii: ">"),
      UInt8(ascii: "#"), UInt8(ascii: "&"), UInt8(ascii: "~"):
      return 0.84
    default: return 0.635
    }
  }

  /// The beginning of a text that fits, with … where that is not all.
  static func beginning(_ text: String, _ room: Double, size: Double = 12) -> String {
    if width(text, size: size) <= room { return text }
    var (kept, used) = ("", 0.9 * size)
    for character in text {
      used += ems(character) * size
      if used > room { break }
      kept.append(character)
    }
    return kept + "…"
  }

  /// The beginning and the end of a name that is too long: both tell it apart from others.
  static func ends(
    _ text: String, _ room: Double, size: Double = 12, head share: Double = 0.5
  ) -> String {
    if width(text, size: size) <= room { return text }
    let dots = 0.9 * size
    let head = beginning(text, share * (room - dots) + dots, size: size).dropLast()
    let back = String(text.reversed())
    let tail = beginning(back, (1 - share) * (room - dots) + dots, size: size).dropLast()
    return head + "…" + String(tail.reversed())
  }

  /// Names that are cut so that they stay different, where that is possible.
  static func names(_ names: [String], _ room: Double, size: Double = 12) -> [String] {
    let count = Set(names).count
    let cuts = [0.5, 0.65, 0.35, 0.85].map { share in
      names.map { ends($0, room, size: size, head: share) }
    }
    return cuts.first { Set($0).count == count } ?? cuts[0]
  }
}

extension TextMetrics {
  /// The lines of a text, broken between words; the last one is cut where it goes on.
  static func lines(
    _ text: String, _ room: Double, size: Double, most: Int
  ) -> [(text: String, isCut: Bool)] {
    var words = text.split { $0 == " " || $0 == "\n" }[...]
    var lines: [(text: String, isCut: Bool)] = []
    while let first = words.first {
      var line = String(first)
      words.removeFirst()
      let isLast = lines.count == most - 1
      while let next = words.first, isLast || width(line + " " + next, size: size) <= room {
        line += " " + next
        words.removeFirst()
      }
      let cut = beginning(line, room, size: size)
      lines.append((cut, cut != line))
      if isLast { break }
    }
    return lines
  }
}
