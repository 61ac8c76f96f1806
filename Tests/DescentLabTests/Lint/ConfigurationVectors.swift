import DescentLab
import DescentTraining
import Foundation
import Testing

/// A configuration with the length and the rates that its tool gives it.
struct RecordedConfiguration: CustomTestStringConvertible, Sendable {
  let tool: String
  let config: String
  let examples: Int?
  let ranks: Int
  let total: Int
  let rates: [(step: Int, rate: Double)]

  var testDescription: String { "\(tool) \(config)" }

  static let all: [RecordedConfiguration] = {
    guard
      let url = Bundle.module.url(
        forResource: "configurations", withExtension: "json", subdirectory: "Vectors"),
      let data = try? Data(contentsOf: url),
      let cases = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]]
    else { return [] }
    return cases.compactMap { entry in
      guard let tool = entry["tool"] as? String, let config = entry["config"],
        let text = try? JSONSerialization.data(withJSONObject: config, options: .sortedKeys),
        let ranks = entry["ranks"] as? Int, let total = entry["total"] as? Int,
        let rates = entry["rates"] as? [[Double]]
      else { return nil }
      return RecordedConfiguration(
        tool: tool, config: String(decoding: text, as: UTF8.self),
        examples: entry["examples"] as? Int, ranks: ranks, total: total,
        rates: rates.map { (Int($0[0]), $0[1]) })
    }
  }()
}

@Suite("Configurations of other tools against what these tools do")
struct ConfigurationVectors {
  @Test("all cases are there")
  func count() { #expect(RecordedConfiguration.all.count == 92) }

  @Test("length and rates, to 1e-9", arguments: RecordedConfiguration.all)
  func lengthAndRates(_ recorded: RecordedConfiguration) throws {
    let configuration = try #require(
      try ForeignConfiguration.read(
        recorded.config, path: "config", examples: recorded.examples, ranks: recorded.ranks))
    let names = [
      "huggingface": "Hugging Face TrainingArguments", "kohya": "kohya sd-scripts",
      "onetrainer": "OneTrainer", "axolotl": "axolotl",
    ]
    #expect(configuration.tool == names[recorded.tool])
    #expect(configuration.facts.steps == recorded.total)
    #expect(configuration.unread.isEmpty)
    #expect(configuration.refused.isEmpty)
    let curve = try ScheduleCurve(
      Recipe(yaml: configuration.recipe), called: "config", total: recorded.total)
    for (step, expected) in recorded.rates {
      let rate = curve.entries(at: step).first { $0.setting == "lr" }?.numbers.first ?? .nan
      #expect(
        abs(rate - expected) <= 1e-9 * max(abs(expected), 1e-9),
        "step \(step): \(rate), not \(expected)")
    }
    _ = try configuration.subject()
    _ = try configuration.runBlocks(called: "config")
  }
}
