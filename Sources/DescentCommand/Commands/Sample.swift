import ArgumentParser
import DescentTraining

/// `descent sample`
struct Sample: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write text with a trained language model.")

  @Argument(
    help: ArgumentHelp("The folder of a run.", valueName: "run"), completion: .directory)
  var folder: String

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

  func validate() throws {
    if !(1...1_000_000_000).contains(tokens) {
      throw ValidationError("--tokens must be from 1 to 1000000000")
    }
    if !(temperature >= 0 && temperature.isFinite) {
      throw ValidationError("--temperature must be a number, at least 0")
    }
  }

  func run() throws {
    try reportingErrors {
      let model = try LanguageModel(RunDirectory(existing: folder))
      for reason in model.passedOver { writeError("Warning: \(reason)") }
      // The prompt may be refused, and a message stands on a line of its own.
      var hasBegun = false
      defer { if hasBegun { output() } }
      try model.sample(prompt: prompt, tokens: tokens, temperature: temperature, seed: seed) {
        output((hasBegun ? "" : prompt) + $0, terminator: "")
        hasBegun = true
      }
    }
  }
}
