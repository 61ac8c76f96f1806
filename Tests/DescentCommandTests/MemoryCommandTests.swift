import Foundation
import Testing

/// `descent memory` and `descent recommend`, as a user meets them.
@Suite("Memory on the command line") struct MemoryCommandTests {
  private let temporary: TemporaryFolder
  var folder: URL { temporary.url }

  init() throws {
    temporary = try TemporaryFolder()
    let header =
      #"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[9],"#
      + #""data_offsets":[8,44]}}"#
    var file = Data((0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) })
    file += Data(header.utf8) + Data(count: 8)
    try file.write(to: folder.appendingPathComponent("lies.safetensors"))
    for (name, text) in [
      ("missing.json", #"{"weight_map": {"a": "absent.safetensors"}}"#), ("none.json", "{}"),
      ("empty.safetensors", ""),
    ] {
      try text.write(
        to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("folder"), withIntermediateDirectories: true)
  }

  @Test(
    "bad input is one plain sentence",
    arguments: [
      ("memory --parameters 0", 64, "1 to 1e13"), ("memory --parameters -7", 64, "1 to 1e13"),
      ("memory gpt --set model.layers=999999999999", 64, "choose smaller sizes"),
      ("memory --parameters 1e30", 64, "1 to 1e13"), ("memory", 64, "give a recipe"),
      ("memory gpt --parameters 7B", 64, "give a recipe"),
      ("memory --parameters 7B --fit 0", 64, "amount of memory"),
      ("memory --parameters 7B --optimizers adamv", 64, "did you mean"),
      ("memory --parameters 7B --zero 2", 64, "--ranks"),
      ("memory --parameters 7B --zero 4 --ranks 2", 64, "--zero must be"),
      ("memory --parameters 7B --ranks 0", 64, "--ranks"),
      ("memory --parameters 7B --lora 0", 64, "--lora"),
      ("memory --parameters 7B --base-bits 4", 64, "--lora"),
      ("memory --parameters 7B --batch 4", 64, "--context"),
      ("memory --parameters 7B --offload disk", 64, "none, state or all"),
      ("memory --parameters 7B --set steps=1", 64, "--set changes a recipe"),
      ("memory gpt --lora 8", 64, "--lora"), ("memory gpt --ranks 8 --zero 1", 64, "one process"),
      ("memory gpt --batch 4 --context 8", 64, "--set"),
      ("memory gtp", 66, "gtp"), ("memory folder", 65, "folder"),
      ("memory absent.safetensors", 66, "no file"), ("memory lies.safetensors", 65, "ends at byte"),
      ("memory empty.safetensors", 65, "valid"), ("memory missing.json", 66, "absent.safetensors"),
      ("memory none.json", 65, "weight_map"), ("recommend --task", 64, "task"),
      ("recommend --task lorra", 64, "did you mean 'lora'?"),
      ("recommend --task lora --memory 24G", 64, "--parameters"),
      ("recommend --memory 24G", 64, "--task"),
      ("recommend --task gan --memory 0 --parameters 7B", 64, "amount of memory"),
    ] as [(String, Int32, String)])
  func refuses(_ line: String, _ status: Int32, _ words: String) throws {
    let result = try descent(line.split(separator: " ").map(String.init), in: folder)
    #expect(result.status == status, "\(line): \(result.error)")
    #expect(result.error.contains(words), "\(line): \(result.error)")
    #expect(result.output.isEmpty)
  }

  @Test("the JSON stands alone, and pages are written") func writes() throws {
    let arguments = ["memory", "--parameters", "7e9", "--optimizers", "adamw,sgd(momentum=0.9)"]
    let result = try descent(
      arguments + ["--fit", "90G", "--json", "--html", "page.html"], in: folder)
    #expect(result.status == 0, "\(result.error)")
    let object = try #require(
      JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let rows = try #require(object["rows"] as? [[String: Any]])
    #expect(Set(rows.map { $0["optimizer"] as? String }) == ["adamw", "sgd(momentum=0.9)"])
    #expect(rows.contains { $0["fits"] as? Bool == true })
    let page = folder.appendingPathComponent("page.html")
    #expect(FileManager.default.fileExists(atPath: page.path))
    let recipe = try descent(["recommend", "--task", "gan", "--json"], in: folder)
    #expect(recipe.status == 0 && recipe.output.contains("\"recipe\""))
  }
}
