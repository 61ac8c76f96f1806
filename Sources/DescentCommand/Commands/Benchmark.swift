import ArgumentParser
import Descent
import DescentCompute
import DescentLab

/// `descent benchmark`
struct Benchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Time the optimizers on this machine, with their state in each format.",
    discussion: """
      "bytes" is the least that an update must read and write per weight, and GB/s is the speed at \
      which it does so. The last column compares this with the speed at which this machine multiplies \
      as many arrays of that size in place: sizes that fit into a cache are compared with the cache. \
      Optimizers that need whole tensors are timed on at most 2^20 weights, in tensors of 256 × 256.
      """)

  @Argument(help: "The optimizers to time (default: all).")
  var names: [String] = []

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The number of weights.", valueName: "count"))
  var parameters = 1 << 24

  @Option(
    help: ArgumentHelp(
      "The format of their state, one of \(stateFormats) (default: each).", valueName: "format"))
  var state: String?

  @Flag(help: "Print one JSON object per line.")
  var json = false

  func validate() throws {
    if parameters < 1 { throw ValidationError("--parameters must be at least 1") }
    // Weights, gradients and two slots of state, of 4 bytes each.
    let needed = Double(parameters) * 16
    if needed > Double(Machine.memory) {
      throw ValidationError(
        "--parameters \(parameters) needs up to \(Amount.bytes(needed)) of memory, and there are "
          + Amount.bytes(Double(Machine.memory)))
    }
    for name in names {
      guard let rule = try? Rules.named(name), rule.init().needs.contains(.evaluations) else {
        continue
      }
      throw ValidationError("\(name) cannot be measured this way: its step evaluates a loss")
    }
  }

  func run() throws {
    try reportingErrors {
      // What a method that evaluates the loss takes is the loss's time.
      let timed = Rules.all.filter { !$0.init().needs.contains(.evaluations) }
      let rules = try names.isEmpty ? timed : names.map { try Rules.named($0) }
      let formats =
        try state.map { [try StateStorage([("state", $0)]).format] } ?? StateStorage.Format.allCases
      if !json { output(TimingPage.heading) }
      for rule in rules {
        for format in formats {
          do throws(OptimizerError) {
            let row = TimingPage.row(try time(rule, format))
            output(json ? row.json.line : row.text)
          } catch {
            if !json { output("\(error)") }
          }
        }
      }
      if !json { output(TimingPage.legend) }
    }
  }

  private func time<R: Rule>(
    _: R.Type, _ format: StateStorage.Format
  ) throws(OptimizerError) -> OptimizerTiming {
    try .measure(
      R(), state: format,
      parameters: R().needs.contains(.wholeTensors) ? min(parameters, 1 << 20) : parameters)
  }
}
