import DescentTokenizers
import Foundation
import Testing

/// What `References/subword.py` wrote.
enum Vectors {
  static func url(_ name: String) throws -> URL {
    try #require(
      Bundle.module.url(forResource: "Vectors/\(name)", withExtension: "json"), "\(name)")
  }

  static func tokenizer(_ family: String) throws -> SubwordTokenizer {
    try SubwordTokenizer(path: url("\(family).tokenizer").path)
  }

  static func read<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(contentsOf: url(name)))
  }

  /// What a family's tokenizer makes of the strings.
  struct Family: Decodable {
    let count: Int
    let chunk: Int
    let ids: [String]
    let plain: [String]
    let decoded: [String]
    let special: [String]
    let full: [Full]
  }

  struct Full: Decodable {
    let ids: [Int32]
    let text: String

    init(from decoder: any Decoder) throws {
      var parts = try decoder.unkeyedContainer()
      ids = try parts.decode([Int32].self)
      text = try parts.decode(String.self)
    }
  }

  static func digest(_ lists: some Sequence<some Sequence<some BinaryInteger>>) -> String {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for list in lists {
      for number in list { value = (value ^ UInt64(number)) &* 0x100_0000_01B3 }
      value = (value ^ 0xFFFF_FFFF) &* 0x100_0000_01B3
    }
    let text = String(value, radix: 16)
    return String(repeating: "0", count: 16 - text.count) + text
  }
}

/// The strings of `References/subword.py`: the same for the same number.
struct Strings: Decodable {
  private let fragments: [String]
  private let ranges: [[UInt32]]
  let check: String
  let some: [String]
  let trained: Trained

  struct Trained: Decodable {
    let size: Int
    let tokens: String
    let merges: String
  }

  static let all: Strings? = try? Vectors.read(Strings.self, "strings")

  subscript(_ number: Int) -> String {
    var state = UInt64(number) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func draw(_ below: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % below
    }
    func scalar(_ value: UInt32) -> String { Unicode.Scalar(value).map { String($0) } ?? "" }
    // Not by adding strings: what Swift calls equal must keep its scalars.
    var text = String.UnicodeScalarView()
    for _ in 0..<draw(20) {
      switch draw(16) {
      case 0..<10: text += fragments[draw(fragments.count)].unicodeScalars
      case 10..<12: text += " ".unicodeScalars + fragments[draw(fragments.count)].unicodeScalars
      case 12..<14:
        let range = ranges[draw(ranges.count)]
        text += scalar(range[0] + UInt32(draw(Int(range[1] - range[0]) + 1))).unicodeScalars
      case 14:
        let fragment = fragments[draw(fragments.count)]
        for _ in 0..<draw(12) { text += fragment.unicodeScalars }
      default: text += scalar(UInt32(draw(128))).unicodeScalars
      }
    }
    return String(text)
  }
}
