extension Recipe {
  /// The keys and values of a recipe's YAML as `--set` takes them, `optimizer.lr` and so on, without
  /// asking what they mean; nil where it is no YAML of sections.
  ///
  /// Lists are written `0.9,0.95`; the members of lists of sections have the section's name or its
  /// number in their key: `optimizer.groups.decay.lr`.
  public static func settings(of yaml: String) -> [(key: String, value: String)]? {
    guard let root = try? YAMLValue(yaml: yaml), case .map(let entries) = root else { return nil }
    return entries.flatMap { $0.value.settings(at: $0.key) }
  }

  /// What a recipe and changes of it say, as it is written, by the keys of ``RecipeText``
  /// (`optimizer.groups[1].lr`); without what a change has taken out, such as the settings of an
  /// optimizer in whose place another was chosen.
  ///
  /// - Throws: YAML that cannot be read.
  package static func written(
    yaml: String, overrides: [String], quick isQuick: Bool = false
  ) throws(RecipeError) -> [String: String] {
    let document = try RecipeDocument(yaml: yaml, overrides: overrides, quick: isQuick)
    var texts: [String: String] = [:]
    for (name, text) in document.top { texts[name] = text }
    for (section, entries) in document.sections {
      for (name, text) in entries { texts["\(section).\(name)"] = text }
    }
    for (index, group) in (document.groups ?? []).enumerated() {
      for (name, text) in group { texts["optimizer.groups[\(index + 1)].\(name)"] = text }
    }
    if document.groups?.isEmpty == true { texts["optimizer.groups"] = "[]" }
    return texts
  }
}

extension YAMLValue {
  fileprivate func settings(at key: String) -> [(key: String, value: String)] {
    switch self {
    case .text(let text): return [(key, text)]
    case .null: return [(key, "null")]
    case .map(let entries): return entries.flatMap { $0.value.settings(at: "\(key).\($0.key)") }
    case .list(let items):
      let texts = items.compactMap { if case .text(let text) = $0 { text } else { nil } }
      if texts.count == items.count { return [(key, texts.joined(separator: ","))] }
      return items.enumerated().flatMap { index, item in
        item.settings(at: "\(key).\(item.name ?? "\(index + 1)")")
      }
    }
  }

  private var name: String? {
    guard case .map(let entries) = self,
      let entry = entries.first(where: { $0.key == "name" }), case .text(let name) = entry.value
    else { return nil }
    return name
  }
}
