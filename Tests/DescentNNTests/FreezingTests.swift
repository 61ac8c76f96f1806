import Descent
import DescentNN
import Testing

@Suite("Frozen parameters") struct FreezingTests {
  /// What a pass leaves: the operations that were recorded, and the gradients.
  private struct Pass {
    let operations: Int
    let gradients: [String: [UInt32]]

    init(_ gpt: SmallGPT, seed: UInt64 = 1) {
      let tape = Tape()
      let loss = gpt.model.loss(gpt.ids, targets: gpt.targets, tape.context(seed: seed))
      operations = tape.operations
      tape.gradients(of: loss)
      gradients = Dictionary(
        uniqueKeysWithValues: gpt.model.namedParameters.compactMap { name, parameter in
          parameter.gradient.map { (name, $0.scalars.map(\.bitPattern)) }
        })
    }
  }

  /// Which parameters of a GPT with four layers are frozen.
  private static let choices: [(what: String, isFrozen: @Sendable (String) -> Bool)] = [
    ("tables", { $0.hasPrefix("w") }),
    ("all but the last block", { !$0.hasPrefix("h.3.") && !$0.hasPrefix("ln_f") }),
    ("all but a block in the middle", { !$0.hasPrefix("h.1.") }),
    ("biases", { $0.hasSuffix("bias") }),
    ("all but biases", { !$0.hasSuffix("bias") }),
    ("all but one norm", { $0 != "h.2.ln_1.weight" }),
    ("the table alone, which is the output matrix too", { $0 == "wte.weight" }),
  ]

  @Test("the other gradients have the same bits", arguments: choices.map(\.what))
  func sameBits(_ what: String) throws {
    let isFrozen = try #require(Self.choices.first { $0.what == what }).isFrozen
    for recomputation in [Recomputation.none, .layers, .budget(bytes: 1_500_000)] {
      let gpt = try SmallGPT(layers: 4, dropout: 0.1)
      gpt.model.recomputation = recomputation
      let all = Pass(gpt)
      gpt.model.freeze(isFrozen)
      let some = Pass(gpt)
      let isSame = some.gradients == all.gradients.filter { !isFrozen($0.key) }
      #expect(isSame, "\(recomputation)")
      for parameter in gpt.model.parameters { parameter.isTrainable = true }
      let isSameAgain = Pass(gpt).gradients == all.gradients
      #expect(isSameAgain, "\(recomputation)")
    }
  }

  @Test("only what leads from a trainable parameter is recorded") func recorded() throws {
    func operations(_ layers: Int, frozen: [String], _ recomputation: Recomputation) throws -> Int {
      let gpt = try SmallGPT(layers: layers)
      gpt.model.recomputation = recomputation
      gpt.model.freeze { name in frozen.contains { name.hasPrefix($0) } }
      return Pass(gpt).operations
    }
    let one = try operations(1, frozen: ["w"], .none)
    #expect(try operations(4, frozen: ["w", "h.0.", "h.1.", "h.2."], .none) == one)
    #expect(try operations(4, frozen: ["w", "h.0.", "h.1.", "h.2."], .layers) == one)
    // Recomputed, two trainable blocks of four take one operation each but for the last.
    let layers = try operations(4, frozen: ["w", "h.0.", "h.1."], .layers)
    #expect(layers == one + 1)
    // A trainable table in front has everything recorded: the blocks and the embeddings.
    let all = try operations(4, frozen: ["h."], .none)
    #expect(all > 3 * one)
  }

  @Test("the plan of recomputation counts the layers that are recorded") func plan() throws {
    let gpt = try SmallGPT(layers: 4)
    gpt.model.freeze { !$0.hasPrefix("h.2.") && !$0.hasPrefix("h.3.") }
    gpt.model.recomputation = .budget(bytes: 1)
    _ = Pass(gpt)
    let frozen = try #require(gpt.model.recomputationPlan)
    #expect(frozen.recomputed == 1)
    for parameter in gpt.model.parameters { parameter.isTrainable = true }
    // The first pass finds that more is recorded than was measured.
    _ = Pass(gpt)
    _ = Pass(gpt)
    let all = try #require(gpt.model.recomputationPlan)
    #expect(all.recomputed == 3)
    #expect(try #require(all.expected) > #require(frozen.expected))
  }

  @Test("freezing forgets the gradient; a loss that needs none is refused") func gradients() async {
    var random = RandomStream(seed: 1)
    let layer = Linear(inputs: 3, outputs: 2, random: &random)
    func pass() {
      let tape = Tape()
      let loss = layer(Tensor.ones([4, 3]), tape.context()).squared().sum()
      tape.gradients(of: loss)
    }
    pass()
    layer.weight.isTrainable = false
    #expect(layer.weight.gradient == nil && layer.bias?.gradient != nil)
    pass()
    #expect(layer.weight.gradient == nil && layer.bias?.gradient != nil)
    layer.weight.isTrainable = true
    pass()
    #expect(layer.weight.gradient != nil)
    await #expect(processExitsWith: .failure) {
      var random = RandomStream(seed: 1)
      let layer = Linear(inputs: 3, outputs: 2, random: &random)
      layer.freeze()
      let tape = Tape()
      let loss = layer(Tensor.ones([4, 3]), tape.context()).sum()
      tape.gradients(of: loss)
    }
  }

  @Test("an optimizer keeps no state for them and leaves them alone", arguments: [false, true])
  func optimizer(_ byLBFGS: Bool) throws {
    let gpt = try SmallGPT()
    gpt.model.freeze { $0.hasPrefix("h.0.") }
    let before = gpt.model.parameters.map(\.value.scalars)
    func evaluate() -> Double {
      let tape = Tape()
      let loss = gpt.model.loss(gpt.ids, targets: gpt.targets, tape.context())
      let value = Double(loss.scalar)
      tape.gradients(of: loss)
      return value
    }
    if byLBFGS {
      let optimizer = try Optimizer(LBFGS(), model: gpt.model, needs: .byCaller)
      _ = try optimizer.step(gpt.model.parameters, evaluate: evaluate)
    } else {
      let optimizer = try Optimizer(AdamW(), model: gpt.model)
      #expect(!optimizer.stateSlots.contains { $0.parameter.hasPrefix("h.0.") })
      _ = evaluate()
      #expect(try optimizer.step(gpt.model.parameters).applied)
    }
    for ((name, parameter), before) in zip(gpt.model.namedParameters, before) {
      #expect((parameter.value.scalars == before) == name.hasPrefix("h.0."), "\(name)")
    }
  }

  @Test("a Hessian is that of the trainable parameters") func hessian() throws {
    let gpt = try SmallGPT(layers: 1)
    func gradients() {
      let tape = Tape()
      let loss = gpt.model.loss(gpt.ids, targets: gpt.targets, tape.context())
      tape.gradients(of: loss)
    }
    let isFrozen = gpt.model.namedParameters.map { $0.name.hasPrefix("w") }
    let v = zip(gpt.model.parameters, isFrozen).enumerated().map { i, parameter in
      parameter.1
        ? Tensor.zeros(parameter.0.value.shape)
        : numbers(parameter.0.value.shape, seed: UInt64(i))
    }
    let all = gpt.model.hessianProduct(v, gradients: gradients)
    gpt.model.freeze { $0.hasPrefix("w") }
    let before = gpt.model.parameters.map(\.value.scalars)
    let some = gpt.model.hessianProduct(
      zip(v, isFrozen).map { $1 ? Tensor.ones($0.shape) : $0 }, gradients: gradients)
    for i in v.indices where isFrozen[i] { #expect(some[i] == nil) }
    for i in v.indices where !isFrozen[i] { #expect(some[i]?.scalars == all[i]?.scalars) }
    #expect(gpt.model.parameters.map(\.value.scalars) == before)
    gpt.model.hutchinsonDiagonal(seed: 1, step: 1, gradients: gradients)
    #expect(gpt.model.parameters.map { $0.gradient == nil } == isFrozen)
  }

  /// In a process of its own, where no other test takes memory.
  @Test("inputs of frozen layers are not kept") func memory() async {
    await #expect(processExitsWith: .success) {
      func kept(_ frozen: [String]) throws -> Int {
        let gpt = try SmallGPT(layers: 6)
        gpt.model.freeze { name in frozen.contains { name.hasSuffix($0) } }
        let before = TensorPool.bytesOfThread
        let tape = Tape()
        let loss = gpt.model.loss(gpt.ids, targets: gpt.targets, tape.context())
        let bytes = TensorPool.bytesOfThread - before
        tape.gradients(of: loss)
        return bytes
      }
      let all = try kept([])
      // Of a block's activations of 3 + 4 + 4 + 1 + 1 widths that maps are given or give, those that
      // only a weight's gradient needs are gone.
      let some = try kept(["c_attn.weight", "c_proj.weight", "c_fc.weight"])
      #expect(some < all * 4 / 5)
    }
  }
}

@Suite("Inputs without a gradient") struct UnwantedGradientTests {
  @Test(
    "leave the gradients of others as they are",
    arguments: DerivativeCase.all.filter { $0.shapes.count > 1 })
  func sameBits(_ operation: DerivativeCase) {
    var random = RandomStream(seed: 11)
    let inputs = operation.shapes.map { DerivativeTests.tensor($0, operation.inputs, &random) }
    let weights = Tensor.random(operation.function(inputs).shape, normal: 1, &random)
    func gradients(_ wanted: Set<Int>) -> [[UInt32]?] {
      let tape = Tape()
      let tensors = inputs.enumerated().map { wanted.contains($0) ? tape.watch($1) : $1 }
      let gradients = tape.gradients(of: (operation.function(tensors) * weights).sum())
      return tensors.map { gradients[$0]?.scalars.map(\.bitPattern) }
    }
    let all = gradients(Set(inputs.indices))
    for subset in 1..<1 << inputs.count {
      let wanted = Set(inputs.indices.filter { subset & 1 << $0 != 0 })
      let some = gradients(wanted)
      for i in inputs.indices { #expect(some[i] == (wanted.contains(i) ? all[i] : nil)) }
    }
  }
}
