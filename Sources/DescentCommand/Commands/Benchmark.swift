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
      which it does so. The last column compares this with the speed of passes that read as many \
      arrays of that size, and multiply as many in place: sizes that fit into a cache are compared \
      with the cache. \
      Optimizers that need whole tensors are timed on at most 2^20 weights, in tensors of at most \
      256 × 256, unless --shape says otherwise. Settings stand behind a name: "sgd(momentum=0.9)".
      """)

  @Argument(help: "The optimizers to time (default: all).")
  var names: [String] = []

  @Option(
    parsing: .unconditional, help: ArgumentHelp("The number of weights.", valueName: "count"))
  var parameters = 1 << 24

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "The shape of each tensor, such as 1024x1024 or 2048.", valueName: "lengths"))
  var shape: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The number of threads (default: all).", valueName: "count"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "The format of their state, one of \(stateFormats) (default: each).", valueName: "format"))
  var state: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Give the mean of so many steps, not the fastest: some steps alone decompose matrices.",
      valueName: "count"))
  var mean: Int?

  @Flag(help: "Print one JSON object per line.")
  var json = false

  private static let mostTensors = 100_000

  func validate() throws {
    if parameters < 1 { throw ValidationError("--parameters must be at least 1") }
    // Weights, gradients and two slots of state, of 4 bytes each, and as many arrays beside them.
    let needed = Double(parameters) * 32
    if needed > Double(Machine.memory) {
      throw ValidationError(
        "--parameters \(parameters) needs up to \(Amount.bytes(needed)) of memory, and there are "
          + Amount.bytes(Double(Machine.memory)))
    }
    if let mean, mean < 1 { throw ValidationError("--mean must be at least 1") }
    if let threads, !(1...256).contains(threads) {
      throw ValidationError("--threads must be from 1 to 256")
    }
    if let shape, lengths == nil {
      throw ValidationError(
        "--shape '\(shape)' must be lengths with x between them, such as 1024x1024, and no more "
          + "elements than --parameters")
    }
    if let lengths, parameters / lengths.reduce(1, *) > Self.mostTensors {
      throw ValidationError(
        "--parameters \(parameters) of --shape \(shape ?? "") are "
          + "\(parameters / lengths.reduce(1, *)) tensors, and at most \(Self.mostTensors) are timed: "
          + "choose fewer --parameters or a larger --shape")
    }
    for name in names {
      guard let rule = try? rule(name), rule.needs.contains(.evaluations) else { continue }
      throw ValidationError("\(name) cannot be measured this way: its step evaluates a loss")
    }
  }

  func run() throws {
    try reportingErrors {
      // What a method that evaluates the loss takes is the loss's time.
      let timed = Rules.all.map { $0.init() as any Rule }
        .filter { !$0.needs.contains(.evaluations) }
      let rules =
        try names.isEmpty
        ? timed.map { (nil, $0) } : names.map { (Optional($0), try rule($0)) }
      if let threads { Machine.setThreads(threads) }
      let formats =
        try state.map { [try StateStorage([("state", $0)]).format] } ?? StateStorage.Format.allCases
      if !json { output(TimingPage.heading) }
      var rows = 0
      for (label, rule) in rules {
        for format in formats {
          if let needed = tooMuch(rule, format) {
            let name = label ?? type(of: rule).name
            refuse("\(name) would need \(Amount.bytes(needed)) of memory")
            continue
          }
          do throws(OptimizerError) {
            let row = TimingPage.row(try time(rule, format, label))
            output(json ? row.json.line : row.text)
            rows += 1
          } catch {
            refuse("\(error)")
          }
        }
      }
      // Formats that some of the optimizers cannot have are no failure, but no row at all is.
      if rows == 0 {
        if !json { writeError("Error: nothing could be timed") }
        throw ExitCode(ExitStatus.usage)
      }
      if !json { output(TimingPage.legend) }
    }
  }

  /// Says why a row is missing: among the others, or beside rows of JSON.
  private func refuse(_ reason: String) {
    if json { writeError(reason) } else { output(reason) }
  }

  /// The memory that tensors of --shape would need, where it is more than there is: matrices of long axes have
  /// much state.
  private func tooMuch(_ rule: any Rule, _ format: StateStorage.Format) -> Double? {
    guard let lengths else { return nil }
    let tensor = ParameterInfo("w", shape: lengths, role: .matrix)
    // No integer holds the squares of the longest axes.
    let squares = rule.slots(for: tensor).reduce(0.0) { sum, slot in
      sum + 4 * (slot.shape ?? []).reduce(1.0) { $0 * Double($1) }
    }
    if squares > Double(Machine.memory) { return squares }
    // K-FAC's matrices are its preconditioner's, which is not timed.
    if rule.needs.contains(.layers) { return nil }
    let plan = OptimizerPlan(rule, groups: [], state: StateStorage(format))
    guard let memory = try? plan.memory(for: [tensor]) else { return nil }
    // Weights and gradients, the state, and as many arrays beside them.
    let each = 16 * Double(tensor.count) + 2 * Double(memory.stateBytes)
    let needed = Double(parameters / tensor.count) * each + Double(memory.workingBytes)
    return needed > Double(Machine.memory) ? needed : nil
  }

  /// The lengths of --shape.
  private var lengths: [Int]? {
    let parts = (shape ?? "").split(separator: "x", omittingEmptySubsequences: false)
    let lengths = parts.compactMap { Int($0) }.filter { $0 > 0 }
    guard lengths.count == parts.count else { return nil }
    var room = parameters
    for length in lengths { room /= length }
    return room > 0 ? lengths : nil
  }

  /// A rule with its settings, from a text such as `sgd(momentum=0.9)`.
  private func rule(_ text: String) throws -> any Rule {
    func make<R: Rule>(_: R.Type, _ texts: [SettingText]) throws -> any Rule { try R(texts) }
    guard let sections = SettingSection.list(text), sections.count == 1 else {
      return try make(try Rules.named(text), [])
    }
    return try make(try Rules.named(sections[0].name), sections[0].texts)
  }

  private func time(
    _ rule: some Rule, _ format: StateStorage.Format, _ label: String?
  ) throws(OptimizerError) -> OptimizerTiming {
    let isLimited = rule.needs.contains(.wholeTensors) && shape == nil
    return try .measure(
      rule, state: format, parameters: isLimited ? min(parameters, 1 << 20) : parameters,
      shape: lengths, label: label, mean: mean)
  }
}
