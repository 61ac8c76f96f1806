import Descent
import Foundation
import Testing

/// What vectors of reference runs cannot show: rules that agree where their formulas do, and small
/// cases by mental arithmetic.
@Suite("Rules that agree") struct RuleIdentityTests {
  /// Two rules that take the same path, or do not.
  struct Pair: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let (first, second): (String, String)
    var steps = 8
    var shape = [3, 5]
    var start: @Sendable (Int) -> Double = { cos(Double($0)) }
    var gradient: @Sendable (Int, Int, Double) -> Double = { t, i, w in
      0.3 * w + sin(Double(t * (i + 1)))
    }
    var tolerance = 1e-12
    /// Whether the paths part instead.
    var parts = false

    init(
      _ what: String, _ first: String, _ second: String, _ change: (inout Pair) -> Void = { _ in }
    ) {
      (testDescription, self.first, self.second) = (what, first, second)
      change(&self)
    }

    static let all = [
      Pair("SGD without momentum", "sgd lr=0.1", "sgd lr=0.1 momentum=0") { $0.tolerance = 0 },
      Pair(
        "the average form of momentum is heavy ball with η·(1−μ)",
        "sgd lr=0.5 momentum=0.9 momentum_form=average", "sgd lr=0.05 momentum=0.9"),
      Pair("ASGD without decay is SGD", "asgd lr=0.1 lambd=0", "sgd lr=0.1"),
      Pair("K-FAC on gradients as they are is SGD", "kfac lr=0.1", "sgd lr=0.1 momentum=0.9") {
        $0.tolerance = 0
      },
      Pair(
        "decoupled Adam is AdamW", "adam lr=0.1 weight_decay=0.5 decoupled_weight_decay=true",
        "adamw lr=0.1 weight_decay=0.5"
      ) { $0.tolerance = 0 },
      Pair(
        "NAdam without momentum is Adam without momentum", "nadam lr=0.1 betas=0,0.99",
        "adam lr=0.1 betas=0,0.99"),
      // With ε far above √v Adam's denominator is ε.
      Pair(
        "RAdam's first five steps are bias-corrected momentum", "radam lr=0.1",
        "adam lr=1e11 eps=1e12"
      ) { ($0.steps, $0.tolerance) = (5, 1e-10) },
      Pair("the sixth is adaptive", "radam lr=0.1", "adam lr=1e11 eps=1e12") {
        ($0.steps, $0.tolerance, $0.parts) = (6, 1e-3, true)
      },
      Pair(
        "Sophia-H under its least denominator is bias-corrected momentum",
        "sophia-h lr=1e11 eps=1e12 betas=0.9,0.999 weight_decay=0", "radam lr=0.1"
      ) { ($0.steps, $0.tolerance) = (5, 1e-10) },
      Pair(
        "Sophia-G before its first estimate is Lion with one β",
        "sophia-g lr=0.1 betas=0.9,0.99 weight_decay=0.5",
        "lion lr=0.1 betas=0.9,0.9 weight_decay=0.5"
      ),
      Pair(
        "Adamax without memory takes the sign, as Lion", "adamax lr=0.1 betas=0,0 eps=0",
        "lion lr=0.1 betas=0,0"),
      // From 20 down no weight changes sign, and every element agrees.
      Pair(
        "cautious Lion is Lion while all agree", "lion lr=0.1 weight_decay=0.5",
        "lion lr=0.1 weight_decay=0.5 cautious_factor=0"
      ) { $0.descend() },
      Pair(
        "with masked decay too", "lion lr=0.1 weight_decay=0.5",
        "lion lr=0.1 weight_decay=0.5 cautious_factor=0 cautious_wd=true"
      ) { $0.descend() },
      Pair("LAMB's ratio is 1 for weights of zero", "lamb lr=0.1", "adam lr=0.1 eps=1e-6") {
        ($0.steps, $0.start) = (1, { _ in 0 })
      },
      Pair("LARS's ratio is 1 for weights of zero", "lars lr=0.1", "sgd lr=0.1") {
        ($0.steps, $0.start) = (1, { _ in 0 })
      },
      Pair(
        "Shampoo of one element is AdaGrad", "shampoo lr=0.1 matrix_eps=0.25",
        "adagrad lr=0.1 initial_accumulator_value=0.25 eps=0"
      ) { $0.shape = [1] },
      Pair(
        "Distributed Shampoo of one element is AdaGrad",
        "shampoo-distributed lr=0.1 betas=0,1 epsilon=0.25",
        "adagrad lr=0.1 initial_accumulator_value=0.25 eps=0"
      ) { $0.shape = [1] },
      Pair(
        "Muon leaves vectors to AdamW", "muon adamw_lr=0.1 adamw_weight_decay=0.5",
        "adamw lr=0.1 betas=0.9,0.95 eps=1e-10 weight_decay=0.5"
      ) { ($0.shape, $0.tolerance) = ([15], 0) },
    ]

    private mutating func descend() {
      (start, gradient) = ({ _ in 20 }, { t, i, _ in Double(1 + (t + i) % 3) })
    }
  }

  @Test("as their formulas say", arguments: Pair.all) func pairs(_ pair: Pair) throws {
    func path(_ text: String) throws -> [Double] {
      let name = text.prefix { $0 != " " }
      let info = ParameterInfo("w", shape: pair.shape)
      return try OptimizerPlan(
        makeRule(String(name), String(text.dropFirst(name.count))), groups: []
      ).path([info], from: [(0..<info.count).map(pair.start)], steps: pair.steps) { t, _, i, w in
        pair.gradient(t, i, w)
      }.weights.flatMap { $0[0] }
    }
    let worst = zip(try path(pair.first), try path(pair.second)).map { abs($0 - $1) }.max()!
    #expect((worst <= pair.tolerance) != pair.parts, "apart by \(worst)")
  }

  /// A rule, the gradients it gets, and where it goes.
  struct Small: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let rule: String
    let start: [Double]
    let gradients: [[Double]]
    /// The weights after each step.
    let weights: [[Double]]
    var shape: [Int]?
    var schedules: [(setting: String, schedule: any Schedule)] = []
    /// State after the last step.
    var state: [String: [Double]] = [:]

    init(
      _ what: String, _ rule: String, _ start: [Double], _ gradients: [[Double]],
      _ weights: [[Double]], _ change: (inout Small) -> Void = { _ in }
    ) {
      (testDescription, self.rule, self.start) = (what, rule, start)
      (self.gradients, self.weights) = (gradients, weights)
      change(&self)
    }

    static let all = [
      Small(
        "dampening leaves the first step whole", "sgd lr=1 momentum=0.5 dampening=0.5", [0],
        [[1], [1]], [[-1], [-2]]
      ) { $0.state = ["momentum_buffer": [1]] },
      Small(
        "Nesterov's momentum", "sgd lr=1 momentum=0.5 nesterov=true", [0], [[1], [1]],
        [[-1.5], [-3.25]]),
      Small(
        "AdaGrad divides by the root of the sum", "adagrad lr=1 eps=0", [0], [[3], [4]],
        [[-1], [-1.8]]
      ) { $0.state = ["sum": [25]] },
      Small(
        "RMSprop divides by the root of the average", "rmsprop lr=0.5 alpha=0.75 eps=0", [0],
        [[2], [-2]], [[-1], [-1 + 1 / 1.75.squareRoot()]]),
      // g = 4, then 1: the second step divides 1 by max(½·4, 1).
      Small(
        "Adamax remembers the largest gradient", "adamax lr=1 betas=0,0.5 eps=0", [0], [[4], [1]],
        [[-1], [-1.5]]),
      Small(
        "Rprop rests where the sign changes, then starts again", "rprop lr=1 etas=0.5,2", [0],
        [[1], [1], [-1], [-1], [-1]], [[-1], [-3], [-3], [-2], [0]]),
      Small(
        "ASGD averages after t₀, and a new lr acts a step late", "asgd lr=1 lambd=0 t0=2", [0],
        Array(repeating: [-1], count: 5), [[1], [2], [2.75], [3.25], [3.5]]
      ) {
        $0.schedules = [("lr", LinearDecay(total: 4))]
        $0.state = ["ax": [3.375]]
      },
      Small(
        "Lion takes the sign, whatever the gradient's size; zeros stay", "lion lr=0.5",
        [1, 1, 1, 1], [[1e-30, -1e30, 0, 3]], [[0.5, 1.5, 1, 0.5]]),
      // All agree: ½ each, and decay ¾ only where it shrinks the weight. Then m = 1 outweighs g:
      // two of four agree, so their steps are twice as long.
      Small(
        "cautious Lion", "lion lr=0.5 weight_decay=0.5 cautious_factor=0 cautious_wd=true",
        [1, -1, 1, -1], [[100, 100, 100, 100], [1, 1, -1, -1]],
        [[0.25, -1.5, 0.25, -1.5], [-0.8125, -2.5, 0.25, -1.5]]),
      Small(
        "Lion's decoupled decay divides by the first lr, not by the scheduled one",
        "lion lr=0.5 weight_decay=0.25 decoupled_weight_decay=true", [8], [[0], [0]], [[6], [5.25]]
      ) { $0.schedules = [("lr", LinearDecay(total: 2))] },
      Small(
        "a step of LAMB is η times the length of the weights", "lamb lr=0.1 eps=0", [3, 0, 4],
        [[1, 1, 1]], [[3, 0, 4].map { $0 - 0.5 / 3.0.squareRoot() }]),
      Small(
        "a step of LARS is τ times the length of the weights", "lars lr=1 trust_coefficient=0.5",
        [3, 4], [[0, 7]], [[3, 1.5]]),
      Small(
        "Adafactor divides a matrix of rank one out: all steps are equal",
        "adafactor lr=0.1 relative_step=false scale_parameter=false", [0, 0, 0, 0, 0, 0],
        [[1, 2, 3, 2, 4, 6]], [Array(repeating: -0.1, count: 6)]
      ) { $0.shape = [2, 3] },
      Small(
        "NAdam's P is the product of the momentums used, though β₁ is scheduled",
        "nadam lr=0 betas=0.8,0.8", [1], [[1], [1], [1]], [[1], [1], [1]]
      ) {
        $0.schedules = [("betas", LinearDecay(total: 10))]
        let factors = [1.0, 2, 3].map { (t: Double) -> Double in
          let β1: Double = 0.8 * (1 - (t - 1) / 10)
          return β1 * (1 - 0.5 * pow(0.96, t * 4e-3))
        }
        $0.state = ["mu_product": [factors.reduce(1, *)]]
      },
      // y = z/10 + 9/10·x, where x is the mean of z = ½, 1, 1½.
      Small(
        "Schedule-Free moves where its gradient is taken", "schedule-free-sgd lr=0.5", [0],
        [[-1], [-1], [-1]], [[0.5], [0.1 * 1 + 0.9 * 0.75], [0.1 * 1.5 + 0.9 * 1]]
      ) { $0.state = ["z": [1.5]] },
    ]
  }

  @Test("by mental arithmetic", arguments: Small.all) func small(_ test: Small) throws {
    let name = test.rule.prefix { $0 != " " }
    let plan = OptimizerPlan(
      try makeRule(String(name), String(test.rule.dropFirst(name.count))), groups: [],
      schedules: test.schedules)
    let (path, optimizer) = try plan.path(
      [ParameterInfo("w", shape: test.shape ?? [test.start.count])], from: [test.start],
      steps: test.gradients.count
    ) { t, _, i, _ in t <= test.gradients.count ? test.gradients[t - 1][i] : 0 }
    func expectClose(_ given: [Double], _ expected: [Double]) {
      #expect(given.count == expected.count)
      #expect(zip(given, expected).allSatisfy { abs($0 - $1) < 1e-14 }, "\(given)")
    }
    for (weights, expected) in zip(path, test.weights) { expectClose(weights[0], expected) }
    for (slot, expected) in test.state {
      expectClose(try #require(optimizer.state.first { $0.slot == slot }).values, expected)
    }
  }

  @Test("Schedule-Free's result is the mean of z; what had no gradient is its own result")
  func scheduleFree() throws {
    let optimizer = try Optimizer<Double>(
      ScheduleFreeSGD(learningRate: 0.5),
      parameters: [ParameterInfo("a", shape: [1]), ParameterInfo("b", shape: [1])])
    var weights = [[0.0], [2]]
    for _ in 0..<4 { _ = try optimizer.step(&weights, gradients: [[-1], nil]) }
    let result = try optimizer.evaluationWeights(of: weights)
    #expect(abs(result[0][0] - (0.5 + 1 + 1.5 + 2) / 4) < 1e-14 && result[1] == [2])
  }
}
