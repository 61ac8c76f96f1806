import Descent
import Foundation
import Testing

@Suite("Saving and going on") struct OptimizerStateTests {
  private static let parameters = [
    ParameterInfo("matrix", shape: [30, 40], role: .matrix), ParameterInfo("bias", shape: [40]),
    ParameterInfo("table", shape: [50, 10], role: .embedding),
    ParameterInfo("sparse", shape: [4]), ParameterInfo("frozen", shape: [3], trainable: false),
  ]

  /// A preconditioner that halves, with a count to remember.
  private final class Halving: Preconditioner {
    var count = 0
    var gradients: [[Float]] = []
    func precondition(
      _ memory: [ParameterMemory<Float>], of parameters: [ParameterInfo],
      for rule: any Rule, scale: Double, learningRate: (Int) -> Double
    ) -> (memory: [ParameterMemory<Float>], report: PreconditionerReport) {
      count += 1
      return (memory, PreconditionerReport())
    }
    func discard() {}
    let stateBytes = 8
    func archive(_ archive: StateArchive) throws(StateMismatch) {
      try archive.value("preconditioner/count", &count)
    }
  }

  private func make(
    _ name: String, _ format: StateStorage.Format = .float32,
    needs: ProvidedNeeds<Float> = .byCaller
  ) throws -> Optimizer<Float> {
    var storage = StateStorage(format)
    storage.minimum = 100
    func make<R: Rule>(_: R.Type) throws -> Optimizer<Float> {
      // Adafactor has no learning rate to schedule.
      let hasRate = R().resolved.contains { $0.name == "lr" && $0.value != .none }
      return try Optimizer(
        OptimizerPlan(
          R(), groups: [ParameterGroup("rows", ParameterMatch(names: ["bias"]))], state: storage,
          schedules: hasRate ? [("lr", Cosine(warmup: 2, total: 10))] : [], clip: Clipping(norm: 1)),
        parameters: Self.parameters, needs: needs)
    }
    return try make(Rules.named(name))
  }

  private func advance(_ optimizer: Optimizer<Float>, _ weights: inout [[Float]], to end: Int)
    throws
  {
    while optimizer.appliedSteps < end {
      let step = optimizer.appliedSteps + 1
      let noisy = Self.parameters.map { noise($0.count, seed: UInt64(step * 1000 + $0.count)) }
      var gradients = zip(weights, noisy).map { w, n in Optional(zip(w, n).map { $0 + $1 / 4 }) }
      if step % 3 != 0 { gradients[3] = nil }
      #expect(try optimizer.step(&weights, gradients: gradients).applied)
      if optimizer.takesCurvature {
        #expect(try optimizer.foldCurvature(noisy) == .applied)
      }
    }
  }

  private var start: [[Float]] {
    Self.parameters.map { noise($0.count, seed: UInt64($0.count)) }
  }

  @Test(
    "continued = saved and restored ≠ cold, for every rule in every storage",
    arguments: Rules.all.filter { $0.name != LBFGS.name }.map { $0.name },
    StateStorage.Format.allCases)
  func resumed(_ name: String, _ format: StateStorage.Format) throws {
    let straight = try make(name, format)
    var weights = start
    try advance(straight, &weights, to: 4)
    let (state, middle) = (SavedState(of: straight), weights)
    try advance(straight, &weights, to: 8)

    let restored = try make(name, format)
    var other = middle
    try state.restore(restored)
    #expect(SavedState(of: restored) == state && restored.appliedSteps == 4)
    #expect(try restored.evaluationWeights(of: other) != [], "before any step")
    try advance(restored, &other, to: 8)
    #expect(other == weights)
    #expect(SavedState(of: restored) == SavedState(of: straight))
    #expect(try restored.evaluationWeights(of: other) == straight.evaluationWeights(of: weights))

    let cold = try make(name, format)
    var different = middle
    for _ in 0..<4 { try advance(cold, &different, to: cold.appliedSteps + 1) }
    #expect(different != weights)
  }

  @Test("the evaluation weights are right before the first step after it") func elsewhere() throws {
    let straight = try make("schedule-free-adamw")
    var weights = start
    try advance(straight, &weights, to: 4)
    let restored = try make("schedule-free-adamw")
    try SavedState(of: straight).restore(restored)
    #expect(try restored.evaluationWeights(of: weights) == straight.evaluationWeights(of: weights))
    #expect(try restored.evaluationWeights(of: weights) != weights)
  }

  @Test("state is saved as it is kept, under parameter and slot") func layout() throws {
    func layout(_ format: StateStorage.Format) throws -> [String: (StoredTensor.Element, [Int])] {
      let tensors = SavedState(of: try make("prodigy", format)).tensors
      return Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, ($0.element, $0.shape)) })
    }
    let int8 = try layout(.int8)
    #expect(try #require(int8["state/exp_avg/matrix.tapered"]) == (.uint8, [30, 40]))
    #expect(try #require(int8["state/exp_avg/matrix.scales"]) == (.float32, [5]))
    #expect(int8["state/exp_avg/matrix"] == nil)
    #expect(try #require(int8["state/p0/matrix"]) == (.float32, [30, 40]), "must be exact")
    #expect(try #require(int8["state/exp_avg/table"]) == (.float32, [50, 10]), "exempt")
    #expect(try #require(int8["state/step/sparse"]) == (.int64, []))
    #expect(int8.keys.allSatisfy { !$0.hasSuffix("frozen") })
    #expect(try #require(int8["memory/prodigy/d"]) == (.float64, [1]))
    #expect(try #require(layout(.bfloat16)["state/exp_avg/matrix"]) == (.bfloat16, [30, 40]))
  }

  @Test("t of a parameter that had no gradient is its own") func steps() throws {
    let optimizer = try make("adamw")
    var weights = start
    try advance(optimizer, &weights, to: 7)
    func t(_ name: String) -> UInt8? {
      SavedState(of: optimizer).tensors.first { $0.name == "state/step/\(name)" }?.bytes[0]
    }
    #expect(t("matrix") == 7 && t("sparse") == 2)
  }

  @Test("a plateau's memory goes along") func plateau() throws {
    func make() throws -> Optimizer<Float> {
      var plateau = ReduceOnPlateau()
      plateau.patience = 0
      return try Optimizer(
        OptimizerPlan(SGD(learningRate: 1), schedules: [("lr", plateau)]),
        parameters: Self.parameters)
    }
    let optimizer = try make()
    for _ in 0..<3 { optimizer.observe(metric: 1) }
    let restored = try make()
    try SavedState(of: optimizer).restore(restored)
    #expect(restored.scheduleStates == optimizer.scheduleStates)
    #expect(restored.scheduleStates[0]["lr"]?.changes == [-2])
  }

  @Test("L-BFGS goes on with its history") func lbfgs() throws {
    let parameters = [ParameterInfo("a", shape: [3]), ParameterInfo("b", shape: [2])]
    func make() throws -> Optimizer<Double> {
      try Optimizer(
        OptimizerPlan(LBFGS(learningRate: 1, iterations: 4), groups: []), parameters: parameters,
        needs: .byCaller)
    }
    func advance(_ optimizer: Optimizer<Double>, _ weights: [Double]) throws -> [Double] {
      var (w, g) = (weights, [Double](repeating: 0, count: 5))
      try w.withMutableView { w in
        try g.withMutableView { g in
          let memory = [0..<3, 3..<5].map {
            ParameterMemory(weights: w[$0], gradient: g[$0].reading)
          }
          _ = try optimizer.step(memory) {
            let (loss, gradient) = Objective.rosenbrock(w.reading.array)
            for i in 0..<5 { g[i] = gradient[i] }
            return loss
          }
        }
      }
      return w
    }
    let straight = try make()
    let middle = try advance(straight, advance(straight, [-1, 2, -0.5, 1.5, 0]))
    let state = SavedState(of: straight)
    let end = try advance(straight, middle)
    let restored = try make()
    try state.restore(restored)
    #expect(try advance(restored, middle) == end)
    #expect(SavedState(of: restored) == SavedState(of: straight))
    #expect(try advance(make(), middle) != end)
    let pairs = try #require(state.tensors.first { $0.name == "state/old_dirs" })
    #expect(pairs.shape[0] > 0 && pairs.shape[1] == 5)
    // What is damaged changes nothing: the pairs are one history.
    let before = SavedState(of: restored)
    for name in ["state/d", "state/old_stps", "state/ro"] {
      var (missing, short) = (state, state)
      missing.tensors.removeAll { $0.name == name }
      #expect(throws: StateMismatch.missing(name)) { try missing.restore(restored) }
      let i = try #require(state.tensors.firstIndex { $0.name == name })
      let whole = state.tensors[i]
      let shape = [whole.shape[0] - 1] + whole.shape.dropFirst()
      let bytes = whole.bytes.prefix(whole.bytes.count / whole.shape[0] * shape[0])
      short.tensors[i] = StoredTensor(name, whole.element, shape: shape, bytes: Array(bytes))
      #expect(throws: StateMismatch.shape(name, saved: shape, present: whole.shape)) {
        try short.restore(restored)
      }
      #expect(SavedState(of: restored) == before)
    }
  }

  @Test("groups with rules of their own, and weights in 16 bits with what Kahan's sum keeps")
  func mixed() throws {
    func make(_ weights: WeightStorage) throws -> Optimizer<Float> {
      var embeddings = ParameterGroup("embeddings", ParameterMatch(roles: [.embedding]))
      embeddings.rule = Lion(learningRate: 1e-3)
      return try Optimizer(
        OptimizerPlan(Prodigy(), groups: [embeddings], weights: weights),
        parameters: Self.parameters)
    }
    for storage in [WeightStorage.bfloat16(.kahan), .bfloat16(.stochastic, seed: 3), .float32] {
      let straight = try make(storage)
      var weights = start
      try advance(straight, &weights, to: 4)
      let (state, middle) = (SavedState(of: straight), weights)
      try advance(straight, &weights, to: 8)
      // One that has been used before.
      let restored = try make(storage)
      var other = start.map { $0.map { -$0 } }
      try advance(restored, &other, to: 2)
      other = middle
      try state.restore(restored)
      try advance(restored, &other, to: 8)
      #expect(other == weights && SavedState(of: restored) == SavedState(of: straight))
      let names = Set(state.tensors.map(\.name))
      #expect(names.contains("state/compensation/bias") == (storage == .bfloat16(.kahan)))
      #expect(names.isSuperset(of: ["state/exp_avg/table", "memory/prodigy/d", "state/p0/matrix"]))
      #expect(!names.contains("state/p0/table"))
    }
    #expect(throws: StateMismatch.unexpected("state/compensation/bias")) {
      try SavedState(of: make(.bfloat16(.kahan))).restore(make(.float32))
    }
  }

  @Test("a preconditioner's memory goes along") func preconditioner() throws {
    let (first, second) = (Halving(), Halving())
    let optimizer = try make("kfac", needs: .preconditioner(first))
    var weights = start
    try advance(optimizer, &weights, to: 3)
    let restored = try make("kfac", needs: .preconditioner(second))
    try SavedState(of: optimizer).restore(restored)
    #expect(second.count == 3)
    let without = try make("kfac")
    #expect(throws: StateMismatch.unexpected("preconditioner/count")) {
      try SavedState(of: optimizer).restore(without)
    }
    #expect(throws: StateMismatch.missing("preconditioner/count")) {
      try SavedState(of: without).restore(restored)
    }
  }

  @Test("the first thing that does not fit is named, and nothing is changed") func mismatches()
    throws
  {
    let saved = SavedState(of: try make("adamw"))
    func replacing(_ name: String, _ tensor: StoredTensor?) -> SavedState {
      var state = saved
      let index = state.tensors.firstIndex { $0.name == name }!
      state.tensors.remove(at: index)
      if let tensor { state.tensors.insert(tensor, at: index) }
      return state
    }
    var newer = saved
    newer.notes["state_version"] = "9"
    var grouped = saved
    grouped.notes["schedules"] = "[]"
    var extra = saved
    let odd = StoredTensor("state/odd/matrix", .float32, shape: [0], bytes: [])
    extra.tensors.append(odd)
    let moment = "state/exp_avg_sq/bias"
    let cases: [(SavedState, StateMismatch)] = [
      (newer, .version(saved: 9, known: 1)),
      (SavedState(of: try make("lion")), .rule(saved: "lion", present: "adamw")),
      (grouped, .groups(saved: 0, present: 3)),
      (extra, .unexpected("state/odd/matrix")),
      (replacing(moment, nil), .missing(moment)),
      (
        replacing(
          moment, StoredTensor(moment, .float32, shape: [2], bytes: Array(repeating: 0, count: 8))),
        .shape(moment, saved: [2], present: [40])
      ),
      (
        replacing(
          moment,
          StoredTensor(moment, .bfloat16, shape: [40], bytes: Array(repeating: 0, count: 80))),
        .element(moment, saved: .bfloat16, present: .float32)
      ),
      (SavedState(of: try make("adamw", .int8)), .missing("state/exp_avg/matrix")),
    ]
    for (state, expected) in cases {
      let optimizer = try make("adamw")
      var weights = start
      try advance(optimizer, &weights, to: 2)
      let before = SavedState(of: optimizer)
      #expect(throws: expected) { try state.restore(optimizer) }
      #expect(SavedState(of: optimizer) == before)
      #expect(!expected.description.isEmpty)
    }
    let rows = ParameterGroup("rows", ParameterMatch(names: ["bias"]))
    let double = try Optimizer<Double>(
      OptimizerPlan(AdamW(), groups: [rows]), parameters: Self.parameters)
    #expect(
      throws: StateMismatch.element("state/exp_avg/matrix", saved: .float32, present: .float64)
    ) { try saved.restore(double) }
  }
}
