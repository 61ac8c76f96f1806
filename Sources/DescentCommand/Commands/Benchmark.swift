import ArgumentParser
import Descent
import DescentCompute
import Foundation

/// `descent benchmark`
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the optimizers on this machine, with each format of their state.",
    discussion: """
      GB/s counts what a step must read and write at the least; the last column is its share of the \
      speed of a plain copy, which is measured again before each. Rules that need whole tensors are timed on at most 2^20 weights, in \
      tensors of 256 x 256.
      """)

  @Argument(help: "The optimizers; all when none is named.")
  var names: [String] = []

  @Option(help: "The number of weights.")
  var parameters = 1 << 24

  @Option(help: "A format of state; all when none is given.")
  var state: String?

  @Flag(help: "Print one JSON object a line.")
  var json = false

  func run() throws {
    try reportingErrors {
      // What a method that evaluates the loss takes is the loss's time.
      let timed = Rules.all.filter { !($0 is any ClosureRule.Type) }
      let rules = try names.isEmpty ? timed : names.map { try Rules.named($0) }
      let formats = try state.map { [try StateStorage([("state", $0)]).format] }
      if !json {
        output(row("optimizer", "state", "ns/weight", "bytes", "GB/s", "copy GB/s", "share"))
      }
      for rule in rules {
        for format in formats ?? StateStorage.Format.allCases {
          do throws(OptimizerError) {
            let copy = Machine.measureCopyBandwidth(seconds: 0.2)
            let timing = try time(rule, format)
            if json {
              let data = try? JSONEncoder().encode(Line(timing: timing, copyBandwidth: copy))
              output(String(decoding: data ?? Data(), as: UTF8.self))
            } else {
              output(
                row(
                  timing.optimizer, timing.state, fixed(timing.nanoseconds, 3),
                  fixed(timing.bytes, 1), fixed(timing.bandwidth, 1), fixed(copy, 1),
                  fixed(100 * timing.bandwidth / copy, 0) + " %"))
            }
          } catch {
            if !json { output("\(error)") }
          }
        }
      }
    }
  }

  /// A timing as JSON has it.
  private struct Line: Encodable {
    let timing: OptimizerTiming
    let copyBandwidth: Double

    func encode(to encoder: any Encoder) throws {
      try timing.encode(to: encoder)
      var own = encoder.container(keyedBy: Key.self)
      try own.encode(copyBandwidth, forKey: .copyBandwidth)
    }

    enum Key: CodingKey { case copyBandwidth }
  }

  private func time<R: Rule>(
    _: R.Type, _ format: StateStorage.Format
  ) throws(OptimizerError) -> OptimizerTiming {
    try .measure(
      R(), state: format,
      parameters: R.granularity == .tensors ? min(parameters, 1 << 20) : parameters)
  }

  private func row(_ first: String, _ columns: String...) -> String {
    first.padding(toLength: 22, withPad: " ", startingAt: 0)
      + columns.map { String(repeating: " ", count: max(1, 11 - $0.count)) + $0 }.joined()
  }
}
