import DescentTokenizers
import Foundation
import Testing

@Suite struct NormalFormTests {
  /// What is left alone for being common must be in the form, alone and behind any other scalar.
  @Test(arguments: [
    NormalForm.nfc, .nfd, .nfkc, .nfkd,
  ]) func `common scalars are in every form`(_ form: NormalForm) {
    func foundation(_ text: String) -> String {
      switch form {
      case .nfc: text.precomposedStringWithCanonicalMapping
      case .nfd: text.decomposedStringWithCanonicalMapping
      case .nfkc: text.precomposedStringWithCompatibilityMapping
      case .nfkd: text.decomposedStringWithCompatibilityMapping
      }
    }
    for value in 0..<0x20000 as Range<UInt32> {
      guard let scalar = Unicode.Scalar(value), scalar.isIn(unicode: 9) else { continue }
      for text in [String(scalar), "a\(scalar)", "\(scalar)\u{301}", "か\(scalar)\u{3099}"] {
        var bytes = Array(text.utf8)
        form.apply(to: &bytes)
        if bytes != Array(foundation(text).utf8) { Issue.record("U+\(String(value, radix: 16))") }
      }
    }
  }
}
