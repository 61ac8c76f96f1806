import DescentTraining
import Foundation
import Testing

/// Recipes and changes made at random, from fixed seeds.
@Suite("Recipes at random") struct RecipeFuzzTests {
  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static let pieces = [
    "[", "]", "{", "}", ": ", "- ", "? ", "\n", "\n  ", "&a ", "*a", "<<: ", "|\n", "> ", "'", "\"",
    "#", "!!int ", "%", "---\n", "\t", "null", "~", "none", ",", "1e400", "-1", "nan", "é", "\u{0}",
    "\u{FEFF}", "schedule: ", "groups: ", "sequence", "parts: ", "steps: 99999999999999999999",
  ]

  @Test(
    "any text is a recipe or has mistakes, and soon", arguments: BuiltInRecipes.list.map(\.name))
  func texts(_ name: String) throws {
    let whole = Array(try #require(BuiltInRecipes.yaml(name)).unicodeScalars)
    var random = SplitMix(state: 42)
    for _ in 0..<400 {
      var text = whole
      for _ in 0..<Int.random(in: 1...6, using: &random) {
        let start = Int.random(in: 0...text.count, using: &random)
        let end = min(text.count, start + Int.random(in: 0...8, using: &random))
        let piece = Self.pieces.randomElement(using: &random) ?? ""
        text.replaceSubrange(start..<end, with: Array(piece.unicodeScalars))
      }
      let yaml = String(String.UnicodeScalarView(text))
      let started = ContinuousClock.now
      do {
        // What was read can be written and read again.
        let recipe = try Recipe(yaml: yaml)
        #expect(try Recipe(yaml: recipe.yaml).yaml == recipe.yaml, "\(yaml)")
      } catch {
        #expect(!error.problems.isEmpty && error.problems.allSatisfy { !$0.isEmpty })
      }
      #expect(started.duration(to: .now) < .seconds(1), "\(yaml)")
    }
  }

  private static let changes = [
    "model.kind=mlp", "model.kind=cnn", "model.hidden=[3]", "model.channels=[4]", "steps=3",
    "steps=none", "epochs=2", "optimizer.name=adamw", "optimizer.name=sgd", "optimizer.lr=0.25",
    "optimizer.momentum=0.5", "optimizer.betas=0.5,0.6", "optimizer.state=int8",
    "optimizer.groups=none", "optimizer.groups=[{rank: 1, lr: 2}]", "schedule=none",
    "schedule.name=cosine", "schedule.name=step", "schedule.warmup=3", "schedule.gamma=0.5",
    "schedules.weight_decay.name=linear", "schedules.weight_decay.warmup=1", "schedules=none",
    "average.name=ema", "average.decay=0.5", "average=none", "clip.norm=2", "clip=none", "batch=7",
    "clip.value=3", "optimizer.layer_decay=0.5", "nonsense", "optimizer.nme=3",
  ]

  @Test("changes of different keys give the same recipe, or the same mistakes, in any order")
  func order() throws {
    func outcome(_ changes: [String]) -> [String] {
      do {
        return [try Recipe(yaml: BuiltInRecipes.yaml("digits-mlp") ?? "", overrides: changes).yaml]
      } catch { return error.problems.sorted() }
    }
    func key(_ change: String) -> String {
      let name = String(change.prefix { $0 != "=" })
      return ["schedule", "average"].contains(name) ? name + ".name" : name
    }
    var random = SplitMix(state: 7)
    var recipes = 0
    for _ in 0..<400 {
      var keys = Set<String>()
      var chosen = Self.changes.shuffled(using: &random).prefix(4)
        .filter { keys.insert(key($0)).inserted }
      let expected = outcome(chosen)
      if expected[0].contains("\n") { recipes += 1 }
      for _ in 0..<4 {
        chosen.shuffle(using: &random)
        #expect(outcome(chosen) == expected, "\(chosen)")
      }
    }
    #expect(recipes > 50)
  }
}
