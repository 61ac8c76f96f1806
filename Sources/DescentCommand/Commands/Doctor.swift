import ArgumentParser
import DescentCompute
import DescentLab

/// `descent doctor`
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: """
      Show the processor and the BLAS in use, and measure memory and matrix speed.
      """)

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    output(MachinePage.measured(), json: json)
    if let problem = Machine.blasProblem {
      writeError("Error: \(problem)")
      throw ExitCode(ExitStatus.missingFile)
    }
  }
}
