import ArgumentParser
import DescentCompute

/// `descent doctor`
struct Doctor: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the machine, the BLAS in use, and how fast both are.")

  func run() throws {
    print("processor        \(Machine.processor)")
    print("threads          \(Machine.threads)")
    print("instruction set  \(Machine.instructionSet)")
    print("BLAS             \(Machine.blas)")
    print("copy bandwidth   \(fixed(Machine.measureCopyBandwidth(seconds: 1), 1)) GB/s")
    print("matrix products  \(fixed(Machine.measureMultiply(seconds: 1), 1)) GFLOP/s")
    if let problem = Machine.blasProblem {
      writeError("Error: \(problem)")
      throw ExitCode(ExitStatus.missingFile)
    }
  }
}
