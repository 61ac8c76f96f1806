import DescentTraining
import Testing

@Suite("Changing single values in the text of a recipe") struct RecipeTextEditTests {
  @Test(
    "the value changes, and nothing else",
    arguments: [
      (
        "optimizer:\n  name: adamw\n  lr: 1e-3  # mine\n", "optimizer.lr",
        "optimizer:\n  name: adamw\n  lr: 0.02  # mine\n"
      ),
      (
        "# top\nsteps: 3\noptimizer: {lr: 0.1, name: sgd}\n", "optimizer.lr",
        "# top\nsteps: 3\noptimizer: {lr: 0.02, name: sgd}\n"
      ),
      (
        "optimizer:\n    name: sgd # why\n    momentum: 0.9\nsteps: 3", "optimizer.lr",
        "optimizer:\n    name: sgd # why\n    lr: 0.02\n    momentum: 0.9\nsteps: 3"
      ),
      ("optimizer: {name: sgd}", "optimizer.lr", "optimizer: {name: sgd, lr: 0.02}"),
      ("optimizer:\n  name: sgd", "optimizer.lr", "optimizer:\n  name: sgd\n  lr: 0.02"),
      (
        "optimizer:\n  lr: \"1e-3\"\n  name: sgd\n", "optimizer.lr",
        "optimizer:\n  lr: 0.02\n  name: sgd\n"
      ),
      (
        "optimizer:\r\n  name: sgd\r\n  lr: 1\r\n", "optimizer.lr",
        "optimizer:\r\n  name: sgd\r\n  lr: 0.02\r\n"
      ),
      (
        "# größer\nmodel: {kind: mlp} # é\noptimizer: {name: sgd, lr: 1}\n", "optimizer.lr",
        "# größer\nmodel: {kind: mlp} # é\noptimizer: {name: sgd, lr: 0.02}\n"
      ),
      (
        "optimizer:\n  lr: 1\n  groups:\n    - {match: a, lr: 1}\n    - lr: 1\n      match: b\n",
        "optimizer.groups[2].lr",
        "optimizer:\n  lr: 1\n  groups:\n    - {match: a, lr: 1}\n    - lr: 0.02\n      match: b\n"
      ),
      (
        "optimizer:\n  groups:\n    - match: b\n      optimizer: muon\n", "optimizer.groups[1].lr",
        "optimizer:\n  groups:\n    - match: b\n      lr: 0.02\n      optimizer: muon\n"
      ),
      (
        "schedule: {name: OneCycleLR, max_lr: 0.1}\n", "schedule.max_lr",
        "schedule: {name: OneCycleLR, max_lr: 0.02}\n"
      ),
    ])
  func changes(before: String, key: String, after: String) throws {
    var text = RecipeText(before)
    try text.set(key, to: "0.02")
    #expect(text.yaml == after)
  }

  @Test(
    "what cannot be changed alone is refused, and stays",
    arguments: [
      "x: &rate 1e-3\noptimizer:\n  name: sgd\n  lr: *rate\n",
      "base: &base {lr: 1e-3}\noptimizer:\n  <<: *base\n",
      "optimizer:\n", "- 1\n", "", "optimizer: [1, 2]\n", "optimizer: {lr: [1]}\n",
      "optimizer: {", "optimizer: {lr: {a: 1}}\n",
    ])
  func refuses(yaml: String) {
    var text = RecipeText(yaml)
    #expect(throws: RecipeError.self) { try text.set("optimizer.lr", to: "0.02") }
    #expect(text.yaml == yaml)
  }

  @Test("every built-in recipe", arguments: BuiltInRecipes.list.map(\.name))
  func builtIn(name: String) throws {
    let before = try #require(BuiltInRecipes.whole(name))
    var text = RecipeText(before)
    try text.set("optimizer.lr", to: "0.0123")
    let changed = zip(before.split(separator: "\n"), text.yaml.split(separator: "\n"))
      .filter { $0 != $1 }
    #expect(changed.count == 1 && changed.first?.1.contains("lr: 0.0123") == true)
    #expect(
      try Recipe(yaml: text.yaml).yaml
        == Recipe(yaml: before, overrides: ["optimizer.lr=0.0123"]).yaml)
  }
}
