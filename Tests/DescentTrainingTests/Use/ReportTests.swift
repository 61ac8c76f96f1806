import DescentNN
import DescentTraining
import Foundation
import Testing

@Suite("What evaluations count") struct ReportTests {
  /// Logits that make each example be taken for a class.
  private func logits(_ predicted: [Int], classes: Int) -> Tensor {
    Tensor(
      shape: [predicted.count, classes],
      scalars: predicted.flatMap { p in (0..<classes).map { $0 == p ? 2 : 0 } })
  }

  @Test("accuracy, precision, recall and F1 are those of the definitions") func classes() throws {
    // A table of nine animals: four cats, three dogs, two birds.
    var tally = ClassificationTally()
    tally.add(logits([0, 0, 0, 1, 1], classes: 4), IndexTensor([0, 0, 0, 0, 1]))
    tally.add(logits([1, 0, 0, 2], classes: 4), IndexTensor([1, 1, 2, 2]))
    let report = tally.report(classNames: ["cat", "dog", "bird", "fish"])
    #expect(report.examples == 9 && report.undecided == 0)
    #expect(abs(report.accuracy - 6.0 / 9) < 1e-12 && abs(tally.accuracy - 6.0 / 9) < 1e-12)
    let (cat, dog, bird, fish) = (
      report.classes[0], report.classes[1], report.classes[2], report.classes[3]
    )
    #expect(cat.precision == 3.0 / 5 && cat.recall == 3.0 / 4 && cat.f1 == 6.0 / 9)
    #expect(dog.precision == 2.0 / 3 && dog.recall == 2.0 / 3 && dog.f1 == 4.0 / 6)
    #expect(bird.precision == 1 && bird.recall == 0.5 && bird.f1 == 2.0 / 3)
    #expect(fish.precision == nil && fish.recall == nil && fish.f1 == nil)
    #expect(report.mistakes.map(\.count) == [1, 1, 1])
    #expect(report.mistakes.map(\.cell.actual) == [0, 1, 2])
    // A right answer has the loss log(e² + 3) − 2, a wrong one log(e² + 3).
    let logSum = log(exp(2.0) + 3)
    #expect(abs(report.loss - (logSum - 2 * 6 / 9)) < 1e-6)
  }

  @Test("of equal scores the first counts, and none of those that are not finite") func ties() {
    var tally = ClassificationTally()
    let scores: [Float] = [1, 1, 0, .nan, 0, 5, .infinity, 0, 1]
    tally.add(Tensor(shape: [3, 3], scalars: scores), IndexTensor([0, 2, 0]))
    let report = tally.report(classNames: ["a", "b", "c"])
    #expect(report.undecided == 2 && report.counts == [.init(actual: 0, predicted: 0): 1])
    #expect(report.accuracy == 1.0 / 3)
  }

  @Test("RMSE, MAE and R² are those of the definitions, in the unit of the targets") func numbers()
    throws
  {
    let scale = TargetScale(mean: 100, deviation: 10)
    // Predictions of 90, 110, 105 and 100 for 92, 104, 105 and 99.
    var tally = RegressionTally(scale)
    tally.add(Tensor(shape: [2, 1], scalars: [-1, 1]), [92, 104])
    tally.add(Tensor(shape: [2, 1], scalars: [0.5, 0]), [105, 99])
    let data = try RegressionDataset(features: [1, 2, 3, 4], shape: [1], targets: [1, 2, 3, 4])
    let report = tally.report(
      ExampleFormat(of: data, Standardization(mean: [0], deviation: [1]), scale))
    // Errors of −2, 6, 0 and 1; the targets' mean is 100, their squared distances 64 + 16 + 25 + 1.
    #expect(abs(report.errors.rootMeanSquare - (41.0 / 4).squareRoot()) < 1e-12)
    #expect(abs(report.errors.meanAbsolute - 9.0 / 4) < 1e-12)
    #expect(abs(try #require(report.errors.determination) - (1 - 41.0 / 106)) < 1e-12)
    #expect(abs(report.loss - 0.41 / 4) < 1e-12 && report.examples == 4)
    var alone = RegressionTally(scale)
    alone.add(Tensor(shape: [1, 1], scalars: [0]), [100])
    #expect(
      alone.report(ExampleFormat(of: data, .init(mean: [0], deviation: [1]), scale))
        .errors.determination == nil)
  }

  // MARK: data.json

  @Test("data.json says everything back with the same bits") func format() throws {
    try withFolder { folder in
      let run = try RunDirectory(new: folder + "/run", name: "x")
      let odd: [Float] = [0.1, 1e-38, 3.402_823e38, -7.3e-20]
      var examples = try ClassificationDataset(
        features: odd, shape: [4], labels: [1], classes: 2, classNames: ["a “b”", "ü/,\n"],
        featureNames: ["x", "", "x", "z"])
      examples.answerColumn = AnswerColumn(name: nil, index: 4)
      let classes = ExampleFormat(
        of: examples, Standardization(mean: odd, deviation: [1, 2, 0.3, 1e-30]))
      try classes.write(to: run)
      #expect(try ExampleFormat(of: run) == classes)
      let pixels = try DigitsData().load(seed: 0).classified.training
      let images = ExampleFormat(of: pixels, Standardization(of: pixels, per: .dataset))
      try images.write(to: run)
      #expect(try ExampleFormat(of: run) == images && images.scale == 1 / 16)
      #expect(try String(contentsOf: run.dataFormat, encoding: .utf8).utf8.count < 250)
      let table = try RegressionDataset(
        features: odd, shape: [2], targets: [1, 3], answerColumn: .init(name: "y", index: 0))
      let numbers = ExampleFormat(
        of: table, Standardization(mean: [0, 1], deviation: [1, 1]),
        TargetScale(mean: 1.0 / 3, deviation: 1e-7))
      try numbers.write(to: run)
      #expect(try ExampleFormat(of: run) == numbers)
    }
  }

  @Test(
    "a data.json that says something else is refused",
    arguments: [
      ("", "found text that is not JSON"), ("[]", "found other JSON"), ("{}", "found no “"),
      (#"{"shape": [0], "mean": [0], "deviation": [1], "classes": ["a"]}"#, "a “shape” of sizes"),
      (#"{"shape": [2], "mean": [0, 1, 2], "deviation": [1], "classes": ["a"]}"#, "found 3"),
      (#"{"shape": [2], "mean": [0], "deviation": [0], "classes": ["a"]}"#, "above 0 under “dev"),
      (#"{"shape": [2], "mean": [0], "deviation": [1]}"#, "“classes” or “target”, found neither"),
      (#"{"shape": [2], "mean": [0], "deviation": [1], "classes": []}"#, "names under “classes”"),
      (#"{"shape": [2], "mean": 0, "deviation": [1], "classes": ["a"]}"#, "under “mean”"),
      (
        #"{"shape": [1], "mean": [0], "deviation": [1], "label": {"index": 2}, "classes": ["a"]}"#,
        "an index from 0 to 1"
      ),
      (
        #"{"shape": [99999999999, 99999999999], "mean": [0], "deviation": [1], "classes": ["a"]}"#,
        "a “shape” of sizes"
      ),
      (
        #"{"shape": [1], "mean": [0], "deviation": [1], "target": {"mean": 0, "deviation": 0}}"#,
        "a deviation above 0"
      ),
      (#"{"shape": [1], "mean": [0], "deviation": [1], "scale": -1, "classes": ["a"]}"#, "scale"),
    ])
  func badFormat(_ text: String, _ part: String) throws {
    try withFolder { folder in
      let run = try RunDirectory(new: folder + "/run", name: "x")
      try run.write(text, to: run.dataFormat)
      let error = #expect(throws: DataError.self) { _ = try ExampleFormat(of: run) }
      #expect("\(try #require(error))".contains(part), "\(error.map { "\($0)" } ?? "")")
    }
  }

  @Test("a number has the digits of its deviation")
  func digits() throws {
    let data = try RegressionDataset(features: [1], shape: [1], targets: [1])
    func text(_ x: Double, mean: Double, deviation: Double) -> String {
      ExampleFormat(
        of: data, .init(mean: [0], deviation: [1]), .init(mean: mean, deviation: deviation)
      ).text(of: x)
    }
    #expect(text(1 / 3.0, mean: 0, deviation: 1) == "0.3333333")
    #expect(text(1_700_000_000.25, mean: 1.7e9, deviation: 1) == "1700000000.25")
    #expect(text(250_000.0 / 3, mean: 0, deviation: 5000) == "83333.3333")
    #expect(
      text(-2, mean: 0, deviation: 1) == "-2" && text(1e-9, mean: 0, deviation: 1e-9) == "1e-09")
  }
}
