import Descent
import Yams

/// A recipe as written: sections of keys and texts, before anyone asks what they mean.
struct RecipeDocument {
  /// The keys outside any section.
  var top: [SettingText] = []
  /// The sections: `optimizer` with `name`, `lr`, ...; those of `schedules` under
  /// `schedules.weight_decay`, ...
  var sections: [String: [SettingText]] = [:]
  /// The parameter groups under `optimizer.groups`; nil when the recipe has none.
  var groups: [[SettingText]]?
  /// What could not even be laid out.
  var errors: [String] = []

  /// The sections that describe the optimizer.
  var plan: OptimizerPlan.Texts { OptimizerPlan.Texts(sections, groups: groups) }

  /// Reads YAML; a recipe that is no YAML gives one error.
  init(yaml: String) {
    do {
      guard let root = try Yams.compose(yaml: yaml) else { return }
      guard let mapping = root.mapping else {
        errors.append("a recipe must be a list of keys such as 'batch: 12'")
        return
      }
      for (key, value) in mapping { add(key.string ?? "", value) }
    } catch {
      errors.append("the recipe is not valid YAML: \(Self.firstLine("\(error)"))")
    }
  }

  private mutating func add(_ name: String, _ value: Node) {
    guard let mapping = value.mapping else {
      if let text = text(of: value, at: name) { top.append((name, text)) }
      return
    }
    var entries: [SettingText] = []
    for (key, value) in mapping {
      let key = key.string ?? ""
      if name == "schedules", value.mapping != nil {
        add("schedules.\(key)", value)
      } else if name == "optimizer", key == "groups" {
        groups = groupList(value)
      } else if let text = text(of: value, at: "\(name).\(key)") {
        entries.append((key, text))
      }
    }
    if name != "schedules" || !entries.isEmpty { sections[name] = entries }
  }

  private mutating func groupList(_ node: Node) -> [[SettingText]] {
    if node.scalar?.string == "none" || node.null != nil { return [] }
    guard let sequence = node.sequence else {
      errors.append("optimizer.groups must be a list of groups, or none")
      return []
    }
    return sequence.enumerated().map { index, node in
      guard let mapping = node.mapping else {
        errors.append(
          "optimizer.groups: group \(index + 1) must be keys such as 'match: \"*.bias\"'")
        return []
      }
      return mapping.flatMap { key, value -> [SettingText] in
        let key = key.string ?? ""
        if key == "schedules", let schedules = value.mapping {
          return schedules.compactMap { setting, value in
            let key = "schedules.\(setting.string ?? "")"
            return text(of: value, at: "optimizer.groups.\(key)").map { (key, $0) }
          }
        }
        return text(of: value, at: "optimizer.groups.\(key)").map { [(key, $0)] } ?? []
      }
    }
  }

  /// A scalar's text, or the items of a list joined by commas; an item may be a section with a
  /// name, which becomes `name(key=value,...)`.
  private mutating func text(of node: Node, at path: String) -> String? {
    if let text = Self.item(node) { return text }
    if let items = node.sequence?.map(Self.item), !items.contains(nil) {
      return items.compactMap { $0 }.joined(separator: ",")
    }
    errors.append("\(path) must be one value or a list of values")
    return nil
  }

  private static func item(_ node: Node) -> String? {
    if let scalar = node.scalar { return scalar.string }
    guard let mapping = node.mapping, let name = mapping["name"]?.string else { return nil }
    var settings: [(name: String, value: SettingValue)] = []
    for (key, value) in mapping where key.string != "name" {
      guard let items = value.sequence.map({ $0.map(item) }) ?? [item(value)] as [String?]?,
        !items.contains(nil)
      else { return nil }
      settings.append((key.string ?? "", .text(items.compactMap { $0 }.joined(separator: ","))))
    }
    return SettingSection(name, settings).description
  }

  // MARK: Overrides

  /// The setting that says which kind of thing a section describes.
  static func selector(of section: String) -> String? {
    switch section {
    case "model", "data": "kind"
    case "optimizer", "schedule", "average": "name"
    default: section.hasPrefix("schedules.") ? "name" : nil
    }
  }

  /// Applies `--set path=value`. Choosing another kind (`optimizer.name=sgd`) drops the section's
  /// other keys, which belong to the old kind.
  mutating func override(_ assignment: String) {
    guard let equals = assignment.firstIndex(of: "="), equals != assignment.startIndex else {
      errors.append("--set \(assignment) must have the form key=value")
      return
    }
    let path = String(assignment[..<equals])
    let value = String(assignment[assignment.index(after: equals)...])
    if path == "optimizer.groups" {
      let node = try? Yams.compose(yaml: value)
      groups = groupList(node ?? Node(value))
      return
    }
    let isNested = path.hasPrefix("schedules.")
    guard let dot = isNested ? path.lastIndex(of: ".") : path.firstIndex(of: ".") else {
      Self.replace(path, value, in: &top)
      return
    }
    let (section, name) = (String(path[..<dot]), String(path[path.index(after: dot)...]))
    var entries = sections[section] ?? []
    if name == Self.selector(of: section),
      let old = entries.first(where: { $0.name == name }), old.text != value
    {
      entries = StateStorage.split(entries).own + LayerwiseDecay.split(entries).own
    }
    // Of two ways to say what a schedule's floor is, the later counts.
    if section == "schedule" || isNested,
      let other = ["floor": "floor_ratio", "floor_ratio": "floor"][name]
    {
      entries.removeAll { $0.name == other }
    }
    Self.replace(name, value, in: &entries)
    sections[section] = entries
  }

  private static func replace(_ name: String, _ text: String, in entries: inout [SettingText]) {
    if let index = entries.firstIndex(where: { $0.name == name }) {
      entries[index].text = text
    } else {
      entries.append((name, text))
    }
  }

  private static func firstLine(_ text: String) -> String {
    String(text.prefix { $0 != "\n" })
  }
}
