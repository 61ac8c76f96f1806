import Descent
import DescentTraining

/// A recipe that is written key by key, with a comment where something has no equivalent.
struct RecipeDraft {
  /// Sentences above it.
  var head: [String] = []
  private var lines: [(section: String, key: String, value: String, comment: String?)] = []

  /// Sets a key: `optimizer.lr`, or `steps` outside any section.
  mutating func set(_ path: String, _ value: String, _ comment: String? = nil) {
    let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
    let (section, key) = parts.count == 2 ? (parts[0], parts[1]) : ("", path)
    lines.removeAll { $0.section == section && $0.key == key }
    lines.append((section, key, value, comment))
  }

  mutating func set(_ path: String, _ value: Double, _ comment: String? = nil) {
    set(path, SettingValue.number(value).description, comment)
  }

  mutating func set(_ path: String, _ value: Int, _ comment: String? = nil) {
    set(path, "\(value)", comment)
  }

  mutating func set(_ path: String, _ value: Bool, _ comment: String? = nil) {
    set(path, "\(value)", comment)
  }

  /// What a key has, if it was set.
  func value(of path: String) -> String? {
    lines.first { ($0.section.isEmpty ? $0.key : "\($0.section).\($0.key)") == path }?.value
  }

  /// The recipe as YAML.
  var yaml: String {
    var text = head.flatMap { $0.wrapped(to: 76) }.map { "# \($0)\n" }.joined()
    func line(_ entry: (section: String, key: String, value: String, comment: String?)) -> String {
      "\(entry.key): \(entry.value)" + (entry.comment.map { "  # \($0.onOneLine)" } ?? "") + "\n"
    }
    for entry in lines where entry.section.isEmpty { text += line(entry) }
    var sections: [String] = []
    for entry in lines where !entry.section.isEmpty && !sections.contains(entry.section) {
      sections.append(entry.section)
    }
    for section in sections {
      text += "\(section):\n"
      for entry in lines where entry.section == section { text += "  " + line(entry) }
    }
    return text
  }
}
