import Descent
public import DescentTraining

/// The keys that a recipe may have.
public enum KeysPage {
  /// All of them, section by section, or those of one section, of one kind of thing, or of one name.
  ///
  /// - Parameter filter: `model`, `gpt` or `model.layers`; nil for all.
  /// - Throws: ``RecipeError`` for what is none of these.
  public static func about(_ filter: String? = nil) throws(RecipeError) -> Document {
    let parts = Self.parts
    guard let filter else {
      return Document(
        "Keys of recipes",
        [
          .paragraph("Each can be written into a recipe, and set with --set section.key=value."),
          .sections(parts.filter(\.isListed).map(\.section), key: "sections"),
        ])
    }
    // A schedule of another hyperparameter has the keys of any schedule.
    let words = filter.split(separator: ".", omittingEmptySubsequences: false)
    let name =
      words.count > 1 && words[0] == "schedules"
      ? (["schedule"] + words.dropFirst(2)).joined(separator: ".") : filter
    let whole = parts.filter { $0.ownNames.contains(name) }
    let found = whole.isEmpty ? parts.compactMap { $0.only(name) } : whole
    guard !found.isEmpty else {
      if ScheduleAlias.all.contains(where: { $0.name == name }) {
        throw RecipeError(problems: [
          "\(name) is a schedule under a name of another library: see 'descent schedule \(name)'"
        ])
      }
      let names = parts.flatMap(\.names)
      throw RecipeError(problems: [
        "there is no section, kind or key '\(quotable(filter))'; "
          + (nearestName(to: filter, among: names).map { "did you mean '\($0)'?" }
            ?? "see 'descent keys'")
      ])
    }
    return Document("", [.sections(found.map(\.section), key: "sections")])
  }

  /// The keys of a kind of thing in a section.
  private struct Part {
    /// The section; empty outside any.
    let name: String
    /// The kind; empty where there is one alone.
    var kind = ""
    var meaning = ""
    var keys: [Key]
    /// Whether it stands among all, and not only where it is asked for.
    var isListed = true

    struct Key {
      let name: String
      let standard: String
      let meaning: String
      let takes: String
    }

    var title: String {
      name.isEmpty ? "outside any section" : kind.isEmpty ? name : "\(name): \(kind)"
    }

    /// What asks for all of it.
    var ownNames: [String] {
      // Groups are a part of their section, too.
      let section = name.isEmpty || !isListed ? [] : [name, String(name.prefix { $0 != "." })]
      return section + (kind.isEmpty ? [] : [kind, "\(name).\(kind)", title])
    }

    /// What it is found by.
    var names: [String] { ownNames + keys.flatMap(names) }

    /// What asks for one of its keys: `layers`, `model.layers`, `gpt.layers`, `model.gpt.layers`.
    private func names(_ key: Key) -> [String] {
      let owners = [name, kind, name.isEmpty || kind.isEmpty ? "" : "\(name).\(kind)"]
      return [key.name] + owners.filter { !$0.isEmpty }.map { "\($0).\(key.name)" }
    }

    /// The part with the keys that a name asks for alone; nil where it asks for none here.
    func only(_ filter: String) -> Part? {
      let own = keys.filter { names($0).contains(filter) }
      if own.isEmpty { return nil }
      var part = self
      (part.keys, part.meaning) = (own, "")
      return part
    }

    var section: Section {
      let table = Table(
        [.init("name", "key"), .init("default"), .init("meaning", "meaning, and what it takes")],
        empty: kind.isEmpty ? "" : "no keys of its own",
        rows: keys.map { key in
          let takes = key.takes.isEmpty ? "" : " (\(key.takes))"
          return [.text(key.name), .text(key.standard), .text(key.meaning + takes)]
        })
      let fields = keys.map { key -> JSONValue in
        [
          "name": .text(key.name), "default": .text(key.standard), "takes": .text(key.takes),
          "meaning": .text(key.meaning),
        ]
      }
      return Section(
        title,
        [
          .data([("section", .text(name)), ("kind", .text(kind))]),
          .paragraph(meaning, key: "meaning"), .table(table), .data([("keys", .array(fields))]),
        ])
    }
  }

  private static func keys<C: Configurable>(of _: C.Type) -> [Part.Key] {
    let defaults = C()
    return C.settings.map { setting in
      let text = setting.value(defaults).description
      return Part.Key(
        name: setting.name, standard: text.isEmpty ? "none" : text, meaning: setting.meaning,
        takes: setting.kind)
    }
  }

  private static var parts: [Part] {
    [Part(name: "", meaning: "How long and how to train.", keys: keys(of: RunSettings.self))]
      + (RecipeSection.all + [.quick]).flatMap(parts)
  }

  /// The commands that tell more of the kinds of some sections, which are too many to be listed here.
  private static let pages = [
    "optimizer": "'descent optimizers NAME'", "schedule": "'descent schedule NAME'",
  ]

  private static func parts(of section: RecipeSection) -> [Part] {
    let meaning =
      section.meaning.prefix(1).uppercased() + section.meaning.dropFirst()
      + (section.isOptional ? ". It may be none." : ".")
      + (pages[section.name].map { " The keys of each are in \($0)." } ?? "")
    guard let selector = section.selector else {
      return [
        Part(name: section.name, meaning: meaning, keys: section.kinds.flatMap { keys(of: $0) })
      ]
    }
    let choice = Part.Key(
      name: selector, standard: "", meaning: "what it is",
      takes: section.kinds.map { $0.name }.joined(separator: ", "))
    var first = Part(name: section.name, meaning: meaning, keys: [choice])
    first.keys += section.common.flatMap { keys(of: $0) }
    let kinds = section.kinds.map { type in
      Part(
        name: section.name, kind: type.name, keys: keys(of: type),
        isListed: pages[section.name] == nil)
    }
    if section.name == "optimizer" {
      first.keys.append(
        Part.Key(
          name: "groups", standard: "",
          meaning:
            "parameters with settings of their own; left out: norms and biases without decay",
          takes: "a list of groups, or none"))
      let groups = Part(
        name: "optimizer.groups",
        meaning:
          "A group has these keys, hyperparameters of its rule, and those of the state's format.",
        keys: ParameterGroup.keys.map {
          Part.Key(name: $0.name, standard: "", meaning: $0.meaning, takes: "")
        })
      return [first, groups] + kinds
    }
    return [first] + kinds
  }
}
