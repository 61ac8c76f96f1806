import Descent
public import DescentTraining

/// Whether a run that is stopped and resumed is the run that never stopped.
public enum VerifyResumePage {
  /// The three runs beside each other, and what that means.
  ///
  /// - Parameters:
  ///   - found: the runs.
  ///   - recipe: the name of the recipe.
  public static func about(_ found: ResumeVerification, recipe: String) -> Document {
    var table = Table(
      [
        .init("run"), .init("course"), .init("outcome"),
        .number("largestDifference", "largest difference", .significant(3)),
        .number("relativeDifference", "relative", .significant(3)),
        .number("loss", "loss of the last step", .fixed(4)),
      ], key: "runs")
    table.append("A", "straight through", "", .nothing, .nothing, .number(found.loss))
    func append(
      _ name: String, _ course: String, _ outcome: String,
      _ run: ResumeVerification.Comparison
    ) {
      table.append(
        .text(name), .text(course), .text(outcome), .number(run.largest), .number(run.relative),
        .number(run.loss))
    }
    append(
      "B", "stopped and resumed", found.resumed.isEqual ? "the bits of A" : "other bits",
      found.resumed)
    append(
      "C", "stopped, then its weights alone",
      found.weightsOnly.hasEqualWeights ? "the weights of A" : "other weights", found.weightsOnly)
    let stopped = counted(found.steps, "step") + ", stopped after \(grouped(found.stop))"
    return Document(
      "\(recipe): \(stopped)",
      [
        .data([
          ("recipe", .text(recipe)), ("steps", .integer(found.steps)), ("at", .integer(found.stop)),
          ("resumedEqual", .flag(found.resumed.isEqual)),
          ("weightsOnlyEqual", .flag(found.weightsOnly.hasEqualWeights)),
          ("tensors", .integer(found.tensors)), ("bytes", .integer(found.bytes)),
        ]),
        .table(table),
        .paragraph(resumed(found), key: "verdict"),
        .list(found.resumed.differences, key: "differences"),
        .paragraph(weightsOnly(found.weightsOnly), key: "weightsOnly"),
      ])
  }

  /// What B says.
  private static func resumed(_ found: ResumeVerification) -> String {
    let run = found.resumed
    if run.isEqual {
      return
        "A = B: resuming gives the same bits, in all \(counted(found.tensors, "tensor")) of the "
        + "last checkpoint (\(bytes(found.bytes))) and in every line of the metrics but for times"
    }
    var parts: [String] = []
    if !run.differences.isEmpty {
      parts.append("\(counted(run.differences.count, "part")) of the last checkpoint")
    }
    if run.metricLines > 0 { parts.append("\(counted(run.metricLines, "line")) of the metrics") }
    return
      "A ≠ B: resuming does not give the same bits, in \(parts.joined(separator: " and in ")). "
      + "This is a fault of Descent"
  }

  /// What C says.
  private static func weightsOnly(_ run: ResumeVerification.Comparison) -> String {
    if run.hasEqualWeights {
      return "A = C: without the optimizer's state the weights come out the same, so this recipe "
        + "needs no more than its weights, and says little about resuming"
    }
    return "A ≠ C: without the optimizer's state the weights come out different, by "
      + "\(short(run.largest)) at most\(run.tensor.map { " (in \($0))" } ?? "") and by "
      + "\(percent(run.relative, 2)) of their norm"
  }
}
