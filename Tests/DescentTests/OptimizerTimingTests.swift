import Descent
import Testing

/// What `descent benchmark` counts: its times are nobody's to promise.
@Suite("Timing of optimizers") struct OptimizerTimingTests {
  /// Of each pass, 4 bytes for what it reads and 8 for what it changes.
  @Test(
    "counts what the passes of an update read and write",
    arguments: [
      ("sgd", "momentum=0", 4 + 8), ("sgd", "momentum=0.9", 4 + 16), ("adamw", "", 4 + 24),
      // Numbers of a tensor are no pass over its elements.
      ("nadam", "", 4 + 24), ("asgd", "", 4 + 16),
      // The first pass reads g and w, the second has what it left in the state.
      ("lars", "momentum=0.9", 8 + 4 + 16), ("lamb", "", 8 + 16 + 8 + 8),
      ("dadapt-adam", "", 8 + 24 + 8 + 8), ("prodigy", "", 12 + 24 + 8 + 8),
      // What h was estimated to be is only read.
      ("sophia-g", "", 8 + 16), ("sophia-h", "", 8 + 16),
      ("lion", "cautious_factor=0", 12 + 4 + 16), ("adafactor", "", 4 + 8),
    ])
  func bytes(_ rule: String, _ settings: String, _ bytes: Int) throws {
    let timing = try OptimizerTiming.measure(
      makeRule(rule, settings), state: .float32, parameters: 65536, seconds: 0)
    // Factored state and the numbers of a tensor are small.
    #expect(timing.bytes >= Double(bytes) && timing.bytes < Double(bytes) + 0.2)
    #expect(timing.share > 0 && timing.update > 0 && timing.inPlaceBandwidth > 0)
  }

  @Test("counts state in the bytes that it takes")
  func formats() throws {
    for (format, bytes) in [(StateStorage.Format.bfloat16, 12 + 8.0), (.int8, 12 + 4.0625)] {
      let timing = try OptimizerTiming.measure(
        AdamW(), state: format, parameters: 65536, seconds: 0)
      #expect(abs(timing.bytes - bytes) < 0.01)
    }
  }
}
