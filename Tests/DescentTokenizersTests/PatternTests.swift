import DescentTokenizers
import Testing

@Suite struct PatternTests {
  /// The matches in a text, written one after another with “|”.
  private func matches(_ pattern: String, _ text: String) throws -> String {
    let pattern = try Pattern(pattern)
    var (workspace, finder) = (Pattern.Workspace(), MatchFinder())
    let bytes = Array(text.utf8)
    workspace.begin(bytes.count)
    var found: [String] = []
    while let step = try finder.next(of: pattern, in: bytes.span, &workspace), !step.isEnd {
      found.append(String(decoding: bytes[step.match], as: UTF8.self))
    }
    return found.joined(separator: "|")
  }

  /// What Oniguruma finds.
  @Test(arguments: [
    (#"\p{L}+|\p{N}{1,3}"#, "ab12345é中 x", "ab|123|45|é中|x"),
    (#"\s+(?!\S)|\s+"#, "a   b  ", "  | |  "),
    (#"(?i:'s|'ll)"#, "'S 'LL 'ſ 's", "'S|'LL|'ſ|'s"),
    (#"a(?i)b|c"#, "aB aC ab ac", "aB|aC|ab|ac"),
    (#"(?:ab)*c"#, "ababc abc c", "ababc|abc|c"),
    (#"(?:a*)*b"#, "aaab b", "aaab|b"), (#"a*?b"#, "aab", "aab"), (#"a+?"#, "aa", "a|a"),
    (#"a{2}"#, "aaaaa", "aa|aa"), (#"a{,2}b"#, "aaab", "aab"), (#"a{x}"#, "a{x}", "a{x}"),
    (#"[^\s\p{L}]+"#, "a, b!", ",|!"), (#"[a-c&&[^b]]+"#, "abcab", "a|ca"),
    (#"[[:digit:]x]+"#, "1x2y", "1x2"), (#"[\]\-a]+"#, "a-]b", "a-]"), (#"[]a]+"#, "]a", "]a"),
    (#"(?<=a)b"#, "ab bb", "b"), (#"(?<!a)b"#, "ab bb", "b|b"), (#"(?=ab)a"#, "ab ac", "a"),
    (#"(?>a+)ab"#, "aaab", ""), (#"a++b"#, "aaab", "aaab"), (#"a++a"#, "aaa", ""),
    (#"^a"#, "a\na", "a|a"), (#"a$"#, "a\na", "a|a"), (#"\Aa"#, "a\na", "a"),
    (#"a\z"#, "a\na", "a"), (#"\bé"#, "é aé", "é"), (#"x*"#, "ax", "|x"),
    (#"(a|b)(?<n>c)"#, "ac", "ac"),
    (#"\x41\u0042\x{43}"#, "ABC", "ABC"), (#"(?x) a b # c"#, "ab", "ab"), (#"(?m:.)"#, "\n", "\n"),
    (#"\p{Han}+"#, "漢字かな", "漢字"), (#"\p{^L}"#, "a1", "1"), (#"\P{L}"#, "a1", "1"),
    (#"\h+"#, "fg", "f"),
  ])
  func `matches are found`(_ pattern: String, _ text: String, _ found: String) throws {
    #expect(try matches(pattern, text) == found)
  }

  @Test(arguments: [
    "(", "a)", "[a", "*a", #"\p{Xyz}"#, #"\p"#, #"\1"#, #"\k<a>"#, #"(?<=a+)b"#, "[z-a]", "a{9999}",
    "(?P<a>b)", #"\"#, #"\x{110000}"#, "((((a{1000}){1000}){1000}){1000})",
  ])
  func `what is not understood is said`(_ pattern: String) {
    #expect(throws: Defect.self) { try Pattern(pattern) }
  }

  @Test func `nesting is limited`() {
    let deep = String(repeating: "(", count: 1000) + String(repeating: ")", count: 1000)
    #expect(throws: Defect.self) { try Pattern(deep) }
    #expect(throws: Defect.self) { try Pattern(String(repeating: "[", count: 1000)) }
  }

  @Test func `a pattern that takes too long is ended`() {
    #expect(throws: Defect.self) {
      try matches("(a|aa)*(a|aa)*(a|aa)*b", String(repeating: "a", count: 60))
    }
  }
}
