import DescentCompute
import DescentNN
import Testing

@Suite struct RecomputationTests {
  private static let choices: [Recomputation] = [
    .layers, .budget(bytes: 1), .budget(bytes: 1_500_000), .budget(bytes: 1 << 40),
  ]

  /// Dropout in attention and on both branches, biases, one matrix used twice.
  @Test(arguments: choices, [0, 0.2] as [Float])
  func gradientsHaveTheSameBits(_ recomputation: Recomputation, dropout: Float) throws {
    let gpt = try SmallGPT(layers: 4, dropout: dropout)
    let expected = gpt.step()
    gpt.model.recomputation = recomputation
    #expect(gpt.step() == expected)
  }

  @Test func gradientsThatAccumulateHaveTheSameBits() throws {
    let gpt = try SmallGPT(layers: 3, dropout: 0.1)
    func steps() -> [[UInt32]] {
      for (index, seed) in [7, 8, 9].enumerated() {
        let tape = Tape()
        let loss = gpt.model.loss(
          gpt.ids, targets: gpt.targets, tape.context(seed: UInt64(seed)))
        tape.gradients(of: loss, scale: 1 / 3, accumulating: index > 0)
      }
      return gpt.model.parameters.map { $0.gradient!.scalars.map(\.bitPattern) }
    }
    let expected = steps()
    gpt.model.recomputation = .layers
    #expect(steps() == expected)
  }

  @Test func runningStatisticsAreUpdatedOnce() throws {
    func train(_ recomputation: Recomputation) throws -> [[Float]] {
      var random = RandomStream(seed: 3)
      let model = try ConvClassifier(
        height: 8, width: 8, classes: 5, stages: [6, 8, 8], dropout: 0.3, random: &random)
      model.recomputation = recomputation
      let x = Tensor.random([9, 1, 8, 8], normal: 1, &random)
      for seed in 0..<2 {
        let tape = Tape()
        let loss = model(x, tape.context(seed: UInt64(seed)))
          .crossEntropy(IndexTensor((0..<9).map { Int32($0 % 5) }))
        tape.gradients(of: loss)
      }
      return model.namedBuffers.map(\.buffer.value.scalars)
        + model.parameters.map { $0.gradient!.scalars }
    }
    let expected = try train(.none)
    for choice in Self.choices { #expect(try train(choice) == expected, "\(choice)") }
  }

  @Test func partsWithinPartsAreRecomputedToo() {
    var random = RandomStream(seed: 5)
    let layer = Linear(inputs: 6, outputs: 6, random: &random)
    let dropout = Dropout(0.5)
    let x = Tensor.random([4, 6], normal: 1, &random)
    func gradients(nested: Bool) -> [[Float]] {
      let tape = Tape()
      let watched = tape.watch(x)
      func inner(_ x: Tensor, _ context: Context) -> Tensor {
        dropout(layer(x, context).gelu(), context)
      }
      func outer(_ x: Tensor, _ context: Context) -> Tensor {
        let y = nested ? context.recomputing(x, inner) : inner(x, context)
        return dropout(layer(y, context) + x, context)
      }
      let context = tape.context(seed: 2)
      let y = nested ? context.recomputing(watched, outer) : outer(watched, context)
      // What follows draws its masks as if nothing had been recomputed.
      let gradients = tape.gradients(of: dropout(y, context).squared().sum())
      return [
        gradients[watched]!.scalars, layer.weight.gradient!.scalars, layer.bias!.gradient!.scalars,
      ]
    }
    #expect(gradients(nested: true) == gradients(nested: false))
  }

  @Test func inferenceIsUntouched() throws {
    let gpt = try SmallGPT(layers: 3)
    let expected = gpt.model(gpt.ids, .inference).scalars
    gpt.model.recomputation = .layers
    #expect(gpt.model(gpt.ids, .inference).scalars == expected)
  }

  // MARK: Memory

  /// Five layers that keep 100 bytes of an input of 10 each: without recomputation they take 500.
  @Test(arguments: [
    (500, 0), (499, 1), (410, 1), (409, 2), (320, 2), (319, 3), (140, 4), (139, 4), (1, 4),
  ])
  func budgetsAreMetByTheFewestLayers(bytes: Int, expected: Int) {
    let layers = Array(repeating: Recomputation.Layer(input: 10, kept: 100), count: 5)
    #expect(Recomputation.budget(bytes: bytes).count({ layers }, of: 5) == expected)
    let peak = Recomputation.peak(layers, recomputed: expected)
    #expect(peak <= bytes || expected == 4, "a peak of \(peak)")
  }

  @Test(
    arguments: [
      ("none", Recomputation.none), ("layers", .layers), ("64", .budget(bytes: 64_000_000)),
      ("0.5", .budget(bytes: 500_000)), ("0", nil), ("-1", nil), ("layer", nil), ("nan", nil),
    ] as [(String, Recomputation?)])
  func texts(text: String, expected: Recomputation?) {
    #expect(Recomputation(text) == expected)
    if let expected { #expect(Recomputation(expected.description) == expected) }
  }

  /// In a process of its own, where no other test takes memory.
  @Test func memoryShrinks() async {
    await #expect(processExitsWith: .success) {
      let gpt = try SmallGPT(layers: 8)
      func peak(_ recomputation: Recomputation) -> Int {
        gpt.model.recomputation = recomputation
        _ = gpt.step()
        TensorPool.resetPeak()
        let before = TensorPool.bytesOfThread
        _ = gpt.step()
        return TensorPool.peakBytesOfThread - before
      }
      let all = peak(.none)
      #expect(peak(.layers) < all * 2 / 5)
      #expect(gpt.model.recomputationPlan?.recomputed == 7)
      #expect(gpt.model.recomputationPlan?.warning == nil)
      // Of eight layers about half are recomputed.
      let half = peak(.budget(bytes: all / 2))
      #expect(half < all * 13 / 20 && half > peak(.layers))
      _ = peak(.budget(bytes: 1000))
      #expect(gpt.model.recomputationPlan?.warning?.contains("do not fit into 0.001 MB") == true)
    }
  }
}
