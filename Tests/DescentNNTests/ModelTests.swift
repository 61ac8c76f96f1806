import Descent
import DescentNN
import Testing

/// A small GPT with a batch for it.
struct SmallGPT {
  let model: GPT
  let ids: IndexTensor
  let targets: IndexTensor

  init(layers: Int = 2, dropout: Float = 0, bias: Bool = true) throws {
    var random = RandomStream(seed: 3)
    model = try GPT(
      layers: layers, heads: 4, width: 32, context: 80, vocabulary: 29, dropout: dropout,
      bias: bias,
      random: &random)
    let tokens = (0..<5 * 80).map { Int32($0 * $0 % 29) }
    ids = IndexTensor(shape: [5, 80], scalars: tokens)
    targets = IndexTensor(shape: [5, 80], scalars: tokens.map { ($0 * 3 + 1) % 29 })
  }

  /// The loss and the gradients of all parameters, as bits.
  func step(seed: UInt64 = 1) -> [[UInt32]] {
    let tape = Tape()
    let loss = model.loss(ids, targets: targets, tape.context(seed: seed))
    let value = loss.scalar
    tape.gradients(of: loss)
    return [[value.bitPattern]]
      + model.parameters.map { $0.gradient!.scalars.map(\.bitPattern) }
  }
}

@Suite(.serialized) struct ModelTests {
  @Test(arguments: [0, 0.2] as [Float])
  func resultsDoNotDependOnTheNumberOfThreads(dropout: Float) throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    let gpt = try SmallGPT(dropout: dropout)
    ThreadPool.shared.setThreads(1)
    let expected = gpt.step()
    for threads in [2, 3, 4, 8] {
      ThreadPool.shared.setThreads(threads)
      #expect(gpt.step() == expected, "with \(threads) threads")
    }
  }

  @Test func convolutionsDoNotDependOnTheNumberOfThreads() throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    var random = RandomStream(seed: 3)
    let model = try ConvClassifier(
      height: 12, width: 12, classes: 5, stages: [8, 12], random: &random)
    let x = Tensor.random([37, 1, 12, 12], normal: 1, &random)
    let labels = IndexTensor((0..<37).map { Int32($0 % 5) })
    var expected: [[Float]]?
    for threads in [1, 2, 4] {
      ThreadPool.shared.setThreads(threads)
      let tape = Tape()
      let loss = model(x, tape.context()).crossEntropy(labels)
      tape.gradients(of: loss)
      let gradients = model.parameters.map { $0.gradient!.scalars }
      if let expected { #expect(gradients == expected) }
      expected = gradients
    }
  }

  @Test func dropoutFollowsTheSeed() throws {
    let gpt = try SmallGPT(dropout: 0.2)
    #expect(gpt.step(seed: 1) == gpt.step(seed: 1))
    #expect(gpt.step(seed: 1) != gpt.step(seed: 2))
  }

  @Test func namesAreThoseOfNanoGPT() throws {
    var random = RandomStream(seed: 3)
    let model = try GPT(
      layers: 1, heads: 1, width: 4, context: 4, vocabulary: 5, random: &random)
    #expect(
      model.namedParameters.map(\.name) == [
        "wte.weight", "wpe.weight", "h.0.ln_1.weight", "h.0.attn.c_attn.weight",
        "h.0.attn.c_proj.weight", "h.0.ln_2.weight", "h.0.mlp.c_fc.weight",
        "h.0.mlp.c_proj.weight", "ln_f.weight",
      ])
    #expect(model.parameters.map(\.name) == model.namedParameters.map(\.name))
    #expect(
      model.parameters.map(\.role) == [
        .embedding, .embedding, .norm, .matrix, .matrix, .norm, .matrix, .matrix, .norm,
      ])
  }

  @Test func initialWeightsHaveTheirDeviations() throws {
    var random = RandomStream(seed: 3)
    let model = try GPT(
      layers: 8, heads: 2, width: 64, context: 64, vocabulary: 100, bias: true, random: &random)
    for (name, parameter) in model.namedParameters {
      let x = parameter.value.scalars.map(Double.init)
      let deviation = (x.reduce(0) { $0 + $1 * $1 } / Double(x.count)).squareRoot()
      let expected =
        switch parameter.role {
        case .norm: 1.0
        case .bias: 0.0
        default: name.hasSuffix("c_proj.weight") ? 0.02 / 4 : 0.02
        }
      #expect(abs(deviation - expected) <= 0.05 * expected, "\(name): \(deviation)")
    }
  }

  @Test func everyStoredMemberIsNamed() throws {
    var random = RandomStream(seed: 3)
    let models: [any Module] = [
      try GPT(
        layers: 2, heads: 2, width: 8, context: 4, vocabulary: 5, dropout: 0.1, bias: true,
        random: &random),
      try MLPClassifier(inputs: 4, hidden: [3, 3], classes: 2, random: &random),
      try ConvClassifier(height: 8, width: 8, classes: 3, stages: [2, 3], random: &random),
      RMSNorm(width: 4),
    ]
    for model in models { Self.expectComplete(model) }
  }

  /// All that the properties of a module hold is in its members.
  static func expectComplete(_ module: any Module) {
    var named: Set<ObjectIdentifier> = []
    for member in module.members {
      switch member {
      case .parameter(_, let x): named.insert(ObjectIdentifier(x))
      case .buffer(_, let x): named.insert(ObjectIdentifier(x))
      case .module(_, let x):
        named.insert(ObjectIdentifier(x))
        expectComplete(x)
      }
    }
    func visit(_ value: Any, _ label: String) {
      switch value {
      case let x as any Module:
        #expect(named.contains(ObjectIdentifier(x)), "\(type(of: module)) forgets \(label)")
      case let x as Parameter:
        #expect(named.contains(ObjectIdentifier(x)), "\(type(of: module)) forgets \(label)")
      case let x as Buffer:
        #expect(named.contains(ObjectIdentifier(x)), "\(type(of: module)) forgets \(label)")
      default:
        for child in Mirror(reflecting: value).children { visit(child.value, label) }
      }
    }
    for child in Mirror(reflecting: module).children { visit(child.value, child.label ?? "?") }
  }

  @Test func nextLogitsAreThoseOfTheLastPosition() throws {
    let gpt = try SmallGPT()
    let all = gpt.model(gpt.ids, .inference)
    let next = gpt.model.nextLogits(Array(gpt.ids.scalars[0..<80]), nil)
    #expect(next.shape == [29])
    for j in 0..<29 { #expect(abs(next.scalars[j] - all.scalars[79 * 29 + j]) < 1e-5) }
    // A cache changes nothing, in whatever pieces the tokens come.
    let cache = try #require(gpt.model.makeCache(80))
    var last = Tensor(0)
    for part in [0..<50, 50..<51, 51..<79, 79..<80] {
      last = gpt.model.nextLogits(Array(gpt.ids.scalars[part]), cache)
    }
    for j in 0..<29 { #expect(abs(last.scalars[j] - next.scalars[j]) < 1e-5) }
  }

  @Test func generationFollowsTheSeedAndTheContext() throws {
    let gpt = try SmallGPT()
    func text(
      _ seed: UInt64, temperature: Double = 1, top: Int? = nil, mass: Double? = nil
    ) throws -> [Int32] {
      var random = RandomStream(seed: seed)
      return try gpt.model.generate(
        [1, 2, 3], count: 90, sampling: Sampling(temperature: temperature, top: top, mass: mass),
        random: &random)
    }
    #expect(try text(1) == text(1))
    #expect(try text(1) != text(2))
    #expect(try text(1).count == 90)
    #expect(try text(1, temperature: 0) == text(2, temperature: 0))
    #expect(try text(1, top: 1) == text(2, temperature: 0))
    #expect(try text(1, mass: 0.001) == text(2, temperature: 0))
    #expect(try text(1, top: 29) == text(1) && text(1, top: 3) != text(1))
    var random = RandomStream(seed: 1)
    var seen: [Int32] = []
    let stopped = try gpt.model.generate([1], count: 9, random: &random) {
      seen.append($0)
      return seen.count < 4
    }
    #expect(stopped == seen && seen.count == 4)
  }

  @Test func modelsThatCannotBeAreRefused() throws {
    var random = RandomStream(seed: 1)
    #expect(throws: ModelError.indivisible(width: 10, heads: 4)) {
      try GPT(layers: 1, heads: 4, width: 10, context: 4, vocabulary: 4, random: &random)
    }
    #expect(throws: ModelError.notPositive(name: "context", value: 0)) {
      try GPT(layers: 1, heads: 1, width: 10, context: 0, vocabulary: 4, random: &random)
    }
    #expect(throws: ModelError.notProbability(1)) {
      try MLPClassifier(inputs: 3, hidden: [], classes: 2, dropout: 1, random: &random)
    }
    #expect(throws: ModelError.imageTooSmall(height: 8, width: 8, poolings: 4)) {
      try ConvClassifier(
        height: 8, width: 8, classes: 2, stages: [2, 2, 2, 2], random: &random)
    }
    let gpt = try SmallGPT()
    #expect(throws: ModelError.emptyPrompt) {
      try gpt.model.generate([], count: 1, random: &random)
    }
    #expect(throws: ModelError.tokenOutside(29, vocabulary: 29)) {
      try gpt.model.generate([29], count: 1, random: &random)
    }
  }

  @Test func classifiersLearn() throws {
    var random = RandomStream(seed: 5)
    // Two classes of noisy images: bright above, or bright to the left.
    let n = 64
    var pixels = Tensor.random([n, 1, 8, 8], normal: 0.3, &random)
    pixels.withMutableSpan { x in
      for i in 0..<n {
        for row in 0..<8 {
          for column in 0..<8 where (i % 2 == 0 ? row : column) < 4 {
            x[(i * 8 + row) * 8 + column] += 1
          }
        }
      }
    }
    let labels = IndexTensor((0..<n).map { Int32($0 % 2) })
    let mlp = try MLPClassifier(inputs: 64, hidden: [16], classes: 2, random: &random)
    let conv = try ConvClassifier(height: 8, width: 8, classes: 2, stages: [4, 8], random: &random)
    func loss(_ context: Context, _ model: any Module) -> Tensor {
      (model === mlp ? mlp(pixels, context) : conv(pixels, context)).crossEntropy(labels)
    }
    for model in [mlp, conv] as [any Module] {
      let first = loss(.inference, model).scalar
      for _ in 0..<80 {
        let tape = Tape()
        let current = loss(tape.context(), model)
        tape.gradients(of: current)
        for parameter in model.parameters {
          parameter.value = parameter.value - 0.1 * parameter.gradient!
        }
      }
      // At inference: the running statistics of batch normalization have followed.
      let last = loss(.inference, model).scalar
      #expect(last < 0.15 * first, "\(type(of: model)): from \(first) to \(last)")
    }
  }

  @Test func memoryStaysFlat() async {
    // In a process of its own: the pool belongs to all tests.
    await #expect(processExitsWith: .success) {
      let gpt = try SmallGPT(dropout: 0.1)
      // Which buffers are out at one time depends on how tasks meet when there are several threads.
      ThreadPool.shared.setThreads(1)
      for _ in 0..<3 { _ = gpt.step() }
      let inUse = TensorPool.bytesInUse
      let total = inUse + TensorPool.bytesFree
      TensorPool.resetPeak()
      for _ in 0..<20 {
        _ = gpt.step()
        try #require(TensorPool.bytesInUse == inUse)
      }
      #expect(TensorPool.bytesInUse + TensorPool.bytesFree == total)
      let peak = TensorPool.peakBytesOfThread
      #expect(peak > TensorPool.bytesOfThread && peak <= total)
      TensorPool.releaseFree()
      #expect(TensorPool.bytesFree == 0)
      // Inference keeps nothing of the forward pass.
      TensorPool.resetPeak()
      _ = gpt.model(gpt.ids, .inference)
      #expect(TensorPool.bytesInUse == inUse)
      #expect(TensorPool.peakBytesOfThread - TensorPool.bytesOfThread < 1_100_000)
    }
  }
}

@Suite("Running statistics") struct StatisticsTests {
  private final class Net: Module {
    let norm = BatchNorm(channels: 2)
    var members: [Member] { [.module("norm", norm)] }
  }

  @Test("taken anew, every batch counts alike, and training goes on as before") func refresh() {
    let net = Net()
    let batches: [[Float]] = [[1, 10, 3, 30], [5, 50, 5, 90], [0, 0, 2, 4]]
    func pass(_ scalars: [Float]) {
      _ = net.norm(Tensor(shape: [2, 2], scalars: scalars), .training(seed: 0))
    }
    pass([7, 7, 9, 9])
    net.refreshStatistics { for batch in batches { pass(batch) } }
    // Means of the batches' means 2 20, 5 70, 1 2, and of their unbiased variances.
    let (mean, variance) = (net.norm.runningMean.value, net.norm.runningVariance.value)
    let (means, variances): ([Float], [Float]) = ([8.0 / 3, 92.0 / 3], [4.0 / 3, 336])
    for (x, y) in zip(mean.scalars, means) { #expect(abs(x - y) < 1e-5) }
    for (x, y) in zip(variance.scalars, variances) {
      #expect(abs(x - y) < 1e-5 * y)
    }
    pass([0, 0, 0, 0])
    for (x, y) in zip(net.norm.runningMean.value.scalars, mean.scalars) {
      #expect(abs(x - 0.9 * y) < 1e-5)
    }
  }

  @Test("a model without batch normalization is not run") func without() {
    var random = RandomStream(seed: 1)
    var ran = false
    Linear(inputs: 2, outputs: 2, random: &random).refreshStatistics { ran = true }
    #expect(!ran)
  }
}
