import Descent
import DescentTraining
import Testing

@Suite("Modular arithmetic") struct ModularDataTests {
  private func split(
    _ modulus: Int, _ operation: ModularData.Operation, seed: UInt64 = 1, fraction: Double = 0.5
  ) throws -> ClassificationDataset.Split {
    var data = ModularData()
    (data.modulus, data.operation, data.validationFraction) = (modulus, operation, fraction)
    return try data.load(seed: seed).classified
  }

  /// a, b and the class of each example, by its features and their names.
  private func examples(_ data: ClassificationDataset) throws -> [[Int]] {
    let p = data.exampleSize / 2
    return try (0..<data.count).map { i in
      let features = Array(data.features[i * 2 * p..<(i + 1) * 2 * p])
      try #require(Set(features).isSubset(of: [0, 1]) && features.reduce(0, +) == 2)
      let numbers = [features[..<p], features[p...]].map { ($0.firstIndex(of: 1) ?? -1) % p }
      return numbers + [Int(data.labels[i])]
    }
  }

  private static let cases: [(ModularData.Operation, Int)] = [
    (.add, 7), (.add, 6), (.add, 2), (.subtract, 7), (.multiply, 8),
  ]

  @Test("each pair is there once, one-hot, with its result", arguments: cases)
  func table(_ operation: ModularData.Operation, _ p: Int) throws {
    let split = try split(p, operation)
    let found = try examples(split.training) + examples(split.validation)
    func result(_ a: Int, _ b: Int) -> Int {
      switch operation {
      case .add: a + b
      case .subtract: a + p - b
      case .multiply: a * b
      }
    }
    let expected = (0..<p * p).map { [$0 / p, $0 % p, result($0 / p, $0 % p) % p] }
    #expect(found.sorted { ($0[0], $0[1]) < ($1[0], $1[1]) } == expected)
    #expect(split.training.classes == p && split.training.featureNames?.last == "b=\(p - 1)")
  }

  @Test("the seed draws the part that is given, the fraction how large it is") func parts() throws {
    let (one, again) = (try split(11, .add), try split(11, .add))
    #expect(one.training == again.training)
    #expect(try split(11, .add, seed: 2).training != one.training)
    #expect(try split(11, .add, fraction: 0.75).training.count == 30)
  }

  @Test("the features go into the model as they are") func asTheyAre() throws {
    #expect(try split(5, .add).training.isStandardized)
    try withFolder { folder in
      let recipe = try Recipe(
        yaml: """
          {steps: 1, model: {kind: mlp, hidden: [4]}, data: {kind: modular, modulus: 5},
          optimizer: {name: sgd}}
          """)
      let run = try RunDirectory(new: folder + "/run", name: "test")
      _ = try Trainer(recipe).run(in: run, observer: Watcher())
      let format = try ExampleFormat(of: run)
      #expect(
        Set(format.standardization.mean) == [0] && Set(format.standardization.deviation) == [1])
    }
  }
}
