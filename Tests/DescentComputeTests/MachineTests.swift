import DescentCompute
import Testing

@Suite struct MachineTests {
  @Test func `the machine has a name, threads and an instruction set`() {
    #expect(!Machine.processor.isEmpty)
    #expect(Machine.threads >= 1)
    #expect(Kernels.available.contains(Machine.instructionSet))
    #expect(!Machine.blas.isEmpty)
  }

  @Test func `speeds are positive`() {
    #expect(Machine.measureCopyBandwidth(seconds: 0.01) > 0.1)
    #expect(Machine.measureMultiply(size: 128, seconds: 0.01) > 0.1)
  }
}
