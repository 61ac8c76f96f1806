import Descent
import Testing

@Suite("Names that are near") struct NearestNameTests {
  @Test(
    "letters that were exchanged count once; of names as near one with the same first letter",
    arguments: [
      ("gtp", ["gan", "gpt"], "gpt"), ("adma", ["data", "adam"], "adam"),
      ("adamx", ["nadam", "adam", "adamw"], "adam"), ("rll", ["all", "rl"], "rl"),
      ("GPT2", ["gan", "gpt"], "gpt"), ("xyz", ["gan", "gpt"], nil), ("", ["a"], nil),
      ("ab", ["ba"], "ba"), ("gel", ["gpt"], nil),
    ] as [(String, [String], String?)])
  func nearest(_ typed: String, _ names: [String], _ expected: String?) {
    #expect(nearestName(to: typed, among: names) == expected)
  }
}
