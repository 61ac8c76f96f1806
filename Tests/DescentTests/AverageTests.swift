import Descent
import DescentCompute
import Foundation
import Safetensors
import Testing

/// A recorded average of torch or of a formula; `References/averages.py` writes them.
struct RecordedAverage: CustomTestStringConvertible, Sendable {
  struct Description: Decodable, Sendable {
    let name: String
    let set: [String: Trajectory.SettingText]
  }

  let name: String
  let description: Description
  var testDescription: String { name }

  static let file = try! Trajectory.open("averages")
  static let all: [RecordedAverage] = {
    let json = Data(file.metadata["cases"]!.utf8)
    let cases = try! JSONDecoder().decode([String: Description].self, from: json)
    return cases.keys.sorted().map { RecordedAverage(name: $0, description: cases[$0]!) }
  }()

  /// The rows of a tensor.
  func rows(_ what: String) throws -> [[Double]] {
    let entry = try Self.file.entry("\(name)/\(what)")
    let (values, width) = (try Self.file.doubles(of: entry.name), entry.shape.last!)
    return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<$0 + width]) }
  }

  func make() throws -> any WeightAverage {
    func make<A: WeightAverage>(_: A.Type) throws -> any WeightAverage {
      try A(description.set.map { ($0.key, $0.value.text) })
    }
    let kind = try #require(WeightAverages.all.first { $0.name == description.name })
    return try make(kind)
  }
}

@Suite("Averages of weights", .serialized) struct AverageTests {
  private let one = [ParameterInfo("w", shape: [1])]

  @Test("every average has vectors") func vectors() {
    let names = Set(RecordedAverage.all.map(\.description.name))
    #expect(WeightAverages.all.map { $0.name }.allSatisfy(names.contains))
  }

  @Test("the average after each step is the reference's", arguments: RecordedAverage.all)
  func reference(_ recorded: RecordedAverage) throws {
    let first = try recorded.rows("first")[0]
    // In two parameters, of which the first has a place of its own.
    let (cut, all) = (4, first.count)
    let parameters = [
      ParameterInfo("a", shape: [cut]), ParameterInfo("b", shape: [all - cut]),
    ]
    func split(_ w: [Double]) -> [[Double]] { [Array(w[..<cut]), Array(w[cut...])] }
    let averaged = AveragedWeights<Double>(try recorded.make(), parameters: parameters)
    let moves = RecordedAverage.file.contains("\(recorded.name)/after")
    let (path, averages) = (try recorded.rows("weights"), try recorded.rows("average"))
    let after = moves ? try recorded.rows("after") : path
    var weights = split(first)
    try averaged.begin(&weights)
    for t in path.indices {
      let before = t == 0 ? first : path[t - 1]
      let now = weights.flatMap(\.self)
      weights = split(moves ? (0..<all).map { now[$0] + (path[t][$0] - before[$0]) } : path[t])
      try averaged.update(&weights, after: t + 1)
      let found = try averaged.average(of: weights).flatMap(\.self)
      for i in 0..<all {
        #expect(abs(found[i] - averages[t][i]) < 1e-12, "average \(t + 1)")
        #expect(abs(weights.flatMap(\.self)[i] - after[t][i]) < 1e-12, "weights \(t + 1)")
      }
    }
  }

  @Test("EMA and Lookahead by mental arithmetic") func small() throws {
    let ema = AveragedWeights<Double>(ExponentialAverage(decay: 0.9), parameters: one)
    var found: [Double] = []
    for (t, w) in [2.0, 3, 4].enumerated() {
      var weights = [[w]]
      try ema.update(&weights, after: t + 1)
      found.append(try ema.average(of: weights)[0][0])
    }
    for (x, y) in zip(found, [2, 2.1, 2.29]) { #expect(abs(x - y) < 1e-12) }

    let lookahead = AveragedWeights<Double>(Lookahead(period: 3), parameters: one)
    var weights = [[0.0]]
    try lookahead.begin(&weights)
    var path: [Double] = []
    for t in 1...7 {
      weights[0][0] += 1
      try lookahead.update(&weights, after: t)
      path.append(weights[0][0])
    }
    #expect(path == [1, 2, 1.5, 2.5, 3.5, 3, 4])
    #expect(try lookahead.average(of: weights) == [[3]])
  }

  @Test("warmed EMA reaches its decay; SWA fits its start to the run") func settings() {
    let warmed = ExponentialAverage(decay: 0.5, warmed: true)
    #expect(warmed.change(after: 9, taken: 1) == AverageChange(share: 1 - 2 / 11))
    #expect(warmed.change(after: 9, taken: 100) == AverageChange(share: 0.5))
    var swa = StochasticWeightAverage()
    swa.fit(totalSteps: 1000)
    #expect(swa.start == 750)
    #expect(swa.change(after: 749, taken: 0) == nil)
    #expect(swa.change(after: 750, taken: 0) == AverageChange(share: 1))
    swa.fit(totalSteps: 8)
    #expect(swa.start == 750, "what is set stays")
  }

  @Test(
    "what is out of range is refused",
    arguments: [
      ("ema", "decay", "1"), ("ema", "decay", "nan"), ("swa", "every", "0"), ("swa", "start", "0"),
      ("lawa", "window", "0"), ("lawa", "every", "-1"), ("lookahead", "k", "0"),
      ("lookahead", "alpha", "1.5"),
    ])
  func refused(_ name: String, _ setting: String, _ text: String) throws {
    func make<A: WeightAverage>(_: A.Type) throws { _ = try A([(setting, text)]) }
    let kind = try #require(WeightAverages.all.first { $0.name == name })
    #expect(throws: SettingErrors.self) { try make(kind) }
  }

  private static let parameters = [
    ParameterInfo("matrix", shape: [150, 130]), ParameterInfo("bias", shape: [7]),
    ParameterInfo("frozen", shape: [5], trainable: false),
  ]

  private static func kinds() -> [any WeightAverage] {
    [
      ExponentialAverage(decay: 0.9), StochasticWeightAverage(start: 2, every: 2),
      LatestWeightAverage(window: 3, every: 2), Lookahead(period: 2),
    ]
  }

  /// The weights of step t.
  private func weights(_ t: Int) -> [[Float]] {
    Self.parameters.map { noise($0.count, seed: UInt64($0.trainable ? t * 100 + $0.count : 1)) }
  }

  @Test("the same bits for any number of threads; frozen weights stay", arguments: kinds().indices)
  func threads(_ number: Int) throws {
    let before = ThreadPool.shared.threads
    defer { ThreadPool.shared.setThreads(before) }
    let results = try [1, 2, 3, 8].map { threads in
      ThreadPool.shared.setThreads(threads)
      let averaged = AveragedWeights<Float>(Self.kinds()[number], parameters: Self.parameters)
      var w = weights(0)
      try averaged.begin(&w)
      for t in 1...9 {
        w = weights(t)
        try averaged.update(&w, after: t)
      }
      return try averaged.average(of: w)
    }
    #expect(results.allSatisfy { $0 == results[0] })
    #expect(results[0][0] != weights(9)[0] && results[0][2] == weights(9)[2])
  }

  @Test("what is lent is put back, also when the borrower throws") func scoped() throws {
    struct Stop: Error {}
    let averaged = AveragedWeights<Float>(ExponentialAverage(decay: 0.5), parameters: one)
    var memory: [Float] = [1]
    try memory.withMutableView { w in
      let lent = [ParameterMemory(weights: w, gradient: nil)]
      try averaged.withAverage(lent) { #expect(w[0] == 1, "nothing taken in yet") }
      try averaged.update(lent, after: 1)
      w[0] = 4
      try averaged.update(lent, after: 2)
      #expect(throws: Stop.self) {
        try averaged.withAverage(lent) {
          #expect(w[0] == 2.5)
          throw Stop()
        }
      }
    }
    #expect(memory == [4])
  }

  @Test("Schedule-Free's result is averaged, and its stored weights are put back") func composed()
    throws
  {
    let parameters = [ParameterInfo("w", shape: [300])]
    let optimizer = try Optimizer<Double>(
      ScheduleFreeAdamW(learningRate: 0.1), parameters: parameters)
    let averaged = AveragedWeights<Double>(
      StochasticWeightAverage(start: 1), parameters: parameters)
    var weights = noise(300, seed: 3).map(Double.init)
    var results: [[Double]] = []
    for _ in 1...5 {
      var stored = [weights]
      _ = try optimizer.step(&stored, gradients: [weights])
      weights = stored[0]
      results.append(try optimizer.evaluationWeights(of: stored)[0])
      let before = weights
      try weights.withMutableView { w in
        let lent = [ParameterMemory(weights: w, gradient: nil)]
        try optimizer.withEvaluationWeights(lent) {
          try averaged.update(lent, after: optimizer.appliedSteps)
        }
        #expect(w.reading.array == before)
        try optimizer.withEvaluationWeights(lent) {
          try averaged.withAverage(lent) {
            for i in 0..<300 {
              let mean = results.reduce(0) { $0 + $1[i] } / Double(results.count)
              try #require(abs(w[i] - mean) < 1e-12)
            }
          }
        }
        #expect(w.reading.array == before)
      }
    }
  }

  @Test("saved and restored, the average goes on to the bit", arguments: kinds().indices)
  func saved(_ number: Int) throws {
    let straight = AveragedWeights<Float>(Self.kinds()[number], parameters: Self.parameters)
    var w = weights(0)
    try straight.begin(&w)
    var resumed = straight
    for t in 1...9 {
      if t == 6 {
        resumed = AveragedWeights<Float>(Self.kinds()[number], parameters: Self.parameters)
        try SavedState(of: straight).restore(resumed)
      }
      var (a, b) = (weights(t), weights(t))
      try straight.update(&a, after: t)
      if t >= 6 { try resumed.update(&b, after: t) }
    }
    #expect(resumed !== straight && SavedState(of: resumed) == SavedState(of: straight))
    #expect(try resumed.average(of: w) == straight.average(of: w))
    let names = SavedState(of: straight).tensors.map(\.name)
    #expect(names.contains(number == 2 ? "average/1/matrix" : "average/matrix"))
    #expect(!names.contains { $0.hasSuffix("frozen") })
  }

  @Test("another average's state is refused by name") func mismatch() throws {
    let ema = AveragedWeights<Float>(ExponentialAverage(), parameters: one)
    let lawa = AveragedWeights<Float>(LatestWeightAverage(), parameters: one)
    let longer = AveragedWeights<Float>(
      ExponentialAverage(), parameters: [ParameterInfo("w", shape: [2])])
    #expect(throws: StateMismatch.missing("average/0/w")) {
      try SavedState(of: ema).restore(lawa)
    }
    #expect(throws: StateMismatch.shape("average/w", saved: [1], present: [2])) {
      try SavedState(of: ema).restore(longer)
    }
  }
}
