public import Descent

/// How fast optimizers are: rows that can be printed one by one, as they are measured.
public enum TimingPage {
  private static let table = Table([
    .init("optimizer"), .init("state"), .number("parameters", "weights"),
    .number("nanoseconds", "ns/weight", .fixed(3)), .number("update", "update", .fixed(3)),
    .number("bytes", "bytes", .fixed(1)), .number("bandwidth", "GB/s", .fixed(1)),
    .number("inPlaceBandwidth", "in place", .fixed(1)), .number("share", "share", .percent(0)),
  ])
  private static let columns = TextColumns(
    zip(table.columns.map(\.alignment), [19, 8, 10, 10, 10, 5, 6, 8, 5]).map { ($0, $1) })

  /// The headings.
  public static var heading: String {
    columns.lines(table.columns.map(\.heading)).joined(separator: "\n")
  }

  /// What the columns mean.
  public static let legend = """
    ns/weight: a whole step. update: the same where the caller knows the norm of the gradients, so that no
    pass takes it. GB/s: what an update must read and write, by its time. in place: the speed of passes that
    read as many arrays of that size, and multiply as many in place, in turn with the steps. share: of
    that speed.
    """

  /// A timing: a line of text and a JSON object.
  public static func row(_ timing: OptimizerTiming) -> (text: String, json: JSONValue) {
    let row: [Table.Cell] = [
      .text(timing.optimizer), .text(timing.state), .count(timing.parameters),
      .number(timing.nanoseconds), .number(timing.update), .number(timing.bytes),
      .number(timing.bandwidth), .number(timing.inPlaceBandwidth), .number(timing.share),
    ]
    let cells = zip(row, table.columns).map { $0.text($1.style) }
    return (columns.lines(cells).joined(separator: "\n"), table.json(row))
  }
}
