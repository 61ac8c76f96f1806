import DescentTraining
import Foundation
import Testing

@Suite("Small text files") struct TextFileTests {
  private func error(_ path: String, upTo limit: Int = 1 << 10) -> String {
    do {
      _ = try TextFile.read(path, upTo: limit, advice: "make one")
      return ""
    } catch { return "\(error)" }
  }

  @Test("only a file of text is read, at once; else one sentence says why") func refused() throws {
    try withFolder { folder in
      let path = folder + "/a"
      func write(_ bytes: [UInt8]) throws { try Data(bytes).write(to: URL(filePath: path)) }
      #expect(error(path) == "there is no file \(path); make one.")
      #expect(error(folder) == "the file \(folder) cannot be read: it is a folder.")
      #expect(error("/dev/null").contains("it is a device, not a regular file"))
      #expect(error("/dev/zero").contains("it is a device"))
      #expect(error(folder + "/a/b").contains("there is no file"))
      unsafe mkfifo(folder + "/pipe", 0o600)
      #expect(error(folder + "/pipe").contains("it is a pipe, not a regular file"))
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/loop", withDestinationPath: folder + "/loop")
      #expect(error(folder + "/loop").hasPrefix("the file \(folder)/loop cannot be read: "))
      for (bytes, sentence) in [
        ([UInt8](repeating: 97, count: 1025), "it is larger than 1 KiB, the most that such a file"),
        (
          Array("a\nb".utf8) + [0xE9, 97],
          "\(path), line 2: expected text in UTF-8, found the byte 0xE9 (number 4"
        ),
        ([0xC3], "found the byte 0xC3 (number 1 of the file)"),
        (
          Array("é€𝄞\n".utf8) + [0xED, 0xA0, 0x80],
          "line 2: expected text in UTF-8, found the byte 0xED (number 11"
        ),
        ([0xFF, 0xFE, 97, 0], "found UTF-16; save it as UTF-8"),
        ([0xFF, 0xFE, 0, 0, 97, 0, 0, 0], "found UTF-32; save it as UTF-8"),
      ] {
        try write(bytes)
        #expect(error(path).contains(sentence), "\(error(path))")
      }
      try write([0xEF, 0xBB, 0xBF] + Array("é\r\n".utf8))
      #expect(try TextFile.read(path, upTo: 1 << 10) == "é\r\n")
      try write([UInt8](repeating: 97, count: 1024))
      #expect(try TextFile.read(path, upTo: 1 << 10).utf8.count == 1024)
    }
    #if os(Linux)
    // It says that it has no bytes.
    #expect(try TextFile.read("/proc/self/status", upTo: 1 << 16).contains("Name:"))
    #expect(error("/proc/self/maps", upTo: 10).contains("it is larger than"))
    #endif
  }

  @Test(
    "a tokenizer that is none says what it is",
    arguments: [
      ("", "text that is not JSON"), ("{", "text that is not JSON"), ("\"x\"", "other JSON"),
      ("[1]", "other JSON"), ("{}", "no “kind”"), ("{\"kind\":3}", "no text under “kind”"),
      ("{\"kind\":null}", "no text under “kind”"),
      ("{\"kind\":\"word\"}", "a kind other than byte and char"),
      ("{\"kind\":\"char\"}", "no “characters”"),
      ("{\"kind\":\"char\",\"characters\":5}", "no text under “characters”"),
      ("{\"kind\":\"char\",\"characters\":\"\"}", "no characters"),
      ("{\"kind\":\"char\",\"characters\":\"aab\"}", "the character “a” (U+0061) twice"),
      (
        "{\"kind\":\"char\",\"characters\":\"ba\"}", "“a” (U+0061) after “b” (U+0062), out of order"
      ),
      ("{\"kind\":\"byte\"", "text that is not JSON"),
    ])
  func tokenizers(_ text: String, _ found: String) throws {
    try withFolder { folder in
      let file = URL(filePath: folder + "/tokenizer.json")
      let missing = #expect(throws: DataError.self) { try Tokenizer(contentsOf: file) }
      #expect(missing?.isMissingFile == true)
      try text.write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: DataError.self) { try Tokenizer(contentsOf: file) }
      #expect(
        "\(error!)".hasSuffix("expected a tokenizer such as {\"kind\":\"byte\"}, found \(found)."))
      try "{\"characters\":\"ab\\u00e9\",\"kind\":\"char\"}".write(
        to: file, atomically: true, encoding: .utf8)
      #expect(try Tokenizer(contentsOf: file).vocabularySize == 3)
    }
  }
}
