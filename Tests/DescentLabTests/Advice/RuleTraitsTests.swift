import Descent
import DescentLab
import Testing

@Suite("what is known of rules") struct RuleTraitsTests {
  @Test("every rule has traits, but what no landscape takes")
  func complete() {
    #expect(Set(Rules.names).symmetricDifference(RuleTraits.all.keys) == [KFAC.name])
  }

  @Test("what estimates its rate finds its own")
  func own() {
    for rule in Rules.all where OwnRate(rule.init())?.rate == 1 {
      #expect(RuleTraits.of(rule.name)?.step == .own, "\(rule.name)")
    }
  }

  @Test(
    "digits that can be written down",
    arguments: [
      (0.0012345, 2, 0.0012), (123456, 3, 123000), (0, 4, 0), (-0.98765, 4, -0.9877),
      (.infinity, 2, .infinity),
    ])
  func digits(_ x: Double, _ digits: Int, _ rounded: Double) {
    #expect(x.rounded(digits: digits) == rounded)
  }

  @Test("the first of each key, in order")
  func uniqued() { #expect([3, 1, 4, 13, 5].uniqued { $0 % 10 } == [3, 1, 4, 5]) }
}
