import DescentCompute
import DescentNN
import Foundation
import Testing

@Suite("Adversarial pairs") struct AdversarialPairTests {
  private typealias Bits = [String: [UInt32]]

  private let pair: AdversarialPair
  private let real: Tensor
  private let noise: Tensor

  init() throws {
    var random = RandomStream(seed: 3)
    pair = try AdversarialPair(
      latent: 5, stages: [4, 3], channels: 2, height: 4, width: 8, random: &random)
    real = .random([6, 2, 4, 8], uniform: -1..<1, &random)
    noise = .random([6, 5], normal: 1, &random)
  }

  /// The gradients that a loss of the batch leaves, by the parameters that have one.
  private func gradients(_ loss: (AdversarialPair.Losses) -> Tensor) -> Bits {
    pair.clearGradients()
    let tape = Tape()
    let losses = pair.losses(real: real, noise: noise, tape.context())
    tape.gradients(of: loss(losses))
    return Dictionary(
      uniqueKeysWithValues: pair.namedParameters.compactMap { name, parameter in
        parameter.gradient.map { (name, $0.scalars.map(\.bitPattern)) }
      })
  }

  @Test("each loss has gradients for its own network alone, the sum those of both") func apart() {
    let both = gradients(\.sum)
    #expect(both.count == pair.namedParameters.count)
    for (prefix, own) in [
      ("discriminator.", gradients(\.discriminator)), ("generator.", gradients(\.generator)),
    ] {
      #expect(own == both.filter { $0.key.hasPrefix(prefix) }, "\(prefix)")
      #expect(!own.isEmpty && own.values.allSatisfy { $0.contains { Float(bitPattern: $0) != 0 } })
    }
  }

  @Test("the generator's gradient is the slope of −log D(G(z))") func slopes() throws {
    let found = gradients(\.generator)
    for name in ["generator.project.weight", "generator.convolutions.1.bias"] {
      let parameter = try #require(pair.namedParameters.first { $0.name == name }).parameter
      let slopes = try #require(found[name]).map { Double(Float(bitPattern: $0)) }
      let largest = try #require(slopes.map(abs).max())
      for i in 0..<min(4, parameter.value.count) {
        func loss(_ step: Float) -> Double {
          parameter.value.withMutableSpan { $0[i] += step }
          defer { parameter.value.withMutableSpan { $0[i] -= step } }
          return pair.keepingBuffers {
            let context = Context.training(seed: 0)
            let logits = pair.discriminator(pair.generator(noise, context), context)
            return logits.scalars.reduce(0) { $0 + log1p(exp(-Double($1))) / 6 }
          }
        }
        let slope = (loss(1 / 64) - loss(-1 / 64)) * 32
        #expect(abs(slope - slopes[i]) < 0.02 * largest, "\(name) \(i): \(slopes[i]), \(slope)")
      }
    }
  }

  @Test("probabilities and losses are those of the logits") func values() {
    let (real, noise) = (real, noise)
    let (losses, r, f) = pair.keepingBuffers {
      let context = Context.training(seed: 0)
      let losses = pair.losses(real: real, noise: noise, context)
      func logits(_ x: Tensor) -> [Double] {
        pair.discriminator(x, context).scalars.map(Double.init)
      }
      return (losses, logits(real), logits(pair.generator(noise, context)))
    }
    func mean(_ x: [Double], _ f: (Double) -> Double) -> Double {
      x.reduce(0) { $0 + f($1) } / Double(x.count)
    }
    func p(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let expected = [
      mean(r) { -log(p($0)) } + mean(f) { -log(1 - p($0)) }, mean(f) { -log(p($0)) },
      mean(r, p), mean(f, p),
    ]
    let found = [
      Double(losses.discriminator.scalar), Double(losses.generator.scalar),
      losses.realProbability, losses.fakeProbability,
    ]
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < 1e-5, "\(found), \(expected)") }
  }

  @Test("made images have the size asked for, and values between −1 and 1") func images() {
    let images = pair.generator(noise, .inference)
    #expect(images.shape == [6, 2, 4, 8])
    #expect(images.scalars.allSatisfy { abs($0) <= 1 })
    #expect(pair.discriminator(images, .inference).shape == [6])
  }

  @Test(
    "sizes that make no pair are refused",
    arguments: [
      (0, [4], 8, 8, "latent size is 0"), (5, [4, 0], 8, 8, "stage width is 0"),
      (5, [], 8, 8, "number of stages is 0"), (5, [4, 4], 8, 6, "8 × 6 cannot be made by 2"),
      (5, [4, 4, 4, 4], 8, 8, "8 × 8 cannot be made by 4"),
      (5, Array(repeating: 1, count: 70), 8, 8, "by 70 doublings"), (5, [4], 0, 8, "height is 0"),
    ])
  func sizes(_ latent: Int, _ stages: [Int], _ height: Int, _ width: Int, _ part: String) {
    var random = RandomStream(seed: 1)
    let error = #expect(throws: ModelError.self) {
      _ = try AdversarialPair(
        latent: latent, stages: stages, height: height, width: width, random: &random)
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }
}

@Suite("Passes that hold weights") struct HeldWeightsTests {
  /// A module with running statistics and dropout.
  private final class Part: Module {
    let linear: Linear
    let norm = BatchNorm(channels: 3)
    let dropout = Dropout(0.5)
    init(_ random: inout RandomStream) {
      linear = Linear(inputs: 4, outputs: 3, random: &random)
    }
    var members: [Member] { [.module("linear", linear), .module("norm", norm)] }
    func callAsFunction(_ x: Tensor, _ context: Context) -> Tensor {
      dropout(norm(linear(x, context), context), context)
    }
  }

  @Test(
    "weights and statistics stay, what goes in has the gradient that it has otherwise",
    arguments: [false, true])
  func held(_ recomputes: Bool) {
    var random = RandomStream(seed: 2)
    let part = Part(&random)
    let input = Tensor.random([5, 4], normal: 1, &random)
    let weights = Tensor.random([5, 3], normal: 1, &random)
    func pass(holding: Bool) -> (y: [Float], dx: [Float], hasGradients: Bool, moved: Bool) {
      part.clearGradients()
      let mean = part.norm.runningMean.value
      let tape = Tape()
      let (x, context) = (tape.watch(input), tape.context(seed: 7))
      func run(_ context: Context) -> Tensor {
        recomputes ? context.recomputing(x) { part($0, $1) } : part(x, context)
      }
      let y = holding ? context.holdingWeights(run) : run(context)
      let gradients = tape.gradients(of: (y * weights).sum())
      return (
        y.scalars, gradients[x]?.scalars ?? [], part.parameters.contains { $0.gradient != nil },
        part.norm.runningMean.value.scalars != mean.scalars
      )
    }
    let (held, free) = (pass(holding: true), pass(holding: false))
    #expect(held.y == free.y && held.dx == free.dx && held.dx.count == 20)
    #expect(!held.hasGradients && !held.moved && free.hasGradients && free.moved)
  }

  @Test("dropout goes on with other numbers than before") func streams() throws {
    let context = Context.training(seed: 1)
    func mask(_ context: Context) throws -> [Float] {
      Tensor.ones([64]).dropout(try #require(context.dropoutMask(0.5))).scalars
    }
    let masks = [
      try mask(context), try context.holdingWeights(mask), try context.holdingWeights(mask),
      try mask(context),
    ]
    #expect(Set(masks).count == 4)
  }
}
