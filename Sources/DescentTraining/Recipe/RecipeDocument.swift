import Descent

/// A recipe as written: sections of keys and texts, before anyone asks what they mean.
struct RecipeDocument {
  /// The keys outside any section.
  var top: [SettingText] = []
  /// The sections: `optimizer` with `name`, `lr`, ...; those of `schedules` under
  /// `schedules.weight_decay`, ...
  var sections: [String: [SettingText]] = [:]
  /// The parameter groups under `optimizer.groups`; nil when the recipe has none.
  var groups: [[SettingText]]?
  /// What `quick` changes, as `key=value`: the recipe's short form.
  private(set) var quick: [String] = []
  /// What could not even be laid out.
  var errors: [String] = []
  /// Sections and keys outside them that could not: what follows from that is not said again.
  private(set) var unclear: Set<String> = []

  /// The sections that describe the optimizer.
  var plan: OptimizerPlan.Texts { OptimizerPlan.Texts(sections, groups: groups) }

  /// Reads YAML and applies changes of the form `optimizer.lr=3e-4`.
  ///
  /// - Throws: what makes the YAML unreadable; what is wrong with its content is in ``errors``.
  init(
    yaml: String, overrides: [String] = [], quick isQuick: Bool = false
  ) throws(RecipeError) {
    func refusal(_ text: String) -> RecipeError { RecipeError(problems: ["the recipe \(text)"]) }
    let root: YAMLValue
    do throws(YAMLValue.Problem) {
      root = try YAMLValue(yaml: yaml)
    } catch { throw refusal(error.text) }
    switch root {
    case .map(let entries): for (key, value) in entries { add(key, value) }
    case .null: throw refusal("is empty; begin with one that 'descent recipes NAME' prints")
    case .list: throw refusal("is a list; it must have keys such as 'batch: 12'")
    case .text: throw refusal("is a single value; it must have keys such as 'batch: 12'")
    }
    if isQuick {
      if quick.isEmpty {
        errors.append("the recipe has no short form: leave out --quick, or give it a section quick")
      }
      override(quick)
    }
    override(overrides)
    removeSwitchedOff()
  }

  // MARK: Laying out

  private mutating func add(_ name: String, _ value: YAMLValue) {
    switch value {
    case .map(let entries):
      if name == RecipeSection.quick.name {
        quick = Recipe.changes(of: value)
      } else if name == "schedules" {
        for (setting, value) in entries { add("schedules.\(setting)", value) }
      } else if RunSettings.settings.contains(where: { $0.name == name }) {
        refuse(name, "\(name) takes one value, not keys of its own")
      } else {
        sections[name] = section(name, entries)
      }
    default:
      if let section = RecipeSection.named(name) {
        addSwitch(section, at: name, value)
      } else if let text = text(of: value, at: name) {
        top.append((name, text))
      } else {
        unclear.insert(name)
      }
    }
  }

  private mutating func refuse(_ name: String, _ sentence: String) {
    errors.append(sentence)
    unclear.insert(name)
  }

  /// A section that is no section: `schedule: none`.
  private mutating func addSwitch(_ section: RecipeSection, at name: String, _ value: YAMLValue) {
    switch value {
    case .null: break
    case .text(let text) where Self.isNone(text) && section.isOptional: break
    default:
      let (key, text) = section.example
      refuse(
        name,
        "\(name) is a section: give it keys of its own, such as '\(key): \(text)'"
          + (section.isOptional ? ", or none" : ""))
    }
  }

  private mutating func section(
    _ name: String, _ entries: [(key: String, value: YAMLValue)]
  ) -> [SettingText] {
    var texts: [SettingText] = []
    for (key, value) in entries {
      if name == "optimizer", key == "groups" {
        groups = groupList(value)
      } else if let text = text(of: value, at: "\(name).\(key)") {
        texts.append((key, text))
      }
    }
    return texts
  }

  mutating func groupList(_ value: YAMLValue) -> [[SettingText]] {
    let items: [YAMLValue]
    switch value {
    case .null: return []
    case .text(let text) where Self.isNone(text): return []
    case .list(let list): items = list
    default:
      errors.append("optimizer.groups must be a list of groups, or none")
      return []
    }
    return items.enumerated().map { index, item in
      let path = "optimizer.groups[\(index + 1)]"
      guard case .map(let entries) = item else {
        errors.append("\(path) must be keys such as 'match: \"*.bias\"'")
        return []
      }
      return entries.flatMap { key, value -> [SettingText] in
        guard key == "schedules", case .map(let schedules) = value else {
          return groupText(key, value, path).map { [$0] } ?? []
        }
        return schedules.compactMap { setting, value in
          groupText("schedules.\(setting)", value, path)
        }
      }
    }
  }

  private mutating func groupText(
    _ key: String, _ value: YAMLValue, _ path: String
  ) -> SettingText? {
    if key == "schedules" {
      errors.append("\(path).schedules is a section: give it keys such as 'lr: {name: cosine}'")
      return nil
    }
    guard key == "schedule" || key.hasPrefix("schedules.") else {
      return text(of: value, at: "\(path).\(key)").map { (key, $0) }
    }
    guard let text = Self.item(value) else {
      errors.append("\(path).\(key) must be a schedule such as {name: cosine, warmup: 100}")
      return nil
    }
    // A group that follows no schedule has the same value all along.
    return (key, Self.isNone(text) ? Constant.name : text)
  }

  /// A value's text, or the items of a list joined by commas in brackets; an item may be a section
  /// with a name, which becomes `name(key=value,...)`.
  private mutating func text(of value: YAMLValue, at path: String) -> String? {
    switch value {
    case .text(let text): return text
    case .null: return "null"
    case .list(let list):
      let items = list.compactMap(Self.item)
      if items.count == list.count { return "[\(items.joined(separator: ","))]" }
      errors.append(
        "\(path) must be one value or a list of values; one with keys of its own needs a 'name'")
    case .map: errors.append("\(path) must be one value or a list of values, not keys of its own")
    }
    return nil
  }

  private static func item(_ value: YAMLValue) -> String? {
    switch value {
    case .text(let text): return text
    case .null: return "null"
    case .list: return nil
    case .map(let entries):
      guard case .text(let name)? = entries.first(where: { $0.key == "name" })?.value else {
        return nil
      }
      var settings: [(name: String, value: SettingValue)] = []
      for (key, value) in entries where key != "name" {
        let values = if case .list(let list) = value { list } else { [value] }
        let items = values.compactMap(item)
        guard items.count == values.count else { return nil }
        settings.append((key, .text(items.joined(separator: ","))))
      }
      return SettingSection(name, settings).description
    }
  }

  // MARK: What a section is

  /// The setting that says which kind of thing a section describes.
  static func selector(of section: String) -> String? { RecipeSection.named(section)?.selector }

  static func isOptional(_ section: String) -> Bool {
    RecipeSection.named(section)?.isOptional ?? false
  }

  static func isNone(_ text: String) -> Bool { ["none", "null", "~"].contains(text.lowercased()) }

  /// Takes out the sections whose name is none.
  private mutating func removeSwitchedOff() {
    for (section, entries) in sections.sorted(by: { $0.key < $1.key }) {
      guard Self.isOptional(section), let selector = Self.selector(of: section),
        let name = entries.first(where: { $0.name == selector }), Self.isNone(name.text)
      else { continue }
      sections[section] = nil
      let others = entries.filter { $0.name != selector }.map { "\(section).\($0.name)" }
        .sorted()
      if !others.isEmpty {
        errors.append(
          "\(section).\(selector)=none leaves nothing for \(others.joined(separator: ", ")) to change: "
            + "leave \(others.count == 1 ? "it" : "them") out, or give a name")
      }
    }
  }
}
