public import Descent

/// How fast optimizers are: rows that can be printed one by one, as they are measured.
public enum TimingPage {
  private static let table = Table([
    .init("optimizer"), .init("state"), .number("parameters", "weights"),
    .number("nanoseconds", "ns/weight", .fixed(3)), .number("bytes", "bytes", .fixed(1)),
    .number("bandwidth", "GB/s", .fixed(1)), .number("copyBandwidth", "copy GB/s", .fixed(1)),
    .number("share", "share", .percent(0)),
  ])
  private static let columns = TextColumns(
    zip(table.columns.map(\.alignment), [19, 8, 10, 9, 5, 6, 9, 5]).map { ($0, $1) })

  /// The headings.
  public static var heading: String {
    columns.lines(table.columns.map(\.heading)).joined(separator: "\n")
  }

  /// What the last column means.
  public static let legend =
    "share: of the speed of a plain copy measured just before; above 100 % is noise"

  /// A timing beside the speed of a plain copy at that time, in 10⁹ bytes a second: a line of text
  /// and a JSON object.
  public static func row(
    _ timing: OptimizerTiming, copyBandwidth: Double
  ) -> (text: String, json: JSONValue) {
    let row: [Table.Cell] = [
      .text(timing.optimizer), .text(timing.state), .count(timing.parameters),
      .number(timing.nanoseconds), .number(timing.bytes), .number(timing.bandwidth),
      .number(copyBandwidth), .number(timing.bandwidth / copyBandwidth),
    ]
    let cells = zip(row, table.columns).map { $0.text($1.style) }
    return (columns.lines(cells).joined(separator: "\n"), table.json(row))
  }
}
