/// Numbers and lists as people write them.
enum WrittenValue {
  /// The number that `text` stands for: digits, perhaps with single underscores between them, a
  /// fraction and an exponent; or `inf`. nil for anything else, and for what a Double would turn
  /// into infinity or zero.
  static func number(_ text: String) -> Double? {
    let text = trimmed(text)
    switch text.lowercased() {
    case "inf", "+inf", ".inf", "+.inf", "infinity", "+infinity": return .infinity
    case "-inf", "-.inf", "-infinity": return -.infinity
    default: break
    }
    guard let plain = withoutUnderscores(text), plain.utf8.allSatisfy(isOfANumber),
      let x = Double(plain), x.isFinite
    else { return nil }
    let mantissa = plain.prefix { $0 != "e" && $0 != "E" }
    return x == 0 && mantissa.contains { ("1"..."9").contains($0) } ? nil : x
  }

  /// The whole number that `text` stands for, written like any other number: 1e6, 2_000.
  static func wholeNumber(_ text: String) -> Int? {
    guard let x = number(text), let n = Int(exactly: x) else { return nil }
    // A Double holds 15 digits of any number.
    return n.magnitude <= 1_000_000_000_000_000 ? n : nil
  }

  /// The items between commas, in brackets or not, without spaces around them; none has none.
  static func list(_ text: String) -> [String] {
    var text = trimmed(text)
    if (text.hasPrefix("[") && text.hasSuffix("]")) || (text.hasPrefix("(") && text.hasSuffix(")")),
      text.utf8.count > 1
    {
      text = trimmed(String(text.dropFirst().dropLast()))
    }
    if isNone(text) { return [] }
    return text.split(separator: ",", omittingEmptySubsequences: false).map { trimmed(String($0)) }
  }

  /// Whether `text` says that there is no value.
  static func isNone(_ text: String) -> Bool {
    ["none", "null", "~", ""].contains(trimmed(text).lowercased())
  }

  /// `text` without white space around it.
  static func trimmed(_ text: String) -> String {
    String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }

  /// nil where an underscore stands elsewhere than between two digits.
  private static func withoutUnderscores(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    func isDigit(_ index: Int) -> Bool {
      bytes.indices.contains(index)
        && (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index])
    }
    for index in bytes.indices where bytes[index] == UInt8(ascii: "_") {
      guard isDigit(index - 1), isDigit(index + 1) else { return nil }
    }
    return text.filter { $0 != "_" }
  }

  /// Keeps out hexadecimal digits, NaN and digits that are not ASCII.
  private static func isOfANumber(_ byte: UInt8) -> Bool {
    "0123456789.eE+-".utf8.contains(byte)
  }
}
