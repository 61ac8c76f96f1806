import ArgumentParser
import Descent
import DescentCompute
import DescentLab

/// `descent benchmark`
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the optimizers on this machine, with their state in each format.",
    discussion: """
      "bytes" is the least that a step must read and write per weight, and GB/s is the speed at which \
      it does so. The last column compares this with the speed of a plain copy, which is measured \
      again before each timing. Optimizers that need whole tensors are timed on at most 2^20 weights, \
      in tensors of 256 x 256.
      """)

  @Argument(help: "The optimizers to time (default: all).")
  var names: [String] = []

  @Option(help: "The number of weights.")
  var parameters = 1 << 24

  @Option(help: "The format of their state, one of \(stateFormats) (default: each).")
  var state: String?

  @Flag(help: "Print one JSON object per line.")
  var json = false

  func run() throws {
    try reportingErrors {
      // What a method that evaluates the loss takes is the loss's time.
      let timed = Rules.all.filter { !($0 is any ClosureRule.Type) }
      let rules = try names.isEmpty ? timed : names.map { try Rules.named($0) }
      let formats =
        try state.map { [try StateStorage([("state", $0)]).format] } ?? StateStorage.Format.allCases
      if !json { output(TimingPage.heading) }
      for rule in rules {
        for format in formats {
          do throws(OptimizerError) {
            let copy = Machine.measureCopyBandwidth(seconds: 0.2)
            let row = TimingPage.row(try time(rule, format), copyBandwidth: copy)
            output(json ? row.json.line : row.text)
          } catch {
            if !json { output("\(error)") }
          }
        }
      }
    }
  }

  private func time<R: Rule>(
    _: R.Type, _ format: StateStorage.Format
  ) throws(OptimizerError) -> OptimizerTiming {
    try .measure(
      R(), state: format,
      parameters: R.granularity == .tensors ? min(parameters, 1 << 20) : parameters)
  }
}
