import Descent
import DescentLab
import DescentTraining
import Foundation
import Safetensors
import Testing

/// What training takes, counted for a number of parameters and for files.
@Suite("Memory plans") struct MemoryPlanTests {
  private func plan(
    _ parameters: String, _ optimizers: String, batch: TokenBatch? = nil,
    _ change: (inout MemoryOptions) throws -> Void = { _ in }
  ) throws -> MemoryPlan {
    var options = MemoryOptions()
    if !optimizers.isEmpty { options.optimizers = try RaceOptimizer.list(optimizers) }
    try change(&options)
    return try MemoryPlan(MemorySubject(parameters: parameters, batch: batch), options)
  }

  private func row(
    _ plan: MemoryPlan, _ optimizer: String, _ state: StateStorage.Format = .float32,
    _ weights: WeightFormat = .float32
  ) throws -> MemoryPlan.Row {
    try #require(
      (plan.rows + plan.others).first {
        $0.optimizer == optimizer && $0.state == state && $0.weights == weights
      })
  }

  /// The exercise of the notes, and what is known of others: state in GB for 7 billion parameters.
  @Test(
    "seven billion parameters",
    arguments: [
      ("sgd", StateStorage.Format.float32, 0.0, 0.0), ("sgd(momentum=0.9)", .float32, 28, 28),
      ("adamw", .float32, 56, 56), ("adamw", .bfloat16, 28, 28), ("lion", .float32, 28, 28),
      ("prodigy", .float32, 112, 112), ("adamw(amsgrad=true)", .float32, 84, 84),
      // Embeddings stay in float32; the head does not.
      ("adamw", .int8, 14.2, 15.1), ("adafactor", .float32, 0.005, 0.02),
    ])
  func notes(
    _ optimizer: String, _ format: StateStorage.Format, _ least: Double, _ most: Double
  ) throws {
    let plan = try plan("7e9", optimizer)
    let row = try row(plan, optimizer, format)
    #expect(plan.subject.count == 7_000_000_000 && plan.subject.trainable == 7_000_000_000)
    #expect(row.weightBytes == 28_000_000_000 && row.gradientBytes == 28_000_000_000)
    #expect((least...most).contains(Double(row.stateBytes) / 1e9), "\(row.stateBytes)")
    #expect(row.peak >= row.weightBytes + row.gradientBytes + row.stateBytes)
  }

  @Test(
    "any number of parameters is met exactly",
    arguments: [
      "1", "7", "1000", "12_345", "1e5", "124M", "1.5B", "7B", "70b", "405e9", "1t", "1e13", "13",
      "999,983",
    ])
  func counts(_ text: String) throws {
    let subject = try MemorySubject(parameters: text)
    #expect(subject.count == MemorySubject.count(text))
    let plan = try plan(text, "")
    #expect(plan.rows.count > 60)
    #expect(try row(plan, "adamw").stateBytes == 8 * subject.count)
  }

  @Test(
    "no number of parameters",
    arguments: [
      "0", "-1", "0.5", "1.5", "1e30", "nan", "inf", "", "seven", "7Q", "0x10", "-7B", "1e-3", "B",
      ".",
    ])
  func badCounts(_ text: String) {
    #expect(throws: RecipeError.self) { try MemorySubject(parameters: text) }
  }

  @Test(
    "amounts of memory",
    arguments: [
      ("24G", 24_000_000_000), ("24GB", 24_000_000_000), ("24 gb", 24_000_000_000),
      ("1GiB", 1 << 30), ("1Gi", 1 << 30), ("800M", 800_000_000), ("0.5T", 500_000_000_000),
      ("4096", 4096), ("1e9", 1_000_000_000), ("0", nil), ("0G", nil), ("-1G", nil), ("G", nil),
      ("1e30", nil), ("nan", nil), ("24X", nil), ("", nil),
    ] as [(String, Int?)])
  func amounts(_ text: String, _ bytes: Int?) {
    #expect((try? MemoryOptions.bytes(text, of: "--fit")) == bytes)
  }

  @Test("mixed precision takes 16 bytes a weight with AdamW, 12 without masters") func formats()
    throws
  {
    let plan = try plan("7e9", "adamw")
    func gigabytes(_ weights: WeightFormat) throws -> Double {
      Double(try row(plan, "adamw", .float32, weights).peak) / 7e9
    }
    #expect(try gigabytes(.float32) == 16)
    #expect(try gigabytes(.bf16Master) == 16)
    #expect(try gigabytes(.bf16) == 12)
    #expect(try gigabytes(.bf16Kahan) == 14)
  }

  /// ZeRO's own example: 7.5 billion parameters on 64 devices take 120, 31.4, 16.6 and 1.9 GB.
  @Test(
    "ZeRO's table",
    arguments: [(0, 120.0), (1, 31.4), (2, 16.6), (3, 1.9)])
  func zero(_ stage: Int, _ gigabytes: Double) throws {
    let plan = try plan("7.5e9", "adamw") {
      try $0.share(ranks: 64, stage: stage == 0 ? nil : stage)
    }
    let row = try row(plan, "adamw", .float32, .bf16Master)
    #expect(abs(Double(row.peak) / 1e9 - gigabytes) < 0.06)
  }

  @Test("state that is left to the host is not on the device") func offload() throws {
    let here = try row(try plan("7e9", "adamw"), "adamw")
    let there = try row(try plan("7e9", "adamw") { $0.offload = .state }, "adamw")
    #expect(there.stateBytes == 0 && there.peak == here.weightBytes + here.gradientBytes)
    #expect(there.hostBytes == here.stateBytes + here.gradientBytes)
    let all = try row(try plan("7e9", "adamw") { $0.offload = .all }, "adamw")
    #expect(all.peak < there.peak / 10)
  }

  @Test("adapters alone are trained") func adapters() throws {
    let plan = try plan("7e9", "adamw") { $0.adapters = try LowRankAdapters(rank: 16) }
    let row = try row(plan, "adamw")
    #expect(plan.subject.trainable * 100 < plan.subject.count)
    #expect(row.stateBytes == 8 * plan.subject.trainable)
    #expect(row.gradientBytes == 4 * plan.subject.trainable)
    #expect(row.weightBytes == 2 * plan.subject.frozen + 4 * plan.subject.trainable)
    let packed = try self.plan("7e9", "adamw") {
      $0.adapters = try LowRankAdapters(rank: 16, baseBits: 4)
    }
    let small = try self.row(packed, "adamw")
    // 4.127 bits a weight, apart from embedding and head.
    #expect(Double(small.weightBytes) < 0.35 * Double(row.weightBytes))
    #expect(throws: RecipeError.self) { try LowRankAdapters(rank: 0) }
    #expect(throws: RecipeError.self) { try LowRankAdapters(rank: 8, baseBits: 3) }
    #expect(throws: RecipeError.self) {
      _ = try self.plan("7e9", "adamw") {
        $0.adapters = try LowRankAdapters(rank: 8, targets: ["no_such"])
      }
    }
  }

  @Test("what fits comes best first") func fitting() throws {
    let plan = try plan("1e9", "sgd,adafactor,adamw,lion") { $0.limit = 13_000_000_000 }
    let fitting = plan.fitting
    #expect(!fitting.isEmpty && fitting.allSatisfy { $0.peak <= 13_000_000_000 })
    #expect(fitting[0].optimizer == "adamw")
    #expect(Set(plan.best.map(\.optimizer)).count == plan.best.count)
    #expect(!fitting.contains { $0.optimizer == "adamw" && $0.peak > plan.limit })
    let text = MemoryPage.about(plan).text(width: 80)
    #expect(text.contains("What fits in 13 GB (12.1 GiB), best first"))
    let none = try self.plan("1e9", "adamw") { $0.limit = 1 }
    #expect(none.fitting.isEmpty && MemoryPage.about(none).text().contains("Nothing here fits"))
  }

  @Test("activations are counted when the batch is known") func activations() throws {
    let batch = try TokenBatch(examples: 1, context: 2048)
    let row = try row(try plan("7e9", "adamw", batch: batch), "adamw")
    // 34·s·b·h bytes in each of 32 blocks, and logits.
    #expect(row.activationBytes == 2048 * (34 * 32 * 4096 + 8 * 32000))
    #expect(row.phases.firstStep == 56_000_000_000 + row.activationBytes)
    // Activations are gone when the update works.
    #expect(
      row.phases.steady == 112_000_000_000 + max(row.activationBytes, row.workingBytes))
    // With recomputation 2·s·b·h in each block, and one block's.
    let less = try self.row(
      try plan("7e9", "adamw", batch: batch) { $0.recomputes = true }, "adamw")
    #expect(less.activationBytes == 2048 * ((2 * 32 + 34) * 4096 + 8 * 32000))
    let counted = MemoryPage.about(try plan("7e9", "adamw", batch: batch)).text(width: 80)
    #expect(!counted.contains("Without activations"))
    let text = MemoryPage.about(try plan("7e9", "adamw") { $0.limit = 1 << 40 }).text(width: 400)
    #expect(text.contains("\n\nWithout activations (--batch and --context count them), adamw"))
    #expect(text.contains("leaves 988 GB for activations"))
    #expect(throws: RecipeError.self) { _ = try plan("7e9", "adamw") { $0.recomputes = true } }
  }

  @Test("released gradients take the largest tensor's place") func releases() throws {
    let row = try row(try plan("7e9", "adamw") { $0.releasesGradients = true }, "adamw")
    #expect(row.gradientBytes == 4 * 32000 * 4096)
    // What needs all gradients at once is not offered.
    #expect(throws: RecipeError.self) {
      _ = try plan("7e9", "prodigy") { $0.releasesGradients = true }
    }
  }

  /// 16-bit weights on 24 GB: what is advised was tried, and what was given is not advised again.
  @Test("changes that are named make it fit") func remedies() throws {
    let batch = try TokenBatch(examples: 1, context: 2048)
    let plan = try plan("7e9", "adamw", batch: batch) {
      $0.adapters = try LowRankAdapters(rank: 16)
      $0.limit = 24_000_000_000
    }
    let row = try row(plan, "adamw")
    #expect(!plan.fits(row))
    let found = plan.remedies(for: row)
    #expect(found.first?.change == "--recompute")
    #expect(found.allSatisfy { $0.peak <= plan.limit })
    #expect(!found.contains { $0.change.contains("lora") })
    #expect(MemoryPage.about(plan).text(width: 200).contains("fits with --recompute ("))
    let large = try self.plan("70e9", "adamw") {
      $0.adapters = try LowRankAdapters(rank: 16)
      $0.limit = 24_000_000_000
    }
    let changes = large.remedies(for: try self.row(large, "adamw")).map(\.change)
    #expect(!changes.contains("--base-bits 4") && changes.contains("--ranks 8 --zero 3"))
    let offloaded = try self.plan("7e9", "adamw") {
      $0.offload = .state
      $0.limit = 24_000_000_000
    }
    #expect(
      !offloaded.remedies(for: try self.row(offloaded, "adamw")).contains {
        $0.change.contains("offload")
      })
  }

  /// LLaMA 1B of the paper's table 2: 24 blocks of width 2,048 and 5,461; rank 512 in bfloat16 takes
  /// 4.38 G with its weights.
  @Test("GaLore's table") func galore() throws {
    var tensors = [ParameterInfo("embedding", shape: [32_000, 2048], role: .embedding)]
    tensors.append(ParameterInfo("head", shape: [32_000, 2048], role: .head))
    for block in 0..<24 {
      tensors += (0..<4).map {
        ParameterInfo("\(block).a\($0)", shape: [2048, 2048], role: .matrix)
      }
      tensors += (0..<3).map {
        ParameterInfo("\(block).m\($0)", shape: [5461, 2048], role: .matrix)
      }
    }
    let numbers =
      LowRankGradients.count(tensors, rank: 512) + tensors.reduce(0) { $0 + $1.count }
    #expect(abs(Double(2 * numbers) / 0x1p30 - 4.38) < 0.1)
    #expect(LowRankGradients.count([tensors[2]], rank: 512) == 512 * 3 * 2048)
    #expect(LowRankGradients.count([tensors[2]], rank: 4096) == 2 * 2048 * 2048)
    let page = MemoryPage.about(try plan("7e9", "adamw,sgd"))
    #expect(page.text().contains("GaLore"))
    // A bar for each optimizer, with a letter for each part.
    #expect(page.text().contains("wwwwwwwwggggggggssssssssssssssss"))
    #expect(page.html().contains("aria-label=\"weights 25 %, gradients 25 %, state 50 %\""))
  }

  @Test("experts are no blocks") func experts() throws {
    var tensors = [ParameterInfo("embed", shape: [100, 8], role: .embedding)]
    for layer in 0..<2 {
      tensors += (0..<16).map {
        ParameterInfo("layers.\(layer).experts.\($0).w", shape: [8, 8], role: .matrix)
      }
    }
    #expect(TransformerShape(tensors)?.layers == 2)
  }

  @Test(
    "what would overflow or never end is refused",
    arguments: [
      "lbfgs(history_size=1000000000000)", "shampoo-distributed(max_preconditioner_dim=1)",
    ])
  func refuses(_ optimizer: String) throws {
    #expect(throws: RecipeError.self) { _ = try plan("7B", optimizer) }
    let wide = MemorySubject(
      "wide", [ParameterInfo("w", shape: [1, 32_768, 32_768], role: .convolution)],
      .arithmetic(.unknown("")))
    var options = MemoryOptions()
    options.optimizers = try RaceOptimizer.list("kfac")
    #expect(throws: RecipeError.self) { _ = try MemoryPlan(wide, options) }
  }

  @Test(
    "unknown optimizers name the nearest", arguments: ["adamv", "adamw(lrr=1)", "adamw(", "a,,b"])
  func unknown(_ text: String) {
    #expect(throws: RecipeError.self) { _ = try plan("7e9", text) }
  }

  // MARK: Files

  private func folder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
  }

  @Test("a file's tensors are counted as they are") func file() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "model.safetensors").path
    func zeros(_ n: Int) -> [Float] { [Float](repeating: 0, count: n) }
    try SafetensorsFile.write(
      [
        .init("embed.weight", shape: [101, 64], floats: zeros(101 * 64)),
        .init("h.0.weight", shape: [67, 131], floats: zeros(67 * 131)),
        .init("h.0.bias", shape: [67], floats: zeros(67)),
        .init("bn.running_mean", shape: [9], floats: zeros(9)),
        .init("ids", dtype: .i64, shape: [2], bytes: [UInt8](repeating: 0, count: 16)),
      ], to: path)
    let subject = try MemorySubject(file: path)
    #expect(subject.count == 101 * 64 + 67 * 131 + 67)
    #expect(subject.parameters.map(\.role).contains(.embedding))
    var options = MemoryOptions()
    options.optimizers = try RaceOptimizer.list("adamw,adafactor,shampoo,kfac")
    let plan = try MemoryPlan(subject, options)
    for row in plan.rows {
      var own = OptimizerPlan(try Self.rule(row.optimizer))
      own.state.format = row.state
      #expect(row.stateBytes == (try own.memory(for: subject.parameters)).stateBytes)
      #expect(row.weightBytes == 4 * subject.count)
    }
    #expect(try row(plan, "adamw", .int8).stateBytes == 8 * (101 * 64 + 67) + 2 * (8777 + 4 * 35))
    #expect(plan.subject.notes.contains { $0.contains("running") })
    let inFolder = try MemorySubject(file: folder.path)
    #expect(inFolder.count == subject.count)
  }

  private static func rule(_ name: String) throws -> any Rule {
    func make<R: Rule>(_: R.Type) -> any Rule { R() }
    return make(try Rules.named(name))
  }

  // MARK: Recipes

  @Test("a recipe's plan has its own row first and a JSON of the contract") func recipe() throws {
    let yaml = """
      {steps: 2, batch: 4, model: {kind: mlp}, data: {kind: digits},
      optimizer: {name: adamw, state: int8}, clip: {norm: 1}}
      """
    let plan = try MemoryPlan(
      MemorySubject(recipe: .init(name: "small", yaml: yaml)), MemoryOptions())
    #expect(plan.main?.optimizer == "adamw" && plan.main?.state == .int8)
    // What cannot be clipped is counted without.
    #expect(plan.rows.contains { $0.optimizer == "lbfgs" })
    #expect(plan.refused.contains { $0.optimizer == "lbfgs" && $0.state == .int8 })
    let json = MemoryPage.about(plan).json.text
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
    let rows = try #require(object["rows"] as? [[String: Any]])
    #expect(object["parameters"] as? Int == plan.subject.count)
    #expect(rows.count == plan.rows.count)
    for key in [
      "optimizer", "state", "weights_bytes", "gradient_bytes", "state_bytes", "peak_bytes", "fits",
    ] {
      #expect(rows.allSatisfy { $0[key] != nil })
    }
    #expect(MemoryPage.about(plan).text().contains("largest part"))
  }

  // MARK: Advice

  @Test("every scenario ends in a recipe that is read", arguments: Scenario.all.map(\.name))
  func recommends(_ task: String) throws {
    let plain = try Recommendation(task: task, memory: nil, parameters: nil)
    let sized = try Recommendation(task: task, memory: "24G", parameters: "1.3B")
    for advice in [plain, sized] {
      let recipe = try Recipe(yaml: advice.recipe)
      #expect(recipe.plan.ruleName == advice.candidate.rule)
      #expect(recipe.plan.warnings.isEmpty)
      let text = RecommendationPage.about(advice).text(width: 80)
      #expect(text.contains("Take \(advice.candidate.rule)"))
      let wide = RecommendationPage.about(advice).text(width: 2000)
      #expect(advice.fits == nil || wide.contains("Without activations"))
      #expect(RecommendationPage.about(advice).json.text.contains("\"recipe\""))
    }
    for candidate in sized.candidates { #expect(candidate.row != nil) }
  }

  @Test("memory decides between the candidates") func memoryDecides() throws {
    let large = try Recommendation(task: "llm-finetune", memory: "120G", parameters: "7B")
    let middle = try Recommendation(task: "llm-finetune", memory: "80G", parameters: "7B")
    let small = try Recommendation(task: "llm-finetune", memory: "24G", parameters: "7B")
    #expect(large.candidate.label == "adamw" && large.fits == true)
    #expect(middle.candidate.label == "adamw with int8 state" && middle.fits == true)
    #expect(small.candidate.label == "adafactor" && small.fits == false)
    let words = RecommendationPage.about(small).text(width: 200)
    #expect(words.contains("\n\nNothing fits in 24 GB (22.4 GiB) as it stands"))
    let adapters = try Recommendation(task: "lora", memory: "24G", parameters: "70B")
    #expect(adapters.candidate.label == "adamw" && adapters.fits == false)
    #expect(!RecommendationPage.about(adapters).text(width: 200).contains("--base-bits 4 ("))
  }

  @Test("a task may be asked for in other words, and an unknown one names the nearest")
  func names() throws {
    #expect(try Scenario.named("ViT").name == "vision-transformer")
    #expect(try Scenario.named("Fine_Tune").name == "llm-finetune")
    #expect { _ = try Scenario.named("lorra") } throws: { "\($0)".contains("did you mean 'lora'?") }
    let words = Scenario.all.flatMap { [$0.name] + $0.aliases }
    #expect(Set(words).count == words.count)
    // Names of recipes ask for the task that they are of.
    for recipe in BuiltInRecipes.list where recipe.group != "phenomena" {
      #expect(words.contains(recipe.name), "\(recipe.name)")
    }
  }
}
