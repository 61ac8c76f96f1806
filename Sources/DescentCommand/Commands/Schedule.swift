import ArgumentParser
import Descent
import DescentLab
import DescentTraining

/// `descent schedule`
struct ScheduleCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schedule",
    abstract: "List the schedules, explain one, or show its values.",
    discussion: """
      A step is the number of completed optimizer steps: the value at 0 is what the first step uses, \
      and a run of T steps uses the values at 0 to T−1. Schedules of torch and Hugging Face are known \
      by the names and parameters that they have there. lr is the base, 1 unless it is set. --plot \
      writes the curves as SVG.

        descent schedule cosine --set lr=2e-4 --set warmup=2000 --total 100000
        descent schedule OneCycleLR --set max_lr=0.1 --total 1000 --json
        descent schedule wsd --set warmup=100 --total 1000 --at 0,99,999
        descent schedule --recipe gpt --set schedule.warmup=50 --plot curve.svg
      """)

  @Argument(help: "The schedule: a name that `descent schedule` lists.")
  var name: String?

  @OptionGroup var options: CurveOptions

  @Flag(help: "Print one JSON object per line: each step, or each schedule of the list.")
  var json = false

  func validate() throws { try options.check(name) }

  func run() throws {
    try reportingErrors {
      guard name != nil || options.recipe != nil else {
        return json
          ? SchedulePage.lines().forEach { output($0.line) } : output(SchedulePage.list())
      }
      if let name, options.areUnset, !json { return output(try SchedulePage.about(name)) }
      let curve = try options.curve(name)
      let steps = try options.steps()
      if json, steps == nil, curve.total > 1_000_000 {
        throw ValidationError(
          "--json prints every step of a run, and this one has \(grouped(curve.total)); give --at 0,1000"
        )
      }
      for warning in curve.warnings { writeError("Warning: \(warning)") }
      for setting in curve.awaitsMetric {
        writeError(
          "Warning: \(setting) follows a metric, so the curve shows only its initial value")
      }
      try options.draw(curve)
      if json {
        for step in steps ?? Array(0..<curve.total) { output(curve.json(at: step).line) }
      } else {
        output(curve.page(at: steps))
        if let file = options.plot { output("curve written to \(file)") }
      }
    }
  }
}
