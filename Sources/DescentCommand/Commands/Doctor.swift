import ArgumentParser
import DescentCompute

/// `descent doctor`
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the machine, the BLAS in use, and how fast both are.")

  func run() throws {
    output("processor        \(Machine.processor)")
    output("threads          \(Machine.threads)")
    output("instruction set  \(Machine.instructionSet)")
    output("BLAS             \(Machine.blas)")
    output("LAPACK           \(Machine.lapack)")
    output("copy bandwidth   \(fixed(Machine.measureCopyBandwidth(seconds: 1), 1)) GB/s")
    output("matrix products  \(fixed(Machine.measureMultiply(seconds: 1), 1)) GFLOP/s")
    if let problem = Machine.blasProblem {
      writeError("Error: \(problem)")
      throw ExitCode(ExitStatus.missingFile)
    }
  }
}
