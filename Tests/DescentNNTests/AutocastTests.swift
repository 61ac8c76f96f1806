import DescentCompute
import DescentNN
import Safetensors
import Testing

/// u of bfloat16.
private let u = NumberFormat.bfloat16.unitRoundoff

private func distance(_ x: [Double], _ y: [Double]) -> Double {
  let square = zip(x, y).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  return (square / y.reduce(0) { $0 + $1 * $1 }).squareRoot()
}

/// An operation in bfloat16, compared with PyTorch's.
private struct AutocastCase: CustomTestStringConvertible, Sendable {
  let name: String
  let inputs: [String]
  let function: @Sendable ([Tensor]) -> Tensor
  var testDescription: String { name }

  static let all = [
    AutocastCase(name: "linear", inputs: ["x", "w", "b"]) { $0[0].linear($0[1], $0[2]) },
    AutocastCase(name: "product", inputs: ["x", "w"]) { $0[0].product($0[1]) },
    AutocastCase(name: "conv2d", inputs: ["x", "w", "b"]) {
      $0[0].conv2d($0[1], $0[2], padding: 1)
    },
    AutocastCase(name: "attention", inputs: ["x"]) { $0[0].attention(heads: 2) },
  ]
}

@Suite struct AutocastTests {
  private let file = Reference.autocast

  @Test(arguments: [NumberFormat.bfloat16, .float16])
  func roundingEqualsPyTorch(_ format: NumberFormat) throws {
    let x = try file.floats(of: "round/x")
    let expected = try file.floats(of: "round/\(format.rawValue)").map(\.bitPattern)
    for set in Kernels.available {
      #expect(Kernels.select(set))
      defer { Kernels.select(Kernels.available[0]) }
      #expect(x.map { format.nearest(to: $0).bitPattern } == expected, "\(set)")
    }
    #expect(
      Tensor(shape: [x.count], scalars: x).cast(to: format).scalars.map(\.bitPattern) == expected)
    #expect(
      format.nearest(to: .nan).isNaN && format.nearest(to: -Float(bitPattern: 0x7F80_0001)).isNaN)
    #expect(format.nearest(to: format.largest) == format.largest)
  }

  /// The same operands, exact products, sums in float32 and one rounding: results differ only where
  /// the order of a sum decides to which side it is rounded, by one spacing, which is at most 2u.
  @Test(arguments: AutocastCase.all)
  private func productsEqualPyTorch(_ operation: AutocastCase) throws {
    let tape = Tape()
    let inputs = try operation.inputs.map { tape.watch(try file.tensor("\(operation.name)/\($0)")) }
    let y = Autocast.run(in: .bfloat16) { operation.function(inputs) }
    #expect(y.format == .bfloat16)
    let gradients = tape.gradients(
      of: (y * (try file.tensor("\(operation.name)/r"))).sum())
    let results = [("y", y)] + zip(operation.inputs, inputs).map { ("d" + $0, gradients[$1]!) }
    for (key, value) in results {
      let expected = try file.doubles(of: "\(operation.name)/\(key)")
      let exact = try file.doubles(of: "\(operation.name)/\(key)64")
      let numbers = value.scalars.map(Double.init)
      #expect(value.scalars.allSatisfy { NumberFormat.bfloat16.nearest(to: $0) == $0 }, "\(key)")
      let far = distance(numbers, expected)
      // Within attention PyTorch rounds where we do, but for sums in another order.
      #expect(far < (operation.name == "attention" ? u : u / 4), "\(key): \(far)")
      let (ours, theirs) = (distance(numbers, exact), distance(expected, exact))
      #expect(ours < 1.1 * theirs, "\(key): \(ours) from the exact value, PyTorch \(theirs)")
      if operation.name != "attention" {
        let largest = exact.map(abs).max()!
        for (a, b) in zip(numbers, expected) {
          #expect(abs(a - b) <= 2 * u * max(abs(a), abs(b)) + 1e-6 * largest, "\(key)")
        }
      }
    }
  }

  @Test func blockEqualsPyTorch() throws {
    var random = RandomStream(seed: 1)
    let block = TransformerBlock(
      width: 32, heads: 2, bias: true, dropout: 0, outputDeviation: 1, random: &random)
    for (name, parameter) in block.namedParameters {
      parameter.value = try file.tensor("block/\(name)")
    }
    let tape = Tape()
    let x = tape.watch(try file.tensor("block/x"))
    let y = Autocast.run(in: .bfloat16) { block(x, tape.context()) }
    // The residual stream stays in float32.
    #expect(y.format == .float32)
    let gradients = tape.gradients(of: (y * (try file.tensor("block/r"))).sum())
    let results =
      [("y", y), ("dx", gradients[x]!)]
      + block.namedParameters.map { ("d" + $0.name, $0.parameter.gradient!) }
    for (key, value) in results {
      let expected = try file.doubles(of: "block/\(key)")
      let exact = try file.doubles(of: "block/\(key)64")
      let numbers = value.scalars.map(Double.init)
      let (ours, theirs) = (distance(numbers, exact), distance(expected, exact))
      // All roundings are the same but those within attention: the weights, in both directions, and
      // the gradient of the scores. Each moves a result by at most u.
      let roundings = key == "y" ? 1.0 : 2.0
      #expect(
        distance(numbers, expected) < roundings * u, "\(key): \(distance(numbers, expected))")
      #expect(ours < 1.25 * theirs, "\(key): \(ours) from the exact value, PyTorch \(theirs)")
    }
  }

  @Test func formatsFollowTheOperations() {
    let x = Tensor.ones([2, 4]).cast(to: .bfloat16)
    let w = Tensor.ones([4])
    #expect((x + x).format == .bfloat16 && (x + w).format == .float32)
    #expect(x.gelu().format == .bfloat16 && x.reshaped([8]).transposed(0, 0).format == .bfloat16)
    #expect(x.layerNorm(w).format == .float32 && x.softmax().format == .float32)
    #expect(x.sum().format == .float32)
    #expect(Autocast.run(in: .float16) { w.reshaped([1, 4]).linear(x) }.format == .float16)
    // Outside autocast a product has the format of its operands.
    #expect(x.linear(x).format == .bfloat16 && x.linear(Tensor.ones([3, 4])).format == .float32)
    // 1 + 2⁻⁸ lies half way between two numbers of bfloat16.
    let sum = Tensor(1).cast(to: .bfloat16) + Tensor(0x1p-8).cast(to: .bfloat16)
    #expect(sum.scalar == 1)
    #expect(
      (Tensor(60000).cast(to: .float16) + Tensor(60000).cast(to: .float16)).scalar == .infinity)
  }

  @Test func gradientsOfSharedTensorsAreRoundedEach() {
    // dy reaches both terms; only the one in bfloat16 is rounded.
    let tape = Tape()
    let (x, w) = (tape.watch(Tensor(3)), tape.watch(Tensor(5)))
    let y = x.cast(to: .bfloat16) + w
    let gradients = tape.gradients(of: y * (1 + 0x1p-10))
    #expect(gradients[x]?.scalar == 1 && gradients[w]?.scalar == 1 + 0x1p-10)
  }

  @Test(arguments: [NumberFormat.bfloat16, .float16])
  func recomputationRunsInTheFormatOfTheFirstRun(_ format: NumberFormat) throws {
    let gpt = try SmallGPT(layers: 3, dropout: 0.1)
    func step() -> [[UInt32]] {
      let tape = Tape()
      let loss = Autocast.run(in: format) {
        gpt.model.loss(gpt.ids, targets: gpt.targets, tape.context(seed: 4))
      }
      tape.gradients(of: loss, scale: 1024)
      return gpt.model.parameters.map { $0.gradient!.scalars.map(\.bitPattern) }
    }
    let expected = step()
    gpt.model.recomputation = .layers
    #expect(step() == expected)
  }
}
