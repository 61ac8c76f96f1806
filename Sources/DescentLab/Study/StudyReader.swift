import Descent
import DescentTraining
import Foundation

/// Reads the text of a study.
struct StudyReader {
  let problems = StudyProblems()
  /// The folder that paths are relative to.
  let folder: URL
  var plan = StudyPlan()
  /// The names of all bases, also of those that cannot be read.
  private var baseNames: [String] = []
  /// Experiments and bases of which something could not be read: what is wrong with their recipes
  /// may follow from that.
  private var unclear: Set<String> = []

  static let keys = [
    "name", "question", "notes", "seeds", "bases", "recipe", "from", "set", "experiments", "claims",
    "panels", "tables", "quick",
  ]

  init(folder: URL) {
    self.folder = folder
    plan.folder = folder
  }

  mutating func read(_ tree: YAMLValue) {
    guard
      let root = StudySection(tree, at: "", problems, example: "question, recipe and experiments")
    else { return }
    root.allow(Self.keys)
    plan.tree = tree
    plan.question = root.required("question", "what is asked, in a sentence") ?? ""
    plan.notes = root.text("notes") ?? ""
    if let name = root.text("name") { plan.name = name }
    if let seeds = root.integer("seeds", 1...1000) { plan.seeds = seeds }
    for (name, section) in root.sections(
      "bases", example: "recipe", canBeGone: plan.isQuick)
    {
      baseNames.append(name)
      let said = problems.sentences.count
      section.allow(["recipe", "from", "set"])
      guard let source = source(section, or: nil) else { continue }
      plan.bases.append(
        .init(
          name: name, source: source, changes: beginning(section) + changes(section)))
      if problems.sentences.count > said { unclear.insert("bases.\(name)") }
    }
    // What is said of cells is not looked at where there are too many to make them.
    guard readExperiments(root) else { return }
    for section in root.list("claims", example: "say, metric and expect") { readClaim(section) }
    for section in root.list("panels", example: "title and show") { readPanel(section) }
    for section in root.list("tables", example: "experiment and columns") { readTable(section) }
    checkRecipes()
  }

  // MARK: Parts that several have

  /// The recipe that a section names, or another one where it names none.
  private func source(_ section: StudySection, or other: StudySection?) -> StudyPlan.Source? {
    let owner = section["recipe"] == nil ? other ?? section : section
    guard let text = owner.text("recipe") else {
      if owner["recipe"] == nil {
        problems.add(section.place("recipe"), "is missing: give a built-in recipe or a YAML file")
      }
      return nil
    }
    if let yaml = BuiltInRecipes.yaml(text) { return .init(name: text, yaml: yaml) }
    let file = URL(fileURLWithPath: text, relativeTo: folder)
    let name = file.deletingPathExtension().lastPathComponent
    guard FileManager.default.fileExists(atPath: file.path) else {
      problems.add(
        owner.place("recipe"),
        "is '\(quotable(text))', and neither a file nor a built-in recipe is called that; "
          + hint(for: text, among: BuiltInRecipes.list.map(\.name)))
      return nil
    }
    do throws(DataError) {
      return .init(name: name, yaml: try Recipe.text(of: file.path))
    } catch {
      problems.add("\(owner.place("recipe")):", "\(error)")
      return nil
    }
  }

  /// What a section says runs begin with, as a change of the recipe.
  private func beginning(_ section: StudySection) -> [String] {
    section.text("from").map { ["from=\($0)"] } ?? []
  }

  private func changes(_ section: StudySection) -> [String] {
    guard let value = section["set"] else { return [] }
    guard value.entries != nil else {
      problems.add(section.place("set"), "must have keys of the recipe, such as steps: 300")
      return []
    }
    return Recipe.changes(of: value)
  }

  // MARK: Experiments

  /// - Returns: false where the runs are too many.
  private mutating func readExperiments(_ root: StudySection) -> Bool {
    var runs = 0
    let saidBefore = problems.sentences.count
    let common = beginning(root) + changes(root)
    let isClear = problems.sentences.count == saidBefore
    let all = root.sections(
      "experiments", example: "vary: {optimizer.lr: [0.01, 0.1]}", canBeGone: plan.isQuick)
    let isGone = plan.isQuick && problems.sentences.isEmpty
    if all.isEmpty, isGone || root["experiments"]?.entries?.isEmpty ?? true {
      problems.add(
        "experiments",
        "are missing: give at least one, such as 'rate: {vary: {optimizer.lr: [0.01, 0.1]}}'")
    }
    for (name, section) in all {
      let said = problems.sentences.count
      section.allow(["title", "recipe", "from", "set", "vary", "points"])
      let axes = axes(section)
      guard let source = source(section, or: root) else { continue }
      var experiment = StudyPlan.Experiment(
        name: name, title: section.text("title") ?? name, source: source,
        changes: common + beginning(section) + changes(section),
        axes: axes, cells: [])
      runs += axes.reduce(plan.seeds) { min($0 * max(1, $1.values.count), Self.mostRuns + 1) }
      if runs > Self.mostRuns {
        problems.add("experiments", "have more than 100,000 runs: give fewer values or seeds")
        return false
      }
      experiment.cells = Self.cells(axes)
      let names = experiment.cells.map(\.label)
      if Set(names).count < names.count {
        problems.add(section.path, "has the same value twice: give each once")
      }
      if !isClear || problems.sentences.count > said { unclear.insert("experiments.\(name)") }
      plan.experiments.append(experiment)
    }
    return true
  }

  private static let mostRuns = 100_000

  private func axes(_ section: StudySection) -> [StudyPlan.Axis] {
    var axes: [StudyPlan.Axis] = []
    if let value = section["points"],
      let points = StudySection(
        value, at: section.place("points"), problems,
        example: "'all layers: {adapter.targets: all}'")
    {
      let values = points.entries.map { name, value in
        if value.entries == nil, !name.isEmpty {
          problems.add(points.place(name), "must have keys of the recipe, such as steps: 300")
        }
        return (name: name, changes: Recipe.changes(of: value))
      }
      if values.isEmpty { problems.add(points.path, "are empty: give at least one point") }
      axes.append(.init(key: "points", label: "points", values: values))
    }
    if let value = section["vary"],
      let keys = StudySection(
        value, at: section.place("vary"), problems, example: "optimizer.lr: [0.01, 0.1]")
    {
      if keys.entries.isEmpty { problems.add(keys.path, "is empty: give a key and its values") }
      for (key, value) in keys.entries {
        guard key != "seed" else {
          problems.add(keys.place(key), "cannot be varied: every cell has runs of as many seeds")
          continue
        }
        guard case .list(let items) = value, !items.isEmpty else {
          problems.add(
            keys.place(key), "has no values: give a list, such as [0.01, 0.1]")
          continue
        }
        let values = items.map { item -> (name: String, changes: [String]) in
          let changes = Recipe.changes(of: item, at: key)
          let texts = changes.map { String($0.dropFirst(key.count + 1)) }
          return (texts.joined(separator: " ").filter { $0 != "\"" }, changes)
        }
        axes.append(.init(key: key, label: key, values: values))
      }
    } else if section["points"] == nil {
      problems.add(
        section.path, "varies nothing: give vary, such as {optimizer.lr: [0.01, 0.1]}, or points")
    }
    for index in axes.indices {
      let end = axes[index].key.split(separator: ".").last.map(String.init) ?? axes[index].key
      let isClear =
        axes.count { $0.key == end || $0.key.hasSuffix("." + end) } == 1 && end != "name"
      if isClear { axes[index].label = end }
    }
    return axes
  }

  static func cells(_ axes: [StudyPlan.Axis]) -> [StudyPlan.Cell] {
    guard !axes.isEmpty, axes.allSatisfy({ !$0.values.isEmpty }) else { return [] }
    var places: [[Int]] = [[]]
    for axis in axes {
      places = places.flatMap { start in axis.values.indices.map { start + [$0] } }
    }
    return places.map { places in
      let parts = zip(axes, places).map { axis, place in (axis, axis.values[place]) }
      func joined(_ name: (StudyPlan.Axis) -> String) -> String {
        parts.map { $0.0.key == "points" ? $0.1.name : "\(name($0.0))=\($0.1.name)" }
          .joined(separator: ", ")
      }
      let label = joined(\.label)
      let names = [label, joined(\.key), parts.map(\.1.name).joined(separator: ", ")]
      return StudyPlan.Cell(
        label: label, places: places, changes: parts.flatMap(\.1.changes),
        names: Set(names.map(StudyPlan.Experiment.plain)))
    }
  }

  // MARK: Recipes

  /// What is wrong with any of the recipes; what all cells of an experiment have wrong is said
  /// once.
  private func checkRecipes() {
    for (index, base) in plan.bases.enumerated() {
      let place = "bases.\(base.name)"
      if unclear.contains(place) { continue }
      do throws(RecipeError) {
        let recipe = try Recipe(yaml: base.source.yaml, overrides: base.changes)
        // Of the bases only those before it are there.
        if let from = recipe.run.from, plan.bases[index...].contains(where: { $0.name == from }) {
          problems.add(
            "\(place).from",
            "is '\(quotable(from))', which does not stand before it: a base begins with one above it"
          )
        } else if let sentence = problem(
          ofFrom: recipe, Array(baseNames.prefix { $0 != base.name }))
        {
          problems.add("\(place).from", sentence)
        }
      } catch {
        for sentence in error.problems { problems.add("\(place):", sentence) }
      }
    }
    for experiment in plan.experiments where !unclear.contains("experiments.\(experiment.name)") {
      var said: [(sentence: String, cells: [String])] = []
      var known: [String: String] = [:]
      for cell in experiment.cells {
        func say(_ sentence: String) {
          if let index = said.firstIndex(where: { $0.sentence == sentence }) {
            said[index].cells.append(cell.label)
          } else {
            said.append((sentence, [cell.label]))
          }
        }
        do throws(RecipeError) {
          let recipe = try plan.recipe(experiment, cell, run: 0)
          if let sentence = problem(ofFrom: recipe, baseNames) {
            say("from \(sentence)")
          }
          let key = StudyTrial("", recipe, from: recipe.run.from).key
          if let other = known[key] {
            problems.add(
              "experiments.\(experiment.name)",
              "has the same run as '\(other)' and as '\(cell.label)': leave one of them out")
          } else {
            known[key] = cell.label
          }
        } catch { error.problems.forEach(say) }
      }
      for (sentence, cells) in said {
        let isAll = cells.count == experiment.cells.count && cells.count > 1
        problems.add("experiments.\(experiment.name)\(isAll ? "" : ", \(few(cells))"):", sentence)
      }
    }
  }

  /// What is wrong with what a run begins with; nil where nothing is.
  private func problem(ofFrom recipe: Recipe, _ bases: [String]) -> String? {
    guard let from = recipe.run.from, !bases.contains(from),
      BuiltInRecipes.yaml(from) == nil,
      !FileManager.default.fileExists(atPath: plan.path(of: from))
    else { return nil }
    return
      "is '\(quotable(from))', and neither a base nor a run, a checkpoint or a file is called that"
      + (bases.isEmpty ? "" : "; \(hint(for: from, among: bases))")
  }
}
