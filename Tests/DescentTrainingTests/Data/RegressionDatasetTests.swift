import DescentTraining
import Foundation
import Testing

@Suite("Tables with numbers to predict") struct RegressionDatasetTests {
  let files = try! TemporaryFiles()

  /// What is learned of a column of answers.
  struct Answers: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let labels: [String]
    var task = CSV.Task.auto
    /// The targets, `classes`, or a part of the sentence that refuses them.
    let expected: Expected
    enum Expected: Sendable { case numbers, classes, refusal(String) }
  }

  private static let many = (0..<60).map { "\($0)" }

  static let cases: [Answers] = [
    Answers(testDescription: "fractions", labels: ["1.5", "2", "-3.25"], expected: .numbers),
    Answers(testDescription: "exponents", labels: ["1e-3", "2", "1e3"], expected: .numbers),
    Answers(
      testDescription: "few whole numbers", labels: ["1", "2", "3", "1"], expected: .classes),
    Answers(testDescription: "1.0 is whole", labels: ["1.0", "2.0", "1.0"], expected: .classes),
    Answers(testDescription: "words", labels: ["a", "b", "a"], expected: .classes),
    Answers(
      testDescription: "words and whole numbers", labels: ["1", "a", "1"], expected: .classes),
    Answers(testDescription: "whole numbers that hardly repeat", labels: many, expected: .numbers),
    Answers(
      testDescription: "ten rows for each of 30",
      labels: many[..<30].flatMap { Array(repeating: $0, count: 10) },
      expected: .numbers),
    Answers(
      testDescription: "eleven rows for each of 30",
      labels: many[..<30].flatMap { Array(repeating: $0, count: 11) }, expected: .classes),
    Answers(
      testDescription: "a word among fractions", labels: ["1.5", "2", "oops"],
      expected: .refusal(
        "line 3, column 2: expected a finite number to learn like “1.5” of line 1, found “oops”; "
          + "data.task=classification takes each value as a class.")),
    Answers(
      testDescription: "a hole among fractions", labels: ["1.5", "NA", "2"],
      expected: .refusal("line 2, column 2: expected a finite number to learn")),
    Answers(
      testDescription: "an empty cell", labels: ["1.5", "", "2"],
      expected: .refusal("line 2, column 2: expected a class, found an empty cell")),
    Answers(
      testDescription: "whole numbers as numbers", labels: ["1", "2", "3"], task: .regression,
      expected: .numbers),
    Answers(
      testDescription: "fractions as classes", labels: ["1.5", "2.5", "1.5"],
      task: .classification, expected: .classes),
    Answers(
      testDescription: "words as numbers", labels: ["1", "b"], task: .regression,
      expected: .refusal("line 2, column 2: expected a finite number to learn, found “b”; ")),
    Answers(
      testDescription: "not a number", labels: ["1", "nan"], task: .regression,
      expected: .refusal("line 2, column 2: expected a finite number to learn, found “nan”")),
    Answers(
      testDescription: "an empty cell as a number", labels: ["1", ""], task: .regression,
      expected: .refusal("found an empty cell")),
    Answers(
      testDescription: "numbers as classes that hardly repeat", labels: many,
      task: .classification,
      expected: .refusal("which column has the classes, and data.task=regression learns numbers.")),
    Answers(
      testDescription: "words that hardly repeat", labels: many.map { "id" + $0 },
      expected: .refusal(
        "found 60 different labels in 60 rows; data.label says which column has "
          + "the classes.")),
    Answers(
      testDescription: "always the same", labels: ["2.5", "2.5", "2.5"],
      expected: .refusal("expected numbers to learn that differ, found only 2.5.")),
  ]

  @Test("what a column of answers suggests, or what was asked for", arguments: cases)
  func task(_ answers: Answers) throws {
    var data = CSVData()
    data.path = try files.write(
      answers.labels.enumerated().map { "\($0).5,\($1)\n" }.joined(), to: "table.csv")
    (data.task, data.validationFraction) = (answers.task, 0.34)
    switch answers.expected {
    case .numbers:
      let split = try data.load(seed: 0).measured
      let all = (split.training.targets + split.validation.targets).sorted()
      #expect(all == answers.labels.compactMap(Double.init).sorted())
      #expect(split.validation.count == Int((0.34 * Double(all.count)).rounded()))
    case .classes:
      let split = try data.load(seed: 0).classified
      #expect(split.training.count + split.validation.count == answers.labels.count)
    case .refusal(let part):
      let error = #expect(throws: DataError.self) { try data.load(seed: 0) }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
  }

  @Test("names, the column of targets and decimal commas") func reading() throws {
    let plain = try CSV.loadNumbers(
      path: files.write("price,x,y\n10.5,1,2\n-3,3,4\n", to: "a.csv"), label: .named("price"))
    #expect(plain.targets == [10.5, -3] && plain.features == [1, 2, 3, 4])
    #expect(plain.featureNames == ["x", "y"])
    #expect(plain.answerColumn == AnswerColumn(name: "price", index: 0))
    let commas = try CSV.loadNumbers(
      path: files.write("1,5;2;0,125\n3;4;1,5\n", to: "b.csv"))
    #expect(commas.targets == [0.125, 1.5] && commas.features == [1.5, 2, 3, 4])
    #expect(commas.answerColumn == AnswerColumn(name: nil, index: 2))
  }

  @Test("another table is validated on, and must have the same columns and numbers") func test()
    throws
  {
    func split(_ test: String) throws -> RegressionDataset.Split {
      var data = CSVData()
      data.path = try files.write("x,z\n1,0.5\n2,1.5\n", to: "train.csv")
      data.testPath = try files.write(test, to: "test.csv")
      return try data.load(seed: 0).measured
    }
    // Whole numbers are numbers there, too.
    #expect(try split("x,z\n5,3\n").validation.targets == [3])
    for (text, part) in [
      ("x,z\n5,a\n", "test.csv, line 2, column 2: expected a finite number to learn, found “a”"),
      ("y,z\n5,1.5\n", "expected the feature “x”, as in "),
      ("x,y,z\n5,6,1.5\n", "expected 1 features, as in "),
    ] {
      let error = #expect(throws: DataError.self) { try split(text) }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
  }

  @Test(
    "targets of any unit become numbers of about 1, and come back",
    arguments: [
      [1.0, 2, 3, 4], [1e300, -1e300, 5e299], [1.7e9, 1.7e9 + 1, 1.7e9 + 2], [1e-200, 3e-200],
    ])
  func scale(_ targets: [Double]) {
    let scale = TargetScale(of: targets)
    let z = targets.map(scale.standardized)
    let n = Double(targets.count)
    #expect(abs(z.reduce(0, +) / n) < 1e-6)
    #expect(abs(z.reduce(0) { $0 + $1 * $1 } / n - 1) < 1e-6)
    for (target, z) in zip(targets, z) {
      #expect(abs(scale.restored(z) - target) <= 1e-9 * max(abs(target), scale.deviation))
    }
  }
}
