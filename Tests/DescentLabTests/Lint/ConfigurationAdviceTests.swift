import Descent
import DescentLab
import DescentTraining
import Foundation
import Testing

/// What lint says of other tools' files, word for word where words were wrong once.
@Suite("Advice on configurations of other tools")
struct ConfigurationAdviceTests {
  static let trainer = "per_device_train_batch_size: 8\nmax_steps: 900\n"
  static let adapter = "network_module = \"networks.lora\"\nnetwork_dim = 8\nnetwork_alpha = 8\n"

  private func lint(
    _ text: String, examples: Int? = nil
  ) throws -> (found: ForeignConfiguration, warnings: [LintWarning]) {
    let found = try #require(
      try ForeignConfiguration.read(text, path: "config", examples: examples))
    return (found, try LintReport(found, called: "config").warnings)
  }

  @Test(
    "what TrainingArguments refuses, with its fix",
    arguments: [
      (
        "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 300\nsave_steps: 500",
        "save_steps=500", "save_steps=600"
      ),
      (
        "load_best_model_at_end: true\neval_strategy: epoch", "load_best_model_at_end=true",
        "save_strategy=epoch"
      ),
      ("load_best_model_at_end: true", "load_best_model_at_end=true", "eval_strategy=steps"),
      ("evaluation_strategy: epoch", "evaluation_strategy=epoch", "write eval_strategy=epoch"),
      ("warmup_ratio: 0.1", "warmup_ratio=0.1", "warmup_steps=0.1 (means the same there)"),
      ("logging_steps: 0", "logging_steps=0", "logging_strategy=no"),
      ("save_steps: 2.4", "save_steps=2.4", "save_steps=2"),
      ("bf16: true\nfp16: true", "bf16=true", "leave out fp16"),
      ("save_strategy: best", "save_strategy=best", "metric_for_best_model=loss"),
      (
        "lr_scheduler_type: reduce_lr_on_plateau", "lr_scheduler_type=reduce_lr_on_plateau",
        "eval_strategy=epoch"
      ),
      (
        "dataloader_prefetch_factor: 2", "dataloader_prefetch_factor=2",
        "dataloader_num_workers=2, or leave it out"
      ),
    ])
  func refuses(_ text: String, _ place: String, _ fix: String) throws {
    let (found, warnings) = try lint(Self.trainer + text)
    #expect(warnings.first?.rule == "refused")
    #expect(warnings.first?.place == place)
    #expect(warnings.first?.fix == fix)
    #expect(found.refusals.count == 1, "\(found.refused)")
    let page = try LintPage.about(LintReport(found, called: "it"), of: found).text(width: 80)
    #expect(page.contains("This file will not start with transformers 5.23"))
  }

  @Test(
    "what starts is not refused",
    arguments: [
      "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 250\nsave_steps: 500",
      "load_best_model_at_end: true\neval_strategy: epoch\nsave_strategy: epoch",
      "load_best_model_at_end: true\neval_strategy: steps\neval_steps: 0.1\nsave_steps: 0.2",
      "load_best_model_at_end: true\neval_strategy: steps\nsave_strategy: best\neval_steps: 7",
      "logging_steps: 0.1", "eval_strategy: \"no\"", "save_strategy: epoch",
    ])
  func starts(_ text: String) throws {
    let (found, _) = try lint(Self.trainer + text)
    #expect(found.refused == [])
  }

  @Test(
    "keys without effect",
    arguments: [
      (trainer + "lr_scheduler_type: constant\nwarmup_steps: 30", "warmup_steps=30"),
      (
        adapter + "lr_scheduler = \"cosine\"\nlr_scheduler_min_lr_ratio = 0.1",
        "lr_scheduler_min_lr_ratio=0.1"
      ),
      (
        adapter + "lr_scheduler = \"linear\"\nlr_scheduler_num_cycles = 3",
        "lr_scheduler_num_cycles=3"
      ),
      (
        adapter + "learning_rate = 1e-3\nunet_lr = 1e-4\ntext_encoder_lr = 5e-5",
        "learning_rate=0.001"
      ),
      (
        "base_model: x\nadapter: lora\nlearning_rate: 1.0e-4\nmax_steps: 5\nnum_epochs: 2",
        "num_epochs=2"
      ),
    ])
  func ignored(_ text: String, _ place: String) throws {
    let (_, warnings) = try lint(text)
    #expect(warnings.filter { $0.rule == "set_aside" }.map(\.place) == [place])
  }

  @Test(
    "optimizer_args are read as Python reads them",
    arguments: [
      ("betas=[0.9,0.99]", "betas: [0.9,0.99]", nil),
      ("betas=(0.9, 0.99)", "betas: [0.9,0.99]", nil),
      ("betas=0.9,0.99", "betas: [0.9,0.99]", nil),
      ("weight_decay=1e-2", "weight_decay: 1e-2", nil),
      ("amsgrad=true", nil, "amsgrad=True"), ("eps=small", nil, "write a number, True or False"),
    ] as [(String, String?, String?)])
  func arguments(_ text: String, _ line: String?, _ fix: String?) throws {
    let (found, warnings) = try lint(Self.adapter + "optimizer_args = [\"\(text)\"]\n")
    #expect(warnings.first { $0.rule == "refused" }?.fix == fix)
    if let line { #expect(found.recipe.contains(line), "\(found.recipe)") }
  }

  @Test("Adafactor in the backward pass rounds at random and clips tensor by tensor")
  func fused() throws {
    let base = """
      pretrained_model_name_or_path = "x"
      full_bf16 = true
      mixed_precision = "bf16"
      learning_rate = 1e-5
      optimizer_type = "Adafactor"
      optimizer_args = ["relative_step=False", "scale_parameter=False", "warmup_init=False"]

      """
    let (found, warnings) = try lint(base + "fused_backward_pass = true")
    #expect(!warnings.contains { $0.rule == "weights_stuck" }, "\(warnings)")
    #expect(found.recipe.contains("rounding: stochastic"))
    #expect(found.recipe.contains("tensor_norm: 1") && !found.recipe.contains("  norm: 1"))
    let (_, plain) = try lint(base)
    let stuck = try #require(plain.first { $0.rule == "weights_stuck" })
    #expect(stuck.place == "full_bf16=true")
    #expect(stuck.fix.hasPrefix("leave out full_bf16"))
    let (other, _) = try lint(
      Self.adapter + "fused_backward_pass = true\ngradient_accumulation_steps = 2")
    #expect(other.refused.count == 2)
  }

  @Test("state in 8 bits is not said to stay in 32")
  func smallState() throws {
    let (found, _) = try lint(
      Self.adapter + "optimizer_type = \"AdamW8bit\"\nmixed_precision = \"bf16\"")
    #expect(found.silent.contains { $0.contains("state is kept in 8 bits") })
    #expect(!found.silent.contains { $0.contains("optimizer state, stay") })
  }

  @Test(
    "keys that are meant to be others",
    arguments: [
      ("per_device_batch_size: 4", "per_device_train_batch_size"), ("lr: 1", "learning_rate"),
      ("dataset_colour: 1", nil), ("batch_size: 4", "per_device_train_batch_size"),
      ("wieght_decay: 0.1", "weight_decay"), ("num_epochs: 2", "num_train_epochs"),
    ] as [(String, String?)])
  func nearest(_ line: String, _ key: String?) throws {
    let (found, _) = try lint(Self.trainer + line)
    #expect(found.unread.map(\.nearest) == [key])
  }

  @Test("keys of older versions of OneTrainer are not unknown")
  func versions() throws {
    func unread(_ version: Int) throws -> [String] {
      try lint(
        "{\"__version\": \(version), \"training_method\": \"FINE_TUNE\", \"epochs\": 1, "
          + "\"weight_dtype\": \"BFLOAT_16\"}"
      ).found.unread.map(\.name)
    }
    #expect(try unread(6) == [])
    #expect(try unread(11) == ["weight_dtype"])
  }

  @Test("a decay too small for the run is not missed, nor one that matters passed over")
  func decay() throws {
    let tuning = "per_device_train_batch_size: 8\nlr_scheduler_type: cosine\n"
    #expect(try lint(tuning + "learning_rate: 2.0e-5\nmax_steps: 1624").warnings == [])
    let (found, warnings) = try lint(
      tuning + "learning_rate: 2.0e-4\nmax_steps: 50000\nwarmup_steps: 100")
    let off = try #require(warnings.first { $0.rule == "decay_off" })
    #expect(off.place == "weight_decay=0" && off.isDefault)
    // It is not said a second time.
    let page = try LintPage.about(LintReport(found, called: "it"), of: found).text(width: 80)
    #expect(page.contains("weight_decay=0 (by default)") && !page.contains("no weight decay"))
  }

  @Test("a rate is called what the file calls it, and the fix is the tool's")
  func rates() throws {
    let (_, warnings) = try lint(
      "per_device_train_batch_size: 8\nlearning_rate: 0.1\nmax_steps: 500\nwarmup_steps: 600")
    let rate = try #require(warnings.first { $0.rule == "foreign_rate" })
    #expect(rate.reason.hasPrefix("lr=0.1: ") && rate.fix == "learning_rate=5e-05")
  }

  @Test("the run in numbers: epochs, devices, adapters")
  func facts() throws {
    let (kohya, _) = try lint(Self.adapter, examples: 52_002)
    #expect(kohya.silent.contains { $0.contains("0.031 epochs of 52,002 images") })
    #expect(kohya.recipe.contains("# Adapters of rank 8, alpha 8 are trained there"))
    let (trainer, _) = try lint(
      Self.trainer + "fsdp: full_shard\nuse_peft: true\nlora_r: 64\nlora_alpha: 16")
    #expect(trainer.unknown.contains { $0.contains("fsdp is meant for several") })
    #expect(trainer.silent.contains { $0.hasSuffix("lora_alpha/lora_r = 16/64 = 0.25.") })
    let page = try LintPage.about(LintReport(trainer, called: "it"), of: trainer).text(width: 80)
    #expect(page.contains("× 1 device, assumed)"))
  }

  @Test("where a value is refused, the curve says that the default stands for it")
  func replaced() throws {
    func page(_ text: String) throws -> String {
      let (found, _) = try lint(text)
      return try LintPage.about(LintReport(found, called: "it"), of: found).text(width: 200)
    }
    let note = "the curve and the steps take the default"
    #expect(try page(Self.trainer + "learning_rate: -1").contains(note))
    #expect(try !page(Self.trainer + "warmup_ratio: 0.1").contains(note))
  }

  @Test("what only begins like JSON, and what nests too deep")
  func formats() throws {
    #expect(try ForeignConfiguration.read("{steps: 5, model: {kind: gpt}}", path: "x") == nil)
    // Dots in texts and comments nest nothing.
    let dots = String(repeating: ".", count: 99)
    let text = Self.adapter + "output_name = \"\(dots)\" # \(dots)\nx = '''\na\(dots)'''\n"
    #expect(try ForeignConfiguration.read(text, path: "x") != nil)
    let parts = Array(repeating: "a", count: 20_000).joined(separator: ".")
    let long = "[a.\(parts)]\nx = 1"
    let inline = "x = {\(parts) = 1}"
    for text in [parts + " = 1", long, inline, "{\"a\": " + String(repeating: "[", count: 99)] {
      let error = #expect(throws: DataError.self) {
        try ForeignConfiguration.read(text, path: "x")
      }
      #expect(
        error?.description.contains("deeper than 32 levels") == true, "\(String(describing: error))"
      )
    }
  }
}
