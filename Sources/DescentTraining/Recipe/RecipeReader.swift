import Descent

/// Turns the sections of a document into settings and keeps what is wrong.
struct RecipeReader {
  let document: RecipeDocument
  var problems: [String]

  init(_ document: RecipeDocument) {
    self.document = document
    problems = document.errors
  }

  /// Reads a section into settings that have defaults.
  mutating func read<T: Configurable>(
    _ settings: inout T, _ section: String, from entries: [SettingText]? = nil,
    besides names: [String] = []
  ) {
    do throws(SettingErrors) {
      try settings.apply(entries ?? document.sections[section] ?? [])
    } catch {
      problems += error.alsoKnowing(names).errors.map { $0.sentence(in: section) }
    }
  }

  /// Reads the keys outside any section.
  mutating func readTop(_ run: inout RunSettings) {
    let dotted = document.top.filter { $0.name.contains(".") }
    for (name, text) in dotted {
      let section = name.prefix { $0 != "." }
      let key = name.dropFirst(section.count + 1)
      problems.append(
        "\(name) has no meaning here: give '\(key): \(text)' in the section \(section)")
    }
    var texts = document.top.filter { !$0.name.contains(".") }
    // A length that could not be laid out is not one that was left out.
    let isUnclear = !document.unclear.isDisjoint(with: ["steps", "epochs"])
    if isUnclear, !texts.contains(where: { ["steps", "epochs"].contains($0.name) }) {
      texts.append(("steps", "1"))
    }
    read(&run, "", from: texts, besides: RecipeSection.all.map(\.name))
  }

  /// Reads a section whose `kind` or `name` says which of its kinds it describes.
  ///
  /// - Parameter other: one more kind, which is not offered where the name is wrong.
  mutating func kind(
    _ section: String, or other: (any Configurable.Type)? = nil
  ) -> (any Configurable)? {
    guard let declared = RecipeSection.named(section), let selector = declared.selector,
      !document.unclear.contains(section)
    else { return nil }
    let kinds = declared.kinds
    let names = kinds.map { $0.name }
    let entries = document.sections[section] ?? []
    let name = entries.first { $0.name == selector }?.text
    guard let type = (kinds + [other].compactMap(\.self)).first(where: { $0.name == name }) else {
      let error: SettingError =
        name.map {
          .noSuch(
            name: selector, given: $0, nearest: nearestName(to: $0, among: names), valid: names)
        } ?? .missing(name: selector, valid: names)
      problems.append(error.sentence(in: section))
      return nil
    }
    func make<T: Configurable>(_: T.Type) -> any Configurable {
      var settings = T()
      read(
        &settings, section, from: entries.filter { $0.name != selector }, besides: [selector])
      return settings
    }
    return make(type)
  }

  /// The section `average`, which may be missing.
  mutating func average() -> (any WeightAverage)? {
    if document.sections["average"] == nil { return nil }
    return kind("average") as? any WeightAverage
  }

  /// The section `adapter`, which may be missing.
  mutating func adapter() -> LoRASettings? {
    if document.sections["adapter"] == nil { return nil }
    return kind("adapter") as? LoRASettings
  }

  /// The section `target`, which may be missing.
  mutating func target() -> TargetSettings? {
    if document.sections[TargetSettings.name] == nil { return nil }
    var target = TargetSettings()
    read(&target, TargetSettings.name)
    return target
  }

  mutating func rejectUnknownSections() {
    let known = RecipeSection.all.map(\.name)
    for section in document.sections.keys.sorted()
    where !known.contains(section) && !section.hasPrefix("schedules.") {
      let names = known + [RecipeSection.quick.name] + RunSettings.settings.map(\.name)
      problems.append("there is no section '\(section)'; \(hint(for: section, among: names))")
    }
  }
}
