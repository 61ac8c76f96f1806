import Descent

// What `--set` changes. All assignments count together, in whatever order they stand; only of two for
// the same key the last one does.

extension RecipeDocument {
  private struct Assignment {
    let section: String
    let name: String
    let value: String
    /// As it was written.
    let text: String
  }

  /// Applies assignments of the form `path=value`.
  ///
  /// - Choosing another kind (`optimizer.name=sgd`) drops what the recipe has for the old one.
  /// - `schedule=none` drops the section, and so for all that may be missing.
  /// - `steps` takes the place of the recipe's `epochs`, and the other way round.
  mutating func override(_ assignments: [String]) {
    var latest: [Assignment] = []
    for text in assignments {
      guard let assignment = parse(text) else { continue }
      latest.removeAll { ($0.section, $0.name) == (assignment.section, assignment.name) }
      latest.append(assignment)
    }
    for (given, replaced) in [("steps", "epochs"), ("epochs", "steps")] {
      func has(_ name: String) -> Bool { latest.contains { $0.section.isEmpty && $0.name == name } }
      let isLength = latest.contains {
        $0.section.isEmpty && $0.name == given && !Self.isNone($0.value)
      }
      if isLength, !has(replaced) { top.removeAll { $0.name == replaced } }
    }
    for assignment in latest where assignment.name.isEmpty { switchOff(assignment, among: latest) }
    for assignment in latest where assignment.name == Self.selector(of: assignment.section) {
      choose(assignment)
    }
    // Of two ways to say a schedule's floor or the target, that of the assignment counts.
    for (a, b) in [("floor", "floor_ratio"), ("at_most", "at_least")] {
      for assignment in latest where assignment.name == a || assignment.name == b {
        let section = assignment.section
        guard isSchedule(section) || section == TargetSettings.name else { continue }
        sections[section]?.removeAll { $0.name == (assignment.name == a ? b : a) }
      }
    }
    for assignment in latest where !assignment.name.isEmpty { apply(assignment) }
  }

  private mutating func parse(_ text: String) -> Assignment? {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      errors.append("--set \(text) must have the form key=value")
      return nil
    }
    let path = text[..<equals].filter { $0 != " " }
    let value = String(text[text.index(after: equals)...])
    func assignment(_ section: String, _ name: String) -> Assignment {
      Assignment(section: section, name: name, value: value, text: text)
    }
    if path == RecipeSection.quick.name || path.hasPrefix(RecipeSection.quick.name + ".") {
      errors.append(
        "\(path) cannot be set: the section quick says what --quick changes; set those keys themselves"
      )
      return nil
    }
    // Two dots at least name a key of a schedule under `schedules`; one, the schedule.
    let isSchedule = path.hasPrefix("schedules.") && path.count { $0 == "." } == 1
    if let section = RecipeSection.named(path), isSchedule || !path.contains(".") {
      guard Self.isNone(value), section.isOptional else {
        let example = path == "schedules" ? "weight_decay.name=linear" : nil
        let (key, value) = section.example
        errors.append(
          "--set \(text) does not say which key of the section \(path) to set: give one, such as "
            + "\(path).\(example ?? "\(key)=\(value)")"
            + (section.isOptional ? ", or \(path)=none" : ""))
        return nil
      }
      return assignment(path, section.selector ?? "")
    }
    let isNested = path.hasPrefix("schedules.")
    guard let dot = isNested ? path.lastIndex(of: ".") : path.firstIndex(of: ".") else {
      return assignment("", path)
    }
    return assignment(String(path[..<dot]), String(path[path.index(after: dot)...]))
  }

  private func isSchedule(_ section: String) -> Bool {
    section == "schedule" || section.hasPrefix("schedules.")
  }

  /// `clip=none`, `schedules=none`.
  private mutating func switchOff(_ assignment: Assignment, among all: [Assignment]) {
    let section = assignment.section
    for name in sections.keys where name == section || name.hasPrefix(section + ".") {
      sections[name] = nil
    }
    let others = all.filter {
      !$0.name.isEmpty && ($0.section == section || $0.section.hasPrefix(section + "."))
        && !($0.name == Self.selector(of: $0.section) && Self.isNone($0.value))
    }
    if let other = others.min(by: { $0.text < $1.text }) {
      errors.append(
        "--set \(assignment.text) contradicts --set \(other.text): leave one of them out")
    }
  }

  /// Drops the keys of a section that belong to another kind.
  private mutating func choose(_ assignment: Assignment) {
    guard let entries = sections[assignment.section],
      let old = entries.first(where: { $0.name == assignment.name }), old.text != assignment.value
    else { return }
    sections[assignment.section] =
      StateStorage.split(entries).own + LayerwiseDecay.split(entries).own
  }

  private mutating func apply(_ assignment: Assignment) {
    let (section, name, value) = (assignment.section, assignment.name, assignment.value)
    if section.isEmpty { return Self.replace(name, value, in: &top) }
    if section == "optimizer", name == "groups" {
      do throws(YAMLValue.Problem) {
        groups = groupList(try YAMLValue(yaml: value))
      } catch { errors.append("optimizer.groups \(error.text)") }
      return
    }
    Self.replace(name, value, in: &sections[section, default: []])
  }

  private static func replace(_ name: String, _ text: String, in entries: inout [SettingText]) {
    if let index = entries.firstIndex(where: { $0.name == name }) {
      entries[index].text = text
    } else {
      entries.append((name, text))
    }
  }
}
