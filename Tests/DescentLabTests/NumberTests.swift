import Descent
import DescentLab
import Testing

@Suite("Numbers as text") struct NumberTests {
  @Test(
    "styles",
    arguments: [
      (.significant(3), 0.00012345, "0.000123"), (.significant(3), 1e-8, "1e-08"),
      (.significant(6), 0.0001001, "0.0001001"), (.significant(3), 0, "0"),
      (.fixed(2), 1.005, "1.00"), (.fixed(0), 2.5e9, "2500000000"), (.fixed(1), -0.25, "−0.2"),
      (.percent(1), 0.125, "12.5 %"), (.percent(2).signed, 0.0044, "+0.44 %"),
      (.fixed(1).signed, -3, "−3.0"), (.fixed(4), -0.00001, "0.0000"),
      (.fixed(4).signed, -0.00001, "0.0000"), (.percent(2).signed, -0.0161, "−1.61 %"),
      (.fixed(2), .nan, "NaN"), (.percent(0), .infinity, "inf"),
      (.significant(3).signed, -.infinity, "−inf"),
    ] as [(NumberStyle, Double, String)])
  func styles(_ style: NumberStyle, _ x: Double, _ text: String) {
    #expect(style.text(x) == text)
  }

  @Test(
    "thousands",
    arguments: [
      (0, "0"), (999, "999"), (1000, "1,000"), (-123, "−123"),
      (-1234, "−1,234"), (804_096, "804,096"), (Int.min, "−9,223,372,036,854,775,808"),
    ])
  func thousands(_ n: Int, _ text: String) { #expect(grouped(n) == text) }

  @Test("nouns are singular for one, plural for all else") func nouns() {
    #expect(
      [0, 1, 2, 1200].map { counted($0, "tensor") }
        == ["0 tensors", "1 tensor", "2 tensors", "1,200 tensors"])
    #expect([1, 3].map { counted($0, "entry", "entries") } == ["1 entry", "3 entries"])
  }

  @Test(
    "sizes",
    arguments: [
      (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1 KB"),
      (4608, "4.61 KB"), (999_499, "999 KB"), (999_500, "1 MB"), (6_570_000, "6.57 MB"),
      (2_000_000_000_000_000, "2 PB"),
    ])
  func sizes(_ n: Int, _ text: String) { #expect(bytes(n) == text) }

  @Test(
    "durations",
    arguments: [
      (0.4, "0s"), (59.4, "59s"), (59.6, "1m00s"), (185, "3m05s"),
      (3600, "1h00m"), (7380, "2h03m"), (.nan, "?"), (.infinity, "?"),
    ])
  func durations(_ seconds: Double, _ text: String) { #expect(clock(seconds) == text) }
}
