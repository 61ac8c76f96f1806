import Descent
import Testing

/// Memory that does not fit the parameters is refused by name, whoever takes it.
@Suite("Memory that does not fit") struct MemoryTests {
  static let parameters = [ParameterInfo("a", shape: [3]), ParameterInfo("b", shape: [2])]

  /// Arrays, and the sentence that refuses them.
  struct Case: Sendable, CustomTestStringConvertible {
    let weights: [[Float]]
    let gradients: [[Float]?]
    let sentence: String
    var testDescription: String { sentence }
  }

  static let cases = [
    Case(
      weights: [[1, 2], [3, 4, 5]], gradients: [[1, 1], [1, 1, 1]],
      sentence: "the weights of 'a': 2 elements, but its shape [3] takes 3"),
    Case(
      weights: [[1, 2, 3], [4, 5]], gradients: [[1, 1, 1], [1]],
      sentence: "the gradient of 'b': 1 element, but its shape [2] takes 2"),
    Case(
      weights: [[1, 2, 3]], gradients: [[1, 1, 1]],
      sentence: "1 array of weights for 2 parameters: give one entry for each parameter, in the "
        + "optimizer's order"),
    Case(
      weights: [[1, 2, 3], [4, 5]], gradients: [],
      sentence:
        "no arrays of gradients for 2 parameters: give one entry for each parameter, in the "
        + "optimizer's order"),
  ]

  private func refusal(_ body: () throws -> Void) -> String {
    do {
      try body()
      return "accepted"
    } catch { return "\(error)" }
  }

  @Test("a step names what does not fit, and changes nothing", arguments: cases)
  func arrays(_ example: Case) throws {
    let optimizer = try Optimizer<Float>(SGD(learningRate: 1), parameters: Self.parameters)
    var weights = example.weights
    #expect(
      refusal { _ = try optimizer.step(&weights, gradients: example.gradients) } == example.sentence
    )
    #expect(weights == example.weights && optimizer.appliedSteps == 0)
    let method = try LBFGSOptimizer<Float>(LBFGS(), parameters: Self.parameters)
    let good: [[Float]] = [[1, 2, 3], [4, 5]]
    weights = example.weights
    let isWeights = example.sentence.contains("weights")
    var given = isWeights ? weights : good
    #expect(
      refusal {
        _ = try method.step(&given) { _ in (1, isWeights ? [nil, nil] : example.gradients) }
      }
        == example.sentence)
    guard isWeights else { return }
    let average = AveragedWeights<Float>(
      ExponentialAverage(decay: 0.9), parameters: Self.parameters)
    #expect(refusal { try average.begin(&weights) } == example.sentence)
    #expect(refusal { try average.update(&weights, after: 1) } == example.sentence)
    #expect(refusal { _ = try average.average(of: weights) } == example.sentence)
    #expect(refusal { _ = try optimizer.evaluationWeights(of: weights) } == example.sentence)
  }

  @Test("views are checked by every entry that takes them") func views() throws {
    let plain = try Optimizer<Float>(SGD(), parameters: Self.parameters)
    let curved = try Optimizer<Float>(
      SophiaG(learningRate: 1, batchSize: 1), parameters: Self.parameters, needs: .byCaller)
    let closure = try Optimizer<Float>(LBFGS(), parameters: Self.parameters, needs: .byCaller)
    let release = try GradientRelease(plain)
    let average = AveragedWeights<Float>(Lookahead(), parameters: Self.parameters)
    var (a, b): ([Float], [Float]) = ([1, 2, 3], [1])
    a.withMutableView { a in
      b.withMutableView { b in
        let short = ParameterMemory(weights: b, gradient: b.reading)
        let good = ParameterMemory(weights: a, gradient: a.reading)
        let wrong = "the weights of 'b': 1 element, but its shape [2] takes 2"
        for memory in [[good, short], [good]] {
          let expected =
            memory.count == 2
            ? wrong
            : "1 entry of memory for 2 parameters: give one entry for each parameter, in the "
              + "optimizer's order"
          let refusals = [
            refusal { _ = try plain.step(memory) },
            refusal { _ = try closure.step(memory) { 0 } },
            refusal { _ = try plain.step(memory) { 0 } },
            refusal { _ = try curved.foldCurvature(memory) },
            refusal { try plain.roundWeights(memory) },
            refusal { _ = try plain.nonFiniteGradient(memory) },
            refusal { try plain.withEvaluationWeights(memory) {} },
            refusal { try release.begin(memory) },
            refusal { try average.begin(memory) },
            refusal { try average.update(memory, after: 1) },
            refusal { try average.withAverage(memory) {} },
          ]
          #expect(refusals == refusals.map { _ in expected })
        }
        let refusals = [
          refusal { try release.release(0, good) }, refusal { try release.release(1, short) },
          refusal { try release.measure(1, b.reading) },
          refusal { try release.measure(7, b.reading) },
        ]
        let sentences = [
          "release was called before begin, which must come first", wrong,
          "the gradient of 'b': 1 element, but its shape [2] takes 2",
          "there is no parameter with the index 7; there are 2 parameters, counted from 0",
        ]
        #expect(refusals == sentences)
      }
    }
    var weights: [[Float]] = [[1, 2, 3], [4, 5]]
    let refusals = [
      refusal { _ = try curved.foldCurvature([[1, 1, 1], [1]]) },
      refusal { _ = try curved.foldCurvature([[1, 1, 1]]) },
      refusal { _ = try closure.step(&weights, gradients: [nil, nil]) },
      refusal { try average.update(&weights, after: 1) },
    ]
    let beginnings = [
      "the estimate of 'b': 1 element", "1 array of estimates for 2 parameters",
      "lbfgs evaluates the loss itself", "update was called before begin",
    ]
    for (refusal, beginning) in zip(refusals, beginnings) {
      #expect(refusal.hasPrefix(beginning))
    }
  }
}
