import ArgumentParser
import DescentTraining
import Foundation

/// `descent sample`
struct Sample: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write text with a trained language model.")

  @Argument(
    help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
  var folder: String

  @Option(help: "How the text begins.")
  var prompt = ""

  @Option(help: "How many tokens to write.")
  var tokens = 500

  @Option(help: "0 always takes the likeliest token; 1 draws as the model believes.")
  var temperature = 0.8

  @Option(help: "The same seed gives the same text.")
  var seed: UInt64 = 0

  func validate() throws {
    if tokens < 1 { throw ValidationError("--tokens must be at least 1") }
    if !(temperature >= 0 && temperature.isFinite) {
      throw ValidationError("--temperature must be at least 0")
    }
  }

  func run() throws {
    try reportingErrors {
      let model = try LanguageModel(RunDirectory(existing: folder))
      output(prompt, terminator: "")
      try model.sample(prompt: prompt, tokens: tokens, temperature: temperature, seed: seed) {
        output($0, terminator: "")
      }
      output()
    }
  }
}
