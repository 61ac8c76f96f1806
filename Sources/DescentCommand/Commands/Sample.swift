import ArgumentParser
import DescentFiles
import DescentLab
import DescentNN
import DescentTraining

/// `descent sample`
struct Sample: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write text with a trained language model, or make images.",
    discussion: """
      With the newest weights of a run, or with a model in Hugging Face's layout:

        descent sample runs/gpt-1 --prompt "Once upon"
        descent sample runs/diffusion-1 --image digits.png
        descent sample --model SmolLM2-135M --adapter my-adapter --prompt "The sky is" --top-p 0.9
      """)

  @Argument(
    help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
  var folder: String?

  @OptionGroup var pretrained: PretrainedOptions

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The beginning of the text.", valueName: "text"))
  var prompt = ""

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The number of tokens to write.", valueName: "count"))
  var tokens = 500

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      """
      How freely to choose: 0 always takes the likeliest token, 1 follows the probabilities of the \
      model.
      """, valueName: "number"))
  var temperature = 0.8

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The seed: the same seed gives the same text.", valueName: "number"))
  var seed: UInt64 = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Choose from so many of the likeliest tokens.", valueName: "count"))
  var topK: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Choose from the likeliest tokens that together have this probability.", valueName: "number"))
  var topP: Double?

  @Option(
    parsing: .unconditionalSingleValue,
    help: ArgumentHelp("End before this text; may be given several times.", valueName: "text"))
  var stop: [String] = []

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Write the images that the model of the run makes to this file, as PNG.", valueName: "file"),
    completion: .file(extensions: ["png"]))
  var image: String?

  func validate() throws {
    if let image {
      if image.isEmpty { throw ValidationError("--image names no file") }
      if pretrained.model != nil {
        throw ValidationError("--image goes with a run: models in Hugging Face's layout write text")
      }
      if !prompt.isEmpty || !stop.isEmpty || topK != nil || topP != nil {
        throw ValidationError(
          "--image makes images, which --prompt, --stop, --top-k and --top-p do not change")
      }
    }
    try pretrained.validate(run: folder)
    if let topK, topK < 1 { throw ValidationError("--top-k must be at least 1") }
    if let topP, !(topP > 0 && topP <= 1) {
      throw ValidationError("--top-p must be above 0 and at most 1")
    }
    if !(1...1_000_000_000).contains(tokens) {
      throw ValidationError("--tokens must be from 1 to 1000000000")
    }
    if !(temperature >= 0 && temperature.isFinite) {
      throw ValidationError("--temperature must be a number, at least 0")
    }
  }

  func run() throws {
    try reportingErrors {
      if let image { return try makeImages(image) }
      let model =
        try pretrained.languageModel() ?? LanguageModel(RunDirectory(existing: folder ?? ""))
      for reason in model.passedOver { writeError("Warning: \(reason)") }
      // The prompt may be refused, and a message stands on a line of its own.
      var hasBegun = false
      defer { if hasBegun { output() } }
      let sampling = Sampling(temperature: temperature, top: topK, mass: topP)
      try model.sample(
        prompt: prompt, tokens: tokens, sampling: sampling, stops: stop, seed: seed
      ) {
        output((hasBegun ? "" : prompt) + $0, terminator: "")
        hasBegun = true
      }
    }
  }

  /// Writes the images of a run to a file, each pixel as a square.
  private func makeImages(_ path: String) throws {
    try OutputPaths.check([("--image", path)], keeping: [("the run", folder)])
    let made = try MadeImages(folder ?? "", seed: seed)
    for reason in made.passedOver { writeError("Warning: \(reason)") }
    let (width, height) = (made.image.width, made.image.height)
    let picture = Picture(
      made.image.label, width: width, height: height, grey: made.image.pixels)
    guard let picture else { return }
    try OutputFile.write(picture.enlarged(by: max(1, 600 / max(width, height))).file, to: path)
    output("\(path): \(made.image.label)")
  }
}
