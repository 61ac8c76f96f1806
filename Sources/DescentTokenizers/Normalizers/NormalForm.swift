import Foundation

/// The normal forms of Unicode 9, the version of the reference.
package enum NormalForm: Sendable {
  case nfc, nfd, nfkc, nfkd

  /// Whether a text with a scalar keeps it, whatever stands around it, and nothing else changes when
  /// the text is cut before it. That is so for more scalars than these, but for few that are common.
  private func keeps(_ value: UInt32) -> Bool {
    switch value {
    case 0..<0x80, 0x4E00...0x9FFF, 0x3041...0x304A, 0x2010, 0x2012...0x2016: true
    case 0x80...0x9F, 0xA1...0x2FF: self == .nfc
    // Greek and Cyrillic.
    case 0x370...0x373, 0x37B...0x37D, 0x388...0x482, 0x48A...0x52F: self == .nfc
    // Hebrew, Arabic, Devanagari, Thai: letters.
    case 0x5D0...0x5EA, 0x620...0x64A, 0x904...0x928, 0xE01...0xE30: self == .nfc
    case 0x2018...0x2027, 0x2030...0x205E, 0x3001...0x3029, 0x3041...0x3096: self == .nfc
    case 0x30A1...0x30FA, 0x30FC...0x30FE, 0xAC00...0xD7A3, 0xFF01...0xFF9D: self == .nfc
    case 0x1F000...0x1FAFF: self == .nfc
    default: false
    }
  }

  /// Puts a text into the form. Stretches that are in it already are found quickly and left alone.
  package func apply(to text: inout [UInt8]) {
    guard let first = firstChange(in: text.span) else { return }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + text.count / 8)
    var (start, index) = (0, first)
    let source = text
    let span = source.span
    while index < span.count {
      // From before the first that may change to before the next that does not.
      var lower = index
      if lower > start { lower = startOfScalar(in: span, before: lower) }
      result.append(span.extracting(start..<lower))
      var upper = index
      while upper < span.count {
        let (value, length) = scalar(in: span, at: upper)
        if keeps(value) { break }
        upper += length
      }
      result += normalized(span.extracting(lower..<upper))
      start = upper
      index = upper
      while index < span.count {
        let (value, length) = scalar(in: span, at: index)
        if !keeps(value) { break }
        index += length
      }
    }
    result.append(span.extracting(start..<span.count))
    text = result
  }

  /// Where the first scalar lies that may change.
  private func firstChange(in text: Span<UInt8>) -> Int? {
    var index = 0
    while index < text.count {
      if text[index] < 0x80 {
        index += 1
        continue
      }
      let (value, length) = scalar(in: text, at: index)
      if !keeps(value) { return index }
      index += length
    }
    return nil
  }

  /// The form of a stretch, between the scalars that Unicode 9 does not have: they stay as they are.
  private func normalized(_ text: Span<UInt8>) -> [UInt8] {
    var (result, open, index): ([UInt8], [UInt8], Int) = ([], [], 0)
    while index < text.count {
      let (value, length) = scalar(in: text, at: index)
      let part = text.extracting(index..<index + length)
      index += length
      if Unicode.Scalar(value)?.isIn(unicode: 9) ?? false {
        open.append(part)
      } else {
        result += normalized(open)
        open.removeAll(keepingCapacity: true)
        result.append(part)
      }
    }
    return result + normalized(open)
  }

  private func normalized(_ bytes: [UInt8]) -> [UInt8] {
    let string = String(decoding: bytes, as: UTF8.self)
    let result =
      switch self {
      case .nfc: string.precomposedStringWithCanonicalMapping
      case .nfd: string.decomposedStringWithCanonicalMapping
      case .nfkc: string.precomposedStringWithCompatibilityMapping
      case .nfkd: string.decomposedStringWithCompatibilityMapping
      }
    return Array(result.utf8)
  }
}
