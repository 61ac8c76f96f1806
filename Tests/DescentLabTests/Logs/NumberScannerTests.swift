import DescentLab
import Testing

@Suite struct NumberScannerTests {
  private func scan(_ text: String) -> (value: Double?, rest: String) {
    let bytes = Array(text.utf8)
    var index = 0
    let value = NumberScanner.number(bytes.span, &index, end: bytes.count)
    return (value, String(decoding: bytes[index...], as: UTF8.self))
  }

  @Test(arguments: [
    "0", "-0", "1", "-1", "+1", "0.1", ".5", "5.", "1e5", "1E-5", "1e+5", "123456789012345678",
    "12345678901234567890123", "0.000001", "1e22", "1e23", "9007199254740993", "9007199254740992.5",
    "4.35", "0.3", "2.2250738585072014e-308", "5e-324", "1.7976931348623157e308", "1e400", "1e-400",
    "0.1000000000000000055511151231257827", "8.41e21", "9.5367431640625e-7",
    "1.00000000000000011102",
    "00012.5", "1000000000000000000000", "0e999999999999", "123456789.123456789",
    "18446744073709551615", "18446744073709551616", "0.30000000000000004",
  ])
  func number(_ text: String) {
    let found = scan(text)
    #expect(found.value?.bitPattern == Double(text)?.bitPattern, "\(text)")
    #expect(found.rest == "")
  }

  @Test(arguments: [
    ("1,2", ",2"), ("1e", "e"), ("1e+", "e+"), ("1.5.2", ".2"), ("12abc", "abc"), ("1-2", "-2"),
  ])
  func beginning(_ text: String, _ rest: String) {
    #expect(scan(text).value != nil)
    #expect(scan(text).rest == rest)
  }

  @Test(arguments: ["", "-", "+", ".", "e5", "abc", "-.", "n", "i", "--1"])
  func none(_ text: String) {
    #expect(scan(text).value == nil)
    #expect(scan(text).rest == text)
  }

  @Test func words() {
    #expect(scan("NaN").value?.isNaN == true)
    #expect(scan("nan").value?.isNaN == true)
    #expect(scan("-Infinity").value == -.infinity)
    #expect(scan("inf").value == .infinity)
  }

  /// Numbers as they are written of doubles and floats, with as many digits, and cut anywhere.
  @Test func random() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      let x = Double(bitPattern: generator.next())
      let small = Double.random(in: -10...10)
      let float = Float.random(in: 0...1)
      let digits = UInt64.random(in: 0 ... .max)
      for text in [
        "\(x)", "\(small)", "\(float)", "\(Double(float) * 1e-5)", "0.\(digits)",
        "\(digits)e\(Int.random(in: -30...30))",
        "\(digits).\(digits)",
      ] where !text.contains("n") {
        #expect(scan(text).value?.bitPattern == Double(text)?.bitPattern, "\(text)")
      }
    }
  }
}
