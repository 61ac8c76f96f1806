import DescentLab
import DescentTraining
import Foundation
import Testing

@Suite("The page of a verified resume") struct VerifyResumePageTests {
  private func found(
    _ resumed: ResumeVerification.Comparison, _ weightsOnly: ResumeVerification.Comparison
  ) -> ResumeVerification {
    ResumeVerification(
      steps: 20, stop: 8, tensors: 36, bytes: 59_300, loss: 4.25, resumed: resumed,
      weightsOnly: weightsOnly)
  }

  private func comparison(
    _ differences: [String] = [], lines: Int = 0, largest: Double = 0, tensor: String? = nil,
    relative: Double = 0
  ) -> ResumeVerification.Comparison {
    ResumeVerification.Comparison(
      differences: differences, metricLines: lines, largest: largest, tensor: tensor,
      relative: relative, loss: 4.5)
  }

  @Test("A = B, and C is other or not") func equal() throws {
    let other = comparison(["w"], lines: 9, largest: 0.0015, tensor: "w", relative: 0.0032)
    let page = VerifyResumePage.about(found(comparison(), other), recipe: "gpt")
    let text = page.text()
    #expect(text.hasPrefix("gpt: 20 steps, stopped after 8\n"))
    #expect(text.contains("A = B: resuming gives the same bits, in all 36 tensors of the last"))
    #expect(
      text.contains(
        "A ≠ C: without the optimizer's state the weights come out different, by 0.0015 at most "
          + "(in w) and by 0.32 % of their norm"))
    let fields = try #require(
      JSONSerialization.jsonObject(with: Data(page.json.text.utf8)) as? [String: Any])
    #expect(fields["resumedEqual"] as? Bool == true)
    #expect(fields["weightsOnlyEqual"] as? Bool == false)
    #expect(fields["steps"] as? Int == 20 && fields["at"] as? Int == 8)
    let runs = try #require(fields["runs"] as? [[String: Any]])
    #expect(runs.map { $0["run"] as? String } == ["A", "B", "C"])
    #expect(runs[2]["largestDifference"] as? Double == 0.0015)
    // State alone may differ.
    let same = VerifyResumePage.about(
      found(comparison(), comparison(["state/step/w"])), recipe: "gpt")
    #expect(
      same.text().contains("A = C: without the optimizer's state the weights come out the same"))
  }

  @Test("A ≠ B says what differs, and whose fault it is") func different() throws {
    let resumed = comparison(["state/exp_avg/w", "“skipped”"], lines: 1)
    let text = VerifyResumePage.about(found(resumed, comparison()), recipe: "gpt").text()
    #expect(
      text.contains(
        "A ≠ B: resuming does not give the same bits, in 2 parts of the last checkpoint and in 1 "
          + "line of the metrics. This is a fault of Descent"))
    #expect(text.contains("state/exp_avg/w\n") && text.contains("“skipped”\n"))
  }
}
