import DescentFiles

/// The settings of a recipe as a run writes it down, in a list: a tenth of the time that YAML takes,
/// for lists of a thousand runs.
///
/// What a person wrote in another style of YAML is passed over line by line where it cannot be told.
package enum RecipeHead {
  /// The part of a file that is read.
  private static let most = 64 << 10

  static func settings(ofFile path: String) throws(FileError) -> [RunSummary.Setting] {
    let file = try InputFile(path: path)
    return settings(String(decoding: try file.bytes(0..<min(file.count, most)), as: UTF8.self))
  }

  package static func settings(_ yaml: String) -> [RunSummary.Setting] {
    var settings: [RunSummary.Setting] = []
    var sections: [(indent: Int, name: Substring)] = []
    for line in yaml.utf8.split(separator: 0x0A).map(Substring.init) {
      let indent = line.prefix { $0 == " " }.utf8.count
      let text = line.dropFirst(indent)
      guard let first = text.first, first != "#", first != "-" else { continue }
      guard let colon = text.firstIndex(of: ":") else { continue }
      while let last = sections.last, last.indent >= indent { sections.removeLast() }
      let value = text[text.index(after: colon)...].trimming(while: { $0 == " " || $0 == "\r" })
      if value.isEmpty {
        sections.append((indent, text[..<colon]))
      } else if value != "null" {
        let key = (sections.map(\.name) + [text[..<colon]]).joined(separator: ".")
        settings.append(.init(key: key, value: String(unquoted(value))))
      }
    }
    return settings
  }

  private static func unquoted(_ text: Substring) -> Substring {
    guard text.count > 1, let quote = text.first, quote == "'" || quote == "\"", text.last == quote
    else { return text }
    return text.dropFirst().dropLast()
  }
}

extension Substring {
  fileprivate func trimming(while isSpace: (Character) -> Bool) -> Substring {
    var text = drop(while: isSpace)
    while let last = text.last, isSpace(last) { text.removeLast() }
    return text
  }
}
