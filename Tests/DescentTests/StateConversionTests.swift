import Descent
import DescentCompute
import Testing

@Suite("State in other formats, and parts of it") struct StateConversionTests {
  private static let parameters = [
    ParameterInfo("matrix", shape: [72, 130], role: .matrix), ParameterInfo("bias", shape: [40]),
    ParameterInfo("table", shape: [50, 10], role: .embedding),
  ]
  /// Rules whose state may be compressed.
  private static let rules = [
    "sgd", "adam", "rmsprop", "lion", "adagrad", "prodigy", "lamb", "asgd",
  ]

  private func make(
    _ name: String, _ format: StateStorage.Format,
    _ parameters: [ParameterInfo] = Self.parameters
  ) throws -> Optimizer<Float> {
    var texts = [("name", name), ("state", format.rawValue), ("state_minimum", "100")]
    if name == "sgd" { texts.append(("momentum", "0.9")) }
    return try Optimizer(
      OptimizerPlan(OptimizerPlan.Texts(["optimizer": texts])), parameters: parameters)
  }

  private func trained(
    _ name: String, _ format: StateStorage.Format
  ) throws -> (optimizer: Optimizer<Float>, weights: [[Float]]) {
    let optimizer = try make(name, format)
    var weights = Self.parameters.map { noise($0.count, seed: UInt64($0.count)) }
    for step in 1...3 { try advance(optimizer, &weights, step) }
    return (optimizer, weights)
  }

  /// How far the default codes may be from a number, as a share of the largest of its block: half a
  /// gap of the signed map, whose nearest value is taken; a whole one of the other, which keeps means.
  private static let rounding = [true, false].map { signed in
    let values = StateStorage.book(signed: signed).values
    return zip(values, values.dropFirst()).map { $1 - $0 }.max()! / (signed ? 2 : 1)
  }.max()!

  private func advance(_ optimizer: Optimizer<Float>, _ weights: inout [[Float]], _ step: Int)
    throws
  {
    let gradients = Self.parameters.map { noise($0.count, seed: UInt64(step * 1000 + $0.count)) }
    #expect(try optimizer.step(&weights, gradients: gradients).applied)
  }

  private func rounded(_ values: [Float]) -> [Float] {
    var (bits, back) = ([UInt16](repeating: 0, count: values.count), values)
    values.withView { values in bits.withMutableView { Kernels.toBFloat16(values, $0) } }
    bits.withView { bits in back.withMutableView { Kernels.fromBFloat16(bits, $0) } }
    return back
  }

  @Test(
    "decoding is exact, encoding rounds once, and what stays keeps its bits", arguments: rules,
    StateStorage.Format.allCases)
  func formats(_ name: String, _ from: StateStorage.Format) throws {
    let (source, weights) = try trained(name, from)
    let saved = SavedState(of: source)
    for format in StateStorage.Format.allCases {
      let target = try make(name, format)
      if format != from, source.stateSlots.contains(where: { $0.format == from }), from != .float32
      {
        #expect(throws: StateMismatch.self) { try saved.restore(target) }
      }
      try saved.restoreConverting(target)
      #expect(target.appliedSteps == 3)
      if format == from { #expect(SavedState(of: target) == saved) }
      for (index, (a, b)) in zip(source.state, target.state).enumerated() {
        let slot = target.stateSlots[index]
        switch slot.format {
        case .float32: #expect(a.values == b.values, "\(slot)")
        case .bfloat16: #expect(rounded(a.values) == b.values, "\(slot)")
        case .int8:
          let rounding = Self.rounding
          for start in stride(from: 0, to: a.values.count, by: 256) {
            let block = start..<min(start + 256, a.values.count)
            let largest = a.values[block].map(abs).max() ?? 0
            for i in block {
              #expect(abs(a.values[i] - b.values[i]) <= rounding * largest, "\(slot) \(i)")
            }
          }
        }
      }
      // There and back: what float32 holds it gives back.
      if format == .float32 {
        let back = try make(name, from)
        try SavedState(of: target).restoreConverting(back)
        if from == .bfloat16 { #expect(SavedState(of: back) == saved) }
      }
      var own = weights
      try advance(target, &own, 4)
      #expect(own.allSatisfy { $0.allSatisfy(\.isFinite) })
    }
  }

  @Test("what does not fit is refused as ever when formats are converted") func refusals() throws {
    let saved = SavedState(of: try trained("adam", .int8).optimizer)
    let lion = try make("lion", .float32)
    #expect(throws: StateMismatch.rule(saved: "adam", present: "lion")) {
      try saved.restoreConverting(lion)
    }
    var cut = saved
    cut.tensors.removeAll { $0.name == "state/exp_avg/matrix.scales" }
    let target = try make("adam", .float32)
    let before = SavedState(of: target)
    #expect(throws: StateMismatch.missing("state/exp_avg/matrix.scales")) {
      try cut.restoreConverting(target)
    }
    #expect(SavedState(of: target) == before)
  }

  @Test("a part is restored where asked, and the report names all that does not fit")
  func parts() throws {
    let (source, _) = try trained("adam", .float32)
    let others = [
      ParameterInfo("matrix", shape: [72, 130], role: .matrix), ParameterInfo("bias", shape: [41]),
      ParameterInfo("new", shape: [3]),
    ]
    let target = try make("adam", .float32, others)
    let fresh = SavedState(of: target)
    let report = try SavedState(of: source).restoreMatches(target)
    #expect(!report.isComplete)
    #expect(
      report.matched.sorted() == [
        "state/exp_avg/matrix", "state/exp_avg_sq/matrix", "state/step/bias", "state/step/matrix",
      ])
    #expect(
      report.missing.sorted() == ["state/exp_avg/new", "state/exp_avg_sq/new", "state/step/new"])
    #expect(
      report.extra == ["state/exp_avg/table", "state/exp_avg_sq/table", "state/step/table"])
    #expect(report.mismatched.map(\.name) == ["state/exp_avg/bias", "state/exp_avg_sq/bias"])
    #expect(report.mismatched[0].saved == "F32 [40]" && report.mismatched[0].wanted == "F32 [41]")
    #expect(
      report.description.hasPrefix("4 tensors match; missing: state/exp_avg/new"), "\(report)")
    let (old, new) = (SavedState(of: source).byName, SavedState(of: target).byName)
    for name in report.matched { #expect(new[name] == old[name]) }
    for name in report.missing + report.mismatched.map(\.name) {
      #expect(new[name] == fresh.byName[name])
    }
    // Short texts stay.
    #expect(target.appliedSteps == 0)
    let same = try make("adam", .float32)
    let whole = try SavedState(of: source).restoreMatches(same)
    #expect(whole.isComplete && SavedState(of: same).tensors == SavedState(of: source).tensors)
  }
}

extension SavedState {
  fileprivate var byName: [String: StoredTensor] {
    Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) })
  }
}
