import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Hyperparameters for another optimizer") struct HyperparameterConversionTests {
  /// A conversion and some of what it gives: values with their ranges.
  struct Case: Sendable, CustomTestStringConvertible {
    let from: String
    let to: String
    let set: [String]
    var batch: [Int] = []
    let gives: [String: [Double]]
    var testDescription: String { "\(from) to \(to) \(set) \(batch)" }

    func run() throws -> HyperparameterConversion {
      let texts = set.map { text -> (name: String, text: String) in
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        return (parts[0], parts[1])
      }
      return try HyperparameterConversion(
        from: from, to: to, settings: texts,
        batches: batch.isEmpty ? nil : (batch[0], batch[1]))
    }
  }

  static let cases: [Case] = [
    Case(
      from: "adamw", to: "lion", set: ["lr=3e-4", "weight_decay=0.1"],
      gives: [
        "lr": [6e-5, 3e-5, 1e-4], "weight_decay": [0.5, 0.3, 1], "betas[0]": [0.9, 0.9, 0.95],
        "betas[1]": [0.99, 0.98, 0.99],
      ]),
    Case(
      from: "lion", to: "adamw", set: ["lr=6e-5", "weight_decay=0.5"],
      gives: ["lr": [3e-4, 1.8e-4, 6e-4], "weight_decay": [0.1, 0.05, 0.1667]]),
    Case(
      from: "adamw", to: "muon", set: ["lr=3e-4", "weight_decay=0.1", "betas=0.9,0.95"],
      gives: [
        "lr": [3e-4, 3e-4, 6e-4], "adamw_lr": [3e-4], "weight_decay": [0.1],
        "adamw_betas[1]": [0.95],
      ]),
    Case(
      from: "muon", to: "adamw", set: ["lr=3e-4", "adjust_lr_fn=match_rms_adamw"],
      gives: ["lr": [3e-4, 1.5e-4, 3e-4], "weight_decay": [0.1]]),
    Case(
      from: "muon", to: "adamw", set: ["lr=0.02", "adamw_lr=2e-4"], gives: ["lr": [2e-4]]),
    Case(
      from: "adamw", to: "sophia", set: ["lr=1e-3", "weight_decay=0.1"],
      gives: [
        "lr": [8e-4, 5e-4, 1e-3], "weight_decay": [0.2, 0.1, 0.2], "rho": [0.04, 0.03, 0.08],
      ]),
    Case(
      from: "lion", to: "sophia-g", set: ["lr=1e-4", "weight_decay=1"],
      gives: ["lr": [4e-4, 3e-4, 5e-4]]),
    Case(
      from: "adamw", to: "prodigy", set: ["lr=3e-4", "weight_decay=0.1"],
      gives: ["lr": [1], "weight_decay": [0.1], "betas[1]": [0.999]]),
    Case(from: "prodigy", to: "adamw", set: ["lr=1", "d=2e-4"], gives: ["lr": [2e-4]]),
    Case(
      from: "adamw", to: "adafactor", set: ["lr=1e-3", "weight_decay=0"],
      gives: ["lr": [1e-3], "weight_decay": [0]]),
    Case(
      from: "adafactor", to: "adamw",
      set: ["lr=1e-3", "relative_step=false", "scale_parameter=false"], gives: ["lr": [1e-3]]),
    Case(
      from: "adamw", to: "sgd", set: ["lr=1e-3", "weight_decay=0.1"],
      gives: [
        "lr": [0.1, 0.01, 1], "momentum": [0.9, 0.8, 0.98], "weight_decay": [1e-4, 1e-5, 1e-3],
      ]
    ),
    Case(
      from: "sgd", to: "adamw", set: ["lr=0.1", "weight_decay=5e-4"],
      gives: ["lr": [1e-3, 1e-4, 1e-2], "weight_decay": [0.05, 0.005, 0.5]]),
    Case(from: "adam", to: "adamw", set: ["lr=1e-3"], gives: ["lr": [1e-3], "betas[0]": [0.9]]),
    Case(
      from: "adamw", to: "schedule-free-adamw", set: ["lr=1e-3"],
      gives: ["lr": [3e-3, 1e-3, 1e-2]]),
    Case(from: "sgd", to: "schedule-free-sgd", set: ["lr=0.1"], gives: ["lr": [1, 1, 5]]),
    Case(
      from: "sgd", to: "sgd", set: ["lr=0.1", "momentum=0.9"], batch: [256, 2048],
      gives: ["lr": [0.8, 0.2828, 0.8], "momentum": [0.9]]),
    Case(
      from: "sgd", to: "sgd", set: ["lr=0.8", "momentum=0.9"], batch: [2048, 256],
      gives: ["lr": [0.1, 0.1, 0.2828]]),
    Case(
      from: "adamw", to: "adamw", set: ["lr=3e-4", "betas=0.9,0.999"], batch: [64, 256],
      gives: [
        "lr": [6e-4, 3e-4, 1.2e-3], "betas[0]": [0.9], "betas[1]": [0.996, 0.996, 0.999],
        "eps": [5e-9, 5e-9, 1e-8], "weight_decay": [0.02, 0.01, 0.02],
      ]),
    Case(
      from: "adamw", to: "adamw", set: ["lr=3e-4", "betas=0.9,0.95"], batch: [1, 64],
      gives: ["lr": [2.4e-3, 3e-4, 0.0192], "betas[1]": [0.95]]),
    Case(
      from: "adamw", to: "adamw", set: ["lr=3e-4"], batch: [64, 1],
      gives: ["betas[1]": [1 - 1e-3 / 64, 0.999, 1 - 1e-3 / 64]]),
    Case(
      from: "sgd", to: "adamw", set: ["lr=0.1", "weight_decay=5e-4", "momentum=0.9"],
      gives: ["weight_decay": [0.5, 0.05, 5]]),
    Case(
      from: "schedule-free-sgd", to: "sgd", set: ["lr=1"], gives: ["lr": [0.1, 0.02, 0.1]]),
    Case(
      from: "adam", to: "muon", set: ["lr=1e-3", "weight_decay=0.1"],
      gives: ["weight_decay": [0]]),
    Case(
      from: "adam", to: "adam", set: ["lr=1e-3", "weight_decay=0.1"], batch: [64, 256],
      gives: ["weight_decay": [0.1]]),
    Case(
      from: "adamw", to: "lion", set: ["lr=3e-4"], batch: [64, 256],
      gives: ["lr": [1.2e-4, 3e-5, 4e-4]]),
  ]

  @Test("values and ranges are those of the sources", arguments: cases)
  func values(_ item: Case) throws {
    let conversion = try item.run()
    for (setting, expected) in item.gives {
      let rule = try #require(conversion.rules.first { $0.setting == setting }, "\(setting)")
      guard case .number(let value) = rule.value else {
        Issue.record("\(setting) is no number")
        continue
      }
      let range = rule.range ?? value...value
      let found = [value, range.lowerBound, range.upperBound]
      let wanted = expected.count == 1 ? [expected[0], expected[0], expected[0]] : expected
      for (a, b) in zip(found, wanted) {
        #expect(abs(a - b) <= 2e-3 * max(abs(b), 1e-12), "\(setting): \(found)")
      }
    }
  }

  @Test("what comes out can be put into a recipe, and every rule has a source", arguments: cases)
  func recipe(_ item: Case) throws {
    let conversion = try item.run()
    let texts = conversion.settings.map { ($0.name, $0.value.text) }
    _ = try OptimizerPlan(
      OptimizerPlan.Texts(["optimizer": [("name", conversion.to)] + texts]))
    #expect(conversion.rules.allSatisfy { !$0.rule.isEmpty && !$0.source.isEmpty })
    let yaml = try #require(BuiltInRecipes.yaml("digits-mlp"))
    let overrides = conversion.assignments.split(separator: " ").filter { $0 != "--set" }
    _ = try Recipe(yaml: yaml, overrides: overrides.map(String.init))
    #expect(HyperparameterPage.about(conversion).text(width: 80).contains("Source: "))
  }

  @Test("the race keeps lr times weight_decay where the rule does") func race() throws {
    let page = HyperparameterPage.about(try Self.cases[0].run()).text(width: 400)
    for part in [
      "lion(lr=3e-05,weight_decay=1.0,", "lion(lr=6e-05,weight_decay=0.5,",
      "lion(lr=0.0001,weight_decay=0.3,",
    ] {
      #expect(page.contains(part))
    }
  }

  @Test("settings that no rule takes up are named") func left() throws {
    let conversion = try Case(
      from: "adamw", to: "lion", set: ["lr=3e-4", "amsgrad=true"], gives: [:]
    ).run()
    #expect(conversion.notes.contains { $0.hasPrefix("amsgrad=true is not converted") })
    let twice = try Case(
      from: "adam", to: "adamw", set: ["lr=1e-3"], batch: [64, 256], gives: [:]
    ).run()
    #expect(twice.rules[0].rule.contains("grows") && !twice.rules[0].rule.contains("stays"))
  }

  @Test("all pairs convert or say why not") func pairs() {
    let rates = ["adafactor": ["lr=1e-3", "relative_step=false", "scale_parameter=false"]]
    for from in HyperparameterConversion.known {
      for to in HyperparameterConversion.known where from != to {
        for batch in [[], [32, 64]] {
          var set = rates[from] ?? ["lr=1e-3"]
          if from == "prodigy" { set.append("d=1e-3") }
          if from == "muon" { set.append("adamw_lr=1e-3") }
          do {
            let conversion = try Case(from: from, to: to, set: set, batch: batch, gives: [:]).run()
            #expect(conversion.rules.first?.setting == "lr", "\(from) to \(to)")
          } catch { #expect("\(error)".contains("no source"), "\(from) to \(to): \(error)") }
        }
      }
    }
  }

  static let refused: [(Case, String)] = [
    (Case(from: "lion", to: "lion", set: ["lr=1e-4"], batch: [32, 64], gives: [:]), "no source"),
    (Case(from: "lion", to: "muon", set: ["lr=1e-4"], batch: [32, 64], gives: [:]), "no source"),
    (Case(from: "adamw", to: "lamb", set: [], gives: [:]), "no source"),
    (Case(from: "adamw", to: "lyon", set: [], gives: [:]), "did you mean 'lion'?"),
    (Case(from: "adamw", to: "adamw", set: [], gives: [:]), "nothing to convert"),
    (Case(from: "adafactor", to: "adamw", set: [], gives: [:]), "relative"),
    (Case(from: "muon", to: "adamw", set: ["lr=0.02"], gives: [:]), "adamw_lr"),
    (Case(from: "adamw", to: "adamw", set: [], batch: [64, 64], gives: [:]), "nothing to convert"),
    (Case(from: "adamw", to: "schedule-free-adamw", set: ["lr=1e308"], gives: [:]), "too large"),
    (Case(from: "sgd", to: "schedule-free-sgd", set: ["lr=0"], gives: [:]), "give the learning"),
    (Case(from: "prodigy", to: "adamw", set: ["lr=1"], gives: [:]), "last d"),
    (Case(from: "prodigy", to: "adamw", set: ["d=nan"], gives: [:]), "above 0"),
    (Case(from: "adamw", to: "lion", set: ["lr=0"], gives: [:]), "give the learning rate"),
    (Case(from: "adamw", to: "lion", set: ["lr=-1"], gives: [:]), "lr"),
    (Case(from: "adamw", to: "lion", set: ["lr=x"], gives: [:]), "lr"),
    (Case(from: "adamw", to: "lion", set: ["lr=1", "lr=2"], gives: [:]), "twice"),
    (Case(from: "adamw", to: "lion", set: ["wd=1"], gives: [:]), "wd"),
    (Case(from: "sgd", to: "sgd", set: ["lr=1"], batch: [0, 64], gives: [:]), "out of range"),
    (Case(from: "schedule-free-sgd", to: "adamw", set: [], gives: [:]), "no source"),
  ]

  @Test("what no source supports, and bad input, is refused in a sentence", arguments: refused)
  func refuses(_ item: Case, _ words: String) {
    let error = #expect(throws: RecipeError.self) { _ = try item.run() }
    let sentence = error?.description ?? ""
    #expect(sentence.contains(words), "\(sentence)")
  }
}
