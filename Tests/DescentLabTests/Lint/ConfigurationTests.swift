import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("Configurations of other tools")
struct ConfigurationTests {
  struct Case: CustomTestStringConvertible, Sendable {
    var testDescription: String { name }
    let name: String
    let text: String
    var examples: Int?
    var ranks: Int?
    let tool: String
    var batch = 0
    var steps: Int?
    var perEpoch: Int?
    /// Settings of the recipe.
    var recipe: [String] = []
    /// Parts of sentences, by kind.
    var silent: [String] = []
    var refused: [String] = []
    var remarks: [String] = []
    /// Keys without effect, by the rule `set_aside`.
    var ignored: [String] = []
    var unknown: [String] = []
    var unread: [ForeignConfiguration.UnreadKey] = []
    /// Keys of the file by the recipe's keys.
    var names: [String: String] = [:]
  }

  static let cases: [Case] = [
    Case(
      name: "TrainingArguments as JSON", text: Fixture.trainer, examples: 10_000, ranks: 2,
      tool: "Hugging Face TrainingArguments", batch: 64, steps: 471, perEpoch: 157,
      recipe: [
        "batch: 32  # 16 on each of 2 devices", "accumulate: 2", "name: adamw", "lr: 2e-05",
        "weight_decay: 0.01", "precision: fp16", "warmup: 29", "warmup_start: zero", "norm: 1",
        "seed: 42",
      ],
      silent: [
        "clipped to a norm of 1", "leaves out biases",
        "fp16=true computes in fp16",
      ],
      refused: ["warmup_ratio is a key of transformers 4", "evaluation_strategy is a key"],
      remarks: ["no multiple"],
      unread: [.init(name: "loging_steps", nearest: "logging_steps")],
      names: ["optimizer.lr": "learning_rate", "schedule.warmup": "warmup_ratio"]),
    Case(
      name: "TrainingArguments as YAML", text: Fixture.trainerYAML,
      tool: "Hugging Face TrainingArguments", batch: 8, steps: 2000,
      recipe: ["name: lion", "state: int8", "betas: [0.9, 0.999]", "name: linear", "warmup: 100"],
      silent: ["Lion is given adam_beta1", "straight line to 0", "leaves out embeddings"],
      refused: ["learning_rate=\"1e-4\" is a text to transformers"],
      ignored: ["num_train_epochs=3"],
      unknown: ["On how many devices"], names: ["optimizer.betas": "adam_beta1, adam_beta2"]),
    Case(
      name: "LLaMA-Factory", text: Fixture.llamaFactory,
      tool: "LLaMA-Factory (Hugging Face TrainingArguments)", batch: 8,
      recipe: ["steps: 1000  # not known", "lr: 0.0001", "warmup: 100", "name: cosine"],
      silent: ["is a share of the run", "There is no weight decay", "lora_alpha/lora_rank = 16/8"],
      remarks: ["learning_rate: 1e-4 is a text, not a number"],
      unknown: ["3 epochs, but not how many examples", "Give --ranks N"]),
    Case(
      name: "kohya", text: Fixture.kohya, examples: 100, ranks: 1, tool: "kohya sd-scripts",
      batch: 4, steps: 250, perEpoch: 25,
      recipe: [
        "name: adamw", "state: int8", "lr: 0.0001", "betas: [0.9,0.99]", "weight_decay: 0.1",
        "name: restarts", "cycles: 3", "warmup: 12", "precision: bf16",
        "# text_encoder_lr is 5e-05",
      ],
      silent: [
        "network_alpha=1", "a different seed", "clipped to a norm of 1", "12 steps of 250",
      ],
      ignored: ["max_train_steps=3000", "learning_rate=0.0001"],
      unread: [.init(name: "min_snr_gama", nearest: "min_snr_gamma")],
      names: ["optimizer.lr": "unet_lr", "optimizer.betas": "optimizer_args: betas"]),
    Case(
      name: "kohya with Prodigy", text: Fixture.kohyaProdigy, ranks: 1, tool: "kohya sd-scripts",
      batch: 1, steps: 1000,
      recipe: ["name: prodigy", "lr: 0.0001", "d_coef: 2", "safeguard_warmup: true"],
      silent: ["only the first counts"], refused: ["lr_scheduler=constant goes with no warmup"],
      remarks: ["leave that at 1"]),
    Case(
      name: "kohya with Adafactor", text: Fixture.kohyaAdafactor, ranks: 1,
      tool: "kohya sd-scripts", batch: 2, steps: 500,
      recipe: ["name: adafactor", "lr: null", "format: bf16", "rounding: nearest", "groups: []"],
      silent: ["Adafactor finds its own rate", "full_bf16 keeps"],
      ignored: ["lr_scheduler=cosine", "lr_warmup_steps=100.0"]),
    Case(
      name: "OneTrainer", text: Fixture.oneTrainer, examples: 50, ranks: 1, tool: "OneTrainer",
      batch: 8, steps: 120, perEpoch: 6,
      recipe: ["name: prodigy", "lr: 0.00084", "name: rex", "warmup: 50", "decouple: true"],
      silent: ["counts batches", "root of 8", "lora_alpha=1", "clipped to a norm of 1"],
      remarks: ["version 6", "leave that at 1", "the 2 that do not fill a batch"],
      names: ["optimizer.betas": "optimizer.beta1, optimizer.beta2"]),
    Case(
      name: "axolotl", text: Fixture.axolotl, examples: 1000, ranks: 1, tool: "axolotl", batch: 8,
      steps: 338, perEpoch: 113,
      recipe: ["name: adamw", "state: int8", "lr: 0.0002", "name: cosine", "warmup: 10"],
      silent: ["holds examples out: 900 of 1,000", "3 % of the run", "= 0.5", "bf16=auto"],
      remarks: ["learning_rate: 2e-4 is a text"],
      unread: [.init(name: "warmup_ration", nearest: "warmup_ratio")]),
  ]

  @Test("what is known, what is not, and the recipe", arguments: cases)
  func reads(_ test: Case) throws {
    let found = try #require(
      try ForeignConfiguration.read(
        test.text, path: "config", examples: test.examples, ranks: test.ranks))
    #expect(found.tool == test.tool)
    #expect(found.facts.effectiveBatch == test.batch)
    #expect(found.facts.steps == test.steps)
    #expect(found.facts.stepsPerEpoch == test.perEpoch)
    for line in test.recipe { #expect(found.recipe.contains(line), "\(line) in\n\(found.recipe)") }
    func expect(_ parts: [String], in sentences: [String]) {
      for part in parts {
        #expect(sentences.contains { $0.contains(part) }, "\(part) in\n\(sentences)")
      }
    }
    expect(test.silent, in: found.silent)
    expect(test.refused, in: found.refused)
    expect(test.remarks, in: found.remarks)
    expect(test.unknown, in: found.unknown)
    let aside = found.warnings.filter { $0.rule == "set_aside" }.map(\.place)
    #expect(aside == test.ignored)
    #expect(found.warnings.allSatisfy { !$0.fix.isEmpty && !$0.place.isEmpty })
    if test.refused.isEmpty { #expect(found.refused.filter { !$0.contains("has a point") } == []) }
    #expect(found.unread == test.unread)
    for (mine, theirs) in test.names { #expect(found.names[mine] == theirs) }
    _ = Lint.warnings(try found.subject())
    let page = try LintPage.about(LintReport(found, called: test.name), of: found)
    for block in [page.text(width: 80), page.html(), page.json.text] { #expect(!block.isEmpty) }
    if let folder = ProcessInfo.processInfo.environment["DESCENT_PAGES"] {
      try page.text(width: 80).write(
        toFile: "\(folder)/\(test.name).txt", atomically: true, encoding: .utf8)
    }
  }

  @Test(
    "what a tool refuses, and what is contradicted",
    arguments: [
      (
        "per_device_train_batch_size: 8\nbf16: true\nfp16: true\nmax_steps: 10",
        "cannot both be true"
      ),
      (
        "per_device_train_batch_size: 8\nlearning_rate: fast\nmax_steps: 10",
        "takes a number, not a text"
      ),
      ("per_device_train_batch_size: 8\nlearning_rate: -1\nmax_steps: 10", "must be at least 0"),
      ("per_device_train_batch_size: 0\nmax_steps: 10", "must be at least 1"),
      ("per_device_train_batch_size: 1.5\nmax_steps: 10", "must be a whole number"),
      ("per_device_train_batch_size: [1]\nmax_steps: 10", "takes a number, not a list"),
      ("per_device_train_batch_size: 8\nmax_steps: 0", "trains nothing"),
      (
        "per_device_train_batch_size: 8\noptim: adamw_torh\nmax_steps: 9",
        "did you mean adamw_torch"
      ),
      (
        "per_device_train_batch_size: 8\nlr_scheduler_type: cosin\nmax_steps: 9",
        "did you mean cosine"
      ),
      (
        "per_device_train_batch_size: 8\nlr_scheduler_type: cosine\nmax_steps: 9\n"
          + "lr_scheduler_kwargs: {num_cicles: 2}", "lr_scheduler_kwargs:"
      ),
      (
        "micro_batch_size: 1\nbase_model: x\nlearning_rate: 1e-4\nbatch_size: 4\n"
          + "gradient_accumulation_steps: 2", "not both"
      ),
      (
        "micro_batch_size: 1\nbase_model: x\nlearning_rate: 1e-4\nwarmup_steps: 4\nwarmup_ratio: 0.1",
        "warmup_ratio, not both"
      ),
      ("micro_batch_size: 1\nbase_model: x", "learning_rate is missing"),
      ("network_module = \"networks.lora\"\nlearning_rate = \"1e-4\"", "without quotation marks"),
      (
        "network_module = \"networks.lora\"\nlr_warmup_steps = 100.0\nlr_scheduler = \"cosine\"",
        "write 100 for steps"
      ),
      ("network_module = \"networks.lora\"\nfull_bf16 = true", "needs mixed_precision"),
      (
        "{\"training_method\": \"LORA\", \"epochs\": 2, \"clip_grad_norm\": 0}", "null turns it off"
      ),
      (
        "{\"training_method\": \"LORA\", \"epochs\": 2, \"learning_rate_scheduler\": \"COS\"}",
        "none of"
      ),
    ])
  func refuses(_ text: String, _ part: String) throws {
    let found = try #require(try ForeignConfiguration.read(text, path: "config"))
    #expect(found.refused.contains { $0.contains(part) }, "\(found.refused)")
  }

  @Test(
    "files that are no configuration say so",
    arguments: [
      "", "42", "- a\n- b\n", "hello: world\n", "{\"a\": 1}", "{\"a\": ", "[x]\ny = \n",
      "a = 1\na = 2\n",
      "{\"a\": " + String(repeating: "[", count: 5000), "learning_rate: 1e-4\n",
      "x = " + String(repeating: "[", count: 5000),
    ])
  func isNone(_ text: String) throws {
    #expect(throws: DataError.self) { try ForeignConfiguration.read(text, path: "config") }
  }

  @Test("a recipe is none")
  func recipe() throws {
    #expect(try ForeignConfiguration.read(Fixture.recipe, path: "recipe.yaml") == nil)
    for name in BuiltInRecipes.list.map(\.name) {
      let text = try #require(BuiltInRecipes.whole(name))
      #expect(try ForeignConfiguration.read(text, path: name) == nil)
      #expect(try ForeignConfiguration.read(Recipe(yaml: text).yaml, path: name) == nil)
    }
  }

  @Test("an error names the tools that are read")
  func namesTools() {
    #expect(
      throws: DataError.unsuitable(
        "x is neither a recipe of Descent nor a configuration that lint knows; it reads those of "
          + "Hugging Face TrainingArguments (JSON or YAML), kohya sd-scripts (TOML; JSON of its GUI), "
          + "OneTrainer (JSON), axolotl (YAML)")
    ) { try ForeignConfiguration.read("hello: world", path: "x") }
  }

  /// Every value is replaced by others, and the file is cut off at every line.
  @Test("damage is answered by a sentence", arguments: cases)
  func damage(_ test: Case) throws {
    let lines = test.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    func answers(_ text: String) throws {
      do {
        guard
          let found = try ForeignConfiguration.read(
            text, path: "config", examples: test.examples ?? 77, ranks: test.ranks)
        else { return }
        _ = Lint.warnings(try found.subject())
      } catch let error as RecipeError {
        #expect(!error.problems.isEmpty)
      } catch let error as DataError { #expect(!error.description.isEmpty) }
    }
    for index in lines.indices {
      try answers(lines[..<index].joined(separator: "\n"))
      guard let mark = lines[index].firstIndex(where: { $0 == ":" || $0 == "=" }) else { continue }
      let end = lines[index].hasSuffix(",") ? "," : ""
      for value in ["-1", "0", "1e300", "9223372036854775808", "\"x\"", "[]"] {
        var copy = lines
        copy[index] = lines[index][...mark] + " " + value + end
        try answers(copy.joined(separator: "\n"))
      }
    }
  }
}
