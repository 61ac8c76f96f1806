import ArgumentParser
import DescentFiles
import DescentLab
import DescentTraining

/// `descent memory`
struct Memory: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "memory",
    abstract: "Count what training takes, for every optimizer, and what fits.",
    discussion: """
      Weights, gradients, state, activations and copies are counted by phase, for each optimizer with \
      state in 32, 16 and 8 bits, and for each format of weights.

        descent memory gpt
        descent memory gpt --set batch=64 --optimizers "adamw,sgd(momentum=0.9)"
        descent memory --parameters 7B --fit 24G
        descent memory --parameters 7B --lora 16 --batch 1 --context 2048 --recompute
        descent memory model.safetensors.index.json --lora 16 --base-bits 4
        descent memory --parameters 70e9 --ranks 8 --zero 3

      For a recipe it is what the process takes, within 3 % or 5 MB: a step is tried, of which the \
      activations are known. For a number of parameters or for a file of weights, of which only \
      headers are read, it is arithmetic; activations count when --batch and --context are given. \
      What a recipe recomputes and releases it says itself: --set model.recompute=layers, \
      --set release_gradients=true.
      """)

  @Argument(
    help: ArgumentHelp(
      """
      A built-in recipe or a YAML file; or a model: a safetensors file, the index of several, or a \
      folder with one of them.
      """, valueName: "recipe|file"),
    completion: .file(extensions: ["yaml", "safetensors", "json"]))
  var subject: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Only the number of parameters is known.", valueName: "7B"))
  var parameters: String?

  @OptionGroup var changes: RecipeChanges

  @Option(help: ArgumentHelp("The optimizers (default: all).", valueName: "a,b(key=value),..."))
  var optimizers: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("List what fits in so much memory, best first.", valueName: "24G"))
  var fit: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Examples on a device, for the activations of a model.", valueName: "n"))
  var batch: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Tokens in each example.", valueName: "tokens"))
  var context: Int?

  @Flag(
    help: "Each block keeps only its input for the backward pass (gradient checkpointing).")
  var recompute = false

  @Flag(help: "Each gradient is used and freed as soon as it is complete (fused backward pass).")
  var releaseGradients = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Train LoRA adapters of this rank alone.", valueName: "rank"))
  var lora: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Bits of the frozen weights: 32, 16, 8 or 4 (default: 16).", valueName: "bits"))
  var baseBits: Int?

  @Option(
    help: ArgumentHelp(
      "Parts of the names of the matrices to adapt (default: all but embeddings and heads).",
      valueName: "q_proj,v_proj"))
  var loraTargets: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Devices that train together.", valueName: "n"))
  var ranks = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What they share (ZeRO): 1 state, 2 also gradients, 3 also weights.", valueName: "stage"))
  var zero: Int?

  @Option(
    help: ArgumentHelp("What lies in the host's memory: none, state, all.", valueName: "what"))
  var offload: String = "none"

  @OptionGroup var page: PageOptions

  func validate() throws {
    if (subject == nil) == (parameters == nil) {
      throw ValidationError("give a recipe or a file, or --parameters with a number such as 7B")
    }
    if (batch == nil) != (context == nil) {
      throw ValidationError("--batch and --context go together: examples, and tokens in each")
    }
    if lora == nil, baseBits != nil || loraTargets != nil {
      throw ValidationError("--base-bits and --lora-targets belong to --lora: give it a rank")
    }
  }

  func run() throws {
    try reportingErrors {
      try OutputPaths.check([page.use], keeping: [("the model", subject)])
      let options = try options()
      let plan = try MemoryPlan(try model(), options)
      try page.show(MemoryPage.about(plan))
    }
  }

  private func options() throws -> MemoryOptions {
    var options = MemoryOptions()
    if let optimizers { options.optimizers = try RaceOptimizer.list(optimizers) }
    options.limit = try fit.map { try MemoryOptions.bytes($0, of: "--fit") }
    options.adapters = try lora.map {
      try LowRankAdapters(
        rank: $0, baseBits: baseBits ?? 16,
        targets: loraTargets?.split(separator: ",").map(String.init) ?? [])
    }
    try options.share(ranks: ranks, stage: zero)
    guard let offload = MemoryOptions.Offload(rawValue: offload) else {
      throw RecipeError(problems: ["--offload must be none, state or all"])
    }
    options.offload = offload
    (options.recomputes, options.releasesGradients) = (recompute, releaseGradients)
    return options
  }

  private func model() throws -> MemorySubject {
    let tokens = try batch.map { try TokenBatch(examples: $0, context: context ?? 1) }
    func refuse(_ options: String) throws {
      throw RecipeError(problems: [
        "\(options): a recipe says that itself, and --set changes it, such as --set batch=8"
      ])
    }
    func withoutRecipe() throws {
      if !changes.assignments.isEmpty {
        throw RecipeError(problems: ["--set changes a recipe: name one, or leave it out"])
      }
    }
    if let parameters {
      try withoutRecipe()
      return try MemorySubject(parameters: parameters, batch: tokens)
    }
    let subject = subject ?? ""
    if BuiltInRecipes.yaml(subject) == nil, MemorySubject.isModel(subject) {
      try withoutRecipe()
      return try MemorySubject(file: subject, batch: tokens)
    }
    if tokens != nil { try refuse("--batch and --context") }
    let (name, yaml) = try findRecipe(subject)
    return try MemorySubject(
      recipe: RacePlan.Source(name: name, yaml: yaml), changes: changes.assignments)
  }
}
