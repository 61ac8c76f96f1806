import Descent
import DescentCompute
import Foundation

enum ProdigyTopic: Topic {
  static let name = "prodigy"
  static let title = "Prodigy and its d"
  static let summary =
    "How Prodigy finds a learning rate, what d measures, why it never falls and when it stops."
  static let aliases = ["d", "dadapt", "d-adaptation", "parameter-free"]
  static let rules: [any Rule.Type] = [Prodigy.self, DAdaptAdam.self]

  static func explanation() throws -> Explanation {
    let far = try run(distance: 1)
    return Explanation(
      question: """
        Prodigy finds its own learning rate. How, and what does the number d that it finds mean?
        """,
      answer: """
        d estimates how far the weights have to go from where they started. Where the loss is a \
        bowl (convex) and gradients are exact it is a lower bound of the largest distance any \
        single weight has to travel; with noise, and in a network, it is an estimate of that. \
        That distance is the natural length of Adam's steps, so d multiplies them. From 10⁻⁶ it \
        grows to the size of the problem, in the bowl below within \(rise(far)) steps, and then \
        stays. It does not depend on the size of the gradients, only on where they point; and \
        what a run logs as its learning rate should be d·lr, not lr, which is 1.
        """,
      formula: """
        r ← β₃·r + d²/d₀·γ·⟨g, p₀ − w⟩    one number
        s ← β₃·s + d²/d₀·γ·g              one for each weight
        e = r/‖s‖₁;   d ← max(d, e)       ‖s‖₁: the sum of |s|
        m ← β₁·m + (1−β₁)·d·g             Adam's averages, with d·g for g
        v ← β₂·v + (1−β₂)·d²·g²
        w ← w − d·γ·m/(√v + d·ε)          d before its update, but in d·ε after it
        """,
      letters: """
        w: the weights; p₀: the weights at the start; g: the gradient; γ: lr, which stays at 1 or \
        follows a schedule; r: how far downhill the way so far has led; s: a sum of gradients; β₁ \
        = 0.9, β₂ = 0.999 (betas); β₃ = √β₂; ⟨a, b⟩: the sum of products. r and ‖s‖₁ are taken \
        over all weights together: one d for the whole model. d₀ (d0, 10⁻⁶) is the first d; in e \
        it cancels.
        """,
      demonstrations: [
        whatItMeasures, try stepByStep(), try distances(), try neverFalls(), try stops(),
        try stuck(),
      ],
      exercises: [
        try whyItOnlyRises(), try whySettingsMatter(), try whatStoppingMeans(),
        try whatASmallValueMeans(),
      ],
      mistakes: try mistakes(),
      advice: """
        Leave lr at 1 and let a cosine bring it down: d does not fall by itself. If d stays at d0 \
        for more than a few hundred steps, raise d0 to 1e-5 or 1e-4, and with a warmup set \
        safeguard_warmup, which keeps the small lr out of s. If d grows too large, set d_coef, \
        which multiplies each estimate (1), to 0.5, growth_rate, the most that d grows by in a \
        step (no limit), to 1.02, or d_max, its largest value. Do not clip: clipping changes the \
        gradients that d is made from.
        """,
      recipe: """
        optimizer:
          name: prodigy
          lr: 1
          weight_decay: 0.01
        schedule:
          name: cosine
        """,
      reference: """
        Mishchenko, Defazio: Prodigy: An Expeditiously Adaptive Parameter-Free Learner, 2023, \
        arXiv:2306.06101. Defazio, Mishchenko: Learning-Rate-Free Learning by D-Adaptation, 2023, \
        arXiv:2301.07733.
        """)
  }

  // MARK: Runs

  /// Prodigy in a bowl, f(w) = k/2·Σ cᵢ·(wᵢ − target)², from 0.
  static func run(
    distance: Double, factor k: Double = 1, noise σ: Double = 0, seed: UInt64 = 6,
    steps: Int = 300
  ) throws -> Walk {
    let curvatures = [1, 3, 10.0]
    var random = RandomStream(seed: seed)
    return try Walk(Prodigy(), from: [0, 0, 0], steps: steps) { _, w in
      zip(curvatures, w).map {
        k * ($0 * ($1 - distance) + σ * distance * Double(random.normal()))
      }
    }
  }

  /// d after each step.
  static func d(_ walk: Walk) -> [Double] { walk.metrics.compactMap { $0["d"] } }

  /// r/‖s‖₁ after each step.
  static func estimates(_ walk: Walk) -> [Double] {
    walk.metrics.map { ($0["d_numerator"] ?? 0) / ($0["d_denominator"] ?? 1) }
  }

  static func last(_ walk: Walk) -> Double { d(walk).last ?? 0 }

  /// The steps until d is within 10 % of its last value.
  static func rise(_ walk: Walk) -> Int {
    let values = d(walk)
    return (values.firstIndex { $0 > 0.9 * (values.last ?? 0) } ?? 0) + 1
  }

  // MARK: Demonstrations

  private static var whatItMeasures: Section {
    Section(
      "What d measures, from the formula",
      [
        .paragraph(
          """
          Suppose the loss is a bowl with its minimum at w*. Then a gradient g at w never points \
          away from it: ⟨g, w − w*⟩ ≥ 0. Write w − w* as (p₀ − w*) − (p₀ − w), and add this up \
          over the steps with the weights that r and s have:
          """),
        .preformatted(
          """
          Σ ⟨g, p₀ − w⟩  ≤  ⟨Σ g, p₀ − w*⟩
                r        ≤  ⟨s, p₀ − w*⟩  ≤  ‖s‖₁ · max |p₀ − w*|
          so  e = r/‖s‖₁  ≤  max |p₀ − w*|
          """),
        .paragraph(
          """
          In a bowl, with exact gradients, d is therefore never larger than the longest distance \
          a weight has to go. Noise in g can break the first line, and so can a loss that is no \
          bowl: see the largest d under “When d stops”. Gradients appear once above the line and \
          once below: multiply the loss by 1000, and d stays the same.
          """),
      ])
  }

  private static func stepByStep() throws -> Section {
    let walk = try run(distance: 1)
    let (values, estimates) = (d(walk), estimates(walk))
    var table = Table(
      [
        .number("step"), .number("travelled", "largest |w − p₀|"), .number("r"),
        .number("s", "‖s‖₁"), .number("estimate", "e = r/‖s‖₁"), .number("d"),
      ], key: "steps", caption: "three weights, each with its minimum at a distance of 1")
    for step in [1, 2, 3, 5, 10, 20, 30, 50, 100, 300] {
      let numbers = walk.metrics[step - 1]
      table.append(
        .ordinal(step), .number(walk.weights[step].map(abs).max() ?? 0),
        .number(numbers["d_numerator"] ?? 0), .number(numbers["d_denominator"] ?? 0),
        .number(estimates[step - 1]), .number(values[step - 1]))
    }
    return Section(
      "d, step by step",
      [
        .paragraph(
          """
          At the first step nothing has been travelled, so r is 0 and d stays at d₀. From then on \
          r grows as long as gradients say that the way so far went downhill, and d with it. A \
          larger d makes longer steps, and these make a larger r: d grows like an avalanche, \
          until the weights are where they had to go.
          """),
        .figures([
          Figure([
            LineChart(
              title: "Prodigy in a bowl whose minimum is 1 away", x: Axis("step"),
              y: Axis("", .logarithmic),
              series: [
                Series("d", points(values, from: 1)),
                Series("e, the present estimate", points(estimates, from: 1), .dashed),
                Series(
                  "distance travelled",
                  points(walk.weights.dropFirst().map { $0.map(abs).max() ?? 0 }, from: 1)),
              ], marks: [Mark("distance to the minimum", .y(1))])
          ])
        ]),
        .table(table),
      ])
  }

  private static func distances() throws -> Section {
    var table = Table(
      [
        .number("distance", "distance to go"), .number("factor", "loss times"),
        .number("gradient", "first gradient"), .number("d", "d at the end"),
        .number("share", "d / distance"),
      ], key: "distances")
    for (distance, factor) in [(1.0, 1.0), (1, 1000), (1, 0.001), (0.01, 1), (100, 1)] {
      let walk = try run(distance: distance, factor: factor)
      table.append(
        .number(distance), .number(factor), .number(10 * factor * distance),
        .number(last(walk)), .number(last(walk) / distance))
    }
    return Section(
      "Not the size of gradients, but the distance",
      [
        .paragraph(
          "The same bowl, with losses of other sizes, and with a nearer and a farther minimum."),
        .table(table),
      ])
  }

  private static func neverFalls() throws -> Section {
    let walk = try run(distance: 1)
    let (values, estimates) = (d(walk), estimates(walk))
    let peak = (values.firstIndex { $0 == values.last } ?? 0) + 1
    return Section(
      "Why d never falls",
      [
        .paragraph(
          """
          d is the largest estimate so far, because in a bowl every estimate is a lower bound: a \
          later, smaller one does not make the earlier one wrong. In this run the estimate is \
          largest at step \(peak). Then the weights go past the minimum, gradients change sign, \
          ⟨g, p₀ − w⟩ becomes negative, and soon the estimate is negative as well: still a true \
          lower bound, but one that says nothing. d stays.
          """),
        .figures([
          Figure([
            LineChart(
              title: "d and the present estimate", x: Axis("step", range: 0...40),
              y: Axis("d", range: -0.5...0.6),
              series: [
                Series("d", points(values, from: 1)),
                Series(
                  "e, the present estimate", points(Array(estimates.prefix(peak + 1)), from: 1),
                  .dashed),
              ])
          ])
        ]),
        .facts([
          Fact("step of the largest estimate", .ordinal(peak), key: "peak"),
          Fact("d then", .number(values[peak - 1]), key: "d_before"),
          Fact("d at the end", .number(last(walk)), key: "d_after"),
          Fact("estimate at the end", .number(estimates.last ?? 0), key: "estimate_after"),
        ]),
      ])
  }

  /// d at the end of several runs with noise, and the mean steps to 90 % of it.
  static func noisy(_ σ: Double) throws -> (least: Double, largest: Double, rise: Double) {
    let walks = try (0..<16).map { try run(distance: 1, noise: σ, seed: UInt64($0)) }
    let ends = walks.map(last)
    return (
      ends.min() ?? 0, ends.max() ?? 0,
      Double(walks.reduce(0) { $0 + rise($1) }) / Double(walks.count)
    )
  }

  private static func stops() throws -> Section {
    var table = Table(
      [
        .number("noise", "noise of g"), .number("least", "least d"),
        .number("largest", "largest d"),
        .number("rise", "steps to 90 % of it", .fixed(0)),
      ], key: "noise",
      caption: "distance 1; the extremes of 16 runs of 300 steps, and their mean of steps")
    for σ in [0, 1, 3, 10, 30.0] {
      let runs = try noisy(σ)
      table.append(
        .number(σ), .number(runs.least), .number(runs.largest), .number(runs.rise))
    }
    return Section(
      "When d stops",
      [
        .paragraph(
          """
          d grows while gradients at w still point away from p₀, so that ⟨g, p₀ − w⟩ is large \
          beside ‖s‖₁. It stops when the weights have come to where they were going and gradients \
          change their signs. With noise that holds on average only: d takes longer, where it \
          ends differs from run to run, and it can be larger than the distance.
          """),
        .table(table),
      ])
  }

  private static func stuck() throws -> Section {
    var table = Table(
      [
        .init("case"), .number("d0", "d₀"), .number("d", "d after 300 steps"),
        .number("rise", "steps to 90 % of it"),
      ],
      key: "stuck")
    func add(
      _ name: String, factor: Double = 1, warmup: Int = 0,
      _ change: (inout Prodigy) -> Void = { _ in }
    ) throws {
      var rule = Prodigy()
      change(&rule)
      let schedules: [(setting: String, schedule: any Schedule)] =
        warmup == 0 ? [] : [("lr", LinearWarmup(warmup: warmup))]
      let walk = try Walk(
        OptimizerPlan(rule, schedules: schedules), from: [0, 0, 0], steps: 300
      ) { _, w in zip([1, 3, 10.0], w).map { factor * $0 * ($1 - 1) } }
      table.append(
        .text(name), .number(rule.initialD), .number(last(walk)), .ordinal(rise(walk)))
    }
    try add("as usual")
    try add("gradients near 1e-10", factor: 1e-10)
    try add("the same, eps 1e-16", factor: 1e-10) { $0.epsilon = 1e-16 }
    try add("warmup over 1,000 steps", warmup: 1000)
    try add("d0 of 1e-12") { $0.initialD = 1e-12 }
    try add("d0 of 1e-12, growth_rate 1.02") {
      ($0.initialD, $0.growthRate) = (1e-12, 1.02)
    }
    return Section(
      "When d stays where it was",
      [
        .paragraph(
          """
          A run in which d is still d₀ has learned nothing. Gradients as small as ε (eps) hold it \
          back, and a limit on its growth; a warmup or a small d₀ only delay it in a bowl without \
          noise, but in a short or noisy run delay may be enough. So may weights whose gradient \
          is 0, such as A in an adapter B·A while B is 0 (topic lora).
          """),
        .table(table),
      ])
  }
}
