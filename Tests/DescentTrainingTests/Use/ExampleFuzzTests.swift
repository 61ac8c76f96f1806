import DescentTraining
import Foundation
import Testing

/// Tables and images made at random from fixed seeds, as inputs of a trained model.
@Suite("Inputs of trained models at random") struct ExampleFuzzTests {
  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = state
      z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }
  }

  private static let pieces: [[UInt8]] =
    [
      ",", ";", "\t", "\"", "\"\"", "\n", "\r\n", "\r", " ", "1", "-2.5", "1e39", "nan", "1,5", "x",
      "size", "colour", "low", "", "0x1", "\u{FEFF}", "é",
    ].map { Array($0.utf8) } + [[0], [0, 0, 8, 2], [0, 0, 13, 1], [0xFF, 0xFE], [0xC3]]

  @Test(
    "any bytes are answered, or refused with a sentence",
    arguments: [
      "size,kind,colour,age\n0,low,1,2\n1,high,1,2\n2,low,1,2\n", "1,2,3\n4,5,6\n",
      "1,5;2;3;low\n-1;2;3;high\n",
      "\0\0\u{8}\u{2}\0\0\0\u{2}\0\0\0\u{3}\u{1}\u{2}\u{3}\u{4}\u{5}\u{6}",
    ])
  func inputs(_ seed: String) throws {
    let trained = try Trained.shared.get()
    let files = try TemporaryFiles()
    var random = SplitMix(state: 7)
    for _ in 0..<150 {
      var bytes = Array(seed.utf8)
      for _ in 0..<Int.random(in: 0...4, using: &random) {
        let start = Int.random(in: 0...bytes.count, using: &random)
        let end = min(bytes.count, start + Int.random(in: 0...6, using: &random))
        bytes.replaceSubrange(start..<end, with: Self.pieces.randomElement(using: &random) ?? [])
      }
      let path = try files.write(bytes, to: "in")
      do {
        var predictions = try Predictions(trained.classes, input: path)
        var lines = 0
        while let piece = try predictions.next() {
          #expect(piece.last == 0x0A)
          lines += piece.count { $0 == 0x0A }
        }
        // Cells of the input may hold line ends of their own.
        #expect(lines > predictions.count)
      } catch { #expect(!"\(error)".isEmpty) }
      do {
        let evaluation = try RunEvaluation(trained.classes, overrides: ["data.path=\(path)"])
        guard case .classes(let report) = evaluation.report else { continue }
        let counted = report.counts.values.reduce(report.undecided, +)
        #expect(counted == report.examples && report.examples > 0)
      } catch { #expect(!"\(error)".isEmpty) }
    }
  }
}
