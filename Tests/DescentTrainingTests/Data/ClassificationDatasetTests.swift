import DescentTraining
import Foundation
import Testing

@Suite struct ClassificationDatasetTests {
  /// 100 examples; example i has the features i and 2i; classes of 70, 20 and 10 examples.
  private func sample() throws -> ClassificationDataset {
    try ClassificationDataset(
      features: (0..<100).flatMap { [Float($0), Float(2 * $0)] }, shape: [2],
      labels: (0..<100).map { $0 < 70 ? 0 : $0 < 90 ? 1 : 2 }, classes: 3)
  }

  @Test func `a split keeps every example once and every class its share`() throws {
    let dataset = try sample()
    let split = try dataset.split(validationFraction: 0.2, seed: 1)
    let (training, validation) = (split.training, split.validation)
    #expect(training.count == 80 && validation.count == 20)
    for (label, expected) in [(0, 14), (1, 4), (2, 2)] {
      #expect(validation.labels.count { $0 == label } == expected)
    }
    let firsts = [training, validation].flatMap { part in
      (0..<part.count).map { part.features[2 * $0] }
    }
    #expect(firsts.sorted() == (0..<100).map { Float($0) })
    for part in [training, validation] {
      for i in 0..<part.count {
        let source = Int(part.features[2 * i])
        #expect(part.features[2 * i + 1] == Float(2 * source))
        #expect(part.labels[i] == dataset.labels[source])
      }
    }
    #expect(training.labels != training.labels.sorted(), "the order is shuffled")
  }

  @Test func `a seed gives the same split, another seed another`() throws {
    let dataset = try sample()
    let first = try dataset.split(validationFraction: 0.2, seed: 1)
    let again = try dataset.split(validationFraction: 0.2, seed: 1)
    let other = try dataset.split(validationFraction: 0.2, seed: 2)
    #expect(first.training == again.training && first.validation == again.validation)
    #expect(first.validation != other.validation)
  }

  @Test(arguments: [(0.0, 0), (0.005, 1), (0.01, 1), (0.155, 16), (0.5, 50), (0.99, 99)])
  func `the validation part has the rounded size`(_ fraction: Double, _ count: Int) throws {
    let validation = try sample().split(validationFraction: fraction, seed: 3).validation
    #expect(validation.count == count)
  }

  @Test(arguments: [-0.1, 1, .nan, 0.999, 0.001])
  func `splits that leave nothing are refused`(_ fraction: Double) throws {
    let error = #expect(throws: DataError.self) {
      try sample().split(validationFraction: fraction, seed: 1)
    }
    #expect("\(try #require(error))".contains("\(fraction)"))
  }

  @Test func `a batch holds the examples asked for, in order`() throws {
    let dataset = try sample()
    let indices = [99, 3, 3]
    let (features, labels) = dataset.batch(indices[...])
    #expect(features == [99, 198, 3, 6, 3, 6] && labels == [2, 0, 0])
  }

  @Test func `standardized features have mean 0 and deviation 1`() throws {
    let dataset = try ClassificationDataset(
      features: [1, 5, 7, 2, 5, 7, 6, 5, 10], shape: [3], labels: [0, 0, 0], classes: 1)
    let perFeature = Standardization(of: dataset)
    #expect(perFeature.mean == [3, 5, 8])
    #expect(perFeature.deviation == [Float((14.0 / 3).squareRoot()), 1, Float(2.0.squareRoot())])
    let result = dataset.standardized(by: perFeature)
    #expect(result.features[1] == 0 && abs(result.features[0] + 0.92582) < 1e-5)
    let whole = Standardization(of: dataset, per: .dataset)
    #expect(Set(whole.mean) == [Float(16.0 / 3)] && Set(whole.deviation).count == 1)
    #expect(dataset.scaled(by: 0.5).features[0] == 0.5)
  }

  @Test(
    arguments: [
      ([1, 2, 3], [0, 1], nil, "have 4 features, but 3 are given"),
      ([1, 2, 3, 4], [0, 2], nil, "example 1 has the label 2, but there are 2 classes"),
      ([1, 2, 3, 4], [-1, 0], nil, "example 0 has the label -1"),
      ([1, 2, 3, 4], [0, 1], ["a"], "2 classes need as many names, but the number given is 1"),
    ] as [([Float], [Int32], [String]?, String)])
  func `parts that do not fit are refused`(
    _ features: [Float], _ labels: [Int32], _ names: [String]?, _ message: String
  ) throws {
    let error = #expect(throws: DataError.self) {
      try ClassificationDataset(
        features: features, shape: [2], labels: labels, classes: 2, classNames: names)
    }
    #expect("\(try #require(error))".contains(message))
    #expect(error?.isMissingFile == false)
  }

  @Test func `the digits are those of the repository`() throws {
    let digits = try DigitsData.images()
    #expect(digits.count == 1797 && digits.shape == [1, 8, 8] && digits.classes == 10)
    #expect(digits.classNames == (0..<10).map(String.init))
    let counts = (0..<10).map { digit in digits.labels.count { $0 == digit } }
    #expect(counts == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])
    #expect(digits.features.min() == 0 && digits.features.max() == 1)
    #expect(digits.features[..<8] == [0, 0, 0.3125, 0.8125, 0.5625, 0.0625, 0, 0])
    #expect(digits.features.reduce(0, +) * 16 == 561_718)
  }
}
