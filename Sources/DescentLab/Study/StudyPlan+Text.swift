import Descent
public import DescentTraining
public import Foundation

extension StudyPlan {
  /// Reads a study.
  ///
  /// - Parameters:
  ///   - yaml: its text.
  ///   - name: what it is called, unless it says so itself.
  ///   - folder: what its paths are relative to.
  ///   - isQuick: whether its section `quick` is laid over it.
  ///   - seeds: the runs of each cell, in the place of those that it says.
  ///   - changes: what is changed in every run of its experiments: `steps=100`.
  /// - Throws: all that is wrong, at once; also what would be with `quick`.
  public init(
    yaml: String, name: String, folder: URL, isQuick: Bool = false, seeds: Int? = nil,
    changes: [String] = []
  ) throws(RecipeError) {
    let whole: YAMLValue
    do throws(YAMLValue.Problem) { whole = try YAMLValue(yaml: yaml) } catch {
      throw RecipeError(problems: ["the study \(name) \(error.text)"])
    }
    guard let entries = whole.entries else {
      throw RecipeError(problems: [
        "the study \(name) has no keys; it must have a question, a recipe and experiments"
      ])
    }
    let plain = YAMLValue.map(entries.filter { $0.key != "quick" })
    var problems: [String] = []
    /// Of the short form, what is not wrong without it.
    func read(_ tree: YAMLValue, isQuick: Bool) -> StudyPlan {
      var reader = StudyReader(folder: folder)
      (reader.plan.isQuick, reader.plan.name) = (isQuick, name)
      let tree = tree.with(seeds: seeds).with(changes: changes)
      reader.read(tree)
      for text in changes { reader.check(change: text) }
      problems += reader.problems.sentences.filter { !problems.contains($0) }
        .map { isQuick ? "with quick: \($0)" : $0 }
      return reader.plan
    }
    self = read(plain, isQuick: false)
    if let quick = whole["quick"] {
      if quick.entries == nil {
        problems.append("quick must have keys of the study, such as seeds: 1")
      } else {
        let quick = read(plain.overlaid(with: quick), isQuick: true)
        if isQuick { self = quick }
      }
    } else if isQuick {
      problems.append(
        "the study \(name) says nothing about --quick: add a section such as 'quick: {seeds: 1, "
          + "set: {steps: 100}}'")
    }
    if !problems.isEmpty { throw RecipeError(problems: problems.uniqued { $0 }) }
    self.changes = changes
  }

  /// The study in a file.
  ///
  /// - Throws: what is wrong with it, and `DataError` where it cannot be read.
  public init(
    file path: String, isQuick: Bool = false, seeds: Int? = nil, changes: [String] = []
  ) throws {
    let file = URL(fileURLWithPath: path)
    try self.init(
      yaml: Recipe.text(of: path), name: file.deletingPathExtension().lastPathComponent,
      folder: file.deletingLastPathComponent(), isQuick: isQuick, seeds: seeds, changes: changes)
  }

  /// The recipe of a run.
  ///
  /// - Parameter run: its number, from 0; runs differ by their seeds.
  /// - Throws: all that is wrong with it.
  package func recipe(
    _ experiment: Experiment, _ cell: Cell, run: Int
  ) throws(RecipeError) -> Recipe {
    let changes = experiment.changes + cell.changes
    var recipe = try Recipe(yaml: experiment.source.yaml, overrides: changes)
    recipe.keepsLittle(unless: changes)
    recipe.run.seed = recipe.run.seed(ofRun: run)
    return recipe
  }

  /// The absolute path of what lies beside the study by this name; else the name.
  func path(of name: String) -> String {
    let file = URL(fileURLWithPath: name, relativeTo: folder)
    return FileManager.default.fileExists(atPath: file.path)
      ? file.absoluteURL.standardizedFileURL.path : name
  }

  /// The text of the study as it is kept in its folder, with the names of the recipes that lie
  /// beside it.
  func written() -> (yaml: String, recipes: [(name: String, yaml: String)]) {
    var recipes: [Source] = []
    func file(_ source: Source) -> String {
      var source = source
      var n = 2
      while let other = recipes.first(where: { $0.name == source.name }), other.yaml != source.yaml
      {
        (source.name, n) = ("\(source.name.prefix { $0 != "~" })~\(n)", n + 1)
      }
      if !recipes.contains(source) { recipes.append(source) }
      return "recipes/\(source.name).yaml"
    }
    /// Its entries, with the recipe that lies beside it and a path that holds from any folder.
    func located(_ section: YAMLValue, _ source: Source?) -> [(key: String, value: YAMLValue)] {
      var own = (section.entries ?? []).filter { $0.key != "recipe" }
      if let source { own.insert(("recipe", .text(file(source))), at: 0) }
      return own.map { key, value in
        guard key == "from", case .text(let name) = value,
          !bases.contains(where: { $0.name == name })
        else { return (key, value) }
        return (key, .text(path(of: name)))
      }
    }
    var root = located(tree, nil).filter { $0.key != "name" }
    root.insert(("name", .text(name)), at: 0)
    func change(_ section: String, _ name: String, _ source: Source) {
      guard let place = root.firstIndex(where: { $0.key == section }),
        let part = root[place].value[name]
      else { return }
      root[place].value = .map(
        (root[place].value.entries ?? []).map {
          $0.key == name ? (name, .map(located(part, source))) : $0
        })
    }
    for base in bases { change("bases", base.name, base.source) }
    for one in experiments { change("experiments", one.name, one.source) }
    return (YAMLValue.map(root).yaml, recipes.map { ($0.name, $0.yaml) })
  }
}

extension Recipe {
  /// No more checkpoints than resuming needs, unless they were asked for.
  mutating func keepsLittle(unless changes: [String]) {
    func isSet(_ key: String) -> Bool { changes.contains { $0.hasPrefix("checkpoint.\(key)=") } }
    if !isSet("keep") { checkpoint.keep = 1 }
    if !isSet("best") { checkpoint.keepsBest = false }
    if !isSet("minutes") { checkpoint.minutes = nil }
    // Spikes need checkpoints to go back to.
    if !isSet("every"), spike.factor == nil { checkpoint.every = 0 }
  }
}

extension StudyReader {
  /// Says what is wrong with a change of the command line.
  func check(change text: String) {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      return problems.add("", "--set \(quotable(text)) must have the form key=value")
    }
    let key = text[...equals]
    for experiment in plan.experiments {
      for axis in experiment.axes
      where axis.values.contains(where: { $0.changes.contains { $0.hasPrefix(key) } }) {
        problems.add(
          "",
          "--set \(quotable(text)) would change what the experiment '\(experiment.name)' varies: "
            + "leave it out, or change the study")
      }
    }
  }
}

extension YAMLValue {
  fileprivate func with(seeds: Int?) -> YAMLValue {
    guard let seeds else { return self }
    return overlaid(with: .map([("seeds", .text("\(seeds)"))]))
  }

  /// The study with more in the `set` of every experiment.
  fileprivate func with(changes: [String]) -> YAMLValue {
    guard !changes.isEmpty, case .map(var root) = self,
      let place = root.firstIndex(where: { $0.key == "experiments" }),
      let all = root[place].value.entries
    else { return self }
    let added = changes.compactMap { text -> (key: String, value: YAMLValue)? in
      guard let equals = text.firstIndex(of: "=") else { return nil }
      return (String(text[..<equals]), .text(String(text[text.index(after: equals)...])))
    }
    root[place].value = .map(
      all.map { name, value in
        guard value.entries != nil else { return (name, value) }
        var own = value["set"]?.entries ?? []
        for change in added {
          own.removeAll { $0.key == change.key }
          own.append(change)
        }
        return (name, value.overlaid(with: .map([("set", .map(own))])))
      })
    return .map(root)
  }
}
