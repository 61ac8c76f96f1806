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
    _ settings: inout T, _ section: String, from entries: [SettingText]? = nil
  ) {
    do throws(SettingErrors) {
      try settings.apply(entries ?? document.sections[section] ?? [])
    } catch {
      problems += error.errors.map { $0.sentence(in: section) }
    }
  }

  /// Reads a section whose `kind` or `name` says what it describes.
  mutating func kind(
    _ section: String, among kinds: [any Configurable.Type]
  ) -> (any Configurable)? {
    let selector = RecipeDocument.selector(of: section) ?? "name"
    let names = kinds.map { $0.name }
    let entries = document.sections[section] ?? []
    let name = entries.first { $0.name == selector }?.text
    guard let type = kinds.first(where: { $0.name == name }) else {
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
      read(&settings, section, from: entries.filter { $0.name != selector })
      return settings
    }
    return make(type)
  }

  /// The section `average`, which may be missing or have the name none.
  mutating func average() -> (any WeightAverage)? {
    guard let entries = document.sections["average"] else { return nil }
    let name = entries.first { $0.name == "name" }?.text
    if let name, ["none", "null"].contains(name), entries.count == 1 { return nil }
    return kind("average", among: WeightAverages.all) as? any WeightAverage
  }

  mutating func rejectUnknownSections() {
    let known =
      [
        "model", "data", "average", LossScaler.name, EvaluateSettings.name, CheckpointSettings.name,
        SpikeSettings.name,
      ]
      + OptimizerPlan.sections
    for section in document.sections.keys.sorted()
    where !known.contains(section) && !section.hasPrefix("schedules.") {
      let names = known + RunSettings.settings.map(\.name)
      problems.append("there is no section '\(section)'; \(hint(for: section, among: names))")
    }
  }
}
