import DescentCompute
import DescentNN
import Foundation
import Safetensors
import Testing

/// Values and derivatives that PyTorch computed in float64.
enum Reference {
  static let operations = file("operations")
  static let gpt = file("gpt")
  static let vit = file("vit")
  static let autocast = file("autocast")

  private static func file(_ name: String) -> SafetensorsFile {
    let url = Bundle.module.url(
      forResource: name, withExtension: "safetensors", subdirectory: "Vectors")!
    return try! SafetensorsFile(path: url.path)
  }
}

extension SafetensorsFile {
  func tensor(_ name: String) throws -> Tensor {
    let shape = try entry(name).shape
    let values: [Float] =
      try entry(name).dtype == .f64
      ? doubles(of: name).map(Float.init) : floats(of: name)
    return Tensor(shape: shape, scalars: values)
  }

  func indices(_ name: String) throws -> IndexTensor {
    try IndexTensor(shape: entry(name).shape, scalars: integers(of: name, as: Int32.self))
  }
}

/// An operation compared with PyTorch's.
struct ReferenceCase: CustomTestStringConvertible, Sendable {
  let name: String
  /// The largest difference allowed, as a share of the largest reference value.
  var bound: Float = 2e-6
  /// The inputs, by their keys in the file.
  var inputs = ["x"]
  let function: @Sendable ([Tensor], IndexTensor?) throws -> Tensor

  init(
    _ name: String, _ inputs: String = "x", bound: Float = 2e-6,
    _ function: @escaping @Sendable ([Tensor], IndexTensor?) throws -> Tensor
  ) {
    (self.name, self.bound, self.function) = (name, bound, function)
    self.inputs = inputs.map { String($0) }
  }

  var testDescription: String { name }

  static let all: [ReferenceCase] = [
    ReferenceCase("conv2d", "xwb") { x, _ in x[0].conv2d(x[1], x[2]) },
    ReferenceCase("conv2d-padding", "xwb") { x, _ in x[0].conv2d(x[1], x[2], padding: 1) },
    ReferenceCase("conv2d-stride", "xwb") { x, _ in
      x[0].conv2d(x[1], x[2], stride: 2, padding: 1)
    },
    ReferenceCase("conv2d-no-bias", "xw") { x, _ in x[0].conv2d(x[1]) },
    ReferenceCase("conv2d-1x1", "xwb") { x, _ in x[0].conv2d(x[1], x[2]) },
    ReferenceCase("conv2d-groups", "xwb") { x, _ in
      x[0].conv2d(x[1], x[2], padding: 1, groups: 2)
    },
    ReferenceCase("conv2d-depthwise", "xwb") { x, _ in
      x[0].conv2d(x[1], x[2], stride: 2, padding: 1, groups: 4)
    },
    ReferenceCase("max_pool2d") { x, _ in x[0].maxPool2d(2) },
    ReferenceCase("max_pool2d-overlap") { x, _ in x[0].maxPool2d(3, stride: 2, padding: 1) },
    ReferenceCase("avg_pool2d") { x, _ in x[0].averagePool2d(2) },
    ReferenceCase("avg_pool2d-padding") { x, _ in
      x[0].averagePool2d(3, stride: 2, padding: 1)
    },
    ReferenceCase("avg_pool2d-global") { x, _ in x[0].mean(over: [2, 3], keepDimensions: true) },
    ReferenceCase("batch_norm2d", "xwb") { x, _ in x[0].batchNorm(x[1], x[2]).y },
    ReferenceCase("batch_norm1d", "xwb") { x, _ in x[0].batchNorm(x[1], x[2]).y },
    ReferenceCase("layer_norm", "xwb") { x, _ in x[0].layerNorm(x[1], x[2]) },
    ReferenceCase("layer_norm-no-bias", "xw") { x, _ in x[0].layerNorm(x[1]) },
    ReferenceCase("layer_norm-eps", "xwb") { x, _ in x[0].layerNorm(x[1], x[2], epsilon: 0.1) },
    ReferenceCase("rms_norm", "xw") { x, _ in x[0].rmsNorm(x[1]) },
    ReferenceCase("rms_norm-eps", "xw") { x, _ in x[0].rmsNorm(x[1], epsilon: 0.1) },
    ReferenceCase("gelu") { x, _ in x[0].gelu() },
    ReferenceCase("gelu-tanh") { x, _ in x[0].geluTanh() },
    ReferenceCase("silu") { x, _ in x[0].silu() },
    ReferenceCase("relu") { x, _ in x[0].relu() },
    ReferenceCase("sigmoid") { x, _ in x[0].sigmoid() },
    ReferenceCase("tanh") { x, _ in x[0].tanh() },
    ReferenceCase("softmax") { x, _ in x[0].softmax() },
    // The inputs, near 1000, are not exact in float32.
    ReferenceCase("softmax-large", bound: 1e-4) { x, _ in x[0].softmax() },
    ReferenceCase("log_softmax") { x, _ in x[0].logSoftmax() },
    ReferenceCase("cross_entropy") { x, labels in x[0].crossEntropy(labels!) },
    ReferenceCase("cross_entropy-sum") { x, labels in 6 * x[0].crossEntropy(labels!) },
    ReferenceCase("cross_entropy-smoothing") { x, labels in
      x[0].crossEntropy(labels!, smoothing: 0.1)
    },
    ReferenceCase("cross_entropy-ignore") { x, labels in
      x[0].crossEntropy(labels!, ignoring: -100)
    },
    ReferenceCase("cross_entropy-smoothing-ignore") { x, labels in
      x[0].crossEntropy(labels!, smoothing: 0.1, ignoring: -100)
    },
    ReferenceCase("embedding", "w") { x, _ in
      x[0].embedding(try Reference.operations.indices("embedding/x"))
    },
    ReferenceCase("linear", "xwb") { x, _ in x[0].linear(x[1], x[2]) },
    ReferenceCase("linear-no-bias", "xw") { x, _ in x[0].linear(x[1]) },
    ReferenceCase("mse", "xw") { x, _ in x[0].meanSquaredError(x[1]) },
    ReferenceCase("attention", "qkv") { x, _ in joinedAttention(x, causal: false) },
    ReferenceCase("attention-causal", "qkv") { x, _ in joinedAttention(x, causal: true) },
    ReferenceCase("attention-causal-one", "qkv") { x, _ in joinedAttention(x, causal: true) },
  ]

  /// Attention of separate q, k and v of shape [batch, heads, time, size].
  static func joinedAttention(_ x: [Tensor], causal: Bool) -> Tensor {
    let (batch, heads, time, size) = (x[0].shape[0], x[0].shape[1], x[0].shape[2], x[0].shape[3])
    let parts = x.map { $0.permuted([0, 2, 1, 3]).reshaped([batch, time, heads * size]) }
    return Tensor.concatenated(parts, axis: 2).attention(heads: heads, causal: causal)
      .reshaped([batch, time, heads, size]).permuted([0, 2, 1, 3])
  }
}

/// Expects x to be within a share of the largest element of the reference.
func expectClose(_ x: Tensor, _ reference: [Double], _ bound: Float, _ what: String) {
  let largest = reference.map(abs).max() ?? 0
  let worst = zip(x.scalars, reference).map { abs(Double($0) - $1) }.max() ?? 0
  #expect(x.count == reference.count, "\(what) has \(x.count) elements")
  #expect(worst <= Double(bound) * max(largest, 1e-6), "\(what): \(worst / largest) of the largest")
}

@Suite struct ReferenceTests {
  @Test(arguments: ReferenceCase.all)
  func operationsEqualPyTorch(_ operation: ReferenceCase) throws {
    let file = Reference.operations
    let tape = Tape()
    let inputs = try operation.inputs.map { tape.watch(try file.tensor("\(operation.name)/\($0)")) }
    let labels = "\(operation.name)/targets"
    let y = try operation.function(inputs, file.contains(labels) ? file.indices(labels) : nil)
    try #expect(y.shape == file.entry("\(operation.name)/y").shape)
    try expectClose(y, file.doubles(of: "\(operation.name)/y"), operation.bound, "y")
    let r = try file.tensor("\(operation.name)/r")
    let gradients = tape.gradients(of: (y * r).sum())
    for (key, input) in zip(operation.inputs, inputs) {
      try expectClose(
        gradients[input]!, file.doubles(of: "\(operation.name)/d\(key)"), 4 * operation.bound,
        "d\(key)")
    }
  }

  @Test func batchNormKeepsRunningStatistics() throws {
    for name in ["batch_norm2d", "batch_norm1d"] {
      let file = Reference.operations
      let x = try file.tensor("\(name)/x")
      let layer = BatchNorm(channels: x.shape[1])
      _ = layer(x, Tape().context())
      try expectClose(
        layer.runningMean.value, file.doubles(of: "\(name)/running_mean"), 1e-6, "mean")
      try expectClose(
        layer.runningVariance.value, file.doubles(of: "\(name)/running_var"), 1e-6, "variance")
    }
  }

  @Test(arguments: ["bias", "nobias"])
  func gptEqualsPyTorch(_ prefix: String) throws {
    let file = Reference.gpt
    var random = RandomStream(seed: 1)
    let model = try GPT(
      layers: 2, heads: 2, width: 16, context: 8, vocabulary: 11, bias: prefix == "bias",
      random: &random)
    let names = Set(model.namedParameters.map { "\(prefix)/param/\($0.name)" })
    #expect(names == Set(file.names.filter { $0.hasPrefix("\(prefix)/param/") }))
    for (name, parameter) in model.namedParameters {
      parameter.value = try file.tensor("\(prefix)/param/\(name)")
    }
    let tape = Tape()
    let loss = try model.loss(
      file.indices("tokens"), targets: file.indices("targets"), tape.context())
    try expectClose(loss, file.doubles(of: "\(prefix)/loss64"), 1e-6, "loss")
    tape.gradients(of: loss)
    for (name, parameter) in model.namedParameters {
      try expectClose(
        parameter.gradient!, file.doubles(of: "\(prefix)/grad64/\(name)"), 2e-5, name)
    }
  }
}
