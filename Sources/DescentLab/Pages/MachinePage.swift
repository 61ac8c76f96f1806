import DescentCompute

/// What the package computes on.
public enum MachinePage {
  /// The machine, the libraries in use and the speed of both, which takes two seconds to measure.
  public static func measured() -> Document {
    let speed = NumberStyle.fixed(1)
    return Document(
      "This machine",
      [
        .facts([
          Fact("processor", .text(Machine.processor), key: "processor"),
          Fact("threads", .count(Machine.threads), key: "threads"),
          Fact("instruction set", .text(Machine.instructionSet), key: "instructionSet"),
          Fact("BLAS", .text(Machine.blas), key: "blas"),
          Fact("LAPACK", .text(Machine.lapack), key: "lapack"),
          Fact(
            "copy bandwidth", .number(Machine.measureCopyBandwidth(seconds: 1)),
            key: "copyBandwidth", unit: "GB/s", style: speed),
          Fact(
            "matrix products", .number(Machine.measureMultiply(seconds: 1)),
            key: "matrixProducts", unit: "GFLOP/s", style: speed),
        ])
      ])
  }
}
