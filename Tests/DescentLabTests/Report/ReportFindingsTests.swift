import DescentLab
import Testing

@Suite("Findings of reports") struct ReportFindingsTests {
  private func findings(
    _ tracks: [String: [Double]], state: RunState = .finished, events: [RunLog.Event] = [],
    from first: Int = 1
  ) -> [String] {
    var log = RunLog(name: "run", path: "runs/run", format: .descent)
    for (name, values) in tracks {
      log.tracks[name] = Track(
        steps: values.indices.map { first + $0 }, values: values)
    }
    (log.state, log.events) = (state, events)
    return ReportFindings(run: ReportRun(log)).sentences
  }

  private static let falling = (1...400).map { 3.0 - 0.005 * Double($0) }

  @Test("a run that goes on has not ended", arguments: [RunState.running, .finished])
  func running(_ state: RunState) {
    let text = findings(
      ["val_loss": [3, 2], "lr": [1e-3, 1e-4], "seconds": [0.5, 0.5], "d": [1e-6, 1e-3]],
      state: state
    ).joined(separator: " ")
    let isRunning = state == .running
    #expect(text.contains("is now at 2") == isRunning && text.contains("ended at 2") != isRunning)
    #expect(text.contains("is now at 0.0001") == isRunning)
    #expect(text.contains("A step takes") == isRunning)
    #expect(text.contains("is still growing") == isRunning)
  }

  @Test("a loss that stands out is said, noise is not", arguments: [0.0, 9])
  func jumps(_ height: Double) {
    var losses = zip(Self.falling, normalNumbers(400, seed: 4)).map { $0 + 0.05 * $1 }
    losses[249] += height
    let jump = findings(["loss": losses]).first { $0.contains("jumped") }
    #expect((jump?.contains("at step 250") ?? false) == (height > 0))
  }

  @Test("what ended a run is not a step that was skipped") func stopped() {
    let losses = Array(Self.falling.prefix(24)) + [.nan]
    let end = RunLog.Event(.skipped, step: 25, text: "the loss is NaN.")
    let sentences = findings(["loss": losses], state: .stopped, events: [end])
    #expect(sentences.first == "The run stopped at step 25: the loss is NaN.")
    #expect(!sentences.contains { $0.contains("skipped") })
    let went = findings(["loss": losses], events: [end])
    #expect(went.contains("1 of 25 losses is not finite."))
    #expect(went.contains("1 step was skipped, number 25: the loss is NaN."))
  }

  @Test("percentages only of positive losses; the distance to the training loss") func validation()
  {
    func said(_ validation: [Double]) -> String {
      findings(["loss": [4, 2], "val_loss": validation]).first { $0.contains("validation") } ?? ""
    }
    #expect(said([2, 3]).contains("50.0 % above its lowest, 2 at step 1"))
    #expect(said([2, 3]).contains("it lies 1 above the training loss"))
    #expect(said([3, 2]) == "The validation loss ended at 2, its lowest.")
    for losses in [[-4.0, -1], [0, 1]] { #expect(!said(losses).contains("%")) }
    #expect(said([2, .nan]).contains("is not finite from step 2 on"))
  }

  @Test("what stood before training is what the rest is held against") func beginnings() {
    let tracks = ["val_loss": [3.0, 2, 1], "val_old": [1.0, 1.1, 1.25]]
    let with = findings(tracks, from: 0)
    #expect(with.contains("The validation loss ended at 1, its lowest; before training it was 3."))
    #expect(
      with.contains(
        "The validation loss on what was known before rose from 1 to 1.25, by 25.0 %."), "\(with)")
    #expect(!findings(tracks).contains { $0.contains("before") })
  }

  @Test("what did not move is said of the steps that were measured") func unmoved() {
    let sentences = findings([
      "loss": [2, 1], "update_ratio/a": [0, 0], "update_ratio/b": [0, 1],
    ])
    #expect(sentences.contains("a did not move in any of the 2 steps that were measured."))
  }
}
