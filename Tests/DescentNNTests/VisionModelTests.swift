import DescentCompute
import DescentNN
import Safetensors
import Testing

/// A small model of images with a loss.
struct VisionCase: CustomTestStringConvertible, Sendable {
  let testDescription: String
  /// Makes the model and its loss, all of whose weights matter.
  let make: @Sendable () throws -> (model: any Module, loss: (Context) -> Tensor)

  private static let count = 5

  static func vit(dropout: Float = 0, _ recomputation: Recomputation = .none) -> VisionCase {
    VisionCase(testDescription: "vit") {
      var random = RandomStream(seed: 4)
      let grid = try PatchGrid(channels: 2, height: 4, width: 6, patch: 2)
      let model = try VisionTransformer(
        grid, outputs: 3, layers: 2, heads: 2, width: 8, dropout: dropout, random: &random)
      model.recomputation = recomputation
      spread(model, &random)
      let x = Tensor.random([count, 2, 4, 6], normal: 1, &random)
      let labels = IndexTensor((0..<count).map { Int32($0 % 3) })
      return (model, { model(x, $0).crossEntropy(labels) })
    }
  }

  static func diffusion(dropout: Float = 0) -> VisionCase {
    VisionCase(testDescription: "diffusion") {
      var random = RandomStream(seed: 5)
      let grid = try PatchGrid(channels: 2, height: 4, width: 6, patch: 2)
      let model = try DiffusionTransformer(
        grid, classes: 3, layers: 2, heads: 2, width: 8, dropout: dropout, random: &random)
      spread(model, &random)
      let x = Tensor.random([count, 2, 4, 6], normal: 1, &random)
      let noise = Tensor.random(x.shape, normal: 1, &random)
      let labels = IndexTensor((0..<count).map { Int32($0 % 4) })
      let times = (0..<count).map { Double($0 + 1) / Double(count) }
      return (
        model, { model(x, times: times, labels: labels, $0).meanSquaredError(noise) }
      )
    }
  }

  /// Weights that are neither zero nor tiny, so that each has a gradient that can be measured.
  private static func spread(_ model: any Module, _ random: inout RandomStream) {
    for parameter in model.parameters {
      parameter.value = parameter.value + .random(parameter.value.shape, normal: 0.2, &random)
    }
  }

  static let all = [vit(), diffusion()]
}

@Suite("Models of images", .serialized) struct VisionModelTests {
  @Test("a Vision Transformer has PyTorch's loss and gradients") func reference() throws {
    let file = Reference.vit
    var random = RandomStream(seed: 1)
    let model = try VisionTransformer(
      PatchGrid(channels: 3, height: 4, width: 6, patch: 2), outputs: 5, layers: 2, heads: 2,
      width: 8, random: &random)
    let names = Set(model.namedParameters.map { "param/\($0.name)" })
    #expect(names == Set(file.names.filter { $0.hasPrefix("param/") }))
    for (name, parameter) in model.namedParameters {
      parameter.value = try file.tensor("param/\(name)")
    }
    let tape = Tape()
    let loss = try model(file.tensor("images"), tape.context()).crossEntropy(
      file.indices("labels"))
    try expectClose(loss, file.doubles(of: "loss64"), 1e-6, "loss")
    tape.gradients(of: loss)
    for (name, parameter) in model.namedParameters {
      try expectClose(parameter.gradient!, file.doubles(of: "grad64/\(name)"), 2e-5, name)
    }
  }

  @Test("gradients are those of finite differences", arguments: VisionCase.all)
  func derivatives(_ vision: VisionCase) throws {
    let (model, loss) = try vision.make()
    let tape = Tape()
    let value = loss(tape.context())
    tape.gradients(of: value)
    var random = RandomStream(seed: 6)
    for (name, parameter) in model.namedParameters {
      let gradient = try #require(parameter.gradient, "\(name)")
      let direction = Tensor.random(gradient.shape, normal: 1, &random)
      let slope = (gradient * direction).sum().scalar
      let length = gradient.squared().sum().squareRoot().scalar
      #expect(length > 1e-3, "\(name) has a gradient of \(length)")
      let start = parameter.value
      // f′ = (8·(f(h) − f(−h)) − (f(2h) − f(−2h)))/12h
      let h = 1 / (64 * direction.squared().sum().squareRoot().scalar)
      func value(_ steps: Float) -> Double {
        parameter.value = start + steps * h * direction
        return Double(loss(.inference).scalar)
      }
      let found = (8 * (value(1) - value(-1)) - (value(2) - value(-2))) / Double(12 * h)
      parameter.value = start
      let allowed = 0.01 * Double(length * direction.squared().sum().squareRoot().scalar)
      #expect(abs(found - Double(slope)) < allowed, "\(name): \(found), not \(slope)")
    }
  }

  @Test(
    "bits depend neither on threads nor on what is computed again",
    arguments: [VisionCase.vit(dropout: 0.2), .diffusion(dropout: 0.2)])
  func bits(_ vision: VisionCase) throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    func step(_ vision: VisionCase) throws -> [[UInt32]] {
      let (model, loss) = try vision.make()
      let tape = Tape()
      let value = loss(tape.context(seed: 3))
      let bits = value.scalar.bitPattern
      tape.gradients(of: value)
      return [[bits]] + model.parameters.map { $0.gradient!.scalars.map(\.bitPattern) }
    }
    let steps = try [1, 2, 4].map { threads in
      ThreadPool.shared.setThreads(threads)
      return try step(vision)
    }
    #expect(steps[0] == steps[1] && steps[0] == steps[2])
    if vision.testDescription == "vit" {
      #expect(try step(.vit(dropout: 0.2, .layers)) == steps[0])
    }
  }

  @Test("all that a model holds is named", arguments: VisionCase.all)
  func members(_ vision: VisionCase) throws {
    ModelTests.expectComplete(try vision.make().model)
  }

  @Test("a diffusion model starts with no noise, and each block as the identity") func start()
    throws
  {
    var random = RandomStream(seed: 1)
    let grid = try PatchGrid(channels: 1, height: 4, width: 4, patch: 2)
    let model = try DiffusionTransformer(
      grid, classes: 2, layers: 1, heads: 2, width: 8, random: &random)
    let x = Tensor.random([2, 1, 4, 4], normal: 1, &random)
    let y = model(x, times: [0.1, 1], labels: IndexTensor([0, 2]), .inference)
    #expect(y.shape == x.shape && y.scalars.allSatisfy { $0 == 0 })
    let z = Tensor.random([2, 4, 8], normal: 1, &random)
    let c = Tensor.random([2, 8], normal: 1, &random)
    #expect(model.blocks[0](z, c, .inference).scalars == z.scalars)
  }

  @Test("patches lie as a convolution reads them, and make up the image again") func patches()
    throws
  {
    var random = RandomStream(seed: 2)
    let grid = try PatchGrid(channels: 3, height: 4, width: 6, patch: 2)
    let x = Tensor.random([2, 3, 4, 6], normal: 1, &random)
    let patches = grid.patches(of: x)
    #expect(patches.shape == [2, 6, 12] && grid.image(of: patches).scalars == x.scalars)
    let layer = Linear(inputs: 12, outputs: 5, random: &random)
    let convolution = x.conv2d(
      layer.weight.value.reshaped([5, 3, 2, 2]), layer.bias!.value, stride: 2)
    let expected = convolution.reshaped([2, 5, 6]).permuted([0, 2, 1])
    let worst = (layer(patches, .inference) - expected).magnitude().max().scalar
    #expect(worst < 1e-5)
  }

  @Test(
    "sizes that do not fit together are refused with advice",
    arguments: [
      (3, 4, 64, "an image of 8 × 8 cannot be cut into patches of 3 × 3"),
      (3, 4, 64, "choose a patch that divides both (1, 2, 4)."),
      (0, 4, 64, "the model's patch is 0; it must be at least 1."),
      (2, 3, 64, "the model's width 64 cannot be divided among 3 heads; choose a multiple of 3."),
      (2, 0, 64, "the model's heads is 0"), (2, 4, 0, "the model's width is 0"),
    ])
  func refused(patch: Int, heads: Int, width: Int, sentence: String) throws {
    var random = RandomStream(seed: 1)
    func grid() throws -> PatchGrid {
      try PatchGrid(channels: 1, height: 8, width: 8, patch: patch)
    }
    let errors = [
      #expect(throws: ModelError.self) {
        try VisionTransformer(
          grid(), outputs: 2, layers: 1, heads: heads, width: width, random: &random)
      },
      #expect(throws: ModelError.self) {
        try DiffusionTransformer(
          grid(), classes: 2, layers: 1, heads: heads, width: width, random: &random)
      },
    ]
    for error in errors { #expect(error?.description.contains(sentence) == true) }
  }
}
