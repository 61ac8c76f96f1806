import Descent
import DescentCompute
import Foundation
import Safetensors
import Testing

/// A recorded run of a reference implementation on the problem of `golden`: w[0,0], w[1,2] and the
/// sum after steps 1, 5 and 20.
struct GoldenRow: CustomTestStringConvertible, Sendable {
  let rule: String
  let settings: [(name: String, text: String)]
  let tolerance: Double
  let expected: [Int: [Double]]
  var testDescription: String { rule + settings.map { " \($0)=\($1)" }.joined() }

  static let all: [GoldenRow] = [
    // torch.optim.Muon, whose iteration is in bfloat16.
    GoldenRow(
      rule: "muon", settings: [("lr", "0.02")], tolerance: 2e-3,
      expected: [
        1: [0.484312504529953, 1.9852969646453857, 2.4649586230516434],
        5: [0.4352724850177765, 1.9259274005889893, 2.356528162956238],
      ]),
    GoldenRow(
      rule: "soap", settings: [("lr", "0.01"), ("precondition_frequency", "4")], tolerance: 1e-4,
      expected: [
        1: [0.5, 2, 2.5],
        5: [0.4658350348472595, 1.9625487327575684, 2.383226975798607],
        20: [0.3698664605617523, 1.835308313369751, 2.1797551214694977],
      ]),
    GoldenRow(
      rule: "shampoo-distributed", settings: [("lr", "0.01"), ("epsilon", "1e-6")],
      tolerance: 2e-5,
      expected: [
        1: [0.4990578591823578, 1.9917666912078857, 2.491116613149643],
        5: [0.49848848581314087, 1.9731552600860596, 2.470767229795456],
        20: [0.49980172514915466, 1.9344724416732788, 2.432077467441559],
      ]),
    GoldenRow(
      rule: "shampoo-distributed",
      settings: [
        ("lr", "0.01"), ("epsilon", "1e-6"), ("max_preconditioner_dim", "3"),
        ("grafting", "adam"),
      ],
      tolerance: 2e-5,
      expected: [
        1: [0.48618456721305847, 1.9865069389343262, 2.468699723482132],
        5: [0.4460592567920685, 1.9355968236923218, 2.3747715204954147],
        20: [0.32270175218582153, 1.7461191415786743, 2.0639397501945496],
      ]),
  ]
}

@Suite("Matrix rules") struct MatrixRuleTests {
  private func makeOptimizer<S: Scalar>(
    _ name: String, _ settings: [(name: String, text: String)], _ parameters: [ParameterInfo]
  ) throws -> Optimizer<S> {
    func make<R: Rule>(_: R.Type) throws -> Optimizer<S> {
      try Optimizer<S>(OptimizerPlan(R(settings), groups: []), parameters: parameters)
    }
    return try make(try Rules.named(name))
  }

  @Test("the reference packages' own trajectories", arguments: GoldenRow.all)
  func golden(_ row: GoldenRow) throws {
    let optimizer: Optimizer<Float> = try makeOptimizer(
      row.rule, row.settings, [ParameterInfo("w", shape: [2, 3])])
    var weights: [[Float]] = [[0.5, -0.25, 1, -1.5, 0.75, 2]]
    for t in 1...20 {
      let gradient = weights[0].enumerated().map { i, w in
        Float(Double(i + 1) / 10 * Double(w) + 0.1 * sin(Double(t * (i + 1))))
      }
      _ = try optimizer.step(&weights, gradients: [gradient])
      guard let expected = row.expected[t] else { continue }
      let w = weights[0].map(Double.init)
      for (x, y) in zip([w[0], w[5], w.reduce(0, +)], expected) {
        #expect(abs(x - y) <= row.tolerance, "step \(t): \(x), not \(y)")
      }
    }
  }

  // MARK: Muon

  @Test(
    "what is not a hidden matrix goes to AdamW",
    arguments: [
      (ParameterInfo("m", shape: [4, 3], role: .matrix), true),
      (ParameterInfo("c", shape: [4, 3, 2, 2], role: .convolution), true),
      (ParameterInfo("o", shape: [4, 3]), true),
      (ParameterInfo("e", shape: [4, 3], role: .embedding), false),
      (ParameterInfo("h", shape: [4, 3], role: .head), false),
      (ParameterInfo("n", shape: [4, 3], role: .norm), false),
      (ParameterInfo("b", shape: [12], role: .bias), false),
      (ParameterInfo("v", shape: [12]), false),
      (ParameterInfo("s", shape: []), false),
    ])
  func routing(_ parameter: ParameterInfo, orthogonalizes: Bool) throws {
    #expect(Muon.orthogonalizes(parameter) == orthogonalizes)
    var rule = Muon(learningRate: 0.02, adamWLearningRate: 0.01)
    rule.adamWWeightDecay = 0.1
    let muon = try Optimizer<Double>(OptimizerPlan(rule, groups: []), parameters: [parameter])
    let adamW = try Optimizer<Double>(
      OptimizerPlan(
        AdamW(learningRate: 0.01, betas: (0.9, 0.95), epsilon: 1e-10, weightDecay: 0.1),
        groups: []),
      parameters: [parameter])
    var weights = [noise(parameter.count, seed: 3).map(Double.init)]
    var same = weights
    for t in 1...3 {
      let gradient = noise(parameter.count, seed: UInt64(10 + t)).map(Double.init)
      _ = try muon.step(&weights, gradients: [gradient])
      _ = try adamW.step(&same, gradients: [gradient])
    }
    #expect((weights == same) == !orthogonalizes)
    let slots = orthogonalizes ? ["momentum_buffer"] : ["exp_avg", "exp_avg_sq"]
    #expect(muon.state.map(\.slot) == slots)
  }

  @Test("the part of AdamW sees all elements of a large embedding") func largeEmbedding() throws {
    let parameter = ParameterInfo("e", shape: [300, 100], role: .embedding)
    let muon = try Optimizer<Float>(
      OptimizerPlan(Muon(learningRate: 1, adamWLearningRate: 0.5), groups: []),
      parameters: [parameter])
    var weights = [[Float](repeating: 1, count: parameter.count)]
    _ = try muon.step(&weights, gradients: [[Float](repeating: 3, count: parameter.count)])
    #expect(weights[0].allSatisfy { abs($0 - 0.5) < 1e-6 })
  }

  @Test(
    "Muon's scale follows the shape",
    arguments: [
      (Muon.LearningRateAdjustment.original, [2.0, 1, 1, 1.5]),
      (.matchRMSAdamW, [0.8, 0.8, 0.2 * 12.0.squareRoot(), 0.2 * 36.0.squareRoot()]),
      (.spectralUnclamped, [2, 0.5, (1.0 / 3).squareRoot(), 1.5]),
      (.kellerJordan, [2, 1, 1, 2]),
    ])
  func scale(_ adjustment: Muon.LearningRateAdjustment, factors: [Double]) throws {
    let shapes = [[16, 4], [4, 16], [4, 3, 2, 2], [36, 1, 8, 2]]
    for (shape, factor) in zip(shapes, factors) {
      var steps: [[Double]] = []
      for s in [adjustment, nil] {
        var rule = Muon(learningRate: 0.1, weightDecay: 0)
        rule.adjustment = s ?? .matchRMSAdamW
        let parameter = ParameterInfo("w", shape: shape)
        let optimizer = try Optimizer<Double>(
          OptimizerPlan(rule, groups: []), parameters: [parameter])
        var weights = [[Double](repeating: 0, count: parameter.count)]
        _ = try optimizer.step(
          &weights, gradients: [noise(parameter.count, seed: 5).map(Double.init)])
        steps.append(weights[0])
      }
      let matrix = [shape[0], shape.dropFirst().reduce(1, *)]
      let unit = 0.2 * Double(matrix.max()!).squareRoot()
      for (x, y) in zip(steps[0], steps[1]) { #expect(abs(x / factor - y / unit) < 1e-12) }
    }
  }

  // MARK: Adafactor

  @Test("batches of matrices are so many matrices", arguments: [3, 700])
  func adafactorBatches(_ width: Int) throws {
    // The RMS is the whole tensor's, so equal matrices must move alike, and as one alone.
    let count = 40 * width
    let one = (0..<count).map { 1 + 0.5 * cos(Double($0)) }
    func path(_ shape: [Int], _ start: [Double]) throws -> [[Double]] {
      try OptimizerPlan(AdafactorTorch(), groups: []).path(
        [ParameterInfo("w", shape: shape)], from: [start], steps: 3
      ) { t, _, i, w in w + sin(Double(t * (i % count + 1))) }.weights.map { $0[0] }
    }
    let (alone, both) = (try path([40, width], one), try path([2, 40, width], one + one))
    for (x, y) in zip(both.joined(), alone.flatMap { $0 + $0 }) { #expect(abs(x - y) < 1e-12) }
  }

  @Test("the state of a matrix is its rows and columns") func adafactorState() throws {
    let optimizer = try Optimizer<Float>(
      Adafactor(), parameters: [ParameterInfo("w", shape: [512, 256])])
    #expect(optimizer.stateBytes == 4 * (512 + 256))
  }

  // MARK: Decompositions

  @Test(
    "a failed decomposition keeps the last factor and is counted",
    arguments: ["shampoo", "soap", "shampoo-distributed"])
  func failures(_ name: String) throws {
    let interval = name == "shampoo" ? [] : [("precondition_frequency", "1")]
    let optimizer: Optimizer<Float> = try makeOptimizer(
      name, interval, [ParameterInfo("w", shape: [2, 40])])
    var weights = [noise(80, seed: 1)]
    for t in 1...3 { _ = try optimizer.step(&weights, gradients: [noise(80, seed: UInt64(t))]) }
    func slot(_ part: String) -> [Float] {
      optimizer.state.filter { $0.slot.contains(part) }.flatMap(\.values)
    }
    #expect(slot("decomposition_failures").allSatisfy { $0 == 0 })
    let factor = ["shampoo": "inv_pre_cond", "soap": "Q."][name] ?? "inv_factor_matrices"
    let before = slot(factor)
    // The gradient is finite in float32, its square is not.
    _ = try optimizer.step(&weights, gradients: [noise(80, seed: 9).map { $0 * 1e30 }])
    #expect(slot("decomposition_failures").contains { $0 > 0 })
    #expect(slot(factor) == before)
  }

  @Test("directions that Distributed Shampoo has not seen make no long step by default")
  func unseen() throws {
    let optimizer: Optimizer<Float> = try makeOptimizer(
      "shampoo-distributed", [("lr", "1")], [ParameterInfo("w", shape: [80, 80])])
    var weights = [[Float](repeating: 0, count: 6400)]
    var longest: [Float] = []
    for t in 1...15 {
      // The lower half has a gradient in the last step alone.
      let gradient = noise(6400, seed: UInt64(t)).enumerated().map { place, value in
        place < 3200 || t == 15 ? value : 0
      }
      let before = weights[0]
      _ = try optimizer.step(&weights, gradients: [gradient])
      longest.append(zip(weights[0], before).map { abs($0 - $1) }.max() ?? 0)
    }
    #expect(longest[14] < 10 * longest[13], "\(longest)")
  }

  @Test("a start before the frequency is refused") func contradiction() {
    #expect(throws: SettingErrors.self) {
      try ShampooDistributed([
        ("precondition_frequency", "5"), ("start_preconditioning_step", "3"),
      ])
    }
    #expect(throws: SettingErrors.self) { try ShampooDistributed([("betas", "1,1")]) }
  }

  @Test("state of Distributed Shampoo: axes merged and cut") func blocks() {
    var rule = ShampooDistributed()
    rule.longestAxis = 1024
    func factors(_ shape: [Int]) -> [Int] {
      rule.slots(for: ParameterInfo("w", shape: shape))
        .filter { $0.name.contains(".factor_matrices") }.map { $0.shape![0] }
    }
    #expect(factors([30, 30]) == [900])
    #expect(factors([64, 3, 7, 7]) == [64, 147])
    #expect(factors([64, 64, 3, 3]) == [64, 576])
    #expect(factors([]) == [1])
    #expect(factors([1, 5, 1]) == [5])
    rule.longestAxis = 4
    #expect(factors([6, 4]) == [4, 4, 2, 4])
  }

  // MARK: K-FAC

  /// A case of `References/kfac.py`.
  private struct Layer: Decodable {
    let steps: Int
    let positions: Int
    let rtol: Double
    static let all: [String: Layer] = {
      let json = try! Trajectory.open("kfac").metadata["cases"]!
      return try! JSONDecoder().decode([String: Layer].self, from: Data(json.utf8))
    }()
  }

  @Test(
    "K-FAC follows the formula", arguments: Layer.all.keys.sorted(), KFAC.Inversion.allCases)
  func kfac(_ name: String, _ inversion: KFAC.Inversion) throws {
    let (file, recorded) = (try Trajectory.open("kfac"), try #require(Layer.all[name]))
    func matrix(_ key: String) throws -> Matrix {
      let shape = try file.entry("\(name)/\(key)").shape
      return Matrix(shape[0], shape[1], try file.doubles(of: "\(name)/\(key)"))
    }
    let first = try matrix("grad/1")
    var layer = KFACLayer(inputs: first.columns, outputs: first.rows, inversion: inversion)
    for t in 1...recorded.steps {
      layer.accumulate(
        patches: try matrix("a/\(t)"), gradients: try matrix("g/\(t)"),
        positions: recorded.positions)
      layer.decompose()
      let gradient = try matrix("grad/\(t)")
      let given = layer.preconditioned(gradient)
      for (x, y) in zip(given.elements, try matrix("\(inversion.rawValue)/\(t)").elements) {
        #expect(abs(x - y) <= recorded.rtol * (1 + abs(y)))
      }
      let clip = KFACLayer.clipCoefficient([(given, gradient)], learningRate: 0.1)
      let expected = try file.doubles(of: "\(name)/clip/\(t)")[inversion == .eigen ? 0 : 1]
      #expect(abs(clip - expected) <= 1e-12)
    }
    #expect(layer.failures == 0)
  }

  @Test(
    "a failed decomposition of K-FAC keeps the last one",
    arguments: KFAC.Inversion.allCases)
  func kfacFailure(_ inversion: KFAC.Inversion) {
    var layer = KFACLayer(inputs: 2, outputs: 1, inversion: inversion)
    let gradient = Matrix(1, 2, [1, 2])
    #expect(layer.preconditioned(gradient) == gradient)
    layer.decompose()
    let before = layer.preconditioned(gradient)
    layer.accumulate(activations: Matrix(1, 2, [.nan, 1]), gradients: Matrix(1, 1, [1]))
    layer.decompose()
    #expect(layer.failures == 1 && layer.preconditioned(gradient) == before)
  }

  @Test("a factor that cannot be inverted keeps the last inverse") func kfacIndefinite() {
    var layer = KFACLayer(inputs: 2, outputs: 1, inversion: .inverse)
    layer.decompose()
    let gradient = Matrix(1, 2, [1, 2])
    let before = layer.preconditioned(gradient)
    [-100.0, 0, 0, -100].withView { inputs in
      [1.0].withView { layer.accumulate(inputs: inputs, outputs: $0, rows: 1, positions: 1) }
    }
    layer.decompose()
    #expect(layer.failures == 1 && layer.preconditioned(gradient) == before)
  }

  @Test("the clip is 1 without a limit, for small steps and for none") func clip() {
    let g = Matrix(1, 1, [2])
    #expect(KFACLayer.clipCoefficient([(g, g)], learningRate: 1, clip: nil) == 1)
    #expect(KFACLayer.clipCoefficient([(g, g)], learningRate: 1, clip: 5) == 1)
    #expect(KFACLayer.clipCoefficient([(g, g)], learningRate: 1, clip: 1) == 0.5)
    #expect(KFACLayer.clipCoefficient([], learningRate: 1) == 1)
  }
}
