import Descent
import DescentNN
import DescentTraining
import Foundation
import Testing

/// A setting of a kind of model or data, as recipes write it.
private typealias Key = (name: String, standard: String, other: String, bad: [(String, String)])

/// A kind of model or data: where it stands in a recipe, all its settings, what makes it whole.
private struct Kind: CustomTestStringConvertible, Sendable {
  let section: String
  let name: String
  /// A kind of the other section that goes with it.
  let partner: String
  /// What has no default and must be given.
  let given: [String]
  let keys: [Key]
  var testDescription: String { "\(section).kind=\(name)" }

  static let all: [Kind] = [
    Kind(
      section: "model", name: "gpt", partner: "text", given: [],
      keys: [
        ("layers", "4", "2", [("0", "must be at least 1"), ("2.5", "takes a whole number")]),
        ("heads", "4", "8", [("0", "must be at least 1"), ("3", "does not divide width=128")]),
        ("width", "128", "64", [("-1", "must be at least 1"), ("wide", "takes a whole number")]),
        ("context", "64", "8", [("0", "must be at least 1")]),
        ("dropout", "0", "0.1", [("1", "must be at least 0 and below 1"), ("-0.1", "at least 0")]),
        ("bias", "false", "true", [("maybe", "takes true or false")]),
        ("recompute", "none", "layers", [("some", "takes none, layers, or the megabytes")]),
      ]),
    Kind(
      section: "model", name: "huggingface", partner: "text", given: ["from=folder"],
      keys: [
        ("from", "folder", "other", []),
        ("recompute", "none", "layers", [("some", "takes none, layers, or the megabytes")]),
      ]),
    Kind(
      section: "model", name: "mlp", partner: "digits", given: [],
      keys: [
        ("hidden", "128,64", "8", [("8,0", "must be at least 1"), ("a", "takes a whole number")]),
        (
          "activation", "relu", "square", [("tan", "did you mean 'tanh'?"), ("max", "one of relu")]
        ),
        ("dropout", "0", "0.1", [("1", "must be at least 0 and below 1")]),
      ]),
    Kind(
      section: "model", name: "cnn", partner: "digits", given: [],
      keys: [
        ("channels", "32,64", "4", [("0", "must be at least 1"), ("4,b", "takes a whole number")]),
        ("dropout", "0", "0.1", [("1", "must be at least 0 and below 1")]),
        ("recompute", "none", "16", [("-1", "takes none, layers, or the megabytes")]),
      ]),
    Kind(
      section: "model", name: "vit", partner: "digits", given: [],
      keys: [
        ("patch", "2", "4", [("0", "must be at least 1")]),
        ("layers", "4", "2", [("0", "must be at least 1")]),
        ("heads", "4", "8", [("0", "must be at least 1"), ("3", "does not divide width=64")]),
        ("width", "64", "32", [("0", "must be at least 1")]),
        ("dropout", "0", "0.1", [("1", "must be at least 0 and below 1")]),
        ("recompute", "none", "16", [("-1", "takes none, layers, or the megabytes")]),
      ]),
    Kind(
      section: "model", name: "gan", partner: "digits", given: [],
      keys: [
        ("latent", "32", "8", [("0", "must be at least 1"), ("some", "takes a whole number")]),
        ("channels", "64,32", "4", [("0", "must be at least 1"), ("4,b", "takes a whole number")]),
      ]),
    Kind(
      section: "model", name: "diffusion", partner: "digits", given: [],
      keys: [
        ("patch", "2", "4", [("0", "must be at least 1")]),
        ("layers", "3", "2", [("0", "must be at least 1")]),
        ("heads", "4", "8", [("0", "must be at least 1"), ("3", "does not divide width=64")]),
        ("width", "64", "32", [("0", "must be at least 1")]),
        ("dropout", "0", "0.1", [("1", "must be at least 0 and below 1")]),
        ("timesteps", "1000", "100", [("0", "must be from 1"), ("10", "take at most as many")]),
        (
          "noise", "cosine", "linear",
          [("cosin", "did you mean 'cosine'?"), ("quadratic", "linear")]
        ),
        ("label_dropout", "0.1", "0.2", [("2", "from 0 to 1"), ("0", "above 0, such as 0.1")]),
        ("guidance", "2", "1", [("-1", "must be from 0 to")]),
        ("sampling_steps", "20", "10", [("0", "must be at least 1")]),
        ("samples", "10", "2", [("0", "must be from 1 to 1000")]),
      ]),
    Kind(
      section: "model", name: "ppo", partner: "environment", given: [],
      keys: [
        ("hidden", "64,64", "8", [("8,0", "must be at least 1")]),
        ("passes", "4", "10", [("0", "must be from 1 to 1000")]),
        ("discount", "0.99", "0.9", [("1.1", "must be from 0 to 1")]),
        ("gae_lambda", "0.95", "1", [("-1", "must be from 0 to 1")]),
        ("clip_range", "0.2", "0.1", [("0", "must be above 0")]),
        ("clip_values", "true", "false", [("some", "takes true or false")]),
        ("value_weight", "0.5", "1", [("-1", "must be at least 0")]),
        ("entropy_weight", "0.01", "0", [("-1", "must be at least 0")]),
        ("normalize_advantages", "true", "false", [("2", "takes true or false")]),
      ]),
    Kind(
      section: "data", name: "text", partner: "gpt", given: [],
      keys: [
        ("path", "none", "book.txt", []),
        ("tokenizer", "none", "byte", [("chat", "takes byte or char"), ("bite", "'byte'?")]),
        ("context", "none", "16", [("0", "must be at least 1")]),
        ("test_path", "none", "other.txt", []),
        ("validation_fraction", "0.1", "0.2", [("0", "above 0 and below 1"), ("1", "below 1")]),
        ("old_path", "none", "old.txt", []),
        ("pack", "true", "false", [("2", "takes true or false")]),
        ("cache", "none", "book.tokens", []),
      ]),
    Kind(
      section: "data", name: "digits", partner: "mlp", given: [],
      keys: [
        ("validation_fraction", "0.2", "0.5", [("0", "above 0 and below 1"), ("x", "a number")]),
        (
          "classes", "0,1,2,3,4,5,6,7,8,9", "3,8",
          [("10", "must be from 0 to 9"), ("3,3", "twice"), ("[]", "at least one digit")]
        ),
        ("inverted", "false", "true", [("dark", "takes true or false")]),
      ]),
    Kind(
      section: "data", name: "idx", partner: "cnn",
      given: ["images=a.idx", "labels=b.idx", "test_images=t.idx", "test_labels=u.idx"],
      keys: [
        ("path", "none", "mnist", []),
        ("images", "a.idx", "c.idx", [("none", "data: images is missing")]),
        ("labels", "b.idx", "c.idx", [("none", "data: labels is missing")]),
        ("test_images", "t.idx", "c.idx", [("none", "data: test_images is missing")]),
        ("test_labels", "u.idx", "c.idx", [("none", "data: test_labels is missing")]),
        ("validation_fraction", "0.1", "0.2", [("1", "above 0 and below 1")]),
      ]),
    Kind(
      section: "data", name: "csv", partner: "mlp", given: ["path=a.csv"],
      keys: [
        ("path", "a.csv", "c.csv", [("none", "data: path is missing: give the table's file")]),
        ("label", "-1", "species", []),
        ("task", "auto", "regression", [("numbers", "one of auto, classification, regression")]),
        ("header", "auto", "true", [("maybe", "takes one of auto, true, false")]),
        ("test_path", "none", "t.csv", []),
        ("validation_fraction", "0.1", "0.2", [("1", "above 0 and below 1")]),
      ]),
    Kind(
      section: "data", name: "modular", partner: "mlp", given: [],
      keys: [
        (
          "modulus", "47", "8",
          [("1", "from 2 to 256"), ("257", "from 2 to 256"), ("2.5", "whole")]
        ),
        ("operation", "add", "multiply", [("divide", "takes one of add, subtract, multiply")]),
        ("validation_fraction", "0.5", "0.2", [("1", "above 0 and below 1")]),
      ]),
    Kind(
      section: "data", name: "environment", partner: "ppo", given: [],
      keys: [
        ("name", "cartpole", "cartpole", [("cartpol", "cartpole"), ("pong", "one of cartpole")]),
        ("environments", "8", "4", [("0", "must be from 1 to 1024")]),
        ("rollout", "128", "32", [("0", "must be from 1 to 16384")]),
        ("episodes", "100", "10", [("0", "must be from 1 to 10000")]),
      ]),
  ]

  /// A recipe with this kind and its partner.
  func recipe(_ changes: [String]) throws(RecipeError) -> Recipe {
    let other = section == "model" ? "data" : "model"
    return try Recipe(
      yaml: """
        steps: 1
        \(section): {kind: \(name)}
        \(other): {kind: \(partner)}
        optimizer: {name: sgd}
        """,
      overrides: (given + changes).map { "\(section).\($0)" })
  }

  /// The settings of the kind in a recipe.
  func resolved(_ recipe: Recipe) -> [String] {
    let settings = section == "model" ? recipe.model.resolved : recipe.data.resolved
    return settings.map { "\($0.name)=\($0.value)" }
  }
}

@Suite("Kinds of models and data") struct KindTests {
  let files = try! TemporaryFiles()

  @Test("the registries hold these kinds, each under one name") func registered() {
    func names(_ section: String) -> [String] {
      Kind.all.filter { $0.section == section }.map(\.name)
    }
    #expect(ModelKinds.all.map { $0.name } == names("model"))
    #expect(DataKinds.all.map { $0.name } == names("data"))
  }

  @Test("each has the defaults that its page says, and no other settings", arguments: Kind.all)
  private func defaults(_ kind: Kind) throws {
    let recipe = try kind.recipe([])
    #expect(kind.resolved(recipe) == kind.keys.map { "\($0.name)=\($0.standard)" })
  }

  @Test("each setting is changed by name, and survives YAML", arguments: Kind.all)
  private func settings(_ kind: Kind) throws {
    for key in kind.keys {
      let recipe = try kind.recipe(["\(key.name)=\(key.other)"])
      let expected = kind.keys.map { "\($0.name)=\($0.name == key.name ? $0.other : $0.standard)" }
      #expect(kind.resolved(recipe) == expected)
      #expect(kind.resolved(try Recipe(yaml: recipe.yaml)) == expected)
    }
  }

  @Test("a bad value is named with what is allowed", arguments: Kind.all)
  private func badValues(_ kind: Kind) throws {
    func problems(_ change: String) -> [String] {
      let error = #expect(throws: RecipeError.self) { _ = try kind.recipe([change]) }
      return error?.problems ?? []
    }
    for key in kind.keys {
      for (value, part) in key.bad {
        let found = problems("\(key.name)=\(value)")
        #expect(found.count == 1 && found[0].contains(part), "\(found)")
        #expect(found.first?.contains(kind.section) == true, "\(found)")
      }
      let misspelt = key.name + "s"
      #expect(
        problems("\(misspelt)=1") == [
          "\(kind.name) has no setting '\(kind.section).\(misspelt)'; "
            + "did you mean '\(kind.section).\(key.name)'?"
        ])
    }
  }

  // MARK: What goes together

  /// What each model learns.
  private static let fits = [
    "gpt": ["text"], "huggingface": ["text"], "mlp": ["digits", "idx", "csv", "modular"],
    "cnn": ["digits", "idx"], "vit": ["digits", "idx"], "gan": ["digits", "idx"],
    "diffusion": ["digits", "idx"], "ppo": ["environment"],
  ]

  @Test("a model that does not learn the data is refused, with the kinds that would do") func fit()
    throws
  {
    for model in Kind.all where model.section == "model" {
      for data in Kind.all where data.section == "data" {
        func read() throws {
          _ = try Recipe(
            yaml: """
              steps: 1
              model: {kind: \(model.name)}
              data: {kind: \(data.name)}
              optimizer: {name: sgd}
              """, overrides: model.given.map { "model.\($0)" } + data.given.map { "data.\($0)" })
        }
        let learned = try #require(Self.fits[model.name])
        if learned.contains(data.name) {
          #expect(throws: Never.self) { try read() }
        } else {
          let learners = Kind.all.map(\.name).filter {
            Self.fits[$0]?.contains(data.name) == true
          }
          let sentence = try #require(
            #expect(throws: RecipeError.self) { try read() }?.problems.first)
          #expect(
            sentence.hasPrefix(
              "model.kind=\(model.name) cannot learn data.kind=\(data.name), which holds "))
          #expect(
            sentence.hasSuffix(
              "; set model.kind=\(learners.joined(separator: " or ")), or "
                + "data.kind=\(learned.joined(separator: " or "))"))
        }
      }
    }
  }

  @Test("a misfit is reported together with other mistakes") func misfitAmongOthers() {
    let error = #expect(throws: RecipeError.self) {
      try Recipe(
        yaml: "{steps: 0, model: {kind: gpt}, data: {kind: digits}, optimizer: {name: sgd}}")
    }
    #expect(
      error?.problems == [
        "steps=0 is out of range: steps must be at least 1",
        "model.kind=gpt cannot learn data.kind=digits, which holds images; "
          + "set model.kind=mlp or cnn or vit or gan or diffusion, or data.kind=text",
      ])
  }

  @Test("files of images that hold rows are not for a convolutional network") func rowsAsImages()
    throws
  {
    let rows: [UInt8] = [0, 0, 8, 2, 0, 0, 0, 4, 0, 0, 0, 3] + (0..<12).map { UInt8($0) }
    let labels: [UInt8] = [0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 0, 1]
    let changes = [
      "data.images=\(try files.write(rows, to: "rows"))", "data.validation_fraction=0.5",
      "data.labels=\(try files.write(labels, to: "labels"))",
    ]
    func task(_ model: String) throws -> any TrainingTask {
      let yaml = "{steps: 1, model: {kind: \(model)}, data: {kind: idx}, optimizer: {name: sgd}}"
      return try Recipe(yaml: yaml, overrides: changes).makeTask()
    }
    #expect(try task("mlp").unit == "rows")
    let error = #expect(throws: RecipeError.self) { _ = try task("cnn") }
    #expect(
      error?.problems == [
        "model.kind=cnn needs images of channels × height × width, but an example here is 3 "
          + "numbers; set model.kind=mlp"
      ])
    let other = #expect(throws: RecipeError.self) { _ = try task("gan") }
    #expect(
      other?.problems == [
        "model.kind=gan needs images of channels × height × width, but an example here is 3 "
          + "numbers; give files of images"
      ])
  }

  // MARK: What is done with a trained model

  @Test("only a run of a language model is sampled") func sampling() throws {
    let recipe = try Recipe(
      yaml: "{steps: 1, model: {kind: mlp}, data: {kind: digits}, optimizer: {name: sgd}}")
    let run = try RunDirectory(new: files.path("run"), name: "test")
    _ = try Trainer(recipe).run(in: run, observer: Watcher())
    #expect(try recipe.model.languageModel(in: run, of: recipe) == nil)
    #expect(throws: RunError.notALanguageModel(run.path, kind: "mlp")) { try LanguageModel(run) }
    #expect(!FileManager.default.fileExists(atPath: run.tokenizer.path))
  }

  @Test("a text is learned from batches that are functions of the seed and the step") func batches()
    throws
  {
    func loss(_ seed: Int, _ number: Int) throws -> Float {
      let yaml =
        "{steps: 1, model: {kind: gpt, context: 8}, data: {kind: text}, optimizer: {name: sgd}}"
      let task = try Recipe(yaml: yaml, overrides: ["seed=\(seed)"]).makeTask()
      if number > 0 { _ = try task.batch(0, size: 2) }
      let batch = try task.batch(number, size: 2)
      #expect(batch.weight == 16 && task.unit == "tokens")
      return batch.loss(.inference).scalar
    }
    #expect(try loss(1, 3) == loss(1, 3))
    #expect(try loss(1, 3) != loss(1, 4) && loss(1, 3) != loss(2, 3))
  }

  @Test("the stories that come with the package are plain English prose") func stories() throws {
    let text = try TextData().load(seed: 0)
    #expect(text.training.count > 50_000 && text.validation.count > 5_000)
    // Letters, digits, punctuation: what a small vocabulary is made of.
    #expect((60...90).contains(text.tokenizer.vocabularySize))
    let all = try text.tokenizer.decode(Array(text.training) + Array(text.validation))
    #expect(all.unicodeScalars.allSatisfy(\.isASCII) && all.hasSuffix("\n"))
    #expect(!all.contains("\t") && !all.contains("  ") && !all.contains("\n\n\n"))
  }

  @Test("resources that are not installed are reported") func resources() throws {
    let error = #expect(throws: DataError.self) {
      try PackageResource.path("digits/digits.csv", in: ["/nowhere", "/else"])
    }
    #expect(
      error.map { "\($0)" } == "there is no file /nowhere/digits/digits.csv; "
        + "copy the package's resource folder to where the program is.")
  }
}
